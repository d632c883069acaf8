// SPDX-License-Identifier: Apache-2.0
private import Chain
package import Kernel

/// What messages are gathered.
package enum BatchKind: String, Sendable, Hashable, Codable, CaseIterable {
    case preCommit = "pre-commit"
    case commit
    case terminate

    /// Gas that one sector of such a message takes.
    package var gas: UInt64 {
        switch self {
        case .preCommit: ChainBatch.Gas.preCommit
        case .commit: ChainBatch.Gas.proveCommit
        case .terminate: ChainBatch.Gas.terminate
        }
    }
}

/// When a message for many sectors leaves.
package struct BatchPolicy: Sendable, Hashable, Codable {
    /// Fewer than this leave only when their time is up.
    package var countMin: Int
    /// The most sectors of one message; 1 sends each alone and at once.
    package var countMax: Int
    /// How long the first sector waits for company, counted from its arrival and never again from a later
    /// one's.
    package var wait: Duration
    /// A message leaves this long before the earliest cutoff of its sectors.
    package var slack: Duration
    /// Up to this base fee, attoFIL for a unit of gas, a message is not worth waiting for more sectors; `nil`
    /// where the fee decides nothing.
    package var baseFeeThreshold: UInt64?
    /// The most that a message may cost: this, and so much for each of its sectors, attoFIL; `nil` for no
    /// limit.
    package var feeBase: UInt64
    package var feePerSector: UInt64?
    /// How often the base fee is looked at while sectors wait for a lower one.
    package var feeInterval: Duration

    package init(
        countMin: Int = 1, countMax: Int = 1, wait: Duration = .zero, slack: Duration = .zero,
        baseFeeThreshold: UInt64? = nil, feeBase: UInt64 = 0, feePerSector: UInt64? = nil,
        feeInterval: Duration = .seconds(600)
    ) {
        self.countMin = countMin
        self.countMax = max(1, countMax)
        self.wait = wait
        self.slack = slack
        self.baseFeeThreshold = baseFeeThreshold
        self.feeBase = feeBase
        self.feePerSector = feePerSector
        self.feeInterval = feeInterval
    }

    /// The most that a message of `count` sectors may cost, attoFIL.
    package func feeMax(_ count: Int) -> UInt64? {
        guard let feePerSector else { return feeBase > 0 ? feeBase : nil }
        let (part, overflow) = feePerSector.multipliedReportingOverflow(by: UInt64(count))
        let (sum, carry) = part.addingReportingOverflow(feeBase)
        return overflow || carry ? .max : sum
    }

    /// The field's own numbers for a kind of message.
    package static func usual(_ kind: BatchKind) -> BatchPolicy {
        switch kind {
        case .preCommit:
            BatchPolicy(
                countMax: 256, wait: .seconds(24 * 3600), slack: .seconds(3 * 3600),
                baseFeeThreshold: 320_000_000, feePerSector: 20_000_000_000_000_000)
        case .commit:
            BatchPolicy(
                countMin: 4, countMax: 819, wait: .seconds(24 * 3600), slack: .seconds(3600),
                baseFeeThreshold: 320_000_000, feePerSector: 30_000_000_000_000_000)
        case .terminate:
            BatchPolicy(countMax: 100, wait: .seconds(300), feeBase: 500_000_000_000_000_000)
        }
    }
}

/// The recent base fees, and what may be hoped for: as simple as can be explained to who pays.
///
/// Fees come in waves of a day. The lowest quarter of what was seen within the last day will be seen again
/// within
/// a day; so a fee in that quarter is as good as waiting gets, and a higher one is worth waiting for as
/// long as
/// there is time.
package struct FeeForecast: Sendable, Hashable {
    /// How far back it looks.
    package static let span: Duration = .seconds(24 * 3600)
    private static let countMax = 1_000

    private var seen: [(at: Instant, fee: UInt64)] = []

    package init() {}

    /// The latest fee.
    package var latest: UInt64? { seen.last?.fee }

    /// Tells whether the latest fee was seen within that time.
    package func isFresh(at now: Instant, within time: Duration) -> Bool {
        seen.last.map { now < $0.at + time } ?? false
    }

    package mutating func note(_ fee: UInt64, at now: Instant) {
        seen.append((now, fee))
        seen.removeAll { $0.at + Self.span < now }
        if seen.count > Self.countMax { seen.removeFirst(seen.count - Self.countMax) }
    }

    /// The fee below which a quarter of the last day lay.
    package var lowQuarter: UInt64? {
        let sorted = seen.map(\.fee).sorted()
        return sorted.isEmpty ? nil : sorted[(sorted.count - 1) / 4]
    }

    /// Tells whether waiting may give a lower fee.
    package var isWorthWaiting: Bool {
        guard let latest, let lowQuarter else { return false }
        return latest > lowQuarter
    }

    package static func == (lhs: FeeForecast, rhs: FeeForecast) -> Bool {
        lhs.seen.map(\.at) == rhs.seen.map(\.at) && lhs.seen.map(\.fee) == rhs.seen.map(\.fee)
    }

    package func hash(into hasher: inout Hasher) { for entry in seen { hasher.combine(entry.fee) } }
}
