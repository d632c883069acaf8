// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

@Suite("The cheapest cluster within bounds")
struct OptimizerBoundTests {
    /// The handbook's cluster with prices: a P1 host draws 1.5 kW, a C2 host 1.2, the miner's 0.5. Two P1
    /// hosts seal 7.3 TiB/day.
    private static func scenario(_ more: [String] = []) throws -> Scenario {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let costs =
            "costs={currency: USD, electricityPerKilowattHour: 0.1, depreciation: 1095d, "
            + "storePerTebibyteMonth: 2, hosts: {p1: {price: 40000, power: 1500}, "
            + "c2: {price: 20000, power: 1200}, miner: {price: 10000, power: 500}}}"
        return try Scenario.load(
            path: folder.appendingPathComponent("Scenarios/handbook-f0494733.yaml").path,
            overrides: ([costs] + more).map { ScenarioOverride($0) })
    }

    private static func options(
        _ target: Double = 7, p1: String = "p1=1..6", _ change: (inout ClusterBounds) -> Void = { _ in }
    ) throws -> Optimizer.Options {
        var options = try Optimizer.Options(target: target, ranges: [HostRange(p1), HostRange("c2=1..3")])
        change(&options.bounds)
        options.simulatedCount = 1
        options.replications = 1
        options.until = .seconds(5 * 86_400)
        return options
    }

    /// The message of a search that finds nothing.
    private static func message(_ options: Optimizer.Options) throws -> String {
        do {
            _ = try Optimizer(scenario(), options).run()
            return "found"
        } catch let error as StudyError where error.code == .unreachable {
            return error.message
        }
    }

    @Test("every bound that is a sum over hosts says by itself that it binds, with what would be needed")
    func oneBinds() throws {
        // Two P1 hosts, one C2 host and the miner's: 110,000 USD, 4.7 kW, four hosts.
        let power = try Self.message(Self.options { $0.watts = 4_600 })
        #expect(power.contains("power alone stands in the way: 4.7 kW are needed and 4.6 kW allowed"))
        let prices = try Self.message(Self.options { $0.capital = 109_999 })
        #expect(prices.contains("prices of the hosts alone") && prices.contains("110000 USD"))
        // 4.7 kW for 720 h at 0.1, and 2 for each of the 7 TiB a day in the three days after the warm-up.
        let monthly = try Self.message(Self.options { $0.monthly = 300 })
        #expect(monthly.contains("OpEx of a month (without space) alone stands in the way: 380.4 USD"))
        let hosts = try Self.message(Self.options { $0.hostCount = 3 })
        #expect(hosts.contains("hosts alone stands in the way: 4 are needed and 3 allowed"))
        #expect(hosts.contains("within all bounds the best does 3.652"))
    }

    @Test("of two bounds that bind at once both are named; a target out of reach is no matter of bounds")
    func twoBind() throws {
        let both = try Self.message(
            Self.options {
                $0.watts = 4_000
                $0.hostCount = 3
            })
        #expect(both.contains("power: at least 4.7 kW") && both.contains("hosts: at least 4 are needed"))
        let far = try Self.message(Self.options(1_000) { $0.hostCount = 3 })
        #expect(far.contains("the best does 21.91") && far.contains("PreCommit1"))
    }

