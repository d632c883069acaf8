// SPDX-License-Identifier: Apache-2.0

/// A whole number of any size, as the chain's money formulas need it: exact, with division toward minus
/// infinity. Made for a few hundred bits; every operation is the schoolbook's.
package struct BigNumber: Sendable, Hashable, Comparable, ExpressibleByIntegerLiteral,
    CustomStringConvertible
{
    /// 32 bits each, the least first, no zeros at the end; empty for zero.
    private var limbs: [UInt32]
    private var isNegative: Bool

    private init(_ limbs: [UInt32], _ isNegative: Bool) {
        var trimmed = limbs
        while trimmed.last == 0 { trimmed.removeLast() }
        self.limbs = trimmed
        self.isNegative = isNegative && !trimmed.isEmpty
    }

    package init(_ value: Int) {
        let magnitude = UInt64(value.magnitude)
        self.init([UInt32(truncatingIfNeeded: magnitude), UInt32(magnitude >> 32)], value < 0)
    }

    package init(_ value: Int128) {
        let magnitude = value.magnitude
        self.init((0..<4).map { UInt32(truncatingIfNeeded: magnitude >> (32 * $0)) }, value < 0)
    }

    package init(integerLiteral value: Int) { self.init(value) }

    /// Reads decimal digits with an optional sign, at most 400 of them; `nil` for anything else.
    package init?(_ text: String) {
        let digits = text.utf8.drop { $0 == UInt8(ascii: "-") }
        guard text.utf8.count - digits.count <= 1, (1...400).contains(digits.count) else { return nil }
        var value = BigNumber(0)
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + BigNumber(Int(digit - UInt8(ascii: "0")))
        }
        self.init(value.limbs, text.utf8.first == UInt8(ascii: "-"))
    }

    /// Bits of the magnitude: 0 for zero, 1 for one.
    package var bitCount: Int { limbs.last.map { limbs.count * 32 - $0.leadingZeroBitCount } ?? 0 }

    /// The nearest floating-point number.
    package var double: Double {
        let magnitude = limbs.reversed().reduce(0.0) { $0 * 4_294_967_296 + Double($1) }
        return isNegative ? -magnitude : magnitude
    }

    package var description: String {
        guard !limbs.isEmpty else { return "0" }
        var rest = limbs
        var groups: [UInt32] = []
        while !rest.isEmpty {
            var carry: UInt64 = 0
            for index in rest.indices.reversed() {
                let word = carry << 32 | UInt64(rest[index])
                rest[index] = UInt32(word / 1_000_000_000)
                carry = word % 1_000_000_000
            }
            groups.append(UInt32(carry))
            while rest.last == 0 { rest.removeLast() }
        }
        var text = isNegative ? "-" : ""
        for (index, group) in groups.reversed().enumerated() {
            let digits = String(group)
            text += (index == 0 ? "" : String(repeating: "0", count: 9 - digits.count)) + digits
        }
        return text
    }

    package static func < (left: Self, right: Self) -> Bool {
        guard left.isNegative == right.isNegative else { return left.isNegative }
        let order = compare(left.limbs, right.limbs)
        return left.isNegative ? order > 0 : order < 0
    }

    package static prefix func - (value: Self) -> Self { Self(value.limbs, !value.isNegative) }

    package static func + (left: Self, right: Self) -> Self {
        if left.isNegative == right.isNegative { return Self(sum(left.limbs, right.limbs), left.isNegative) }
        return compare(left.limbs, right.limbs) >= 0
            ? Self(difference(left.limbs, right.limbs), left.isNegative)
            : Self(difference(right.limbs, left.limbs), right.isNegative)
    }

    package static func - (left: Self, right: Self) -> Self { left + -right }

    package static func * (left: Self, right: Self) -> Self {
        var product = [UInt32](repeating: 0, count: left.limbs.count + right.limbs.count + 1)
        for (i, a) in left.limbs.enumerated() {
            var carry: UInt64 = 0
            for (j, b) in right.limbs.enumerated() {
                let word = UInt64(a) * UInt64(b) + UInt64(product[i + j]) + carry
                product[i + j] = UInt32(truncatingIfNeeded: word)
                carry = word >> 32
            }
            product[i + right.limbs.count] = UInt32(carry)
        }
        return Self(product, left.isNegative != right.isNegative)
    }

    /// The quotient, rounded toward minus infinity; the divisor must not be zero.
    package static func / (left: Self, right: Self) -> Self {
        precondition(!right.limbs.isEmpty, "nothing is divided by zero")
        var quotient = [UInt32](repeating: 0, count: left.limbs.count)
        var rest = Self([], false)
        let divisor = Self(right.limbs, false)
        for bit in stride(from: left.bitCount - 1, through: 0, by: -1) {
            rest = rest << 1
            if left.limbs[bit / 32] >> UInt32(bit % 32) & 1 == 1 { rest = rest + 1 }
            guard rest >= divisor else { continue }
            rest = rest - divisor
            quotient[bit / 32] |= 1 << UInt32(bit % 32)
        }
        let isNegative = left.isNegative != right.isNegative
        let value = Self(quotient, isNegative)
        return isNegative && !rest.limbs.isEmpty ? value - 1 : value
    }

    package static func << (value: Self, count: Int) -> Self {
        var limbs = [UInt32](repeating: 0, count: count / 32)
        var carry: UInt64 = 0
        for limb in value.limbs {
            let word = UInt64(limb) << UInt64(count % 32) | carry
            limbs.append(UInt32(truncatingIfNeeded: word))
            carry = word >> 32
        }
        return Self(limbs + [UInt32(carry)], value.isNegative)
    }

    /// Divides by 2^count, toward minus infinity.
    package static func >> (value: Self, count: Int) -> Self {
        let kept = value.limbs.dropFirst(count / 32)
        let shift = UInt32(count % 32)
        var limbs: [UInt32] = []
        for index in kept.indices {
            let high = index + 1 < kept.endIndex ? UInt64(kept[index + 1]) << 32 : 0
            limbs.append(UInt32(truncatingIfNeeded: (high | UInt64(kept[index])) >> UInt64(shift)))
        }
        let result = Self(limbs, value.isNegative)
        guard value.isNegative, Self(value.limbs, false) != Self(limbs, false) << count else { return result }
        return result - 1
    }

    private static func compare(_ left: [UInt32], _ right: [UInt32]) -> Int {
        guard left.count == right.count else { return left.count < right.count ? -1 : 1 }
        for index in left.indices.reversed() where left[index] != right[index] {
            return left[index] < right[index] ? -1 : 1
        }
        return 0
    }

    private static func sum(_ left: [UInt32], _ right: [UInt32]) -> [UInt32] {
        var out: [UInt32] = []
        var carry: UInt64 = 0
        for index in 0..<max(left.count, right.count) {
            let word =
                UInt64(index < left.count ? left[index] : 0) + UInt64(index < right.count ? right[index] : 0)
                + carry
            out.append(UInt32(truncatingIfNeeded: word))
            carry = word >> 32
        }
        return out + [UInt32(carry)]
    }

    /// `left - right` where left is not the smaller.
    private static func difference(_ left: [UInt32], _ right: [UInt32]) -> [UInt32] {
        var out: [UInt32] = []
        var borrow: Int64 = 0
        for index in left.indices {
            let word = Int64(left[index]) - Int64(index < right.count ? right[index] : 0) - borrow
            out.append(UInt32(truncatingIfNeeded: word))
            borrow = word < 0 ? 1 : 0
        }
        return out
    }
}
