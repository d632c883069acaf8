// SPDX-License-Identifier: Apache-2.0
package import Chain

/// Where a sector stands, by the names operators know.
package enum SectorState: String, Sendable, Hashable, Codable, CaseIterable {
    /// Waits for room on a store, or is being filled.
    case packing = "Packing"
    case getTicket = "GetTicket"
    case preCommit1 = "PreCommit1"
    case preCommit2 = "PreCommit2"
    /// The pre-commitment is on its way to the chain.
    case preCommitWait = "PreCommitWait"
    case waitSeed = "WaitSeed"
    /// Commit1, and Commit2 where the cluster makes SNARKs.
    case committing = "Committing"
    /// The proof is on its way to the chain.
    case commitWait = "CommitWait"
    case finalizeSector = "FinalizeSector"
    case proving = "Proving"
    case sealPreCommit1Failed = "SealPreCommit1Failed"
    case sealPreCommit2Failed = "SealPreCommit2Failed"
    case computeProofFailed = "ComputeProofFailed"
    case finalizeFailed = "FinalizeFailed"
    case failedUnrecoverable = "FailedUnrecoverable"

    /// Tells whether the sector takes room in the sealing pipeline.
    package var isSealing: Bool { self != .proving && self != .failedUnrecoverable }
}

/// What is kept of a sector between restarts.
package struct SectorRecord: Sendable, Hashable, Codable {
    package var key: SectorKey
    /// The registered seal proof's number.
    package var proof: UInt64
    /// Whether Commit2 follows Commit1; otherwise the openings themselves go to the chain.
    package var makesSNARK: Bool
    /// The file that fills the sector; `nil` for committed capacity.
    package var payloadPath: String?
    package var state: SectorState = .packing
    package var store: String?
    package var host: String?
    package var unsealedCommitment: [UInt8]?
    package var sealedCommitment: [UInt8]?
    package var ticket: [UInt8]?
    package var ticketEpoch: Int64?
    package var seed: [UInt8]?
    package var seedEpoch: Int64?
    package var proofForm: ProofForm?
    package var proofBytes: [UInt8]?
    package var preCommitEpoch: Int64?
    package var provenEpoch: Int64?
    /// Tries of each kind so far, by ``TaskType/stage``; the number makes task ids unique.
    package var attempts: [Int] = Array(repeating: 0, count: TaskType.count)
    /// Failures that say something about the data or the program, since the last success.
    package var failureCount = 0
    /// Why the sector is where it is, where that needs a reason.
    package var lastError: String?

    package init(key: SectorKey, proof: UInt64, makesSNARK: Bool, payloadPath: String? = nil) {
        self.key = key
        self.proof = proof
        self.makesSNARK = makesSNARK
        self.payloadPath = payloadPath
    }
}

/// What happens to a sector.
package enum SectorEvent: Sendable, Hashable {
    /// It begins, or its keeper was restarted: do again what the state asks for.
    case resume
    case reserved(store: String, host: String)
    case storeLost(store: String)
    /// Its files lie at another store now.
    case moved(store: String, host: String)
    case finished(TaskID, TaskResult)
    case ticket([UInt8], epoch: Int64)
    case preCommitted(epoch: Int64)
    case seed([UInt8], epoch: Int64)
    case proven(epoch: Int64)
    case refused(ChainRefusal)
    /// A pause after a failure is over.
    case retryDue
}

/// What a sector wants done.
package enum SectorAction: Sendable, Hashable {
    case reserve
    /// The sector lies at this store already; its room is taken again.
    case claim(store: String)
    case submit(TaskRequest)
    case cancel(TaskID)
    case askTicket
    case sendPreCommit
    case askSeed
    case sendProof
    case releaseStore
    case retry(after: Duration)
}

