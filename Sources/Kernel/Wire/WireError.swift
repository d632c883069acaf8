// SPDX-License-Identifier: Apache-2.0

/// Why bytes could not be read as a value, or a value not be written as bytes.
public struct WireError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure it was.
    public var code: Code
    /// What was wrong, with names and numbers, for a person.
    public var message: String
    /// The byte offset of the item at fault, counted from the start of the array that was read or written.
    public var offset: Int

    /// Creates an error about the item at `offset`.
    public init(code: Code, message: String, offset: Int) {
        self.code = code
        self.message = message
        self.offset = offset
    }

    /// One line with the code, the offset and the message.
    public var description: String {
        "wire error \(code.rawValue) at byte \(offset): \(message)"
    }

    /// A kind of failure, of an open set: later versions may add to it.
    public struct Code: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
        /// The name of the code.
        public let rawValue: String

        /// Creates a code by name.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The name of the code.
        public var description: String { rawValue }

        /// The input ends before the item does; more bytes might make it readable.
        public static let truncated = Code(rawValue: "truncated")
        /// The bytes are not CBOR, or use a part of CBOR that has no meaning here.
        public static let malformed = Code(rawValue: "malformed")
        /// The bytes are CBOR, but not the one encoding that the value has here.
        public static let notCanonical = Code(rawValue: "notCanonical")
        /// Arrays, maps and tags are nested deeper than the limit.
        public static let tooDeep = Code(rawValue: "tooDeep")
        /// A string, a container or the whole is larger than its limit.
        public static let tooLarge = Code(rawValue: "tooLarge")
        /// The item is of another type than the one asked for.
        public static let typeMismatch = Code(rawValue: "typeMismatch")
        /// A map lacks a key that the value needs.
        public static let missingKey = Code(rawValue: "missingKey")
        /// An enumeration has no such case.
        public static let unknownCase = Code(rawValue: "unknownCase")
        /// Bytes follow the last value.
        public static let trailingBytes = Code(rawValue: "trailingBytes")
        /// A number, or another value, does not fit the type that was asked for.
        public static let valueOutOfRange = Code(rawValue: "valueOutOfRange")
    }
}
