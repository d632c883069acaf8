// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// Proofs of spacetime go ahead of all else, whatever the policy: it is asked only about what is left.
extension ClusterScheduler {
    /// Starts every proof that a worker has room for. Where one has a slot and its host lacks something else,
    /// nothing new begins on that host until the proof has it.
    func placePoSt(_ now: Instant) {
        view.clearPoStHolds()
        for type in TaskType.allCases where type.isPoSt && view.waitingCount(type) > 0 {
            // Asked after every message: where no slot is free nothing waits on a host's account.
            if view.openWorkers(type).isEmpty { continue }
            var isHeldBack = false
            for task in Array(view.waiting(type)) {
                if view.openWorkers(type).isEmpty { break }
                if let worker = poStWorker(for: task, now) {
                    _ = assign(task.id, to: worker, PlacementReason("post", score: 0), now)
                } else if !task.request.work.isCheck {
                    isHeldBack = true
                }
            }
            guard isHeldBack else { continue }
            for index in view.openWorkers(type) { view.holdForPoSt(view.workers[index].hostIndex) }
        }
    }

    /// The worker on the host that proves least at the moment.
    private func poStWorker(for task: WaitingTask, _ now: Instant) -> Int? {
        let type = task.id.type
        var best: (worker: Int, busy: Int)?
        for index in view.openWorkers(type) {
            let busy = view.hosts[view.workers[index].hostIndex].busyCounts[type.stage]
            guard best.map({ busy < $0.busy }) ?? true, view.canStart(task, on: index, at: now) == nil else {
                continue
            }
            best = (index, busy)
        }
        return best?.worker
    }
}
