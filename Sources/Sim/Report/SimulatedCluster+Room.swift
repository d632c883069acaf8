// SPDX-License-Identifier: Apache-2.0
internal import Kernel
private import Scheduler

/// The room that sectors hold on the sealing stores, from when they are let in until it is free again.
extension SimulatedCluster {
    static let roomLimit = "room on sealing stores"

    /// Who has room after the warm-up, and who waits for it; `nil` where nothing was measured.
    func room(_ report: SimulationReport) -> SimulationReport.Room? {
        guard let sealing = report.sealingMean, !scenario.workload.provesOnly else { return nil }
        func level(_ states: [SectorState]) -> Double {
            report.stateMeans.reduce(0) { sum, mean in
                sum + (states.contains { $0.rawValue == mean.state } ? mean.mean : 0)
            }
        }
        let filling = report.stages.first
        // A sector whose piece is being written, or waits for a slot to be, has its room.
        let admitted = (filling?.queueMean ?? 0) + (filling?.utilization ?? 0) * Double(filling?.slots ?? 0)
        let waiting = max(0, level([.packing, .addPiece]) - admitted)
        let released = level(scenario.miner.finalizeEarly ? Self.afterFinalize : [])
        return SimulationReport.Room(
            count: plan.roomCount(sealingBytes: UInt64(scenario.sealingFootprint.bytes)),
            taken: max(0, sealing - waiting - released), waiting: waiting,
            waitsFor: metrics.obstacles.shares(stage: nil))
    }

    private static var afterFinalize: [SectorState] { [.submitCommitAggregate, .commitAggregateWait] }

    /// How many sectors an hour the room lets through, by Little's law: places by the time that a sector has
    /// one.
    ///
    /// The time is that of its tasks and of the chain, as this run had them. What it waits for slots, for
    /// room or for another try is left out: where another limit holds sectors back the room is full as well,
    /// and that would look like this limit.
    func roomLimit(_ report: SimulationReport) -> SimulationReport.Limit? {
        guard let perHour = report.sectorsPerHour, perHour > 0,
            let seconds = (world.now - metrics.warmUp).positiveSeconds
        else { return nil }
        let tasks = report.stages.map { stage -> Double in
            let failing = scenario.tasks.first { $0.kind.rawValue == stage.name }?.failureRate ?? 0
            return (stage.meanSeconds ?? 0) / max(1e-9, 1 - failing)
        }
        var states: [SectorState] = [.waitDeals, .submitPreCommitBatch, .preCommitBatchWait, .waitSeed]
        if !scenario.miner.finalizeEarly { states += Self.afterFinalize }
        let level = report.stateMeans.reduce(0) { sum, mean in
            sum + (states.contains { $0.rawValue == mean.state } ? mean.mean : 0)
        }
        // More come from the chain than are done where the run has only begun.
        let fromChain = Double(metrics.stages[TaskType.commit1.stage].durations.count) / seconds
        let chain = level / max(perHour / 3600, fromChain)
        let bytes = UInt64(scenario.sealingFootprint.bytes)
        let all = tasks.reduce(chain, +)
        guard let move = moveSeconds else {
            return roomLimit(plan.roomCount(sealingBytes: bytes), all)
        }
        // Every sector leaves the room of its first host once it is labelled; while it moves it has both.
        func makesTrees(_ host: ClusterPlan.SealingHost) -> Bool {
            scenario.hosts.contains { $0.name == host.group && $0.slotsPerHost(of: .preCommit2) > 0 }
        }
        let first = tasks.prefix(2).reduce(move, +)
        let before = roomLimit(plan.roomCount(sealingBytes: bytes) { !makesTrees($0) }, first)
        let after = roomLimit(
            plan.roomCount(sealingBytes: bytes, on: makesTrees), all - first + 2 * move)
        return [before, after].compactMap { $0 }.min { $0.sectorsPerHour < $1.sectorsPerHour }
    }

    private func roomLimit(_ count: Int, _ seconds: Double) -> SimulationReport.Limit? {
        guard seconds > 0, count > 0 else { return nil }
        return limit(
            Self.roomLimit, "\(count) sectors × \(Self.span(seconds))", Double(count) * 3600 / seconds)
    }

    /// What one sector takes from its first host to another; `nil` where not every sector has to be moved.
    private var moveSeconds: Double? {
        guard moveLimit() != nil else { return nil }
        let cards = scenario.hosts.map(\.nic.bytesPerSecond).max() ?? .infinity
        let rate = max(1, min(scenario.links.bandwidth.bytesPerSecond, cards))
        return Double(scenario.sealingFootprint.bytes) / rate
    }
}

extension Duration {
    fileprivate var positiveSeconds: Double? { self > .zero ? inSeconds : nil }
}
