// SPDX-License-Identifier: Apache-2.0

/// A piece of a client's data and the deal that it belongs to.
package struct PieceDeal: Sendable, Hashable, Codable {
    /// The piece's commitment, 32 bytes.
    package var commitment: [UInt8]
    /// Bytes with padding: a power of two, 128 or more.
    package var paddedBytes: UInt64
    /// The epoch by which the sector must be proven.
    package var startEpoch: Int64
    /// The epoch until which the sector must last.
    package var endEpoch: Int64
    /// An unsealed copy stays beside the replica, for retrievals.
    package var keepsUnsealed: Bool
    /// The file that holds the data; `nil` where a worker finds it by the commitment.
    package var path: String?

    package init(
        commitment: [UInt8], paddedBytes: UInt64, startEpoch: Int64, endEpoch: Int64,
        keepsUnsealed: Bool = true, path: String? = nil
    ) {
        self.commitment = commitment
        self.paddedBytes = paddedBytes
        self.startEpoch = startEpoch
        self.endEpoch = endEpoch
        self.keepsUnsealed = keepsUnsealed
        self.path = path
    }
}

/// A piece that no sector holds yet.
package struct WaitingPiece: Sendable, Hashable, Codable {
    package var piece: PieceDeal
    /// Why no sector can take it as it is; `nil` where it waits for room. Offered again, it is tried again.
    package var refusal: String?

    package init(_ piece: PieceDeal, refusal: String? = nil) {
        self.piece = piece
        self.refusal = refusal
    }
}

/// What becomes of pieces with a change of a sector.
package struct PieceChanges: Sendable, Hashable {
    /// The sector has it now: it waits no more.
    package var taken: PieceDeal?
    /// The sector gives them back: they wait again.
    package var returned: [WaitingPiece]

    package init(taken: PieceDeal? = nil, returned: [WaitingPiece] = []) {
        self.taken = taken
        self.returned = returned
    }
}

/// What a replica update has come to.
package struct ReplicaUpdate: Sendable, Hashable, Codable {
    /// The pieces before it, which come back where it is given up.
    package var oldPieces: [PieceDeal]
    /// Where the new replica is made.
    package var store: String?
    package var host: String?
    /// 32 bytes each, where known.
    package var unsealedCommitment: [UInt8]?
    package var sealedCommitment: [UInt8]?
    package var proof: [UInt8]?
    /// The epoch at which it landed on the chain.
    package var landedEpoch: Int64?
    /// The epoch that is waited for: a deadline that may be changed again, or the end of the lookback.
    package var waitsForEpoch: Int64?

    package init(oldPieces: [PieceDeal]) { self.oldPieces = oldPieces }
}

/// A partition that is to be proven, and to what.
package struct PartitionChallenge: Sendable, Hashable, Codable {
    package var deadline: Int
    package var partition: Int
    /// The challenge, 32 bytes.
    package var randomness: [UInt8]
    /// Numbers of the sectors to prove, in order.
    package var sectors: [UInt64]
    /// The sectors' CommR, as the chain has them, 32 bytes each, in the same order; empty where nothing is
    /// sealed.
    package var commitments: [[UInt8]]
    /// Only read what a proof would read, and say which sectors cannot be read: no proof is wanted.
    package var isCheck: Bool

    package init(
        deadline: Int, partition: Int, randomness: [UInt8], sectors: [UInt64],
        commitments: [[UInt8]] = [], isCheck: Bool = false
    ) {
        self.deadline = deadline
        self.partition = partition
        self.randomness = randomness
        self.sectors = sectors
        self.commitments = commitments
        self.isCheck = isCheck
    }
}
