// SPDX-License-Identifier: Apache-2.0
private import Chain
private import Foundation
package import Kernel
package import Logging
package import Scheduler
package import Sealing
private import Synchronization

/// Runs sealing tasks with the native kernels, on threads of their own, over the files of one directory.
///
/// An abort sets a flag that the kernels look at several times a second. Every step may be repeated: what is
/// complete has its final name, and what has not is done again.
package final class NativeTaskRunner: TaskRunner {
    private let sealing: SectorDirectory
    private let longTerm: SectorDirectory
    private let pool: WorkPool
    private let options: SealingOptions
    private let hasher: any PoseidonHasher
    private let log: Logger
    private let cancelled = Mutex<Set<CallID>>([])
    private let active = Mutex<Set<CallID>>([])

    /// Makes a runner.
    ///
    /// - Parameters:
    ///   - sealing: where sectors are sealed.
    ///   - longTerm: where finished sectors go.
    ///   - pool: the threads that compute.
    ///   - options: limits and places for the kernels.
    ///   - hasher: who hashes trees and columns, for all tasks that run at once.
    package init(
        sealing: SectorDirectory, longTerm: SectorDirectory, pool: WorkPool,
        options: SealingOptions = SealingOptions(), hasher: any PoseidonHasher = ProcessorPoseidon(),
        log: Logger
    ) {
        self.sealing = sealing
        self.longTerm = longTerm
        self.pool = pool
        self.options = options
        self.hasher = hasher
        self.log = log
    }

    package func start(
        _ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>
    ) {
        active.withLock { _ = $0.insert(call) }
        pool.submit { [self] in
            let result = run(call, request)
            active.withLock { _ = $0.remove(call) }
            cancelled.withLock { _ = $0.remove(call) }
            reportTo.tell(.finished(call, result))
        }
    }

    package func abort(_ call: CallID) {
        guard active.withLock({ $0.contains(call) }) else { return }
        cancelled.withLock { _ = $0.insert(call) }
    }

    private func run(_ call: CallID, _ request: TaskRequest) -> TaskResult {
        do {
            log.debug("\(call) begins")
            return .done(try perform(call, request))
        } catch let failure as TaskFailure {
            return .failed(failure)
        } catch let error as SealingError {
            return .failed(TaskFailure(cause: cause(of: error), message: error.description))
        } catch {
            return .failed(TaskFailure(cause: .computeFailed, message: "\(error)"))
        }
    }

    private func cause(of error: SealingError) -> TaskFailure.Cause {
        switch error.code {
        case .cancelled: .aborted
        case .missingFile, .wrongFileSize, .commitmentMismatch, .malformed, .notCanonical: .filesLost
        case .invalidArgument, .piecesDoNotFit: .invalidRequest
        default: .computeFailed
        }
    }

    private func perform(_ call: CallID, _ request: TaskRequest) throws -> TaskOutcome {
        guard let number = Int(exactly: request.proof) else {
            throw TaskFailure(cause: .invalidRequest, message: "no registered proof \(request.proof)")
        }
        let key = request.id.sector
        let sector = SectorIdentity(
            minerID: key.miner, number: key.number, proof: try RegisteredSealProof(number: number))
        let observer = SealObserver(
            isCancelled: { [self] in cancelled.withLock { $0.contains(call) } },
            warn: { [log] in log.warning("\(call): \($0)") })
        let pipeline = SealPipeline(
            sector, paths: sealing.paths(of: sector), options: options, observer: observer, hasher: hasher)
        switch request.work {
        case .addPiece(let path): return try addPiece(path, sector, pipeline)
        case .preCommit1(let ticket): return try preCommit1(ticket, sector, pipeline)
        case .preCommit2: return try preCommit2(sector, pipeline)
        case .commit1(let ticket, let seed): return try commit1(ticket, seed, sector, pipeline)
        case .commit2:
            throw TaskFailure(
                cause: .invalidRequest,
                message: "this build proves by vanilla openings; it has no SNARK prover for Commit2")
        case .addPieces(let pieces, let fills, let isUpdate):
            guard !isUpdate else { throw Self.unsupported(request) }
            return try addPieces(pieces, fills: fills, sector, pipeline)
        case .remove(onlyUpdate: false):
            try sealing.remove(sector)
            try longTerm.remove(sector)
            return .completed
        case .remove, .replicaUpdate, .proveReplicaUpdate, .finalizeReplicaUpdate, .releaseKey, .download,
            .windowPoSt:
            throw Self.unsupported(request)
        case .finalize:
            try pipeline.finalize(keepUnsealed: true)
            try sealing.move(sector, to: longTerm)
            return .finalize(store: longTerm.root)
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
        _ pieces: [PieceDeal], fills: Bool, _ sector: SectorIdentity, _ pipeline: SealPipeline
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
        _ path: String?, _ sector: SectorIdentity, _ pipeline: SealPipeline
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
        _ ticket: [UInt8], _ sector: SectorIdentity, _ pipeline: SealPipeline
    ) throws -> TaskOutcome {
        var notes = try SectorNotes.load(sealing.notes(of: sector))
        let ticket = try Commitment(bytes: ticket)
        let output = try pipeline.preCommit1(ticket: ticket, pieces: notes.pieces)
        notes.ticket = ticket
        notes.preCommit1 = output
        notes.preCommit2 = nil
        try notes.save(sealing.notes(of: sector))
        return .preCommit1(unsealedCommitment: output.commD.bytes)
    }

    private func preCommit2(_ sector: SectorIdentity, _ pipeline: SealPipeline) throws -> TaskOutcome {
        var notes = try SectorNotes.load(sealing.notes(of: sector))
        guard let input = notes.preCommit1 else {
            throw TaskFailure(
                cause: .filesLost, message: "the result of PreCommit1 is not in \(sealing.root)")
        }
        let output = try pipeline.preCommit2(input)
        notes.preCommit2 = output
        try notes.save(sealing.notes(of: sector))
        return .preCommit2(unsealedCommitment: output.commD.bytes, sealedCommitment: output.commR.bytes)
    }

    private func commit1(
        _ ticket: [UInt8], _ seed: [UInt8], _ sector: SectorIdentity, _ pipeline: SealPipeline
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
