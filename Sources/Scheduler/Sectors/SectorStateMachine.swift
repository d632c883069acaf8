// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
private import Sealing

/// The life of one sector as a pure value: an event in, the next state and the wanted actions out.
///
/// ``SectorTransitions`` says which events each state expects and where they may lead; whatever is not in
/// that
/// table changes nothing.
///
/// How far a sector goes back is decided by what failed. A lost worker says nothing about the data: the same
/// task runs again, uncounted. Lost files lead to Packing, with the old ticket once the chain knows the
/// commitment, so that the same replica comes out. A failure is counted under its own cause, pauses longer
/// each time, and always leads somewhere: to another try, to an earlier step, or to a state that names the
/// reason and waits for a person.
package struct SectorStateMachine: Sendable, Hashable {
    /// What holds for all sectors of a miner.
    package struct Limits: Sendable, Hashable {
        /// Failures of one cause in a row before a person must look, where trying again costs sealing.
        package var failureCountMax: Int
        /// Failures of Commit2's computation, since its last success, after which another try is useless.
        package var commit2TryMax: Int
        /// The pause after the first failure; it doubles with each further one.
        package var retryPause: Duration
        /// The longest pause.
        package var retryPauseMax: Duration
        package var network: NetworkParameters
        package var hints: StageHints
        /// Finalize before the proof goes to the chain, so that the sealing store is free sooner.
        package var finalizesEarly: Bool
        /// A proven sector without data is offered for replica updates at once.
        package var makesAvailable: Bool
        /// Epochs for which the old replica is kept after its update landed, and a terminated sector's
        /// files after its termination.
        package var finality: Int64
        package var bug: SeededBug?

        package init(
            failureCountMax: Int = 5, commit2TryMax: Int = 3, retryPause: Duration = .seconds(60),
            retryPauseMax: Duration = .seconds(3600), network: NetworkParameters = .mainnet,
            hints: StageHints = .init(), finalizesEarly: Bool = false, makesAvailable: Bool = false,
            finality: Int64 = 900
        ) {
            self.failureCountMax = failureCountMax
            self.commit2TryMax = commit2TryMax
            self.retryPause = retryPause
            self.retryPauseMax = retryPauseMax
            self.network = network
            self.hints = hints
            self.finalizesEarly = finalizesEarly
            self.makesAvailable = makesAvailable
            self.finality = finality
        }

        /// The pause after the `count`th failure in a row.
        package func pause(_ count: Int) -> Duration {
            min(retryPauseMax, retryPause * (1 << min(max(count, 1) - 1, 20)))
        }
    }

    package internal(set) var record: SectorRecord
    let limits: Limits
    /// Why the latest event did what it did, where that needs a reason: for the log.
    package internal(set) var note: String?

    package init(record: SectorRecord, limits: Limits = Limits()) {
        self.record = record
        self.limits = limits
    }

    /// Takes one event; an event that the state does not expect changes nothing and wants nothing.
    package mutating func handle(_ event: SectorEvent) -> [SectorAction] {
        guard SectorTransitions.accepts(record.state, event.kind) else { return [] }
        note = nil
        return take(event)
    }

    /// The first piece came at that time.
    package mutating func opened(at now: Instant) {
        if record.pendingPiece != nil, record.openedAt == nil { record.openedAt = now }
    }

    /// The sector ends at that epoch, or with the last of its deals; the first choice stands.
    package mutating func chooseExpiration(_ epoch: Int64) {
        guard record.expiration == nil else { return }
        record.expiration = max(epoch, record.pieces.map(\.endEpoch).max() ?? 0)
    }

    private mutating func take(_ event: SectorEvent) -> [SectorAction] {
        switch event {
        case .resume: resume(repeats: true)
        case .retryDue: record.isPaused ? retry() : []
        case .reserved(let store, let host): reserved(store, host)
        case .storeLost(let store): storeLost(store)
        case .moved(let store, let host): moved(store, host)
        case .granted(let id): granted(id)
        case .finished(let id, let result): finished(id, result)
        case .ticket(let value, let epoch, let head): ticket(value, epoch, head)
        case .messageSent(let name): messageSent(name)
        case .preCommitted(let epoch): preCommitted(epoch)
        case .seed(let value, let epoch): seed(value, epoch)
        case .proven(let epoch): proven(epoch)
        case .refused(let refusal): refused(refusal)
        case .ticketExpired(let reason): ticketExpired(reason)
        case .dealsExpired(let reason): dealsExpired(reason)
        case .standing(let standing): stands(standing)
        case .epochReached(let epoch): epochReached(epoch)
        case .updateLanded(let epoch): updateLanded(epoch)
        case .deadlineImmutable(let until): deadlineImmutable(until)
        case .terminated(let epoch): terminated(epoch)
        case .addPiece(let piece): addPiece(piece)
        case .startPacking: startPacking()
        case .dealIDsInvalid(let reason): dealIDsInvalid(reason)
        case .dealsResolved(let pieces): dealsResolved(pieces)
        case .markForUpdate: markForUpdate()
        case .startUpdate: startUpdate()
        case .abortUpgrade(let reason): abortUpgrade(reason)
        case .terminate: terminate()
        case .remove(let reason): remove(reason)
        case .forceState(let state, let adopts): force(state, adopts: adopts)
        case .faultFound(let reason): faultFound(reason)
        case .faultDeclared(let epoch): faultDeclared(epoch)
        case .recovered: recovered()
        case .faultExpired: faultExpired()
        }
    }

    // MARK: Going on

    /// Goes to a state and begins what it asks for.
    mutating func enter(_ state: SectorState) -> [SectorAction] {
        record.state = state
        record.lastError = nil
        return begin(state)
    }

    /// Does again what the present state asks for; safe to repeat.
    ///
    /// The task that was asked for last may still run or be done: asking for the same try finds it again.
    private mutating func resume(repeats: Bool) -> [SectorAction] {
        let state = record.state
        if state.isResting { return state == .failedUnrecoverable ? [] : [.releaseStore] }
        var claim: [SectorAction] = []
        if state.isUpdating, record.update?.host != nil, let store = record.update?.store {
            claim = [.claim(store: store)]
        } else if state.isOnSealingStore, !record.isFinalized, let store = record.store {
            claim = [.claim(store: store)]
        }
        // A restart is no reason to try again at once what failed a moment ago.
        if record.isPaused {
            return limits.bug == .sectorForgetsPauses ? claim : claim + [.retry(after: limits.retryPause)]
        }
        return claim + begin(state, repeats: repeats)
    }

    /// The actions of a state that is entered or resumed.
    mutating func begin(_ state: SectorState, repeats: Bool = false) -> [SectorAction] {
        record.isPaused = false
        record.awaitsTicket = false
        switch state {
        case .getTicket: return seal(repeats: repeats)
        case .preCommit1:
            if record.ticket == nil { record.state = .getTicket }
            return seal(repeats: repeats)
        case .preCommit2: return submit(.preCommit2, repeats: repeats)
        case .submitPreCommitBatch: return [.sendPreCommit(mayBeSent: repeats)]
        case .preCommitBatchWait: return [.sendPreCommit(mayBeSent: true)]
        case .waitSeed: return [.askSeed]
        case .committing: return commit(repeats: repeats)
        case .submitCommitAggregate: return [.sendProof(mayBeSent: repeats)]
        case .commitAggregateWait: return [.sendProof(mayBeSent: true)]
        case .commitFinalize, .finalizeSector: return finalize(repeats: repeats)
        case .preCommitFailed, .commitFailed, .terminateFailed: return [.askStanding]
        case .dealsExpired: return pause(.zero)
        case .recoverDealIDs, .snapDealsRecoverDealIDs:
            return [.resolveDeals] + pause(limits.pause(record.count(.deals)))
        case .sealPreCommit1Failed, .sealPreCommit2Failed, .computeProofFailed, .remoteCommitFailed,
            .commitFinalizeFailed, .finalizeFailed, .addPieceFailed, .snapDealsAddPieceFailed,
            .replicaUpdateFailed, .finalizeReplicaUpdateFailed, .releaseSectorKeyFailed, .removeFailed,
            .snapDealsDealsExpired:
            return pause(limits.retryPause)
        case .waitDeals, .addPiece, .receiveSector, .packing, .snapDealsWaitDeals, .snapDealsAddPiece,
            .snapDealsPacking:
            return fill(state, repeats: repeats)
        case .updateReplica: return submit(.replicaUpdate, repeats: repeats)
        case .proveReplicaUpdate: return submit(.proveReplicaUpdate, repeats: repeats)
        case .finalizeReplicaUpdate: return submit(.finalizeReplicaUpdate, repeats: repeats)
        case .submitReplicaUpdate, .replicaUpdateWait: return [.sendUpdate]
        case .waitMutable, .updateActivating: return [.waitForEpoch(record.update?.waitsForEpoch ?? 0)]
        case .releaseSectorKey: return submit(.releaseKey, repeats: repeats)
        case .abortUpgrade: return submit(.remove(onlyUpdate: true), repeats: repeats)
        case .terminating, .terminateWait: return [.sendTermination]
        case .terminateFinality: return [.waitForEpoch((record.terminatedEpoch ?? 0) + limits.finality)]
        case .removing: return removeFiles(repeats: repeats)
        case .proving, .available, .failedUnrecoverable, .faulty, .faultReported, .faultedFinal, .removed:
            return [.releaseStore]
        }
    }

    /// Waits, and then goes on as ``retry()`` says.
    mutating func pause(_ duration: Duration) -> [SectorAction] {
        record.isPaused = true
        return [.retry(after: duration)]
    }

    /// Asks for a task: for the next try, or for the latest one again.
    mutating func submit(_ work: TaskWork, repeats: Bool = false, isHeld: Bool = false) -> [SectorAction] {
        if !repeats || record.attempts[work.type.stage] == 0 { record.attempts[work.type.stage] += 1 }
        return [.submit(request(work, isHeld: isHeld))]
    }

    func request(_ work: TaskWork, isHeld: Bool = false) -> TaskRequest {
        TaskRequest(
            id: current(work.type), proof: record.proof, work: work, isHeld: isHeld,
            priority: record.hasDeals ? 1 : 0)
    }

    /// The latest try of a kind.
    func current(_ type: TaskType) -> TaskID {
        TaskID(sector: record.key, type: type, attempt: record.attempts[type.stage])
    }

    /// Bytes that the sector holds; 0 for a proof that no rule knows.
    var sectorBytes: UInt64 {
        do throws(SealingError) {
            return try RegisteredSealProof(number: Int(clamping: record.proof)).sectorSize.bytes
        } catch {
            return 0
        }
    }

    // MARK: Failures

    /// Counts a failure and waits in `state`, longer each time.
    ///
    /// - Parameter isEndless: it is tried for ever; else a person must look after the limit.
    mutating func fail(
        _ cause: FailureCause, _ reason: String, to state: SectorState, isEndless: Bool = false
    ) -> [SectorAction] {
        let count = record.count(cause)
        guard isEndless || count <= limits.failureCountMax else {
            return giveUp("\(count) failures in a row; the last: \(reason)")
        }
        record.state = state
        record.lastError = reason
        return pause(limits.pause(count))
    }

    mutating func giveUp(_ reason: String) -> [SectorAction] {
        record.state = .failedUnrecoverable
        record.lastError = reason
        record.isPaused = false
        return [.releaseStore]
    }

    /// What must be stopped before the sector can go another way.
    func stops() -> [SectorAction] {
        var actions = SectorTransitions.tasks(of: record.state)
            .filter { record.attempts[$0.stage] > 0 }.map { SectorAction.cancel(current($0)) }
        switch record.state {
        case .submitPreCommitBatch, .preCommitBatchWait, .submitCommitAggregate, .commitAggregateWait,
            .terminating, .terminateWait:
            actions.append(.withdraw)
        default: break
        }
        return actions
    }
}

