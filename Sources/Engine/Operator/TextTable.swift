// SPDX-License-Identifier: Apache-2.0
private import Foundation
private import Kernel

/// Rows under a header; columns that are empty in every row are left out, as operators know it.
package struct TextTable: Sendable {
    private struct Row {
        var cells: [String]
        var extras: [(name: String, value: String)]
    }

    private let columns: [String]
    private var rows: [Row] = []

    /// Makes a table without rows.
    package init(_ columns: String...) { self.columns = columns }

    /// Adds a row of as many cells as there are columns; `extras` follow on lines of their own.
    package mutating func add(_ cells: [String], extras: [(name: String, value: String)] = []) {
        precondition(cells.count == columns.count, "a row has a cell for each column")
        rows.append(Row(cells: cells.map(Self.line), extras: extras.map { ($0, Self.line($1)) }))
    }

    /// The header, then the rows, without a line break at the end. A table without rows shows its header.
    package var text: String {
        let shown = columns.indices.filter { column in
            rows.isEmpty || rows.contains { !$0.cells[column].isEmpty }
        }
        let widths = columns.indices.map { column in
            rows.reduce(columns[column].count) { max($0, $1.cells[column].count) }
        }
        func line(_ cells: [String]) -> String {
            var line = ""
            for column in shown {
                line += cells[column]
                guard column != shown.last else { break }
                line += String(repeating: " ", count: widths[column] - cells[column].count + 2)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
        var lines = [line(columns)]
        for row in rows {
            lines.append(line(row.cells))
            for extra in row.extras { lines.append("  \(extra.name): \(extra.value)") }
        }
        return lines.joined(separator: "\n")
    }

    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}

/// Figures as operators read them.
package enum OperatorText {
    /// A duration as `1h51m39.2s`; to a tenth of a second.
    package static func duration(_ duration: Duration) -> String {
        let tenths = max(0, duration.nanoseconds) / 100_000_000
        let (hours, minutes, rest) = (tenths / 36_000, tenths / 600 % 60, tenths % 600)
        let seconds = rest % 10 == 0 ? "\(rest / 10)s" : "\(rest / 10).\(rest % 10)s"
        if hours > 0 { return "\(hours)h\(minutes)m\(seconds)" }
        return minutes > 0 ? "\(minutes)m\(seconds)" : seconds
    }

    /// A number of bytes as `125.8 GiB`: four digits that count.
    package static func bytes(_ count: UInt64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var (value, unit) = (Double(count), 0)
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return String(format: "%.4g", value) + " " + units[unit]
    }

    /// A bar of 64 characters.
    package static func bar(_ share: Double) -> String {
        let filled = share.isFinite ? Int((min(max(share, 0), 1) * 64).rounded()) : 0
        return "[" + String(repeating: "|", count: filled) + String(repeating: " ", count: 64 - filled) + "]"
    }
}
