// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Kernel
import Scheduler
import Sim
import Testing

/// A cluster that only proves: 20,000 sectors of 64 GiB are nine partitions, on stores of 40 PB and 2 PB.
@Suite("What troubles proofs of simulated clusters, and what the report says of it")
struct ProvingTroubleTests {
    private typealias Fault = Scenario.Fault

    private func cluster(
        _ scenario: Scenario, _ faults: [Fault], days: Double
    ) throws -> (SimulatedCluster, SimulationReport) {
        var scenario = scenario
        scenario.faults = faults
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 3))
        cluster.run(until: Clusters.days(days))
        return (cluster, cluster.report())
    }

    // MARK: Stores

    @Test(
        "what lies on a store that is gone is not proven, whether its bandwidth is modelled or not",
        arguments: [Scenario.Fault.Kind.storeDown, .storeUnmounted, .partition], [false, true])
    func storeGone(kind: Scenario.Fault.Kind, hasReads: Bool) throws {
        var scenario = try Clusters.shipped("handbook-f0822818")
        let index = try #require(scenario.tasks.firstIndex { $0.kind == .windowPoSt })
        scenario.tasks[index].reads = hasReads ? .bytes(ByteCount(bytes: 1 << 30)) : nil
        func found(
            _ names: [String], _ duration: Duration? = nil, days: Double = 1.2
        ) throws
            -> SimulationReport
        {
            let faults = names.map { Fault(kind, at: .zero, target: .store($0), duration: duration) }
            return try cluster(scenario, faults, days: days).1
        }
        let calm = try found([]).windowPoSt
        #expect(calm.due >= 9 && calm.submitted == calm.due && calm.skippedSectors == 0, "\(calm)")
        // 2 of 42 PB: 110 of each 2300 sectors, and 76 of the last 1600.
        let one = try found(["nfs"])
        #expect(one.windowPoSt.missed == 0 && one.windowPoSt.submitted == calm.due, "\(one.windowPoSt)")
        #expect(one.windowPoSt.skippedSectors == 8 * 110 + 76)
        #expect(one.text.contains("956 sectors left out of proofs"))
        let all = try found(["ceph", "nfs"]).windowPoSt
        #expect(all.submitted == 0 && all.missed == 9 && all.due == 9, "\(all)")
        #expect(all.latestMiss?.contains("sectors could be read") == true)
        // Half a day costs some proofs of the first day; what is back is declared recovered and proven again.
        let brief = try found(["ceph", "nfs"], .seconds(12 * 3600), days: 3.2).windowPoSt
        #expect((1..<9).contains(brief.missed) && brief.submitted >= 20, "\(brief)")
    }

    @Test("a store that is down for minutes holds proofs up, and costs none")
    func shortOutage() throws {
        let scenario = try Clusters.shipped("handbook-f0822818")
        // A proof takes 18 minutes at most of the 40 from its challenge to the close, and challenges come at
        // half hours: of two that follow each other one falls into an outage.
        func found(
            _ kind: Fault.Kind, every period: Int, lasts seconds: Int
        ) throws -> SimulationReport.WindowPoSt {
            let faults = (0..<104_400 / period).map { turn in
                Fault(
                    kind, at: .seconds(turn * period), target: .store("ceph"), duration: .seconds(seconds))
            }
            return try cluster(scenario, faults, days: 1.2).1.windowPoSt
        }
        let down = try found(.storeDown, every: 1200, lasts: 590)
        #expect(down.due >= 9 && down.missed == 0 && down.skippedSectors == 0, "\(down)")
        // What is not mounted is not waited for, nor what is down for longer.
        let unmounted = try found(.storeUnmounted, every: 1200, lasts: 590)
        #expect(unmounted.skippedSectors > 0, "\(unmounted)")
        let longer = try found(.storeDown, every: 3600, lasts: 3000)
        #expect(longer.skippedSectors > 0, "\(longer)")
    }

    @Test("a sector lies where Finalize moved it: it is not proven while that store is gone")
    func sealedSectors() throws {
        var scenario = try Clusters.devnet(sectorCount: 12)
        var second = try #require(scenario.stores.first)
        second.name = "second"
        // Nothing has room there.
        second.capacity = ByteCount(bytes: 1)
        scenario.stores.append(second)
        func found(_ store: String) throws -> SimulationReport.WindowPoSt {
            let fault = Fault(.storeUnmounted, at: .seconds(12 * 3600), target: .store(store))
            return try cluster(scenario, [fault], days: 1).1.windowPoSt
        }
        let empty = try found("second")
        #expect(empty.due > 12 && empty.missed == 0 && empty.skippedSectors == 0, "\(empty)")
        let used = try found("disk")
        #expect(used.missed > 0 && used.submitted > 0, "\(used)")
    }

    // MARK: Cards

    @Test("a card that is lost takes along the process that proves with it, and no other")
    func lostCard() throws {
        func found(_ sets: String...) throws -> SimulationReport {
            let scenario = try Scenario.load(
                path: Clusters.folder.appendingPathComponent("handbook-f0822818.yaml").path,
                overrides: sets.map { ScenarioOverride($0) })
            return try cluster(scenario, scenario.faults, days: 1.2).1
        }
        func lost(_ more: String) -> String {
            "faults=[{at: 1m, kind: gpuLost, target: miner/0, duration: 30h\(more)}]"
        }
        let calm = try found()
        #expect(calm.windowPoSt.due >= 9 && calm.windowPoSt.missed == 0)
        #expect(!calm.notModelled.contains { $0.what == "proofsWithoutCard" })
        // Who names no card uses both.
        let drawn = try found(lost(""))
        #expect(drawn.windowPoSt.submitted == 0 && drawn.windowPoSt.missed == 9, "\(drawn.windowPoSt)")
        #expect(drawn.notModelled.contains { $0.what == "proofsWithoutCard" })
        let bound = "hosts.miner.workers.post.gpus=1"
        let own = try found(bound, lost(", gpu: 1")).windowPoSt
        #expect(own.submitted == 0 && own.missed == 9, "\(own)")
        let other = try found(bound, lost(", gpu: 0")).windowPoSt
        #expect(other.submitted == calm.windowPoSt.submitted && other.missed == 0, "\(other)")
        // A host without cards has none to lose.
        #expect(throws: ScenarioError.self) { try found("hosts.miner.gpus=[]", lost("")) }
    }

    // MARK: The chain

    @Test(
        "what is missed while the node hears nothing of the chain is counted, though the prover tells nothing"
    )
    func outOfSync() throws {
        let scenario = try Clusters.shipped("handbook-f0822818")
        let fault = Fault(
            .chainOutOfSync, at: .seconds(6 * 3600), target: .chain, duration: .seconds(54 * 3600))
        let (_, report) = try cluster(scenario, [fault], days: 4.2)
        let found = report.windowPoSt
        // Each partition once; it is not due again until it is declared recovered.
        #expect(found.missed == 9 && found.due == found.submitted + 9 && found.submitted >= 9, "\(found)")
        #expect(found.latestMiss?.contains("of which the prover has told nothing") == true)
        #expect(report.chainCost.faultySectorDays > 0)
        #expect(found.deadlines.reduce(0) { $0 + $1.missed } == 9)
        #expect(report.text.contains("9 missed"))
    }

    @Test(
        "a run that ends while the node is away counts what the network has closed",
        arguments: [Scenario.Fault.Kind.chainOutOfSync, .chainDown])
    func awayAtTheEnd(kind: Scenario.Fault.Kind) throws {
        var scenario = try Clusters.shipped("handbook-f0822818")
        scenario.faults = [Fault(kind, at: .seconds(60), target: .chain)]
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 3))
        let recorder = cluster.record(until: Clusters.days(2.2))
        cluster.run(until: Clusters.days(2.2))
        let report = cluster.report()
        let found = report.windowPoSt
        #expect(found.due == 9 && found.missed == 9 && found.submitted == 0, "\(found)")
        // All are charged at their second end, and those of the last fifth of a day at the third.
        #expect(report.chainCost.faultySectorDays >= 20_000)
        let page = ReportPage(
            report: report, scenario: scenario, recorder: recorder, now: Clusters.days(2.2), sourceText: "",
            version: "0"
        ).html
        #expect(page.contains("9 of 9 partitions were not proven in time"))
        #expect(page.contains("9 partitions were missed."))
    }

    // MARK: Provers

    @Test("the report says how busy provers are and how many partitions they pass")
    func provers() throws {
        var scenario = try Clusters.shipped("handbook-f0822818")
        scenario.report.warmUp = .seconds(3600)
        scenario.workload.provingAtStart = 92 * 2300
        let recorderEnd = Clusters.days(1)
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 3))
        let recorder = cluster.record(until: recorderEnd)
        cluster.run(until: recorderEnd)
        let report = cluster.report()
        let provers = try #require(report.provers)
        // Two partitions come each half hour; one slot is enough for 3.5 an hour.
        #expect(provers.slots == 1 && (provers.utilization ?? 0) > 0.9 && provers.queueMax >= 1)
        let passed = try #require(provers.capacityPerHour)
        #expect(passed > 3 && passed < 4, "\(passed)")
        #expect(report.windowPoSt.missed > 30)
        #expect(report.text.contains("1 slot, ") && report.text.contains("partitions/h by formula"))
        let files = ReportFiles(report: report, recorder: recorder, now: recorderEnd)
        #expect(files.stagesCSV.contains("\nWindowPoSt,1,"))
        #expect(!report.stages.contains { $0.name == "WindowPoSt" })
        // Nobody proves there: none is told.
        var sealing = try Clusters.oneHost()
        for host in sealing.hosts.indices {
            for worker in sealing.hosts[host].workers.indices {
                sealing.hosts[host].workers[worker].slots.removeAll { $0.kind == .windowPoSt }
            }
        }
        #expect(try SimulatedCluster(sealing).report().provers == nil)
    }
}
