// SPDX-License-Identifier: Apache-2.0

/// Where a component lives: a node (a process, real or simulated) and a name on it.
///
/// The text form is `node/name`. Both parts are 1 to 128 bytes of ASCII letters, digits and `-_.$#:@`.
/// An address names a place, not an incarnation: a restarted component answers at its old address.
public struct Address: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The node's name, unique in a cluster.
    public let node: String

    /// The component's name, unique on its node.
    public let name: String

    /// Makes an address of two parts that the program itself chose.
    ///
    /// - Precondition: both parts are well formed; use ``init(parsing:)`` for text from outside.
    public init(node: String, name: String) {
        precondition(Address.isWellFormed(node), "not a node name: '\(node)'")
        precondition(Address.isWellFormed(name), "not a component name: '\(name)'")
        self.node = node
        self.name = name
    }

    /// A further entrance of a component whose own address is known to be well formed.
    init(_ place: Address, entrance tag: String) {
        let name = "\(place.name)#\(tag)"
        precondition(
            name.utf8.count <= 128 && (tag.isEmpty || Address.isWellFormed(tag)),
            "not a component name: '\(name)'")
        node = place.node
        self.name = name
    }

    /// Parses the text form; `nil` where it is not `node/name`.
    public init?(parsing text: String) {
        guard text.utf8.count <= 257 else { return nil }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let (node, name) = (String(parts[0]), String(parts[1]))
        guard Address.isWellFormed(node), Address.isWellFormed(name) else { return nil }
        self.node = node
        self.name = name
    }

    /// The text form, `node/name`.
    public var description: String { "\(node)/\(name)" }

    /// Orders by node, then by name.
    public static func < (lhs: Address, rhs: Address) -> Bool {
        (lhs.node, lhs.name) < (rhs.node, rhs.name)
    }

    /// Tells whether `part` may be a node's or a component's name.
    public static func isWellFormed(_ part: String) -> Bool {
        guard (1...128).contains(part.utf8.count) else { return false }
        for byte in part.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "$"), UInt8(ascii: "#"), UInt8(ascii: ":"),
                UInt8(ascii: "@"):
                continue
            default: return false
            }
        }
        return true
    }
}

extension Address: Codable {
    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let address = Address(parsing: text) else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath, debugDescription: "not an address: '\(text.prefix(80))'"))
        }
        self = address
    }

    /// Writes the text form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
