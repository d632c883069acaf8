// SPDX-License-Identifier: Apache-2.0

/// A point in a world's time: nanoseconds since the world began.
///
/// A simulated world begins at zero on its virtual clock; a live world begins when it was made, on the
/// machine's monotonic clock. Instants of different worlds must not be compared.
public struct Instant: Hashable, Comparable, Sendable, Codable, InstantProtocol {
    /// Nanoseconds since the beginning of the world; 292 years fit.
    public let nanoseconds: Int64

    /// The beginning of the world.
    public static let zero = Instant(nanoseconds: 0)

    /// The end of representable time; "never" for a schedule.
    public static let distantFuture = Instant(nanoseconds: .max)

    /// Makes an instant that lies `nanoseconds` after the beginning of the world.
    @inlinable
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Makes the instant nearest to `seconds` after the beginning of the world; saturates at the ends.
    @inlinable
    public init(seconds: Double) {
        let scaled = (seconds * 1e9).rounded()
        nanoseconds = scaled >= 0x1p63 ? .max : (scaled <= -0x1p63 ? .min : Int64(scaled))
    }

    /// Seconds since the beginning of the world.
    @inlinable public var seconds: Double { Double(nanoseconds) / 1e9 }

    /// The instant that lies `duration` later; saturates at the end of time.
    @inlinable
    public func advanced(by duration: Duration) -> Instant {
        advanced(byNanoseconds: duration.nanoseconds)
    }

    /// The instant that lies `count` nanoseconds later; saturates at the ends of time.
    @inlinable
    public func advanced(byNanoseconds count: Int64) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(count)
        return Instant(nanoseconds: overflow ? (count > 0 ? .max : .min) : sum)
    }

    /// The time from this instant to `other`.
    @inlinable
    public func duration(to other: Instant) -> Duration {
        .nanoseconds(other.nanoseconds) - .nanoseconds(nanoseconds)
    }

    /// Tells whether `lhs` comes before `rhs`.
    @inlinable
    public static func < (lhs: Instant, rhs: Instant) -> Bool { lhs.nanoseconds < rhs.nanoseconds }

    /// The instant that lies `rhs` after `lhs`.
    @inlinable
    public static func + (lhs: Instant, rhs: Duration) -> Instant { lhs.advanced(by: rhs) }

    /// The time from `rhs` to `lhs`.
    @inlinable
    public static func - (lhs: Instant, rhs: Instant) -> Duration { rhs.duration(to: lhs) }
}

extension Duration {
    /// The whole nanoseconds of this duration, rounded toward zero; saturates at 292 years.
    @inlinable public var nanoseconds: Int64 {
        let isNegative = attoseconds < 0
        guard let whole = magnitude(in: 1_000_000_000)?.whole else { return isNegative ? .min : .max }
        if whole > UInt64(Int64.max) { return isNegative ? .min : .max }
        return isNegative ? -Int64(whole) : Int64(whole)
    }

    /// This duration in seconds.
    @inlinable public var inSeconds: Double {
        guard let (seconds, rest) = magnitude(in: 1_000_000_000_000_000_000) else {
            let (seconds, attoseconds) = components
            return Double(seconds) + Double(attoseconds) / 1e18
        }
        let magnitude = Double(seconds) + Double(rest) / 1e18
        return attoseconds < 0 ? -magnitude : magnitude
    }

    /// The magnitude in units of so many attoseconds, and what is left; `nil` beyond 64 bits.
    ///
    /// One division of machine words: ``components`` goes through 128 bits, at every use of an instant.
    @inlinable
    func magnitude(in unit: UInt64) -> (whole: UInt64, rest: UInt64)? {
        let attoseconds = attoseconds.magnitude
        let high = UInt64(truncatingIfNeeded: attoseconds >> 64)
        guard high < unit else { return nil }
        let (whole, rest) = unit.dividingFullWidth((high, UInt64(truncatingIfNeeded: attoseconds)))
        return (whole, rest)
    }
}
