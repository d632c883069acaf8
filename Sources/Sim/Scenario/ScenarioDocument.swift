// SPDX-License-Identifier: Apache-2.0

/// A value as JSON has it, with keys in a fixed order.
package enum ScenarioDocument: Sendable, Hashable, Encodable {
    case null
    case flag(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case list([ScenarioDocument])
    case object([Entry])

    /// One key of an object with its value.
    package struct Entry: Sendable, Hashable {
        package var key: String
        package var value: ScenarioDocument
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .null:
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        case .flag(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        case .integer(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        case .number(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        case .text(let value):
            var container = encoder.singleValueContainer()
            try container.encode(value)
        case .list(let items):
            var container = encoder.unkeyedContainer()
            for item in items { try container.encode(item) }
        case .object(let entries):
            var container = encoder.container(keyedBy: Key.self)
            for entry in entries { try container.encode(entry.value, forKey: Key(entry.key)) }
        }
    }

    /// The value as JSON text, indented by two spaces; equal values give equal texts.
    package var json: String {
        var text = ""
        write(to: &text, indent: "")
        return text
    }

    private func write(to text: inout String, indent: String) {
        switch self {
        case .null: text += "null"
        case .flag(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .number(let value): text += Self.decimalText(value)
        case .text(let value): Self.quote(value, to: &text)
        case .list(let items):
            Self.writeLines(items.count, "[", "]", to: &text, indent: indent) {
                index,
                text,
                inner in
                items[index].write(to: &text, indent: inner)
            }
        case .object(let entries):
            Self.writeLines(entries.count, "{", "}", to: &text, indent: indent) {
                index,
                text,
                inner in
                Self.quote(entries[index].key, to: &text)
                text += ": "
                entries[index].value.write(to: &text, indent: inner)
            }
        }
    }

    private static func writeLines(
        _ count: Int,
        _ open: String,
        _ close: String,
        to text: inout String,
        indent: String,
        _ body: (Int, inout String, String) -> Void
    ) {
        text += open
        let inner = indent + "  "
        for index in 0..<count {
            text += index == 0 ? "\n" : ",\n"
            text += inner
            body(index, &text, inner)
        }
        if count > 0 { text += "\n" + indent }
        text += close
    }

    /// A number without exponent; the shortest digits that give the same `Double`.
    static func decimalText(_ value: Double) -> String {
        if value.sign == .minus { return value == 0 ? "0" : "-" + decimalText(-value) }
        let plain = "\(value)"
        let parts = plain.split(separator: "e")
        guard parts.count == 2, let exponent = Int(parts[1]) else {
            return plain.hasSuffix(".0") ? String(plain.dropLast(2)) : plain
        }
        let pieces = parts[0].split(separator: ".")
        let fraction = pieces.count == 2 && pieces[1] != "0" ? String(pieces[1]) : ""
        let digits = String(pieces[0]) + fraction
        if exponent < 0 {
            return "0." + String(repeating: "0", count: -exponent - 1) + digits
        }
        return digits + String(repeating: "0", count: max(0, exponent - fraction.count))
    }

    private static func quote(_ value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}", "\u{FEFF}",
                "\u{FFFE}", "\u{FFFF}":
                let hex = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { return nil }
    }
}
