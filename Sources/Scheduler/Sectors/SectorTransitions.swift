// SPDX-License-Identifier: Apache-2.0

/// Which events each state expects, and where they may lead: the life of a sector as data.
///
/// The state machine asks this table before it does anything, so that an event that no row lists changes
/// nothing.
/// The page `Sectors.md` is written from it.
package enum SectorTransitions {
    /// One row: in `state`, an event of `kind` leads to one of `next`. The state itself among them means that
    /// something is done without a change of state.
    package struct Row: Sendable, Hashable {
        package let state: SectorState
        package let kind: SectorEventKind
        package let next: [SectorState]
    }

    /// A set of states, one bit each.
    private struct StateSet: Sendable {
        var bits: UInt64 = 0

        func contains(_ state: SectorState) -> Bool { bits & (1 << UInt64(state.position)) != 0 }
        mutating func insert(_ state: SectorState) { bits |= 1 << UInt64(state.position) }
    }

    private static let kindCount = SectorEventKind.allCases.count

    /// The rows as a table by state and kind.
    private static let table: [StateSet] = {
        precondition(SectorState.allCases.count <= 64, "a set of states is one word")
        var table = Array(repeating: StateSet(), count: SectorState.allCases.count * kindCount)
        for row in rows {
            for state in row.next {
                table[row.state.position * kindCount + row.kind.position].insert(state)
            }
        }
        return table
    }()

    /// Tells whether the state expects events of that kind.
    package static func accepts(_ state: SectorState, _ kind: SectorEventKind) -> Bool {
        table[state.position * kindCount + kind.position].bits != 0
    }

    /// Tells whether an event of that kind may lead from one state to another.
    package static func allows(_ state: SectorState, _ kind: SectorEventKind, _ next: SectorState) -> Bool {
        table[state.position * kindCount + kind.position].contains(next)
    }

    /// The kinds of tasks that run for a sector in that state.
    package static func tasks(of state: SectorState) -> [TaskType] {
        switch state {
        case .addPiece, .packing, .snapDealsAddPiece, .snapDealsPacking: [.addPiece]
        case .receiveSector: [.download]
        case .getTicket, .preCommit1: [.preCommit1]
        case .preCommit2: [.preCommit2]
        case .committing: [.commit1, .commit2]
        case .commitFinalize, .finalizeSector: [.finalize]
        case .updateReplica: [.replicaUpdate]
        case .proveReplicaUpdate: [.proveReplicaUpdate]
        case .finalizeReplicaUpdate: [.finalizeReplicaUpdate]
        case .releaseSectorKey: [.releaseKey]
        case .abortUpgrade, .removing: [.remove]
        default: []
        }
    }

    /// Kinds that nearly every state takes in the same way; the diagram leaves them out.
    package static let globalKinds: Set<SectorEventKind> = [
        .resume, .terminate, .remove, .forceState, .storeLost, .moved,
    ]

    /// Every row, in the order of states and then of kinds.
    package static let rows: [Row] = {
        var found: [Row] = []
        for state in SectorState.allCases {
            for kind in SectorEventKind.allCases {
                let next = specific[state]?[kind] ?? general(state, kind)
                if !next.isEmpty { found.append(Row(state: state, kind: kind, next: next)) }
            }
        }
        return found
    }()

    // MARK: What nearly all states share

    private static func general(_ state: SectorState, _ kind: SectorEventKind) -> [SectorState] {
        switch kind {
        case .resume:
            switch state {
            case .failedUnrecoverable: []
            case .preCommit1: [.preCommit1, .getTicket]
            case .committing: [.committing, .waitSeed]
            case .commitFinalize: [.commitFinalize, .submitCommitAggregate]
            case .finalizeSector: [.finalizeSector, .proving, .available]
            case .removing: [.removing, .removed]
            default: [state]
            }
        case .terminate:
            switch state {
            case .terminating, .terminateWait, .terminateFinality, .terminateFailed, .removing, .removeFailed,
                .removed:
                []
            default: [.terminating, .terminateFailed, .removing, .removed]
            }
        case .remove: state == .removing || state == .removed ? [] : [.removing, .removed]
        case .forceState: state == .removed ? [] : SectorState.allCases
        case .storeLost:
            switch state {
            case .waitDeals, .addPiece, .addPieceFailed: [.waitDeals, .addPiece]
            case .snapDealsWaitDeals, .snapDealsAddPiece, .snapDealsAddPieceFailed:
                [.snapDealsWaitDeals, .snapDealsAddPiece]
            default: state.isUpdating ? [.snapDealsPacking] : state.isOnSealingStore ? [.packing] : []
            }
        case .moved:
            state.isOnSealingStore || state.isUpdating || state == .receiveSector ? [state] : []
        case .workerLost: tasks(of: state).isEmpty ? [] : [state]
        default: []
        }
    }
}
