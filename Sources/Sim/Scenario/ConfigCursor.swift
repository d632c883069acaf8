// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// Collects what is wrong while a file is decoded, and where each path stands.
final class ConfigSink {
    let fileName: String
    let limits: ScenarioLimits
    /// What reads files of measured durations; `nil` for a text, which has no folder.
    let measurements: MeasurementReader?
    private(set) var diagnostics: [ScenarioDiagnostic] = []
    private var marks: [String: ConfigMark] = [:]
    private var measured: [(bytes: Int, place: ConfigCursor)] = []

    init(fileName: String, limits: ScenarioLimits, measurements: MeasurementReader? = nil) {
        self.fileName = fileName
        self.limits = limits
        self.measurements = measurements
    }

    /// Keeps the sector size of measurements that the file names, until that of the scenario is known.
    func remember(measuredBytes: Int, at place: ConfigCursor) { measured.append((measuredBytes, place)) }

    /// Complains of measurements of other sectors than the scenario's.
    func checkMeasured(_ size: ByteCount) {
        for file in measured where file.bytes != size.bytes {
            file.place.report(
                "measured with sectors of \(ByteCount(bytes: file.bytes)), where the scenario's are of "
                    + "\(size); name a file for their size")
        }
    }

    func report(at mark: ConfigMark, path: String, _ message: String, allowed: [String] = []) {
        diagnostics.append(
            ScenarioDiagnostic(
                file: mark.file ?? fileName,
                line: mark.line,
                column: mark.column,
                path: path,
                message: message,
                allowed: allowed
            )
        )
    }

    func remember(_ path: String, _ mark: ConfigMark) {
        marks[path] = mark
    }

    /// The place of `path`, or of the nearest section around it that the file holds.
    func mark(of path: String) -> ConfigMark {
        var rest = Substring(path)
        while !rest.isEmpty {
            if let mark = marks[String(rest)] { return mark }
            guard let cut = rest.lastIndex(where: { $0 == "." || $0 == "[" }) else { break }
            rest = rest[..<cut]
        }
        return marks[""] ?? ConfigMark(line: 1, column: 1)
    }
}

/// A node with its path and the sink that takes complaints about it.
///
/// Each reader returns `nil` after it has complained, so that one pass finds all that is wrong.
struct ConfigCursor {
    let node: ConfigNode
    let path: String
    let sink: ConfigSink

    init(node: ConfigNode, path: String, sink: ConfigSink) {
        self.node = node
        self.path = path
        self.sink = sink
        sink.remember(path, node.mark)
    }

    func report(_ message: String, allowed: [String] = []) {
        sink.report(at: node.mark, path: path, message, allowed: allowed)
    }

    /// The scalar's text, or a complaint that `expected` should stand here.
    func scalar(_ expected: String) -> String? {
        guard case .scalar(let text) = node.content else {
            report("expected \(expected), found \(node.kindName)")
            return nil
        }
        return text
    }

    func text(_ expected: String = "a text") -> String? {
        guard let text = scalar(expected) else { return nil }
        guard text.count <= sink.limits.textCharactersMax else {
            report(
                "the text has \(text.count) characters; at most \(sink.limits.textCharactersMax) are kept"
            )
            return nil
        }
        return text
    }

