// SPDX-License-Identifier: Apache-2.0

extension RegretStudy {
    package struct Row: Sendable, Hashable {
        /// Place among the candidates.
        package var candidate: Int
        /// Mean figure in each world; infinite where runs had nothing to judge.
        package var values: [Double]
        /// By world, never negative: the best candidate's mean is the one of that world.
        package var regrets: [Double]
        /// Mean TiB/day in each world.
        package var rates: [Double]
        /// Whether there is a target that ``rates`` miss, by world.
        package var misses: [Bool]
        /// Of the worlds in which the target is missed.
        package var missProbability: Double
        package var missCount: Int { misses.filter(\.self).count }
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
        package var minimax: Row? { rows.min { ($0.missCount, $0.worst) < ($1.missCount, $1.worst) } }
        /// The row with the least expected regret.
        package var leastExpected: Row? {
            rows.min {
                ($0.missProbability, $0.expected?.mean ?? .infinity)
                    < ($1.missProbability, $1.expected?.mean ?? .infinity)
            }
        }
        /// The worlds in which no candidate reaches the target.
        package var hopelessWorlds: [Int] {
            guard !rows.isEmpty else { return [] }
            return study.worlds.indices.filter { world in rows.allSatisfy { $0.misses[world] } }
        }

        /// - Parameters:
        ///   - losses: by judged candidate, world and replication; less is better.
        ///   - rates: TiB/day likewise.
        init(
            study: RegretStudy, replications: Int, judged: [Int], losses given: [[[Double]]],
            rates: [[[Double]]], distrusted: [DistrustedRun]
        ) {
            let meanRates = rates.map { $0.map { $0.isEmpty ? 0 : Moments($0).mean } }
            let misses = meanRates.map { worlds in
                worlds.map { rate in study.options.target.map { rate < $0 } ?? false }
            }
            let losses = Self.dearer(given, rates: rates, misses: misses, target: study.options.target)
            self.study = study
            self.distrusted = distrusted
            self.replications = replications
            func averages(_ all: [[[Double]]]) -> [[Double]] {
                all.map { worlds in
                    worlds.map { runs in runs.allSatisfy(\.isFinite) ? Moments(runs).mean : .infinity }
                }
            }
            let (means, figures) = (averages(losses), averages(given))
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
                let missed = zip(misses[place], study.worlds).reduce(0.0) { sum, world in
                    world.0 ? sum + world.1.probability : sum
                }
                return Row(
                    candidate: judged[place], values: figures[place].map { $0 * sign }, regrets: regrets,
                    rates: meanRates[place], misses: misses[place], missProbability: missed,
                    expected: weighted.allSatisfy(\.isFinite) ? Interval.ofMean(weighted) : nil,
                    worstWorld: regrets.indices.reduce(0) { regrets[$1] > regrets[$0] ? $1 : $0 })
            }
        }

        /// Makes what misses the target dearer than all that reach it in the same world, and the more so the
        /// more is missing: a cluster that is cheap because it is too small is no bargain.
        private static func dearer(
            _ losses: [[[Double]]], rates: [[[Double]]], misses: [[Bool]], target: Double?
        ) -> [[[Double]]] {
            guard let target else { return losses }
            var losses = losses
            for world in losses.first?.indices ?? 0..<0 {
                func mean(_ place: Int) -> Double { Moments(losses[place][world]).mean }
                let dearest = losses.indices.filter { !misses[$0][world] }.map(mean)
                    .filter(\.isFinite).max()
                for place in losses.indices where misses[place][world] {
                    let behind = max(0, (dearest ?? -.infinity) - mean(place))
                    for run in losses[place][world].indices {
                        let share = target / max(rates[place][world][run], 1e-12)
                        losses[place][world][run] = (losses[place][world][run] + behind) * max(1, share)
                    }
                }
            }
            return losses
        }

        /// Where both have nothing to judge there is nothing to regret.
        private static func difference(_ value: Double, _ best: Double) -> Double {
            value == best ? 0 : value - best
        }
    }
}

extension RegretStudy.Result {
    private var unit: String {
        let target = study.options.target.map { " for \(StudyText.figure($0)) TiB/day" } ?? ""
        return study.figure + target
    }

