// SPDX-License-Identifier: Apache-2.0
private import Chain
private import Kernel
package import Scheduler

/// A worker, as `sealing workers` tells of it.
package struct WorkerView: Sendable, Encodable {
    package var name: String
    package var host: String
    package var group: String
    package var isLost: Bool
    package var isCordoned: Bool
    /// Short names of the kinds that are cordoned here, those of a cordon of all too.
    package var cordoned: [String]
    /// Short names of the kinds that are paused here.
    package var paused: [String]
    /// By kind, those that are accepted only.
    package var tasks: [Tasks]
    package var resources: SchedulerDiagnosis.HostUse?
    /// What tasks were measured to take; kinds and sizes that are missing take what the table says.
    package var measured: [Memory]

    /// The memory of one kind of task for one sector size, in bytes.
    package struct Memory: Sendable, Encodable {
        package var task: String
        package var sectorBytes: UInt64
        /// Of each task.
        package var bytes: UInt64
        /// Of all tasks of the kind together, besides.
        package var sharedBytes: UInt64
        /// What the shipped table says of each task.
        package var tableBytes: UInt64

        fileprivate init(_ cell: ResourceTable.Override) {
            task = TaskType(rawValue: cell.key.task)?.short ?? cell.key.task
            sectorBytes = cell.key.sectorBytes
            bytes = cell.need.minMemory
            sharedBytes = cell.need.baseMemory
            tableBytes = ResourceTable.standard[cell.key].minMemory
        }

        fileprivate var text: String {
            let shared = sharedBytes > 0 ? " and \(OperatorText.bytes(sharedBytes)) shared" : ""
            return "\t\(task) of \(OperatorText.bytes(sectorBytes)): \(OperatorText.bytes(bytes))\(shared) "
                + "by measurement, \(OperatorText.bytes(tableBytes)) by the table"
        }
    }

    /// What runs of one kind, and how much may.
    package struct Tasks: Sendable, Encodable {
        package var task: String
        package var running: Int
        /// `nil` for as many as the host's resources allow.
        package var slots: Int?
    }

    /// All workers, by name.
    package static func all(_ diagnosis: SchedulerDiagnosis) -> [WorkerView] {
        diagnosis.workers.sorted { $0.name < $1.name }.map { worker in
            let running = diagnosis.running.filter { $0.worker == worker.name }
            let tasks = TaskType.allCases.compactMap { type -> Tasks? in
                let slots = worker.slots.filter { $0.type == type }.reduce(0) { $0 + $1.count }
                let count = running.count { $0.task.type == type }
                guard slots > 0 || count > 0 else { return nil }
                return Tasks(
                    task: type.short, running: count,
                    slots: slots >= WorkerInfo.SlotCount.asResourcesAllow ? nil : slots)
            }
            return WorkerView(
                name: worker.name, host: worker.host, group: worker.group, isLost: worker.isLost,
                isCordoned: worker.isCordoned, cordoned: worker.cordonedKinds.map(\.short),
                paused: worker.pausedKinds.map(\.short), tasks: tasks,
                resources: worker.resources, measured: worker.measured.map { Memory($0) })
        }
    }

    /// A block of lines.
    package var text: String {
        var title = "Worker \(name), host \(host)"
        if group != host { title += ", group \(group)" }
        if isLost { title += " (lost)" }
        if isCordoned { title += " (disabled)" }
        var lines = [title]
        let shown = tasks.map { "\($0.task)(\($0.running)\($0.slots.map { "/\($0)" } ?? ""))" }
        if !shown.isEmpty { lines.append("\tTASK: " + shown.joined(separator: " ")) }
        if !isCordoned, !cordoned.isEmpty { lines.append("\tCORDONED: " + cordoned.joined(separator: " ")) }
        if !paused.isEmpty {
            let isAll = paused.count == TaskType.count
            lines.append("\tPAUSED: " + (isAll ? "all" : paused.joined(separator: " ")))
        }
        if let resources {
            if resources.machine != host { lines.append("\tMACHINE: \(resources.machine)") }
            lines += Self.lines(resources)
        }
        lines += measured.map(\.text)
        return lines.joined(separator: "\n")
    }

    private static func lines(_ use: SchedulerDiagnosis.HostUse) -> [String] {
        func memory(_ name: String, _ used: UInt64, _ all: UInt64) -> String {
            let share = all > 0 ? Double(used) / Double(all) : 0
            return "\t\(name) \(OperatorText.bar(share)) \(Int((share * 100).rounded()))% "
                + "\(OperatorText.bytes(used))/\(OperatorText.bytes(all))"
        }
        let cores = Double(use.coreCountUsed) / Double(max(1, use.coreCount))
        var lines = [
            "\tCPU:  \(OperatorText.bar(cores)) \(use.coreCountUsed)/\(use.coreCount) core(s) in use",
            memory("RAM: ", use.memoryBytesUsed, use.memoryBytes),
            memory("VMEM:", use.virtualBytesUsed, use.virtualBytes),
        ]
        for gpu in use.gpus { lines.append("\tGPU: \(gpu.name), \(gpu.used > 0 ? "used" : "not used")") }
        return lines
    }
}

