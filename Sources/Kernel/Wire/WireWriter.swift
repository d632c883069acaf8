// SPDX-License-Identifier: Apache-2.0

/// Writes values as deterministic CBOR (RFC 8949, section 4.2) into a growing array of bytes.
///
/// Every head is written in its shortest form, lengths are definite, and floats are always 64 bits wide
/// with one NaN, so that equal values give equal bytes. What the writer cannot see is left to the caller:
/// an array head must be followed by as many items as it says, a map head by as many keys and values, and
/// the keys must come in ascending order of their encoded bytes, which for text means shorter keys first
/// and equally long ones by their bytes. ``WireReader`` refuses anything else.
public struct WireWriter: Sendable {
    /// What has been written so far.
    @inlinable
    public var bytes: [UInt8] { storage }

    @usableFromInline var storage: [UInt8]

    /// Creates an empty writer with room for `capacity` bytes.
    @inlinable
    public init(capacity: Int = 0) {
        storage = []
        if capacity > 0 {
            storage.reserveCapacity(capacity)
        }
    }

    /// How many bytes have been written.
    @inlinable
    public var count: Int { storage.count }

    /// Forgets what was written, so that the writer can be used again.
    @inlinable
    public mutating func removeAll(keepingCapacity: Bool = true) {
        storage.removeAll(keepingCapacity: keepingCapacity)
    }

    /// Writes an unsigned integer, in 1 to 9 bytes.
    @inlinable
    public mutating func write(_ value: UInt64) {
        writeHead(WireMajor.unsigned, value)
    }

    /// Writes a signed integer, in 1 to 9 bytes.
    @inlinable
    public mutating func write(_ value: Int64) {
        if value >= 0 {
            writeHead(WireMajor.unsigned, UInt64(bitPattern: value))
        } else {
            // CBOR stores -1 - n, which is the complement of n's bits.
            writeHead(WireMajor.negative, ~UInt64(bitPattern: value))
        }
    }

    /// Writes a signed integer, in 1 to 9 bytes.
    @inlinable
    public mutating func write(_ value: Int) {
        write(Int64(value))
    }

    /// Writes false or true, in one byte.
    @inlinable
    public mutating func write(_ value: Bool) {
        storage.append(value ? WireSimple.yes : WireSimple.no)
    }

    /// Writes a floating-point number, always in 9 bytes; all NaNs are written as the same one.
    @inlinable
    public mutating func write(_ value: Double) {
        storage.append(WireSimple.double)
        appendBigEndian(value.isNaN ? WireSimple.canonicalNaN : value.bitPattern)
    }

    /// Writes the null value, in one byte.
    @inlinable
    public mutating func writeNull() {
        storage.append(WireSimple.null)
    }

    /// Writes a text string: a head and the text's UTF-8.
    @inlinable
    public mutating func write(text: String) {
        let utf8 = text.utf8
        writeHead(WireMajor.text, UInt64(utf8.count))
        storage.append(contentsOf: utf8)
    }

    /// Writes a byte string: a head and the bytes.
    @inlinable
    public mutating func write(bytes: [UInt8]) {
        writeHead(WireMajor.bytes, UInt64(bytes.count))
        storage.append(contentsOf: bytes)
    }

    /// Writes a byte string: a head and the bytes.
    @inlinable
    public mutating func write(bytes: some Collection<UInt8>) {
        writeHead(WireMajor.bytes, UInt64(bytes.count))
        storage.append(contentsOf: bytes)
    }

    /// Starts an array; the next `count` items are its elements.
    ///
    /// `count` must not be negative.
    @inlinable
    public mutating func writeArrayHead(count: Int) {
        writeHead(WireMajor.array, UInt64(count))
    }

    /// Starts a map; the next `count` pairs of items are its keys and values, in the order of the keys.
    ///
    /// `count` must not be negative.
    @inlinable
    public mutating func writeMapHead(count: Int) {
        writeHead(WireMajor.map, UInt64(count))
    }

    /// Writes a tag, which gives the next item a meaning.
    @inlinable
    public mutating func writeTag(_ tag: UInt64) {
        writeHead(WireMajor.tag, tag)
    }

    /// Appends items that are encoded already, as they are.
    @inlinable
    public mutating func write(encoded: some Collection<UInt8>) {
        storage.append(contentsOf: encoded)
    }

    /// Forgets everything after the first `count` bytes.
    mutating func truncate(to count: Int) {
        storage.removeSubrange(count...)
    }

    @inlinable
    mutating func writeHead(_ major: UInt8, _ argument: UInt64) {
        let top = major &<< 5
        if argument < 24 {
            storage.append(top | UInt8(truncatingIfNeeded: argument))
        } else if argument <= 0xff {
            storage.append(top | 24)
            storage.append(UInt8(truncatingIfNeeded: argument))
        } else if argument <= 0xffff {
            storage.append(top | 25)
            appendBigEndian(UInt16(truncatingIfNeeded: argument))
        } else if argument <= 0xffff_ffff {
            storage.append(top | 26)
            appendBigEndian(UInt32(truncatingIfNeeded: argument))
        } else {
            storage.append(top | 27)
            appendBigEndian(argument)
        }
    }

    @inlinable
    mutating func appendBigEndian<Integer: FixedWidthInteger>(_ value: Integer) {
        // Safety: the pointer is to the local copy of `value` and does not leave the closure.
        withUnsafeBytes(of: value.bigEndian) { storage.append(contentsOf: $0) }
    }
}
