// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

/// Shipped scenarios that have prices.
@Suite("Prices of shipped scenarios")
struct ScenarioPriceTests {
    private static let priced = [
        "batch-128", "batch-64", "curio-node", "priced-f0494733", "reference-15x3h", "reference-1pib",
    ]

    private func run(
        _ name: String, days: Double = 1.5, _ sets: [String] = []
    ) throws -> (SimulatedCluster, SimulationReport) {
        let scenario = try Scenario.load(
            path: ShippedScenarios.folder.appendingPathComponent(name + ".yaml").path,
            overrides: (["hosts.p1.count=1", "report.warmUp=1d"] + sets).map { ScenarioOverride($0) })
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 3))
        cluster.run(until: Instant(seconds: days * 86_400))
        return (cluster, cluster.report())
    }

    @Test("there are some, and nothing in them is without a price, a mark and a source")
    func complete() throws {
        let found = try ScenarioShippedTests.names.filter { try ShippedScenarios.load($0).costs != nil }
        #expect(found == Self.priced)
        for name in Self.priced {
            let scenario = try ShippedScenarios.load(name)
            let costs = try #require(scenario.costs)
            #expect(scenario.missingPrices.isEmpty, "\(name)")
            #expect(costs.hosts.map(\.group) == scenario.hosts.map(\.name))
            let marks = [
                "electricityPerKilowattHour", "depreciation", "storePerTebibyteMonth", "rackUnitMonth",
            ].map(costs.mark)
            let sources = costs.hosts.map(\.source) + marks.map(\.source) + [costs.chain.source]
            #expect(sources.allSatisfy { $0.count > 20 }, "\(sources)")
            // A guess says whose it is, and only a guess does.
            let provenances =
                costs.hosts.map(\.provenance) + marks.map(\.provenance) + [costs.chain.provenance]
            for (mark, source) in zip(provenances, sources) {
                #expect((mark == .assumed) == source.contains("authors of this file"), "\(source)")
                // What is called published, or a maker's list price, names the page, or that it has none.
                let isSaid = mark == .published || source.contains("list price")
                let isShown = source.contains("https://") || source.contains("from memory")
                #expect(!isSaid || isShown, "\(name): \(source)")
                #expect(mark != .published || source.contains("https://"), "\(name): \(source)")
            }
        }
    }

    @Test("every cost line of a run comes out with an amount, its mark and its source")
    func lines() throws {
        let report = try run("priced-f0494733").1
        let lines = report.costLines.filter { $0.area == "cluster" }
        #expect(
            lines.map(\.name) == [
                "hosts p1", "hosts c2", "hosts miner", "all hosts", "hosts by day", "electricity", "space",
                "long-term storage", "one month of operation", "one TiB sealed", "gas of one TiB",
                "locked as pledge", "earned in the run", "spent on the chain", "left of the run",
            ])
        #expect(lines.allSatisfy { $0.amount != nil && !$0.source.isEmpty })
        func line(_ name: String) throws -> CostLine { try #require(lines.first { $0.name == name }) }
        // The price of electricity is published, but the draw is a guess; storage has no such part.
        #expect(try line("electricity").provenance == .assumed)
        #expect(try line("electricity").source.contains("U.S. Energy Information Administration"))
        #expect(try line("long-term storage").provenance == .published)
        #expect(try line("one TiB sealed").provenance == .assumed)
        #expect(try line("one TiB sealed").basis == "hosts, electricity and space")
        #expect(report.cost?.missing.isEmpty == true && !report.text.contains("no price"))
        // One P1 host, three for Commit2, the miner's: by hand.
        #expect(try line("all hosts").amount == 90_000)
        let (space, power) = (try line("space").amount, try line("electricity").amount)
        #expect(abs(try #require(space) - 500 / 30) < 1e-9)
        #expect(abs(try #require(power) - 7.6 * 24 * 0.1122) < 1e-9)
    }

    /// Files that bear no prices say so in a comment of their own: an include is for figures.
    @Test("every shipped scenario has prices or says why it has none")
    func pricedOrNot() throws {
        let tournament = ShippedScenarios.folder.appendingPathComponent("tournament")
        let more = try FileManager.default.contentsOfDirectory(atPath: tournament.path)
            .filter { $0.hasSuffix(".yaml") }.map { "tournament/" + String($0.dropLast(5)) }
        for name in ScenarioShippedTests.names + more {
            let text = try String(
                contentsOf: ShippedScenarios.folder.appendingPathComponent(name + ".yaml"), encoding: .utf8)
            let reason = text.split(separator: "\n").first { $0.hasPrefix("# No prices: ") }
            let isPriced = try ShippedScenarios.load(name).costs != nil
            #expect(isPriced == (reason == nil), "\(name)")
            #expect(reason.map { $0.count > 25 } ?? true, "\(name)")
        }
    }

    /// Hosts over three years, electricity at 11.22 cents and rack units at 25 a month, by hand.
    @Test(
        "a TiB of the reference designs costs their hosts, electricity and space by their throughput",
        arguments: [
            ("reference-15x3h", 27_500, 2.1, 8), ("reference-1pib", 53_500, 3.1, 14),
            ("curio-node", 28_500, 1.75, 8), ("batch-64", 39_500, 1.9, 8), ("batch-128", 64_500, 2.3, 8),
        ])
    func tebibyte(_ name: String, _ capital: Double, _ kilowatts: Double, _ rackUnits: Double) throws {
        let cluster = try SimulatedCluster(ShippedScenarios.load(name), options: .init(seed: 3))
        cluster.run(until: Instant(seconds: 2 * 86_400))
        let report = cluster.report()
        let perDay = capital / 1095 + kilowatts * 24 * 0.1122 + rackUnits * 25 / 30
        let rate = try #require(report.tebibytesPerDay)
        let cost = try #require(report.cost)
        #expect(cost.capital == capital && cost.missing.isEmpty)
        #expect(abs(try #require(cost.sealingPerTebibyte) / (perDay / rate) - 1) < 1e-9)
        let line = try #require(report.costLines.first { $0.name == "one TiB sealed" })
        #expect(line.provenance == .assumed && line.amount == cost.sealingPerTebibyte)
    }

    /// Backblaze B2, 2021: 0.005 USD for a gigabyte of 10^9 bytes and a month of 30 days here.
    @Test("stored gigabytes cost what the store's price list says, to its last digit")
    func storage() throws {
        let (cluster, report) = try run("priced-f0494733", days: 1.2, ["workload.provingAtStart=20000"])
        let bytes = Double(report.sectorsProving * cluster.scenario.sectorSize.bytes)
        let gigabytes = bytes / 1e9
        let month = try #require(report.cost?.operating.storage)
        #expect(abs(month / gigabytes - 0.005) < 1e-9, "\(month / gigabytes)")
        #expect(gigabytes > 1.3e6 && month > 6_800)
    }

    @Test("prices change nothing that is simulated: the trace is that of the same cluster without them")
    func trace() throws {
        let (priced, report) = try run("priced-f0494733")
        let (plain, other) = try run("handbook-f0494733")
        #expect(priced.traceHash == plain.traceHash && report.sectorsProving == other.sectorsProving)
        #expect(other.cost == nil && report.cost != nil)
    }

    @Test("a value's own mark is read, written back, and refused where it marks nothing or says nothing")
    func marks() throws {
        let sources =
            "costs={electricityPerKilowattHour: 0.1, provenance: measured, source: the bill, "
            + "sources: {rackUnitMonth: {provenance: published, source: a list}}}"
        let scenario = try Scenario.load(
            path: ShippedScenarios.folder.appendingPathComponent("devnet.yaml").path,
            overrides: [ScenarioOverride(sources)])
        let costs = try #require(scenario.costs)
        #expect(costs.mark("rackUnitMonth").source == "a list")
        #expect(costs.mark("electricityPerKilowattHour").source == "the bill")
        #expect(costs.mark("electricityPerKilowattHour").provenance == .measured)
        #expect(try Scenario.parse(text: scenario.normalized.json, fileName: "n.json") == scenario)
        for (text, complaint) in [
            ("{rackUnits: {source: a list}}", "unknown key \"rackUnits\""),
            ("{rackUnitMonth: {provenance: published}}", "\"source\" is missing"),
            ("{rackUnitMonth: {provenance: known, source: a list}}", "provenance"),
        ] {
            #expect {
                _ = try Scenario.parse(text: "costs: {sources: \(text)}", fileName: "f.yaml")
            } throws: { "\($0)".contains(complaint) }
        }
    }
}
