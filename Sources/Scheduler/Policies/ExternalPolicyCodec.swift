// SPDX-License-Identifier: Apache-2.0
internal import Chain
private import Foundation
internal import Kernel

/// The lines between the scheduler and a program that decides: the view as JSON, decisions from JSON. Pure.
package enum ExternalPolicyCodec {
    /// The version of both lines; another one is refused.
    package static let version = 1

    /// Bounds on what is said and taken.
    package struct Limits: Sendable {
        /// Waiting tasks of one kind in a question, the most urgent first.
        package var taskCountMax = 200
        /// Workers that are named for one task.
        package var workerCountMax = 64
        package var admissionCountMax = 200
        /// Bytes of an answer.
        package var answerBytesMax = 16 << 20
        package var decisionCountMax = 10_000
        /// Characters of a reason.
        package var reasonCountMax = 200
    }

    package static let limits = Limits()

    /// A line that was said, and what its names mean.
    struct Question {
        let line: String
        let tasks: [String: TaskID]
        let sectors: [String: SectorKey]
    }

    struct Answer {
        var decisions: [Decision] = []
        var wakeAfter: Duration?
    }

    // MARK: Out

    static func hello(_ context: PolicyContext) -> String {
        encode(
            Hello(
                version: version, type: "hello", seed: String(context.seed), sectorBytes: context.sectorBytes,
                sealingBytes: context.sealingBytes, options: context.options))
    }

    static func question(_ view: ClusterView, at now: Instant) -> Question {
        var tasks: [String: TaskID] = [:]
        var sectors: [String: SectorKey] = [:]
        var said = View(
            version: version, type: "decide", now: now.seconds, workers: [], stores: [], tasks: [],
            admissions: [], omittedTasks: 0, omittedAdmissions: 0)
        for worker in view.workers where worker.slotCounts.contains(where: { $0 > 0 }) {
            var free: [String: Int] = [:]
            for type in TaskType.allCases where worker.slotCounts[type.stage] > 0 {
                free[type.rawValue] = worker.freeCount(type)
            }
            said.workers.append(
                .init(
                    index: worker.index, name: worker.info.name, host: worker.info.host,
                    group: worker.info.group, isAvailable: worker.isAvailable && !worker.isCordoned,
                    free: free, runningCount: worker.running.count))
        }
        for store in view.stores {
            said.stores.append(
                .init(
                    name: store.info.name, host: store.info.host, group: store.info.group,
                    capacityBytes: store.info.capacityBytes, reservedBytes: store.reservedBytes,
                    sectorCount: store.sectorCount, sectorCountMax: store.info.sealingCountMax,
                    weight: store.info.weight))
        }
        for type in TaskType.downstreamFirst {
            for task in view.waiting(type).prefix(limits.taskCountMax) {
                tasks[task.id.description] = task.id
                said.tasks.append(describe(task, view, now))
            }
            said.omittedTasks += max(0, view.waitingCount(type) - limits.taskCountMax)
        }
        for wish in view.admissions.prefix(limits.admissionCountMax) {
            sectors[wish.sector.description] = wish.sector
            said.admissions.append(
                .init(
                    sector: wish.sector.description, bytes: wish.bytes, isDeal: wish.isDeal,
                    deadline: wish.deadline?.seconds, since: wish.since.seconds, priority: wish.priority,
                    stores: view.stores.indices.filter { view.canAdmit(wish, at: $0) == nil }
                        .map { view.stores[$0].info.name }))
        }
        said.omittedAdmissions = max(0, view.admissionCount - limits.admissionCountMax)
        return Question(line: encode(said), tasks: tasks, sectors: sectors)
    }

    private static func describe(_ task: WaitingTask, _ view: ClusterView, _ now: Instant) -> View.Task {
        let fitting = view.openWorkers(task.id.type).lazy
            .filter { view.canStart(task, on: $0, at: now) == nil }.prefix(limits.workerCountMax)
        return View.Task(
            id: task.id.description, sector: task.id.sector.description, kind: task.id.type.rawValue,
            attempt: task.id.attempt, host: task.host, moveBytes: task.moveBytes, since: task.since.seconds,
            sequence: task.sequence, priority: task.request.priority,
            deadline: task.request.deadline?.seconds, workers: Array(fitting))
    }

    private static func encode(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch { preconditionFailure("a view does not encode: \(error)") }
    }

    private struct Hello: Encodable {
        let version: Int
        let type: String
        /// As text: a number of JSON has 53 bits in most languages.
        let seed: String
        let sectorBytes: UInt64
        let sealingBytes: UInt64
        let options: [String: String]
    }

    private struct View: Encodable {
        struct Worker: Encodable {
            let index: Int
            let name: String
            let host: String
            let group: String
            let isAvailable: Bool
            let free: [String: Int]
            let runningCount: Int
        }
        struct Store: Encodable {
            let name: String
            let host: String
            let group: String
            let capacityBytes: UInt64
            let reservedBytes: UInt64
            let sectorCount: Int
            let sectorCountMax: Int
            let weight: Int
        }
        struct Task: Encodable {
            let id: String
            let sector: String
            let kind: String
            let attempt: Int
            let host: String?
            let moveBytes: UInt64
            let since: Double
            let sequence: UInt64
            let priority: Int
            let deadline: Double?
            let workers: [Int]
        }
        struct Admission: Encodable {
            let sector: String
            let bytes: UInt64
            let isDeal: Bool
            let deadline: Double?
            let since: Double
            let priority: Int
            let stores: [String]
        }

        let version: Int
        let type: String
        let now: Double
        var workers: [Worker]
        var stores: [Store]
        var tasks: [Task]
        var admissions: [Admission]
        var omittedTasks: Int
        var omittedAdmissions: Int
    }
}
