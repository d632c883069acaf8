// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// One value set over a scenario file: `hosts.p1.count=30`.
///
/// The path names keys, and in lists the `name` of an element or its index from 0. The value is YAML, so that
/// `tasks.PreCommit1.duration={uniform: {min: 5h, max: 6h}}` works as well. Keys that no scenario has, wrong
/// types and wrong units get the same errors as in a file; the place is the column in the text given.
package struct ScenarioOverride: Sendable, Hashable {
    /// As given.
    package let text: String
    /// What errors call it.
    package var fileName: String { Self.namePrefix + Quantity.shown(text) }

    private static let namePrefix = "--set "

    /// Whether a place's file is none, but a value that was set.
    static func isName(_ file: String) -> Bool { file.hasPrefix(namePrefix) }

    /// Takes a text; what is wrong with it is said when it is applied.
    package init(_ text: String) { self.text = text }

    private struct Step {
        var name: String
        var mark: ConfigMark
    }

    /// Changes the tree.
    ///
    /// - Throws: ``ScenarioError`` with `.invalid` or `.malformed`.
    func apply(to root: inout ConfigNode, limits: ScenarioLimits) throws(ScenarioError) {
        guard text.utf8.count <= limits.textCharactersMax else {
            throw refusal(1, "more than \(limits.textCharactersMax) bytes")
        }
        guard let equals = text.firstIndex(of: "=") else {
            throw refusal(1, "write a path and a value with = between them, such as hosts.p1.count=30")
        }
        var steps: [Step] = []
        var column = 1
        for part in text[..<equals].split(separator: ".", omittingEmptySubsequences: false) {
            guard !part.isEmpty else { throw refusal(column, "a name is missing in the path") }
            steps.append(Step(name: String(part), mark: mark(column)))
            column += part.unicodeScalars.count + 1
        }
        guard steps.count <= limits.depthMax else {
            throw refusal(1, "more than \(limits.depthMax) names in the path")
        }
        let value = String(text[text.index(after: equals)...])
        guard !value.allSatisfy(\.isWhitespace) else { throw refusal(column, "a value is missing after =") }
        var reader = ConfigReader(fileName: fileName, limits: limits)
        var node: ConfigNode
        do {
            node = try reader.read(value)
        } catch {
            throw ScenarioError(
                code: error.code,
                diagnostics: error.diagnostics.map { finding in
                    var moved = finding
                    if moved.line == 1 { moved.column += column - 1 }
                    return moved
                })
        }
        node.moveFirstLine(by: column - 1)
        try set(node, at: steps[...], in: &root, path: "", place: [])
    }

    /// Applies all in order, what they say of origins last: a value takes that of the earlier one away.
    static func apply(
        _ all: [ScenarioOverride], to root: inout ConfigNode, limits: ScenarioLimits
    ) throws(ScenarioError) {
        for override in all where !override.tellsOrigin { try override.apply(to: &root, limits: limits) }
        for override in all where override.tellsOrigin { try override.apply(to: &root, limits: limits) }
    }

    private var tellsOrigin: Bool {
        let names = text.prefix { $0 != "=" }.split(separator: ".")
        return names.contains("sources") || names.last == "provenance" || names.last == "source"
    }

    private func mark(_ column: Int) -> ConfigMark { ConfigMark(line: 1, column: column, file: fileName) }

    private func refusal(_ column: Int, path: String = "", _ message: String) -> ScenarioError {
        .one(.invalid, file: fileName, mark(column), path: path, message)
    }

    private func set(
        _ value: ConfigNode, at steps: ArraySlice<Step>, in node: inout ConfigNode, path: String,
        place: [String]
    ) throws(ScenarioError) {
        guard let step = steps.first else {
            node = ConfigOrigins.told(value, at: place, by: "--set")
            return
        }
        let inner = path.isEmpty ? step.name : "\(path).\(step.name)"
        switch node.content {
        case .mapping(var entries):
            let (before, next) = (entries, place + [step.name])
            if let index = entries.firstIndex(where: { $0.key == step.name }) {
                try set(value, at: steps.dropFirst(), in: &entries[index].value, path: inner, place: next)
            } else {
                // A key that no scenario has is the decoder's to name, with the nearest that there is.
                var fresh = ConfigNode(content: .null, mark: step.mark)
                try set(value, at: steps.dropFirst(), in: &fresh, path: inner, place: next)
                entries.append(.init(key: step.name, keyMark: step.mark, value: fresh))
            }
            let given = ConfigNode.Entry(key: step.name, keyMark: step.mark, value: value)
            ConfigOrigins.settle(&entries, before: before, given: [given], at: place, by: "--set")
            node.content = .mapping(entries)
        case .sequence(var items):
            let names = items.compactMap(\.nameValue)
            let byName = items.firstIndex { $0.nameValue == step.name }
            guard
                let index = byName
                    ?? Int(step.name).flatMap({ items.indices.contains($0) ? $0 : nil })
            else {
                let known =
                    names.isEmpty
                    ? "; write an index from 0 to \(items.count - 1)"
                    : Suggestion.hint(for: step.name, among: names)
                throw refusal(
                    step.mark.column, path: path,
                    "nothing in the list is called \"\(Quantity.shown(step.name))\"\(known)")
            }
            try set(value, at: steps.dropFirst(), in: &items[index], path: inner, place: place + ["*"])
            node.content = .sequence(items)
        case .null:
            node.content = .mapping([])
            node.mark = step.mark
            try set(value, at: steps, in: &node, path: path, place: place)
        case .scalar:
            throw refusal(
                step.mark.column, path: path,
                "\(path) is \(node.kindName), which has no \"\(Quantity.shown(step.name))\"; "
                    + "set \(path) as a whole")
        }
    }
}

extension ConfigNode {
    /// Moves every mark on the first line to the right.
    fileprivate mutating func moveFirstLine(by columns: Int) {
        if mark.line == 1 { mark.column += columns }
        switch content {
        case .null, .scalar: break
        case .sequence(var items):
            for index in items.indices { items[index].moveFirstLine(by: columns) }
            content = .sequence(items)
        case .mapping(var entries):
            for index in entries.indices {
                if entries[index].keyMark.line == 1 { entries[index].keyMark.column += columns }
                entries[index].value.moveFirstLine(by: columns)
            }
            content = .mapping(entries)
        }
    }
}