    // By hand, of a month: 720 h × 4.7 kW × 0.1 = 338.4; 4 rack units × 4 hosts × 25 = 400; 2 for a TiB.
    @Test("OpEx is electricity, rack units and stored TiB, by formula and as simulated, as simulate tells it")
    func operating() throws {
        let space = [
            "costs.rackUnitMonth=25", "costs.hosts.p1.rackUnits=4", "costs.hosts.c2.rackUnits=4",
            "costs.hosts.miner.rackUnits=4",
        ]
        let scenario = try Self.scenario(space)
        let result = try Optimizer(scenario, Self.options { $0.monthly = 900 }).run()
        let best = try #require(result.simulated.first)
        #expect(best.counts == [2, 1, 1] && result.answers.count == 1 && result.operatingWithout.isEmpty)
        let formula = try #require(best.operating)
        #expect(abs(try #require(formula.electricity) - 338.4) < 1e-9 && formula.space == 400)
        #expect(formula.storage == 42)
        #expect(abs(best.taken[0] - 780.4) < 1e-9)
        // Rack units count for what is cheapest as well.
        let month: Double = 738.4
        #expect(abs(best.costPerDay - (110_000 / 1095 + month / 30)) < 1e-9)
        // What simulate says of the same cluster.
        var same = scenario
        same.hosts[0].count = 2
        same.hosts[1].count = 1
        let cluster = try SimulatedCluster(same, options: .init(seed: 1))
        cluster.run(until: Instant(seconds: 5 * 86_400))
        let report = cluster.report()
        let cost = try #require(report.cost)
        let stored = Double(report.sectorsProving) / 16
        let total = try #require(cost.operating.total)
        #expect(abs(total - month - 2 * stored) < 1e-6 && stored > 21)
        #expect(best.monthly?.mean == total)
        let line = try #require(report.costLines.first { $0.name == "one month of operation" })
        #expect(line.amount == total)
        let json = result.document.json
        #expect(json.contains("\"space\": 400") && json.contains("\"total\": 780.4"))
        #expect(result.text.contains("OpEx, USD/month") && !result.text.contains("OpEx has no price"))
        // The formula counts only what is surely stored: a run may tell that it is too much.
        let tight = try Optimizer(scenario, Self.options { $0.monthly = 785 }).run()
        #expect(tight.answers.isEmpty && tight.text.contains("no: OpEx "))
    }

