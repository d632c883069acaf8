// SPDX-License-Identifier: Apache-2.0

extension RegretStudy {
    package struct Row: Sendable, Hashable {
        /// Place among the candidates.
        package var candidate: Int
        /// Mean figure in each world; infinite where runs had nothing to judge.
        package var values: [Double]
        /// By world, never negative: the best candidate's mean is the one of that world.
        package var regrets: [Double]
        /// Over replications, by the worlds' probabilities; `nil` where it is not finite.
        package var expected: Interval?
        /// The world with the largest regret.
        package var worstWorld: Int
        package var worst: Double { regrets[worstWorld] }
    }

    package struct Result: StudyResult, Sendable {
        package let study: RegretStudy
        /// Whole replications behind the figures.
        package let replications: Int
        /// The judged candidates in their order.
        package let rows: [Row]
        /// For each world the best candidate.
        package let bests: [Int]
        package let distrusted: [DistrustedRun]

        package var isComplete: Bool {
            replications == study.options.replications && rows.count == study.candidates.count
        }
        /// The row with the least largest regret; the first of equals.
        package var minimax: Row? { rows.min { $0.worst < $1.worst } }
        /// The row with the least expected regret.
        package var leastExpected: Row? {
            rows.min { ($0.expected?.mean ?? .infinity) < ($1.expected?.mean ?? .infinity) }
        }

        /// - Parameter losses: by judged candidate, world and replication; less is better.
        init(
            study: RegretStudy, replications: Int, judged: [Int], losses: [[[Double]]],
            distrusted: [DistrustedRun]
        ) {
            self.study = study
            self.distrusted = distrusted
            self.replications = replications
            let means = losses.map { worlds in
                worlds.map { runs in runs.allSatisfy(\.isFinite) ? Moments(runs).mean : .infinity }
            }
            // Of equals the first, so that the order of the candidates alone decides.
            let best = study.worlds.indices.compactMap { world in
                judged.indices.min { means[$0][world] < means[$1][world] }
            }
            bests = best.map { judged[$0] }
            let sign = study.isMoreBetter ? -1.0 : 1
            rows = judged.indices.map { place in
                let regrets = study.worlds.indices.map { world in
                    Self.difference(means[place][world], means[best[world]][world])
                }
                let weighted = (0..<replications).map { replication in
                    study.worlds.indices.reduce(0.0) { sum, world in
                        sum + study.worlds[world].probability
                            * Self.difference(
                                losses[place][world][replication], losses[best[world]][world][replication])
                    }
                }
                return Row(
                    candidate: judged[place], values: means[place].map { $0 * sign }, regrets: regrets,
                    expected: weighted.allSatisfy(\.isFinite) ? Interval.ofMean(weighted) : nil,
                    worstWorld: regrets.indices.reduce(0) { regrets[$1] > regrets[$0] ? $1 : $0 })
            }
        }

        /// Where both have nothing to judge there is nothing to regret.
        private static func difference(_ value: Double, _ best: Double) -> Double {
            value == best ? 0 : value - best
        }
    }
}

extension RegretStudy.Result {
    private var unit: String {
        let target = study.options.target.map { " up to \(StudyText.figure($0)) TiB/day" } ?? ""
        return study.figure + target
    }

    package var text: String {
        var lines = [
            "\(rows.count) of \(study.candidates.count) candidates in \(study.worlds.count) worlds, "
                + "\(replications) of \(study.options.replications) replications with common seeds, "
                + "by \(unit)"
        ]
        guard !rows.isEmpty else { return lines[0] }
        var table = [["candidate", "expected regret", "± 95 %", "worst regret", "best in", "worst in"]]
        for row in rows {
            let wins = bests.filter { $0 == row.candidate }.count
            table.append([
                study.candidates[row.candidate], row.expected.map { StudyText.figure($0.mean) } ?? "∞",
                row.expected?.halfWidth.map { StudyText.figure($0) } ?? "–",
                row.worst.isFinite ? StudyText.figure(row.worst) : "∞",
                "\(wins) of \(study.worlds.count)",
                row.worst > 0 ? study.worlds[row.worstWorld].name : "–",
            ])
        }
        lines += StudyText.table(table)
        if let leastExpected {
            lines.append("least expected regret  \(study.candidates[leastExpected.candidate])")
        }
        if let minimax {
            lines.append("least worst regret     \(study.candidates[minimax.candidate])")
        }
        lines += ["", "world by world:"]
        lines += StudyText.table(
            [["world", "probability", "best", study.figure]]
                + study.worlds.indices.map { world in
                    let best = rows.first { $0.candidate == bests[world] }?.values[world]
                    return [
                        study.worlds[world].name, StudyText.figure(study.worlds[world].probability),
                        study.candidates[bests[world]], best.map { StudyText.figure($0) } ?? "–",
                    ]
                })
        return lines.joined(separator: "\n")
    }

    package var csv: String {
        var lines = ["candidate,world,probability,figure,value,regret"]
        for row in rows {
            for (world, place) in zip(study.worlds, study.worlds.indices) {
                lines.append(
                    [
                        StudyText.csv(study.candidates[row.candidate]), StudyText.csv(world.name),
                        "\(world.probability)", study.figure,
                        row.values[place].isFinite ? "\(row.values[place])" : "",
                        row.regrets[place].isFinite ? "\(row.regrets[place])" : "",
                    ].joined(separator: ","))
            }
        }
        return lines.joined(separator: "\n")
    }

    package var document: ScenarioDocument {
        func name(_ row: RegretStudy.Row?) -> ScenarioDocument {
            row.map { .text(study.candidates[$0.candidate]) } ?? .null
        }
        return object([
            .init(key: "figure", value: .text(study.figure)),
            .init(key: "target", value: study.options.target.map { .number($0) } ?? .null),
            .init(key: "replications", value: .integer(replications)),
            .init(key: "requested", value: .integer(study.options.replications)),
            .init(
                key: "worlds",
                value: .list(
                    study.worlds.indices.map { world in
                        .object([
                            .init(key: "name", value: .text(study.worlds[world].name)),
                            .init(
                                key: "probability",
                                value: .rounded(study.worlds[world].probability, digits: 9)),
                            .init(
                                key: "best",
                                value: bests.isEmpty ? .null : .text(study.candidates[bests[world]])),
                        ])
                    })),
            .init(
                key: "candidates",
                value: .list(
                    rows.map { row in
                        .object([
                            .init(key: "name", value: .text(study.candidates[row.candidate])),
                            .init(
                                key: "values", value: .list(row.values.map { .rounded($0, digits: 9) })),
                            .init(
                                key: "regrets", value: .list(row.regrets.map { .rounded($0, digits: 9) })),
                            .init(key: "expectedRegret", value: row.expected?.document ?? .null),
                            .init(key: "worstRegret", value: .rounded(row.worst, digits: 9)),
                            .init(key: "worstWorld", value: .text(study.worlds[row.worstWorld].name)),
                        ])
                    })),
            .init(key: "leastExpectedRegret", value: name(leastExpected)),
            .init(key: "leastWorstRegret", value: name(minimax)),
        ])
    }
}
