// SPDX-License-Identifier: Apache-2.0

/// A 32-byte node: a commitment, a label, a replica node, a ticket or a seed.
///
/// Read as a number it is little-endian. It is coded as a list of 32 integers, which is how the
/// reference writes nodes in JSON.
package struct Commitment: Hashable, Sendable {
    /// The four 64-bit words, least significant first.
    package let words: (UInt64, UInt64, UInt64, UInt64)

    /// 32 zero bytes.
    package static let zero = Commitment(words: (0, 0, 0, 0))

    package init(words: (UInt64, UInt64, UInt64, UInt64)) {
        self.words = words
    }

    /// Reads the 32 bytes that start at `offset`, which must lie in `bytes`.
    package init(in bytes: [UInt8], at offset: Int = 0) {
        precondition(offset >= 0 && offset <= bytes.count - 32, "a node needs 32 bytes")
        words = bytes.withUnsafeBytes { buffer in
            func word(_ index: Int) -> UInt64 {
                // Safety: all 32 bytes lie in the buffer, which was looked at above.
                UInt64(
                    littleEndian: buffer.loadUnaligned(
                        fromByteOffset: offset + 8 * index,
                        as: UInt64.self
                    )
                )
            }
            return (word(0), word(1), word(2), word(3))
        }
    }

    /// Reads exactly 32 bytes.
    ///
    /// - Throws: ``SealingError`` `.malformed` when there are not 32.
    package init(bytes: [UInt8]) throws(SealingError) {
        guard bytes.count == 32 else {
            throw SealingError(.malformed, "a commitment has 32 bytes, not \(bytes.count)")
        }
        self.init(in: bytes)
    }

    /// Reads 64 hexadecimal digits.
    ///
    /// - Throws: ``SealingError`` `.malformed` for any other text.
    package init(hex: String) throws(SealingError) {
        try self.init(bytes: Hex.decode(hex))
    }

    /// The same byte 32 times.
    package init(repeating byte: UInt8) {
        let word = UInt64(byte) &* 0x0101_0101_0101_0101
        self.init(words: (word, word, word, word))
    }

    /// The 32 bytes in memory order.
    package var bytes: [UInt8] {
        let ordered = (
            words.0.littleEndian, words.1.littleEndian, words.2.littleEndian, words.3.littleEndian
        )
        return withUnsafeBytes(of: ordered) { Array($0) }
    }

    /// 64 lowercase hexadecimal digits in memory order.
    package var hex: String {
        Hex.encode(bytes)
    }

    /// Whether the node, read as a number, is below the field's modulus.
    package var isCanonical: Bool {
        Field.isCanonical(bytes)
    }

    /// The node with its two top bits cleared, so that it is surely a field element.
    package var truncated254: Commitment {
        Commitment(words: (words.0, words.1, words.2, words.3 & 0x3fff_ffff_ffff_ffff))
    }

    package static func == (left: Commitment, right: Commitment) -> Bool {
        left.words == right.words
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}

extension Commitment: CustomStringConvertible {
    package var description: String {
        hex
    }
}

extension Commitment: Codable {
    package init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        while !container.isAtEnd && bytes.count < 33 {
            bytes.append(try container.decode(UInt8.self))
        }
        guard bytes.count == 32 else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "a commitment has 32 bytes"
            )
        }
        self.init(in: bytes)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        for byte in bytes {
            try container.encode(byte)
        }
    }
}

/// Hexadecimal text.
package enum Hex {
    /// Two lowercase digits for each byte.
    package static func encode(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.count)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads pairs of digits, in either case.
    ///
    /// - Throws: ``SealingError`` `.malformed` for an odd count or another character.
    package static func decode(_ text: String) throws(SealingError) -> [UInt8] {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else {
            throw SealingError(.malformed, "hexadecimal text has an odd length, \(digits.count)")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            bytes.append(try value(digits[index]) << 4 | value(digits[index + 1]))
        }
        return bytes
    }

    private static func value(_ digit: UInt8) throws(SealingError) -> UInt8 {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: throw SealingError(.malformed, "byte \(digit) is not a hexadecimal digit")
        }
    }
}
