// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// Several runs of one scenario under different seeds, and what they say together.
package struct Replications: StudyResult, Sendable, Hashable {
    package static let countMax = 100_000

    /// A figure over all runs that tell it.
    package struct Summary: Sendable, Hashable {
        package var name: String
        package var interval: Interval
    }

    /// What was run, and for how long.
    package var study: StudyCase
    package var requestedCount: Int
    /// Finished runs in order of their number.
    package var runs: [RunFigures]
    /// `nil` where nothing was proven.
    package var warmUp: WarmUpFinding?
    package var distrusted: [DistrustedRun]

    /// Runs `count` replications.
    ///
    /// - Throws: ``StudyError``, or ``KernelError`` where no thread starts.
    package static func run(
        _ study: StudyCase, count: Int, seed: UInt64, control: StudyControl = StudyControl()
    ) throws -> Replications {
        try check(count)
        let (found, distrusted) = try StudyRunner.simulate(count, control) {
            index, goesOn -> SimulatedRun<(RunFigures, [Int])>? in
            var series: [Int] = []
            return try study.run(
                seed: StudyCase.seed(seed, replication: index), bug: control.bug, goesOn: goesOn,
                proven: { if index < WarmUpFinding.runCountMax { series.append($0) } }
            )?.map { ($0, series) }
        }
        let runs = found.compactMap(\.self)
        return Replications(
            study: study, requestedCount: count, runs: runs.map(\.0),
            warmUp: WarmUpFinding(
                series: runs.map(\.1).filter { !$0.isEmpty }, endSeconds: study.end.seconds,
                usedSeconds: SimulatedCluster.warmUp(of: study.scenario).secondsValue),
            distrusted: distrusted)
    }

    static func check(_ count: Int) throws(StudyError) {
        guard (1...countMax).contains(count) else {
            throw StudyError(.invalid, "replications: 1 to \(countMax), not \(count)")
        }
    }

    package var name: String { study.name }

    /// The scenario as it ran, as one file that needs no other, under the policy that decided.
    package var resolved: ScenarioDocument {
        var whole = study.scenario
        whole.policy = policy
        return whole.normalized
    }

    package var policy: String { study.policy ?? study.scenario.policy }

    /// Whether every run that was asked for is there.
    package var isComplete: Bool { runs.count == requestedCount }

    /// Student's intervals of all figures.
    package func summaries(confidence: Double = 0.95) -> [Summary] {
        guard let first = runs.first else { return [] }
        return first.figures.indices.compactMap { index in
            Interval.ofMean(runs.compactMap { $0.figures[index].value }, confidence: confidence)
                .map { Summary(name: first.figures[index].name, interval: $0) }
        }
    }

    /// The result for people.
    package var text: String {
        let summaries = summaries()
        var rows = [["figure", "mean", "± 95 %", "runs"]]
        for summary in summaries {
            let interval = summary.interval
            rows.append([
                summary.name, StudyText.figure(interval.mean),
                interval.halfWidth.map { StudyText.figure($0) } ?? "–", String(interval.count),
            ])
        }
        let head = "\(name): \(runs.count) of \(requestedCount) replications"
        return ([head] + (warmUp.map { [$0.text] } ?? []) + StudyText.table(rows)).joined(separator: "\n")
    }

    package var document: ScenarioDocument {
        object([
            .init(key: "scenario", value: .text(name)),
            .init(key: "policy", value: .text(policy)),
            .init(key: "simulatedSeconds", value: .rounded(study.end.seconds)),
            .init(key: "replications", value: .integer(runs.count)),
            .init(key: "requested", value: .integer(requestedCount)),
            .init(key: "warmUp", value: warmUp?.document ?? .null),
            .init(
                key: "figures",
                value: .object(summaries().map { .init(key: $0.name, value: $0.interval.document) })),
            .init(key: "runs", value: .list(runs.map(\.document))),
        ])
    }
}

extension Interval {
    var document: ScenarioDocument {
        .object([
            .init(key: "mean", value: .rounded(mean, digits: 9)),
            .init(key: "halfWidth", value: .rounded(halfWidth, digits: 9)),
            .init(key: "confidence", value: .number(confidence)),
            .init(key: "count", value: .integer(count)),
        ])
    }
}

extension RunFigures {
    var document: ScenarioDocument {
        .object([
            .init(key: "seed", value: .seed(seed)),
            .init(key: "traceHash", value: .text(traceHash)),
            .init(
                key: "figures",
                value: .object(figures.map { .init(key: $0.name, value: .rounded($0.value, digits: 9)) })),
        ])
    }
}

/// Tables and figures of studies.
enum StudyText {
    /// Four significant digits or more.
    static func figure(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        let magnitude = value.magnitude
        var scale = 1.0
        while magnitude > 0, magnitude * scale < 1000, scale < 1e9 { scale *= 10 }
        return ScenarioDocument.decimalText((value * scale).rounded() / scale)
    }

    /// The same with a plus where it is one.
    static func signed(_ value: Double) -> String {
        let text = figure(value)
        return value > 0 && text != "0" ? "+" + text : text
    }

    static func table(_ rows: [[String]]) -> [String] {
        guard let first = rows.first else { return [] }
        let widths = first.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }
    }

    /// A field of a CSV line (RFC 4180).
    static func csv(_ text: String) -> String {
        guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
            + "\""
    }
}
