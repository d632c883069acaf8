// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// Hears why everything was placed where it was, and why the rest waits: for who plays a journal back. It
/// costs a look at every worker for each decision, and at all that waits after each message.
package protocol DecisionListener: AnyObject, Sendable {
    /// A decision, with what every other worker of the kind said at that moment.
    func decided(_ record: PlacementRecord, others: [SchedulerDiagnosis.WorkerRefusal])

    /// A task, or where there is none a sector that wants room, waits for another reason than before.
    func waits(_ sector: SectorKey, _ task: TaskID?, because reason: String, at now: Instant)
}

/// What was said of those that wait.
struct WaitingReasons {
    var tasks: [TaskID: String] = [:]
    var sectors: [SectorKey: String] = [:]
}

extension ClusterScheduler {
    /// What the workers besides the chosen one say of a task; empty where nobody listens.
    func others(_ task: WaitingTask, than chosen: Int, at now: Instant) -> [SchedulerDiagnosis.WorkerRefusal]
    {
        guard options.listener != nil else { return [] }
        return view.workers.filter { $0.slotCounts[task.id.type.stage] > 0 && $0.index != chosen }.map {
            worker in
            .init(
                worker: worker.info.name,
                refusal: view.canStart(task, on: worker.index, at: now) ?? Refusal(.notChosen))
        }
    }

    /// Says of all that waits why, where that is news.
    func explainWaiting(_ now: Instant) {
        guard let listener = options.listener else { return }
        var reasons = WaitingReasons()
        for type in TaskType.downstreamFirst {
            for task in view.waiting(type) {
                let reason = obstacle(task, at: now).words
                reasons.tasks[task.id] = reason
                guard told.tasks[task.id] != reason else { continue }
                listener.waits(task.id.sector, task.id, because: reason, at: now)
            }
        }
        for wish in view.admissions {
            let reason = obstacle(wish).words
            reasons.sectors[wish.sector] = reason
            guard told.sectors[wish.sector] != reason else { continue }
            listener.waits(wish.sector, nil, because: reason, at: now)
        }
        told = reasons
    }
}

extension PlacementReason {
    /// The rule and its figure as a sentence; a rule of somebody's own policy is named.
    package var words: String {
        let seconds = "\((score * 10).rounded() / 10) s"
        switch rule {
        case "local": return "the first of those whose files are here; it had waited \(seconds)"
        case "pressed": return "its deadline comes first; \(seconds) are left beyond the work"
        case "moved":
            return score.isFinite
                ? "waiting at home would take \(seconds) longer than the move"
                : "no slot at home will take it"
        case "soonest": return "here it is done or begun soonest, in \(seconds)"
        case "post": return "proofs of spacetime go first"
        case "prefetch": return "its next task is expected here"
        case "oldest": return "the oldest of those whose files are here"
        case "least-loaded": return "the least loaded store"
        case "window": return "a slot of its scheduling window"
        case "claimed": return "claimed by a machine with a free slot"
        case "group": return "a free slot of its group"
        case "global": return "a free slot of any group"
        case "unstated": return "the policy gives no reason"
        default:
            return score == 0 ? "rule \(rule)" : "rule \(rule), figure \((score * 1000).rounded() / 1000)"
        }
    }
}
