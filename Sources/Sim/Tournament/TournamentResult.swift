// SPDX-License-Identifier: Apache-2.0

/// All that a tournament measured.
package struct TournamentResult: StudyResult, Sendable, Hashable {
    /// A policy in the ranking.
    package struct Rank: Sendable, Hashable {
        package var policy: String
        /// Sectors a day by the reference's, the mean over the scenarios in which the reference sealed any.
        package var throughput: Double
        /// Latency p95 by the reference's, likewise.
        package var latency: Double?
        /// Scenarios in which it sealed significantly more and significantly less than the reference.
        package var winCount: Int
        package var lossCount: Int
        /// Scenarios in which it sealed most or is level with who did; and those in which it is behind.
        package var levelCount: Int
        package var behindCount: Int
    }

    /// How a policy stands to the one that seals most in a scenario.
    package enum Standing: String, Sendable, Hashable {
        /// Its mean is the highest.
        case best
        /// No policy is ahead of it by more than chance explains.
        case level
        case behind
    }

    package let scenarios: [String]
    package let policies: [String]
    package let seeds: [UInt64]
    package let reference: String
    package let cells: [Tournament.Cell]
    package let measures: [TournamentMeasures]
    /// Runs that were planned; there are fewer of them where it was interrupted.
    package let plannedCount: Int
    package let distrusted: [DistrustedRun]

    package init(
        scenarios: [String], policies: [String], seeds: [UInt64], reference: String,
        cells: [Tournament.Cell], measures: [TournamentMeasures], plannedCount: Int,
        distrusted: [DistrustedRun] = []
    ) {
        self.scenarios = scenarios
        self.policies = policies
        self.seeds = seeds
        self.reference = reference
        self.cells = cells
        self.measures = measures
        self.plannedCount = plannedCount
        self.distrusted = distrusted
    }

    package var isComplete: Bool { cells.count == plannedCount }

    /// By seed; `nil` where there is no run or no figure.
    private func values(_ metric: TournamentMetric, _ scenario: Int, _ policy: Int) -> [Double?] {
        var values: [Double?] = Array(repeating: nil, count: seeds.count)
        for (cell, item) in zip(cells, measures) where cell.scenario == scenario && cell.policy == policy {
            values[cell.seed] = item.values[metric]
        }
        return values
    }

    /// The mean of a figure over the seeds that have it.
    package func estimate(_ metric: TournamentMetric, scenario: Int, policy: Int) -> Interval? {
        Interval.ofMean(values(metric, scenario, policy).compactMap { $0 })
    }

    /// The mean of the differences from the reference, seed by seed.
    package func difference(_ metric: TournamentMetric, scenario: Int, policy: Int) -> Interval? {
        guard let other = policies.firstIndex(of: reference), other != policy else { return nil }
        return difference(metric, scenario, policy, other)
    }

    private func difference(
        _ metric: TournamentMetric, _ scenario: Int, _ policy: Int, _ other: Int, confidence: Double = 0.95
    ) -> Interval? {
        let pairs = zip(values(metric, scenario, policy), values(metric, scenario, other))
        return Interval.ofMean(
            pairs.compactMap { own, theirs in
                guard let own, let theirs else { return nil }
                return own - theirs
            }, confidence: confidence)
    }

    /// The policy with the highest mean of sectors a day in a scenario, the first of equals.
    private func best(_ scenario: Int) -> Int? {
        var best: (policy: Int, mean: Double)?
        for policy in policies.indices {
            guard let mean = estimate(.sectorsPerDay, scenario: scenario, policy: policy)?.mean else {
                continue
            }
            if best.map({ mean > $0.mean }) ?? true { best = (policy, mean) }
        }
        return best?.policy
    }

    /// Each of a policy's comparisons with the others has this confidence, so that all of them together have
    /// 95 % (Bonferroni): whom to compare with is chosen by the same runs.
    private var confidenceOfOne: Double { 1 - 0.05 / Double(max(1, policies.count - 1)) }

    /// The mean of the differences in sectors a day from another policy, seed by seed, with an interval that
    /// holds for all comparisons of one policy at once.
    private func differenceAmongAll(_ scenario: Int, _ policy: Int, _ other: Int) -> Interval? {
        difference(.sectorsPerDay, scenario, policy, other, confidence: confidenceOfOne)
    }

    /// The same from the policy that seals most.
    package func differenceToBest(scenario: Int, policy: Int) -> Interval? {
        best(scenario).flatMap { $0 == policy ? nil : differenceAmongAll(scenario, policy, $0) }
    }

    /// How a policy stands in a scenario; `nil` where too few seeds say it.
    package func standing(scenario: Int, policy: Int) -> Standing? {
        if best(scenario) == policy { return .best }
        guard let toBest = differenceToBest(scenario: scenario, policy: policy), toBest.halfWidth != nil
        else { return nil }
        let isBehind = policies.indices.contains { other in
            guard other != policy, let difference = differenceAmongAll(scenario, policy, other) else {
                return false
            }
            return difference.isSignificant && difference.mean < 0
        }
        return isBehind ? .behind : .level
    }

    /// Best first: by throughput, then latency, then name.
    package var ranking: [Rank] {
        guard let other = policies.firstIndex(of: reference) else { return [] }
        let ranks = policies.indices.map { policy -> Rank in
            func ratio(_ metric: TournamentMetric) -> Double? {
                Interval.ofMean(
                    scenarios.indices.compactMap { scenario in
                        guard let base = estimate(metric, scenario: scenario, policy: other)?.mean, base > 0,
                            let own = estimate(metric, scenario: scenario, policy: policy)?.mean
                        else { return nil }
                        return own / base
                    })?.mean
            }
            let differences = scenarios.indices.compactMap {
                difference(.sectorsPerDay, scenario: $0, policy: policy)
            }.filter(\.isSignificant)
            let standings = scenarios.indices.compactMap { standing(scenario: $0, policy: policy) }
            return Rank(
                policy: policies[policy], throughput: ratio(.sectorsPerDay) ?? 0, latency: ratio(.latencyP95),
                winCount: differences.filter { $0.mean > 0 }.count,
                lossCount: differences.filter { $0.mean < 0 }.count,
                levelCount: standings.filter { $0 != .behind }.count,
                behindCount: standings.filter { $0 == .behind }.count)
        }
        return ranks.sorted {
            if $0.throughput != $1.throughput { return $0.throughput > $1.throughput }
            if $0.latency != $1.latency { return ($0.latency ?? .infinity) < ($1.latency ?? .infinity) }
            return $0.policy < $1.policy
        }
    }
}
