// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// Gives each free slot the most urgent task that may run there, the last stages of the pipeline first.
///
/// A task that needs its sector's files runs only on the host that holds them, so nothing is moved between
/// PreCommit1, PreCommit2 and Commit1. Among equal workers of a host the one with the most free slots is
/// taken. Sectors are let in where there is the least load.
package struct OldestLocalPolicy: SchedulingPolicy {
    package static let name = "oldest-local"
    package static let summary = "the oldest task to each free slot of its sector's host; nothing is moved"

    private let reason = PlacementReason("oldest")

    package init(_ context: PolicyContext) {}

    package mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision] {
        var decisions = view.leastLoadedAdmissions()
        for type in TaskType.downstreamFirst where view.waitingCount(type) > 0 && view.freeSlotCount(type) > 0
        {
            // One task a slot and round: the scheduler asks again while decisions come.
            var best: (id: TaskID, worker: Int)?
            var bestUrgency: Urgency?
            var heldBack: Int?
            for index in view.openWorkers(type) {
                let host = view.workers[index].hostIndex
                // Workers of a host stand together, and a limit of its pace holds for all of them.
                if host == heldBack { continue }
                if view.paceDelay(type, on: host, at: now) != nil {
                    heldBack = host
                    continue
                }
                // Few get as far as to be copied.
                guard let urgency = view.queue.firstUrgency(type, on: host),
                    isBetter(urgency, index, bestUrgency, best?.worker, type, view),
                    let task = view.first(type, on: host), view.canStart(task, on: index, at: now) == nil
                else { continue }
                best = (task.id, index)
                bestUrgency = urgency
            }
            if let best { decisions.append(.assign(best.id, worker: best.worker, because: reason)) }
        }
        return decisions
    }

    /// Urgencies are equal only for one and the same task.
    private func isBetter(
        _ urgency: Urgency, _ worker: Int, _ knownUrgency: Urgency?, _ knownWorker: Int?, _ type: TaskType,
        _ view: ClusterView
    ) -> Bool {
        guard let knownUrgency, let knownWorker else { return true }
        if urgency != knownUrgency { return urgency < knownUrgency }
        return view.workers[worker].freeCount(type) > view.workers[knownWorker].freeCount(type)
    }
}

extension ClusterView {
    /// Lets waiting sectors in, in order, each to the store with the least load; the first that finds no
    /// room keeps the rest waiting, so that none starves.
    package func leastLoadedAdmissions() -> [Decision] {
        guard let wish = firstAdmission else { return [] }
        // Asked at every event while nothing has changed for it.
        if let known = withoutRoom, known.sequence == wish.sequence, known.storeRevision == storeRevision {
            return []
        }
        var best: Int?
        for index in stores.indices {
            // Cheaper than to ask whether there is room.
            if let best, stores[index].load >= stores[best].load { continue }
            if canAdmit(wish, at: index) == nil { best = index }
        }
        if best == nil { withoutRoom = (wish.sequence, storeRevision) }
        // One at a time: the next sees the room that this one takes.
        return best.map {
            [.admit(wish.sector, store: stores[$0].info.name, because: PlacementReason("least-loaded"))]
        } ?? []
    }
}
