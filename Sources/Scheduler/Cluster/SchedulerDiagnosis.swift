// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// The state of the scheduler for people, tools and tests.
package struct SchedulerDiagnosis: Sendable, Hashable, Codable {
    /// Why one worker does not take one task.
    package struct WorkerRefusal: Sendable, Hashable, Codable {
        package var worker: String
        package var refusal: Refusal
    }

    package struct Waiting: Sendable, Hashable, Codable {
        package var task: TaskID
        package var host: String?
        package var since: Instant
        package var deadline: Instant?
        package var priority: Int
        /// Why no slot takes it now, in words.
        package var reason: String
        /// Worker by worker, those that do not accept the kind left out.
        package var refusals: [WorkerRefusal]
    }

    package struct Running: Sendable, Hashable, Codable {
        package var task: TaskID
        package var worker: String
        package var since: Instant
        /// The worker is out of reach and its lease runs.
        package var isOrphaned: Bool
        /// Its files are on their way to the worker.
        package var isFetching: Bool
        /// The things of the host that it holds.
        package var devices: DeviceGrant
    }

    /// A sector that waits for room.
    package struct Admission: Sendable, Hashable, Codable {
        package var sector: SectorKey
        package var bytes: UInt64
        package var since: Instant
        package var reason: String
    }

    /// A worker with what an operator said of it.
    package struct Worker: Sendable, Hashable, Codable {
        package var name: String
        package var host: String
        package var group: String
        package var isLost: Bool
        /// Of all kinds.
        package var isCordoned: Bool
        package var cordonedKinds: [TaskType]
        package var pausedKinds: [TaskType]
        package var runningCount: Int
        /// How many tasks of each kind it runs at once.
        package var slots: [WorkerInfo.SlotCount]
        /// What its host has and how much of it is taken; `nil` where the host told nothing.
        package var resources: HostUse?
        /// What tasks were measured to take on it, by kind and size; others take what the table says.
        package var measured: [ResourceTable.Override]
    }

    /// What is taken of a host, by all of its workers together.
    package struct HostUse: Sendable, Hashable, Codable {
        package struct GPU: Sendable, Hashable, Codable {
            package var name: String
            /// 1 is all of it.
            package var used: Double
        }

        /// The machine's name, which its workers say; not always that of the host.
        package var machine: String
        package var coreCount: Int
        package var coreCountUsed: Int
        package var memoryBytes: UInt64
        /// By others, and by tasks.
        package var memoryBytesUsed: UInt64
        /// Memory and swap.
        package var virtualBytes: UInt64
        package var virtualBytesUsed: UInt64
        package var gpus: [GPU]

        init(_ account: ResourceLedger.Account) {
            let info = account.info
            machine = info.name
            coreCount = info.logicalCoreCount
            coreCountUsed = account.coreCountUsed
            memoryBytes = info.memoryBytes
            memoryBytesUsed = info.memoryBytes - min(info.memoryBytes, account.memoryFree)
            virtualBytes = info.memoryBytes + info.swapBytes
            virtualBytesUsed = virtualBytes - min(virtualBytes, account.virtualMemoryFree)
            gpus = zip(info.gpus, account.gpuUsed).map { GPU(name: $0.name, used: $1) }
        }
    }

    /// The scheduler's time when it answered; ages are counted from it.
    package var at: Instant

    package var policy: String
    package var workerCount: Int
    package var waiting: [Waiting]
    package var running: [Running]
    package var admissions: [Admission]
    package var workers: [Worker]
    /// Waiting tasks and admissions that are left out, because the answer is bounded.
    package var omittedCount: Int

    /// As people read it, a line a task and an indented line a worker.
    package var text: String {
        var lines = ["policy \(policy), \(workerCount) workers"]
        for item in running {
            let what =
                item.isOrphaned ? "worker is lost, its lease runs" : item.isFetching ? "fetches" : "runs"
            lines.append("\(item.task) on \(item.worker): \(what) since \(item.since.seconds) s")
        }
        for item in waiting {
            lines.append("\(item.task) waits since \(item.since.seconds) s: \(item.reason)")
            for refusal in item.refusals { lines.append("  \(refusal.worker): \(refusal.refusal)") }
        }
        for item in admissions {
            lines.append("\(item.sector) waits for room since \(item.since.seconds) s: \(item.reason)")
        }
        if omittedCount > 0 { lines.append("and \(omittedCount) more that wait") }
        return lines.joined(separator: "\n")
    }
}
