// SPDX-License-Identifier: Apache-2.0
internal import Chain

/// From the first piece to Proving.
extension SectorStateMachine {
    // MARK: Filling

    /// What the states that fill the sector, or its update, ask for.
    mutating func fill(_ state: SectorState, repeats: Bool) -> [SectorAction] {
        if state == .waitDeals || state == .snapDealsWaitDeals { return [] }
        guard (state.isUpdating ? record.update?.store : record.store) != nil else { return [.reserve] }
        switch state {
        case .receiveSector: return submit(.download(from: record.sources), repeats: repeats)
        case .packing where record.pieces.isEmpty:
            return submit(.addPiece(payloadPath: record.payloadPath), repeats: repeats)
        default:
            let fills = state == .packing || state == .snapDealsPacking
            let pieces = record.pieces + (fills ? [] : [record.pendingPiece].compactMap(\.self))
            return submit(
                .addPieces(pieces, fills: fills, isUpdate: state.isUpdating), repeats: repeats)
        }
    }

    mutating func reserved(_ store: String, _ host: String) -> [SectorAction] {
        if record.state.isUpdating {
            guard record.update?.store == nil else { return [] }
            record.update?.store = store
            record.update?.host = host
        } else {
            guard record.store == nil else { return [] }
            record.store = store
            record.host = host
        }
        return fill(record.state, repeats: false)
    }

    /// The scheduler has had the files brought to another host.
    mutating func moved(_ store: String, _ host: String) -> [SectorAction] {
        if record.update?.store != nil {
            record.update?.store = store
            record.update?.host = host
        } else if record.store != nil {
            record.store = store
            record.host = host
        }
        return []
    }

    mutating func addPiece(_ piece: PieceDeal) -> [SectorAction] {
        let used = PackingQueue.end(of: record.pieces.map(\.paddedBytes))
        guard PackingQueue.end(of: piece.paddedBytes, after: used) <= sectorBytes else { return [] }
        record.pendingPiece = piece
        return enter(record.state == .waitDeals ? .addPiece : .snapDealsAddPiece)
    }

    mutating func startPacking() -> [SectorAction] {
        switch record.state {
        case .waitDeals: return enter(.packing)
        case .snapDealsWaitDeals: return enterUpdatePacking()
        default:
            record.packsNext = true
            return []
        }
    }

    private mutating func enterUpdatePacking() -> [SectorAction] {
        // An update without data would be a new replica of nothing.
        record.pieces.isEmpty ? enter(.abortUpgrade) : enter(.snapDealsPacking)
    }

    private mutating func piecesWritten(_ commitment: [UInt8]) -> [SectorAction] {
        record.clear(.addPiece)
        switch record.state {
        case .packing:
            record.unsealedCommitment = commitment
            // A sector that the chain knows keeps its ticket, so that sealing it anew gives the same
            // replica.
            return enter(record.preCommitEpoch != nil && record.ticket != nil ? .preCommit1 : .getTicket)
        case .snapDealsPacking: return enter(.updateReplica)
        default:
            if let piece = record.pendingPiece { record.pieces.append(piece) }
            return pieceDecided()
        }
    }

    /// The piece that was being written is in, or was given back.
    mutating func pieceDecided() -> [SectorAction] {
        record.pendingPiece = nil
        let isFull = PackingQueue.end(of: record.pieces.map(\.paddedBytes)) >= sectorBytes
        let packs = record.packsNext || isFull
        record.packsNext = false
        if record.state.isUpdating { return packs ? enterUpdatePacking() : enter(.snapDealsWaitDeals) }
        return enter(packs ? .packing : .waitDeals)
    }

    // MARK: Tickets

    /// PreCommit1: held for a ticket, unless the chain has bound the sector to one.
    mutating func seal(repeats: Bool) -> [SectorAction] {
        var ticket = record.ticket ?? []
        if limits.bug == .sectorTakesSeedForTicket { ticket = record.seed ?? ticket }
        let isBound = record.preCommitEpoch != nil && !ticket.isEmpty
        return submit(.preCommit1(ticket: ticket), repeats: repeats, isHeld: !isBound)
    }

