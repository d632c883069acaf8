// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Scheduler
import Sim
import Testing

@Suite("A devnet under drawn faults")
struct ClusterFaultTests {
    /// The usual fifty, or those that `SIM_SEED` names: `7`, or `51-300` for a longer search.
    private static let seeds: [UInt64] = {
        let named = ProcessInfo.processInfo.environment["SIM_SEED"] ?? ""
        let ends = named.split(separator: "-").compactMap { UInt64($0) }
        guard let first = ends.first, let last = ends.last, first <= last else { return Array(1...50) }
        return Array(first...last)
    }()

    private func run(seed: UInt64, traceDetail: TraceDetail = .route) throws -> ClusterTrial.Outcome {
        var trial = try ClusterTrial(
            Clusters.shipped("devnet"), sectorCount: 16, faultCount: 12, faultsEnd: .seconds(1_800))
        trial.traceDetail = traceDetail
        // Half of the seeds try each of two policies.
        trial.policy = seed % 2 == 0 ? SealyardPolicy.name : nil
        // A third of them has workers whose tasks take much more than the table says, and who find out.
        trial.drawsMemory = seed % 3 == 0
        return try trial.run(ExploreCase(seed: seed, faults: trial.faults(of: seed)))
    }

    @Test("every sector ends well and nothing is left over", arguments: Self.seeds)
    func ends(seed: UInt64) throws {
        let outcome = try run(seed: seed)
        #expect(outcome.findings == [])
        #expect(outcome.proven + outcome.failed == 16)
    }

    /// Each was cut off from the chain while its pre-commitment landed, lost files, and drew another ticket.
    @Test("a sector that the chain knows keeps its ticket", arguments: [UInt64(572), 898, 1_082])
    func keepsTicket(seed: UInt64) throws { try ends(seed: seed) }

    @Test("a seed under faults gives the same trace twice", arguments: [UInt64(3), 17, 42])
    func repeats(seed: UInt64) throws {
        #expect(try run(seed: seed, traceDetail: .content) == run(seed: seed, traceDetail: .content))
    }

    @Test("the faults bite: messages are lost in most runs")
    func bites() throws {
        let lost = try (UInt64(1)...10).map { try run(seed: $0).lost }
        #expect(lost.filter { $0 > 0 }.count >= 5)
    }

    @Test("every kind is drawn sooner or later, and its line reads back as the same fault")
    func draws() throws {
        let scenario = try Clusters.shipped("devnet")
        var random = RandomStream(seed: 1, name: "test")
        let faults = FaultDraw(scenario).faults(count: 900, until: .seconds(7200), from: &random)
        // A devnet's hosts have no card to lose.
        #expect(Set(faults.map(\.kind)) == Set(Scenario.Fault.Kind.allCases).subtracting([.gpuLost]))
        let equipped = try Scenario.load(
            path: Clusters.folder.appendingPathComponent("devnet.yaml").path,
            overrides: [ScenarioOverride("hosts.worker.gpus=[{model: any, count: 1}]")])
        let others = FaultDraw(equipped).faults(count: 900, until: .seconds(7200), from: &random)
        #expect(Set(others.map(\.kind)) == Set(Scenario.Fault.Kind.allCases))
        let again = try Scenario.load(
            path: Clusters.folder.appendingPathComponent("devnet.yaml").path,
            overrides: [ScenarioOverride("faults=\(Array(faults.prefix(20)).yaml)")])
        #expect(again.faults == Array(faults.prefix(20)))
    }
}
