// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
package import Scheduler

/// Policies against each other: every policy runs every scenario under every seed.
///
/// Under one seed all policies meet the same arrivals, the same durations and failures (a draw belongs to a
/// task, not to a moment) and the same faults, so that their differences are compared pair by pair. Cells are
/// independent worlds, one thread each; the result is the same on any number of threads.
package struct Tournament: Sendable {
    package struct Options: Sendable {
        package var policies: [String]
        package var seeds: [UInt64]
        /// How long a run lasts; `nil` for what the scenario says.
        package var until: Duration?
        /// The policy that the others are compared with; the first where `nil`.
        package var reference: String?
        /// Makes the link of a run of the policy `external`: each run has a program of its own.
        package var makeLink: (@Sendable () throws -> ExternalPolicyLink)?

        package init(
            policies: [String], seeds: [UInt64], until: Duration? = nil, reference: String? = nil,
            makeLink: (@Sendable () throws -> ExternalPolicyLink)? = nil
        ) {
            self.policies = policies
            self.seeds = seeds
            self.until = until
            self.reference = reference
            self.makeLink = makeLink
        }
    }

    /// One run's place.
    package struct Cell: Sendable, Hashable {
        package var scenario: Int
        package var policy: Int
        package var seed: Int

        package init(scenario: Int, policy: Int, seed: Int) {
            self.scenario = scenario
            self.policy = policy
            self.seed = seed
        }
    }

    package let scenarios: [Scenario]
    package let options: Options

    /// - Throws: ``SimulationError`` with `unknownPolicy`, or `impossible` for an empty list.
    package init(_ scenarios: [Scenario], _ options: Options) throws(SimulationError) {
        for name in options.policies + (options.reference.map { [$0] } ?? [])
        where !PolicyCatalog.names.contains(name) {
            throw SimulationError(
                .unknownPolicy,
                "no policy '\(name.prefix(64))'; choose of \(PolicyCatalog.names.joined(separator: ", "))")
        }
        for (name, isEmpty) in [
            ("scenario", scenarios.isEmpty), ("policy", options.policies.isEmpty),
            ("seed", options.seeds.isEmpty),
        ] where isEmpty { throw SimulationError(.impossible, "a tournament needs at least one \(name)") }
        if let reference = options.reference, !options.policies.contains(reference) {
            throw SimulationError(.impossible, "the reference '\(reference)' is not among the policies")
        }
        if options.policies.contains(ExternalPolicy.name), options.makeLink == nil {
            throw SimulationError(
                .impossible, "the policy 'external' needs a program: name one with --program")
        }
        self.scenarios = scenarios
        self.options = options
    }

    /// All cells in order: scenario, policy, seed.
    package var cells: [Cell] {
        scenarios.indices.flatMap { scenario in
            options.policies.indices.flatMap { policy in
                options.seeds.indices.map { Cell(scenario: scenario, policy: policy, seed: $0) }
            }
        }
    }

    /// Runs all cells, those of the first seed first, so that what an interrupt leaves compares all policies.
    ///
    /// - Parameter control: its threads do not change the result; where it stops, what is done is the result.
    /// - Throws: what the first cell fails with: ``SimulationError``, ``ExternalPolicyError`` or
    ///   ``KernelError``.
    package func run(_ control: StudyControl = StudyControl()) throws -> TournamentResult {
        let cells = cells
        let order = cells.indices.sorted { (cells[$0].seed, $0) < (cells[$1].seed, $1) }
        let (found, distrusted) = try StudyRunner.simulate(cells.count, control) { index, goesOn in
            try measure(cells[order[index]], control.bug, goesOn)
        }
        var measures: [TournamentMeasures?] = Array(repeating: nil, count: cells.count)
        for (index, value) in found.enumerated() { measures[order[index]] = value }
        let done = cells.indices.filter { measures[$0] != nil }
        return TournamentResult(
            scenarios: scenarios.map(\.name), policies: options.policies, seeds: options.seeds,
            reference: options.reference ?? options.policies[0], cells: done.map { cells[$0] },
            measures: measures.compactMap(\.self), plannedCount: cells.count,
            distrusted: distrusted)
    }

    /// - Returns: `nil` where it was stopped.
    private func measure(
        _ cell: Cell, _ bug: SeededBug?, _ goesOn: (Double) -> Bool
    ) throws -> SimulatedRun<TournamentMeasures>? {
        let scenario = scenarios[cell.scenario]
        let policy = options.policies[cell.policy]
        let link = policy == ExternalPolicy.name ? try options.makeLink?() : nil
        let seed = options.seeds[cell.seed]
        var run = SimulatedCluster.Options(seed: seed, policy: policy, link: link)
        run.bug = bug
        let cluster = try SimulatedCluster(scenario, options: run)
        let span = options.until ?? scenario.report.until
        // Between two steps it is asked whether to go on.
        let stepCount = 20
        for step in 1...stepCount {
            cluster.run(until: .zero + span * step / stepCount)
            if let failure = cluster.policyFailure { throw failure }
            guard goesOn(Double(step) / Double(stepCount)) else { return nil }
        }
        let report = cluster.report()
        return SimulatedRun(
            TournamentMeasures(cluster, report), "\(scenario.name), policy \(policy)", seed: seed,
            report.distrust)
    }
}
