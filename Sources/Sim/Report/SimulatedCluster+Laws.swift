// SPDX-License-Identifier: Apache-2.0
internal import Kernel
internal import Scheduler

/// What a run must obey, and how sure its throughput is.
extension SimulatedCluster {
    /// Little's law of every queue, of the slots and of the sectors, and the utilization law of the slots.
    func laws(_ tallies: [StageTally], _ seconds: Double, _ now: Instant) -> [SimulationReport.LawCheck] {
        var checks: [SimulationReport.LawCheck] = []
        func add(
            _ law: SimulationReport.LawCheck.Law, _ place: String, _ area: Double, _ stays: StayTally,
            servers: Int? = nil
        ) {
            guard stays.count > 0 || area > 0 else { return }
            checks.append(
                .init(
                    law: law, place: place, measured: area / seconds / Double(servers ?? 1),
                    rate: Double(stays.count) / seconds,
                    staySeconds: stays.count > 0 ? stays.seconds / Double(stays.count) : 0, servers: servers))
        }
        for type in TaskType.sealing {
            let (tally, name) = (tallies[type.stage], type.kind.rawValue)
            add(.little, "\(name) queue", tally.queue.integral(until: now), tally.waited)
            let slots = plan.slotCount(type)
            guard slots > 0 else { continue }
            add(.utilization, "\(name) slots", tally.busy.integral(until: now), tally.worked, servers: slots)
        }
        add(.little, "sectors", metrics.sealing.integral(until: now), metrics.stays(until: now))
        return checks
    }

    /// The first law that the figures so far break; `nil` where they obey all of them.
    var brokenLaw: Distrust? {
        let now = world.now
        let seconds = (now - metrics.warmUp).inSeconds
        guard seconds > 0 else { return nil }
        return SimulationReport.firstBroken(laws(metrics.stages(until: now), seconds, now))
    }

    /// The interval of the throughput from batches of the run, each as long as a sector's way at least: what
    /// one batch begins hardly shows in the one after the next.
    func precision(_ seconds: Double) -> SimulationReport.Precision {
        guard let way = metrics.sojourns.meanSeconds else { return .tooShort(needed: nil) }
        let pieces = metrics.proofs.pieces(until: Int64(seconds * 1e9))
        for count in Self.batchCounts {
            let batch = Double(pieces.counts.count / count) * pieces.seconds
            guard batch >= way,
                let interval = BatchMeans.interval(
                    pieces.counts.map { tebibytesPerDay($0 * 3600 / pieces.seconds) }, batchCount: count),
                let half = interval.halfWidth
            else { continue }
            return .interval(halfWidth: half, batchCount: count, batchSeconds: batch)
        }
        return .tooShort(needed: way * Double(Self.batchCounts.last ?? 1))
    }

    /// Twenty where the run is long enough, else ten.
    private static var batchCounts: [Int] { [20, 10] }
}
