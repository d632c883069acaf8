// SPDX-License-Identifier: Apache-2.0

extension TournamentResult {
    /// Tables for people: a scenario each, then the ranking. `*` marks a difference from the reference that
    /// chance does not explain; who is level with the best in sectors a day is so within chance.
    package var text: String {
        var lines = isComplete ? [] : [incompleteness, ""]
        for (place, scenario) in scenarios.enumerated() {
            lines.append("\(scenario), \(seeds.count) seeds, against \(reference)")
            var rows = [["policy"] + TournamentMetric.allCases.map(\.rawValue) + ["to the best"]]
            for (index, policy) in policies.enumerated() {
                rows.append(
                    [policy] + TournamentMetric.allCases.map { cell($0, place, index) }
                        + [standingText(place, index)])
            }
            lines += Self.aligned(rows) + [""]
        }
        lines.append(
            "ranking by sectors/day, relative to \(reference), the mean of \(scenarios.count) scenarios")
        var rows = [
            ["", "policy", "throughput", "p95", "better in", "worse in", "level with the best", "behind"]
        ]
        for (place, rank) in ranking.enumerated() {
            rows.append([
                String(place + 1), rank.policy, SimulatedCluster.figure(rank.throughput),
                rank.latency.map(SimulatedCluster.figure) ?? "–", String(rank.winCount),
                String(rank.lossCount), String(rank.levelCount), String(rank.behindCount),
            ])
        }
        return (lines + Self.aligned(rows)).joined(separator: "\n")
    }

    /// What an interrupt left, in words.
    package var incompleteness: String {
        "incomplete: \(cells.count) of \(plannedCount) runs were finished"
    }

    private func standingText(_ scenario: Int, _ policy: Int) -> String {
        guard let standing = standing(scenario: scenario, policy: policy) else { return "–" }
        guard let difference = differenceToBest(scenario: scenario, policy: policy) else {
            return standing.rawValue
        }
        let figures = [difference.mean, difference.halfWidth ?? 0].map(SimulatedCluster.figure)
        return "\(standing.rawValue) \(figures[0]) ±\(figures[1])"
    }

    private func cell(_ metric: TournamentMetric, _ scenario: Int, _ policy: Int) -> String {
        guard let own = estimate(metric, scenario: scenario, policy: policy) else { return "–" }
        var text = SimulatedCluster.figure(own.mean)
        if let half = own.halfWidth, half > 0 { text += " ±\(SimulatedCluster.figure(half))" }
        if difference(metric, scenario: scenario, policy: policy)?.isSignificant == true { text += "*" }
        return text
    }

    private static func aligned(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, text in
                let space = String(repeating: " ", count: widths[column] - text.count)
                return column < 1 ? text + space : space + text
            }.joined(separator: "  ")
        }
    }

    /// One line a run and figure: `scenario,policy,seed,metric,value`; figures without a value are left out.
    package var csv: String {
        var lines = ["scenario,policy,seed,metric,value"]
        for (cell, item) in zip(cells, measures) {
            for metric in TournamentMetric.allCases {
                guard let value = item.values[metric] else { continue }
                let names = [scenarios[cell.scenario], policies[cell.policy]].map(Self.quoted)
                let figure = ScenarioDocument.decimalText(value)
                lines.append(
                    "\(names[0]),\(names[1]),\(seeds[cell.seed]),\(metric),\(figure)"
                )
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func quoted(_ text: String) -> String {
        text.contains(where: { "\",\n\r".contains($0) })
            ? "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
                + "\""
            : text
    }

    /// The whole as one JSON object.
    package var document: ScenarioDocument {
        var tables: [ScenarioDocument] = []
        for (place, scenario) in scenarios.enumerated() {
            let rows = policies.indices.map { index -> ScenarioDocument in
                let toBest = differenceToBest(scenario: place, policy: index)
                var entries = [
                    entry("policy", .text(policies[index])),
                    entry(
                        "standing",
                        standing(scenario: place, policy: index).map { .text($0.rawValue) } ?? .null),
                    entry("toBest", .rounded(toBest?.mean, digits: 6)),
                    entry("toBestHalfWidth", .rounded(toBest?.halfWidth, digits: 6)),
                ]
                for metric in TournamentMetric.allCases {
                    let own = estimate(metric, scenario: place, policy: index)
                    let other = difference(metric, scenario: place, policy: index)
                    entries.append(
                        entry(
                            "\(metric)",
                            own.map { own in
                                .object([
                                    entry("mean", .rounded(own.mean, digits: 6)),
                                    entry("halfWidth", .rounded(own.halfWidth, digits: 6)),
                                    entry("count", .integer(own.count)),
                                    entry("difference", .rounded(other?.mean, digits: 6)),
                                    entry("differenceHalfWidth", .rounded(other?.halfWidth, digits: 6)),
                                ])
                            } ?? .null))
                }
                return .object(entries)
            }
            tables.append(.object([entry("scenario", .text(scenario)), entry("policies", .list(rows))]))
        }
        return object([
            entry("complete", .flag(isComplete)), entry("runs", .integer(cells.count)),
            entry("planned", .integer(plannedCount)), entry("reference", .text(reference)),
            entry("seeds", .list(seeds.map { .seed($0) })),
            entry("scenarios", .list(tables)),
            entry(
                "ranking",
                .list(
                    ranking.map { rank in
                        .object([
                            entry("policy", .text(rank.policy)),
                            entry("throughput", .rounded(rank.throughput, digits: 6)),
                            entry("latency", .rounded(rank.latency, digits: 6)),
                            entry("better", .integer(rank.winCount)),
                            entry("worse", .integer(rank.lossCount)),
                            entry("levelWithBest", .integer(rank.levelCount)),
                            entry("behindBest", .integer(rank.behindCount)),
                        ])
                    })),
            entry(
                "metrics",
                .object(TournamentMetric.allCases.map { entry("\($0)", .text($0.meaning)) })),
        ])
    }
}

private func entry(_ key: String, _ value: ScenarioDocument) -> ScenarioDocument.Entry {
    ScenarioDocument.Entry(key: key, value: value)
}
