// SPDX-License-Identifier: Apache-2.0
internal import Chain
package import Kernel
package import Scheduler
private import Synchronization

/// Lets the tasks of another runner take at least a given time: the work is done, its result is held back.
///
/// So a real cluster of real processes and small sectors can be rehearsed at the pace of large ones, or
/// measured without its tasks fighting for one machine's processors.
package final class StretchedTaskRunner: TaskRunner {
    /// The time of a kind of task, drawn evenly from a range by the sector and the kind alone.
    package struct Stretch: Sendable, Hashable {
        package var type: TaskType
        package var least: Duration
        package var most: Duration

        /// - Precondition: `least` is not negative, and not more than `most`.
        package init(_ type: TaskType, _ least: Duration, _ most: Duration) {
            precondition(.zero <= least && least <= most, "a stretch is a range of time")
            self.type = type
            self.least = least
            self.most = most
        }

        package func duration(of id: TaskID) -> Duration {
            let word = mixed(mixed(id.sector.number) ^ UInt64(id.type.stage))
            let share = Double(word >> 11) * 0x1p-53
            return least + .nanoseconds(Int64(Double((most - least).nanoseconds) * share))
        }
    }

    private let inner: any TaskRunner
    private let world: LiveWorld
    private let stretches: [Stretch]
    /// Calls that are under way, and when their work began.
    private let active = Mutex<[CallID: Instant]>([:])

    package init(_ inner: any TaskRunner, world: LiveWorld, stretches: [Stretch]) {
        self.inner = inner
        self.world = world
        self.stretches = stretches
    }

    package func start(
        _ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>
    ) {
        start(call, Assignment(request), on: worker, reportTo: reportTo)
    }

    package func start(
        _ call: CallID, _ assignment: Assignment, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>
    ) {
        guard let stretch = stretches.first(where: { $0.type == call.task.type }) else {
            return inner.start(call, assignment, on: worker, reportTo: reportTo)
        }
        active.withLock { $0[call] = world.now }
        let outlet = Outlet<WorkerMessage>(address: reportTo.address) { [self] message in
            heard(message, call, stretch, reportTo)
            return .accepted
        }
        inner.start(call, assignment, on: worker, reportTo: outlet.ref)
    }

    package func prefetch(
        _ call: CallID, _ fetch: Assignment.Fetch, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>
    ) {
        inner.prefetch(call, fetch, on: worker, reportTo: reportTo)
    }

    package func abort(_ call: CallID) {
        active.withLock { $0[call] = nil }
        inner.abort(call)
    }

    /// A word of the inner runner about a call.
    private func heard(
        _ message: WorkerMessage, _ call: CallID, _ stretch: Stretch, _ reportTo: Ref<WorkerMessage>
    ) {
        // The time counts from where the files are at hand.
        if case .fetched = message { active.withLock { if $0[call] != nil { $0[call] = world.now } } }
        guard case .finished(_, let result) = message else {
            reportTo.tell(message)
            return
        }
        guard let began = active.withLock({ $0[call] }) else { return }
        let rest = began + stretch.duration(of: call.task) - world.now
        // What failed is told at once.
        guard result.isDone, rest > .zero else { return end(call, message, reportTo) }
        Task { [self] in
            await world.sleep(for: rest)
            end(call, message, reportTo)
        }
    }

    /// Reports, unless the call was aborted meanwhile.
    private func end(_ call: CallID, _ message: WorkerMessage, _ reportTo: Ref<WorkerMessage>) {
        guard active.withLock({ $0.removeValue(forKey: call) }) != nil else { return }
        reportTo.tell(message)
    }
}
