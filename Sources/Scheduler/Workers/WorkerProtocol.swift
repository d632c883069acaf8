// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// What a worker process is and offers, as it says when it joins.
package struct WorkerInfo: Sendable, Hashable, Codable {
    /// Unique in the cluster.
    package var name: String
    /// The host it runs on; workers of one host share its sealing store.
    package var host: String
    /// The store that holds the sectors it seals.
    package var store: String
    /// How many tasks of each kind it runs at once; kinds that are missing are not accepted.
    package var slots: [SlotCount]

    package struct SlotCount: Sendable, Hashable, Codable {
        package var type: TaskType
        package var count: Int

        package init(_ type: TaskType, _ count: Int) {
            self.type = type
            self.count = count
        }
    }

    package init(name: String, host: String, store: String, slots: [SlotCount]) {
        self.name = name
        self.host = host
        self.store = store
        self.slots = slots
    }

    /// The slots for one kind.
    package func slotCount(_ type: TaskType) -> Int {
        slots.filter { $0.type == type }.reduce(0) { $0 + $1.count }
    }
}

/// One try of a task on one worker.
package struct CallID: Sendable, Hashable, Codable, CustomStringConvertible {
    package let task: TaskID
    /// Counts all calls of the scheduler, so that no two are equal.
    package let number: UInt64

    package init(task: TaskID, number: UInt64) {
        self.task = task
        self.number = number
    }

    package var description: String { "\(task) call \(number)" }
}

/// One registration of one worker process, so that a late or repeated message of another is told apart.
package struct JoinID: Sendable, Hashable, Codable {
    /// Drawn when the process started.
    package let incarnation: UInt64
    /// Counts the registrations of this process.
    package let number: UInt64

    package init(incarnation: UInt64, number: UInt64) {
        self.incarnation = incarnation
        self.number = number
    }
}

/// A finished call that the scheduler has not confirmed yet.
package struct FinishedCall: Sendable, Hashable, Codable {
    package let call: CallID
    package let result: TaskResult

    package init(call: CallID, result: TaskResult) {
        self.call = call
        self.result = result
    }
}

/// How a call ended.
package enum TaskResult: Sendable, Hashable, Codable {
    case done(TaskOutcome)
    case failed(TaskFailure)
}

/// What a worker understands.
package enum WorkerMessage: Message {
    /// That registration is accepted; these calls of yours are known, all others are to be aborted.
    case welcome(JoinID, known: [CallID])
    /// Start this, unless you have; answered with ``SchedulerMessage/taken(_:)``.
    case assign(CallID, TaskRequest)
    /// Stop this; its result is not wanted.
    case abort(CallID)
    /// The result has arrived; forget it.
    case confirmed(CallID)
    /// The runner's word: a call is over.
    case finished(CallID, TaskResult)
    /// The scheduler is out of reach.
    case schedulerLost(Termination)
    /// The worker's own alarm: say again what was not confirmed.
    case sayAgain

    package static var messageName: String { "scheduler.worker" }
}

/// Runs tasks: native kernels in a live world, durations and contention in a simulated one.
///
/// `start` returns at once; the end of the call comes as ``WorkerMessage/finished(_:_:)`` to `worker`,
/// exactly once unless the call is aborted or the process dies.
package protocol TaskRunner: Sendable {
    func start(_ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>)
    func abort(_ call: CallID)
}
