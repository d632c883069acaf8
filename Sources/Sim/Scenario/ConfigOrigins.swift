// SPDX-License-Identifier: Apache-2.0

/// Where a file tells what its values are from (`provenance`, `source`), and how that is taken back when a
/// value is replaced: what was said of the earlier value would be false of the later.
enum ConfigOrigins {
    typealias Entry = ConfigNode.Entry

    /// The keys whose origin the section at `place` tells, lists counted as one step; empty for other
    /// sections.
    ///
    /// How many hosts, workers and slots there are is a choice and has no origin.
    static func figures(at place: [String]) -> [String] {
        switch (place.count, place.first ?? "") {
        case (1, "links"): Scenario.Keys.links.filter { !Scenario.Keys.mark.contains($0) }
        case (2, "tasks"): Scenario.Keys.task.filter { !Scenario.Keys.mark.contains($0) }
        case (2, "hosts"):
            [
                "cpu", "numaNodes", "memory", "hugepages", "hugepagesByNode", "memoryBandwidth", "gpus",
                "nic",
            ]
        case (2, "stores"):
            Scenario.Keys.store.filter { !(["name", "kind"] + Scenario.Keys.mark).contains($0) }
        case (2, "costs") where place[1] == "chain":
            Scenario.Keys.chainPrices.filter { !Scenario.Keys.mark.contains($0) }
        case (3, "costs") where place[1] == "hosts": ["price", "power", "rackUnits"]
        case (4, "hosts") where place[2] == "disks": ["capacity", "read", "write", "iops"]
        default: []
        }
    }

    /// Takes back what was said of values that were replaced.
    ///
    /// - Parameters:
    ///   - entries: the section as it is now.
    ///   - before: as it was.
    ///   - given: what was laid over it; what it says of origins stays.
    ///   - author: who did, for the source.
    static func settle(
        _ entries: inout [Entry], before: [Entry], given: [Entry], at place: [String], by author: String
    ) {
        func isReplaced(_ key: String) -> Bool {
            let (old, new) = (before.value(of: key), entries.value(of: key))
            guard let old, let new else { return (old == nil) != (new == nil) }
            return !old.isSame(as: new)
        }
        guard let mark = given.first?.keyMark else { return }
        if place == ["costs"] {
            let keys = given.map(\.key).filter { Scenario.Keys.markedCosts.contains($0) && isReplaced($0) }
            settlePrices(&entries, keys, given: given, mark, by: author)
        }
        let figures = figures(at: place)
        let keys = given.map(\.key).filter { figures.contains($0) && isReplaced($0) }
        guard !keys.isEmpty else { return }
        if keys.contains("duration"), entries.value(of: "duration")?.measuredFiles != nil {
            // The files say themselves where it is from.
            entries.removeAll {
                Scenario.Keys.mark.contains($0.key) && given.value(of: $0.key) == nil
            }
            return
        }
        var words = "set by \(author)"
        // A task's origin is foremost that of its duration; of other sections the rest is as it was.
        if !keys.contains("duration") {
            words = keys.joined(separator: ", ") + " " + words
            if case .scalar(let earlier) = before.value(of: "source")?.content, !earlier.isEmpty {
                let whole = "\(words), else \(earlier)"
                if whole.count <= ScenarioLimits().textCharactersMax { words = whole }
            }
        }
        if given.value(of: "provenance") == nil {
            entries.put("provenance", Scenario.Provenance.assumed.rawValue, mark)
        }
        if given.value(of: "source") == nil { entries.put("source", words, mark) }
    }

    /// Prices have their origins by their keys under `sources`.
    private static func settlePrices(
        _ entries: inout [Entry], _ keys: [String], given: [Entry], _ mark: ConfigMark, by author: String
    ) {
        var told: [Entry] = []
        if case .mapping(let sources) = given.value(of: "sources")?.content { told = sources }
        let open = keys.filter { told.value(of: $0) == nil }
        guard !open.isEmpty else { return }
        var sources: [Entry] = []
        if case .mapping(let known) = entries.value(of: "sources")?.content { sources = known }
        sources.removeAll { open.contains($0.key) }
        // What the overlay says of all its costs holds for these.
        if given.value(of: "provenance") == nil, given.value(of: "source") == nil {
            for key in open {
                var origin: [Entry] = []
                origin.put("provenance", Scenario.Provenance.assumed.rawValue, mark)
                origin.put("source", "set by \(author)", mark)
                sources.append(
                    Entry(key: key, keyMark: mark, value: ConfigNode(content: .mapping(origin), mark: mark)))
            }
        }
        entries.removeAll { $0.key == "sources" }
        guard !sources.isEmpty else { return }
        entries.append(
            Entry(key: "sources", keyMark: mark, value: ConfigNode(content: .mapping(sources), mark: mark)))
    }

    /// A value that took the place of a whole section, or of several: those that say nothing of their origin
    /// get it from who set them.
    static func told(
        _ node: ConfigNode, at place: [String], by author: String, isCovered: Bool = false
    ) -> ConfigNode {
        var node = node
        func origin() -> [Entry] {
            var entries: [Entry] = []
            entries.put("provenance", Scenario.Provenance.assumed.rawValue, node.mark)
            entries.put("source", "set by \(author)", node.mark)
            return entries
        }
        switch node.content {
        case .null: break
        case .scalar:
            guard place.count == 2, place[0] == "tasks" else { break }
            let duration = Entry(key: "duration", keyMark: node.mark, value: node)
            node.content = .mapping([duration] + origin())
        case .sequence(let items):
            node.content = .sequence(
                items.map { told($0, at: place + ["*"], by: author, isCovered: isCovered) })
        case .mapping(var entries):
            let isMarked = Scenario.Keys.mark.contains { entries.value(of: $0) != nil }
            // What a host says of its figures goes for its disks.
            for index in entries.indices {
                entries[index].value = told(
                    entries[index].value, at: place + [entries[index].key], by: author,
                    isCovered: isCovered || isMarked)
            }
            // Figures that a store leaves to its kind have that one's origin.
            let isOpen =
                !isMarked && !isCovered && place.first != "stores"
                && entries.value(of: "duration")?.measuredFiles == nil
            if isOpen, !figures(at: place).isEmpty { entries += origin() }
            node.content = .mapping(entries)
        }
        return node
    }
}

extension ConfigNode {
    /// The files whose durations are meant, for `{measured: …}`.
    var measuredFiles: ConfigNode? {
        guard case .mapping(let entries) = content else { return nil }
        return entries.value(of: "measured")
    }

    /// Whether both say the same, wherever they stand.
    func isSame(as other: ConfigNode) -> Bool {
        switch (content, other.content) {
        case (.null, .null): true
        case (.scalar(let left), .scalar(let right)): left == right
        case (.sequence(let left), .sequence(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0.isSame(as: $1) }
        case (.mapping(let left), .mapping(let right)):
            left.count == right.count
                && left.allSatisfy { entry in right.value(of: entry.key)?.isSame(as: entry.value) == true }
        default: false
        }
    }
}

extension [ConfigNode.Entry] {
    /// The value of a key.
    func value(of key: String) -> ConfigNode? { first { $0.key == key }?.value }

    /// Sets a text.
    fileprivate mutating func put(_ key: String, _ text: String, _ mark: ConfigMark) {
        removeAll { $0.key == key }
        append(
            ConfigNode.Entry(
                key: key, keyMark: mark, value: ConfigNode(content: .scalar(text), mark: mark)))
    }
}
