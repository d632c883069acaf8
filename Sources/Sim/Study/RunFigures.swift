// SPDX-License-Identifier: Apache-2.0
package import Chain
internal import Kernel

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
    package static let costPerTebibyte = "sealingCostPerTebibyte"
    package static let operatingPerMonth = "operatingCostPerMonth"
    package static let latencyP95 = "sojournP95Seconds"
    package static let missedPoSt = "windowPoStMissed"

    init(_ report: SimulationReport) {
        seed = report.seed
        traceHash = report.traceHash
        figures = [
            Figure(name: Self.throughput, value: report.tebibytesPerDay),
            Figure(name: "sectorsPerHour", value: report.sectorsPerHour),
            Figure(name: "sojournMeanSeconds", value: report.sojournMeanSeconds),
            Figure(name: Self.latencyP95, value: report.sojournP95Seconds),
            Figure(name: "sealingMean", value: report.sealingMean),
            Figure(name: "sectorsProving", value: Double(report.sectorsProving)),
            Figure(name: "sectorsFailed", value: Double(report.sectorsFailed)),
            Figure(name: Self.missedPoSt, value: Double(report.windowPoSt.missed)),
            Figure(name: Self.costPerTebibyte, value: report.cost?.sealingPerTebibyte),
            Figure(name: Self.operatingPerMonth, value: report.cost?.operating.total),
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

    /// How long a run lasts.
    var end: Instant { Instant.zero + (until ?? scenario.report.until) }

    /// Runs it once.
    ///
    /// - Parameters:
    ///   - bug: as ``StudyControl/bug``.
    ///   - proven: gets the sectors proven in each piece of the run.
    /// - Returns: `nil` where `goesOn` said no.
    /// - Throws: ``StudyError`` with `runFailed`, which names the case.
    package func run(
        seed: UInt64, bug: SeededBug? = nil, goesOn: (Double) -> Bool, proven: (Int) -> Void = { _ in }
    ) throws(StudyError) -> SimulatedRun<RunFigures>? {
        let cluster: SimulatedCluster
        do {
            var options = SimulatedCluster.Options(seed: seed, policy: policy)
            options.bug = bug
            cluster = try SimulatedCluster(scenario, options: options)
        } catch {
            throw StudyError(.runFailed, "\(name): \(error)")
        }
        let end = end
        var before = 0
        for piece in 1...WarmUpFinding.pieceCount {
            guard goesOn(cluster.world.now.seconds / end.seconds) else { return nil }
            let share = Double(piece) / Double(WarmUpFinding.pieceCount)
            let until = piece < WarmUpFinding.pieceCount ? Instant(seconds: end.seconds * share) : end
            cluster.run(until: until)
            proven(cluster.provenCount - before)
            before = cluster.provenCount
        }
        let report = cluster.report()
        return SimulatedRun(RunFigures(report), name, seed: seed, report.distrust)
    }
}
