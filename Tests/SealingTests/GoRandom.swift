// SPDX-License-Identifier: Apache-2.0
import CGoRandom
import Foundation

/// The seeded generator of Go's `math/rand`: x(n) = x(n-607) + x(n-273) modulo 2^64.
///
/// Its seed is mixed with the state that such a generator has, from seed 1, after 7.8e12 steps. Published
/// tables list that state; here it is computed, as x^7800000000000 modulo x^607 - x^334 - 1.
struct GoRandom {
    private static let length = 607
    private static let tap = 273

    private var state: [UInt64]
    private var feed = GoRandom.length - GoRandom.tap

    init(seed: UInt32) {
        precondition(Int(CGORANDOM_LENGTH) == GoRandom.length)
        state = GoRandom.start(seed: seed, shifts: (40, 20))
        for (index, word) in GoRandom.advanced.enumerated() {
            state[index] ^= word
        }
    }

    /// The next 32-bit words, little-endian.
    mutating func words(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 4 * count) { buffer, initializedCount in
            guard let base = buffer.baseAddress else { return }
            // Safety: the buffer has the room that was asked for, and the function fills it.
            cgorandom_draw(&state, &feed, base, count)
            initializedCount = 4 * count
        }
    }

    /// Writes the first `count` bytes to a file, a chunk at a time.
    mutating func write(_ count: Int, to path: String) throws {
        try Data().write(to: URL(filePath: path))
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        var left = count
        while left > 0 {
            let chunk = min(left, 1 << 22)
            try file.write(contentsOf: words((chunk + 3) / 4).prefix(chunk))
            left -= chunk
        }
        try file.close()
    }

    /// Three draws of a Lehmer generator for each word, after twenty that are dropped.
    private static func start(seed: UInt32, shifts: (UInt64, UInt64)) -> [UInt64] {
        var x = UInt64(seed)
        func draw() -> UInt64 {
            x = x * 48271 % 0x7fff_ffff
            return x
        }
        for _ in 0..<20 { _ = draw() }
        return (0..<length).map { _ in draw() << shifts.0 ^ draw() << shifts.1 ^ draw() }
    }

    private static let advanced: [UInt64] = {
        let steps: UInt64 = 7_800_000_000_000
        let state = start(seed: 1, shifts: (20, 10))
        // Step k writes the place (334 - k) mod 607; so these are x(-606) ... x(0), then 606 more.
        func place(_ k: Int) -> Int { ((length - tap - k) % length + length) % length }
        var values = (0..<length).map { state[place($0 - (length - 1))] }
        for index in length..<2 * length - 1 {
            values.append(values[index - length] &+ values[index - tap])
        }
        var power = [UInt64](repeating: 0, count: length)
        power[0] = 1
        for bit in (0..<64 - steps.leadingZeroBitCount).reversed() {
            power = square(power)
            if steps >> UInt64(bit) & 1 == 1 {
                power = reduce([0] + power)
            }
        }
        var advanced = [UInt64](repeating: 0, count: length)
        for index in 0..<length {
            var sum: UInt64 = 0
            for (degree, factor) in power.enumerated() {
                sum &+= factor &* values[index + degree]
            }
            let step = Int(steps % UInt64(length)) + index - (length - 1)
            advanced[place(step)] = sum
        }
        return advanced
    }()

    private static func square(_ factor: [UInt64]) -> [UInt64] {
        var product = [UInt64](repeating: 0, count: 2 * length - 1)
        for (left, value) in factor.enumerated() where value != 0 {
            for right in 0..<length {
                product[left + right] &+= value &* factor[right]
            }
        }
        return reduce(product)
    }

    /// Replaces x^607 by x^334 + 1, from the highest power down.
    private static func reduce(_ polynomial: [UInt64]) -> [UInt64] {
        var rest = polynomial
        for degree in stride(from: rest.count - 1, through: length, by: -1) {
            rest[degree - length] &+= rest[degree]
            rest[degree - tap] &+= rest[degree]
        }
        return Array(rest.prefix(length))
    }
}
