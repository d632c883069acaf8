// SPDX-License-Identifier: Apache-2.0
private import Sealing

/// Messages for many sectors, and for sectors that are proven.
extension ChainState {
    /// What the chain makes of a message for many sectors.
    package enum BatchVerdict: Sendable, Hashable {
        /// All is new and lands at `epoch`; the entries must be stored and applied together.
        case new([ChainEntry], epoch: Int64)
        /// All of it landed before, at `epoch` at the latest.
        case known(epoch: Int64)
        /// Nothing of it lands.
        case refused(ChainRefusal)
    }

    /// The most sectors of one message.
    package static let batchCountMax = 3000

    /// Judges pre-commitments that arrive in one message at `head`.
    package func consider(_ messages: [SectorPreCommit], head: Int64) -> BatchVerdict {
        gather(messages.map(\.key)) { consider(messages[$0], head: head) }
    }

    /// Judges proofs that arrive in one message at `head`.
    package func consider(
        _ messages: [SectorProveCommit], head: Int64, verifier: some ProofVerifier
    ) -> BatchVerdict {
        gather(messages.map(\.key)) { consider(messages[$0], head: head, verifier: verifier) }
    }

    /// Judges terminations that arrive in one message at `head`.
    package func considerTerminations(_ keys: [SectorKey], head: Int64) -> BatchVerdict {
        gather(keys) { index in
            let key = keys[index]
            guard let sector = sector(key), let proven = sector.provenEpoch else {
                return .refused(.notFound("sector \(key) is not proven; only a proven one is ended"))
            }
            if let ended = sector.terminatedEpoch { return .known(epoch: ended) }
            guard proven <= head else {
                return .refused(.forbidden("the proof of sector \(key) lands first"))
            }
            return .new(.terminated(key, epoch: head + 1), epoch: head + 1)
        }
    }

    /// All of a message or nothing of it: one bad sector refuses the whole.
    private func gather(_ keys: [SectorKey], _ judge: (Int) -> Verdict) -> BatchVerdict {
        guard !keys.isEmpty, keys.count <= Self.batchCountMax else {
            return .refused(
                .illegalArgument("a message takes 1 to \(Self.batchCountMax) sectors, not \(keys.count)"))
        }
        guard Set(keys).count == keys.count else {
            return .refused(.illegalArgument("a sector is in the message twice"))
        }
        var entries: [ChainEntry] = []
        var (known, landing): (SectorKey?, Int64) = (nil, 0)
        for (index, key) in keys.enumerated() {
            switch judge(index) {
            case .refused(let refusal): return .refused(refusal)
            case .known(let epoch):
                known = key
                landing = max(landing, epoch)
            case .new(let entry, let epoch):
                entries.append(entry)
                landing = max(landing, epoch)
            }
        }
        guard let known else { return .new(entries, epoch: landing) }
        guard entries.isEmpty else {
            return .refused(.illegalArgument("sector \(known) of the message is on the chain already"))
        }
        return .known(epoch: landing)
    }

    /// Judges a replica update that arrives at `head`.
    package func consider(_ message: SectorReplicaUpdate, head: Int64) -> Verdict {
        let key = message.key
        guard let sector = sector(key), let proven = sector.provenEpoch, proven <= head else {
            return .refused(.notFound("sector \(key) is not proven, so it cannot be updated"))
        }
        guard sector.terminatedEpoch == nil else {
            return .refused(.forbidden("sector \(key) was ended; it takes no more data"))
        }
        let (commR, commD): (Commitment, Commitment)
        do throws(SealingError) {
            commR = try Commitment(bytes: message.sealedCommitment)
            commD = try Commitment(bytes: message.unsealedCommitment)
        } catch {
            return .refused(.illegalArgument("sector \(key): \(error.message)"))
        }
        if let epoch = sector.updateEpoch, sector.preCommit.commR == commR { return .known(epoch: epoch) }
        guard !message.proof.isEmpty else {
            return .refused(.illegalArgument("the update of sector \(key) has no proof"))
        }
        return .new(.updated(key, commR: commR, commD: commD, epoch: head + 1), epoch: head + 1)
    }

    /// What the chain knows of a sector, what is about to land included.
    package func standing(of key: SectorKey, head: Int64) -> ChainStanding {
        guard let sector = sector(key) else { return ChainStanding(key: key, head: head) }
        let deadline = parameters.proveDeadline(preCommitted: sector.preCommit.epoch)
        return ChainStanding(
            key: key, preCommitEpoch: sector.preCommit.epoch,
            sealedCommitment: sector.preCommit.commR.bytes, provenEpoch: sector.provenEpoch,
            isExpired: sector.provenEpoch == nil && head > deadline, terminatedEpoch: sector.terminatedEpoch,
            head: head)
    }
}
