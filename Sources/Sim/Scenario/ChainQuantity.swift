// SPDX-License-Identifier: Apache-2.0

/// An amount of the chain's money, never negative, exact.
package struct AttoFIL: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The largest amount that can be written: more than there will ever be.
    package static let attoMax: Int128 = 10_000_000_000 * 1_000_000_000_000_000_000

    package let atto: Int128

    /// Wraps an amount that is known to be within `0...attoMax`.
    package init(_ atto: Int128) {
        precondition(atto >= 0 && atto <= Self.attoMax, "an amount of FIL is in range")
        self.atto = atto
    }

    package static func fil(_ count: Int) -> AttoFIL { AttoFIL(Int128(count) * 1_000_000_000_000_000_000) }

    package static func < (left: Self, right: Self) -> Bool { left.atto < right.atto }

    /// In the form in which it can be read back, exactly.
    package var description: String { QuantityUnit.exact(atto, QuantityUnit.fil) }
}

/// The power of a whole network, in bytes; beyond what a ``ByteCount`` holds.
package struct NetworkPower: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The largest power that can be written: a million EiB.
    package static let bytesMax: Int128 = 1_000_000 << 60

    package let bytes: Int128

    /// Wraps a power that is known to be within `0...bytesMax`.
    package init(bytes: Int128) {
        precondition(bytes >= 0 && bytes <= Self.bytesMax, "a network's power is in range")
        self.bytes = bytes
    }

    package static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }

    package var description: String { QuantityUnit.exact(bytes, QuantityUnit.sizes) }
}

extension QuantityUnit {
    /// Amounts in attoFIL, from small to large.
    package static let fil: [QuantityUnit] = [
        QuantityUnit("aFIL", 1), QuantityUnit("nFIL", 1_000_000_000),
        QuantityUnit("FIL", 1_000_000_000_000_000_000),
    ]

    fileprivate static func exact(_ value: Int128, _ units: [QuantityUnit]) -> String {
        for unit in units.reversed() where value > 0 && value.isMultiple(of: Int128(unit.scale)) {
            return "\(value / Int128(unit.scale))\(unit.symbol)"
        }
        return "\(value)\(units[0].symbol)"
    }
}

extension Quantity {
    /// Reads an amount such as `0.1nFIL` or `80FIL`, exact to an attoFIL.
    ///
    /// - Throws: ``QuantityError`` when the number, the unit or the range is wrong.
    package static func attoFIL(_ text: String) throws(QuantityError) -> AttoFIL {
        AttoFIL(
            try large(text, QuantityUnit.fil, "an amount of FIL", "0.1nFIL or 80FIL", AttoFIL.attoMax))
    }

    /// Reads a network's power such as `20EiB`.
    ///
    /// - Throws: ``QuantityError`` when the number, the unit or the range is wrong.
    package static func networkPower(_ text: String) throws(QuantityError) -> NetworkPower {
        NetworkPower(
            bytes: try large(text, QuantityUnit.sizes, "a network's power", "20EiB", NetworkPower.bytesMax))
    }

    private static func large(
        _ text: String, _ units: [QuantityUnit], _ noun: String, _ example: String, _ max: Int128
    ) throws(QuantityError) -> Int128 {
        var scanner = try Scanner(text, noun: noun, example: example)
        let number = try scanner.number()
        let unit = try scanner.unit(among: units)
        guard scanner.atEnd else {
            throw QuantityError(
                message: "\(scanner.quoted) is not \(noun); write one number and one unit, such as "
                    + example)
        }
        let value = number.scaled(by: unit.scale)
        guard value <= max else {
            throw QuantityError(message: "\(scanner.quoted) is too large for \(noun)")
        }
        return value
    }
}

extension Schema {
    static let attoFIL = pattern(quantity(QuantityUnit.fil))
}

extension ConfigCursor {
    func attoFIL() -> AttoFIL? { quantity("an amount of FIL such as 80FIL", Quantity.attoFIL) }
    func networkPower() -> NetworkPower? {
        quantity("a network's power such as 20EiB", Quantity.networkPower)
    }
}