    /// A name that other sections and reports refer to: letters, digits, `-`, `_`, `.`; at most 64.
    func identifier() -> String? {
        guard let text = scalar("a name") else { return nil }
        let allowed = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || "-_.".utf8.contains(byte)
        }
        guard allowed, (1...64).contains(text.utf8.count) else {
            report(
                "\(node.kindName) is not a name; use 1 to 64 of the characters A-Z a-z 0-9 - _ ."
            )
            return nil
        }
        return text
    }

    func integer(in range: ClosedRange<Int>) -> Int? {
        guard let text = scalar("a whole number") else { return nil }
        let allowed = "\(range.lowerBound) to \(range.upperBound)"
        guard let value = Int(text) else {
            report("\(node.kindName) is not a whole number; write one from \(allowed)", allowed: [allowed])
            return nil
        }
        guard range.contains(value) else {
            report("\(value) is out of range; allowed are \(allowed)", allowed: [allowed])
            return nil
        }
        return value
    }

    func boolean() -> Bool? {
        guard let text = scalar("true or false") else { return nil }
        switch text {
        case "true": return true
        case "false": return false
        default:
            report("\(node.kindName) is neither true nor false", allowed: ["true", "false"])
            return nil
        }
    }

    func bytes(atLeast low: ByteCount = ByteCount(bytes: 1)) -> ByteCount? {
        bounded(from: low, "a size such as 64GiB") { text throws(QuantityError) in
            try Quantity.byteCount(text)
        }
    }

    func bandwidth() -> Bandwidth? {
        bounded(from: Bandwidth(bitsPerSecond: 1), "a bandwidth such as 25Gbps") {
            text throws(QuantityError) in try Quantity.bandwidth(text)
        }
    }

    func duration(atLeast low: Duration = .zero, atMost high: Duration = .scenarioMax) -> Duration? {
        guard let value = quantity("a duration such as 5h45m", Quantity.duration) else {
            return nil
        }
        guard value >= low, value <= high else {
            let allowed = "\(low.scenarioText) to \(high.scenarioText)"
            report("\(node.kindName) is out of range; allowed are \(allowed)", allowed: [allowed])
            return nil
        }
        return value
    }

    func eventRate() -> EventRate? { quantity("a rate such as 2/4m", Quantity.eventRate) }
    func fraction() -> Double? { quantity("a fraction such as 0.05 or 5%", Quantity.fraction) }
    func money() -> Money? { quantity("an amount such as 0.12", Quantity.money) }

    func number(atLeast low: Double, atMost high: Double) -> Double? {
        guard let value = quantity("a number such as 0.35", Quantity.number) else { return nil }
        guard value >= low, value <= high else {
            let allowed =
                "\(ScenarioDocument.decimalText(low)) to \(ScenarioDocument.decimalText(high))"
            report("\(node.kindName) is out of range; allowed are \(allowed)", allowed: [allowed])
            return nil
        }
        return value
    }

    /// One of the words of `choices`.
    func choice<Value>(_ noun: String, of choices: [(name: String, value: Value)]) -> Value? {
        guard let text = scalar(noun) else { return nil }
        if let choice = choices.first(where: { $0.name == text }) { return choice.value }
        let names = choices.map(\.name)
        report(
            "unknown \(noun) \(node.kindName)\(Suggestion.hint(for: text, among: names))", allowed: names)
        return nil
    }

    /// The items of a list of `range.count` items.
    func list(_ noun: String, count range: ClosedRange<Int>) -> [ConfigCursor]? {
        guard case .sequence(let items) = node.content else {
            report("expected a list of \(noun), found \(node.kindName)")
            return nil
        }
        guard range.contains(items.count) else {
            report(
                "the list has \(items.count) \(noun); allowed are \(range.lowerBound) to "
                    + "\(range.upperBound)"
            )
            return nil
        }
        return items.enumerated().map { index, item in
            ConfigCursor(node: item, path: "\(path)[\(index)]", sink: sink)
        }
    }

    /// The values of a mapping; each key that is not in `known` is complained about.
    func fields(_ known: [String]) -> ConfigFields? {
        guard case .mapping(let entries) = node.content else {
            report("expected a mapping with \(Suggestion.list(known)), found \(node.kindName)")
            return nil
        }
        for entry in entries where !known.contains(entry.key) {
            sink.report(
                at: entry.keyMark,
                path: path,
                "unknown key \"\(Quantity.shown(entry.key))\""
                    + Suggestion.hint(for: entry.key, among: known),
                allowed: known
            )
        }
        return ConfigFields(entries: entries, cursor: self)
    }

    /// Texts by names that others know.
    func texts() -> [String: String]? {
        guard case .mapping(let entries) = node.content else {
            report("expected a mapping of names and values, found \(node.kindName)")
            return nil
        }
        var texts: [String: String] = [:]
        for (key, value) in ConfigFields(entries: entries, cursor: self).all { texts[key] = value.text() }
        return texts
    }

    private func bounded<Value: Comparable & CustomStringConvertible>(
        from low: Value,
        _ expected: String,
        _ parse: (String) throws(QuantityError) -> Value
    ) -> Value? {
        guard let value = quantity(expected, parse) else { return nil }
        guard value >= low else {
            report("\(node.kindName) is too small; at least \(low) is needed")
            return nil
        }
        return value
    }

    func quantity<Value>(
        _ expected: String,
        _ parse: (String) throws(QuantityError) -> Value
    ) -> Value? {
        guard let text = scalar(expected) else { return nil }
        do {
            return try parse(text)
        } catch {
            report(error.message)
            return nil
        }
    }
}

/// The entries of a mapping.
struct ConfigFields {
    private let entries: [ConfigNode.Entry]
    let cursor: ConfigCursor

    init(entries: [ConfigNode.Entry], cursor: ConfigCursor) {
        self.entries = entries
        self.cursor = cursor
    }

    /// All keys with their values, in file order.
    var all: [(key: String, value: ConfigCursor)] {
        entries.map { ($0.key, self.cursor(of: $0)) }
    }

    /// The value of `key`; `nil` when it is absent or has no value (`key:`).
    subscript(key: String) -> ConfigCursor? {
        guard let entry = entries.first(where: { $0.key == key }) else { return nil }
        if case .null = entry.value.content { return nil }
        return cursor(of: entry)
    }

    /// The value of `key`, or a complaint that it is missing.
    func required(_ key: String, _ purpose: String) -> ConfigCursor? {
        if let value = self[key] { return value }
        let mark = entries.first { $0.key == key }?.keyMark ?? cursor.node.mark
        cursor.sink.report(at: mark, path: cursor.path, "\"\(key)\" is missing: \(purpose)")
        return nil
    }

    private func cursor(of entry: ConfigNode.Entry) -> ConfigCursor {
        let path = cursor.path.isEmpty ? entry.key : "\(cursor.path).\(entry.key)"
        return ConfigCursor(node: entry.value, path: path, sink: cursor.sink)
    }
}
