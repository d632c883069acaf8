// SPDX-License-Identifier: Apache-2.0
internal import Chain

/// Faults, the end of a sector, and the operator's own hand.
extension SectorStateMachine {
    // MARK: Faults

    mutating func faultFound(_ reason: String) -> [SectorAction] {
        record.state = .faulty
        record.lastError = reason
        return []
    }

    mutating func faultDeclared(_ epoch: Int64) -> [SectorAction] {
        record.state = .faultReported
        record.faultEpoch = epoch
        return []
    }

    mutating func recovered() -> [SectorAction] {
        record.faultEpoch = nil
        return enter(.proving)
    }

    mutating func faultExpired() -> [SectorAction] {
        record.state = .faultedFinal
        record.lastError = "the chain has it no more: it was faulty for too long, or until its time was over"
        return [.releaseStore]
    }

    // MARK: Termination

    mutating func terminate() -> [SectorAction] {
        let actions = stops()
        record.isPaused = false
        if record.provenEpoch != nil { return actions + enter(.terminating) }
        guard record.preCommitEpoch != nil else { return actions + remove("terminated before it began") }
        return actions
            + fail(
                .terminateMessage,
                "it is pre-committed and not proven: it ends when its pre-commitment expires",
                to: .terminateFailed, isEndless: true)
    }

    mutating func standsForTermination(_ standing: ChainStanding) -> [SectorAction] {
        if let epoch = standing.terminatedEpoch { return terminated(epoch) }
        if let epoch = standing.provenEpoch {
            record.provenEpoch = epoch
            return enter(.terminating)
        }
        guard standing.preCommitEpoch != nil, !standing.isExpired else {
            return remove("the chain holds nothing of it any more")
        }
        return fail(
            .terminateMessage, "it is pre-committed and not proven: it ends when its pre-commitment expires",
            to: .terminateFailed, isEndless: true)
    }

    mutating func terminated(_ epoch: Int64) -> [SectorAction] {
        record.clear(.terminateMessage)
        record.terminatedEpoch = epoch
        record.message = nil
        return enter(.terminateFinality)
    }

    // MARK: Removal

    mutating func remove(_ reason: String) -> [SectorAction] {
        let actions = stops()
        let next = enter(.removing)
        note = reason
        if record.state == .removing { record.lastError = reason }
        return actions + next
    }

    mutating func removeFiles(repeats: Bool) -> [SectorAction] {
        // A sector that never had room anywhere has no files.
        let hasFiles = record.store != nil || record.attempts.contains { $0 > 0 }
        return hasFiles ? submit(.remove(onlyUpdate: false), repeats: repeats) : removed()
    }

    /// Only the number is left, so that it is never given again.
    mutating func removed() -> [SectorAction] {
        var last = SectorRecord(key: record.key, proof: record.proof, makesSNARK: record.makesSNARK)
        last.state = .removed
        last.preCommitEpoch = record.preCommitEpoch
        last.provenEpoch = record.provenEpoch
        last.terminatedEpoch = record.terminatedEpoch
        last.lastError = record.lastError
        record = last
        return [.releaseStore]
    }

    // MARK: The operator's hand

    /// Goes where an operator says. What runs is stopped, or goes on where it is the new state's own work and
    /// the operator wants it so; what the state lacks is obtained first.
    mutating func force(_ target: SectorState, adopts: Bool) -> [SectorAction] {
        if target == .removing || target == .removed { return remove("an operator forced its removal") }
        let kept = adopts ? SectorTransitions.tasks(of: target) : []
        let actions = stops().filter { action in
            guard case .cancel(let id) = action else { return true }
            return !kept.contains(id.type)
        }
        let before = record.state
        let goesOn = !kept.isEmpty && !SectorTransitions.tasks(of: before).filter(kept.contains).isEmpty
        record.failures = []
        record.returnState = nil
        record.isPaused = false
        record.packsNext = false
        if !target.isUpdating, !target.isAfterUpdate, before.isUpdating || before == .abortUpgrade {
            // The update's files are left to the removal that an abort does; the old pieces are in force.
            record.pieces = record.update?.oldPieces ?? record.pieces
            record.update = nil
        }
        if target.isUpdating || target == .abortUpgrade, record.update == nil {
            record.update = ReplicaUpdate(oldPieces: record.pieces)
        }
        record.state = resolved(target)
        record.lastError = nil
        note =
            record.state == target
            ? "an operator forced the state"
            : "an operator forced \(target.rawValue), which needs what \(record.state.rawValue) gives"
        return actions + begin(record.state, repeats: goesOn)
    }

    /// The state itself, or the one that obtains what it needs.
    private func resolved(_ target: SectorState) -> SectorState {
        switch target {
        case .preCommit1: record.ticket == nil ? .getTicket : target
        case .submitPreCommitBatch, .preCommitBatchWait:
            record.sealedCommitment != nil && record.ticket != nil
                ? target : record.ticket == nil ? .getTicket : .preCommit2
        case .committing: record.ticket != nil && record.seed != nil ? target : .waitSeed
        case .submitCommitAggregate, .commitAggregateWait:
            record.proofBytes != nil
                ? target : record.seed != nil && record.ticket != nil ? .committing : .waitSeed
        case .addPiece, .addPieceFailed: record.pendingPiece == nil ? .waitDeals : target
        case .snapDealsAddPiece, .snapDealsAddPieceFailed:
            record.pendingPiece == nil ? .snapDealsWaitDeals : target
        case .submitReplicaUpdate, .replicaUpdateWait, .waitMutable:
            record.update?.proof != nil ? target : .updateReplica
        case .updateActivating, .releaseSectorKey, .releaseSectorKeyFailed:
            record.update?.landedEpoch != nil ? target : .proving
        default: target
        }
    }
}

extension SectorState {
    /// The update is on the chain, and the old replica is still there.
    var isAfterUpdate: Bool {
        self == .updateActivating || self == .releaseSectorKey || self == .releaseSectorKeyFailed
            || self == .abortUpgrade
    }
}
