// SPDX-License-Identifier: Apache-2.0

/// How much of every delivery goes into the trace hash.
public enum TraceDetail: String, Sendable, Hashable, Codable {
    /// Time, sender and recipient: a few nanoseconds a message.
    case route
    /// The message's bytes as well: two runs with equal hashes said the same words.
    case content
}

/// A running hash of all that a world delivered; equal for equal seeds, whatever the machine and build mode.
public struct TraceHash: Sendable, Hashable {
    @usableFromInline var high: UInt64 = 0x243F_6A88_85A3_08D3
    @usableFromInline var low: UInt64 = 0x1319_8A2E_0370_7344

    @inlinable
    mutating func absorb(_ word: UInt64) {
        low = mixed(low ^ word)
        high = (high &* 0x9E37_79B9_7F4A_7C15) ^ low
    }

    mutating func absorb(_ bytes: [UInt8]) {
        absorb(UInt64(bytes.count))
        var word: UInt64 = 0
        var filled = 0
        for byte in bytes {
            word = (word << 8) | UInt64(byte)
            filled += 1
            if filled == 8 {
                absorb(word)
                word = 0
                filled = 0
            }
        }
        if filled > 0 { absorb(word) }
    }

    /// The hash as 32 hexadecimal digits.
    public var hex: String {
        [high, low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
