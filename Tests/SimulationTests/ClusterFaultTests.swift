// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Kernel
import Scheduler
import Sim
import Testing

@Suite("A devnet under drawn faults")
struct ClusterFaultTests {
    private static let sectorCount = 24
    /// The usual fifty, or those that `SIM_SEED` names: `7`, or `51-300` for a longer search.
    private static let seeds: [UInt64] = {
        let named = ProcessInfo.processInfo.environment["SIM_SEED"] ?? ""
        let ends = named.split(separator: "-").compactMap { UInt64($0) }
        guard let first = ends.first, let last = ends.last, first <= last else { return Array(1...50) }
        return Array(first...last)
    }()
    private static let faultsEnd = Instant(seconds: 3 * 3600)

    private struct Outcome: Hashable {
        var trace: String
        var proven: Int
        var failed: Int
        var pledged: Int
        var lost: Int
        var unfinished: [String]
        var unexplained: [String]
    }

    private func run(seed: UInt64) throws -> Outcome {
        let cluster = try SimulatedCluster(
            Clusters.devnet(sectorCount: Self.sectorCount),
            options: .init(
                // Half of the seeds try each of two policies.
                seed: seed, policy: seed % 2 == 0 ? SealyardPolicy.name : nil, traceDetail: .content,
                encodesNetworkMessages: true, checksInvariants: true))
        let nodes =
            [SimulatedCluster.chainNode, SimulatedCluster.minerNode] + cluster.plan.processes.map(\.node)
        var random = cluster.world.random(named: "faults")
        let faults = FaultSchedule.drawn(nodes: nodes, count: 8, until: Self.faultsEnd, from: &random)
        try cluster.apply(faults)
        cluster.run(until: Self.faultsEnd)
        // A day is a hundred times what a sector needs.
        let deadline = Clusters.days(1)
        while cluster.world.now < deadline, cluster.provenCount + cluster.failedCount < Self.sectorCount {
            cluster.run(until: cluster.world.now + .seconds(600))
        }
        let left = cluster.sectorStore.load(miner: cluster.plan.miner)
        return Outcome(
            trace: cluster.traceHash, proven: cluster.provenCount, failed: cluster.failedCount,
            pledged: cluster.pledgedCount, lost: cluster.world.statistics.lost,
            unfinished: left.filter { $0.state.isSealing }.map { "\($0.key) in \($0.state.rawValue)" },
            unexplained: left.filter { $0.state == .failedUnrecoverable && $0.lastError == nil }
                .map(\.key.description))
    }

    @Test("every pledged sector ends in Proving, or is given up with a reason", arguments: Self.seeds)
    func ends(seed: UInt64) throws {
        let outcome = try run(seed: seed)
        #expect(outcome.pledged == Self.sectorCount)
        #expect(outcome.unfinished == [])
        #expect(outcome.unexplained == [])
        #expect(outcome.proven + outcome.failed == Self.sectorCount)
        // Faults of infrastructure never cost a sector for good.
        #expect(outcome.failed == 0)
    }

    @Test("a seed under faults gives the same trace twice", arguments: [UInt64(3), 17, 42])
    func repeats(seed: UInt64) throws {
        #expect(try run(seed: seed) == run(seed: seed))
    }

    @Test("the faults bite: messages are lost in most runs")
    func bites() throws {
        let lost = try (UInt64(1)...10).map { try run(seed: $0).lost }
        #expect(lost.filter { $0 > 0 }.count >= 8)
    }
}
