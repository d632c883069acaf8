// SPDX-License-Identifier: Apache-2.0

/// Where a sector stands, by the names that the field's operators know.
package enum SectorState: String, Sendable, Hashable, Codable, CaseIterable {
    // Input.
    case waitDeals = "WaitDeals"
    case addPiece = "AddPiece"
    case addPieceFailed = "AddPieceFailed"
    case receiveSector = "ReceiveSector"

    // Sealing.
    case packing = "Packing"
    case getTicket = "GetTicket"
    case preCommit1 = "PreCommit1"
    case preCommit2 = "PreCommit2"
    case submitPreCommitBatch = "SubmitPreCommitBatch"
    case preCommitBatchWait = "PreCommitBatchWait"
    case waitSeed = "WaitSeed"
    case committing = "Committing"
    case commitFinalize = "CommitFinalize"
    case submitCommitAggregate = "SubmitCommitAggregate"
    case commitAggregateWait = "CommitAggregateWait"
    case finalizeSector = "FinalizeSector"

    // Done.
    case proving = "Proving"
    case available = "Available"

    // Sealing failed.
    case sealPreCommit1Failed = "SealPreCommit1Failed"
    case sealPreCommit2Failed = "SealPreCommit2Failed"
    case preCommitFailed = "PreCommitFailed"
    case computeProofFailed = "ComputeProofFailed"
    case remoteCommitFailed = "RemoteCommitFailed"
    case commitFailed = "CommitFailed"
    case commitFinalizeFailed = "CommitFinalizeFailed"
    case finalizeFailed = "FinalizeFailed"
    case dealsExpired = "DealsExpired"
    case recoverDealIDs = "RecoverDealIDs"
    case failedUnrecoverable = "FailedUnrecoverable"

    // A deal comes into a sector that is proving.
    case snapDealsWaitDeals = "SnapDealsWaitDeals"
    case snapDealsAddPiece = "SnapDealsAddPiece"
    case snapDealsPacking = "SnapDealsPacking"
    case updateReplica = "UpdateReplica"
    case proveReplicaUpdate = "ProveReplicaUpdate"
    case finalizeReplicaUpdate = "FinalizeReplicaUpdate"
    case submitReplicaUpdate = "SubmitReplicaUpdate"
    case waitMutable = "WaitMutable"
    case replicaUpdateWait = "ReplicaUpdateWait"
    case updateActivating = "UpdateActivating"
    case releaseSectorKey = "ReleaseSectorKey"
    case snapDealsAddPieceFailed = "SnapDealsAddPieceFailed"
    case snapDealsDealsExpired = "SnapDealsDealsExpired"
    case snapDealsRecoverDealIDs = "SnapDealsRecoverDealIDs"
    case replicaUpdateFailed = "ReplicaUpdateFailed"
    case finalizeReplicaUpdateFailed = "FinalizeReplicaUpdateFailed"
    case releaseSectorKeyFailed = "ReleaseSectorKeyFailed"
    case abortUpgrade = "AbortUpgrade"

    // Faults.
    case faulty = "Faulty"
    case faultReported = "FaultReported"
    case faultedFinal = "FaultedFinal"

    // The end.
    case terminating = "Terminating"
    case terminateWait = "TerminateWait"
    case terminateFinality = "TerminateFinality"
    case terminateFailed = "TerminateFailed"
    case removing = "Removing"
    case removeFailed = "RemoveFailed"
    case removed = "Removed"

    /// Reads a state's name, those of earlier times included; `nil` for a name that never was one.
    package init?(fieldName name: String) {
        if let state = SectorState(rawValue: name) {
            self = state
        } else if let state = Self.earlierNames.first(where: { $0.name == name })?.state {
            self = state
        } else {
            return nil
        }
    }

    /// The names that sector records of earlier releases, here and in the field, may carry.
    ///
    /// Each is mapped to the state whose work brings such a sector on; every one of these states may be
    /// entered again without harm.
    package static let earlierNames: [(name: String, state: SectorState)] = [
        ("", .failedUnrecoverable), ("UndefinedSectorState", .failedUnrecoverable), ("Empty", .waitDeals),
        ("Unsealed", .getTicket), ("PreCommitting", .submitPreCommitBatch),
        ("PreCommitWait", .preCommitBatchWait), ("PreCommitted", .preCommitBatchWait),
        ("SubmitCommit", .submitCommitAggregate), ("CommitWait", .commitAggregateWait),
        ("SealFailed", .sealPreCommit1Failed), ("SealCommitFailed", .computeProofFailed),
        ("PackingFailed", .dealsExpired),
    ]

    /// Reads a name as ``init(fieldName:)`` does.
    package init(from decoder: any Decoder) throws {
        let name = try String(from: decoder)
        guard let state = SectorState(fieldName: name) else {
            throw SchedulerError(
                code: .unknownState,
                message: "'\(name.prefix(64))' is no state of a sector; known are "
                    + SectorState.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self = state
    }

    /// Writes today's name.
    package func encode(to encoder: any Encoder) throws { try rawValue.encode(to: encoder) }
    /// The place in `allCases`; sizes tables.
    // Safety: without payloads the tag of a value is one byte that counts the cases as they are declared; a
    // test compares it with `allCases`. A table would be searched by the names, and this is asked often.
    package var position: Int { Int(unsafeBitCast(self, to: UInt8.self)) }

    /// Compares the places; the default for a raw value compares the names.
    package static func == (lhs: SectorState, rhs: SectorState) -> Bool { lhs.position == rhs.position }

    /// Hashes the place; the default would hash the name.
    package func hash(into hasher: inout Hasher) { hasher.combine(position) }

    // MARK: Groups

    /// What limits and lists count a sector under.
    package enum Bucket: String, Sendable, Hashable, Codable, CaseIterable {
        /// It takes pieces.
        case staging
        /// It takes room and slots of the pipeline.
        case sealing
        /// The pipeline is done with it.
        case proving
        /// It waits to be tried again, or for a person; has a quota of its own and takes none of the
        /// sealing limit.
        case failed
        /// Only its number is left.
        case removed
    }

    /// The bucket of the state.
    package var bucket: Bucket {
        switch self {
        case .waitDeals, .addPiece, .addPieceFailed, .snapDealsWaitDeals, .snapDealsAddPiece,
            .snapDealsAddPieceFailed:
            .staging
        case .receiveSector, .packing, .getTicket, .preCommit1, .preCommit2, .submitPreCommitBatch,
            .preCommitBatchWait, .waitSeed, .committing, .commitFinalize, .submitCommitAggregate,
            .commitAggregateWait, .finalizeSector, .snapDealsPacking, .updateReplica, .proveReplicaUpdate,
            .finalizeReplicaUpdate, .submitReplicaUpdate, .waitMutable, .replicaUpdateWait:
            .sealing
        case .proving, .available, .updateActivating, .releaseSectorKey, .terminating, .terminateWait,
            .terminateFinality, .terminateFailed, .removing:
            .proving
        case .sealPreCommit1Failed, .sealPreCommit2Failed, .preCommitFailed, .computeProofFailed,
            .remoteCommitFailed, .commitFailed, .commitFinalizeFailed, .finalizeFailed, .dealsExpired,
            .recoverDealIDs, .failedUnrecoverable, .snapDealsDealsExpired, .snapDealsRecoverDealIDs,
            .replicaUpdateFailed, .finalizeReplicaUpdateFailed, .releaseSectorKeyFailed, .abortUpgrade,
            .faulty, .faultReported, .faultedFinal, .removeFailed:
            .failed
        case .removed: .removed
        }
    }

    /// Nothing is under way: the sector stays until somebody or something outside asks for more, and needs
    /// no keeper.
    package var isResting: Bool {
        switch self {
        case .proving, .available, .failedUnrecoverable, .faulty, .faultReported, .faultedFinal, .removed:
            true
        default: false
        }
    }

    /// Tells whether something is under way for the sector.
    package var isSealing: Bool { !isResting }

    /// The sector is at work on a replica update, with files of its own beside the old replica.
    package var isUpdating: Bool {
        switch self {
        case .snapDealsWaitDeals, .snapDealsAddPiece, .snapDealsAddPieceFailed, .snapDealsPacking,
            .updateReplica, .proveReplicaUpdate, .finalizeReplicaUpdate, .submitReplicaUpdate, .waitMutable,
            .replicaUpdateWait, .snapDealsDealsExpired, .snapDealsRecoverDealIDs, .replicaUpdateFailed,
            .finalizeReplicaUpdateFailed:
            true
        default: false
        }
    }

    /// The sector's files lie on a sealing store and are lost with it.
    package var isOnSealingStore: Bool {
        switch self {
        case .waitDeals, .addPiece, .addPieceFailed, .packing, .getTicket, .preCommit1, .preCommit2,
            .submitPreCommitBatch, .preCommitBatchWait, .waitSeed, .committing, .commitFinalize,
            .submitCommitAggregate, .commitAggregateWait, .finalizeSector, .sealPreCommit1Failed,
            .sealPreCommit2Failed, .preCommitFailed, .computeProofFailed, .remoteCommitFailed, .commitFailed,
            .commitFinalizeFailed, .finalizeFailed, .recoverDealIDs:
            true
        default: false
        }
    }
}
