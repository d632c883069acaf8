// SPDX-License-Identifier: Apache-2.0

/// A number of bytes, never negative, at most 2^62.
package struct ByteCount: Sendable, Hashable, Comparable {
    /// The largest count that can be written in a scenario: 4 EiB.
    package static let bytesMax = 1 << 62

    /// The count in bytes.
    package let bytes: Int

    /// Wraps a count that is known to be within `0...bytesMax`.
    package init(bytes: Int) {
        precondition(bytes >= 0 && bytes <= Self.bytesMax, "a byte count lies within 0 and 2^62")
        self.bytes = bytes
    }

    package static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }
}

/// A data rate, never negative, kept in bits per second so that `25Gbps` and `3GB/s` are both exact.
package struct Bandwidth: Sendable, Hashable, Comparable {
    /// The largest rate that can be written: 1 Ebps.
    package static let bitsPerSecondMax = 1_000_000_000_000_000_000

    /// The rate in bits per second.
    package let bitsPerSecond: Int

    /// Wraps a rate that is known to be within `0...bitsPerSecondMax`.
    package init(bitsPerSecond: Int) {
        precondition(
            bitsPerSecond >= 0 && bitsPerSecond <= Self.bitsPerSecondMax,
            "a bandwidth lies within 0 and 1 Ebps"
        )
        self.bitsPerSecond = bitsPerSecond
    }

    /// The rate in bytes per second.
    package var bytesPerSecond: Double { Double(bitsPerSecond) / 8 }

    package static func < (left: Self, right: Self) -> Bool {
        left.bitsPerSecond < right.bitsPerSecond
    }
}

/// A number of events in each period, such as `2/4m`: two every four minutes.
package struct EventRate: Sendable, Hashable {
    /// How many events one period allows, at least 1.
    package let count: Int
    /// The length of a period, longer than zero.
    package let period: Duration

    /// Makes a rate of `count` events in each `period`.
    package init(count: Int, period: Duration) {
        precondition(count >= 1 && period > .zero, "an event rate needs a count and a period")
        self.count = count
        self.period = period
    }

    /// The mean number of events in a second.
    package var perSecond: Double { Double(count) / period.secondsValue }
}

/// An amount of money in millionths of the scenario's currency, never negative.
package struct Money: Sendable, Hashable, Comparable {
    /// The largest amount that can be written: a million million.
    package static let microsMax = 1_000_000_000_000_000_000

    /// The amount in millionths of a unit of currency.
    package let micros: Int

    /// Wraps an amount that is known to be within `0...microsMax`.
    package init(micros: Int) {
        precondition(micros >= 0 && micros <= Self.microsMax, "an amount of money is in range")
        self.micros = micros
    }

    package static func < (left: Self, right: Self) -> Bool { left.micros < right.micros }
}

extension Duration {
    /// The longest duration that a scenario may name: 100 years of 365 days.
    package static let scenarioMax = Duration.seconds(100 * 365 * 86_400)

    /// The duration in seconds, rounded to a `Double`.
    package var secondsValue: Double {
        let parts = components
        return Double(parts.seconds) + Double(parts.attoseconds) / 1e18
    }

    /// The duration in whole nanoseconds, rounded towards zero; exact for all that a scenario names.
    package var nanosecondsValue: Int {
        let parts = components
        return Int(parts.seconds) * 1_000_000_000 + Int(parts.attoseconds / 1_000_000_000)
    }
}

// A quantity is described in the form in which it can be read back, exactly.

extension ByteCount: CustomStringConvertible {
    package var description: String {
        guard bytes > 0 else { return "0B" }
        for unit in QuantityUnit.sizes.reversed() where bytes.isMultiple(of: unit.scale) {
            return "\(bytes / unit.scale)\(unit.symbol)"
        }
        return "\(bytes)B"
    }
}

extension Bandwidth: CustomStringConvertible {
    package var description: String {
        guard bitsPerSecond > 0 else { return "0bps" }
        for unit in QuantityUnit.bitRates.reversed() where bitsPerSecond.isMultiple(of: unit.scale) {
            return "\(bitsPerSecond / unit.scale)\(unit.symbol)"
        }
        return "\(bitsPerSecond)bps"
    }
}

extension EventRate: CustomStringConvertible {
    package var description: String { "\(count)/\(period.scenarioText)" }
}

extension Money: CustomStringConvertible {
    package var description: String {
        let whole = micros / 1_000_000
        let rest = micros % 1_000_000
        guard rest > 0 else { return "\(whole)" }
        var digits = String(rest)
        digits = String(repeating: "0", count: 6 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(whole).\(digits)"
    }
}

extension Duration {
    /// The duration as a scenario writes it, such as `5h45m`; exact to the nanosecond.
    package var scenarioText: String {
        var rest = nanosecondsValue
        guard rest > 0 else { return "0s" }
        var text = ""
        for unit in QuantityUnit.times.reversed() where rest >= unit.scale {
            text += "\(rest / unit.scale)\(unit.symbol)"
            rest %= unit.scale
        }
        return text
    }
}

/// A unit symbol and how many base units it stands for.
package struct QuantityUnit: Sendable, Hashable {
    package let symbol: String
    package let scale: Int

    init(_ symbol: String, _ scale: Int) {
        self.symbol = symbol
        self.scale = scale
    }

    /// Sizes in bytes, from small to large.
    package static let sizes: [QuantityUnit] = [
        QuantityUnit("B", 1),
        QuantityUnit("KB", 1000), QuantityUnit("KiB", 1 << 10),
        QuantityUnit("MB", 1_000_000), QuantityUnit("MiB", 1 << 20),
        QuantityUnit("GB", 1_000_000_000), QuantityUnit("GiB", 1 << 30),
        QuantityUnit("TB", 1_000_000_000_000), QuantityUnit("TiB", 1 << 40),
        QuantityUnit("PB", 1_000_000_000_000_000), QuantityUnit("PiB", 1 << 50),
        QuantityUnit("EB", 1_000_000_000_000_000_000), QuantityUnit("EiB", 1 << 60),
    ]

    /// Data rates in bits per second that are described in bits, from small to large.
    package static let bitRates: [QuantityUnit] = [
        QuantityUnit("bps", 1), QuantityUnit("Kbps", 1000), QuantityUnit("Mbps", 1_000_000),
        QuantityUnit("Gbps", 1_000_000_000), QuantityUnit("Tbps", 1_000_000_000_000),
    ]

    /// Data rates in bits per second that are written in bytes.
    package static let byteRates: [QuantityUnit] =
        sizes.filter { $0.scale <= 1 << 50 }.map { QuantityUnit("\($0.symbol)/s", $0.scale * 8) }

    /// Times in nanoseconds, from small to large.
    package static let times: [QuantityUnit] = [
        QuantityUnit("ns", 1), QuantityUnit("us", 1000), QuantityUnit("ms", 1_000_000),
        QuantityUnit("s", 1_000_000_000), QuantityUnit("m", 60_000_000_000),
        QuantityUnit("h", 3_600_000_000_000), QuantityUnit("d", 86_400_000_000_000),
    ]
}
