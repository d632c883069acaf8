// SPDX-License-Identifier: Apache-2.0

/// The rows that are a state's own.
extension SectorTransitions {
    private static let done: [SectorState] = [.finalizeSector, .proving, .available]

    /// Next states by state and kind of event.
    static let specific: [SectorState: [SectorEventKind: [SectorState]]] =
        input.merging(sealing, uniquingKeysWith: { $1 }).merging(mending, uniquingKeysWith: { $1 })
        .merging(updating, uniquingKeysWith: { $1 }).merging(ending, uniquingKeysWith: { $1 })

    private static let input: [SectorState: [SectorEventKind: [SectorState]]] = [
        .waitDeals: [.addPiece: [.addPiece], .startPacking: [.packing]],
        .addPiece: [
            .reserved: [.addPiece], .startPacking: [.addPiece], .taskDone: [.waitDeals, .packing],
            .taskFailed: [.addPieceFailed, .waitDeals, .packing],
            .filesLost: [.addPieceFailed, .waitDeals, .packing],
        ],
        .addPieceFailed: [.retryDue: [.addPiece], .startPacking: [.addPieceFailed]],
        .receiveSector: [
            .reserved: [.receiveSector], .retryDue: [.receiveSector],
            .taskDone: [
                .packing, .getTicket, .submitPreCommitBatch, .submitCommitAggregate, .proving, .available,
            ],
            .taskFailed: [.receiveSector, .failedUnrecoverable],
            .filesLost: [.receiveSector, .failedUnrecoverable],
        ],
    ]

    private static let sealing: [SectorState: [SectorEventKind: [SectorState]]] = [
        .packing: [
            .reserved: [.packing], .retryDue: [.packing], .taskDone: [.getTicket, .preCommit1],
            .taskFailed: [.packing, .failedUnrecoverable], .filesLost: [.packing, .failedUnrecoverable],
        ],
        .getTicket: [
            .granted: [.getTicket], .retryDue: [.getTicket],
            .ticket: [.preCommit1, .getTicket, .dealsExpired],
            .refused: [.getTicket, .removing, .removed], .dealsExpired: [.dealsExpired],
            .standing: [
                .getTicket, .preCommit1, .preCommit2, .waitSeed, .removing, .removed, .failedUnrecoverable,
            ], .epochReached: [.getTicket],
        ],
        .preCommit1: [
            .granted: [.preCommit1], .ticket: [.preCommit1, .getTicket, .dealsExpired],
            .taskDone: [.preCommit2, .packing, .failedUnrecoverable],
            .taskFailed: [.sealPreCommit1Failed, .failedUnrecoverable],
            .filesLost: [.packing, .failedUnrecoverable], .workerLost: [.preCommit1, .getTicket],
            .refused: [.getTicket, .removing, .removed], .dealsExpired: [.dealsExpired],
            .dealIDsInvalid: [.recoverDealIDs],
        ],
        .preCommit2: [
            .taskDone: [.submitPreCommitBatch, .waitSeed] + done + [.failedUnrecoverable],
            .taskFailed: [.sealPreCommit2Failed, .failedUnrecoverable],
            .filesLost: [.packing, .failedUnrecoverable], .ticketExpired: [.getTicket],
            .dealsExpired: [.dealsExpired],
        ],
        .submitPreCommitBatch: [
            .messageSent: [.preCommitBatchWait], .preCommitted: [.waitSeed],
            .refused: [.preCommitFailed, .failedUnrecoverable], .ticketExpired: [.getTicket],
            .dealsExpired: [.dealsExpired], .dealIDsInvalid: [.recoverDealIDs],
        ],
        .preCommitBatchWait: [
            .messageSent: [.preCommitBatchWait], .preCommitted: [.waitSeed],
            .refused: [.preCommitFailed, .failedUnrecoverable], .ticketExpired: [.getTicket],
            .dealsExpired: [.dealsExpired], .dealIDsInvalid: [.recoverDealIDs],
        ],
        .waitSeed: [
            .seed: [.committing, .waitSeed], .refused: [.preCommitFailed, .failedUnrecoverable],
            .dealsExpired: [.dealsExpired],
        ],
        .committing: [
            .seed: [.committing, .waitSeed],
            .taskDone: [.committing, .commitFinalize, .submitCommitAggregate],
            .taskFailed: [.computeProofFailed, .remoteCommitFailed, .failedUnrecoverable],
            .filesLost: [.packing, .failedUnrecoverable], .workerLost: [.committing, .waitSeed],
            .dealsExpired: [.dealsExpired],
        ],
        .commitFinalize: [
            .taskDone: [.submitCommitAggregate], .taskFailed: [.commitFinalizeFailed],
            .filesLost: [.packing, .failedUnrecoverable],
            .workerLost: [.commitFinalize, .submitCommitAggregate],
        ],
        .submitCommitAggregate: [
            .messageSent: [.commitAggregateWait], .proven: done,
            .refused: [.commitFailed, .failedUnrecoverable], .dealsExpired: [.dealsExpired],
        ],
        .commitAggregateWait: [
            .messageSent: [.commitAggregateWait], .proven: done,
            .refused: [.commitFailed, .failedUnrecoverable],
        ],
        .finalizeSector: [
            .taskDone: [.proving, .available], .taskFailed: [.finalizeFailed],
            .filesLost: [.packing, .failedUnrecoverable], .workerLost: done,
        ],
        .proving: [
            .markForUpdate: [.available], .faultFound: [.faulty], .faultDeclared: [.faultReported],
        ],
        .available: [
            .startUpdate: [.snapDealsWaitDeals], .abortUpgrade: [.proving], .faultFound: [.faulty],
            .faultDeclared: [.faultReported],
        ],
    ]

