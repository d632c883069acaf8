// SPDX-License-Identifier: Apache-2.0

extension Optimizer.Result {
    package var text: String {
        var lines = [
            "target \(StudyText.figure(target)) TiB/day: \(screenedCount) \(ofAll)candidates by formula, "
                + "\(feasibleCount) reach it\(sums.isEmpty ? "" : " within the bounds"), "
                + "\(simulatedCount) simulated, \(answers.count) confirmed",
            rangeLine,
        ]
        lines += StudyText.table([heads] + simulated.map(cells))
        if tellsOperating, !operatingWithout.isEmpty {
            lines.append("OpEx has no price for  " + operatingWithout.joined(separator: ", "))
        }
        if let refusal { lines.append(refusal + "; widen --range, simulate more, or allow more") }
        if let leastRegret, let regret = leastRegret.regret {
            let counts = zip(groupNames, leastRegret.counts).map { "\($0)=\($1)" }.joined(separator: " ")
            lines.append(
                "least regret  \(counts): \(StudyText.figure(leastRegret.costPerDay)) \(costUnit), at most "
                    + "\(StudyText.figure(regret)) dearer a TiB/day than the best, whatever the durations")
        }
        lines.append("")
        let head = [["more of", "+10 %, TiB/day", "without limit"]]
        lines += StudyText.table(
            head
                + tornado.map {
                    [$0.resource, StudyText.figure($0.gainOfTenth), StudyText.figure($0.gainOfInfinite)]
                })
        return lines.joined(separator: "\n")
    }

    /// Says how many there were where not all were looked at.
    private var ofAll: String { screenedCount < candidateCount ? "of \(candidateCount) " : "" }

    /// Something of what runs month by month has a price.
    private var tellsOperating: Bool { simulated.contains { $0.operating?.total != nil } }

    private var heads: [String] {
        var heads = groupNames
        heads.append(costUnit)
        for sum in sums { heads.append(sum.unit.isEmpty ? sum.name : "\(sum.name), \(sum.unit)") }
        heads += ["formula", "TiB/day", "± 95 %"]
        if tellsOperating { heads.append("OpEx, \(currency ?? "")/month") }
        if bounds.latency != nil { heads.append("p95") }
        return heads + ["regret", ""]
    }

    private func cells(_ candidate: Optimizer.Candidate) -> [String] {
        var cells = candidate.counts.map { String($0) }
        cells.append(StudyText.figure(candidate.costPerDay))
        for taken in candidate.taken { cells.append(StudyText.figure(taken)) }
        cells.append(StudyText.figure(candidate.screened))
        cells.append(candidate.measured.map { StudyText.figure($0.mean) } ?? "–")
        cells.append(candidate.measured?.halfWidth.map { StudyText.figure($0) } ?? "–")
        if tellsOperating { cells.append(candidate.monthly.map { StudyText.figure($0.mean) } ?? "–") }
        if bounds.latency != nil {
            cells.append(candidate.latency.map { SimulatedCluster.span($0.mean) } ?? "–")
        }
        cells.append(candidate.regret.map { StudyText.figure($0) } ?? "–")
        let short = shortcomings(candidate)
        cells.append(short.isEmpty ? "yes" : "no: " + short.joined(separator: ", "))
        return cells
    }

    package var document: ScenarioDocument {
        object([
            .init(key: "target", value: .number(target)),
            .init(key: "costUnit", value: .text(costUnit)),
            .init(key: "screened", value: .integer(screenedCount)),
            .init(key: "candidateCount", value: .integer(candidateCount)),
            .init(key: "feasible", value: .integer(feasibleCount)),
            .init(key: "simulated", value: .integer(simulatedCount)),
            .init(key: "confirmed", value: .integer(answers.count)),
            .init(key: "refusal", value: refusal.map { .text($0) } ?? .null),
            .init(
                key: "ranges",
                value: .object(
                    zip(groupNames, ranges).map { name, range in
                        .init(
                            key: name, value: .list([.integer(range.lowerBound), .integer(range.upperBound)]))
                    })),
            .init(key: "rangesByDefault", value: .flag(areRangesUsual)),
            .init(
                key: "bounds",
                value: .list(
                    sums.map {
                        .object([
                            .init(key: "name", value: .text($0.name)),
                            .init(key: "unit", value: .text($0.unit)),
                            .init(key: "limit", value: .number($0.limit)),
                            .init(key: "without", value: .list($0.without.map { .text($0) })),
                        ])
                    })),
            .init(
                key: "latencyP95SecondsMax", value: bounds.latency.map { .number($0.secondsValue) } ?? .null),
            .init(key: "missedPoStAllowed", value: .flag(bounds.allowsMissedPoSt)),
            .init(key: "opexWithout", value: .list(operatingWithout.map { .text($0) })),
            .init(key: "candidates", value: .list(simulated.map(document))),
            .init(key: "leastRegret", value: leastRegret.map(document) ?? .null),
            .init(
                key: "sensitivities",
                value: .list(
                    tornado.map {
                        .object([
                            .init(key: "resource", value: .text($0.resource)),
                            .init(key: "gainOfTenth", value: .rounded($0.gainOfTenth, digits: 6)),
                            .init(key: "gainOfInfinite", value: .rounded($0.gainOfInfinite, digits: 6)),
                        ])
                    })),
        ])
    }

    private func document(_ operating: OperatingCost) -> ScenarioDocument {
        .object([
            .init(key: "electricity", value: .rounded(operating.electricity, digits: 6)),
            .init(key: "space", value: .rounded(operating.space, digits: 6)),
            .init(key: "storage", value: .rounded(operating.storage, digits: 6)),
            .init(key: "total", value: .rounded(operating.total, digits: 6)),
        ])
    }

    private func document(_ candidate: Optimizer.Candidate) -> ScenarioDocument {
        .object([
            .init(
                key: "hosts",
                value: .object(
                    zip(groupNames, candidate.counts).map { .init(key: $0, value: .integer($1)) })),
            .init(key: "costPerDay", value: .rounded(candidate.costPerDay, digits: 6)),
            .init(key: "formulaTebibytesPerDay", value: .rounded(candidate.screened, digits: 6)),
            .init(key: "tebibytesPerDay", value: candidate.measured?.document ?? .null),
            .init(key: "taken", value: .list(candidate.taken.map { .rounded($0, digits: 6) })),
            .init(key: "opexPerMonthByFormula", value: candidate.operating.map(document) ?? .null),
            .init(key: "opexPerMonth", value: candidate.monthly?.document ?? .null),
            .init(key: "latencyP95Seconds", value: candidate.latency?.document ?? .null),
            .init(key: "missedPoSt", value: .rounded(candidate.missedCount)),
            .init(key: "shortcomings", value: .list(shortcomings(candidate).map { .text($0) })),
            .init(key: "regret", value: .rounded(candidate.regret, digits: 6)),
            .init(key: "reachesTarget", value: .flag(reaches(candidate))),
        ])
    }
}
