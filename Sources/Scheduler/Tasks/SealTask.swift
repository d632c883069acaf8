// SPDX-License-Identifier: Apache-2.0
public import Chain
public import Kernel

/// A kind of sealing work, by its stable name in journals and on the wire.
@usableFromInline
package enum TaskType: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
    case addPiece = "seal/v0/addpiece"
    case preCommit1 = "seal/v0/precommit/1"
    case preCommit2 = "seal/v0/precommit/2"
    case commit1 = "seal/v0/commit/1"
    case commit2 = "seal/v0/commit/2"
    case finalize = "seal/v0/finalize"
    case replicaUpdate = "seal/v0/replicaupdate"
    case proveReplicaUpdate = "seal/v0/provereplicaupdate/2"
    case finalizeReplicaUpdate = "seal/v0/finalize/replicaupdate"
    case releaseKey = "seal/v0/releasesectorkey"
    case remove = "seal/v0/remove"
    case download = "seal/v0/download/sector"
    case windowPoSt = "post/v0/windowproof"

    /// The short name of tables: AP, PC1, PC2, C1, C2, FIN and those of a sector's later life.
    package var short: String {
        switch self {
        case .addPiece: "AP"
        case .preCommit1: "PC1"
        case .preCommit2: "PC2"
        case .commit1: "C1"
        case .commit2: "C2"
        case .finalize: "FIN"
        case .replicaUpdate: "RU"
        case .proveReplicaUpdate: "PR2"
        case .finalizeReplicaUpdate: "FRU"
        case .releaseKey: "RK"
        case .remove: "RM"
        case .download: "DL"
        case .windowPoSt: "WDP"
        }
    }

    /// The position in the pipeline, from 0.
    @inlinable package var stage: Int {
        switch self {
        case .addPiece: 0
        case .preCommit1: 1
        case .preCommit2: 2
        case .commit1: 3
        case .commit2: 4
        case .finalize: 5
        case .replicaUpdate: 6
        case .proveReplicaUpdate: 7
        case .finalizeReplicaUpdate: 8
        case .releaseKey: 9
        case .remove: 10
        case .download: 11
        case .windowPoSt: 12
        }
    }

    /// Compares the positions; the default for a raw value compares the names.
    @inlinable
    package static func == (lhs: TaskType, rhs: TaskType) -> Bool { lhs.stage == rhs.stage }

    /// Hashes the position; the default would hash the name, at every look-up of a task.
    @inlinable
    package func hash(into hasher: inout Hasher) { hasher.combine(stage) }

    /// The number of kinds; sizes tables indexed by ``stage``.
    package static let count = 13

    /// The tasks that every sector passes through, in order.
    package static let sealing: [TaskType] = [
        .addPiece, .preCommit1, .preCommit2, .commit1, .commit2, .finalize,
    ]

    /// Tells whether the task needs the sector's own files, so that it runs where they are.
    package var needsFiles: Bool {
        switch self {
        // A partition's sectors lie on many stores, which those who prove it can all read.
        case .commit2, .windowPoSt: false
        default: true
        }
    }

    @inlinable
    package static func < (lhs: TaskType, rhs: TaskType) -> Bool { lhs.stage < rhs.stage }
}

/// One piece of work: a sector, a kind, and which try of it this is.
@usableFromInline
package struct TaskID: Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
    @usableFromInline package let sector: SectorKey
    @usableFromInline package let type: TaskType
    /// Counts the sector's tries of this kind from 1.
    @usableFromInline package let attempt: Int

    package init(sector: SectorKey, type: TaskType, attempt: Int) {
        self.sector = sector
        self.type = type
        self.attempt = attempt
    }

    @usableFromInline package var description: String { "\(sector) \(type.short) try \(attempt)" }

    // By hand: the one that is made compares the kinds by way of their protocol. Inlinable, as those of
    // ``SectorKey`` are.
    @inlinable
    package static func == (lhs: TaskID, rhs: TaskID) -> Bool {
        lhs.sector == rhs.sector && lhs.type == rhs.type && lhs.attempt == rhs.attempt
    }

    /// Hashes one word, which differs for the first tries of a sector's kinds.
    @inlinable
    package func hash(into hasher: inout Hasher) { hasher.combine(hashWord) }

    /// Mixes that word, as ``SectorKey`` does.
    @inlinable
    package func _rawHashValue(seed: Int) -> Int {
        Int(truncatingIfNeeded: mixed(hashWord ^ UInt64(truncatingIfNeeded: seed)))
    }

    @inlinable package var hashWord: UInt64 {
        sector.hashWord ^ (UInt64(type.stage) << 56 | UInt64(truncatingIfNeeded: attempt) << 60)
    }

    @inlinable
    package static func < (lhs: TaskID, rhs: TaskID) -> Bool {
        (lhs.sector, lhs.type, lhs.attempt) < (rhs.sector, rhs.type, rhs.attempt)
    }
}

