// SPDX-License-Identifier: Apache-2.0
import CSealing

/// SHA-256 over data that comes in parts.
package struct SHA256: Sendable {
    private var state = csealing_sha256_state()
    private let implementation: InstructionPath

    package init(_ implementation: InstructionPath = .automatic) {
        self.implementation = implementation
        csealing_sha256_init(&state)
    }

    /// Absorbs all of `bytes`.
    package mutating func update(_ bytes: [UInt8]) {
        csealing_sha256_update(implementation.native, &state, bytes, bytes.count)
    }

    /// Absorbs the bytes at `range`.
    package mutating func update(_ bytes: [UInt8], in range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        // Safety: the pointer is used within the closure and inside the array's bounds.
        bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            csealing_sha256_update(
                implementation.native,
                &state,
                base + range.lowerBound,
                range.count
            )
        }
    }

    /// Absorbs bytes that lie elsewhere.
    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        // Safety: the kernel reads the buffer's bytes and keeps no pointer.
        csealing_sha256_update(
            implementation.native, &state, base.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    /// The digest of all that was absorbed.
    package func finalize() -> Commitment {
        var copy = state
        var digest = [UInt8](repeating: 0, count: 32)
        csealing_sha256_final(implementation.native, &copy, &digest)
        return Commitment(in: digest)
    }

    /// The digest of one byte string.
    package static func hash(
        _ bytes: [UInt8],
        _ implementation: InstructionPath = .automatic
    ) -> Commitment {
        var hasher = SHA256(implementation)
        hasher.update(bytes)
        return hasher.finalize()
    }

    /// The inner node of the binary trees: the digest of both children, two bits cleared.
    package static func node(_ left: Commitment, _ right: Commitment) -> Commitment {
        hash(left.bytes + right.bytes).truncated254
    }
}

/// BLAKE2b, with a key if one is given.
package enum BLAKE2b {
    /// - Throws: ``SealingError`` `.invalidArgument` unless the digest has 1 to 64 bytes and the
    ///   key at most 64.
    package static func hash(
        _ bytes: [UInt8],
        key: [UInt8] = [],
        digestCount: Int
    ) throws(SealingError) -> [UInt8] {
        guard (1...64).contains(digestCount), key.count <= 64 else {
            throw SealingError(
                .invalidArgument,
                "BLAKE2b takes a key of 0 to 64 bytes and a digest of 1 to 64 bytes"
            )
        }
        var digest = [UInt8](repeating: 0, count: digestCount)
        try Kernels.check(
            csealing_blake2b(&digest, digestCount, key, key.count, bytes, bytes.count),
            "BLAKE2b"
        )
        return digest
    }
}

/// ChaCha keystreams.
package enum ChaCha {
    /// The keystream of the original design: 64-bit counter from 0, stream 0.
    package static func stream8(seed: Commitment, blockCount: Int) throws(SealingError) -> [UInt8] {
        try stream(rounds: 8, key: seed, row: [0, 0, 0, 0], wide: true, blockCount: blockCount)
    }

    /// The keystream of the IETF design: 32-bit counter from 0 and a 12-byte nonce.
    package static func stream20(
        key: Commitment,
        nonce: [UInt8],
        blockCount: Int
    ) throws(SealingError) -> [UInt8] {
        guard nonce.count == 12 else {
            throw SealingError(.invalidArgument, "the nonce has 12 bytes, not \(nonce.count)")
        }
        var row: [UInt32] = [0]
        for index in 0..<3 {
            row.append(
                UInt32(nonce[4 * index]) | UInt32(nonce[4 * index + 1]) << 8
                    | UInt32(nonce[4 * index + 2]) << 16 | UInt32(nonce[4 * index + 3]) << 24
            )
        }
        return try stream(rounds: 20, key: key, row: row, wide: false, blockCount: blockCount)
    }

    private static func stream(
        rounds: UInt32,
        key: Commitment,
        row: [UInt32],
        wide: Bool,
        blockCount: Int
    ) throws(SealingError) -> [UInt8] {
        guard (0...(1 << 20)).contains(blockCount) else {
            throw SealingError(
                .invalidArgument,
                "a keystream has at most 2^20 blocks here, not \(blockCount)"
            )
        }
        var out = [UInt8](repeating: 0, count: 64 * blockCount)
        try Kernels.check(
            csealing_chacha(rounds, key.bytes, row, wide ? 1 : 0, &out, blockCount),
            "ChaCha"
        )
        return out
    }
}