/// The life of one sector as a pure value: an event in, the next state and the wanted actions out.
///
///     Packing → GetTicket → PreCommit1 → PreCommit2 → PreCommitWait → WaitSeed → Committing → CommitWait
///       → FinalizeSector → Proving
///
/// Losing a worker leads back only as far as the files demand: while the store is there the task is tried
/// again; when it is gone the sector starts anew at Packing, with its old ticket once the chain knows its
/// commitment, so that the same replica comes out.
package struct SectorStateMachine: Sendable, Hashable {
    /// Limits on trying again.
    package struct Limits: Sendable, Hashable {
        /// Failures of computation in a row before a person must look.
        package var failureCountMax = 5
        /// The pause after a failure.
        package var retryPause: Duration = .seconds(60)

        package init(failureCountMax: Int = 5, retryPause: Duration = .seconds(60)) {
            self.failureCountMax = failureCountMax
            self.retryPause = retryPause
        }
    }

    package private(set) var record: SectorRecord
    private let limits: Limits

    package init(record: SectorRecord, limits: Limits = Limits()) {
        self.record = record
        self.limits = limits
    }

    /// Takes one event; an event that the state does not expect changes nothing and wants nothing.
    package mutating func handle(_ event: SectorEvent) -> [SectorAction] {
        switch event {
        case .resume:
            // The task that was asked for last may still run or be done: asking for the same try finds it
            // again.
            let claim =
                record.state.isSealing ? record.store.map { [SectorAction.claim(store: $0)] } ?? [] : []
            return claim + resume(repeats: true)
        case .retryDue: return resume()
        case .storeLost(let store): return store == record.store ? storeLost() : []
        case .moved(let store, let host):
            guard record.state.isSealing, record.store != nil else { return [] }
            record.store = store
            record.host = host
            return []
        case .finished(let id, let result): return finished(id, result)
        case .reserved(let store, let host):
            guard record.state == .packing, record.store == nil else { return [] }
            record.store = store
            record.host = host
            return submit(.addPiece(payloadPath: record.payloadPath))
        case .ticket(let value, let epoch):
            guard record.state == .getTicket else { return [] }
            record.ticket = value
            record.ticketEpoch = epoch
            return enter(.preCommit1)
        case .preCommitted(let epoch):
            guard record.state == .preCommitWait else { return [] }
            record.preCommitEpoch = epoch
            return enter(.waitSeed)
        case .seed(let value, let epoch):
            guard record.state == .waitSeed else { return [] }
            record.seed = value
            record.seedEpoch = epoch
            return enter(.committing)
        case .proven(let epoch):
            guard record.state == .commitWait else { return [] }
            record.provenEpoch = epoch
            record.proofBytes = nil
            return enter(.finalizeSector)
        case .refused(let refusal): return refused(refusal)
        }
    }

    // MARK: Going on

    private mutating func enter(_ state: SectorState) -> [SectorAction] {
        record.state = state
        record.lastError = nil
        return resume()
    }

    /// The actions that the present state asks for; safe to repeat.
    private mutating func resume(repeats: Bool = false) -> [SectorAction] {
        switch record.state {
        case .packing:
            record.store == nil
                ? [.reserve] : submit(.addPiece(payloadPath: record.payloadPath), repeats: repeats)
        case .getTicket: [.askTicket]
        case .preCommit1: redo(.preCommit1, repeats: repeats)
        case .preCommit2: redo(.preCommit2, repeats: repeats)
        case .sealPreCommit1Failed: redo(.preCommit1)
        case .sealPreCommit2Failed: redo(.preCommit2)
        case .preCommitWait: [.sendPreCommit]
        case .waitSeed: [.askSeed]
        case .committing: redo(.committing, repeats: repeats)
        case .computeProofFailed: redo(.committing)
        case .commitWait: [.sendProof]
        case .finalizeSector: redo(.finalizeSector, repeats: repeats)
        case .finalizeFailed: redo(.finalizeSector)
        case .proving: [.releaseStore]
        case .failedUnrecoverable: []
        }
    }

    private mutating func redo(_ state: SectorState, repeats: Bool = false) -> [SectorAction] {
        record.state = state
        switch state {
        case .preCommit1:
            guard let ticket = record.ticket else { return enter(.getTicket) }
            return submit(.preCommit1(ticket: ticket), repeats: repeats)
        case .preCommit2: return submit(.preCommit2, repeats: repeats)
        case .committing:
            guard let ticket = record.ticket, let seed = record.seed else { return enter(.waitSeed) }
            // Openings that are there already need only their SNARK.
            if record.makesSNARK, record.proofBytes != nil { return submit(.commit2, repeats: repeats) }
            return submit(.commit1(ticket: ticket, seed: seed), repeats: repeats)
        default: return submit(.finalize, repeats: repeats)
        }
    }

    /// Asks for a task: for the next try, or for the latest one again.
    private mutating func submit(_ work: TaskWork, repeats: Bool = false) -> [SectorAction] {
        if !repeats || record.attempts[work.type.stage] == 0 { record.attempts[work.type.stage] += 1 }
        let id = TaskID(sector: record.key, type: work.type, attempt: record.attempts[work.type.stage])
        return [.submit(TaskRequest(id: id, proof: record.proof, work: work))]
    }

    /// The latest try of a kind.
    private func current(_ type: TaskType) -> TaskID {
        TaskID(sector: record.key, type: type, attempt: record.attempts[type.stage])
    }

    // MARK: Tasks

    private mutating func finished(_ id: TaskID, _ result: TaskResult) -> [SectorAction] {
        guard id == current(id.type), expects(id.type) else { return [] }
        switch result {
        case .done(let outcome): return done(outcome)
        case .failed(let failure): return failed(id.type, failure)
        }
    }

    private func expects(_ type: TaskType) -> Bool {
        switch (record.state, type) {
        case (.packing, .addPiece), (.preCommit1, .preCommit1), (.preCommit2, .preCommit2),
            (.committing, .commit1), (.committing, .commit2), (.finalizeSector, .finalize):
            true
        default: false
        }
    }

    private mutating func done(_ outcome: TaskOutcome) -> [SectorAction] {
        record.failureCount = 0
        switch outcome {
        case .addPiece(let commitment, _):
            record.unsealedCommitment = commitment
            // A sector that the chain knows keeps its ticket, so that sealing it anew gives the same replica.
            return enter(record.preCommitEpoch != nil && record.ticket != nil ? .preCommit1 : .getTicket)
        case .preCommit1(let commitment):
            if let known = record.unsealedCommitment, known != commitment {
                return damaged("PreCommit1 found other data than AddPiece wrote")
            }
            record.unsealedCommitment = commitment
            return enter(.preCommit2)
        case .preCommit2(let unsealed, let sealed):
            record.unsealedCommitment = unsealed
            if record.preCommitEpoch != nil {
                guard record.sealedCommitment == sealed else {
                    return giveUp("sealing anew gave another CommR than the chain knows")
                }
                return enter(record.provenEpoch != nil ? .finalizeSector : .waitSeed)
            }
            record.sealedCommitment = sealed
            return enter(.preCommitWait)
        case .commit1(let form, let proof):
            record.proofForm = form
            record.proofBytes = proof
            return record.makesSNARK ? submit(.commit2) : enter(.commitWait)
        case .commit2(let form, let proof):
            record.proofForm = form
            record.proofBytes = proof
            return enter(.commitWait)
        case .finalize(let store):
            record.store = store
            record.host = nil
            return enter(.proving)
        }
    }

    private mutating func failed(_ type: TaskType, _ failure: TaskFailure) -> [SectorAction] {
        record.lastError = failure.description
        switch failure.cause {
        case .infrastructureLost, .aborted:
            // Says nothing about the data: the same step again, where a slot is free.
            return redoTask(type)
        case .filesLost: return damaged(failure.message)
        case .invalidRequest: return giveUp(failure.message)
        case .computeFailed:
            record.failureCount += 1
            guard record.failureCount <= limits.failureCountMax else {
                return giveUp("\(record.failureCount) failures in a row; the last: \(failure.message)")
            }
            switch type {
            case .preCommit1: record.state = .sealPreCommit1Failed
            case .preCommit2: record.state = .sealPreCommit2Failed
            case .commit1, .commit2: record.state = .computeProofFailed
            case .finalize: record.state = .finalizeFailed
            case .addPiece: break
            }
            return [.retry(after: limits.retryPause)]
        }
    }

    private mutating func redoTask(_ type: TaskType) -> [SectorAction] {
        switch type {
        case .addPiece: record.store == nil ? [.reserve] : submit(.addPiece(payloadPath: record.payloadPath))
        case .preCommit1: redo(.preCommit1)
        case .preCommit2: redo(.preCommit2)
        case .commit1, .commit2: redo(.committing)
        case .finalize: redo(.finalizeSector)
        }
    }

    // MARK: Losses

    private mutating func storeLost() -> [SectorAction] {
        guard record.state.isSealing else { return [] }
        return startAnew("the store \(record.store ?? "") that held it was lost")
    }

    private mutating func damaged(_ reason: String) -> [SectorAction] {
        record.failureCount += 1
        guard record.failureCount <= limits.failureCountMax else { return giveUp(reason) }
        return startAnew(reason)
    }

    private mutating func startAnew(_ reason: String) -> [SectorAction] {
        let cancels = TaskType.allCases.filter { record.attempts[$0.stage] > 0 && expects($0) }
            .map { SectorAction.cancel(current($0)) }
        record.state = .packing
        record.store = nil
        record.host = nil
        record.proofBytes = record.provenEpoch == nil ? nil : record.proofBytes
        record.lastError = reason
        if record.preCommitEpoch == nil {
            record.ticket = nil
            record.ticketEpoch = nil
            record.sealedCommitment = nil
        }
        return cancels + [.releaseStore, .reserve]
    }

    private mutating func refused(_ refusal: ChainRefusal) -> [SectorAction] {
        switch record.state {
        case .preCommitWait:
            record.failureCount += 1
            guard record.failureCount <= limits.failureCountMax else { return giveUp(refusal.description) }
            record.lastError = refusal.description
            // A ticket that is too old, or not the chain's own: draw another and label again.
            record.ticket = nil
            record.ticketEpoch = nil
            return enter(.getTicket)
        case .commitWait, .waitSeed:
            record.failureCount += 1
            guard record.failureCount <= limits.failureCountMax else { return giveUp(refusal.description) }
            record.lastError = refusal.description
            record.proofBytes = nil
            record.state = .computeProofFailed
            return [.retry(after: limits.retryPause)]
        case .getTicket:
            record.lastError = refusal.description
            return [.retry(after: limits.retryPause)]
        default: return []
        }
    }

    private mutating func giveUp(_ reason: String) -> [SectorAction] {
        record.state = .failedUnrecoverable
        record.lastError = reason
        return [.releaseStore]
    }
}
