// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// Something that happened on the way to a deadline.
package struct PoStStep: Sendable, Hashable, Codable, CustomStringConvertible {
    package var at: Instant
    package var epoch: Int64
    package var what: String

    package init(at: Instant, epoch: Int64, what: String) {
        self.at = at
        self.epoch = epoch
        self.what = what
    }

    package var description: String { "epoch \(epoch), \(Int(at.seconds)) s: \(what)" }
}

/// How a deadline ended.
package struct DeadlineReport: Sendable, Hashable, Codable {
    package var times: DeadlineTimes
    /// Partitions that were to be proven.
    package var dueCount: Int
    /// Partitions whose proof is on the chain.
    package var provenCount: Int
    /// Indices of the partitions whose proof is not.
    package var missed: [Int]
    /// Sectors that could not be read and were left out.
    package var skipped: SectorNumbers
    package var steps: [PoStStep]
    /// Why partitions were missed, in words, with the time of each step; `nil` where none was.
    package var explanation: String?

    package init(
        times: DeadlineTimes, dueCount: Int, provenCount: Int, missed: [Int], skipped: SectorNumbers,
        steps: [PoStStep], explanation: String?
    ) {
        self.times = times
        self.dueCount = dueCount
        self.provenCount = provenCount
        self.missed = missed
        self.skipped = skipped
        self.steps = steps
        self.explanation = explanation
    }
}

/// What is known of the health of a deadline's sectors, for the keepers of those whose state it changes.
package struct SectorFaults: Sendable, Hashable, Codable {
    package var live: SectorNumbers
    /// Faulty on the chain.
    package var faulty: SectorNumbers
    /// Could not be read lately, whether the chain knows it or not.
    package var unreadable: SectorNumbers
    /// Given up by the chain.
    package var expired: SectorNumbers
    /// Gone from the chain because their time was over.
    package var ended: SectorNumbers
    package var epoch: Int64

    package init(
        live: SectorNumbers, faulty: SectorNumbers, unreadable: SectorNumbers, expired: SectorNumbers,
        ended: SectorNumbers, epoch: Int64
    ) {
        self.live = live
        self.faulty = faulty
        self.unreadable = unreadable
        self.expired = expired
        self.ended = ended
        self.epoch = epoch
    }
}

/// Sees how deadlines end: a simulation's statistics, a daemon's alerts.
package protocol PoStObserver: Sendable {
    func deadlineClosed(_ report: DeadlineReport, at now: Instant)
}

/// What a prover wants done.
package enum PoStAction: Sendable, Hashable {
    case askProving
    case askDeadline(Int)
    /// What the chain has as the CommR of sectors.
    case askSectors(SectorNumbers)
    case submit(TaskRequest)
    case cancel(TaskID)
    case send(WindowPoStSubmission)
    case declare(FaultDeclaration)
    case tellSectors(SectorFaults)
    /// The proofs of the day ahead that nobody was asked for yet, where they are others than last told.
    case tellAhead([ProofsAhead])
    case report(DeadlineReport)
    /// Something that an operator must see to before the deadline closes.
    case warn(String)
}
