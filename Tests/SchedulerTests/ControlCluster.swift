// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// A runner that fetches in ten seconds and works for a hundred; tasks fail as they are told to.
// Safety: used by one simulated world and its thread.
final class FetchingRunner: TaskRunner, @unchecked Sendable {
    let world: SimulatedWorld
    /// Tasks of these kinds end like this, once they have begun.
    var failures: [TaskType: TaskFailure] = [:]
    var started: [(task: TaskID, worker: String, fetch: Assignment.Fetch?)] = []
    var aborted: [CallID] = []
    private var stopped: Set<CallID> = []

    init(world: SimulatedWorld) { self.world = world }

    func start(_ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>) {
        start(call, Assignment(request), on: worker, reportTo: reportTo)
    }

    func start(_ call: CallID, _ assignment: Assignment, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>)
    {
        started.append((call.task, worker.name, assignment.fetch))
        let begin = assignment.fetch == nil ? world.now : world.now + .seconds(10)
        if assignment.fetch != nil { world.at(begin) { [self] in say(.fetched(call), call, reportTo) } }
        let result: TaskResult =
            failures[call.task.type].map { .failed($0) }
            ?? .done(
                call.task.type == .commit2 ? .commit2(form: .modelled, proof: []) : .finalize(store: "x"))
        // What is not to be had shows at once.
        let isAtOnce = failures[call.task.type]?.cause == .infrastructureLost
        world.at(isAtOnce ? world.now : begin + .seconds(100)) { [self] in
            say(.finished(call, result), call, reportTo)
        }
    }

    private func say(_ message: WorkerMessage, _ call: CallID, _ worker: Ref<WorkerMessage>) {
        if !stopped.contains(call) { worker.tell(message) }
    }

    func abort(_ call: CallID) {
        stopped.insert(call)
        aborted.append(call)
    }
}

// Safety: written by one simulated world and read by the thread that runs it.
final class ControlHeard: @unchecked Sendable {
    var tasks: [TaskEvent] = []
    var storage: [StorageEvent] = []

    var failures: [TaskFailure] {
        tasks.compactMap { if case .finished(_, .failed(let failure)) = $0 { failure } else { nil } }
    }

    var doneCount: Int {
        tasks.reduce(0) { if case .finished(_, .done) = $1 { $0 + 1 } else { $0 } }
    }
}

extension TaskEvent {
    var isGrant: Bool { if case .granted = self { true } else { false } }
}

actor TaskOwner: Component {
    nonisolated let home: Home
    private let heard: ControlHeard
    private let again: (@Sendable (TaskID, Ref<TaskEvent>) -> Void)?

    /// - Parameter again: what is done about a failure, at once.
    init(
        home: Home, heard: ControlHeard, again: (@Sendable (TaskID, Ref<TaskEvent>) -> Void)? = nil
    ) {
        self.home = home
        self.heard = heard
        self.again = again
    }

    func receive(_ message: TaskEvent, _ context: Context<TaskEvent>) {
        heard.tasks.append(message)
        if case .finished(let id, .failed) = message { again?(id, context.me) }
    }
}

actor RoomOwner: Component {
    nonisolated let home: Home
    private let heard: ControlHeard

    init(home: Home, heard: ControlHeard) {
        self.home = home
        self.heard = heard
    }

    func receive(_ message: StorageEvent, _ context: Context<StorageEvent>) { heard.storage.append(message) }
}
