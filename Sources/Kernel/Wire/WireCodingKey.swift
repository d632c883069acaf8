// SPDX-License-Identifier: Apache-2.0

/// A step of a coding path that no type of the value declares: an index, a superclass, or a key of a map.
struct WireCodingKey: CodingKey {
    static let superclass = WireCodingKey(stringValue: "super")

    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init(intValue: Int) {
        stringValue = "Index \(intValue)"
        self.intValue = intValue
    }
}

/// A standard collection without an order of its own.
///
/// Its elements are put in the order of their encoded bytes, so that equal collections give equal bytes.
protocol WireUnorderedCollection {
    /// How many array elements belong together: 1, or 2 for a key followed by its value.
    static var wireStride: Int { get }
}

extension Set: WireUnorderedCollection {
    static var wireStride: Int { 1 }
}

// Dictionaries with text or integer keys are maps and never get here.
extension Dictionary: WireUnorderedCollection {
    static var wireStride: Int { 2 }
}

extension [any CodingKey] {
    /// The path as one reads it in code, such as `sectors[3].state`.
    var wireDescription: String {
        var text = ""
        for key in self {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += text.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        return text
    }
}
