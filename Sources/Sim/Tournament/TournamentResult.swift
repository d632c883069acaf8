// SPDX-License-Identifier: Apache-2.0

/// A mean over seeds with its 95 % confidence interval.
package struct TournamentEstimate: Sendable, Hashable {
    package var mean: Double
    /// Half the width of the interval; `nil` for fewer than two values.
    package var halfWidth: Double?
    package var count: Int

    /// - Returns: `nil` for no values.
    package init?(_ values: [Double]) {
        guard !values.isEmpty else { return nil }
        count = values.count
        let mean = values.reduce(0, +) / Double(values.count)
        self.mean = mean
        guard values.count > 1 else { return }
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
        halfWidth = Self.quantile(values.count - 1) * (variance / Double(values.count)).squareRoot()
    }

    /// The interval leaves zero out: a difference that chance does not explain.
    package var isSignificant: Bool { halfWidth.map { mean.magnitude > $0 } ?? false }

    /// Student's t at 97.5 % by degrees of freedom.
    static func quantile(_ degrees: Int) -> Double {
        let table = [
            12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
            2.131,
            2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045,
            2.042,
        ]
        if degrees <= table.count { return table[max(1, degrees) - 1] }
        // Between 30 and infinity the quantile goes as one over the degrees.
        return 1.960 + (2.042 - 1.960) * 30 / Double(degrees)
    }
}

/// All that a tournament measured.
package struct TournamentResult: Sendable, Hashable {
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
        /// Scenarios in which it sealed most, or not significantly less than who did; and significantly less.
        package var levelCount: Int
        package var behindCount: Int
    }

    /// How a policy stands to the one that seals most in a scenario.
    package enum Standing: String, Sendable, Hashable {
        /// Its mean is the highest.
        case best
        /// The interval of the differences, seed by seed, holds zero.
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

    package init(
        scenarios: [String], policies: [String], seeds: [UInt64], reference: String,
        cells: [Tournament.Cell], measures: [TournamentMeasures], plannedCount: Int
    ) {
        self.scenarios = scenarios
        self.policies = policies
        self.seeds = seeds
        self.reference = reference
        self.cells = cells
        self.measures = measures
        self.plannedCount = plannedCount
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
    package func estimate(_ metric: TournamentMetric, scenario: Int, policy: Int) -> TournamentEstimate? {
        TournamentEstimate(values(metric, scenario, policy).compactMap { $0 })
    }

    /// The mean of the differences from the reference, seed by seed.
    package func difference(_ metric: TournamentMetric, scenario: Int, policy: Int) -> TournamentEstimate? {
        guard let other = policies.firstIndex(of: reference), other != policy else { return nil }
        return difference(metric, scenario, policy, other)
    }

    private func difference(
        _ metric: TournamentMetric, _ scenario: Int, _ policy: Int, _ other: Int
    ) -> TournamentEstimate? {
        let pairs = zip(values(metric, scenario, policy), values(metric, scenario, other))
        return TournamentEstimate(
            pairs.compactMap { own, theirs in
                guard let own, let theirs else { return nil }
                return own - theirs
            })
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

    /// The mean of the differences in sectors a day from the policy that seals most, seed by seed.
    package func differenceToBest(scenario: Int, policy: Int) -> TournamentEstimate? {
        best(scenario).flatMap { $0 == policy ? nil : difference(.sectorsPerDay, scenario, policy, $0) }
    }

    /// How a policy stands in a scenario; `nil` where too few seeds say it.
    package func standing(scenario: Int, policy: Int) -> Standing? {
        if best(scenario) == policy { return .best }
        guard let difference = differenceToBest(scenario: scenario, policy: policy),
            difference.halfWidth != nil
        else { return nil }
        return difference.isSignificant ? .behind : .level
    }

    /// Best first: by throughput, then latency, then name.
    package var ranking: [Rank] {
        guard let other = policies.firstIndex(of: reference) else { return [] }
        let ranks = policies.indices.map { policy -> Rank in
            func ratio(_ metric: TournamentMetric) -> Double? {
                TournamentEstimate(
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
