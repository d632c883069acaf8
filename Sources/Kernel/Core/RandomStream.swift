// SPDX-License-Identifier: Apache-2.0

/// Scrambles a 64-bit word so that every input bit reaches every output bit.
///
/// - SeeAlso: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (the SplitMix64
///   finalizer).
@inlinable
public func mixed(_ word: UInt64) -> UInt64 {
    var value = word &+ 0x9E37_79B9_7F4A_7C15
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
}

/// A seeded stream of random numbers: the only source of chance a component may use.
///
/// Each component owns a stream derived from the world's seed and the component's address, so that adding a
/// component, or drawing once more in one of them, leaves every other stream as it was.
///
/// - SeeAlso: Blackman, Vigna, "Scrambled linear pseudorandom number generators" (xoshiro256**).
public struct RandomStream: RandomNumberGenerator, Sendable {
    @usableFromInline var state: (UInt64, UInt64, UInt64, UInt64)

    /// Makes the stream of `seed`; equal seeds give equal streams on every machine.
    public init(seed: UInt64) {
        var word = seed
        func next() -> UInt64 {
            word &+= 0x9E37_79B9_7F4A_7C15
            return mixed(word)
        }
        state = (next(), next(), next(), next() | 1)
    }

    /// Makes the stream that belongs to `name` under `seed`.
    public init(seed: UInt64, name: String, incarnation: UInt64 = 0) {
        self.init(seed: mixed(seed ^ stableHash(name)) &+ mixed(incarnation))
    }

    /// The next 64 random bits.
    @inlinable
    public mutating func next() -> UInt64 {
        let result = rotated(state.1 &* 5, by: 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = rotated(state.3, by: 45)
        return result
    }

    /// A number in the open interval (0, 1), from 53 random bits.
    @inlinable
    public mutating func uniform() -> Double { (Double(next() >> 11) + 0.5) * 0x1p-53 }

    /// A whole number in `0..<bound`, without bias.
    @inlinable
    public mutating func index(below bound: Int) -> Int {
        precondition(bound > 0, "an index needs a positive bound, got \(bound)")
        return Int(next(upperBound: UInt64(bound)))
    }

    /// Tells whether an event of probability `chance` (0…1) happens.
    @inlinable
    public mutating func happens(_ chance: Double) -> Bool { chance > 0 && uniform() < chance }

    @inlinable
    func rotated(_ word: UInt64, by count: UInt64) -> UInt64 {
        (word << count) | (word >> (64 - count))
    }
}

/// A hash of a text that is the same in every process and on every machine (FNV-1a, 64 bits).
public func stableHash(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    return hash
}
