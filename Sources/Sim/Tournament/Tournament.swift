// SPDX-License-Identifier: Apache-2.0
internal import Kernel
package import Scheduler
private import Synchronization

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
        package var threadCount: Int
        /// The policy that the others are compared with; the first where `nil`.
        package var reference: String?
        /// Makes the link of a run of the policy `external`: each run has a program of its own.
        package var makeLink: (@Sendable () throws -> ExternalPolicyLink)?

        package init(
            policies: [String], seeds: [UInt64], until: Duration? = nil, threadCount: Int = 1,
            reference: String? = nil, makeLink: (@Sendable () throws -> ExternalPolicyLink)? = nil
        ) {
            self.policies = policies
            self.seeds = seeds
            self.until = until
            self.threadCount = threadCount
            self.reference = reference
            self.makeLink = makeLink
        }
    }

    /// One run's place.
    package struct Cell: Sendable, Hashable {
        package var scenario: Int
        package var policy: Int
        package var seed: Int
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

    private struct State {
        var next = 0
        var results: [TournamentMeasures?]
        var failure: (cell: Int, error: any Error)?
    }

    // Safety: all state is locked.
    private final class Board: Sendable {
        let state: Mutex<State>
        init(_ count: Int) { state = Mutex(State(results: Array(repeating: nil, count: count))) }
    }

    /// Runs all cells.
    ///
    /// - Parameter progress: told of the number of finished cells, from any thread.
    /// - Throws: what the first cell in order throws that fails: ``SimulationError``,
    /// ``ExternalPolicyError``.
    package func run(
        progress: @escaping @Sendable (Int, Int) -> Void = { _, _ in }
    ) throws -> TournamentResult {
        let cells = cells
        let board = Board(cells.count)
        let work: @Sendable () -> Void = { [self] in
            while true {
                let index = board.state.withLock { state -> Int? in
                    guard state.failure == nil, state.next < cells.count else { return nil }
                    defer { state.next += 1 }
                    return state.next
                }
                guard let index else { return }
                do {
                    let measures = try measure(cells[index])
                    let done = board.state.withLock { state in
                        state.results[index] = measures
                        return state.results.reduce(0) { $0 + ($1 == nil ? 0 : 1) }
                    }
                    progress(done, cells.count)
                } catch {
                    board.state.withLock { state in
                        if state.failure.map({ index < $0.cell }) ?? true { state.failure = (index, error) }
                    }
                }
            }
        }
        if options.threadCount > 1 {
            // This thread works too, so that at its end nothing is left that a late thread could begin.
            let pool = try WorkPool(name: "tournament", threadCount: options.threadCount - 1)
            for _ in 1..<options.threadCount { pool.submit(work) }
            work()
            pool.shutDown()
        } else {
            work()
        }
        let (results, failure) = board.state.withLock { ($0.results, $0.failure) }
        if let failure { throw failure.error }
        return TournamentResult(
            scenarios: scenarios.map(\.name), policies: options.policies, seeds: options.seeds,
            reference: options.reference ?? options.policies[0], cells: cells,
            measures: results.compactMap { $0 })
    }

    private func measure(_ cell: Cell) throws -> TournamentMeasures {
        let scenario = scenarios[cell.scenario]
        let policy = options.policies[cell.policy]
        let link = policy == ExternalPolicy.name ? try options.makeLink?() : nil
        let cluster = try SimulatedCluster(
            scenario, options: .init(seed: options.seeds[cell.seed], policy: policy, link: link))
        cluster.run(until: .zero + (options.until ?? scenario.report.until))
        if let failure = cluster.policyFailure { throw failure }
        return TournamentMeasures(cluster)
    }
}
