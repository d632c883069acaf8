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
        // docs.filecoin.io, Reference architectures: at most 7 TiB/day.
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

    @Test("so does a run of four days", arguments: [("reference-15x3h", 3.75), ("reference-1pib", 7)])
    func run(_ name: String, _ figure: Double) throws {
        let cluster = try SimulatedCluster(try ShippedScenarios.load(name), options: .init(seed: 2))
        cluster.run(until: Instant(seconds: 4 * 86_400))
        let report = cluster.report()
        #expect(abs(try #require(report.tebibytesPerDay) / figure - 1) < 0.03)
        #expect(report.crossCheck?.holds == true)
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