    private func reached(_ row: RegretStudy.Row) -> String {
        "\(study.worlds.count - row.missCount) of \(study.worlds.count)"
    }

    /// What a recommended candidate does not keep.
    private func caveat(_ row: RegretStudy.Row) -> String {
        guard let target = study.options.target, row.missCount > 0 else { return "" }
        return ", which misses \(StudyText.figure(target)) TiB/day in \(row.missCount) of "
            + "\(study.worlds.count) worlds"
    }

    /// How near the best candidate comes where none reaches the target.
    private var hopeless: [String] {
        guard let target = study.options.target else { return [] }
        return hopelessWorlds.compactMap { world in
            rows.max { $0.rates[world] < $1.rates[world] }.map { nearest in
                "none reaches \(StudyText.figure(target)) TiB/day with \(study.worlds[world].name): at most "
                    + "\(StudyText.figure(nearest.rates[world])) by \(study.candidates[nearest.candidate])"
            }
        }
    }

    package var text: String {
        var lines = [
            "\(rows.count) of \(study.candidates.count) candidates in \(study.worlds.count) worlds, "
                + "\(replications) of \(study.options.replications) replications with common seeds, "
                + "by \(unit)"
        ]
        guard !rows.isEmpty else { return lines[0] }
        let hasTarget = study.options.target != nil
        var table = [
            ["candidate", "TiB/day"] + (hasTarget ? ["reached in"] : [])
                + ["expected regret", "± 95 %", "worst regret", "best in", "worst in"]
        ]
        for row in rows {
            let wins = bests.filter { $0 == row.candidate }.count
            let (low, high) = (row.rates.min() ?? 0, row.rates.max() ?? 0)
            let (from, upTo) = (StudyText.figure(low), StudyText.figure(high))
            let rate = from == upTo ? from : "\(from) to \(upTo)"
            let head = [study.candidates[row.candidate], rate] + (hasTarget ? [reached(row)] : [])
            table.append(
                head + [
                    row.expected.map { StudyText.figure($0.mean) } ?? "∞",
                    row.expected?.halfWidth.map { StudyText.figure($0) } ?? "–",
                    row.worst.isFinite ? StudyText.figure(row.worst) : "∞",
                    "\(wins) of \(study.worlds.count)",
                    row.worst > 0 ? study.worlds[row.worstWorld].name : "–",
                ])
        }
        lines += StudyText.table(table)
        if let leastExpected {
            lines.append(
                "least expected regret  \(study.candidates[leastExpected.candidate])\(caveat(leastExpected))")
        }
        if let minimax {
            lines.append(
                "least worst regret     \(study.candidates[minimax.candidate])\(caveat(minimax))")
        }
        lines += hopeless
        lines += ["", "world by world:"]
        lines += StudyText.table(
            [["world", "probability", "best", study.figure, "TiB/day"]]
                + study.worlds.indices.map { world in
                    let row = rows.first { $0.candidate == bests[world] }
                    let best = row?.values[world]
                    return [
                        study.worlds[world].name, StudyText.figure(study.worlds[world].probability),
                        study.candidates[bests[world]], best.map { StudyText.figure($0) } ?? "–",
                        row.map { StudyText.figure($0.rates[world]) } ?? "–",
                    ]
                })
        return lines.joined(separator: "\n")
    }

    package var csv: String {
        var lines = ["candidate,world,probability,figure,value,regret,tebibytesPerDay,reachesTarget"]
        for row in rows {
            for (world, place) in zip(study.worlds, study.worlds.indices) {
                lines.append(
                    [
                        StudyText.csv(study.candidates[row.candidate]), StudyText.csv(world.name),
                        "\(world.probability)", study.figure,
                        row.values[place].isFinite ? "\(row.values[place])" : "",
                        row.regrets[place].isFinite ? "\(row.regrets[place])" : "",
                        "\(row.rates[place])", "\(!row.misses[place])",
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
                            .init(key: "isReached", value: .flag(!hopelessWorlds.contains(world))),
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
                            .init(
                                key: "tebibytesPerDay",
                                value: .list(row.rates.map { .rounded($0, digits: 9) })),
                            .init(key: "reachesTarget", value: .list(row.misses.map { .flag(!$0) })),
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
