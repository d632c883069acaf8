// SPDX-License-Identifier: Apache-2.0
private import Chain
package import Kernel
private import Scheduler

/// Runs a scenario's cluster with the shipped components under a case's faults.
package struct ClusterTrial: Sendable {
    package var scenario: Scenario
    package var sectorCount: Int
    package var faultCount: Int
    /// All faults begin and end before this.
    package var faultsEnd: Instant
    /// By then every sector has ended.
    package var deadline: Instant
    private let nodes: [String]

    /// Makes the trial of a scenario; its own faults are left out.
    ///
    /// - Parameter sectorCount: sectors that are pledged, by the scenario's rule.
    /// - Throws: ``StudyError``, ``SimulationError``.
    package init(
        _ scenario: Scenario, sectorCount: Int = 12, faultCount: Int = 8,
        faultsEnd: Duration = .seconds(10_800),
        recovery: Duration = .seconds(75_600)
    ) throws {
        guard (1...10_000).contains(sectorCount), (0...1_000).contains(faultCount) else {
            throw StudyError(.invalid, "1 to 10000 sectors and 0 to 1000 faults")
        }
        guard faultsEnd >= .seconds(1), recovery >= .seconds(1) else {
            throw StudyError(.invalid, "faults and recovery take a second at least")
        }
        self.scenario = scenario
        self.scenario.faults = []
        self.scenario.workload.sectorsMax = sectorCount
        self.sectorCount = sectorCount
        self.faultCount = faultCount
        self.faultsEnd = .zero + faultsEnd
        deadline = self.faultsEnd + recovery
        let plan = try ClusterPlan(self.scenario)
        nodes = [SimulatedCluster.chainNode, SimulatedCluster.minerNode] + plan.processes.map(\.node)
    }

    package func faults(of seed: UInt64) -> FaultSchedule {
        var random = RandomStream(seed: seed, name: "explore")
        return .drawn(nodes: nodes, count: faultCount, until: faultsEnd, from: &random)
    }

    /// Runs a case.
    ///
    /// - Throws: ``KernelError`` where a fault names a node that does not exist.
    package func run(_ one: ExploreCase) throws -> [Finding] {
        let cluster = try SimulatedCluster(
            scenario,
            options: .init(
                seed: one.seed, encodesNetworkMessages: true, checksInvariants: true, appliesFaults: false))
        let watch = LandingWatch()
        cluster.world.record(into: watch)
        try cluster.apply(one.faults)
        cluster.run(until: faultsEnd)
        while cluster.world.now < deadline, cluster.provenCount + cluster.failedCount < sectorCount {
            cluster.run(until: cluster.world.now + .seconds(600))
        }
        // What follows a sector's end is on its way.
        cluster.run(until: cluster.world.now + .seconds(600))
        let index = cluster.world.ref(
            at: Address(node: SimulatedCluster.minerNode, name: MinerAssembly.storageName),
            as: StorageMessage.self)
        var stores: [StoreState]?
        do {
            let answer: StorageEvent = try cluster.world.ask(index, timeout: .seconds(3600)) {
                .list(replyTo: $0)
            }
            if case .stores(let states) = answer { stores = states }
        } catch {
            // Without an answer `stores` stays nil, which is a finding.
            stores = nil
        }
        let end = ClusterEnd(
            expected: sectorCount, pledged: cluster.pledgedCount, proven: cluster.provenCount,
            failed: cluster.failedCount, left: cluster.sectorStore.load(miner: cluster.plan.miner),
            componentFailures: cluster.world.statistics.failures, stores: stores,
            mayGiveUp: scenario.tasks.contains { $0.failureRate > 0 })
        return watch.findings + end.findings
    }

    package var explorer: Explorer {
        let trial = self
        return Explorer(draw: { trial.faults(of: $0) }, trial: { try trial.run($0) })
    }
}
