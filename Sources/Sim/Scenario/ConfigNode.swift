// SPDX-License-Identifier: Apache-2.0

import Yams

/// A place in a text: line and column from 1.
struct ConfigMark: Sendable, Hashable {
    /// The text's name where several make up a scenario; `nil` for the one that is read.
    var file: String?
    var line: Int
    var column: Int

    init(line: Int, column: Int, file: String? = nil) {
        self.file = file
        self.line = line
        self.column = column
    }
}

/// A node of a configuration file, reduced to what a scenario needs: no tags, no aliases, text keys.
struct ConfigNode: Sendable {
    struct Entry: Sendable {
        var key: String
        var keyMark: ConfigMark
        var value: ConfigNode
    }

    enum Content: Sendable {
        case null
        case scalar(String)
        case sequence([ConfigNode])
        case mapping([Entry])
    }

    var content: Content
    var mark: ConfigMark

    /// What the node is, in words.
    var kindName: String {
        switch content {
        case .null: "nothing"
        case .scalar(let text): "\"\(Quantity.shown(text))\""
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}

/// Reads YAML into ``ConfigNode`` within limits.
///
/// The YAML library expands an alias by sharing, which is cheap, but whoever walks the result pays for each
/// copy. So the walk below has a budget, and the number of aliases is limited before the library starts,
/// because it hashes mapping keys, and a key may be an alias, too.
struct ConfigReader {
    let fileName: String
    let limits: ScenarioLimits
    private var nodeCount = 0

    init(fileName: String, limits: ScenarioLimits) {
        self.fileName = fileName
        self.limits = limits
    }

    /// Parses one document.
    ///
    /// - Throws: ``ScenarioError`` with `.unreadable` for a text that is too large and `.malformed` for the
    ///   rest.
    mutating func read(_ text: String) throws(ScenarioError) -> ConfigNode {
        guard text.utf8.count <= limits.fileBytesMax else {
            throw failure(
                .unreadable,
                at: ConfigMark(line: 1, column: 1),
                "the file has \(text.utf8.count) bytes; at most \(limits.fileBytesMax) are read"
            )
        }
        if let mark = Self.mark(ofAlias: limits.aliasCountMax + 1, in: text) {
            throw failure(
                .malformed,
                at: mark,
                "more than \(limits.aliasCountMax) aliases (*name); spell them out"
            )
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw failure(of: error)
        } catch {
            throw failure(.malformed, at: ConfigMark(line: 1, column: 1), "not YAML: \(error)")
        }
        guard let root else {
            throw failure(
                .malformed,
                at: ConfigMark(line: 1, column: 1),
                "the file is empty; a scenario is a mapping"
            )
        }
        nodeCount = 0
        return try convert(root, depth: 0, parent: ConfigMark(line: 1, column: 1))
    }

    private mutating func convert(
        _ node: Node,
        depth: Int,
        parent: ConfigMark
    ) throws(ScenarioError) -> ConfigNode {
        let mark =
            node.mark.map { ConfigMark(line: $0.line, column: $0.column, file: fileName) } ?? parent
        nodeCount += 1
        guard nodeCount <= limits.nodeCountMax else {
            throw failure(
                .malformed,
                at: mark,
                "more than \(limits.nodeCountMax) values, aliases counted at each use"
            )
        }
        guard depth <= limits.depthMax else {
            throw failure(.malformed, at: mark, "nested deeper than \(limits.depthMax) levels")
        }
        switch node {
        case .scalar(let scalar):
            let isNull = scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
            return ConfigNode(content: isNull ? .null : .scalar(scalar.string), mark: mark)
        case .sequence(let sequence):
            var items: [ConfigNode] = []
            items.reserveCapacity(sequence.count)
            for item in sequence {
                items.append(try convert(item, depth: depth + 1, parent: mark))
            }
            return ConfigNode(content: .sequence(items), mark: mark)
        case .mapping(let mapping):
            var entries: [ConfigNode.Entry] = []
            entries.reserveCapacity(mapping.count)
            for (key, value) in mapping {
                let keyNode = try convert(key, depth: depth + 1, parent: mark)
                guard case .scalar(let name) = keyNode.content else {
                    throw failure(
                        .malformed,
                        at: keyNode.mark,
                        "a key must be a word, not \(keyNode.kindName)"
                    )
                }
                let converted = try convert(value, depth: depth + 1, parent: keyNode.mark)
                entries.append(.init(key: name, keyMark: keyNode.mark, value: converted))
            }
            return ConfigNode(content: .mapping(entries), mark: mark)
        case .alias:
            throw failure(.malformed, at: mark, "an alias stands for nothing; spell the value out")
        }
    }

    private func failure(
        _ code: ScenarioError.Code,
        at mark: ConfigMark,
        _ message: String
    ) -> ScenarioError {
        ScenarioError(
            code: code,
            diagnostics: [
                ScenarioDiagnostic(
                    file: fileName,
                    line: mark.line,
                    column: mark.column,
                    path: "",
                    message: message
                )
            ]
        )
    }

    private func failure(of error: YamlError) -> ScenarioError {
        switch error {
        case .scanner(let context, let problem, let mark, _),
            .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let around = context.map { " (\($0.text.trimmingSpaces))" } ?? ""
            return failure(
                .malformed,
                at: ConfigMark(line: mark.line, column: mark.column),
                "not YAML: \(problem.trimmingSpaces)\(around)"
            )
        case .duplicatedKeysInMapping(let duplicates, let context):
            let names = duplicates.prefix(5).map { "\"\(Quantity.shown($0))\"" }.joined(
                separator: ", "
            )
            return failure(
                .malformed,
                at: ConfigMark(line: context.mark.line, column: context.mark.column),
                "the key \(names) stands twice in one mapping"
            )
        case .reader(let problem, let offset, _, _):
            return failure(
                .malformed,
                at: ConfigMark(line: 1, column: 1),
                "not YAML: \(problem) at byte \(offset ?? 0)"
            )
        default:
            return failure(.malformed, at: ConfigMark(line: 1, column: 1), "not YAML: \(error)")
        }
    }

    /// The place of the `ordinal`-th text that looks like an alias: a star before a name, at a word's start.
    private static func mark(ofAlias ordinal: Int, in text: String) -> ConfigMark? {
        var line = 1
        var column = 1
        var found = 0
        var before: Unicode.Scalar = "\n"
        var starMark: ConfigMark?
        for scalar in text.unicodeScalars {
            if let mark = starMark, scalar.isASCII,
                scalar.properties.isAlphabetic || scalar == "_"
                    || ("0"..."9").contains(scalar) || scalar == "-"
            {
                found += 1
                if found == ordinal { return mark }
            }
            let startsWord = " \t\n\r[{,:-?".unicodeScalars.contains(before)
            starMark = scalar == "*" && startsWord ? ConfigMark(line: line, column: column) : nil
            if scalar == "\n" {
                line += 1
                column = 1
            } else {
                column += 1
            }
            before = scalar
        }
        return nil
    }
}

extension String {
    /// The text without white space at its ends.
    fileprivate var trimmingSpaces: String {
        var view = Substring(self)
        while view.first?.isWhitespace == true { view.removeFirst() }
        while view.last?.isWhitespace == true { view.removeLast() }
        return String(view)
    }
}
