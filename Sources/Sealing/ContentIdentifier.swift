// SPDX-License-Identifier: Apache-2.0

/// The texts (CIDs, base32) under which commitments are published.
extension Commitment {
    /// CID of a piece or of a sector's unsealed data, `baga6ea4seaq…`.
    package var unsealedCID: String {
        ContentIdentifier.text(ContentIdentifier.unsealedPrefix + bytes)
    }

    /// CID of a piece: the same form as that of unsealed data.
    package var pieceCID: String {
        unsealedCID
    }

    /// CID of a sealed sector (CommR), `bagboea4b5abc…`.
    package var sealedCID: String {
        ContentIdentifier.text(ContentIdentifier.sealedPrefix + bytes)
    }

    /// Version 2 CID of a piece, which also tells its size, `bafkzcib…`.
    ///
    /// - Parameters:
    ///   - paddedSize: bytes after Fr32 padding, a power of two of 128 or more.
    ///   - payloadSize: bytes of the payload, at most `paddedSize * 127 / 128`.
    /// - Returns: the text.
    /// - Throws: ``SealingError`` `.invalidArgument` for sizes that cannot be.
    package func pieceCIDv2(paddedSize: UInt64, payloadSize: UInt64) throws(SealingError) -> String {
        try PieceSize.check(padded: paddedSize)
        let unpadded = PieceSize.unpadded(paddedSize)
        guard payloadSize <= unpadded else {
            throw SealingError(
                .invalidArgument,
                "a payload of \(payloadSize) bytes does not fit in a piece of \(paddedSize)"
            )
        }
        let height = UInt8(paddedSize.trailingZeroBitCount - 5)
        let digest = ContentIdentifier.varint(unpadded - payloadSize) + [height] + bytes
        return ContentIdentifier.text([0x01, 0x55, 0x91, 0x20, UInt8(digest.count)] + digest)
    }

    /// Reads the CID of unsealed data or of a piece (version 1 form).
    ///
    /// - Throws: ``SealingError`` `.malformed` when it is another kind of CID.
    package init(unsealedCID text: String) throws(SealingError) {
        try self.init(cid: text, prefix: ContentIdentifier.unsealedPrefix, kind: "unsealed")
    }

    /// Reads the CID of a sealed sector.
    ///
    /// - Throws: ``SealingError`` `.malformed` when it is another kind of CID.
    package init(sealedCID text: String) throws(SealingError) {
        try self.init(cid: text, prefix: ContentIdentifier.sealedPrefix, kind: "sealed")
    }

    private init(cid text: String, prefix: [UInt8], kind: String) throws(SealingError) {
        let bytes = try ContentIdentifier.bytes(text)
        guard bytes.count == prefix.count + 32, Array(bytes.prefix(prefix.count)) == prefix else {
            throw SealingError(.malformed, "\(text) is not the CID of \(kind) data")
        }
        self.init(in: bytes, at: prefix.count)
    }
}

enum ContentIdentifier {
    /// Version 1, codec fil-commitment-unsealed, multihash sha2-256-trunc254-padded, 32 bytes.
    static let unsealedPrefix: [UInt8] = [0x01, 0x81, 0xe2, 0x03, 0x92, 0x20, 0x20]

    /// Version 1, codec fil-commitment-sealed, multihash poseidon-bls12_381-a2-fc1, 32 bytes.
    static let sealedPrefix: [UInt8] = [0x01, 0x82, 0xe2, 0x03, 0x81, 0xe8, 0x02, 0x20]

    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    /// Lowercase base32 without padding, after the multibase letter `b`.
    static func text(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = [UInt8(ascii: "b")]
        var held: UInt32 = 0
        var bits = 0
        for byte in bytes {
            held = held << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                out.append(alphabet[Int(held >> UInt32(bits)) & 31])
            }
            held &= (1 << UInt32(bits)) - 1
        }
        if bits > 0 {
            out.append(alphabet[Int(held << UInt32(5 - bits)) & 31])
        }
        return String(decoding: out, as: UTF8.self)
    }

    static func bytes(_ text: String) throws(SealingError) -> [UInt8] {
        let letters = Array(text.utf8)
        guard letters.first == UInt8(ascii: "b"), letters.count <= 256 else {
            throw SealingError(.malformed, "a CID here is base32 text that starts with b")
        }
        var out: [UInt8] = []
        var held: UInt32 = 0
        var bits = 0
        for letter in letters.dropFirst() {
            guard let value = alphabet.firstIndex(of: letter) else {
                throw SealingError(.malformed, "byte \(letter) is not a base32 digit of a CID")
            }
            held = held << 5 | UInt32(value)
            bits += 5
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: held >> UInt32(bits)))
            }
            held &= (1 << UInt32(bits)) - 1
        }
        guard held == 0, bits < 5 else {
            throw SealingError(.malformed, "a CID ends in stray bits")
        }
        return out
    }
}