    private static let mending: [SectorState: [SectorEventKind: [SectorState]]] = [
        .sealPreCommit1Failed: [.retryDue: [.preCommit1, .getTicket]],
        .sealPreCommit2Failed: [.retryDue: [.preCommit2, .preCommit1, .getTicket]],
        .preCommitFailed: [
            .retryDue: [.preCommitFailed],
            .standing: [.waitSeed, .submitPreCommitBatch, .getTicket, .dealsExpired] + done
                + [.removing, .removed, .failedUnrecoverable],
            .dealIDsInvalid: [.recoverDealIDs],
        ],
        .computeProofFailed: [.retryDue: [.committing, .waitSeed, .preCommit1, .getTicket, .packing]],
        .remoteCommitFailed: [.retryDue: [.committing, .waitSeed]],
        .commitFailed: [
            .retryDue: [.commitFailed],
            .standing: [
                .submitCommitAggregate, .committing, .waitSeed, .preCommit1, .getTicket, .packing,
                .submitPreCommitBatch, .dealsExpired,
            ] + done + [.removing, .removed, .failedUnrecoverable],
            .dealIDsInvalid: [.recoverDealIDs],
        ],
        .commitFinalizeFailed: [.retryDue: [.commitFinalize, .submitCommitAggregate]],
        .finalizeFailed: [.retryDue: done],
        .dealsExpired: [.retryDue: [.removing, .removed, .failedUnrecoverable]],
        .recoverDealIDs: [
            .retryDue: [.recoverDealIDs],
            .dealsResolved: [
                .preCommit1, .getTicket, .submitPreCommitBatch, .preCommitFailed, .commitFailed, .removing,
                .removed,
            ],
        ],
    ]

