// SPDX-License-Identifier: Apache-2.0
import Kernel
import Scheduler
import Sim
import Testing

@Suite("Deadlines of simulated clusters")
struct WindowPoStTests {
    private func report(
        _ scenario: Scenario, seed: UInt64 = 3, days: Double, policy: String? = nil
    ) throws -> SimulationReport {
        let cluster = try SimulatedCluster(scenario, options: .init(seed: seed, policy: policy))
        cluster.run(until: Clusters.days(days))
        return cluster.report()
    }

    @Test(
        "the devnet meets every deadline, faults and failures notwithstanding",
        arguments: [1, 2, 3] as [UInt64])
    func devnet(seed: UInt64) throws {
        let found = try report(Clusters.shipped("devnet"), seed: seed, days: 2).windowPoSt
        // Hundreds of sectors, two a partition, are proven every 3.2 h.
        #expect(found.due > 500 && found.submitted == found.due && found.missed == 0, "\(found)")
        #expect(found.latestMiss == nil)
    }

    @Test("sectors that prove from the start are due every day")
    func atStart() throws {
        let scenario = try Clusters.shipped("handbook-f0822818")
        #expect(scenario.workload.provingAtStart == 20_000)
        let found = try report(scenario, days: 3.1).windowPoSt
        // 20,000 sectors of 64 GiB are nine partitions of 2300.
        #expect((27...30).contains(found.due), "\(found)")
        #expect(found.submitted == found.due && found.missed == 0)
    }

    @Test("a prover that is slower than a deadline misses all, and the report says why")
    func tooSlow() throws {
        var scenario = try Clusters.shipped("handbook-f0822818")
        let index = try #require(scenario.tasks.firstIndex { $0.kind == .windowPoSt })
        scenario.tasks[index].duration = DurationModel(.constant(.seconds(41 * 60)))
        let report = try report(scenario, days: 1.2)
        // On the second day those that were declared recovered are due again.
        #expect((9...18).contains(report.windowPoSt.due))
        #expect(report.windowPoSt.submitted == 0 && report.windowPoSt.missed == report.windowPoSt.due)
        let miss = report.windowPoSt.latestMiss ?? ""
        #expect(miss.contains("miner/0/post/0 had begun at"))
        #expect(report.text.contains("0 proven in time"))
    }

    /// 17 minutes of work for each partition, and a deadline every 30.
    @Test("one slot keeps up with one partition a deadline; two partitions need two slots")
    func slots() throws {
        var scenario = try Clusters.shipped("handbook-f0822818")
        // Two deadlines are frozen when the sectors are given theirs.
        for (partitions, slots, isMet) in [(46, 1, true), (92, 1, false), (92, 2, true)] {
            scenario.workload.provingAtStart = partitions * 2300
            scenario.hosts[0].workers[0].count = slots
            let found = try report(scenario, days: 1).windowPoSt
            #expect((partitions - 6...partitions).contains(found.due), "\(found)")
            #expect(isMet ? found.missed == 0 : found.missed > 30, "\(found)")
        }
    }

    @Test("a scenario without a prover says what is assumed in its place")
    func assumed() throws {
        var scenario = try Clusters.oneHost()
        for host in scenario.hosts.indices {
            for worker in scenario.hosts[host].workers.indices {
                scenario.hosts[host].workers[worker].slots.removeAll { $0.kind == .windowPoSt }
            }
        }
        let report = try report(scenario, days: 3)
        #expect(report.windowPoSt.due > 0 && report.windowPoSt.missed == 0)
        let note = report.notModelled.first { $0.what == "postWorkers" }
        #expect(note?.reason.contains("1020 s") == true)
    }

    @Test("proofs cost events by deadline and partition, not by sector")
    func events() throws {
        var scenario = try Clusters.shipped("handbook-f0822818")
        let few = try report(scenario, days: 2).messages
        // As many partitions, with a hundredth of the sectors.
        scenario.workload.provingAtStart = 9
        let one = try report(scenario, days: 2).messages
        #expect(few < 6_000, "\(few)")
        #expect(Double(few) < Double(one) * 1.6)
    }

    @Test(
        "when the miner, a prover or the chain is lost, what can be met is met",
        arguments: [1, 2, 3, 4] as [UInt64])
    func faults(seed: UInt64) throws {
        var scenario = try Clusters.shipped("handbook-f0822818")
        scenario.workload.provingAtStart = 48 * 2300
        let cluster = try SimulatedCluster(scenario, options: .init(seed: seed, checksInvariants: true))
        var events: [FaultSchedule.Entry] = []
        // Short losses one after the other, through a day.
        let nodes = [SimulatedCluster.minerNode, SimulatedCluster.chainNode]
        for index in 0..<40 {
            let at = Instant(seconds: Double(1800 * index) + Double(seed * 97))
            let node = nodes[(index + Int(seed)) % 2]
            events.append(.init(at: at, .kill(node: node)))
            events.append(.init(at: at + .seconds(60), .restart(node: node)))
        }
        try cluster.apply(FaultSchedule(events))
        cluster.run(until: Clusters.days(1))
        let found = cluster.report().windowPoSt
        // A verdict that came while the miner was down is not counted again.
        #expect(found.due > 40 && found.missed == 0, "\(found)")
    }

    // Goal: a store's read has an effect. A partition of 2300 sectors reads 1 TB; two thirds of the room are
    // on the first store, which then has 667 GB to give in 30 minutes: 370 MB/s.
    @Test("proofs share what the stores are read with, and miss their deadlines where that is too little")
    func storeReads() throws {
        var scenario = try Clusters.shipped("handbook-f0822818")
        scenario.report.warmUp = .seconds(3600)
        var second = try #require(scenario.stores.first)
        second.name = "second"
        second.capacity = ByteCount(bytes: second.capacity.bytes / 2)
        scenario.stores.append(second)
        let usual = try report(scenario, days: 1.2)
        #expect(usual.notModelled.contains { $0.what == "storeReads" })
        let index = try #require(scenario.tasks.firstIndex { $0.kind == .windowPoSt })
        scenario.tasks[index].reads = .bytes(ByteCount(bytes: 1_000_000_000_000))
        func found(megabytes: Int, _ faults: [Scenario.Fault] = []) throws -> SimulationReport {
            scenario.stores[0].read = Bandwidth(bitsPerSecond: megabytes * 8_000_000)
            scenario.faults = faults
            return try report(scenario, days: 1.2)
        }
        let enough = try found(megabytes: 1000)
        #expect(enough.windowPoSt.missed == 0 && enough.windowPoSt.submitted == usual.windowPoSt.submitted)
        #expect(!enough.notModelled.contains { $0.what == "storeReads" })
        let use = try #require(enough.hardwareUses.first { $0.what == "store reads" })
        #expect(use.group == scenario.stores[0].name && use.utilization > 0 && use.utilization < 1)
        let scarce = try found(megabytes: 200)
        #expect(scarce.windowPoSt.submitted == 0 && scarce.windowPoSt.missed > 0)
        // A store that is down is not read: what lies there is left out, and nobody waits for it.
        let down = Scenario.Fault(.storeDown, at: .zero, target: .store("second"))
        let rest = try found(megabytes: 1000, [down]).windowPoSt
        #expect(
            rest.missed == 0 && rest.submitted == usual.windowPoSt.submitted && rest.skippedSectors > 6000)
    }
}
