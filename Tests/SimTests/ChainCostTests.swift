// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Kernel
import Sim
import Testing

@Suite("What a run costs on the chain")
struct ChainCostTests {
    private func big(_ digits: String) throws -> BigNumber { try #require(BigNumber(digits)) }

    /// A real run of small sectors, so that messages and deadlines are the components' own.
    private func devnet(
        _ sets: [String], days: Double = 1, seed: UInt64 = 5
    ) throws -> (SimulatedCluster, SimulationReport) {
        let scenario = try Scenario.load(
            path: ShippedScenarios.folder.appendingPathComponent("devnet.yaml").path,
            overrides: (["faults=[]", "workload.sectorsMax=40"] + sets).map { ScenarioOverride($0) })
        let cluster = try SimulatedCluster(scenario, options: .init(seed: seed))
        cluster.run(until: Instant(seconds: days * 86_400))
        return (cluster, cluster.report())
    }

    @Test("messages are counted as they land: each sector by itself, or in batches, which save gas")
    func messages() throws {
        let alone = try devnet(["miner.batchPreCommits=false"]).1
        let batched = try devnet(["miner.aggregateCommits=true", "miner.commitBatchWait=1h"]).1
        func sent(_ report: SimulationReport, _ kind: ChainLedger.Kind) throws -> ChainCost.Messages {
            try #require(report.chainCost.messages.first { $0.kind == kind })
        }
        #expect(alone.sectorsProving == 40 && batched.sectorsProving == 40)
        for kind in [ChainLedger.Kind.preCommit, .proveCommit] {
            let (one, many) = (try sent(alone, kind), try sent(batched, kind))
            #expect(one.messageCount == 40 && one.itemCount == 40)
            #expect(many.messageCount < 25 && many.itemCount == 40, "\(many)")
            #expect(many.burnt < one.burnt)
        }
        // What a sector adds to a batch nobody published, nor what a window proof takes.
        func marks(_ report: SimulationReport) -> [String: (Scenario.Provenance?, String)] {
            let gas = report.costLines.filter { $0.name.hasPrefix("gas of ") && $0.area == "chain" }
            return Dictionary(uniqueKeysWithValues: gas.map { ($0.name, ($0.provenance, $0.source)) })
        }
        let (own, shared) = (marks(alone), marks(batched))
        for name in ["gas of pre-commitments", "gas of prove-commitments"] {
            #expect(own[name]?.0 == .published && shared[name]?.0 == .assumed, "\(own) \(shared)")
            #expect(own[name]?.1.contains("gasguess") == true && own[name]?.1.contains("assumed") == false)
            #expect(shared[name]?.1.contains("what batches save is assumed") == true)
        }
        #expect(own["gas of window PoSt"]?.0 == .assumed)
        #expect(own["gas of window PoSt"]?.1.hasPrefix("gas assumed") == true)
        // By hand: a pre-commitment uses 22.9 M of gas, its limit is a quarter above, and of what was not
        // used (1.25 − 1.1) × 5.725 M is burnt too; base fee 0.1 nanoFIL, tip 100,000 attoFIL on the limit.
        let one = try sent(alone, .preCommit)
        #expect(one.gasUsed == 40 * 22_900_000)
        let burnt: BigNumber = 40 * (22_900_000 + 858_750) * 100_000_000
        #expect(one.burnt == burnt && one.burnt - burnt == 0)
        #expect(one.tips == 40 * 28_625_000 * 100_000 as BigNumber)
        // Partitions of two sectors, three in a message at most.
        let proofs = try sent(alone, .windowPoSt)
        #expect(proofs.itemCount == alone.windowPoSt.submitted && proofs.messageCount <= proofs.itemCount)
    }

    @Test("pledge, rewards and daily fees are those of the sectors, and nothing is owed where nothing failed")
    func amounts() throws {
        let chain = try devnet([]).1.chainCost
        // 2 KiB is 2^-24 of 32 GiB, for which 181210041046142577 is known.
        // The three parts of the pledge are rounded down each by itself.
        let known = try big("181210041046142577") >> 24
        #expect(chain.pledgePerSector <= known && chain.pledgePerSector + 3 > known)
        #expect(chain.pledgeLocked == chain.pledgePerSector * 40 && chain.pledgeAtEnd == chain.pledgeLocked)
        #expect(chain.penalties == 0 && chain.faultySectorDays == 0 && chain.depositsBurnt == 0)
        // A day of 4 s epochs is seven and a half periods; sectors come in over the day.
        #expect((40 * 2...40 * 8).contains(chain.provenSectorDays), "\(chain.provenSectorDays)")
        // 6866455078125000 in 20 days for 32 GiB, known; a day of a sector of 2 KiB is 20 · 2^24 times less.
        let days = BigNumber(chain.provenSectorDays)
        #expect(chain.expectedReward == (try big("6866455078125000") * days / 20) >> 24)
    }

    @Test("a network at another state, as the scenario has it, is reckoned by its own numbers")
    func setting() throws {
        let chain = try devnet([
            "costs={chain: {baseFee: 2nFIL, premium: 0aFIL, rewardPerEpoch: 40FIL, verifiedShare: 100%, "
                + "provenance: measured, source: this morning}}", "miner.batchPreCommits=false",
        ])
        let usual = try devnet(["miner.batchPreCommits=false"])
        #expect(chain.0.traceHash == usual.0.traceHash)
        let (now, then) = (chain.1.chainCost, usual.1.chainCost)
        #expect(now.messages[0].burnt == then.messages[0].burnt * 20 && now.messages[0].tips == 0)
        // Half the reward for ten times the power.
        #expect(abs(now.expectedReward.double / then.expectedReward.double - 5) < 1e-6)
        let lines = chain.1.costLines.filter { $0.area == "chain" }
        #expect(lines.contains { $0.name == "initial pledge, locked" && $0.provenance == .measured })
        #expect(lines.contains { $0.source.contains("this morning") })
        #expect(lines.first?.provenance == .published)
    }

    /// Deadlines are missed while the miner is away; the sectors are faulty from then on, and are charged
    /// where they still are at the next end.
    @Test("missed proofs are charged from the next period on, by the fee of the spec")
    func faults() throws {
        // Periods of 2880 epochs of 4 s; down for two of them.
        let (_, report) = try devnet(
            ["faults=[{at: 12h, kind: minerKilled, target: miner, duration: 7h}]", "workload.sectorsMax=8"],
            days: 1.5)
        let chain = report.chainCost
        #expect(chain.faultySectorDays >= 8, "\(chain.faultySectorDays)")
        let power = BigNumber(2048)
        let one = ChainEconomics.faultFee(bytes: power, Scenario.Defaults.chain.state)
        // Some atto lie between the fee of two sectors and twice that of one.
        let least = one * BigNumber(chain.faultySectorDays)
        #expect(chain.faultFees >= least && chain.faultFees < least + BigNumber(chain.faultySectorDays))
        #expect(chain.messages.contains { $0.kind == .recoveries })
        #expect(report.text.contains("fees for faults"))
    }

    @Test("what a reorganization undoes is not paid for, and what is sent again is paid once")
    func reorganization() throws {
        let (_, report) = try devnet(
            ["faults=[{mtbf: 20m, kind: chainReorg, target: chain}]", "miner.batchPreCommits=false"])
        #expect(report.sectorsProving == 40)
        for kind in [ChainLedger.Kind.preCommit, .proveCommit] {
            #expect(report.chainCost.messages.first { $0.kind == kind }?.itemCount == 40, "\(kind)")
        }
        #expect(report.chainCost.depositsLocked == 0)
    }

    @Test("gas is dearer while the base fee is high, for the messages that land then")
    func spike() throws {
        let calm = try devnet(["miner.batchPreCommits=false"]).1.chainCost
        let dear = try devnet([
            "faults=[{at: 0s, kind: baseFeeSpike, target: chain, duration: 2d, factor: 7}]",
            "miner.batchPreCommits=false",
        ]).1.chainCost
        #expect(dear.messages[0].messageCount == 40 && dear.messages[0].burnt == calm.messages[0].burnt * 7)
    }

    @Test("quality-adjusted power is one to ten times the size")
    func power() {
        let size = 32 << 30
        #expect(ChainEconomics.power(sectorBytes: size, verifiedBytes: 0) == BigNumber(size))
        #expect(ChainEconomics.power(sectorBytes: size, verifiedBytes: size) == BigNumber(size) * 10)
        #expect(ChainEconomics.power(sectorBytes: size, verifiedBytes: size / 2) == BigNumber(size) * 11 / 2)
    }

    @Test(
        "amounts of FIL and networks' power are read exactly and written back",
        arguments: ["80FIL", "1nFIL", "100000aFIL", "600000000FIL", "0aFIL"])
    func quantities(_ text: String) throws {
        #expect(try Quantity.attoFIL(text).description == text)
    }

    @Test("amounts that are none are refused by name")
    func refusals() throws {
        #expect(try Quantity.attoFIL("0.1 nFIL") == AttoFIL(100_000_000))
        #expect(try Quantity.networkPower("20EiB").bytes == 20 << 60)
        for text in ["80", "80fil", "-1FIL", "1FIL 2", "99999999999FIL", ""] {
            #expect(throws: QuantityError.self) { try Quantity.attoFIL(text) }
        }
        #expect(throws: QuantityError.self) { try Quantity.networkPower("2000000EiB") }
        #expect {
            _ = try Scenario.parse(text: "costs: {chain: {networkPower: 0B}}", fileName: "f.yaml")
        } throws: { "\($0)".contains("a network without power pays nobody") }
    }

