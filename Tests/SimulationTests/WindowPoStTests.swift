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
}
