// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// A rule that places waiting tasks on free slots: a pure value, the same in both worlds.
///
/// A policy sees the cluster and returns decisions; the scheduler applies them in order and ignores one that
/// no longer fits. It names neither clock nor chance.
package protocol SchedulingPolicy: Sendable {
    /// The name by which scenarios and the command line know it.
    static var name: String { get }

    /// Decides what starts now.
    mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision]
}

/// Gives each free slot the oldest task that may run there, the last stages of the pipeline first.
///
/// A task that needs its sector's files runs only on the host that holds them, so nothing is moved between
/// PreCommit1, PreCommit2 and Commit1. Among equal workers of a host the one with the most free slots is
/// taken.
package struct OldestLocalPolicy: SchedulingPolicy {
    package static let name = "oldest-local"

    package init() {}

    package mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision] {
        var decisions: [Decision] = []
        for type in TaskType.downstreamFirst where view.waitingCount(type) > 0 && view.freeSlotCount(type) > 0
        {
            // One task a slot and round: the scheduler asks again while decisions come.
            var best: (task: WaitingTask, worker: Int)?
            for index in view.openWorkers(type) {
                let host = view.workers[index].info.host
                guard let task = view.oldest(type, on: host), view.paceDelay(type, on: host, at: now) == nil
                else { continue }
                guard let known = best else {
                    best = (task, index)
                    continue
                }
                let isOlder = task.sequence < known.task.sequence
                let isFreer =
                    task.sequence == known.task.sequence
                    && view.workers[index].freeCount(type) > view.workers[known.worker].freeCount(type)
                if isOlder || isFreer { best = (task, index) }
            }
            if let best { decisions.append(.assign(best.task.request.id, worker: best.worker)) }
        }
        return decisions
    }
}

/// The policies that are shipped.
package enum PolicyCatalog {
    /// Names in order.
    package static let names = [OldestLocalPolicy.name]

    /// Makes the policy of that name; `nil` where there is none.
    package static func make(_ name: String) -> (any SchedulingPolicy)? {
        switch name {
        case OldestLocalPolicy.name: OldestLocalPolicy()
        default: nil
        }
    }
}
