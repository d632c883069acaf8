// SPDX-License-Identifier: Apache-2.0

/// The kinds of item that the wire format knows.
public enum WireType: String, Sendable, Hashable, CaseIterable {
    /// An integer from 0 to 2^64 - 1.
    case unsigned
    /// An integer from -2^64 to -1.
    case negative
    /// A byte string.
    case bytes
    /// A string of UTF-8 text.
    case text
    /// A sequence of items.
    case array
    /// A sequence of key and value pairs, in the order of the encoded keys.
    case map
    /// A number that says what the item after it means.
    case tag
    /// False or true.
    case bool
    /// The absent value.
    case null
    /// A 64-bit floating-point number.
    case double
}

/// CBOR's major types: the top three bits of an item's first byte.
@usableFromInline
enum WireMajor {
    @usableFromInline static let unsigned: UInt8 = 0
    @usableFromInline static let negative: UInt8 = 1
    @usableFromInline static let bytes: UInt8 = 2
    @usableFromInline static let text: UInt8 = 3
    @usableFromInline static let array: UInt8 = 4
    @usableFromInline static let map: UInt8 = 5
    @usableFromInline static let tag: UInt8 = 6
    @usableFromInline static let simple: UInt8 = 7

    /// A name for messages.
    static func name(_ major: UInt8) -> String {
        switch major {
        case unsigned: "an unsigned integer"
        case negative: "a negative integer"
        case bytes: "a byte string"
        case text: "a text string"
        case array: "an array"
        case map: "a map"
        case tag: "a tag"
        default: "a simple value or float"
        }
    }
}

/// First bytes of the items of major type 7 that the format knows.
@usableFromInline
enum WireSimple {
    @usableFromInline static let no: UInt8 = 0xf4
    @usableFromInline static let yes: UInt8 = 0xf5
    @usableFromInline static let null: UInt8 = 0xf6
    @usableFromInline static let half: UInt8 = 0xf9
    @usableFromInline static let single: UInt8 = 0xfa
    @usableFromInline static let double: UInt8 = 0xfb
    /// The only bit pattern that a NaN may have.
    @usableFromInline static let canonicalNaN: UInt64 = 0x7ff8_0000_0000_0000
}
