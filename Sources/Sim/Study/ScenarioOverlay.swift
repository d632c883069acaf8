// SPDX-License-Identifier: Apache-2.0

/// One change of a scenario document before it is read: `hosts.p1.count=10`.
///
/// A path goes by keys; an item of a list is named by its `name` or by its place from 0. The value is YAML.
package struct ScenarioOverlay: Sendable, Hashable {
    package var path: String
    package var value: String

    package init(path: String, value: String) {
        self.path = path
        self.value = value
    }

    /// Reads `path=value`.
    ///
    /// - Throws: ``StudyError`` with `invalid`.
    package init(_ text: String) throws(StudyError) {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw StudyError(.invalid, "'\(text.prefix(80))' is no setting; write path=value")
        }
        self.init(path: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
    }

    /// Applies changes in order and gives the document as one line of JSON, which is YAML, too.
    ///
    /// - Throws: ``ScenarioError`` where the text is no YAML; ``StudyError`` where a path leads nowhere.
    package static func apply(
        _ overlays: [ScenarioOverlay], to text: String, fileName: String
    ) throws -> String {
        var reader = ConfigReader(fileName: fileName, limits: ScenarioLimits())
        var root = try reader.read(text)
        for overlay in overlays {
            var valueReader = ConfigReader(fileName: overlay.path, limits: ScenarioLimits())
            let value = try valueReader.read(overlay.value)
            try set(overlay.path.split(separator: ".").map(String.init), value, in: &root, overlay.path)
        }
        var json = ""
        write(root, to: &json)
        return json
    }

    private static func set(
        _ keys: [String], _ value: ConfigNode, in node: inout ConfigNode, _ path: String
    ) throws(StudyError) {
        guard let key = keys.first else {
            node.content = value.content
            return
        }
        let rest = Array(keys.dropFirst())
        switch node.content {
        case .mapping(var entries):
            if let index = entries.firstIndex(where: { $0.key == key }) {
                try set(rest, value, in: &entries[index].value, path)
            } else if rest.isEmpty {
                // Whether the scenario knows the key is for its reader to say.
                entries.append(.init(key: key, keyMark: node.mark, value: value))
            } else {
                throw failure(path, key, entries.map(\.key))
            }
            node.content = .mapping(entries)
        case .sequence(var items):
            let names = items.map { Self.name(of: $0) }
            let place = Int(key).flatMap { items.indices.contains($0) ? $0 : nil }
            guard let index = names.firstIndex(of: key) ?? place else {
                throw failure(path, key, names.compactMap(\.self))
            }
            try set(rest, value, in: &items[index], path)
            node.content = .sequence(items)
        case .null, .scalar:
            throw StudyError(.invalid, "\(path): there is nothing below '\(key)'; shorten the path")
        }
    }

    private static func name(of node: ConfigNode) -> String? {
        guard case .mapping(let entries) = node.content,
            case .scalar(let name)? = entries.first(where: { $0.key == "name" })?.value.content
        else { return nil }
        return name
    }

    private static func failure(_ path: String, _ key: String, _ known: [String]) -> StudyError {
        StudyError(
            .invalid,
            "\(path): there is no '\(key)'; known here: \(known.prefix(20).joined(separator: ", "))")
    }

    private static func write(_ node: ConfigNode, to text: inout String) {
        switch node.content {
        case .null: text += "null"
        case .scalar(let value): text += ScenarioDocument.text(value).json
        case .sequence(let items):
            text += "["
            for (index, item) in items.enumerated() {
                if index > 0 { text += ", " }
                write(item, to: &text)
            }
            text += "]"
        case .mapping(let entries):
            text += "{"
            for (index, entry) in entries.enumerated() {
                if index > 0 { text += ", " }
                text += ScenarioDocument.text(entry.key).json + ": "
                write(entry.value, to: &text)
            }
            text += "}"
        }
    }
}

/// Why a study cannot be done.
package struct StudyError: Error, Sendable, Hashable, CustomStringConvertible {
    package struct Code: Sendable, Hashable {
        package let name: String
        /// A flag, a path or a file makes no sense.
        package static let invalid = Code(name: "invalid")
        /// More than a study may hold.
        package static let tooLarge = Code(name: "tooLarge")
        /// Nothing reaches what was asked for.
        package static let unreachable = Code(name: "unreachable")
        /// A run failed.
        package static let runFailed = Code(name: "runFailed")
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(message) [\(code.name)]" }
}
