// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// Counts durations in buckets whose width grows with the value: fixed size, quantiles within 0.1 %.
///
/// Values are whole microseconds. Those below 1024 have a bucket each; above, every doubling is cut
/// into 1024 buckets.
package struct DurationHistogram: Sendable, Hashable {
    private static let subBits = 10
    /// Saturating.
    private var counts: [UInt32] = []
    /// Durations counted.
    package private(set) var count = 0
    private var sumSeconds = 0.0

    package init() {}

    /// Counts one duration; a negative one as zero.
    package mutating func add(nanoseconds: Int64) {
        let index = Self.index(UInt64(max(0, nanoseconds) / 1_000))
        // Grows to the longest duration seen, at most 56,320 buckets.
        if index >= counts.count { counts += Array(repeating: 0, count: index + 1 - counts.count) }
        if counts[index] < .max { counts[index] += 1 }
        count += 1
        sumSeconds += Double(nanoseconds) / 1e9
    }

    /// The mean in seconds; `nil` where nothing was counted.
    package var meanSeconds: Double? { count > 0 ? sumSeconds / Double(count) : nil }

    /// The duration in seconds that a share of all does not exceed: its bucket's middle; `nil`
    /// where nothing was counted.
    package func quantile(_ share: Double) -> Double? {
        guard count > 0 else { return nil }
        let wanted = max(1, Int((share * Double(count)).rounded(.up)))
        var seen = 0
        for (index, bucket) in counts.enumerated() {
            seen += Int(bucket)
            if seen >= wanted { return Self.middle(index) / 1e6 }
        }
        return nil
    }

    private static func index(_ value: UInt64) -> Int {
        let bits = UInt64.bitWidth - value.leadingZeroBitCount
        guard bits > subBits else { return Int(value) }
        let shift = bits - subBits - 1
        return (shift + 1) << subBits + Int(value >> UInt64(shift)) - 1 << subBits
    }

    private static func middle(_ index: Int) -> Double {
        guard index >= 1 << subBits else { return Double(index) }
        let shift = index >> subBits - 1
        let low = UInt64(index & (1 << subBits - 1) | 1 << subBits) << UInt64(shift)
        return Double(low) + Double((UInt64(1) << UInt64(shift)) - 1) / 2
    }
}