/// What a worker is to do, with all that it needs to know.
package enum TaskWork: Sendable, Hashable, Codable {
    /// Fill the sector: zeros for committed capacity, or the file at `payloadPath`.
    case addPiece(payloadPath: String?)
    /// Write these pieces, each at the next offset that its size divides, those that are there already left
    /// alone; then, where `fills` says so, zeros up to the end. `isUpdate`: beside the replica that is there.
    case addPieces([PieceDeal], fills: Bool, isUpdate: Bool)
    /// Label the layers. `ticket` has 32 bytes.
    case preCommit1(ticket: [UInt8])
    /// Hash the columns and build the trees.
    case preCommit2
    /// Open the challenges that follow from `seed`, 32 bytes.
    case commit1(ticket: [UInt8], seed: [UInt8])
    /// Turn the openings into a SNARK.
    case commit2
    /// Clear what proving does not need, the unsealed copy too unless it is kept, and move the sector to
    /// long-term storage.
    case finalize(keepsUnsealed: Bool)
    /// Encode the pieces into the sealed sector: the new replica.
    case replicaUpdate
    /// Prove that encoding.
    case proveReplicaUpdate
    /// Clear what proving the new replica does not need, and move it to long-term storage.
    case finalizeReplicaUpdate
    /// Delete the old replica, which was the key of the new one.
    case releaseKey
    /// Delete the sector's files everywhere; of an update that is given up only its own.
    case remove(onlyUpdate: Bool)
    /// Fetch the files of a sector that was sealed elsewhere.
    case download(from: [String])
    /// Prove a partition to the chain's challenge of a deadline.
    case windowPoSt(PartitionChallenge)

    package var type: TaskType {
        switch self {
        case .addPiece, .addPieces: .addPiece
        case .preCommit1: .preCommit1
        case .preCommit2: .preCommit2
        case .commit1: .commit1
        case .commit2: .commit2
        case .finalize: .finalize
        case .replicaUpdate: .replicaUpdate
        case .proveReplicaUpdate: .proveReplicaUpdate
        case .finalizeReplicaUpdate: .finalizeReplicaUpdate
        case .releaseKey: .releaseKey
        case .remove: .remove
        case .download: .download
        case .windowPoSt: .windowPoSt
        }
    }
}

extension TaskWork {
    /// It reads a partition's sectors to find those that cannot be read; no proof depends on it.
    package var isCheck: Bool {
        if case .windowPoSt(let challenge) = self { challenge.isCheck } else { false }
    }
}

/// A task as a sector submits it.
package struct TaskRequest: Sendable, Hashable, Codable {
    package let id: TaskID
    /// The registered seal proof's number.
    package let proof: UInt64
    package let work: TaskWork
    /// Its slot is taken first and told as ``TaskEvent/granted(_:worker:)``; the work begins when its owner
    /// has said with ``SchedulerMessage/supply(_:)`` what exactly to do. A ticket that is drawn then has not
    /// aged in a queue.
    package var isHeld: Bool
    /// When it must be done at the latest: a ticket that gets too old, a deal that begins; `nil` for none.
    package var deadline: Instant?
    /// Higher goes first among those of one deadline class: 1024 for deals in the field, 0 for the rest.
    package var priority: Int

    package init(
        id: TaskID, proof: UInt64, work: TaskWork, isHeld: Bool = false, deadline: Instant? = nil,
        priority: Int = 0
    ) {
        precondition(id.type == work.type, "a task's id and work are of one kind")
        self.id = id
        self.proof = proof
        self.work = work
        self.isHeld = isHeld
        self.deadline = deadline
        self.priority = priority
    }
}

/// What a finished task yields.
package enum TaskOutcome: Sendable, Hashable, Codable {
    /// The pieces' commitment, 32 bytes, and the padded size in bytes.
    case addPiece(unsealedCommitment: [UInt8], paddedBytes: UInt64)
    case preCommit1(unsealedCommitment: [UInt8])
    /// 32 bytes each.
    case preCommit2(unsealedCommitment: [UInt8], sealedCommitment: [UInt8])
    case commit1(form: ProofForm, proof: [UInt8])
    case commit2(form: ProofForm, proof: [UInt8])
    /// The path or name of the long-term store that holds the sector now.
    case finalize(store: String)
    /// The commitments of the new data and replica, 32 bytes each.
    case replicaUpdate(unsealedCommitment: [UInt8], sealedCommitment: [UInt8])
    case proveReplicaUpdate(proof: [UInt8])
    /// Done; there is nothing more to say.
    case completed
    /// The proof of a partition, the sectors that could not be read and are left out of it, and why, in
    /// their order: as many reasons as there is room for.
    case windowPoSt(proof: [UInt8], skipped: [UInt64], reasons: [String] = [])
}

/// Why a task did not finish.
package struct TaskFailure: Sendable, Hashable, Codable, Error, CustomStringConvertible {
    /// What kind of trouble it was; decides what is tried next.
    package enum Cause: String, Sendable, Hashable, Codable {
        /// The worker, its host or its network is gone: says nothing about the data.
        case infrastructureLost
        /// The sector's files are gone or damaged: earlier stages must be repeated.
        case filesLost
        /// The disk is full: says nothing about the data, and there may be room later.
        case noSpace
        /// The computation failed on what seemed good data.
        case computeFailed
        /// The request itself is wrong; trying again is useless.
        case invalidRequest
        /// It was aborted on purpose.
        case aborted
    }

    package let cause: Cause
    /// What happened, where, and what to do.
    package let message: String

    package init(cause: Cause, message: String) {
        self.cause = cause
        self.message = message
    }

    package var description: String { "\(cause.rawValue): \(message)" }
}
