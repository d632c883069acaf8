// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

/// Runs of one host with 15 PreCommit1 slots of 3 h, of which one thing is changed.
private enum OneHost {
    static func report(_ sets: [String], days: Double = 5) throws -> SimulationReport {
        let scenario = try Scenario.load(
            path: Clusters.folder.appendingPathComponent("reference-15x3h.yaml").path,
            overrides: sets.map { ScenarioOverride($0) })
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 2))
        cluster.run(until: Clusters.days(days))
        return cluster.report()
    }
}

@Suite("Why PreCommit1 is no faster, in words")
struct DiagnosisTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var sets: [String]
        /// What the words must hold.
        var words: [String]
        /// What limits the cluster; `nil` where nothing is said of it.
        var bottleneck: String?
        var testDescription: String { sets.joined(separator: " ") }
    }

    static let cases: [Case] = [
        Case(sets: [], words: ["nothing blocks them, there are too few"], bottleneck: "PreCommit1"),
        Case(
            sets: ["tasks.PreCommit2.duration=1h"],
            words: ["because PreCommit2 does not keep up", "keeps its room on the sealing disks"],
            bottleneck: "PreCommit2"),
        Case(
            sets: ["tasks.Commit2.duration=2h"], words: ["because Commit2 does not keep up"],
            bottleneck: "Commit2"),
        Case(
            sets: ["tasks.Finalize.duration=1h"], words: ["because Finalize does not keep up"],
            bottleneck: "Finalize"),
        Case(
            sets: ["tasks.AddPiece.duration=1h"], words: ["because AddPiece does not keep up"],
            bottleneck: "AddPiece"),
        Case(
            sets: ["workload.tickets.PreCommit1={rate: 1/30m, per: host}"],
            words: ["sectors wait for them: tickets hold them back"], bottleneck: "PreCommit1 tickets"),
        Case(
            sets: ["hosts.sealer.disks.nvme.maxSealing=8"],
            words: ["wait in Packing: the sealing disks have no room"], bottleneck: "room on sealing stores"),
        Case(
            sets: ["workload.pledge={every: 30m, packingMax: 1, initialPerHost: 1}"],
            words: ["too little is pledged"], bottleneck: "pledge rule"),
        // By the table a PreCommit1 of 32 GiB takes 56 GiB and a Commit2 150 GiB: not all slots have room.
        Case(
            sets: [
                "hosts.sealer.memory=960GiB", "hosts.sealer.gpus=[{model: any, count: 2}]",
                "hosts.sealer.workers=[{name: pc1, role: P1, count: 15, group: host}, "
                    + "{name: pc2, role: P2, count: 2, group: host}, {name: c2, role: C2, count: 2}, "
                    + "{name: apx, role: APx, count: 1, group: host}]",
                "tasks.Commit2.duration=30m", "policy=sealyard",
            ],
            words: ["counts of memory, cores, cards and links holds them back", "of memory and"],
            bottleneck: nil),
        Case(sets: ["workload.sectorsMax=40"], words: ["no work was held back by them"], bottleneck: nil),
        Case(
            sets: ["hosts.sealer.count=2", "faults=[{at: 1h, kind: hostDown, target: sealer/1}]"],
            words: ["50 % were on hosts or processes that were down", "what was there was full"],
            bottleneck: nil),
        Case(
            sets: [
                "workload.sectorsMax=40", "faults=[{at: 1d, kind: hostDown, target: sealer/0, duration: 2d}]",
            ], words: ["and 50 % were on hosts or processes that were down"], bottleneck: nil),
    ]

    @Test("each cause has its words, and they are in the JSON", arguments: cases)
    func words(_ one: Case) throws {
        let report = try OneHost.report(one.sets)
        let why = try #require(report.preCommit1Diagnosis)
        for word in one.words { #expect(why.contains(word), "\(why)") }
        if let name = one.bottleneck { #expect(report.bottleneck?.name == name, "\(why)") }
        let object = try JSONSerialization.jsonObject(with: Data(report.document.json.utf8)) as? [String: Any]
        #expect(object?["preCommit1"] as? String == why)
    }
}

@Suite("What one run says of itself")
struct RunLawTests {
    @Test(
        "Little's law and the utilization law hold in every run, faults and restarts notwithstanding",
        arguments: [
            ("devnet", 0.5, [] as [String]), ("handbook-f0822818", 1.2, []),
            (
                "devnet", 0.3,
                [
                    "faults=[{at: 70m, kind: minerKilled, target: miner, duration: 20s}, "
                        + "{at: 2h, kind: hostDown, target: worker/1, duration: 20m}]"
                ]
            ),
            // Statistics go by the true time, whatever the miner takes it for.
            (
                "devnet", 0.3,
                ["faults=[{at: 70m, kind: clockSkew, target: miner, duration: 30m, by: 5m}]"]
            ),
        ])
    func laws(name: String, days: Double, sets: [String]) throws {
        let scenario = try Scenario.load(
            path: Clusters.folder.appendingPathComponent(name + ".yaml").path,
            overrides: (["report.warmUp=1h"] + sets).map { ScenarioOverride($0) })
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 7))
        cluster.run(until: Clusters.days(days))
        let report = cluster.report()
        for check in report.laws {
            #expect(check.violation == nil, "\(check.place): \(check.measured) beside \(check.expected)")
        }
        #expect(report.distrust == nil)
        guard report.sectorsPledged > 0 else { return }
        #expect(report.laws.count == 13, "six queues, six sets of slots and the sectors")
    }

    @Test("the laws' figures are the report's own, by hand for a saturated host")
    func values() throws {
        let report = try OneHost.report([])
        let slots = try #require(report.laws.first { $0.place == "PreCommit1 slots" })
        #expect(slots.law == .utilization && slots.servers == 15)
        #expect(slots.measured == report.stages[1].utilization)
        // 15 slots that are always taken, 3 h each: five an hour.
        #expect(abs(slots.expected - 1) < 0.01 && abs(slots.rate * 3600 - 5) < 0.2)
        let sectors = try #require(report.laws.first { $0.place == "sectors" })
        #expect(abs(sectors.expected - (report.sealingMean ?? 0)) < 1e-6)
        #expect(report.lawsText == "Little's law holds in 7 places, the utilization law in 6")
    }

    @Test("a run that breaks a law is not to be trusted, and says which and by how much")
    func broken() throws {
        var report = try OneHost.report([], days: 2)
        #expect(report.distrust == nil)
        let place = try #require(report.laws.firstIndex { $0.place == "Commit2 slots" })
        report.laws[place].measured *= 1.001
        let distrust = try #require(report.distrust)
        #expect(distrust.law == "utilization law" && distrust.place == "Commit2 slots")
        #expect(distrust.measured > distrust.expected * 1.0009)
        let words = distrust.description
        #expect(words.contains("Commit2 slots") && words.contains("the utilization law does not hold"))
        #expect(report.lawsText?.hasPrefix("FAIL: Commit2 slots") == true)
        #expect(report.document.json.contains("\"holds\": false"))
        report.laws = []
        report.sectorsPerHour = report.sectorsPerHour.map { $0 * 2 }
        #expect(report.distrust?.description.contains("closed form") == true)
    }

    // Goal: PreCommit1 passes 5 sectors an hour and PreCommit2 two slots ÷ 30 min = 4: each hour one more
    // waits.
    @Test("a queue that grows is named with its rise; one that does not is not")
    func growth() throws {
        let sets = [
            "tasks.PreCommit2.duration=30m", "hosts.sealer.disks.nvme.capacity=1000TiB", "report.warmUp=1d",
        ]
        let report = try OneHost.report(sets)
        let trend = try #require(report.stages[2].queueTrend)
        #expect(abs(trend.perDay - 24) < 3 && trend.explained > 0.95 && trend.isGrowing, "\(trend)")
        #expect(report.growthWords.count == 1)
        #expect(report.growthWords.first?.contains("the queue of PreCommit2 grows by") == true)
        #expect(report.text.contains("growing       the queue of PreCommit2"))
        let steady = try OneHost.report([])
        #expect(steady.growthWords == [], "\(steady.stages.map(\.queueTrend))")
    }

    @Test("one run has an interval from its batches, and says when it is too short for one")
    func precision() throws {
        // A pledge rule that varies nothing, and a PreCommit1 that varies much.
        let sets = ["tasks.PreCommit1.duration={exponential: {mean: 3h}}"]
        let long = try OneHost.report(sets, days: 25)
        guard case .interval(let half, let count, let seconds) = long.precision else {
            Issue.record("no interval: \(String(describing: long.precision))")
            return
        }
        #expect(count == 20 && seconds > 86_400 && seconds < 1.3 * 86_400)
        // 15 slots of exponential services pass a Poisson stream: 2880 sectors in 24 days, give or take
        // sqrt(2880); Student's factor for 20 batches is 2.09.
        let byHand = 2.09 * 2880.0.squareRoot() / 24 * 32 / 1024
        #expect(half > byHand / 2 && half < byHand * 2, "\(half) beside \(byHand)")
        #expect(long.text.contains("± \(SimulatedCluster.figure(half)) TiB/day (95 %, 20 batches of"))
        let short = try OneHost.report(sets, days: 1.5)
        guard case .tooShort(let needed?) = short.precision else {
            Issue.record("an interval from half a day: \(String(describing: short.precision))")
            return
        }
        #expect(abs(needed - 10 * (short.sojournMeanSeconds ?? 0)) < 1e-6)
        #expect(short.text.contains("no interval: the run would have to last"))
        #expect(try OneHost.report(sets, days: 0.5).precision == nil)
    }
}
