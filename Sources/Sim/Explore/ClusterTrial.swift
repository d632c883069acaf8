// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
internal import Scheduler

/// A seed and what breaks under it: all that a run of the search depends on.
package struct ExploreCase: Sendable, Hashable {
    package var seed: UInt64
    package var faults: [Scenario.Fault]

    package init(seed: UInt64, faults: [Scenario.Fault]) {
        self.seed = seed
        self.faults = faults
    }
}

/// Runs a scenario's cluster with the shipped components under a case's faults, and audits it.
package struct ClusterTrial: Sendable {
    package let scenario: Scenario
    package var policy: String?
    package let sectorCount: Int
    package var faultCount: Int
    /// All faults begin and end before this.
    package var faultsEnd: Duration
    /// The time that the cluster has to recover.
    package var recovery: Duration
    package var traceDetail = TraceDetail.route
    /// What tasks take of memory is drawn from the seed, 1 to 20 GiB each; the table says nothing of it, and
    /// workers find out.
    package var drawsMemory = false
    /// For tests of the search.
    package var bug: SeededBug?
    private let draw: FaultDraw

    /// Makes the trial of a scenario; its own faults are left out.
    ///
    /// - Parameters:
    ///   - sectorCount: sectors that are pledged, by the scenario's rule.
    ///   - faultsEnd: two ways of a sector by default, and ten minutes at least.
    ///   - recovery: twenty ways by default, and a day at least.
    /// - Throws: ``StudyError`` with `invalid`, ``SimulationError``.
    package init(
        _ scenario: Scenario, sectorCount: Int = 8, faultCount: Int = 8,
        kinds: [Scenario.Fault.Kind] = Scenario.Fault.Kind.allCases, faultsEnd: Duration? = nil,
        recovery: Duration? = nil
    ) throws {
        guard (1...10_000).contains(sectorCount), (0...1_000).contains(faultCount) else {
            throw StudyError(.invalid, "1 to 10000 sectors and 0 to 1000 faults")
        }
        var scenario = scenario
        scenario.faults = []
        scenario.workload.sectorsMax = sectorCount
        // The laws of queues are checked over all of the run; statistics change nothing that happens.
        scenario.report.warmUp = .nanoseconds(1)
        self.scenario = scenario
        self.sectorCount = sectorCount
        self.faultCount = faultCount
        // Twice a sector's way without queues.
        var plain = scenario
        plain.report.warmUp = .zero
        let ways = SimulatedCluster.warmUp(of: plain)
        self.faultsEnd = faultsEnd ?? max(.seconds(600), ways)
        self.recovery = recovery ?? max(.seconds(86_400), ways * 10)
        draw = FaultDraw(scenario, kinds: kinds)
        guard self.faultsEnd >= .seconds(1), self.recovery >= .seconds(1) else {
            throw StudyError(.invalid, "faults and recovery take a second at least")
        }
        _ = try ClusterPlan(scenario)
    }

    package func faults(of seed: UInt64) -> [Scenario.Fault] {
        var random = RandomStream(seed: seed, name: "explore")
        return draw.faults(count: faultCount, until: faultsEnd, from: &random)
    }

    /// How a run ended.
    package struct Outcome: Sendable, Hashable {
        package var findings: [Finding]
        package var trace: String
        package var proven: Int
        package var failed: Int
        /// Messages that were lost.
        package var lost: Int
    }

    /// Runs a case.
    ///
    /// - Throws: ``SimulationError``, or what a component throws that cannot start.
    package func run(_ one: ExploreCase) throws -> Outcome {
        var options = SimulatedCluster.Options(
            seed: one.seed, policy: policy, traceDetail: traceDetail, encodesNetworkMessages: true,
            checksInvariants: true)
        options.notesBrokenAccounts = true
        options.bug = bug
        if drawsMemory {
            for type in TaskType.sealing {
                let draw = one.seed &* 7 &+ UInt64(type.stage) &* 5
                options.measuredMemory[type] = (1 + draw % 20) << 30
            }
        }
        let cluster = try SimulatedCluster(scenario, options: options)
        for fault in one.faults { cluster.apply(fault) }
        cluster.run(until: .zero + faultsEnd)
        let deadline = Instant.zero + faultsEnd + recovery
        while cluster.world.now < deadline, cluster.provenCount + cluster.failedCount < sectorCount {
            cluster.run(until: cluster.world.now + .seconds(600))
        }
        // What follows a sector's end is on its way.
        cluster.run(until: cluster.world.now + .seconds(600))
        return Outcome(
            findings: ClusterAudit.findings(of: cluster, expected: sectorCount), trace: cluster.traceHash,
            proven: cluster.provenCount, failed: cluster.failedCount, lost: cluster.world.statistics.lost)
    }
}
