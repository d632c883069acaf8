// SPDX-License-Identifier: Apache-2.0
import Kernel
import Sim
import Testing

@Suite("The logarithm that is the same everywhere")
struct DeterministicLogTests {
    /// The definition as a loop: the series of 2 artanh(s), from its last term to its first.
    private static func definition(_ x: Double) -> Double {
        var exponent = Double(x.exponent)
        var fraction = x.significand
        if fraction > 1.414_213_562_373_095_1 {
            fraction *= 0.5
            exponent += 1
        }
        let s = (fraction - 1) / (fraction + 1)
        var series = 0.0
        var odd = 25.0
        while odd > 1 {
            series = (series + 1 / odd) * (s * s)
            odd -= 2
        }
        return exponent * 0x1.62e42feep-1 + (exponent * 0x1.a39ef35793c76p-33 + (2 * s + 2 * s * series))
    }

    @Test("it gives the bits of its definition for every kind of number")
    func bits() {
        var values = [1, 0.5, 2, 10, 1e-300, 1e300, .leastNonzeroMagnitude, .greatestFiniteMagnitude]
        var random = RandomStream(seed: 1, name: "logarithm", incarnation: 1)
        for _ in 0..<100_000 {
            let word = random.next()
            values.append((Double(word >> 11) + 0.5) * 0x1p-53)
            let any = Double(bitPattern: word & ~(1 << 63))
            if any.isFinite && any > 0 { values.append(any) }
        }
        for value in values {
            #expect(DeterministicMath.log(value).bitPattern == Self.definition(value).bitPattern, "\(value)")
        }
    }
}
