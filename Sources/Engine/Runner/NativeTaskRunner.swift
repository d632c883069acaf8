// SPDX-License-Identifier: Apache-2.0
internal import Chain
private import Foundation
package import Kernel
package import Logging
package import Scheduler
package import Sealing
private import Synchronization

/// Runs sealing tasks with the native kernels, on threads of their own, over the files of its stores.
///
/// An abort sets a flag that the kernels look at several times a second. Every step may be repeated: what is
/// complete has its final name, and what has not is done again.
package final class NativeTaskRunner: TaskRunner {
    let stores: StorePaths
    /// Between hosts; `nil` where there is only this one.
    let transfers: SectorTransfers?
    /// The stores that the index named for sectors.
    private let named = Mutex<[SectorKey: String]>([:])
    let pool: WorkPool
    /// How partitions are proven.
    let proving: Proving
    private let options: SealingOptions
    private let hasher: any PoseidonHasher
    let log: Logger
    /// Logical processors that calls have for themselves.
    private let processors = Mutex<[CallID: [Int]]>([:])
    private let cancelled = Mutex<Set<CallID>>([])
    private let active = Mutex<Set<CallID>>([])
    private let batching: Batching
    /// Measures what tasks take of memory; `nil` where nobody asks.
    private let memory: MemoryWatch?
    /// Tasks of pre-commit 1 that wait for others to be run with.
    let gatherer: Gatherer<Waiting>

    /// Makes a runner.
    ///
    /// - Parameters:
    ///   - stores: where sectors are sealed and kept.
    ///   - transfers: brings files from and to other hosts.
    ///   - pool: the threads that compute.
    ///   - proving: how partitions are proven; on the threads of `pool` unless given.
    ///   - options: limits and places for the kernels.
    ///   - hasher: who hashes trees and columns, for all tasks that run at once.
    ///   - batching: how many tasks of pre-commit 1 are run together.
    ///   - memory: measures what tasks take of it.
    package init(
        stores: StorePaths, transfers: SectorTransfers? = nil, pool: WorkPool, proving: Proving? = nil,
        options: SealingOptions = SealingOptions(), hasher: any PoseidonHasher = ProcessorPoseidon(),
        batching: Batching = Batching(), memory: MemoryWatch? = nil, log: Logger
    ) {
        self.stores = stores
        self.transfers = transfers
        self.pool = pool
        self.proving = proving ?? Proving(pool: pool)
        self.options = options
        self.hasher = hasher
        self.batching = batching
        self.memory = memory
        gatherer = Gatherer(countMax: batching.countMax, window: batching.wait)
        self.log = log
    }

    package func start(
        _ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>
    ) {
        begin(call)
        let waiting = Waiting(call: call, request: request, reportTo: reportTo)
        if batching.countMax > 1, case .preCommit1 = request.work { return gather(waiting) }
        if case .windowPoSt(let challenge) = request.work { return prove(waiting, challenge) }
        pool.submit { [self] in
            let result = run(waiting)
            guard case .finalize = request.work, result.isDone else { return finish(waiting, result) }
            keep(waiting)
        }
    }

    /// A call is under way; its sector's files stay until ``forget(_:)``.
    func begin(_ call: CallID) {
        guard active.withLock({ $0.insert(call).inserted }) else { return }
        stores.hold(call.task.sector)
    }

    /// A call is over.
    func forget(_ call: CallID) {
        guard active.withLock({ $0.remove(call) }) != nil else { return }
        cancelled.withLock { _ = $0.remove(call) }
        processors.withLock { _ = $0.removeValue(forKey: call) }
        stores.letGo(call.task.sector)
    }

    /// Reports the end of a call.
    func finish(_ waiting: Waiting, _ result: TaskResult) { end(waiting.call, result, waiting.reportTo) }

    func end(_ call: CallID, _ result: TaskResult, _ reportTo: Ref<WorkerMessage>) {
        forget(call)
        reportTo.tell(.finished(call, result))
    }

    /// The index has named a store for a sector, or knows of none.
    func note(store: String?, of sector: SectorKey) {
        named.withLock { named in
            if named.count > 10_000 { named = [:] }
            named[sector] = store
        }
    }

    /// The directory in which a sector is sealed.
    func sealing(_ sector: SectorIdentity) throws(EngineError) -> SectorDirectory {
        let store = try stores.sealing(sector.key, named: named.withLock { $0[sector.key] })
        guard let directory = store.directory else {
            throw EngineError(code: .refused, message: "nothing can be sealed in \(store.root)")
        }
        return directory
    }

    /// Where a sector is when its sealing ends.
    func finishing(_ sector: SectorKey) throws(EngineError) -> OpenStore {
        try stores.finishing(sector, named: named.withLock { $0[sector] })
    }

    package func abort(_ call: CallID) {
        guard active.withLock({ $0.contains(call) }) else { return }
        cancelled.withLock { _ = $0.insert(call) }
    }

    func isCancelled(_ call: CallID) -> Bool { cancelled.withLock { $0.contains(call) } }

    func run(_ waiting: Waiting) -> TaskResult {
        log.debug("\(waiting.call) begins")
        beginCompute([waiting])
        let ended = onOwnProcessors([waiting]) { result { try perform(waiting.call, waiting.request) } }
        endCompute([waiting], isDone: ended.isDone)
        return ended
    }

    /// The scheduler has leased a call a group of processors.
    func note(processors leased: [Int], of call: CallID) {
        if !leased.isEmpty { processors.withLock { $0[call] = leased } }
    }

    /// Runs what computes for calls where their leases are, if all of them have one.
    ///
    /// A core group is leased so that its cache holds one chain of labels: it must run there.
    func onOwnProcessors<T>(_ calls: [Waiting], _ body: () -> T) -> T {
        let leased = processors.withLock { known in calls.map { known[$0.call] ?? [] } }
        guard !leased.contains(where: \.isEmpty) else { return body() }
        do throws(KernelError) {
            return try ProcessorBinding.bound(to: leased.flatMap(\.self), body)
        } catch {
            log.warning("\(calls.map { "\($0.call)" }.joined(separator: ", ")) runs anywhere: \(error)")
            return body()
        }
    }

    /// Calls of one kind and size begin to take memory, together.
    func beginCompute(_ calls: [Waiting]) {
        guard let first = calls.first else { return }
        memory?.begin(calls.map(\.call), proof: first.request.proof)
    }

    /// They take none any more; the scheduler hears what they took where that is news.
    func endCompute(_ calls: [Waiting], isDone: Bool) {
        guard let cells = memory?.end(calls.map(\.call), isDone: isDone) else { return }
        calls.first?.reportTo.tell(.measured(cells))
    }

    /// What `body` comes to: an outcome, or why there is none.
    func result(_ body: () throws -> TaskOutcome) -> TaskResult {
        do {
            return .done(try body())
        } catch let failure as TaskFailure {
            return .failed(failure)
        } catch let error as SealingError {
            return .failed(TaskFailure(cause: cause(of: error), message: error.description))
        } catch let error as EngineError where error.code == .unreachable {
            return .failed(TaskFailure(cause: .infrastructureLost, message: error.description))
        } catch {
            return .failed(TaskFailure(cause: .computeFailed, message: "\(error)"))
        }
    }

    private func cause(of error: SealingError) -> TaskFailure.Cause {
        switch error.code {
        case .cancelled: .aborted
        case .missingFile, .wrongFileSize, .commitmentMismatch, .malformed, .notCanonical: .filesLost
        case .invalidArgument, .piecesDoNotFit: .invalidRequest
        case .noSpace: .noSpace
        default: .computeFailed
        }
    }

    func sector(of request: TaskRequest) throws -> SectorIdentity {
        guard let number = Int(exactly: request.proof) else {
            throw TaskFailure(cause: .invalidRequest, message: "no registered proof \(request.proof)")
        }
        let key = request.id.sector
        return SectorIdentity(
            minerID: key.miner, number: key.number, proof: try RegisteredSealProof(number: number))
    }

    /// The steps of a sector, which stop when one of `calls` is aborted.
    func pipeline(
        _ sector: SectorIdentity, _ call: CallID, stoppedBy calls: Set<CallID>, in directory: SectorDirectory
    ) -> SealPipeline {
        let observer = SealObserver(
            isCancelled: { [self] in cancelled.withLock { !$0.isDisjoint(with: calls) } },
            warn: { [log] in log.warning("\(call): \($0)") })
        return SealPipeline(
            sector, paths: directory.paths(of: sector), options: options, observer: observer, hasher: hasher)
    }

    private func perform(_ call: CallID, _ request: TaskRequest) throws -> TaskOutcome {
        let sector = try sector(of: request)
        let sealing: SectorDirectory
        if case .finalize = request.work {
            try finishMove(sector.key)
            let store = try finishing(sector.key)
            // What lies in a bucket was cleared before it went there, by an earlier try.
            guard let directory = store.directory else { return .finalize(store: store.root) }
            sealing = directory
        } else {
            sealing = try self.sealing(sector)
        }
        let pipeline = pipeline(sector, call, stoppedBy: [call], in: sealing)
        switch request.work {
        case .addPiece(let path): return try addPiece(path, sector, pipeline, sealing)
        case .preCommit1(let ticket): return try preCommit1(ticket, sector, pipeline, sealing)
        case .preCommit2: return try preCommit2(sector, pipeline, sealing)
        case .commit1(let ticket, let seed): return try commit1(ticket, seed, sector, pipeline, sealing)
        case .commit2:
            throw TaskFailure(
                cause: .invalidRequest,
                message: "this build proves by vanilla openings; it has no SNARK prover for Commit2")
        case .addPieces(let pieces, let fills, let isUpdate):
            guard !isUpdate else { throw Self.unsupported(request) }
            return try addPieces(pieces, fills: fills, sector, pipeline, sealing)
        case .remove(onlyUpdate: false):
            try removeAll(sector)
            return .completed
        case .remove(onlyUpdate: true):
            try removeUpdate(sector)
            return .completed
        case .replicaUpdate, .proveReplicaUpdate, .finalizeReplicaUpdate, .releaseKey, .download:
            throw Self.unsupported(request)
        case .windowPoSt: preconditionFailure("partitions are proven apart")
        case .finalize(let keepsUnsealed):
            try pipeline.finalize(keepUnsealed: keepsUnsealed)
            return .finalize(store: sealing.root)
        }
    }

    private static func unsupported(_ request: TaskRequest) -> TaskFailure {
        TaskFailure(
            cause: .invalidRequest,
            message:
                "this build has no native kernel for \(request.id.type.rawValue); "
                + "give the task to another worker"
        )
    }

    /// Writes the sector's pieces from the first: what an interrupted try left is never trusted.
    private func addPieces(
        _ pieces: [PieceDeal], fills: Bool, _ sector: SectorIdentity, _ pipeline: SealPipeline,
        _ sealing: SectorDirectory
    ) throws -> TaskOutcome {
        try sealing.remove(sector)
        var notes = SectorNotes()
        for piece in pieces {
            guard let path = piece.path else {
                throw TaskFailure(
                    cause: .invalidRequest,
                    message: "a piece of \(piece.paddedBytes) bytes names no file; give its path")
            }
            let added = try pipeline.addPiece(
                .wholeFile(path), paddedSize: piece.paddedBytes, existing: notes.pieces)
            guard added.piece.commP.bytes == piece.commitment else {
                throw TaskFailure(
                    cause: .invalidRequest,
                    message: "\(path) is not the piece of its deal: its commitment is another")
            }
            notes.pieces = added.pieces
        }
        if fills { notes.pieces += try pipeline.fillWithZeros(existing: notes.pieces) }
        try notes.save(sealing.notes(of: sector))
        let size = sector.proof.sectorSize
        guard fills else { return .addPiece(unsealedCommitment: [], paddedBytes: size.bytes) }
        let commD = try CommD.compute(pieces: notes.pieces, sectorSize: size)
        return .addPiece(unsealedCommitment: commD.bytes, paddedBytes: size.bytes)
    }

    private func addPiece(
        _ path: String?, _ sector: SectorIdentity, _ pipeline: SealPipeline, _ sealing: SectorDirectory
    ) throws -> TaskOutcome {
        // A sector that starts anew must not find the files of its first life.
        try sealing.remove(sector)
        var notes = SectorNotes()
        if let path {
            notes.pieces = try pipeline.addPiece(.wholeFile(path)).pieces
        }
        notes.pieces += try pipeline.fillWithZeros(existing: notes.pieces)
        try notes.save(sealing.notes(of: sector))
        let commD = try CommD.compute(pieces: notes.pieces, sectorSize: sector.proof.sectorSize)
        return .addPiece(unsealedCommitment: commD.bytes, paddedBytes: sector.proof.sectorSize.bytes)
    }

    private func preCommit1(
        _ ticket: [UInt8], _ sector: SectorIdentity, _ pipeline: SealPipeline,
        _ sealing: SectorDirectory
    ) throws -> TaskOutcome {
        let notes = try SectorNotes.load(sealing.notes(of: sector))
        let ticket = try Commitment(bytes: ticket)
        let output = try pipeline.preCommit1(ticket: ticket, pieces: notes.pieces)
        return try note(output, ticket: ticket, notes, of: sector, in: sealing)
    }

    /// Keeps what pre-commit 1 gave for the steps after it.
    func note(
        _ output: PreCommit1Output, ticket: Commitment, _ notes: SectorNotes, of sector: SectorIdentity,
        in sealing: SectorDirectory
    ) throws -> TaskOutcome {
        var notes = notes
        notes.ticket = ticket
        notes.preCommit1 = output
        notes.preCommit2 = nil
        try notes.save(sealing.notes(of: sector))
        return .preCommit1(unsealedCommitment: output.commD.bytes)
    }

    private func preCommit2(
        _ sector: SectorIdentity, _ pipeline: SealPipeline, _ sealing: SectorDirectory
    ) throws -> TaskOutcome {
        var notes = try SectorNotes.load(sealing.notes(of: sector))
        guard let input = notes.preCommit1 else {
            throw TaskFailure(
                cause: .filesLost, message: "the result of PreCommit1 is not in \(sealing.root)")
        }
        let output: PreCommit2Output
        if let made = notes.preCommit2, made.commD == input.commD, try pipeline.hasSyntheticProofs(made) {
            // A call before this one came so far that the layers may be gone.
            output = made
        } else {
            output = try pipeline.preCommit2(input)
            notes.preCommit2 = output
            try notes.save(sealing.notes(of: sector))
        }
        try pipeline.prepareForSeed(ticket: input.ticket, commitments: output)
        return .preCommit2(unsealedCommitment: output.commD.bytes, sealedCommitment: output.commR.bytes)
    }

    private func commit1(
        _ ticket: [UInt8], _ seed: [UInt8], _ sector: SectorIdentity, _ pipeline: SealPipeline,
        _ sealing: SectorDirectory
    ) throws -> TaskOutcome {
        let notes = try SectorNotes.load(sealing.notes(of: sector))
        guard let commitments = notes.preCommit2 else {
            throw TaskFailure(
                cause: .filesLost, message: "the result of PreCommit2 is not in \(sealing.root)")
        }
        let proofs = try pipeline.commit1(
            ticket: try Commitment(bytes: ticket), seed: try Commitment(bytes: seed), commitments: commitments
        )
        return .commit1(form: .vanilla, proof: [UInt8](try JSONEncoder().encode(proofs)))
    }
}
