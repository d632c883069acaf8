// SPDX-License-Identifier: Apache-2.0

/// Writes `Encodable` values as deterministic CBOR.
///
/// - Keyed containers are maps with text keys, in canonical order. An enumeration that the compiler makes
///   `Codable` is a map of one entry: the case's name and a map of its associated values.
/// - Unkeyed containers are arrays. A `Set`, and a `Dictionary` whose keys are neither text nor integers,
///   is an array in the order of the encoded elements, or of the encoded keys.
/// - `[UInt8]` is a byte string, nil is null, all floats are 64 bits wide.
/// - `Int128` and `UInt128` are byte strings of 16 bytes, big-endian, in two's complement.
/// - A value that encodes nothing is an empty map.
public enum WireEncoder {
    /// Appends the encoding of `value` to `writer`; on an error the writer stays as it was.
    ///
    /// Throws `tooDeep` or `tooLarge` if the value is over the limits, which a reader would refuse;
    /// `notCanonical` if it encodes a key or an element of a set twice; `malformed` if its own
    /// `encode(to:)` throws, or misuses its encoder.
    public static func encode<T: Encodable>(
        _ value: T,
        into writer: inout WireWriter,
        limits: WireLimits = WireLimits()
    ) throws(WireError) {
        let start = writer.count
        let state = WireEncodingState(limits: limits)
        do {
            try state.encodeRoot(value)
            try state.write(0, into: &writer)
            guard writer.count - start <= limits.totalBytesMax else { throw state.totalTooLarge() }
        } catch {
            writer.truncate(to: start)
            throw state.wireError(error, at: start)
        }
    }

    /// The encoding of `value`; see ``encode(_:into:limits:)``.
    public static func encode<T: Encodable>(_ value: T) throws(WireError) -> [UInt8] {
        var writer = WireWriter(capacity: 128)
        try encode(value, into: &writer)
        return writer.bytes
    }
}