    /// The slot is there: only now is the ticket drawn, so that it does not age in a queue.
    mutating func granted(_ id: TaskID) -> [SectorAction] {
        guard id == current(.preCommit1) else { return [] }
        record.awaitsTicket = true
        return [.askTicket]
    }

    mutating func ticket(_ value: [UInt8], _ epoch: Int64, _ head: Int64) -> [SectorAction] {
        guard record.awaitsTicket else { return [] }
        record.awaitsTicket = false
        if let start = record.earliestDealStart, start <= head {
            return stops() + expireDeals("a deal began at epoch \(start), and it is \(head)")
        }
        if mayBePreCommitted, !isTicketGood(at: head) {
            return askBeforeNewTicket("the ticket would be too old before the sector could be pre-committed")
        }
        let old = record.ticketEpoch
        if record.ticket == nil || record.preCommitEpoch != nil || !isTicketGood(at: head) {
            if let old, record.ticket != nil, old != epoch {
                if record.preCommitEpoch == nil { _ = record.count(.ticketAge) }
                note =
                    "the ticket of epoch \(old) would be too old before the sector could be "
                    + "pre-committed; drawn anew at \(epoch)"
            }
            record.ticket = value
            record.ticketEpoch = epoch
        }
        record.state = .preCommit1
        record.lastError = nil
        return [.supply(request(.preCommit1(ticket: record.ticket ?? value)))]
    }

    /// Tells whether the record's ticket lasts until the pre-commitment can have landed: then what was
    /// labelled with it is of use.
    private func isTicketGood(at head: Int64) -> Bool {
        guard let epoch = record.ticketEpoch else { return false }
        let needed = limits.hints.preCommitEpochs(sectorBytes: sectorBytes, limits.network)
        return head + needed <= limits.network.preCommitDeadline(ticketEpoch: epoch)
    }

    mutating func ticketExpired(_ reason: String) -> [SectorAction] {
        if mayBePreCommitted {
            return askBeforeNewTicket(reason, next: record.state == .preCommit2 ? .preCommit2 : .waitSeed)
        }
        _ = record.count(.ticketAge)
        let actions = stops()
        forgetTicket()
        note = "PreCommit1 is done again: \(reason)"
        return actions + enter(.getTicket)
    }

    mutating func forgetTicket() {
        record.ticket = nil
        record.ticketEpoch = nil
        record.sealedCommitment = nil
        record.expiration = nil
        record.message = nil
    }

    // MARK: Tasks

    mutating func finished(_ id: TaskID, _ result: TaskResult) -> [SectorAction] {
        guard id == current(id.type), SectorTransitions.tasks(of: record.state).contains(id.type) else {
            return []
        }
        switch result {
        case .done(let outcome):
            guard outcome.fits(id.type) else {
                let reason = "\(id) ended with the result of another kind of task"
                return failed(id.type, TaskFailure(cause: .computeFailed, message: reason))
            }
            return done(outcome)
        case .failed(let failure): return failed(id.type, failure)
        }
    }

    private mutating func done(_ outcome: TaskOutcome) -> [SectorAction] {
        record.clear(.noSpace)
        switch outcome {
        case .addPiece(let commitment, _): return piecesWritten(commitment)
        case .preCommit1(let commitment):
            record.clear(.preCommit1)
            record.awaitsTicket = false
            if let known = record.unsealedCommitment, known != commitment {
                return damaged("PreCommit1 found other data than AddPiece wrote")
            }
            record.unsealedCommitment = commitment
            return enter(.preCommit2)
        case .preCommit2(let unsealed, let sealed): return replicated(unsealed, sealed)
        case .commit1(let form, let proof):
            record.proofForm = form
            record.proofBytes = proof
            return record.makesSNARK ? submit(.commit2) : proofReady()
        case .commit2(let form, let proof):
            record.proofForm = form
            record.proofBytes = proof
            return proofReady()
        case .finalize(let store): return finalized(store)
        case .replicaUpdate(let unsealed, let sealed): return replicaUpdated(unsealed, sealed)
        case .proveReplicaUpdate(let proof): return updateProven(proof)
        case .completed: return completed()
        case .windowPoSt: return []
        }
    }

