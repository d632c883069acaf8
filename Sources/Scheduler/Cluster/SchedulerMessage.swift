// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// What the cluster's scheduler understands.
package enum SchedulerMessage: Message {
    /// A sector wants work done; asking twice for one id changes nothing. `host` holds the sector's files.
    case submit(TaskRequest, host: String?, replyTo: Ref<TaskEvent>)
    /// What the owner of a granted slot wants done in it; without that slot it changes nothing.
    case supply(TaskRequest)
    /// The work is no longer wanted.
    case cancel(TaskID)
    /// A worker is there, or there again, with its host's store: what it runs and what has finished since.
    case workerJoined(
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
    /// A worker's word: a call is over.
    case report(worker: String, CallID, TaskResult)
    /// Workers had their time to come back after a start: placing begins.
    case graceOver
    /// A pace limit allows the next start now.
    case paceDue
    /// What waits, what runs and why; answered with ``TaskEvent/diagnosis(_:)``.
    case diagnose(replyTo: Ref<TaskEvent>)

    package static var messageName: String { "scheduler.cluster" }
}

/// What the scheduler tells those who submitted work.
package enum TaskEvent: Message {
    /// A slot is taken for a task that is held; it begins when it is supplied.
    case granted(TaskID, worker: String)
    /// A worker has begun.
    case started(TaskID, worker: String)
    /// It is over.
    case finished(TaskID, TaskResult)
    /// What waits and what runs.
    case diagnosis(SchedulerDiagnosis)

    package static var messageName: String { "scheduler.task" }
}

/// The state of the scheduler for people and tests.
package struct SchedulerDiagnosis: Sendable, Hashable, Codable {
    package struct Waiting: Sendable, Hashable, Codable {
        package var task: TaskID
        package var host: String?
        package var since: Instant
        /// Why no slot takes it now, in words.
        package var reason: String
    }

    package struct Running: Sendable, Hashable, Codable {
        package var task: TaskID
        package var worker: String
        package var since: Instant
        /// The worker is out of reach and its lease runs.
        package var isOrphaned: Bool
    }

    package var policy: String
    package var workerCount: Int
    package var waiting: [Waiting]
    package var running: [Running]
}