    private static let updating: [SectorState: [SectorEventKind: [SectorState]]] = [
        .snapDealsWaitDeals: [
            .addPiece: [.snapDealsAddPiece], .startPacking: [.snapDealsPacking, .abortUpgrade],
            .abortUpgrade: [.abortUpgrade],
        ],
        .snapDealsAddPiece: [
            .reserved: [.snapDealsAddPiece], .startPacking: [.snapDealsAddPiece],
            .taskDone: [.snapDealsWaitDeals, .snapDealsPacking, .abortUpgrade],
            .taskFailed: [.snapDealsAddPieceFailed, .snapDealsWaitDeals, .snapDealsPacking, .abortUpgrade],
            .filesLost: [.snapDealsAddPieceFailed, .snapDealsWaitDeals, .snapDealsPacking, .abortUpgrade],
            .abortUpgrade: [.abortUpgrade],
        ],
        .snapDealsAddPieceFailed: [
            .retryDue: [.snapDealsAddPiece], .startPacking: [.snapDealsAddPieceFailed],
            .abortUpgrade: [.abortUpgrade],
        ],
        .snapDealsPacking: [
            .reserved: [.snapDealsPacking], .retryDue: [.snapDealsPacking], .taskDone: [.updateReplica],
            .taskFailed: [.snapDealsPacking, .abortUpgrade], .filesLost: [.snapDealsPacking, .abortUpgrade],
            .abortUpgrade: [.abortUpgrade],
        ],
        .updateReplica: [
            .taskDone: [.proveReplicaUpdate], .taskFailed: [.replicaUpdateFailed, .abortUpgrade],
            .filesLost: [.snapDealsPacking, .abortUpgrade], .dealsExpired: [.snapDealsDealsExpired],
            .dealIDsInvalid: [.snapDealsRecoverDealIDs], .abortUpgrade: [.abortUpgrade],
        ],
        .proveReplicaUpdate: [
            .taskDone: [.finalizeReplicaUpdate], .taskFailed: [.replicaUpdateFailed, .abortUpgrade],
            .filesLost: [.snapDealsPacking, .abortUpgrade], .dealsExpired: [.snapDealsDealsExpired],
            .abortUpgrade: [.abortUpgrade],
        ],
        .finalizeReplicaUpdate: [
            .taskDone: [.submitReplicaUpdate], .taskFailed: [.finalizeReplicaUpdateFailed],
            .filesLost: [.snapDealsPacking, .abortUpgrade], .dealsExpired: [.snapDealsDealsExpired],
            .abortUpgrade: [.abortUpgrade],
        ],
        .submitReplicaUpdate: [
            .messageSent: [.replicaUpdateWait], .updateLanded: [.updateActivating],
            .deadlineImmutable: [.waitMutable], .refused: [.replicaUpdateFailed, .abortUpgrade],
            .dealsExpired: [.snapDealsDealsExpired], .dealIDsInvalid: [.snapDealsRecoverDealIDs],
        ],
        .waitMutable: [
            .epochReached: [.submitReplicaUpdate], .dealsExpired: [.snapDealsDealsExpired],
            .abortUpgrade: [.abortUpgrade],
        ],
        .replicaUpdateWait: [
            .messageSent: [.replicaUpdateWait], .updateLanded: [.updateActivating],
            .refused: [.replicaUpdateFailed, .abortUpgrade],
        ],
        .updateActivating: [.epochReached: [.releaseSectorKey]],
        .releaseSectorKey: [
            .taskDone: [.proving], .taskFailed: [.releaseSectorKeyFailed],
            .filesLost: [.releaseSectorKeyFailed],
        ],
        .snapDealsDealsExpired: [.retryDue: [.abortUpgrade]],
        .snapDealsRecoverDealIDs: [
            .retryDue: [.snapDealsRecoverDealIDs],
            .dealsResolved: [.submitReplicaUpdate, .updateReplica, .abortUpgrade],
            .abortUpgrade: [.abortUpgrade],
        ],
        .replicaUpdateFailed: [
            .retryDue: [.updateReplica, .proveReplicaUpdate, .submitReplicaUpdate],
            .dealIDsInvalid: [.snapDealsRecoverDealIDs], .abortUpgrade: [.abortUpgrade],
        ],
        .finalizeReplicaUpdateFailed: [
            .retryDue: [.finalizeReplicaUpdate], .abortUpgrade: [.abortUpgrade],
        ],
        .releaseSectorKeyFailed: [.retryDue: [.releaseSectorKey]],
        .abortUpgrade: [
            .retryDue: [.abortUpgrade], .taskDone: [.proving], .taskFailed: [.abortUpgrade],
            .filesLost: [.abortUpgrade],
        ],
    ]

    private static let ending: [SectorState: [SectorEventKind: [SectorState]]] = [
        .faulty: [
            .faultDeclared: [.faultReported], .recovered: [.proving], .faultExpired: [.faultedFinal],
        ],
        .faultReported: [.recovered: [.proving], .faultExpired: [.faultedFinal]],
        .terminating: [
            .messageSent: [.terminateWait], .terminated: [.terminateFinality], .refused: [.terminateFailed],
        ],
        .terminateWait: [
            .messageSent: [.terminateWait], .terminated: [.terminateFinality], .refused: [.terminateFailed],
        ],
        .terminateFinality: [.epochReached: [.removing, .removed]],
        .terminateFailed: [
            .retryDue: [.terminateFailed],
            .standing: [.terminateFinality, .terminating, .terminateFailed, .removing, .removed],
        ],
        .removing: [
            .taskDone: [.removed], .taskFailed: [.removeFailed], .filesLost: [.removeFailed],
            .workerLost: [.removing, .removed],
        ],
        .removeFailed: [.retryDue: [.removing, .removed]],
    ]
}