    private mutating func replicated(_ unsealed: [UInt8], _ sealed: [UInt8]) -> [SectorAction] {
        record.clear(.preCommit2)
        record.clear(.files)
        record.unsealedCommitment = unsealed
        if record.preCommitEpoch != nil {
            guard record.sealedCommitment == sealed else {
                return giveUp("sealing anew gave another CommR than the chain knows")
            }
            return enter(record.provenEpoch != nil ? .finalizeSector : .waitSeed)
        }
        record.sealedCommitment = sealed
        return enter(.submitPreCommitBatch)
    }

    private mutating func proofReady() -> [SectorAction] {
        record.clear(.computeProof)
        record.clear(.commit2)
        record.clear(.remoteCommit)
        return enter(
            limits.finalizesEarly && !record.isFinalized ? .commitFinalize : .submitCommitAggregate)
    }

    /// Openings that are there already need only their SNARK.
    mutating func commit(repeats: Bool) -> [SectorAction] {
        guard let ticket = record.ticket, let seed = record.seed else { return enter(.waitSeed) }
        if record.makesSNARK, record.proofBytes != nil { return submit(.commit2, repeats: repeats) }
        return submit(.commit1(ticket: ticket, seed: seed), repeats: repeats)
    }

    mutating func finalize(repeats: Bool) -> [SectorAction] {
        guard record.isFinalized else {
            return submit(.finalize(keepsUnsealed: record.keepsUnsealed), repeats: repeats)
        }
        return record.state == .commitFinalize ? enter(.submitCommitAggregate) : enterProving()
    }

    private mutating func finalized(_ store: String) -> [SectorAction] {
        if record.state == .finalizeReplicaUpdate {
            record.clear(.finalizeUpdate)
            record.update?.store = store
            record.update?.host = nil
            return enter(.submitReplicaUpdate)
        }
        record.clear(.finalize)
        record.store = store
        record.host = nil
        record.isFinalized = true
        guard record.state == .commitFinalize else { return enterProving() }
        // The sealing store's room is free from here on: what early finalizing is for.
        return [.releaseStore] + enter(.submitCommitAggregate)
    }

    mutating func enterProving() -> [SectorAction] {
        let isOffered = limits.makesAvailable && record.pieces.isEmpty && record.payloadPath == nil
        record.isPaused = false
        return enter(isOffered ? .available : .proving)
    }

    // MARK: The chain

    mutating func messageSent(_ name: String) -> [SectorAction] {
        record.message = name
        switch record.state {
        case .submitPreCommitBatch: record.state = .preCommitBatchWait
        case .submitCommitAggregate: record.state = .commitAggregateWait
        case .submitReplicaUpdate: record.state = .replicaUpdateWait
        case .terminating: record.state = .terminateWait
        default: break
        }
        return []
    }

    mutating func preCommitted(_ epoch: Int64) -> [SectorAction] {
        record.preCommitEpoch = epoch
        record.message = nil
        record.clear(.preCommitMessage)
        record.clear(.ticketAge)
        return enter(.waitSeed)
    }

    mutating func seed(_ value: [UInt8], _ epoch: Int64) -> [SectorAction] {
        guard record.seed != value || record.state == .waitSeed else { return [] }
        let actions = record.state == .committing ? stops() : []
        if record.seed != nil, record.seed != value { record.proofBytes = nil }
        record.seed = value
        record.seedEpoch = epoch
        return actions + enter(.committing)
    }

    mutating func proven(_ epoch: Int64) -> [SectorAction] {
        record.provenEpoch = epoch
        record.proofBytes = nil
        record.message = nil
        record.clear(.commitMessage)
        return enterFinalize()
    }

    private mutating func enterFinalize() -> [SectorAction] {
        record.isFinalized ? enterProving() : enter(.finalizeSector)
    }

    mutating func refused(_ refusal: ChainRefusal) -> [SectorAction] {
        let reason = refusal.description
        if limits.bug == .sectorTakesRefusalForFinal, refusal.isForNow { return giveUp(reason) }
        switch record.state {
        case .getTicket, .preCommit1:
            guard record.awaitsTicket else { return [] }
            let actions = stops()
            // What the chain cannot do now it may do later; a spent number never comes back.
            if refusal.isForNow { return actions + fail(.ticket, reason, to: .getTicket, isEndless: true) }
            return actions + remove(reason)
        case .submitPreCommitBatch, .preCommitBatchWait, .waitSeed:
            record.returnState = refusal.isForNow ? .submitPreCommitBatch : .getTicket
            return fail(.preCommitMessage, reason, to: .preCommitFailed, isEndless: refusal.isForNow)
        case .submitCommitAggregate, .commitAggregateWait:
            record.returnState = refusal.isForNow ? .submitCommitAggregate : .committing
            return fail(.commitMessage, reason, to: .commitFailed, isEndless: refusal.isForNow)
        case .submitReplicaUpdate, .replicaUpdateWait: return updateRefused(refusal)
        default: return fail(.terminateMessage, reason, to: .terminateFailed, isEndless: true)
        }
    }

