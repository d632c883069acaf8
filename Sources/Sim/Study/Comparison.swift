// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// Several scenarios under the same seeds, and how they differ from the first.
///
/// A task's duration belongs to seed, sector, kind and try, so that two scenarios of one seed share their
/// luck; the interval of the paired differences is therefore narrower than that of either side.
package struct Comparison: StudyResult, Sendable, Hashable {
    package struct Row: Sendable, Hashable {
        package var figure: String
        /// Which of the scenarios, from 1.
        package var index: Int
        package var base: Double
        package var mean: Double
        /// Of the pairs: this scenario's figure less the first's.
        package var difference: Interval
        /// Whether zero lies outside of the interval.
        package var isSignificant: Bool { difference.isSignificant }
    }

    package var names: [String]
    package var requestedCount: Int
    /// For each replication that all scenarios finished, their figures in order.
    package var pairs: [[RunFigures]]
    package var distrusted: [DistrustedRun]

    /// - Throws: ``StudyError``, or ``KernelError`` where no thread starts.
    package static func run(
        _ cases: [StudyCase], count: Int, seed: UInt64, control: StudyControl = StudyControl()
    ) throws -> Comparison {
        try Replications.check(count)
        guard cases.count >= 2, cases.count <= 100 else {
            throw StudyError(.invalid, "name 2 to 100 scenarios to compare, not \(cases.count)")
        }
        let width = cases.count
        // All scenarios of a replication together, so that an interrupted study has whole pairs.
        let (runs, distrusted) = try StudyRunner.simulate(count * width, control) { job, goesOn in
            try cases[job % width].run(
                seed: StudyCase.seed(seed, replication: job / width), bug: control.bug,
                goesOn: goesOn)
        }
        let pairs = (0..<count).compactMap { replication -> [RunFigures]? in
            let all = runs[replication * width..<(replication + 1) * width].compactMap(\.self)
            return all.count == width ? all : nil
        }
        return Comparison(
            names: cases.map(\.name), requestedCount: count, pairs: pairs, distrusted: distrusted)
    }

    package func rows(confidence: Double = 0.95) -> [Row] {
        guard let first = pairs.first?.first else { return [] }
        var rows: [Row] = []
        for figure in first.figures.indices {
            for index in names.indices.dropFirst() {
                let told = pairs.compactMap { pair -> (Double, Double)? in
                    guard let left = pair[0].figures[figure].value,
                        let right = pair[index].figures[figure].value
                    else { return nil }
                    return (left, right)
                }
                guard
                    let difference = Interval.ofDifferences(
                        told.map(\.0), told.map(\.1), confidence: confidence)
                else { continue }
                rows.append(
                    Row(
                        figure: first.figures[figure].name, index: index, base: Moments(told.map(\.0)).mean,
                        mean: Moments(told.map(\.1)).mean, difference: difference))
            }
        }
        return rows
    }

    /// The table for people; a star marks differences whose interval leaves zero out.
    package var text: String {
        var table = [["figure", "scenario", "first", "this", "difference", "± 95 %", ""]]
        for row in rows() {
            table.append([
                row.figure, names[row.index], StudyText.figure(row.base), StudyText.figure(row.mean),
                StudyText.figure(row.difference.mean),
                row.difference.halfWidth.map { StudyText.figure($0) } ?? "–", row.isSignificant ? "*" : "",
            ])
        }
        let head =
            "\(names.count) scenarios against \(names[0]), \(pairs.count) of \(requestedCount) replications "
            + "with common seeds"
        return ([head] + StudyText.table(table)).joined(separator: "\n")
    }

    package var csv: String {
        var lines = ["figure,scenario,base,mean,difference,halfWidth,confidence,pairs,significant"]
        for row in rows() {
            let difference = row.difference
            lines.append(
                [
                    row.figure, StudyText.csv(names[row.index]), "\(row.base)", "\(row.mean)",
                    "\(difference.mean)", difference.halfWidth.map { "\($0)" } ?? "",
                    "\(difference.confidence)", "\(difference.count)", "\(row.isSignificant)",
                ].joined(separator: ","))
        }
        return lines.joined(separator: "\n")
    }

    package var document: ScenarioDocument {
        object([
            .init(key: "scenarios", value: .list(names.map { .text($0) })),
            .init(key: "replications", value: .integer(pairs.count)),
            .init(key: "requested", value: .integer(requestedCount)),
            .init(
                key: "differences",
                value: .list(
                    rows().map { row in
                        .object([
                            .init(key: "figure", value: .text(row.figure)),
                            .init(key: "scenario", value: .text(names[row.index])),
                            .init(key: "base", value: .rounded(row.base, digits: 9)),
                            .init(key: "mean", value: .rounded(row.mean, digits: 9)),
                            .init(key: "difference", value: row.difference.document),
                            .init(key: "significant", value: .flag(row.isSignificant)),
                        ])
                    })),
        ])
    }
}
