// SPDX-License-Identifier: Apache-2.0
import Kernel
import Sim
import Testing

@Suite("A saturated cluster obeys its closed forms")
struct ClusterThroughputTests {
    @Test("throughput is the bottleneck's capacity, and sectors under way are rate times sojourn")
    func closedForms() throws {
        let cluster = try SimulatedCluster(Clusters.oneHost(), options: .init(seed: 5))
        cluster.run(until: Clusters.days(30))
        let report = cluster.report()
        let bottleneck = try #require(report.bottleneck)
        #expect(bottleneck.name == "PreCommit1")
        #expect(bottleneck.evidence.contains("14 slots × 5.75 h"))
        // 14 slots, 5.5 to 6 h each, 64 GiB: by hand.
        let byHand = 14 / 5.75 * 24 * 64 / 1024
        let measured = try #require(report.tebibytesPerDay)
        #expect(abs(measured / byHand - 1) < 0.03)
        #expect(abs(bottleneck.tebibytesPerDay / byHand - 1) < 1e-9)
        // Little's law over the time after the warm-up.
        let level = try #require(report.sealingMean)
        let rate = try #require(report.sectorsPerHour)
        let sojourn = try #require(report.sojournMeanSeconds)
        #expect(abs(rate / 3600 * sojourn / level - 1) < 0.03)
        // The same for the one stage whose queue is long: waiting and running sectors.
        let stage = report.stages[1]
        #expect(try #require(stage.utilization) > 0.98)
        #expect(abs(try #require(stage.utilization) * 14 / (rate * 5.75) - 1) < 0.03)
        #expect(try #require(stage.queueMean) > 1)
    }

    @Test("utilization of every other stage is its load over its capacity")
    func utilizationLaw() throws {
        let cluster = try SimulatedCluster(Clusters.oneHost(), options: .init(seed: 6))
        cluster.run(until: Clusters.days(20))
        let report = cluster.report()
        let rate = try #require(report.sectorsPerHour)
        for stage in report.stages {
            let capacity = try #require(stage.capacityPerHour)
            let utilization = try #require(stage.utilization)
            #expect(abs(utilization / (rate / capacity) - 1) < 0.05, "\(stage.name)")
        }
    }

    @Test("tables do not grow with the sectors that are done")
    func flat() throws {
        let cluster = try SimulatedCluster(Clusters.oneHost(), options: .init(seed: 7))
        cluster.run(until: Clusters.days(5))
        let (early, earlyEvents, earlyProven) = (
            cluster.entryCount, cluster.world.pendingEventCount, cluster.provenCount
        )
        cluster.run(until: Clusters.days(25))
        #expect(cluster.provenCount > 4 * earlyProven)
        #expect(Double(cluster.entryCount) < 1.5 * Double(early))
        #expect(Double(cluster.world.pendingEventCount) < 1.5 * Double(earlyEvents) + 100)
    }

    @Test("a second C2 process fewer makes Commit2 the bottleneck")
    func otherBottleneck() throws {
        var scenario = try Clusters.oneHost()
        scenario.hosts[1].workers[0].count = 1
        for index in scenario.tasks.indices where scenario.tasks[index].kind == .commit2 {
            scenario.tasks[index].duration = DurationModel(.constant(.seconds(1800)))
        }
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 5))
        cluster.run(until: Clusters.days(20))
        let report = cluster.report()
        #expect(report.bottleneck?.name == "Commit2")
        #expect(abs(try #require(report.sectorsPerHour) / 2 - 1) < 0.03)
    }
}
