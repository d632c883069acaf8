// SPDX-License-Identifier: Apache-2.0

extension Optimizer.Result {
    package var text: String {
        var lines = [
            "target \(StudyText.figure(target)) TiB/day: \(screenedCount) candidates by formula, "
                + "\(feasibleCount) reach it, \(simulated.count) simulated, "
                + "\(answers.count) confirmed"
        ]
        var rows = [groupNames + [costUnit, "formula", "TiB/day", "± 95 %", "regret", ""]]
        for candidate in simulated {
            rows.append(
                candidate.counts.map { String($0) } + [
                    StudyText.figure(candidate.costPerDay), StudyText.figure(candidate.screened),
                    candidate.measured.map { StudyText.figure($0.mean) } ?? "–",
                    candidate.measured?.halfWidth.map { StudyText.figure($0) } ?? "–",
                    candidate.regret.map { StudyText.figure($0) } ?? "–", reaches(candidate) ? "yes" : "no",
                ])
        }
        lines += StudyText.table(rows)
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

    package var document: ScenarioDocument {
        .object([
            .init(key: "target", value: .number(target)),
            .init(key: "costUnit", value: .text(costUnit)),
            .init(key: "screened", value: .integer(screenedCount)),
            .init(key: "feasible", value: .integer(feasibleCount)),
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

    private func document(_ candidate: Optimizer.Candidate) -> ScenarioDocument {
        .object([
            .init(
                key: "hosts",
                value: .object(
                    zip(groupNames, candidate.counts).map { .init(key: $0, value: .integer($1)) })),
            .init(key: "costPerDay", value: .rounded(candidate.costPerDay, digits: 6)),
            .init(key: "formulaTebibytesPerDay", value: .rounded(candidate.screened, digits: 6)),
            .init(key: "tebibytesPerDay", value: candidate.measured?.document ?? .null),
            .init(key: "regret", value: .rounded(candidate.regret, digits: 6)),
            .init(key: "reachesTarget", value: .flag(reaches(candidate))),
        ])
    }
}
