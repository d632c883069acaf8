// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel

/// What real proofs are about: the CommR of every sector, which the chain is asked for. A worker that took
/// them from the files would prove damaged files to be what they are.
extension PoStRun {
    /// The chain says what it knows of sectors.
    mutating func standings(_ standings: [ChainStanding]) {
        for standing in standings where standing.key.miner == options.miner {
            sealed[standing.key.number] = standing.sealedCommitment ?? []
        }
        sealedQuietUntil = nil
    }

    /// Modelled sectors have none.
    func isSealedKnown(_ sectors: SectorNumbers) -> Bool {
        options.form == .modelled || sectors.numbers.allSatisfy { sealed[$0] != nil }
    }

    func commitments(of sectors: SectorNumbers) -> [[UInt8]] {
        options.form == .modelled ? [] : sectors.numbers.map { sealed[$0] ?? [] }
    }

    /// Asks for what is not known of the sectors, unless that was asked a moment ago.
    mutating func askSealed(_ wanted: [SectorNumbers], _ now: Instant, _ clock: EpochClock) -> [PoStAction] {
        guard options.form != .modelled else { return [] }
        if let sealedQuietUntil, now < sealedQuietUntil { return [] }
        let missing = SectorNumbers(wanted.flatMap(\.numbers).filter { sealed[$0] == nil })
        guard !missing.isEmpty else { return [] }
        sealedQuietUntil = now + clock.duration * Int(options.askAgain)
        return [.askSectors(missing)]
    }

    /// The first reasons why sectors cannot be read, for a line of text.
    func why(_ reasons: [String]) -> String {
        guard let first = reasons.first else { return "" }
        return ": \(first)" + (reasons.count > 1 ? " (and \(reasons.count - 1) more)" : "")
    }
}
