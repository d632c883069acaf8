// SPDX-License-Identifier: Apache-2.0
private import Foundation

/// Reads a scenario file and the files that it includes into one tree.
///
/// `include:` names files, by paths from the including file's folder. They are read first, in order, and what
/// comes later is laid over what came before: mappings key by key, lists of named things (hosts, workers,
/// disks, stores) name by name, everything else as a whole, a task's duration too. A key without a value
/// (`faults:`) takes the earlier value away. The origin of a value that is replaced goes with it. Each node
/// remembers the file that it came from, so that an error points there.
struct ScenarioIncludes {
    let limits: ScenarioLimits
    private var fileCount = 0

    init(limits: ScenarioLimits) { self.limits = limits }

    /// The merged tree of a file.
    ///
    /// - Throws: ``ScenarioError``: `.unreadable`, `.malformed`, or `.invalid` for a circle of files.
    mutating func root(path: String) throws(ScenarioError) -> ConfigNode {
        try read(path, from: [], mark: nil)
    }

    private mutating func read(
        _ path: String, from chain: [String], mark: ConfigMark?
    ) throws(ScenarioError) -> ConfigNode {
        fileCount += 1
        let key = URL(fileURLWithPath: path).standardizedFileURL.path
        func refuse(_ message: String) -> ScenarioError {
            .one(
                .invalid, file: mark?.file ?? path, mark ?? ConfigMark(line: 1, column: 1), path: "include",
                message)
        }
        guard !chain.contains(key) else {
            throw refuse("\(path) includes itself: \((chain + [key]).joined(separator: " → "))")
        }
        guard chain.count < limits.includeDepthMax else {
            throw refuse("files include one another more than \(limits.includeDepthMax) deep")
        }
        guard fileCount <= limits.includeCountMax else {
            throw refuse("more than \(limits.includeCountMax) files are included")
        }
        var reader = ConfigReader(fileName: path, limits: limits)
        var node = try reader.read(try Self.text(path, limits, mark))
        guard case .mapping(var entries) = node.content,
            let position = entries.firstIndex(where: { $0.key == "include" })
        else { return node }
        let include = entries.remove(at: position).value
        node.content = .mapping(entries)
        var base: ConfigNode?
        for (name, place) in try Self.names(include, path) {
            let other = name.hasPrefix("/") ? name : Self.joined(path, name)
            let part = try read(other, from: chain + [key], mark: place)
            base = base.map { Self.merge($0, part) } ?? part
        }
        return base.map { Self.merge($0, node) } ?? node
    }

    /// The path as a person would write it: relative where the including file's path is.
    private static func joined(_ path: String, _ name: String) -> String {
        guard let cut = path.lastIndex(of: "/") else { return name }
        return String(path[...cut]) + name
    }

    private static func names(
        _ node: ConfigNode, _ file: String
    ) throws(ScenarioError) -> [(String, ConfigMark)] {
        switch node.content {
        case .null: return []
        case .scalar(let name): return [(name, node.mark)]
        case .sequence(let items):
            var names: [(String, ConfigMark)] = []
            for item in items {
                guard case .scalar(let name) = item.content else {
                    throw .one(
                        .invalid, file: file, item.mark, path: "include",
                        "expected a file's path, found \(item.kindName)")
                }
                names.append((name, item.mark))
            }
            return names
        case .mapping:
            throw .one(
                .invalid, file: file, node.mark, path: "include",
                "expected a list of files' paths, found \(node.kindName)")
        }
    }

    /// Lays `top` over `base`, both at a path of keys.
    ///
    /// What `base` says of the origin of a value goes with the value.
    static func merge(_ base: ConfigNode, _ top: ConfigNode, at place: [String] = []) -> ConfigNode {
        let author = top.mark.file ?? "an overlay"
        switch (base.content, top.content) {
        case (.mapping(let below), .mapping(let above)):
            // A distribution is one value: parameters of two families would be none.
            if place.count == 3, place[0] == "tasks", place[2] == "duration" { return top }
            var entries = below
            for entry in above {
                guard let index = entries.firstIndex(where: { $0.key == entry.key }) else {
                    entries.append(entry)
                    continue
                }
                entries[index].keyMark = entry.keyMark
                entries[index].value = merge(entries[index].value, entry.value, at: place + [entry.key])
            }
            ConfigOrigins.settle(&entries, before: below, given: above, at: place, by: author)
            return ConfigNode(content: .mapping(entries), mark: top.mark)
        case (.sequence(let below), .sequence(let above)):
            guard !above.isEmpty, (below + above).allSatisfy({ $0.nameValue != nil }) else {
                return ConfigOrigins.told(top, at: place, by: author)
            }
            var items = below
            for item in above {
                let inner = place + ["*"]
                if let index = items.firstIndex(where: { $0.nameValue == item.nameValue }) {
                    items[index] = merge(items[index], item, at: inner)
                } else {
                    // A disk that is new would else have the origin that the earlier file gives its host.
                    items.append(inner.count == 4 ? ConfigOrigins.told(item, at: inner, by: author) : item)
                }
            }
            return ConfigNode(content: .sequence(items), mark: top.mark)
        default: return ConfigOrigins.told(top, at: place, by: author)
        }
    }

    /// The file's text, within the limit.
    private static func text(
        _ path: String, _ limits: ScenarioLimits, _ mark: ConfigMark?
    ) throws(ScenarioError) -> String {
        func unreadable(_ message: String) -> ScenarioError {
            // The place of the include, where there is one: the file itself has no line to show.
            .one(
                .unreadable, file: mark?.file ?? path, mark ?? ConfigMark(line: 1, column: 1), path: "",
                mark == nil ? message : "\(path) \(message)")
        }
        let data: Data
        do { data = try BoundedFile.read(path, bytesMax: limits.fileBytesMax) } catch {
            throw unreadable("\(error.message); give the path of a scenario file")
        }
        guard data.count <= limits.fileBytesMax else {
            throw unreadable("is larger than \(limits.fileBytesMax) bytes")
        }
        guard let text = String(data: data, encoding: .utf8) else { throw unreadable("is not UTF-8 text") }
        return text
    }
}

extension ConfigNode {
    /// The text under `name` of a mapping.
    var nameValue: String? {
        guard case .mapping(let entries) = content,
            let entry = entries.first(where: { $0.key == "name" }),
            case .scalar(let name) = entry.value.content
        else { return nil }
        return name
    }
}

extension ScenarioError {
    /// An error with one finding.
    static func one(
        _ code: Code, file: String, _ mark: ConfigMark, path: String, _ message: String
    ) -> ScenarioError {
        ScenarioError(
            code: code,
            diagnostics: [
                ScenarioDiagnostic(
                    file: file, line: mark.line, column: mark.column, path: path, message: message)
            ])
    }
}