    @Test("what has no price is left out of OpEx by name, and no limit is held against nothing")
    func withoutPrices() throws {
        let free = try Self.scenario([
            "costs.storePerTebibyteMonth=0", "costs.rackUnitMonth=25", "costs.hosts.p1.rackUnits=4",
        ])
        let result = try Optimizer(free, Self.options { $0.monthly = 600 }).run()
        let without = ["long-term storage", "the space of hosts c2", "the space of hosts miner"]
        #expect(result.operatingWithout == without && result.sums[0].without == without)
        #expect(result.simulated[0].operating?.storage == nil && result.simulated[0].operating?.space == 200)
        #expect(result.text.contains("OpEx has no price for  long-term storage, the space of hosts c2"))
        #expect(result.document.json.contains("\"opexWithout\""))
        var nothing = try Self.scenario(["costs.storePerTebibyteMonth=0"])
        nothing.costs?.electricityPerKilowattHour = Money(micros: 0)
        #expect { _ = try Optimizer(nothing, Self.options { $0.monthly = 5 }) } throws: {
            "\($0)".contains("--max-opex: the costs section has no price for any of electricity")
        }
    }

    @Test("a bound takes away what exceeds it, from the answers and from the least regretted")
    func within() throws {
        let result = try Optimizer(
            Self.scenario(),
            Self.options {
                $0.hostCount = 4
                $0.watts = 4_700
            }
        ).run()
        #expect(result.feasibleCount == 1 && result.simulated.map(\.counts) == [[2, 1, 1]])
        #expect(result.simulated[0].taken == [4.7, 4] && result.answers.count == 1)
        #expect(result.leastRegret?.counts == [2, 1, 1])
        #expect(result.text.contains("power, kW") && result.document.json.contains("\"bounds\""))
    }

    @Test(
        "latency is told by runs: with less room for the bound, rounds with more to spare follow, and say so")
    func latency() throws {
        // No sector takes less than its way of eight hours, so that all rounds are in vain.
        let result = try Optimizer(
            Self.scenario(), Self.options(7, p1: "p1=2..4") { $0.latency = .seconds(3600) }
        ).run()
        #expect(result.simulated.count > 1 && result.simulated.count <= Optimizer.roundCountMax)
        #expect(result.answers.isEmpty && result.text.contains("none is confirmed"))
        #expect(result.leastRegret == nil && !result.text.contains("least regret"))
        let refusal = try #require(result.refusal)
        #expect(refusal.contains("p95 from pledge to proving is ") && refusal.contains(" at best (p1="))
        #expect(refusal.contains("60 min allowed") && !refusal.contains("throughput"), "\(refusal)")
        #expect(result.simulatedCount == result.simulated.count)
        let first = result.shortcomings(result.simulated[0])
        #expect(first.count == 1 && first[0].hasPrefix("p95 "))
        let easy = try Optimizer(
            Self.scenario(), Self.options(7, p1: "p1=2..4") { $0.latency = .seconds(10 * 86_400) }
        ).run()
        #expect(easy.simulated.count == 1 && easy.answers.count == 1 && easy.refusal == nil)
        // What is recommended was simulated and keeps the bound, whatever the formula says.
        #expect(try easy.reaches(#require(easy.leastRegret)))
    }

    @Test("a cluster that misses deadlines is no answer where none may be missed")
    func missed() throws {
        // A proof of four hours for each partition is never there in time.
        let scenario = try Self.scenario([
            "workload.provingAtStart=2000", "tasks.WindowPoSt.duration=4h",
        ])
        let strict = try Optimizer(scenario, Self.options(7, p1: "p1=2..3") { $0.allowsMissedPoSt = false })
            .run()
        #expect(strict.answers.isEmpty && (strict.simulated[0].missedCount ?? 0) > 0)
        #expect(strict.text.contains("missed PoSt"))
        let lax = try Optimizer(scenario, Self.options(7, p1: "p1=2..3")).run()
        #expect(lax.answers.count == 1)
    }

    @Test("bounds that cannot be held against anything are refused by their flag")
    func refusals() throws {
        for (flag, change) in [
            ("--max-power", { (bounds: inout ClusterBounds) in bounds.watts = 0 }),
            ("--max-capex", { bounds in bounds.capital = -.infinity }),
            ("--max-hosts", { bounds in bounds.hostCount = 0 }),
            ("--max-latency", { bounds in bounds.latency = .zero }),
        ] {
            #expect("\(flag)") {
                _ = try Optimizer(Self.scenario(), Self.options(7, p1: "p1=1..6", change))
            } throws: {
                "\($0)".contains(flag)
            }
        }
        var free = try Self.scenario()
        free.costs?.hosts.removeLast()
        #expect { _ = try Optimizer(free, Self.options { $0.watts = 5_000 }) } throws: {
            "\($0)".contains("'miner'")
        }
        // What nobody gave a range for is not bought without a price.
        #expect(try Optimizer(free, .init(target: 7, ranges: [])).ranges.map(\.upperBound) == [96, 12, 1])
        // What is not bought needs no price; what is would be taken for free.
        #expect(throws: Never.self) { try Optimizer(free, Self.options()) }
        free.costs?.hosts.removeAll { $0.group == "p1" }
        #expect { _ = try Optimizer(free, Self.options()) } throws: {
            "\($0)".contains("what a host of p1 costs")
        }
        free.costs = nil
        #expect { _ = try Optimizer(free, Self.options { $0.capital = 5 }) } throws: {
            "\($0)".contains("no costs section")
        }
    }

    @Test("nearly a million candidates are screened without a list of them, and the cheapest is found")
    func million() throws {
        var options = try Optimizer.Options(
            target: 7, ranges: [HostRange("p1=1..10000"), HostRange("c2=1..99")])
        options.simulatedCount = 1
        options.replications = 1
        options.spread = 0
        options.until = .seconds(4 * 86_400)
        let result = try Optimizer(Self.scenario(), options).run()
        #expect(result.screenedCount == 990_000 && result.simulated.map(\.counts) == [[2, 1, 1]])
        #expect(result.feasibleCount == 9_999 * 99)
    }
}
