// SPDX-License-Identifier: Apache-2.0

/// What one component may say to another: a value, usually an enum, that can cross a wire.
///
/// `Codable` gives the wire form for nothing; a hot message overrides the two coding functions by hand. The
/// names of an enum's cases and fields are its wire form, so they are never reused for another meaning.
public protocol Message: Sendable, Codable {
    /// The name by which the wire and the journal know this type; never reused for another shape.
    static var messageName: String { get }

    /// Bytes that a message of this type takes on the wire, for links whose bandwidth is simulated.
    var wireByteEstimate: Int { get }

    /// What a peer must be allowed to do before it may send this message.
    var permission: Permission { get }

    /// Writes the wire form.
    ///
    /// - Throws: ``WireError`` where a value has no wire form.
    func encode(into writer: inout WireWriter) throws(WireError)

    /// Reads the wire form.
    ///
    /// - Throws: ``WireError`` that names the offset and what was wrong.
    static func decode(from reader: inout WireReader) throws(WireError) -> Self
}

extension Message {
    /// The type's own name, unless a type says otherwise.
    public static var messageName: String { "\(Self.self)" }

    /// 256 bytes, a usual size for a control message.
    public var wireByteEstimate: Int { 256 }

    /// `admin`, as Lotus asks of a worker; a harmless question says `read`.
    public var permission: Permission { .admin }

    /// Writes the `Codable` form as CBOR.
    public func encode(into writer: inout WireWriter) throws(WireError) {
        try WireEncoder.encode(self, into: &writer)
    }

    /// Reads the `Codable` form from CBOR.
    public static func decode(from reader: inout WireReader) throws(WireError) -> Self {
        try WireDecoder.decode(Self.self, from: &reader)
    }

    /// The wire form as bytes.
    ///
    /// - Throws: ``WireError`` where a value has no wire form.
    public func wireBytes() throws(WireError) -> [UInt8] {
        var writer = WireWriter()
        try encode(into: &writer)
        return writer.bytes
    }
}

/// What a peer may do; each level includes those before it.
public enum Permission: Int, Sendable, Hashable, Codable, Comparable, CaseIterable {
    /// Ask.
    case read = 0
    /// Start work.
    case write = 1
    /// Sign.
    case sign = 2
    /// Everything.
    case admin = 3

    /// Tells whether `lhs` allows less than `rhs`.
    public static func < (lhs: Permission, rhs: Permission) -> Bool { lhs.rawValue < rhs.rawValue }
}