    @Test(
        "people see four digits in a unit that they can read",
        arguments: [
            ("0", "0 FIL"), ("181210041046142577", "0.1812 FIL"), ("111081755161285399701", "111.1 FIL"),
            ("3335993870096", "3336 nanoFIL"), ("42", "42 attoFIL"), ("12345000000000000000000", "12345 FIL"),
        ])
    func shown(_ atto: String, _ text: String) throws {
        #expect(CostLine.text(try big(atto)) == text)
    }

    @Test("where a FIL has a price, the run has a balance in the currency: the sum of its own lines")
    func balance() throws {
        let prices = [
            "costs={currency: USD, electricityPerKilowattHour: 0.1, rackUnitMonth: 30, "
                + "hosts: {worker: {price: 1095, power: 1000, rackUnits: 1}}, chain: {filPrice: 4}}"
        ]
        let report = try devnet(prices).1
        let balance = try #require(report.cost?.balance)
        func amount(_ name: String) throws -> Double {
            try #require(report.costLines.first { $0.name == name }?.amount)
        }
        let spent =
            try report.costLines.filter { $0.area == "chain" && $0.name.hasPrefix("gas of") }
            .compactMap(\.amount).reduce(0, +) + amount("fees for faults") + amount("fees for endings")
            + amount("daily fees") + amount("deposits, burnt")
        func isNear(_ one: Double, _ other: Double) -> Bool { abs(one - other) <= abs(other) * 1e-9 }
        #expect(isNear(balance.spentOnChain, spent * 4) && spent > 0)
        #expect(isNear(balance.rewards, try amount("rewards to be expected") * 4) && balance.rewards > 0)
        let locked = try amount("initial pledge, locked") + amount("deposits, locked at the end")
        #expect(isNear(balance.locked, locked * 4) && locked > 0)
        // Three hosts over three years, 3 kW and three rack units for a day.
        #expect(isNear(balance.spentOnCluster, 3 + 7.2 + 3), "\(balance)")
        #expect(isNear(try amount("left of the run"), balance.rewards - balance.spentOnChain - 13.2))
        let line = try #require(report.costLines.first { $0.name == "left of the run" })
        #expect(line.basis.contains("without long-term storage") && line.unit == "USD", "\(line)")
        // What lies in long-term storage is paid for from day to day, not as at the end from the beginning.
        let store = "costs.storePerTebibyteMonth=3000000"
        let (first, second) = (try devnet(prices + [store]).1, try devnet(prices + [store], days: 2).1)
        let day = try #require(first.cost?.storagePerDay)
        let firstDay = try #require(first.cost?.balance).spentOnCluster - 13.2
        let bothDays = try #require(second.cost?.balance).spentOnCluster - 2 * 13.2
        #expect(firstDay > 0.5 * day && firstDay < 0.95 * day, "\(firstDay) of \(day)")
        #expect(second.sectorsProving == first.sectorsProving)
        #expect(abs(bothDays - firstDay - day) < 0.05 * day, "\(bothDays) and \(firstDay) of \(day)")
        // Without the price there is none, and nothing is made up.
        let unpriced = try devnet(["costs={currency: USD, hosts: {worker: {price: 1095, power: 100}}}"]).1
        #expect(unpriced.cost != nil && unpriced.cost?.balance == nil)
        #expect(!unpriced.costLines.contains { $0.name == "left of the run" })
    }
}
