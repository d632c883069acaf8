// SPDX-License-Identifier: Apache-2.0
import Chain
import Sealing
import Testing

let devnet = NetworkParameters.devnet()
let beacon = DevnetBeacon(network: "2k", seed: 7)
let proof2KiB = RegisteredSealProof.all[5]

/// The chain's ticket for a sector, taken at `head`.
func ticket(_ key: SectorKey, head: Int64, _ parameters: NetworkParameters = devnet) throws -> SectorDraw {
    let epoch = parameters.ticketEpoch(head: head)
    let miner = try ActorAddress(id: key.miner)
    return SectorDraw(randomness: beacon.draw(.sealRandomness, epoch: epoch, miner: miner), epoch: epoch)
}

/// A pre-commitment that a chain at `head` takes; a change makes it a bad one.
func preCommit(
    _ key: SectorKey, head: Int64, _ parameters: NetworkParameters = devnet,
    change: (inout SectorPreCommit) -> Void = { _ in }
) throws -> SectorPreCommit {
    let ticket = try ticket(key, head: head, parameters)
    var message = SectorPreCommit(
        key: key, proof: 5, sealedCommitment: commitment(key, 1), unsealedCommitment: commitment(key, 2),
        ticket: ticket.randomness.bytes, ticketEpoch: ticket.epoch,
        expiration: parameters.defaultExpiration(head: head))
    change(&message)
    return message
}

/// 32 bytes that differ from sector to sector.
func commitment(_ key: SectorKey, _ salt: UInt8) -> [UInt8] {
    SHA256.hash(Array("\(key) \(salt)".utf8)).truncated254.bytes
}

func modelled(_ key: SectorKey, _ bytes: [UInt8] = [1]) -> SectorProveCommit {
    SectorProveCommit(key: key, form: .modelled, proof: bytes)
}

extension ChainState {
    /// Judges and, where it is new, applies.
    mutating func land(_ message: SectorPreCommit, head: Int64) throws -> Verdict {
        try take(consider(message, head: head))
    }

    /// Judges and, where it is new, applies.
    mutating func land(
        _ message: SectorProveCommit, head: Int64, verifier: any ProofVerifier = ModelProofVerifier()
    ) throws -> Verdict {
        try take(consider(message, head: head, verifier: verifier))
    }

    private mutating func take(_ verdict: Verdict) throws -> Verdict {
        if case .new(let entry, _) = verdict { try apply(entry) }
        return verdict
    }

    /// The state that a store's entries lead to; its genesis is skipped.
    static func replayed(_ store: MemoryChainStore, _ parameters: NetworkParameters) throws -> ChainState {
        var state = try ChainState(parameters: parameters, beacon: beacon)
        for bytes in try store.load().dropFirst() { try state.apply(ChainEntry(stored: bytes)) }
        return state
    }
}

extension ChainState.Verdict {
    /// The epoch at which the message lands or has landed; nil where it was refused.
    var landing: Int64? {
        switch self {
        case .new(_, let epoch), .known(let epoch): epoch
        case .refused: nil
        }
    }

    var refusal: ChainRefusal? {
        if case .refused(let refusal) = self { return refusal }
        return nil
    }

    var isNew: Bool { !entries.isEmpty }

    /// What is new by it.
    var entries: [ChainEntry] {
        if case .new(let entry, _) = self { return [entry] }
        return []
    }
}
