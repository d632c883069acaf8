// SPDX-License-Identifier: Apache-2.0
internal import Chain

/// A ticket that is too old, and with which a CommR was made: the chain may have that CommR, or get it yet
/// from a message that is on its way. A number that it knows with one CommR never takes another, so it is
/// asked before another ticket is drawn.
extension SectorStateMachine {
    /// A CommR was made with the ticket, and the chain was not heard to know it.
    var mayBePreCommitted: Bool {
        record.ticket != nil && record.sealedCommitment != nil && record.preCommitEpoch == nil
    }

    /// Gives up what was asked for, and asks.
    ///
    /// - Parameter next: where to go on if the chain knows the CommR; PreCommit1 where the layers are gone.
    mutating func askBeforeNewTicket(_ reason: String, next: SectorState? = nil) -> [SectorAction] {
        let actions = stops()
        record.state = .getTicket
        record.returnState = next
        record.awaitsTicket = false
        record.isPaused = false
        note = "the chain is asked for its CommR before another ticket is drawn: \(reason)"
        return actions + [.askStanding]
    }

    /// The chain's word.
    mutating func standsBeforeNewTicket(_ standing: ChainStanding) -> [SectorAction] {
        guard mayBePreCommitted, let ticketEpoch = record.ticketEpoch else { return [] }
        if standing.isExpired {
            return stops() + remove("its pre-commitment expired before it was proven; the number is spent")
        }
        if let epoch = standing.preCommitEpoch ?? standing.provenEpoch {
            guard standing.sealedCommitment == record.sealedCommitment else {
                return stops() + giveUp("the chain knows this number with another CommR")
            }
            let actions = stops()
            let steps: Set<SectorState> = [.preCommit2, .waitSeed]
            let next = record.returnState.flatMap { steps.contains($0) ? $0 : nil } ?? .preCommit1
            record.returnState = nil
            record.preCommitEpoch = epoch
            note = "its pre-commitment landed at epoch \(epoch): the old ticket holds"
            return actions + enter(next)
        }
        // Until then what was sent may land.
        let last = limits.network.preCommitDeadline(ticketEpoch: ticketEpoch)
        guard standing.head >= last else { return [.waitForEpoch(last)] }
        _ = record.count(.ticketAge)
        let actions = stops()
        record.returnState = nil
        forgetTicket()
        note = "drawn anew: the ticket of epoch \(ticketEpoch) could be pre-committed until \(last)"
        return actions + enter(.getTicket)
    }
}
