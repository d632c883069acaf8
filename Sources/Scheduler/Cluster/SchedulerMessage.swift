// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// What the cluster's scheduler understands.
package enum SchedulerMessage: Message {
    /// A sector wants work done; asking twice for one id changes nothing. `host` holds the sector's files.
    // Behind a reference, as all that is large: every message is as large as the largest.
    indirect case submit(TaskRequest, host: String?, replyTo: Ref<TaskEvent>)
    /// What the owner of a granted slot wants done in it; without that slot it changes nothing.
    indirect case supply(TaskRequest)
    /// The work is no longer wanted.
    case cancel(TaskID)
    /// A sector wants room on a sealing store; the storage index answers with `reserved` once there is some.
    case admit(
        SectorKey, bytes: UInt64, isDeal: Bool = false, deadline: Instant? = nil, priority: Int = 0,
        replyTo: Ref<StorageEvent>)
    /// A sector has left the pipeline, or begins anew: its room and its wish for room are given up.
    case withdraw(SectorKey)
    /// A worker is there, or there again, with its host's store: what it runs and what has finished since.
    indirect case workerJoined(
        WorkerInfo, Ref<WorkerMessage>, JoinID, store: StoreInfo?, running: [CallID], finished: [FinishedCall]
    )
    /// A worker's word: it has the assignment.
    case taken(CallID)
    /// The scheduler's own alarm: say again the assignments that no worker has answered.
    case sayAgain
    /// The kernel's word: the worker's component or node is gone.
    case workerGone(name: String, session: UInt64, Termination)
    /// A lost worker did not come back in time.
    case leaseExpired(name: String, session: UInt64)
    /// A worker's word: the files of a call's sector are at its store.
    case fetched(worker: String, CallID)
    /// A worker's word: a call is over.
    case report(worker: String, CallID, TaskResult)
    /// A worker's word: its cells of the resource table are these from now on.
    case measured(worker: String, JoinID, [ResourceTable.Override])
    /// The storage index's word.
    case storage(StorageEvent)
    /// The prover's word: the proofs that are still to come, the earliest first; it replaces the last.
    case proofsAhead([ProofsAhead])
    /// Workers had their time to come back after a start: placing begins.
    case graceOver
    /// A pace limit or the policy wants to be asked now.
    case paceDue
    /// An operator's word about workers; answered with ``TaskEvent/control(_:)`` at once, a drain when it is
    /// quiet.
    case control(ControlOrder, replyTo: Ref<TaskEvent>?)
    /// An operator's word: stop this task wherever it is; its sector hears that it was aborted.
    case abort(TaskID, replyTo: Ref<TaskEvent>?)
    /// What waits, what runs and why; answered with ``TaskEvent/diagnosis(_:)``.
    case diagnose(replyTo: Ref<TaskEvent>)
    /// The latest decisions, the last one first; answered with ``TaskEvent/decisions(_:)``.
    case decisions(limit: Int, replyTo: Ref<TaskEvent>)

    package static var messageName: String { "scheduler.cluster" }
}

/// What the scheduler tells those who submitted work, and operators.
package enum TaskEvent: Message {
    /// A slot is taken for a task that is held; it begins when it is supplied.
    case granted(TaskID, worker: String)
    /// A worker has begun; told of proofs of spacetime only.
    case started(TaskID, worker: String)
    /// It is over.
    case finished(TaskID, TaskResult)
    /// What waits and what runs.
    indirect case diagnosis(SchedulerDiagnosis)
    /// How many workers an order met, and how many tasks still run on them; for a drain, when none does.
    case control(ControlReport)
    /// Whether an abort met a task, and what it was doing.
    case aborted(TaskID, ControlReport)
    case decisions([PlacementRecord])

    package static var messageName: String { "scheduler.task" }
}

/// An operator's word about workers: which, which kinds of task, and what is to happen.
package struct ControlOrder: Sendable, Hashable, Codable {
    package enum Action: String, Sendable, Hashable, Codable, CaseIterable {
        /// No new tasks of the kinds; what runs goes on.
        case pause
        case resume
        /// Like a pause, of all kinds or of some, with an end of its own: a resume leaves it as it is.
        case cordon
        case uncordon
        /// Cordon, and say when nothing of the kinds runs any more.
        case drain
    }

    package var action: Action
    /// A worker's name; `nil` for all of the group.
    package var worker: String?
    /// A group's name; `nil` for all workers.
    package var group: String?
    /// Empty for all kinds.
    package var kinds: [TaskType]

    package init(_ action: Action, worker: String? = nil, group: String? = nil, kinds: [TaskType] = []) {
        self.action = action
        self.worker = worker
        self.group = group
        self.kinds = kinds
    }

    func covers(_ type: TaskType) -> Bool { kinds.isEmpty || kinds.contains(type) }

    func covers(_ info: WorkerInfo) -> Bool {
        (worker.map { $0 == info.name } ?? true) && (group.map { $0 == info.group } ?? true)
    }
}

/// What an order met.
package struct ControlReport: Sendable, Hashable, Codable {
    package var workers: [String]
    package var runningCount: Int
    /// In words, where there is something to say.
    package var note: String
    /// The task of an abort is known.
    package var isKnown: Bool

    package init(workers: [String], runningCount: Int, note: String = "", isKnown: Bool = true) {
        self.workers = workers
        self.runningCount = runningCount
        self.note = note
        self.isKnown = isKnown
    }
}
