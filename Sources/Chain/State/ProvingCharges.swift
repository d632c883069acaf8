// SPDX-License-Identifier: Apache-2.0

/// What happened at the ends of deadlines and to sectors that ended early, as counts: what the network's
/// money formulas are applied to. Kept as tables of how often each count came, so that it hardly grows with
/// time.
package struct ProvingCharges: Sendable, Hashable {
    /// Ages beyond this change no fee of a termination: 140 days.
    package static let ageEpochsMax: Int64 = 140 * 2880

    /// Faulty sectors of a deadline at its end, those left out that missed their proof just now: how often.
    package private(set) var faultyEnds: [Int: Int] = [:]
    /// Live sectors of a deadline at its end: how often.
    package private(set) var liveEnds: [Int: Int] = [:]
    /// Sectors with power, summed over all ends of deadlines.
    package private(set) var provenEnds = 0
    /// Sectors that ended early, by their age in epochs, at most ``ageEpochsMax``.
    package private(set) var terminations: [Int64: Int] = [:]
    /// Sectors whose time was over; they cost nothing.
    package private(set) var keptToTheEnd = 0

    package init() {}

    /// A deadline ends.
    mutating func ended(faulty: Int, live: Int, proven: Int) {
        if faulty > 0 { faultyEnds[faulty, default: 0] += 1 }
        if live > 0 { liveEnds[live, default: 0] += 1 }
        provenEnds += proven
    }

    /// A sector ends early.
    ///
    /// - Parameter activation: the epoch of its proof; `nil` where it was proven before the chain began.
    mutating func terminated(activation: Int64?, at epoch: Int64) {
        let age = activation.map { min(max(0, epoch - $0), Self.ageEpochsMax) } ?? Self.ageEpochsMax
        terminations[age, default: 0] += 1
    }

    /// Sectors leave because their time is over.
    mutating func kept(_ count: Int) { keptToTheEnd += count }

    mutating func add(_ other: ProvingCharges) {
        faultyEnds.merge(other.faultyEnds, uniquingKeysWith: +)
        liveEnds.merge(other.liveEnds, uniquingKeysWith: +)
        provenEnds += other.provenEnds
        keptToTheEnd += other.keptToTheEnd
        terminations.merge(other.terminations, uniquingKeysWith: +)
    }
}
