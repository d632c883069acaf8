// SPDX-License-Identifier: Apache-2.0

/// Reads `Decodable` values that ``WireEncoder`` wrote.
///
/// The value is checked as a whole before any of it is decoded, so that a type's own `init(from:)` runs only
/// on canonical input within the limits. Keys that the type does not know are passed over; a null counts
/// as absent where the type asks for a value "if present".
///
/// A type finds the reader's ``WireContext`` as `decoder.wireContext`.
public enum WireDecoder {
    /// Reads the next value as a `T`; on an error the reader stays where it was.
    ///
    /// Throws what ``WireReader`` throws for input that is not canonical or is over the limits;
    /// `typeMismatch`, `missingKey`, `unknownCase` and `valueOutOfRange` if the value is not a `T`;
    /// `malformed` if the type's own `init(from:)` throws.
    public static func decode<T: Decodable>(
        _ type: T.Type,
        from reader: inout WireReader
    ) throws(WireError) -> T {
        let range = try reader.checkValue()
        let state = WireDecodingState(reader: reader, root: range.lowerBound)
        do {
            let value = try state.decode(type, at: range.lowerBound)
            reader.position = range.upperBound
            return value
        } catch {
            var wireError = state.wireError(error, type: type, at: range.lowerBound)
            let path = state.path(to: wireError.offset).wireDescription
            if !path.isEmpty {
                wireError.message += " (at '\(path)')"
            }
            throw wireError
        }
    }

    /// Reads all of `bytes` as one `T`.
    ///
    /// Throws what ``decode(_:from:)`` throws, and `trailingBytes` if more follows.
    public static func decode<T: Decodable>(
        _ type: T.Type,
        from bytes: [UInt8],
        limits: WireLimits = WireLimits(),
        context: (any WireContext)? = nil
    ) throws(WireError) -> T {
        var reader = try WireReader(bytes, limits: limits, context: context)
        let value = try decode(type, from: &reader)
        try reader.finish()
        return value
    }
}
