// SPDX-License-Identifier: Apache-2.0

/// Pieces of a JSON Schema.
enum Schema {
    static let text = typed("string")
    static let flag = typed("boolean")
    static let name = pattern("[A-Za-z0-9_.-]{1,64}")
    static let size = pattern(quantity(QuantityUnit.sizes))
    static let bandwidth = pattern(quantity(QuantityUnit.bitRates + QuantityUnit.byteRates))
    static let duration = pattern("(\(quantity(QuantityUnit.times)) *)+")
    static let cpus = pattern("[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*")
    static let rate = pattern("[0-9]+ */ *(\(quantity(QuantityUnit.times)) *)+")
    static let fraction = any([number(0, 1), pattern("\(decimal) *%?")])
    static let money = any([number(0, 1e12), pattern(decimal)])

    private static let decimal = "[0-9]+(\\.[0-9]+)?"

    /// A mapping that has no keys but `keys`; each of them must be in `values`.
    static func object(
        _ keys: [String],
        required: [String] = [],
        _ values: [String: ScenarioDocument]
    ) -> ScenarioDocument {
        precondition(keys.count == values.count, "the schema and the reader know the same keys")
        let properties = keys.map { key -> ScenarioDocument.Entry in
            guard let value = values[key] else {
                preconditionFailure("no schema for the key \(key)")
            }
            return .init(key: key, value: value)
        }
        var entries: [ScenarioDocument.Entry] = [
            .init(key: "type", value: .text("object")),
            .init(key: "additionalProperties", value: .flag(false)),
        ]
        if !required.isEmpty {
            entries.append(.init(key: "required", value: .list(required.map { .text($0) })))
        }
        entries.append(.init(key: "properties", value: .object(properties)))
        return .object(entries)
    }

    /// A mapping with keys of the writer's own.
    static func map(of value: ScenarioDocument) -> ScenarioDocument {
        .object([
            .init(key: "type", value: .text("object")), .init(key: "additionalProperties", value: value),
        ])
    }

    static func list(_ items: ScenarioDocument, least: Int = 0) -> ScenarioDocument {
        .object([
            .init(key: "type", value: .text("array")),
            .init(key: "minItems", value: .integer(least)),
            .init(key: "items", value: items),
        ])
    }

    static func any(_ choices: [ScenarioDocument]) -> ScenarioDocument {
        .object([.init(key: "anyOf", value: .list(choices))])
    }

    static func words(_ words: [String]) -> ScenarioDocument {
        .object([.init(key: "enum", value: .list(words.map { .text($0) }))])
    }

    static func integer(_ low: Int, _ high: Int) -> ScenarioDocument {
        .object([
            .init(key: "type", value: .text("integer")),
            .init(key: "minimum", value: .integer(low)),
            .init(key: "maximum", value: .integer(high)),
        ])
    }

    static func number(_ low: Double, _ high: Double) -> ScenarioDocument {
        .object([
            .init(key: "type", value: .text("number")),
            .init(key: "minimum", value: .number(low)),
            .init(key: "maximum", value: .number(high)),
        ])
    }

    /// One value for many keys.
    static func same(_ value: ScenarioDocument, for keys: [String]) -> [String: ScenarioDocument] {
        Dictionary(uniqueKeysWithValues: keys.map { ($0, value) })
    }

    private static func typed(_ type: String) -> ScenarioDocument {
        .object([.init(key: "type", value: .text(type))])
    }

    static func pattern(_ pattern: String) -> ScenarioDocument {
        .object([
            .init(key: "type", value: .text("string")),
            .init(key: "pattern", value: .text("^ *\(pattern) *$")),
        ])
    }

    static func quantity(_ units: [QuantityUnit]) -> String {
        "\(decimal) *(\(units.map(\.symbol).joined(separator: "|")))"
    }
}

extension ScenarioDocument {
    /// The schema of what is laid over a file that keeps to this one: any key may be missing, or have no
    /// value and so take the earlier one away. Distributions and lists of things without names are replaced
    /// whole and stay as they are.
    var overlay: ScenarioDocument {
        switch self {
        case .list(let items): .list(items.map(\.overlay))
        case .object(let entries):
            .object(
                entries.compactMap { entry in
                    guard entry.key != "required" else { return nil }
                    guard entry.key == "properties", case .object(let properties) = entry.value else {
                        return Entry(key: entry.key, value: entry.value.overlay)
                    }
                    return Entry(
                        key: entry.key, value: .object(properties.map { Entry(key: $0.key, value: $0.laid) }))
                })
        default: self
        }
    }
}

extension ScenarioDocument.Entry {
    /// What may stand under a key of a file that is laid over another.
    fileprivate var laid: ScenarioDocument {
        let whole = ["duration", "every", "startAfter", "faults", "deals", "exceptions"]
        let value = whole.contains(key) ? value : value.overlay
        return Schema.any([value, .object([.init(key: "type", value: .text("null"))])])
    }
}

extension ScenarioDocument {
    /// The schema with a sentence for readers.
    func described(_ sentence: String) -> ScenarioDocument {
        guard case .object(let entries) = self else { return self }
        return .object(entries + [Entry(key: "description", value: .text(sentence))])
    }
}
