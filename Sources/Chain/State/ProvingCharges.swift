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
    /// How the proofs of each deadline of the day ended, over all periods, by its index.
    package private(set) var outcomes: [Int: Outcome] = [:]
    /// Sectors that were left out of proofs that landed, summed over all of these.
    package private(set) var skippedCount = 0

    /// How proofs ended, in partitions.
    package struct Outcome: Sendable, Hashable {
        /// There was something to prove.
        package var due = 0
        /// Their proofs landed in time.
        package var proven = 0

        /// Their proofs did not land.
        package var missed: Int { due - proven }
    }

    package init() {}

    /// A deadline ends.
    mutating func ended(faulty: Int, live: Int, proven: Int) {
        if faulty > 0 { faultyEnds[faulty, default: 0] += 1 }
        if live > 0 { liveEnds[live, default: 0] += 1 }
        provenEnds += proven
    }

    /// The partitions of a deadline were proven or not.
    mutating func closed(_ index: Int, due: Int, proven: Int) {
        guard due > 0 else { return }
        outcomes[index, default: Outcome()].due += due
        outcomes[index, default: Outcome()].proven += proven
    }

    /// Proofs landed that left sectors out.
    mutating func skipped(_ count: Int) { skippedCount += count }

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
        skippedCount += other.skippedCount
        for (index, outcome) in other.outcomes { closed(index, due: outcome.due, proven: outcome.proven) }
    }
}
