// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

@Suite("Published figures come out of the shipped scenarios")
struct ScenarioReferenceTests {
    /// Each figure with the half of its last digit, and who published it.
    static let figures: [(name: String, tebibytesPerDay: Double, rounding: Double)] = [
        // docs.filecoin.io, Sealing rate: 15 sectors in parallel at 3 h.
        ("reference-15x3h", 3.75, 0.005),
        // docs.filecoin.io, Reference architectures: at most 7 TiB/day, "theoretical, at full speed". From
        // the documents' own inputs, none of them fitted.
        ("reference-1pib", 7, 0.5),
        // supranational/supra_seal, pc1/README: 64 sectors in 3.5 h, 128 in about 3.5 h.
        ("batch-64", 64 / 3.5 * 24 * 32 / 1024, 0.05),
        ("batch-128", 128 / 3.5 * 24 * 32 / 1024, 0.05),
    ]

    @Test(
        "the closed form gives the figure within its rounding, and PreCommit1 is what limits",
        arguments: figures)
    func closedForm(_ name: String, _ figure: Double, _ rounding: Double) throws {
        let cluster = try SimulatedCluster(try ShippedScenarios.load(name))
        let limit = try #require(cluster.report().limits.first)
        #expect(limit.name == "PreCommit1")
        #expect(abs(limit.tebibytesPerDay - figure) <= rounding)
    }

    @Test("so does a run of four days", arguments: [("reference-15x3h", 3.75), ("reference-1pib", 7.5)])
    func run(_ name: String, _ figure: Double) throws {
        let cluster = try SimulatedCluster(try ShippedScenarios.load(name), options: .init(seed: 2))
        cluster.run(until: Instant(seconds: 4 * 86_400))
        let report = cluster.report()
        #expect(abs(try #require(report.tebibytesPerDay) / figure - 1) < 0.03)
        #expect(report.crossCheck?.holds == true)
    }

    /// supranational/supra_seal, pc1/README: 4200 cycles for a label of four sectors on one core, 11 layers
    /// of 2^30 labels, about 4 GHz; 3 h 26 min at best, about 3.5 h in practice, for as many sectors as the
    /// cores take. Nothing of that is in the scenario.
    @Test(
        "the time of a batch follows from the cycles of a hash",
        arguments: [("batch-64", 16), ("batch-128", 32)])
    func batch(_ name: String, _ cores: Int) throws {
        let hours = 11.0 * 0x1p30 * 4200 / 4.0e9 / 3600
        #expect(abs(hours - (3 + 26.0 / 60)) < 1.0 / 60 + 0.005)
        #expect((hours * 2).rounded() / 2 == 3.5)
        let scenario = try Scenario.load(
            path: ShippedScenarios.folder.appendingPathComponent(name + ".yaml").path,
            overrides: [ScenarioOverride("tasks.PreCommit1.duration=\(Int(hours * 3600))s")])
        #expect(scenario.slotCount(of: .preCommit1) == cores * 4)
        let limit = try #require(try SimulatedCluster(scenario).report().limits.first)
        let published = try #require(
            try SimulatedCluster(ShippedScenarios.load(name)).report().limits.first)
        #expect(limit.name == "PreCommit1")
        // "Within a few percent of the theoretical best case".
        #expect(abs(limit.tebibytesPerDay / published.tebibytesPerDay - 1) < 0.03)
    }

    /// supranational/supra_seal, README: one GPU makes PC2 (1.5 h) and C2 (2 h) of a batch of 64 while the
    /// cores label the next, 3.5 h.
    @Test("the GPU of a batch keeps pace with its cores")
    func batchPipeline() throws {
        let limits = try SimulatedCluster(ShippedScenarios.load("batch-64")).report().limits
        let (labels, trees, proofs) = (
            try #require(limits.first { $0.name == "PreCommit1" }?.sectorsPerHour),
            try #require(limits.first { $0.name == "PreCommit2" }?.sectorsPerHour),
            try #require(limits.first { $0.name == "Commit2" }?.sectorsPerHour)
        )
        #expect(abs(1 / (1 / trees + 1 / proofs) / labels - 1) < 0.01)
    }

    @Test(
        "shipped scenarios pass the check by formula that else ends the command",
        arguments: [("devnet", 2, UInt64(7)), ("handbook-f0494733", 3, 1)])
    func noFalseAlarm(_ name: String, _ days: Int, _ seed: UInt64) throws {
        let scenario = try Scenario.load(
            path: ShippedScenarios.folder.appendingPathComponent(name + ".yaml").path)
        let cluster = try SimulatedCluster(scenario, options: .init(seed: seed))
        cluster.run(until: Instant(seconds: Double(days * 86_400)))
        let check = try #require(cluster.report().crossCheck)
        #expect(check.holds, "\(check.text)")
    }

    @Test("under stress every sector is sealed or given up, and none is lost")
    func stress() throws {
        let scenario = try Scenario.load(
            path: ShippedScenarios.folder.appendingPathComponent("stress.yaml").path,
            overrides: [
                ScenarioOverride("workload.sectorsMax=60"), ScenarioOverride("hosts.worker.count=16"),
            ])
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 4, checksInvariants: true))
        cluster.run(until: Instant(seconds: 14 * 3600))
        let report = cluster.report()
        #expect(report.sectorsPledged == 60)
        #expect(report.sectorsProving + report.sectorsSealing + report.sectorsFailed == 60)
        #expect(report.sectorsProving > 50)
    }
}
