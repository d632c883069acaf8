// SPDX-License-Identifier: Apache-2.0
internal import Chain

/// What failed, and where it leads.
extension SectorStateMachine {
    // MARK: Tasks

    mutating func failed(_ type: TaskType, _ failure: TaskFailure) -> [SectorAction] {
        let reason = failure.description
        switch failure.cause {
        case .infrastructureLost, .aborted:
            // Says nothing about the data: the same step again, where a slot is free.
            note = reason
            if limits.bug == .sectorGivesUpWithWorker { return giveUp(reason) }
            record.lastError = reason
            return again()
        case .filesLost: return limits.bug == .sectorIgnoresLostFiles ? again() : filesLost(failure.message)
        case .noSpace: return outOfRoom(reason)
        case .invalidRequest, .computeFailed: break
        }
        let isFinal = failure.cause == .invalidRequest
        switch record.state {
        case .commitFinalize: return fail(.finalize, reason, to: .commitFinalizeFailed, isEndless: true)
        case .finalizeSector: return fail(.finalize, reason, to: .finalizeFailed, isEndless: true)
        case .finalizeReplicaUpdate:
            return fail(.finalizeUpdate, reason, to: .finalizeReplicaUpdateFailed, isEndless: true)
        case .releaseSectorKey:
            return fail(.releaseKey, reason, to: .releaseSectorKeyFailed, isEndless: true)
        case .abortUpgrade: return fail(.abortUpgrade, reason, to: .abortUpgrade, isEndless: true)
        case .removing: return fail(.remove, reason, to: .removeFailed, isEndless: true)
        case .addPiece, .snapDealsAddPiece:
            return pieceFailed(reason, isFinal: isFinal)
        case .snapDealsPacking:
            return updateFailed(.addPiece, reason, to: .snapDealsPacking, isFinal: isFinal)
        case .updateReplica: return updateFailed(.replicaUpdate, reason, to: nil, isFinal: isFinal)
        case .proveReplicaUpdate: return updateFailed(.proveUpdate, reason, to: nil, isFinal: isFinal)
        default: break
        }
        if isFinal { return giveUp(failure.message) }
        switch record.state {
        case .packing: return fail(.addPiece, reason, to: .packing)
        case .receiveSector: return fail(.download, reason, to: .receiveSector)
        case .getTicket, .preCommit1: return fail(.preCommit1, reason, to: .sealPreCommit1Failed)
        case .preCommit2: return fail(.preCommit2, reason, to: .sealPreCommit2Failed)
        default:
            // Another party's prover says nothing about our data either, but it is a failure.
            if type == .commit2, record.isRemoteCommit {
                return fail(.remoteCommit, reason, to: .remoteCommitFailed, isEndless: true)
            }
            if type == .commit2 {
                let count = record.count(.commit2)
                guard count < limits.commit2TryMax else {
                    record.clear(.commit2)
                    return giveUp(
                        "\(type.short) failed \(count) times, the most that is tried; the last: "
                            + failure.message)
                }
            }
            return fail(.computeProof, reason, to: .computeProofFailed)
        }
    }

    /// The disk is full: the same step again after a pause, as long as that lasts. Nothing is counted
    /// against the sector, and no step is taken back.
    private mutating func outOfRoom(_ reason: String) -> [SectorAction] {
        let state: SectorState =
            switch record.state {
            case .addPiece: .addPieceFailed
            case .snapDealsAddPiece: .snapDealsAddPieceFailed
            case .getTicket, .preCommit1: .sealPreCommit1Failed
            case .preCommit2: .sealPreCommit2Failed
            case .commitFinalize: .commitFinalizeFailed
            case .finalizeSector: .finalizeFailed
            case .finalizeReplicaUpdate: .finalizeReplicaUpdateFailed
            case .releaseSectorKey: .releaseSectorKeyFailed
            case .removing: .removeFailed
            case .updateReplica, .proveReplicaUpdate: .replicaUpdateFailed
            case .packing, .receiveSector, .snapDealsPacking, .abortUpgrade: record.state
            default: .computeProofFailed
            }
        if state == .replicaUpdateFailed { record.returnState = record.state }
        record.state = state
        record.lastError = reason
        // A look at a disk costs little, and whoever makes room does not want to wait for an hour.
        return pause(limits.pause(min(record.count(.noSpace), 4)))
    }

