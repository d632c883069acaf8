// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Figures under one another, aligned at their points.
struct BenchTable {
    private var rows: [(name: String, figure: String, unit: String)] = []

    /// Adds a row; without `digits` the figure is a whole number with its thousands apart.
    mutating func add(_ name: String, _ value: Double, _ unit: String, digits: Int = 0) {
        let figure = digits == 0 ? grouped(value) : String(format: "%.\(digits)f", value)
        rows.append((name, figure, unit))
    }

    var text: String {
        let nameWidth = rows.map(\.name.count).max() ?? 0
        let figureWidth = rows.map(\.figure.count).max() ?? 0
        return rows.map { row in
            let gap = String(repeating: " ", count: nameWidth - row.name.count)
            let indent = String(repeating: " ", count: figureWidth - row.figure.count)
            return "\(row.name)\(gap)  \(indent)\(row.figure) \(row.unit)"
        }.joined(separator: "\n")
    }

    private func grouped(_ value: Double) -> String {
        guard value.isFinite, value.magnitude < 1e15 else { return "\(value)" }
        var digits = Array(String(Int64(value.rounded())))
        var at = digits.count - 3
        while at > (digits.first == "-" ? 1 : 0) {
            digits.insert(",", at: at)
            at -= 3
        }
        return String(digits)
    }
}
