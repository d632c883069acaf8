// SPDX-License-Identifier: Apache-2.0

/// Text made safe for HTML, and pieces of SVG.
enum Picture {
    static func escaped(_ text: String) -> String {
        var out = ""
        out.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "\n", "\t": out.unicodeScalars.append(scalar)
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}": out += "\u{FFFD}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// A coordinate with one digit after the point.
    static func at(_ value: Double) -> String {
        guard value.isFinite else { return "0" }
        let tenths = Int((min(max(value, -1e6), 1e6) * 10).rounded())
        return tenths % 10 == 0
            ? "\(tenths / 10)" : "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
    }

    /// A drawing with a name and a description that a screen reader speaks.
    static func svg(
        _ id: String, _ width: Int, _ height: Int, title: String, about: String, _ body: String
    )
        -> String
    {
        """
        <svg viewBox="0 0 \(width) \(height)" role="img" aria-labelledby="\(id)-t \(id)-d">
        <title id="\(id)-t">\(escaped(title))</title><desc id="\(id)-d">\(escaped(about))</desc>
        \(body)
        </svg>
        """
    }

    static func text(_ x: Double, _ y: Double, _ text: String, anchor: String = "start") -> String {
        "<text x=\"\(at(x))\" y=\"\(at(y))\" text-anchor=\"\(anchor)\">\(escaped(text))</text>"
    }

    /// Steps for an axis from zero to `high`: at most six round numbers.
    static func ticks(_ high: Double) -> [Double] {
        guard high > 0, high.isFinite else { return [0] }
        var step = 1.0
        while step * 5 < high { step *= 10 }
        while step * 5 > high * 10 { step /= 10 }
        for factor in [0.1, 0.2, 0.5, 1] where step * factor * 5.5 >= high {
            step *= factor
            break
        }
        return (0...5).map { Double($0) * step }.filter { $0 <= high * 1.001 }
    }

    /// The frame of a plot: days below, values at the left.
    static func axes(
        _ box: (x: Double, y: Double, width: Double, height: Double), days: ClosedRange<Double>, high: Double,
        unit: String
    ) -> String {
        var out = ""
        for value in ticks(high) {
            let y = box.y + box.height * (1 - value / max(high, 1e-12))
            out += "<path class=\"grid\" d=\"M\(at(box.x)) \(at(y))H\(at(box.x + box.width))\"/>"
            out += text(box.x - 6, y + 4, SimulatedCluster.figure(value) + unit, anchor: "end")
        }
        let span = days.upperBound - days.lowerBound
        // A day or two are told in whole hours.
        for value in span < 2 ? ticks(span * 24).map({ $0 / 24 }) : ticks(span) {
            let x = box.x + box.width * value / max(span, 1e-12)
            let shown =
                span < 2
                ? "\(SimulatedCluster.figure((days.lowerBound + value) * 24)) h"
                : "\(SimulatedCluster.figure(days.lowerBound + value)) d"
            out += text(x, box.y + box.height + 16, shown, anchor: "middle")
        }
        return out
    }

    /// A line through values at equal distances.
    static func line(
        _ values: [Double], _ box: (x: Double, y: Double, width: Double, height: Double), high: Double,
        of count: Int, style: String
    ) -> String {
        guard !values.isEmpty else { return "" }
        let points = values.enumerated().map { index, value in
            let x = box.x + box.width * (Double(index) + 0.5) / Double(max(1, count))
            return "\(at(x)) \(at(box.y + box.height * (1 - min(1, value / max(high, 1e-12)))))"
        }
        return "<path class=\"line \(style)\" d=\"M\(points.joined(separator: "L"))\"/>"
    }
}
