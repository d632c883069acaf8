// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// Sees the life of every task as the scheduler does: a simulation's statistics, a daemon's metrics.
// Of classes alone: to read an existential of unknown size is a call of the runtime.
package protocol TaskObserver: AnyObject, Sendable {
    /// The task waits for a slot from now on.
    func taskQueued(_ id: TaskID, at now: Instant)

    /// A worker's slot is taken by it.
    func taskAssigned(_ id: TaskID, worker: String, at now: Instant)

    /// It waits or runs no longer.
    ///
    /// - Parameters:
    ///   - result: how it ended; `nil` where it was cancelled.
    ///   - since: when it took its slot; `nil` where it was still waiting for one.
    func taskEnded(_ id: TaskID, _ result: TaskResult?, since: Instant?, at now: Instant)

    /// The policy decided, and this came of it.
    func decisionMade(_ record: PlacementRecord)

    /// Whether to be told now what stands before those that wait; asked after each placing. It costs a look
    /// at every worker for some tasks of each kind.
    func wantsObstacles(at now: Instant) -> Bool

    /// What stands before those that wait, some of each kind looked at.
    func waiting(for obstacles: [WaitingObstacle], at now: Instant)

    /// The scheduler's accounts do not add up, and why: asked for by ``ClusterScheduler/Options`` only. Traps
    /// unless it is taken note of.
    func accountsBroken(_ reason: String)
}

extension TaskObserver {
    package func decisionMade(_ record: PlacementRecord) {}
    package func wantsObstacles(at now: Instant) -> Bool { false }
    package func waiting(for obstacles: [WaitingObstacle], at now: Instant) {}
    package func accountsBroken(_ reason: String) { preconditionFailure(reason) }
}