    /// The task of the present state once more.
    private mutating func again() -> [SectorAction] {
        let (error, note) = (record.lastError, note)
        let actions = begin(record.state)
        record.lastError = error
        self.note = note
        return actions
    }

    private mutating func pieceFailed(_ reason: String, isFinal: Bool) -> [SectorAction] {
        let count = record.count(.addPiece)
        record.lastError = reason
        guard !isFinal, count <= limits.failureCountMax else {
            // One bad piece must not hold back the others: it is given back.
            record.clear(.addPiece)
            note = "a piece was given back: \(reason)"
            // What one worker refuses all do; other failures may be those of this sector's place.
            let returned = record.pendingPiece.map {
                SectorAction.returnPiece(WaitingPiece($0, refusal: isFinal ? reason : nil))
            }
            return [returned].compactMap(\.self) + pieceDecided()
        }
        record.state = record.state == .addPiece ? .addPieceFailed : .snapDealsAddPieceFailed
        return pause(limits.pause(count))
    }

    // MARK: Trying again

    /// A pause is over.
    mutating func retry() -> [SectorAction] {
        record.isPaused = false
        switch record.state {
        case .preCommitFailed, .commitFailed, .terminateFailed: return [.askStanding]
        case .sealPreCommit1Failed: return enterAgain(.preCommit1)
        case .sealPreCommit2Failed:
            // After several failures the layers are in doubt.
            return enterAgain(record.failureCount(.preCommit2) > 3 ? .preCommit1 : .preCommit2)
        case .computeProofFailed:
            guard record.failureCount(.computeProof) > 2 else { return enterAgain(.committing) }
            record.proofBytes = nil
            if record.isFinalized {
                return startAnew("no proof could be computed of the finalized files")
            }
            return enterAgain(.preCommit1)
        case .remoteCommitFailed: return enterAgain(.committing)
        case .commitFinalizeFailed, .finalizeFailed:
            if limits.bug == .sectorFinalizesOnce { return [] }
            return enterAgain(record.state == .finalizeFailed ? .finalizeSector : .commitFinalize)
        case .addPieceFailed: return enterAgain(.addPiece)
        case .snapDealsAddPieceFailed: return enterAgain(.snapDealsAddPiece)
        case .replicaUpdateFailed:
            let steps: Set<SectorState> = [.updateReplica, .proveReplicaUpdate, .submitReplicaUpdate]
            let step = record.returnState.flatMap { steps.contains($0) ? $0 : nil }
            record.returnState = nil
            return enterAgain(step ?? .updateReplica)
        case .finalizeReplicaUpdateFailed: return enterAgain(.finalizeReplicaUpdate)
        case .releaseSectorKeyFailed: return enterAgain(.releaseSectorKey)
        case .snapDealsDealsExpired: return enterAgain(.abortUpgrade)
        case .removeFailed: return enterAgain(.removing)
        case .dealsExpired:
            let reason = record.lastError ?? "its deals expired"
            if record.preCommitEpoch != nil {
                return giveUp("\(reason); it is pre-committed, so a deposit is lost with it: remove it")
            }
            return remove(reason)
        default: return again()
        }
    }

    private mutating func enterAgain(_ state: SectorState) -> [SectorAction] {
        let reason = record.lastError
        let actions = enter(state)
        // The reason stays in sight until the next success.
        if record.state == state { record.lastError = reason }
        return actions
    }

    // MARK: Losses

