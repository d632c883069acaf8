// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// The figures of one run by which studies compare, warm-up removed.
package struct RunFigures: Sendable, Hashable {
    package struct Figure: Sendable, Hashable {
        package var name: String
        /// `nil` where the run does not tell.
        package var value: Double?
    }

    package var seed: UInt64
    package var traceHash: String
    /// The same names in the same order for every run.
    package var figures: [Figure]

    package func value(_ name: String) -> Double? { figures.first { $0.name == name }?.value }

    package static let throughput = "tebibytesPerDay"

    init(_ report: SimulationReport) {
        seed = report.seed
        traceHash = report.traceHash
        figures = [
            Figure(name: Self.throughput, value: report.tebibytesPerDay),
            Figure(name: "sectorsPerHour", value: report.sectorsPerHour),
            Figure(name: "sojournMeanSeconds", value: report.sojournMeanSeconds),
            Figure(name: "sojournP95Seconds", value: report.sojournP95Seconds),
            Figure(name: "sealingMean", value: report.sealingMean),
            Figure(name: "sectorsProving", value: Double(report.sectorsProving)),
            Figure(name: "sectorsFailed", value: Double(report.sectorsFailed)),
            Figure(name: "sealingCostPerTebibyte", value: report.cost?.sealingPerTebibyte),
        ]
        for stage in report.stages {
            figures.append(Figure(name: "\(stage.name).utilization", value: stage.utilization))
            figures.append(Figure(name: "\(stage.name).queueMean", value: stage.queueMean))
            figures.append(Figure(name: "\(stage.name).p95Seconds", value: stage.p95Seconds))
        }
    }
}

/// One scenario and how long it runs.
package struct StudyCase: Sendable, Hashable {
    package var name: String
    package var scenario: Scenario
    package var policy: String?
    package var until: Duration?

    package init(name: String, _ scenario: Scenario, policy: String? = nil, until: Duration? = nil) {
        self.name = name
        self.scenario = scenario
        self.policy = policy
        self.until = until
    }

    /// The seed of a replication: the first has the study's own, so that `simulate` shows the same run; all
    /// fit into JSON's numbers.
    package static func seed(_ seed: UInt64, replication: Int) -> UInt64 {
        replication == 0 ? seed : mixed(mixed(seed) &+ UInt64(replication)) >> 11
    }

    /// Runs it once.
    ///
    /// - Returns: `nil` where `goesOn` said no.
    /// - Throws: ``StudyError`` with `runFailed`, which names the case.
    package func run(seed: UInt64, goesOn: (Double) -> Bool) throws(StudyError) -> RunFigures? {
        let cluster: SimulatedCluster
        do {
            cluster = try SimulatedCluster(scenario, options: .init(seed: seed, policy: policy))
        } catch {
            throw StudyError(.runFailed, "\(name): \(error)")
        }
        let end = Instant.zero + (until ?? scenario.report.until)
        let slice = Duration.nanoseconds(max(1, end.nanoseconds / 64))
        while cluster.world.now < end {
            guard goesOn(cluster.world.now.seconds / end.seconds) else { return nil }
            cluster.run(until: min(end, cluster.world.now + slice))
        }
        return RunFigures(cluster.report())
    }
}
