// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel

/// Files on their way before a slot is free for them.
extension SealyardPolicy {
    /// Sends off what cannot be done where it lies, the most urgent first, so that no slot waits for files;
    /// one a kind and round.
    func bringAhead(_ view: ClusterView, _ now: Instant, _ decisions: inout [Decision]) {
        for type in TaskType.downstreamFirst
        where type.needsFiles && view.waitingCount(type) > 0 && view.fetchingSlotTotals[type.stage] > 0 {
            var heads: [WaitingTask] = []
            for host in view.hosts.indices
            where view.hosts[host].slotCounts[type.stage] == 0 && view.waitingCount(type, on: host) > 0 {
                let head = view.waiting(type, on: host).first {
                    view.movesAhead[$0.id] == nil && view.mayTry($0, at: now) == nil
                }
                if let head { heads.append(head) }
            }
            heads.sort { $0.urgency < $1.urgency }
            for task in heads {
                guard let worker = nextFree(task, view, now) else { continue }
                decisions.append(.prefetch(task.id, worker: worker))
                break
            }
        }
    }

    /// The worker whose slot the task would get first, where all are busy now; `nil` where a move would be
    /// over in no time, or every slot has its next sector.
    private func nextFree(_ task: WaitingTask, _ view: ClusterView, _ now: Instant) -> Int? {
        let type = task.id.type
        var best: (worker: Int, seconds: Double)?
        for host in view.hosts.indices where view.hosts[host].fetchingSlotCounts[type.stage] > 0 {
            let slots = view.hosts[host].fetchingSlotCounts[type.stage]
            let nextCount = view.waitingCount(type, on: host) + view.arrivingCount(type, on: host)
            // A free slot takes its task with its files, without a look ahead.
            guard view.hosts[host].busyCounts[type.stage] >= view.hosts[host].slotCounts[type.stage],
                nextCount < slots,
                let worker = view.hosts[host].workerIndices.first(where: {
                    view.workers[$0].takes(type) && view.workers[$0].slotCounts[type.stage] > 0
                        && view.workers[$0].info.canFetch
                })
            else { continue }
            let own = view.expectedSeconds(type, on: worker)
            let seconds = own * (Double(nextCount) + 0.5) / Double(slots)
            guard best.map({ seconds < $0.seconds }) ?? true,
                view.moveSeconds(task, to: worker) >= own * tuning.prefetchShare,
                view.canFetch(task, to: worker) == nil
            else { continue }
            best = (worker, seconds)
        }
        return best?.worker
    }
}
