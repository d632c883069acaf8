// SPDX-License-Identifier: Apache-2.0
private import Chain
private import Kernel
private import Scheduler

/// A recorded run beside what simulation says of it, as it was or with something changed.
package struct RecordedForecast: StudyResult, Sendable {
    /// What is measured of a run, in seconds.
    package struct Figures: Sendable, Hashable {
        /// A kind of task: how long a call that went well held its slot.
        package struct Stage: Sendable, Hashable {
            package var name: String
            package var count: Double
            package var p50: Double
            package var p95: Double
        }

        package var makespan: Double
        package var sectorP50: Double
        package var sectorP95: Double
        /// Sectors that ended.
        package var sectors: Double
        package var stages: [Stage]

        package init?(_ run: RecordedRun) {
            guard let makespan = run.makespanSeconds else { return nil }
            self.makespan = makespan
            let all = run.sectorSeconds
            sectorP50 = RecordedRun.quantile(all, 0.5)
            sectorP95 = RecordedRun.quantile(all, 0.95)
            sectors = Double(run.endedCount)
            stages = TaskType.sealing.compactMap { type in
                let seconds = run.slotSeconds(type)
                guard !seconds.isEmpty else { return nil }
                return Stage(
                    name: type.kind.rawValue, count: Double(seconds.count),
                    p50: RecordedRun.quantile(seconds, 0.5), p95: RecordedRun.quantile(seconds, 0.95))
            }
        }

        /// The means of several runs that have the same stages.
        init?(meanOf runs: [Figures]) {
            guard var mean = runs.first else { return nil }
            func of(_ value: (Figures) -> Double) -> Double {
                runs.reduce(0) { $0 + value($1) } / Double(runs.count)
            }
            mean.makespan = of(\.makespan)
            mean.sectorP50 = of(\.sectorP50)
            mean.sectorP95 = of(\.sectorP95)
            mean.sectors = of(\.sectors)
            mean.stages = mean.stages.compactMap { stage in
                let all = runs.compactMap { run in run.stages.first { $0.name == stage.name } }
                guard all.count == runs.count else { return nil }
                func of(_ value: (Stage) -> Double) -> Double {
                    all.reduce(0) { $0 + value($1) } / Double(all.count)
                }
                return Stage(name: stage.name, count: of(\.count), p50: of(\.p50), p95: of(\.p95))
            }
            self = mean
        }
    }

    /// The means over all simulated runs, and how far the makespan of one is from another's.
    package struct Simulated: Sendable {
        package var title: String
        package var figures: Figures
        /// Student's interval of the makespan's mean.
        package var makespan: Interval?
        /// Recorded losses that could not happen, because what was lost is not in the changed cluster.
        package var omittedFaults: [Scenario.Fault] = []
        /// Of its runs, those that are not to be trusted.
        package var distrusted: [DistrustedRun] = []
    }

    package var recorded: Figures
    package var simulated: [Simulated]
    package var replications: Int
    package var distrusted: [DistrustedRun] { simulated.flatMap(\.distrusted) }
    /// How well a family of distributions tells the durations of each kind; the simulation goes by the
    /// measured ones themselves.
    package var fits: [(kind: Scenario.TaskKind, fit: DurationFit)] = []

    /// The best fit for each kind of sealing task that was recorded.
    package static func fits(_ run: RecordedRun) -> [(kind: Scenario.TaskKind, fit: DurationFit)] {
        TaskType.sealing.compactMap { type in
            DurationFit.best(run.workSeconds(type)).map { (type.kind, $0) }
        }
    }

    package init(recorded: Figures, simulated: [Simulated], replications: Int) {
        self.recorded = recorded
        self.simulated = simulated
        self.replications = replications
    }

    /// Simulates a run `replications` times.
    ///
    /// - Throws: ``StudyError`` where the study was stopped, ``SimulationError``, or ``KernelError``.
    package static func simulate(
        _ scenario: Scenario, _ conditions: RecordedConditions, title: String, replications: Int,
        seed: UInt64,
        control: StudyControl = StudyControl()
    ) throws -> Simulated {
        let (runs, distrusted) = try StudyRunner.simulate(replications, control) { index, goesOn in
            try once(
                scenario, conditions, title, seed: StudyCase.seed(seed, replication: index), control.bug,
                goesOn)
        }
        let figures = runs.compactMap(\.self)
        guard let mean = Figures(meanOf: figures) else {
            throw SimulationError(
                .impossible, "\(title): no sector is sealed to its end in 20 times the time")
        }
        return Simulated(
            title: title, figures: mean, makespan: Interval.ofMean(figures.map(\.makespan), confidence: 0.95),
            distrusted: distrusted)
    }

    private static func once(
        _ scenario: Scenario, _ conditions: RecordedConditions, _ title: String, seed: UInt64,
        _ bug: SeededBug?, _ goesOn: (Double) -> Bool
    ) throws -> SimulatedRun<Figures>? {
        var options = SimulatedCluster.Options(seed: seed, recorded: conditions)
        options.bug = bug
        let cluster = try SimulatedCluster(scenario, options: options)
        let sink = RecordedRunSink(node: SimulatedCluster.minerNode)
        cluster.world.record(into: sink)
        let wanted = conditions.pledges.reduce(0) { $0 + $1.count }
        let limit = Instant.zero + scenario.report.until
        while cluster.world.now < limit, cluster.provenCount + cluster.failedCount < wanted {
            guard goesOn(Double(cluster.provenCount) / Double(max(1, wanted))) else { return nil }
            cluster.run(until: min(limit, cluster.world.now + .seconds(1)))
        }
        // What was told last arrives.
        cluster.run(until: min(limit, cluster.world.now + .seconds(1)))
        cluster.world.record(into: nil)
        // Hosts of one group need not be equally fast here, so that slots have no closed form.
        return Figures(try sink.result()).map { SimulatedRun($0, title, seed: seed, cluster.brokenLaw) }
    }
}