    /// What the chain really knows decides how a refused message is mended.
    mutating func stands(_ standing: ChainStanding) -> [SectorAction] {
        guard !record.isPaused else { return [] }
        if record.state == .getTicket { return standsBeforeNewTicket(standing) }
        if record.state == .terminateFailed { return standsForTermination(standing) }
        if let epoch = standing.provenEpoch {
            // Another fork may still undo it: the same proof hears of its landing when that is over.
            let isFinal = standing.head >= epoch + limits.network.messageConfidence
            if !isFinal, record.state == .commitFailed, record.proofBytes != nil {
                return enter(.submitCommitAggregate)
            }
            record.provenEpoch = epoch
            record.proofBytes = nil
            return enterFinalize()
        }
        if standing.isExpired {
            return remove("its pre-commitment expired before it was proven; the number is spent")
        }
        guard let epoch = standing.preCommitEpoch else { return standsUnknown(standing.head) }
        guard standing.sealedCommitment == record.sealedCommitment else {
            return giveUp("the chain knows this number with another CommR")
        }
        record.preCommitEpoch = epoch
        // No proof makes a deal that has begun active: another replica would be sealed for nothing.
        if let start = record.earliestDealStart, start <= standing.head {
            return expireDeals("a deal began at epoch \(start), and it is \(standing.head)")
        }
        guard record.state == .commitFailed else { return enter(.waitSeed) }
        if record.returnState == .submitCommitAggregate, record.proofBytes != nil {
            return enter(.submitCommitAggregate)
        }
        record.proofBytes = nil
        let count = record.failureCount(.commitMessage)
        if record.isFinalized {
            return startAnew("the proof was refused, and the layers that another needs are gone")
        }
        // A second proof that is refused puts the replica itself in doubt.
        return enter(count <= 1 ? .committing : .preCommit1)
    }

    private mutating func standsUnknown(_ head: Int64) -> [SectorAction] {
        record.preCommitEpoch = nil
        if let start = record.earliestDealStart, start <= head {
            return expireDeals("a deal began at epoch \(start), and it is \(head)")
        }
        let isStale =
            record.ticketEpoch.map { head >= limits.network.preCommitDeadline(ticketEpoch: $0) } ?? true
        // Sending once more is cheap and mends an expiration out of bounds; sealing anew is not.
        let isRefusedTwice = record.returnState == .getTicket && record.failureCount(.preCommitMessage) > 1
        if isStale || isRefusedTwice {
            let why = record.lastError ?? "the ticket is too old"
            if isStale { _ = record.count(.ticketAge) }
            forgetTicket()
            note = "sealed anew with a fresh ticket: \(why)"
            return enter(.getTicket)
        }
        record.expiration = nil
        return enter(.submitPreCommitBatch)
    }
}

extension TaskOutcome {
    /// Tells whether a task of that kind ends so.
    func fits(_ type: TaskType) -> Bool {
        switch (self, type) {
        case (.addPiece, .addPiece), (.preCommit1, .preCommit1), (.preCommit2, .preCommit2),
            (.commit1, .commit1), (.commit2, .commit2), (.finalize, .finalize),
            (.finalize, .finalizeReplicaUpdate), (.replicaUpdate, .replicaUpdate),
            (.proveReplicaUpdate, .proveReplicaUpdate), (.windowPoSt, .windowPoSt),
            (.completed, .releaseKey), (.completed, .remove), (.completed, .download):
            true
        default: false
        }
    }
}

extension ChainRefusal {
    /// The chain cannot take it in its present state, and may later.
    var isForNow: Bool { exitCode == 20 || exitCode == 19 }
}