/// The scalar field over 32-byte nodes.
package enum Field {
    /// Whether every node of `nodes` is below the modulus.
    package static func isCanonical(_ nodes: [UInt8]) -> Bool {
        csealing_fr_canonical(nodes, nodes.count / 32) == 1
    }

    /// Index of the first node that is not below the modulus, or nil.
    package static func firstInvalid(_ nodes: [UInt8], nodeCount: Int) -> Int? {
        precondition(32 * nodeCount <= nodes.count, "the count exceeds the buffer")
        let index = csealing_fr_first_invalid(nodes, nodeCount)
        return index < nodeCount ? index : nil
    }

    /// replica = key + data, node by node.
    ///
    /// - Throws: ``SealingError`` `.notCanonical`.
    package static func encode(key: [UInt8], data: [UInt8]) throws(SealingError) -> [UInt8] {
        precondition(key.count == data.count, "key and data have the same length")
        var out = [UInt8](repeating: 0, count: key.count)
        try Kernels.check(csealing_encode(key, data, &out, key.count / 32), "encoding")
        return out
    }

    /// data = replica - key, node by node.
    ///
    /// - Throws: ``SealingError`` `.notCanonical`.
    package static func decode(replica: [UInt8], key: [UInt8]) throws(SealingError) -> [UInt8] {
        precondition(key.count == replica.count, "key and replica have the same length")
        var out = [UInt8](repeating: 0, count: key.count)
        try Kernels.check(csealing_decode(replica, key, &out, key.count / 32), "decoding")
        return out
    }

    /// Products, node by node.
    ///
    /// - Throws: ``SealingError`` `.notCanonical`.
    package static func multiply(_ left: [UInt8], _ right: [UInt8]) throws(SealingError) -> [UInt8] {
        precondition(left.count == right.count, "both factors have the same length")
        var out = [UInt8](repeating: 0, count: left.count)
        try Kernels.check(csealing_fr_multiply(left, right, &out, left.count / 32), "product")
        return out
    }
}

enum Kernels {
    /// Turns a kernel's status into an error.
    static func check(_ status: csealing_status, _ what: String) throws(SealingError) {
        switch status {
        case .CSEALING_OK: return
        case .CSEALING_NOT_CANONICAL:
            throw SealingError(
                .notCanonical,
                "\(what): a 32-byte node is not below the field's modulus"
            )
        case .CSEALING_INVALID_ARGUMENT:
            throw SealingError(.kernel, "\(what): the kernel refused its arguments")
        case .CSEALING_NO_SUCH_PATH:
            throw SealingError(.kernel, "\(what): the processor lacks the instructions")
        }
    }
}

extension UInt64 {
    var bigEndianBytes: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: self >> UInt64(56 - 8 * $0)) }
    }

    var littleEndianBytes: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: self >> UInt64(8 * $0)) }
    }

    /// The little-endian integer in the first eight bytes at `offset`.
    init(littleEndian bytes: [UInt8], at offset: Int) {
        self = (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
    }
}

extension UInt32 {
    var littleEndianBytes: [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: self >> UInt32(8 * $0)) }
    }

    init(littleEndian bytes: [UInt8], at offset: Int) {
        self = (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }
}

/// Whole arrays of 32-bit words to bytes and back, in one copy.
enum LittleEndian {
    static func bytes(_ words: [UInt32]) -> [UInt8] {
        // Safety: the words are borrowed for one copy of their bytes.
        words.map(\.littleEndian).withUnsafeBytes { Array($0) }
    }

    static func words(_ bytes: [UInt8]) -> [UInt32] {
        let count = bytes.count / 4
        // Safety: both buffers are used within their bounds, and every word is written.
        return [UInt32](unsafeUninitializedCapacity: count) { buffer, filled in
            UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes.prefix(4 * count))
            for index in 0..<count {
                buffer[index] = UInt32(littleEndian: buffer[index])
            }
            filled = count
        }
    }
}
