// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// The fields of a ``SectorRecord``, and their stored form.
package struct SectorFields: Sendable, Hashable, Codable {
    package var key: SectorKey
    /// The registered seal proof's number.
    package var proof: UInt64
    /// Whether Commit2 follows Commit1; otherwise the openings themselves go to the chain.
    package var makesSNARK: Bool
    /// The file that fills the sector; `nil` for committed capacity and for deals.
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
    /// Failures of each cause since its last success, by ``FailureCause/index``; empty for none at all.
    package var failures: [Int] = []
    /// Why the sector is where it is, where that needs a reason.
    package var lastError: String?

    /// The deals whose pieces the sector holds.
    package var pieces: [PieceDeal] = []
    /// The piece that is being written.
    package var pendingPiece: PieceDeal?
    /// When the first piece was taken.
    package var openedAt: Instant?
    /// Packing follows the piece that is being written.
    package var packsNext = false
    /// The slot is there and the ticket was asked for.
    package var awaitsTicket = false
    /// A pause runs, after which the state goes on.
    package var isPaused = false
    /// The epoch at which the sector is to end; chosen when the pre-commitment is first sent.
    package var expiration: Int64?
    /// The client's name of the chain message that carries the sector.
    package var message: String?
    /// Where to go on after deals were resolved, files were fetched or a pause is over.
    package var returnState: SectorState?
    /// The files are in their final form and place already.
    package var isFinalized = false
    /// The proof is made on another party's machines.
    package var isRemoteCommit = false
    /// Where the files of a sector that was sealed elsewhere come from.
    package var sources: [String] = []
    package var update: ReplicaUpdate?
    package var faultEpoch: Int64?
    package var terminatedEpoch: Int64?

    init(key: SectorKey, proof: UInt64, makesSNARK: Bool, payloadPath: String?) {
        self.key = key
        self.proof = proof
        self.makesSNARK = makesSNARK
        self.payloadPath = payloadPath
    }

    /// Reads a record; fields that an earlier release did not write have their first value.
    package init(from decoder: any Decoder) throws {
        let table = try decoder.container(keyedBy: CodingKeys.self)
        func read<T: Decodable>(_ key: CodingKeys, or value: T) throws -> T {
            try table.decodeIfPresent(T.self, forKey: key) ?? value
        }
        key = try table.decode(SectorKey.self, forKey: .key)
        proof = try table.decode(UInt64.self, forKey: .proof)
        makesSNARK = try table.decode(Bool.self, forKey: .makesSNARK)
        payloadPath = try table.decodeIfPresent(String.self, forKey: .payloadPath)
        state = try table.decode(SectorState.self, forKey: .state)
        store = try table.decodeIfPresent(String.self, forKey: .store)
        host = try table.decodeIfPresent(String.self, forKey: .host)
        unsealedCommitment = try table.decodeIfPresent([UInt8].self, forKey: .unsealedCommitment)
        sealedCommitment = try table.decodeIfPresent([UInt8].self, forKey: .sealedCommitment)
        ticket = try table.decodeIfPresent([UInt8].self, forKey: .ticket)
        ticketEpoch = try table.decodeIfPresent(Int64.self, forKey: .ticketEpoch)
        seed = try table.decodeIfPresent([UInt8].self, forKey: .seed)
        seedEpoch = try table.decodeIfPresent(Int64.self, forKey: .seedEpoch)
        proofForm = try table.decodeIfPresent(ProofForm.self, forKey: .proofForm)
        proofBytes = try table.decodeIfPresent([UInt8].self, forKey: .proofBytes)
        preCommitEpoch = try table.decodeIfPresent(Int64.self, forKey: .preCommitEpoch)
        provenEpoch = try table.decodeIfPresent(Int64.self, forKey: .provenEpoch)
        attempts = try Self.padded(read(.attempts, or: []), to: TaskType.count)
        failures = try read(.failures, or: [])
        if !failures.isEmpty { failures = Self.padded(failures, to: FailureCause.allCases.count) }
        lastError = try table.decodeIfPresent(String.self, forKey: .lastError)
        pieces = try read(.pieces, or: [])
        pendingPiece = try table.decodeIfPresent(PieceDeal.self, forKey: .pendingPiece)
        openedAt = try table.decodeIfPresent(Instant.self, forKey: .openedAt)
        packsNext = try read(.packsNext, or: false)
        awaitsTicket = try read(.awaitsTicket, or: false)
        isPaused = try read(.isPaused, or: false)
        expiration = try table.decodeIfPresent(Int64.self, forKey: .expiration)
        message = try table.decodeIfPresent(String.self, forKey: .message)
        returnState = try table.decodeIfPresent(SectorState.self, forKey: .returnState)
        isFinalized = try read(.isFinalized, or: false)
        isRemoteCommit = try read(.isRemoteCommit, or: false)
        sources = try read(.sources, or: [])
        update = try table.decodeIfPresent(ReplicaUpdate.self, forKey: .update)
        faultEpoch = try table.decodeIfPresent(Int64.self, forKey: .faultEpoch)
        terminatedEpoch = try table.decodeIfPresent(Int64.self, forKey: .terminatedEpoch)
    }

    /// A table of an earlier release, which knew fewer kinds, made as long as today's.
    private static func padded(_ counts: [Int], to length: Int) -> [Int] {
        Array(counts.prefix(length)) + Array(repeating: 0, count: max(0, length - counts.count))
    }
}