/// How long stages take, roughly: to judge whether a ticket will last.
package struct StageHints: Sendable, Hashable, Codable {
    /// PreCommit1 and PreCommit2 together, by the size of the sector in bytes, ascending.
    package var preCommit: [Row]
    /// From PreCommit2 to the landing of the pre-commitment.
    package var batchWait: Duration

    package struct Row: Sendable, Hashable, Codable {
        package var sectorBytes: UInt64
        package var duration: Duration

        package init(_ sectorBytes: UInt64, _ duration: Duration) {
            self.sectorBytes = sectorBytes
            self.duration = duration
        }
    }

    /// Makes hints; the usual ones are those of one sector on a core with SHA extensions.
    package init(
        preCommit: [Row] = [
            Row(2 << 10, .seconds(1)), Row(8 << 20, .seconds(10)), Row(512 << 20, .seconds(300)),
            Row(32 << 30, .seconds(19_800)), Row(64 << 30, .seconds(39_600)),
        ], batchWait: Duration = .zero
    ) {
        self.preCommit = preCommit
        self.batchWait = batchWait
    }

    /// Epochs from the start of PreCommit1 to the landing of the pre-commitment; a larger sector than any
    /// listed takes as long as the largest.
    package func preCommitEpochs(sectorBytes: UInt64, _ network: NetworkParameters) -> Int64 {
        let row = preCommit.first { $0.sectorBytes >= sectorBytes } ?? preCommit.last
        let time = (row?.duration ?? .zero) + batchWait
        return Int64((time / network.epochDuration).rounded(.up)) + network.messageConfidence + 1
    }
}