/// A running task, as `sealing jobs` tells of it.
package struct JobView: Sendable, Encodable {
    package enum State: String, Sendable, Encodable {
        case running, fetching
        /// Its worker is out of reach, and has a while to come back.
        case lost
    }

    /// The compact form of its name.
    package var id: String
    package var sector: UInt64
    package var task: String
    package var attempt: Int
    package var worker: String
    package var host: String
    package var state: State
    package var seconds: Double

    /// All running tasks, the oldest first.
    package static func all(_ diagnosis: SchedulerDiagnosis) -> [JobView] {
        let hosts = Dictionary(diagnosis.workers.map { ($0.name, $0.host) }) { first, _ in first }
        return diagnosis.running.sorted { ($0.since, $0.task) < ($1.since, $1.task) }.map { item in
            JobView(
                id: item.task.compact, sector: item.task.sector.number, task: item.task.type.short,
                attempt: item.task.attempt, worker: item.worker, host: hosts[item.worker] ?? "",
                state: item.isOrphaned ? .lost : item.isFetching ? .fetching : .running,
                seconds: (diagnosis.at - item.since).inSeconds)
        }
    }

    /// The sector, or of a proof of spacetime the opening of its deadline and its partition.
    private var what: String {
        let id = TaskID(parsing: id)
        guard let proof = id.flatMap({ PoStTasks.parse($0) }) else { return "\(sector)" }
        return "\(proof.isCheck ? "check " : "")\(proof.open)/\(proof.partition)"
    }

    /// A table of jobs.
    package static func text(_ jobs: [JobView]) -> String {
        var table = TextTable("ID", "Sector", "Worker", "Hostname", "Task", "State", "Time")
        for job in jobs {
            table.add([
                job.id, job.what, job.worker, job.host, job.task, job.state.rawValue,
                OperatorText.duration(.nanoseconds(Int64(job.seconds * 1e9))),
            ])
        }
        return table.text
    }
}

/// What waits and why, as `sealing sched-diag` tells it.
package struct DiagnosisView: Sendable, Encodable {
    /// Why one worker does not take a task.
    package struct WorkerRefusal: Sendable, Encodable {
        package var worker: String
        package var code: String
        package var reason: String
    }

    package struct Waiting: Sendable, Encodable {
        package var id: String
        package var sector: UInt64
        package var task: String
        package var host: String?
        package var seconds: Double
        /// Seconds to the deadline; negative where it has passed.
        package var deadlineSeconds: Double?
        package var priority: Int
        package var reason: String
        package var workers: [WorkerRefusal]
    }

    /// A sector that waits for room.
    package struct Admission: Sendable, Encodable {
        package var sector: UInt64
        package var bytes: UInt64
        package var seconds: Double
        package var reason: String
    }

    package var policy: String
    package var workerCount: Int
    package var waiting: [Waiting]
    package var running: [JobView]
    package var admissions: [Admission]
    /// Left out because the answer is bounded.
    package var omittedCount: Int

    /// Makes the view; what waits is in the scheduler's own order.
    package init(_ diagnosis: SchedulerDiagnosis) {
        policy = diagnosis.policy
        workerCount = diagnosis.workerCount
        let now = diagnosis.at
        waiting = diagnosis.waiting.map { item in
            Waiting(
                id: item.task.compact, sector: item.task.sector.number, task: item.task.type.short,
                host: item.host, seconds: (now - item.since).inSeconds,
                deadlineSeconds: item.deadline.map { ($0 - now).inSeconds }, priority: item.priority,
                reason: item.reason,
                workers: item.refusals.map {
                    WorkerRefusal(
                        worker: $0.worker, code: $0.refusal.code.rawValue, reason: $0.refusal.description)
                })
        }
        running = JobView.all(diagnosis)
        admissions = diagnosis.admissions.map {
            Admission(
                sector: $0.sector.number, bytes: $0.bytes, seconds: (now - $0.since).inSeconds,
                reason: $0.reason)
        }
        omittedCount = diagnosis.omittedCount
    }

    /// A line a task, and an indented line a worker.
    package var text: String {
        func age(_ seconds: Double) -> String {
            OperatorText.duration(.nanoseconds(Int64(seconds * 1e9)))
        }
        var lines = ["policy \(policy), \(workerCount) workers"]
        for job in running {
            lines.append("\(job.id) on \(job.worker): \(job.state.rawValue) for \(age(job.seconds))")
        }
        for item in waiting {
            lines.append("\(item.id) waits for \(age(item.seconds)): \(item.reason)")
            for refusal in item.workers { lines.append("  \(refusal.worker): \(refusal.reason)") }
        }
        for item in admissions {
            lines.append(
                "sector \(item.sector) waits for room for \(age(item.seconds)): \(item.reason)")
        }
        if waiting.isEmpty && running.isEmpty && admissions.isEmpty { lines.append("nothing runs or waits") }
        if omittedCount > 0 { lines.append("and \(omittedCount) more that wait") }
        return lines.joined(separator: "\n")
    }
}
