// SPDX-License-Identifier: Apache-2.0
package import Chain

/// What happens to a sector.
package enum SectorEvent: Sendable, Hashable, Codable {
    /// It begins, or its keeper was restarted: do again what the state asks for.
    case resume
    /// A pause after a failure is over.
    case retryDue
    case reserved(store: String, host: String)
    case storeLost(store: String)
    /// Its files lie at another store now.
    case moved(store: String, host: String)

    // Tasks.
    /// A slot is taken for the task, which begins when it is told what to do.
    case granted(TaskID)
    case finished(TaskID, TaskResult)

    // The chain.
    /// A ticket, and the chain's head at that moment.
    case ticket([UInt8], epoch: Int64, head: Int64)
    /// The chain has the message that carries the sector, or its proof, update or termination.
    case messageSent(String)
    case preCommitted(epoch: Int64)
    case seed([UInt8], epoch: Int64)
    case proven(epoch: Int64)
    case refused(ChainRefusal)
    /// The ticket cannot reach the chain in time any more.
    case ticketExpired(String)
    /// A deal begins before the sector can be active.
    case dealsExpired(String)
    /// What the chain knows of the sector.
    // Behind a reference, as all that is large: every event is as large as the largest.
    indirect case standing(ChainStanding)
    /// An epoch that was waited for has come.
    case epochReached(Int64)
    case updateLanded(epoch: Int64)
    /// The sector's deadline is open or next: it cannot be changed before `until`.
    case deadlineImmutable(until: Int64)
    case terminated(epoch: Int64)

    // Deals and operators.
    indirect case addPiece(PieceDeal)
    case startPacking
    case dealIDsInvalid(String)
    /// The deals under their new identifiers; `nil` where there are none any more.
    case dealsResolved([PieceDeal]?)
    case markForUpdate
    case startUpdate
    case abortUpgrade(String)
    case terminate
    case remove(String)
    /// An operator's word. What runs is cancelled, unless `adopts` says that it goes on as the work of the
    /// new state.
    case forceState(SectorState, adopts: Bool)

    // Proofs of spacetime.
    case faultFound(String)
    case faultDeclared(epoch: Int64)
    case recovered
    /// The chain gave the sector up after too many faulty days.
    case faultExpired
}

/// The kinds of events, by which the table of transitions names them.
///
/// The end of a task is four kinds, since what failed decides how far a sector goes back.
package enum SectorEventKind: String, Sendable, Hashable, Codable, CaseIterable {
    case resume, retryDue, reserved, storeLost, moved, granted
    /// The task is done.
    case taskDone
    /// The computation failed, or the request was wrong.
    case taskFailed
    /// The worker, its host or its network was lost: says nothing about the data.
    case workerLost
    /// The task found files lost or damaged.
    case filesLost
    case ticket, messageSent, preCommitted, seed, proven, refused, ticketExpired, dealsExpired, standing
    case epochReached, updateLanded, deadlineImmutable, terminated
    case addPiece, startPacking, dealIDsInvalid, dealsResolved, markForUpdate, startUpdate, abortUpgrade
    case terminate, remove, forceState
    case faultFound, faultDeclared, recovered, faultExpired

    /// The place in `allCases`; sizes tables.
    // Safety: without payloads the tag of a value is one byte that counts the cases as they are declared; a
    // test compares it with `allCases`. A table would be searched by the names, and this is asked often.
    package var position: Int { Int(unsafeBitCast(self, to: UInt8.self)) }

    /// Hashes the place; the default would hash the name.
    package func hash(into hasher: inout Hasher) { hasher.combine(position) }
}

extension SectorEvent {
    /// The kind of the event.
    package var kind: SectorEventKind {
        switch self {
        case .resume: .resume
        case .retryDue: .retryDue
        case .reserved: .reserved
        case .storeLost: .storeLost
        case .moved: .moved
        case .granted: .granted
        case .finished(_, .done): .taskDone
        case .finished(_, .failed(let failure)):
            switch failure.cause {
            case .infrastructureLost, .aborted: .workerLost
            case .filesLost: .filesLost
            case .computeFailed, .invalidRequest, .noSpace: .taskFailed
            }
        case .ticket: .ticket
        case .messageSent: .messageSent
        case .preCommitted: .preCommitted
        case .seed: .seed
        case .proven: .proven
        case .refused: .refused
        case .ticketExpired: .ticketExpired
        case .dealsExpired: .dealsExpired
        case .standing: .standing
        case .epochReached: .epochReached
        case .updateLanded: .updateLanded
        case .deadlineImmutable: .deadlineImmutable
        case .terminated: .terminated
        case .addPiece: .addPiece
        case .startPacking: .startPacking
        case .dealIDsInvalid: .dealIDsInvalid
        case .dealsResolved: .dealsResolved
        case .markForUpdate: .markForUpdate
        case .startUpdate: .startUpdate
        case .abortUpgrade: .abortUpgrade
        case .terminate: .terminate
        case .remove: .remove
        case .forceState: .forceState
        case .faultFound: .faultFound
        case .faultDeclared: .faultDeclared
        case .recovered: .recovered
        case .faultExpired: .faultExpired
        }
    }
}

/// What a sector wants done.
package enum SectorAction: Sendable, Hashable {
    case reserve
    /// The sector lies at this store already; its room is taken again.
    case claim(store: String)
    case releaseStore
    case submit(TaskRequest)
    /// The slot that was granted is to be used for this.
    case supply(TaskRequest)
    case cancel(TaskID)
    /// Be told again after a pause.
    case retry(after: Duration)

    case askTicket
    case askSeed
    /// Ask what the chain knows of the sector.
    case askStanding
    /// Be told when the chain has reached an epoch.
    case waitForEpoch(Int64)
    /// Put the sector into the next message of its kind. `mayBeSent` says that it may be on the chain
    /// already, which is to be found out first.
    case sendPreCommit(mayBeSent: Bool)
    case sendProof(mayBeSent: Bool)
    case sendTermination
    /// Take the sector out of the messages that are being gathered.
    case withdraw
    case sendUpdate
    /// The sector does not hold this piece; another may.
    case returnPiece(WaitingPiece)
    /// Find the deals' identifiers anew.
    case resolveDeals

    /// It is one of those that give a piece back.
    var returnsPiece: Bool {
        if case .returnPiece = self { true } else { false }
    }
}
