// SPDX-License-Identifier: Apache-2.0

extension Tornado.Result {
    /// Characters of a bar to each side of the file's value.
    private static let barWidth = 12

    package var isComplete: Bool { wholeCount == requestedCount }

    /// The table for people; a star marks swings whose interval leaves zero out.
    package var text: String {
        var head =
            "\(name): \(rows.count) inputs, one at a time, \(wholeCount) of \(requestedCount) "
            + "replications with common seeds"
        if let throughput { head += "; as in the file \(StudyText.figure(throughput.mean)) TiB/day" }
        if let costPerTebibyte, let currency {
            head += ", \(StudyText.figure(costPerTebibyte.mean)) \(currency)/TiB"
        }
        let hasCost = rows.contains { $0.costSwing != nil }
        var table = [
            ["input", "", "file", "low", "high", "TiB/day low", "high", "swing", "± 95 %", ""]
                + (hasCost ? ["\(currency ?? "cost")/TiB low", "high"] : []) + [""]
        ]
        let widest =
            rows.flatMap { [$0.low.throughput?.mean ?? 0, $0.high.throughput?.mean ?? 0] }
            .map(\.magnitude).max() ?? 0
        for row in rows {
            let isSure = row.swing.map { $0.halfWidth != nil && !$0.covers(0) } ?? false
            table.append(
                [
                    row.path, row.provenance?.rawValue ?? "", row.text, row.low.text, row.high.text,
                    change(row.low, row.low.throughput), change(row.high, row.high.throughput),
                    row.swing.map { StudyText.signed($0.mean) } ?? "–",
                    row.swing?.halfWidth.map { StudyText.figure($0) } ?? "–", isSure ? "*" : "",
                ]
                    + (hasCost
                        ? [
                            change(row.low, row.low.costPerTebibyte),
                            change(row.high, row.high.costPerTebibyte),
                        ] : []) + [bar(row, widest)])
        }
        var lines = [head] + StudyText.table(table)
        for row in rows {
            for (side, end) in [("low", row.low), ("high", row.high)] {
                if let omission = end.omission {
                    lines.append("\(row.path): the \(side) end, \(end.text), was not run: \(omission)")
                }
            }
        }
        if !unfinished.isEmpty {
            lines.append("not finished: \(unfinished.count) inputs, from \(unfinished[0]) on")
        }
        return lines.joined(separator: "\n")
    }

    private func change(_ end: Tornado.End, _ interval: Interval?) -> String {
        guard end.omission == nil, let interval else { return "–" }
        return StudyText.signed(interval.mean)
    }

    /// Less to the left, more to the right; the end that gives it has its letter.
    private func bar(_ row: Tornado.Row, _ widest: Double) -> String {
        var left = ""
        var right = ""
        for (letter, end) in [("l", row.low), ("h", row.high)] {
            let change = end.throughput?.mean ?? 0
            guard widest > 0, change != 0 else { continue }
            let length = Int((Double(Self.barWidth) * change.magnitude / widest).rounded())
            let piece = String(repeating: letter, count: length)
            // Both ends on one side: the longer stands behind the shorter.
            if change < 0 {
                left = piece.count > left.count ? piece.dropLast(left.count) + left : left
            } else {
                right = piece.count > right.count ? right + piece.dropFirst(right.count) : right
            }
        }
        let before = String(repeating: " ", count: Self.barWidth - left.count)
        let after = String(repeating: " ", count: Self.barWidth - right.count)
        return before + left + "|" + right + after
    }

    package var csv: String {
        var lines = [
            "input,provenance,file,low,high,lowTebibytesPerDay,highTebibytesPerDay,swingTebibytesPerDay,"
                + "halfWidth,lowCostPerTebibyte,highCostPerTebibyte,swingCostPerTebibyte,costHalfWidth,pairs"
        ]
        for row in rows {
            let figures = [
                row.low.throughput?.mean, row.high.throughput?.mean, row.swing?.mean, row.swing?.halfWidth,
                row.low.costPerTebibyte?.mean, row.high.costPerTebibyte?.mean, row.costSwing?.mean,
                row.costSwing?.halfWidth,
            ]
            lines.append(
                ([row.path, row.provenance?.rawValue ?? "", row.text, row.low.text, row.high.text]
                    .map(StudyText.csv) + figures.map { $0.map { "\($0)" } ?? "" }
                    + ["\(row.swing?.count ?? 0)"]).joined(separator: ","))
        }
        return lines.joined(separator: "\n")
    }

    package var document: ScenarioDocument {
        object([
            .init(key: "scenario", value: .text(name)),
            .init(key: "replications", value: .integer(wholeCount)),
            .init(key: "requested", value: .integer(requestedCount)),
            .init(key: "tebibytesPerDay", value: throughput?.document ?? .null),
            .init(key: "currency", value: currency.map { .text($0) } ?? .null),
            .init(key: "costPerTebibyte", value: costPerTebibyte?.document ?? .null),
            .init(
                key: "inputs",
                value: .list(
                    rows.map { row in
                        .object([
                            .init(key: "path", value: .text(row.path)),
                            .init(
                                key: "provenance", value: row.provenance.map { .text($0.rawValue) } ?? .null),
                            .init(key: "value", value: .text(row.text)),
                            .init(key: "low", value: document(row.low)),
                            .init(key: "high", value: document(row.high)),
                            .init(key: "swing", value: row.swing?.document ?? .null),
                            .init(key: "costSwing", value: row.costSwing?.document ?? .null),
                        ])
                    })),
            .init(key: "unfinished", value: .list(unfinished.map { .text($0) })),
        ])
    }

    private func document(_ end: Tornado.End) -> ScenarioDocument {
        .object([
            .init(key: "value", value: .text(end.text)),
            .init(key: "notRun", value: end.omission.map { .text($0) } ?? .null),
            .init(key: "tebibytesPerDay", value: end.throughput?.document ?? .null),
            .init(key: "costPerTebibyte", value: end.costPerTebibyte?.document ?? .null),
        ])
    }
}
