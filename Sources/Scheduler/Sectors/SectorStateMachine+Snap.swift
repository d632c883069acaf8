// SPDX-License-Identifier: Apache-2.0
internal import Chain

/// Deals that come into a sector that is proving: a new replica beside the old one, which then takes its
/// place.
extension SectorStateMachine {
    mutating func markForUpdate() -> [SectorAction] {
        guard record.pieces.isEmpty, record.payloadPath == nil else { return [] }
        return enter(.available)
    }

    mutating func startUpdate() -> [SectorAction] {
        record.update = ReplicaUpdate(oldPieces: record.pieces)
        record.pieces = []
        record.openedAt = nil
        record.returnState = nil
        return enter(.snapDealsWaitDeals)
    }

    mutating func replicaUpdated(_ unsealed: [UInt8], _ sealed: [UInt8]) -> [SectorAction] {
        record.clear(.replicaUpdate)
        record.clear(.files)
        record.update?.unsealedCommitment = unsealed
        record.update?.sealedCommitment = sealed
        return enter(.proveReplicaUpdate)
    }

    mutating func updateProven(_ proof: [UInt8]) -> [SectorAction] {
        record.clear(.proveUpdate)
        record.update?.proof = proof
        return enter(.finalizeReplicaUpdate)
    }

    mutating func updateLanded(_ epoch: Int64) -> [SectorAction] {
        record.clear(.updateMessage)
        record.message = nil
        record.update?.landedEpoch = epoch
        // Blocks of the next epochs may still be won with the old replica.
        record.update?.waitsForEpoch = epoch + limits.finality
        return enter(.updateActivating)
    }

    mutating func deadlineImmutable(_ until: Int64) -> [SectorAction] {
        record.update?.waitsForEpoch = until
        return enter(.waitMutable)
    }

    mutating func epochReached(_ epoch: Int64) -> [SectorAction] {
        switch record.state {
        case .getTicket: return mayBePreCommitted ? [.askStanding] : []
        case .waitMutable:
            guard epoch >= record.update?.waitsForEpoch ?? 0 else { return [] }
            return enter(.submitReplicaUpdate)
        case .updateActivating:
            guard epoch >= record.update?.waitsForEpoch ?? 0 else { return [] }
            return enter(.releaseSectorKey)
        default:
            guard epoch >= (record.terminatedEpoch ?? 0) + limits.finality else { return [] }
            return remove("terminated at epoch \(record.terminatedEpoch ?? 0), and that is final")
        }
    }

    /// The states from which a sector that was sealed elsewhere may go on here.
    package static let receivable: Set<SectorState> = [
        .packing, .getTicket, .submitPreCommitBatch, .submitCommitAggregate, .proving, .available,
    ]

    /// A task without words of its own is done.
    mutating func completed() -> [SectorAction] {
        switch record.state {
        case .releaseSectorKey:
            record.clear(.releaseKey)
            if let update = record.update {
                record.unsealedCommitment = update.unsealedCommitment ?? record.unsealedCommitment
                record.sealedCommitment = update.sealedCommitment ?? record.sealedCommitment
                record.store = update.store ?? record.store
            }
            record.update = nil
            return enter(.proving)
        case .abortUpgrade:
            record.clear(.abortUpgrade)
            record.pieces = record.update?.oldPieces ?? record.pieces
            record.pendingPiece = nil
            record.packsNext = false
            record.returnState = nil
            record.update = nil
            return enter(.proving)
        case .removing: return removed()
        case .receiveSector:
            record.clear(.download)
            let next = record.returnState
            record.returnState = nil
            return enter(next.flatMap { Self.receivable.contains($0) ? $0 : nil } ?? .packing)
        default: return []
        }
    }

    // MARK: Giving up

    mutating func abortUpgrade(_ reason: String) -> [SectorAction] {
        if record.state == .available { return enter(.proving) }
        // The pieces are still wanted: another sector may take them.
        let pieces = record.pieces + [record.pendingPiece].compactMap(\.self)
        let actions = stops() + pieces.map { SectorAction.returnPiece(WaitingPiece($0)) }
        record.pieces = []
        record.pendingPiece = nil
        let next = enter(.abortUpgrade)
        record.lastError = reason
        return actions + next
    }

    /// A step of the update failed: once more, and after the limit the old replica goes on alone.
    mutating func updateFailed(
        _ cause: FailureCause, _ reason: String, to state: SectorState?, isFinal: Bool
    ) -> [SectorAction] {
        let count = record.count(cause)
        guard !isFinal, count <= limits.failureCountMax else {
            return abortUpgrade("\(count) failures in a row; the last: \(reason)")
        }
        if state == nil { record.returnState = record.state }
        record.state = state ?? .replicaUpdateFailed
        record.lastError = reason
        return pause(limits.pause(count))
    }

    mutating func updateRefused(_ refusal: ChainRefusal) -> [SectorAction] {
        let count = record.count(.updateMessage)
        guard refusal.isForNow || count <= limits.failureCountMax else {
            return abortUpgrade("the chain refused the update \(count) times; the last: \(refusal)")
        }
        // Sent again it may do; refused a second time it needs another proof, and then another replica.
        record.returnState =
            refusal.isForNow || count <= 1
            ? .submitReplicaUpdate : count <= 3 ? .proveReplicaUpdate : .updateReplica
        record.state = .replicaUpdateFailed
        record.lastError = refusal.description
        return pause(limits.pause(count))
    }

    /// The new replica's files are gone; the old one is untouched, and the pieces come again.
    mutating func updateFilesLost(_ reason: String) -> [SectorAction] {
        let actions = stops()
        record.update?.store = nil
        record.update?.host = nil
        record.update?.proof = nil
        let isFilling: Bool
        switch record.state {
        case .snapDealsWaitDeals, .snapDealsAddPiece, .snapDealsAddPieceFailed:
            isFilling = record.pieces.isEmpty && record.pendingPiece == nil
            record.state = isFilling ? .snapDealsWaitDeals : .snapDealsAddPiece
        default:
            isFilling = false
            record.state = .snapDealsPacking
        }
        record.isPaused = false
        record.lastError = reason
        return actions + [.releaseStore] + (isFilling ? [] : [.reserve])
    }
}