    mutating func storeLost(_ store: String) -> [SectorAction] {
        let reason = "the store \(store) that held it was lost"
        if record.state.isUpdating {
            guard record.update?.store == store else { return [] }
            return updateFilesLost(reason)
        }
        guard record.state.isOnSealingStore, store == record.store, !record.isFinalized else { return [] }
        return startAnew(reason)
    }

    private mutating func filesLost(_ reason: String) -> [SectorAction] {
        switch record.state {
        case .addPiece, .snapDealsAddPiece: return pieceFailed(reason, isFinal: false)
        case .removing: return fail(.remove, reason, to: .removeFailed, isEndless: true)
        case .abortUpgrade: return fail(.abortUpgrade, reason, to: .abortUpgrade, isEndless: true)
        case .releaseSectorKey:
            return fail(.releaseKey, reason, to: .releaseSectorKeyFailed, isEndless: true)
        case .receiveSector: return fail(.download, reason, to: .receiveSector)
        case .snapDealsPacking, .updateReplica, .proveReplicaUpdate, .finalizeReplicaUpdate:
            let count = record.count(.files)
            guard count <= limits.failureCountMax else { return abortUpgrade(reason) }
            return updateFilesLost(reason)
        default: return damaged(reason)
        }
    }

    mutating func damaged(_ reason: String) -> [SectorAction] {
        guard record.count(.files) <= limits.failureCountMax else { return giveUp(reason) }
        return startAnew(reason)
    }

    /// Back to the first byte, elsewhere; what the chain knows of the sector stays.
    mutating func startAnew(_ reason: String) -> [SectorAction] {
        let cancels = stops()
        switch record.state {
        case .waitDeals, .addPiece, .addPieceFailed:
            // The pieces come again from where they came from.
            record.state = record.pieces.isEmpty && record.pendingPiece == nil ? .waitDeals : .addPiece
        default: record.state = .packing
        }
        record.store = nil
        record.host = nil
        record.isFinalized = false
        record.isPaused = false
        record.awaitsTicket = false
        record.proofBytes = record.provenEpoch == nil ? nil : record.proofBytes
        record.lastError = reason
        record.clear(.commit2)
        // Once there was a CommR its pre-commitment may be on its way, also in a batch: only the same
        // ticket gives that CommR again.
        if record.preCommitEpoch == nil, record.sealedCommitment == nil { forgetTicket() }
        return cancels + [.releaseStore] + (record.state == .waitDeals ? [] : [.reserve])
    }

    // MARK: Deals

    mutating func dealsExpired(_ reason: String) -> [SectorAction] {
        guard record.hasDeals else { return [] }
        return stops() + expireDeals(reason)
    }

    mutating func expireDeals(_ reason: String) -> [SectorAction] {
        record.state = record.state.isUpdating ? .snapDealsDealsExpired : .dealsExpired
        record.lastError = reason
        return pause(.zero)
    }

    mutating func dealIDsInvalid(_ reason: String) -> [SectorAction] {
        guard record.hasDeals else { return [] }
        let actions = stops()
        let state = record.state
        record.returnState = state == .preCommitBatchWait ? .submitPreCommitBatch : state
        record.state = state.isUpdating ? .snapDealsRecoverDealIDs : .recoverDealIDs
        record.lastError = reason
        return actions + [.resolveDeals] + pause(limits.pause(record.count(.deals)))
    }

    mutating func dealsResolved(_ pieces: [PieceDeal]?) -> [SectorAction] {
        guard let pieces else {
            let reason = "its deals are not on the chain any more"
            return record.state.isUpdating ? abortUpgrade(reason) : remove(reason)
        }
        record.pieces = pieces
        record.clear(.deals)
        let back = record.returnState
        record.returnState = nil
        if record.state.isUpdating {
            return enter(back == .updateReplica ? .updateReplica : .submitReplicaUpdate)
        }
        let steps: Set<SectorState> = [.submitPreCommitBatch, .preCommitFailed, .commitFailed]
        return enter(back.flatMap { steps.contains($0) ? $0 : nil } ?? .preCommit1)
    }
}
