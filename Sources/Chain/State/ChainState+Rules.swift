// SPDX-License-Identifier: Apache-2.0
package import Sealing

/// A value drawn for a sector and the epoch of the draw.
package struct SectorDraw: Sendable, Hashable {
    package var randomness: Commitment
    package var epoch: Int64

    package init(randomness: Commitment, epoch: Int64) {
        self.randomness = randomness
        self.epoch = epoch
    }
}

/// The rules by which messages land or are refused.
extension ChainState {
    /// The ticket for sealing a sector.
    ///
    /// A sector that is pre-committed keeps the ticket of its pre-commitment, so that it can be sealed
    /// again.
    ///
    /// - Throws: ``ChainRefusal`` where the sector's pre-commitment has expired.
    package func ticket(for key: SectorKey, head: Int64) throws(ChainRefusal) -> SectorDraw {
        let miner = try address(of: key)
        guard let sector = sector(key) else {
            return draw(.sealRandomness, at: parameters.ticketEpoch(head: head), miner)
        }
        try refuseExpired(sector, key, current: head)
        return draw(.sealRandomness, at: sector.preCommit.ticketEpoch, miner)
    }

    /// The interactive seed of a pre-committed sector; it may lie ahead of the head and is then not to be
    /// told yet.
    ///
    /// - Throws: ``ChainRefusal`` where there is no pre-commitment, or it has expired.
    package func seed(for key: SectorKey, head: Int64) throws(ChainRefusal) -> SectorDraw {
        draw(.interactiveSeal, at: try seedEpoch(of: key, head: head), try address(of: key))
    }

    /// The epoch at which that seed is drawn.
    ///
    /// - Throws: ``ChainRefusal`` likewise.
    func seedEpoch(of key: SectorKey, head: Int64) throws(ChainRefusal) -> Int64 {
        _ = try address(of: key)
        guard let sector = sector(key) else {
            throw .notFound("sector \(key) is not pre-committed, so it has no seed")
        }
        try refuseExpired(sector, key, current: head)
        return parameters.seedEpoch(preCommitted: sector.preCommit.epoch)
    }

    /// Judges a pre-commitment that arrives at `head`.
    ///
    /// A repeat is known by everything but its expiration, which an actor that was restarted may choose
    /// anew: the first one stands.
    package func consider(_ message: SectorPreCommit, head: Int64) -> Verdict {
        do throws(ChainRefusal) {
            let record = try record(of: message, landing: head + 1)
            if let sector = sector(message.key) {
                try refuseOther(record, than: sector, message.key, current: head + 1)
                return .known(epoch: sector.preCommit.epoch)
            }
            try check(record, message)
            try checkRoom(for: message.key)
            return .new(.preCommitted(message.key, record), epoch: record.epoch)
        } catch {
            return .refused(error)
        }
    }

    /// Judges a proof that arrives at `head`.
    ///
    /// The proof of a sector that is proven already is not looked
    /// at.
    package func consider(
        _ message: SectorProveCommit, head: Int64, verifier: some ProofVerifier
    ) -> Verdict {
        let key = message.key
        do throws(ChainRefusal) {
            let miner = try address(of: key)
            guard let sector = sector(key) else {
                throw .notFound("sector \(key) is not pre-committed; pre-commit it before proving it")
            }
            if let proven = sector.provenEpoch { return .known(epoch: proven) }
            let current = head + 1
            try refuseExpired(sector, key, current: current)
            let record = sector.preCommit
            let seedEpoch = parameters.seedEpoch(preCommitted: record.epoch)
            guard current > seedEpoch else {
                throw .forbidden(
                    "too early to prove sector \(key): pre-committed at \(record.epoch), provable after "
                        + "epoch \(seedEpoch), now \(current)")
            }
            let claim = SealClaim(
                key: key, proof: record.proof, commD: record.commD, commR: record.commR,
                ticket: draw(.sealRandomness, at: record.ticketEpoch, miner).randomness,
                seed: draw(.interactiveSeal, at: seedEpoch, miner).randomness)
            if let refusal = verifier.verifyPoRep(message.proof, form: message.form, claim: claim) {
                throw refusal
            }
            if let refusal = refusalOfPlace(for: key, at: current) { throw refusal }
            return .new(.proven(key, epoch: current), epoch: current)
        } catch {
            return .refused(error)
        }
    }

    /// The epoch at which a sector's pre-commitment landed.
    ///
    /// - Throws: ``ChainRefusal`` where there is none.
    package func preCommitEpoch(of key: SectorKey) throws(ChainRefusal) -> Int64 {
        guard let sector = sector(key) else { throw .notFound("sector \(key) is not pre-committed") }
        return sector.preCommit.epoch
    }

    /// The epoch at which a sector's proof landed.
    ///
    /// - Throws: ``ChainRefusal`` where there is none.
    package func provenEpoch(of key: SectorKey) throws(ChainRefusal) -> Int64 {
        guard let epoch = sector(key)?.provenEpoch else { throw .notFound("sector \(key) is not proven") }
        return epoch
    }

    /// The epoch at which a sector's latest replica update landed.
    ///
    /// - Throws: ``ChainRefusal`` where there is none.
    package func updateEpoch(of key: SectorKey) throws(ChainRefusal) -> Int64 {
        guard let epoch = sector(key)?.updateEpoch else { throw .notFound("sector \(key) was not updated") }
        return epoch
    }

    // MARK: Checks

    func address(of key: SectorKey) throws(ChainRefusal) -> ActorAddress {
        guard key.isWellFormed else {
            throw .illegalArgument("the numbers of a miner and of a sector are below 2^63")
        }
        do {
            return try ActorAddress(id: key.miner)
        } catch {
            throw .illegalArgument(error.message)
        }
    }

    private func draw(
        _ purpose: ChainRandomness.Purpose, at epoch: Int64, _ miner: ActorAddress
    ) -> SectorDraw {
        SectorDraw(randomness: beacon.draw(purpose, epoch: epoch, miner: miner), epoch: epoch)
    }

    /// What a pre-commitment would leave on the chain.
    private func record(
        of message: SectorPreCommit, landing: Int64
    ) throws(ChainRefusal) -> PreCommitRecord {
        let key = message.key
        _ = try address(of: key)
        do {
            return PreCommitRecord(
                proof: try RegisteredSealProof(number: Int(clamping: message.proof)),
                commR: try Commitment(bytes: message.sealedCommitment),
                commD: try Commitment(bytes: message.unsealedCommitment),
                ticketEpoch: message.ticketEpoch, expiration: message.expiration, epoch: landing)
        } catch {
            throw .illegalArgument("sector \(key): \(error.message)")
        }
    }

    private func check(_ record: PreCommitRecord, _ message: SectorPreCommit) throws(ChainRefusal) {
        let (key, current) = (message.key, record.epoch)
        guard record.proof.family == .v1_1 || record.proof.family == .synthetic else {
            throw .illegalArgument("sector \(key): \(record.proof) may not be pre-committed")
        }
        guard parameters.sectorSizes.contains(record.proof.sectorSize.bytes) else {
            throw .illegalArgument(
                "sector \(key): network \(parameters.name) takes no sectors of \(record.proof.sectorSize)")
        }
        guard record.ticketEpoch >= 0, record.ticketEpoch < current else {
            throw .illegalArgument(
                "sector \(key): ticket epoch \(record.ticketEpoch) is not before the landing at \(current)")
        }
        guard current <= parameters.preCommitDeadline(ticketEpoch: record.ticketEpoch) else {
            throw .illegalArgument(
                "sector \(key): the ticket of epoch \(record.ticketEpoch) is too old at \(current); it lives "
                    + "\(parameters.maxTicketAge) epochs")
        }
        let ticket = draw(.sealRandomness, at: record.ticketEpoch, try address(of: key)).randomness
        guard message.ticket == ticket.bytes else {
            throw .illegalArgument(
                "sector \(key): that is not the chain's ticket for epoch \(record.ticketEpoch)")
        }
        try checkExpiration(record, key)
    }

    private func checkExpiration(_ record: PreCommitRecord, _ key: SectorKey) throws(ChainRefusal) {
        let latestActivation = parameters.proveDeadline(preCommitted: record.epoch)
        let least = latestActivation + parameters.minSectorLifetime
        let most = min(
            record.epoch + parameters.maxExpirationAhead, latestActivation + parameters.maxSectorLifetime)
        guard (least...max(least, most)).contains(record.expiration), record.expiration > latestActivation
        else {
            throw .illegalArgument(
                "sector \(key): expiration \(record.expiration) is out of bounds; "
                    + "\(least) to \(most) at epoch \(record.epoch)")
        }
    }

    private func checkRoom(for key: SectorKey) throws(ChainRefusal) {
        guard sectorCount < limits.sectorCountMax else {
            throw .illegalState("this chain holds its \(limits.sectorCountMax) sectors; it takes no more")
        }
        guard miners[key.miner] != nil || miners.count < limits.minerCountMax else {
            throw .illegalState("this chain knows its \(limits.minerCountMax) miners; it takes no more")
        }
    }

    private func refuseOther(
        _ record: PreCommitRecord, than sector: Sector, _ key: SectorKey, current: Int64
    ) throws(ChainRefusal) {
        let known = sector.preCommit
        let taken = "sector \(key) was pre-committed at epoch \(known.epoch) with another"
        guard record.commR == known.commR else {
            throw .illegalArgument("\(taken) sealed commitment; a number is used once")
        }
        guard record.commD == known.commD else {
            throw .illegalArgument("\(taken) unsealed commitment; a number is used once")
        }
        guard record.proof == known.proof, record.ticketEpoch == known.ticketEpoch else {
            throw .illegalArgument("\(taken) proof type or ticket; a number is used once")
        }
        try refuseExpired(sector, key, current: current)
    }

    private func refuseExpired(
        _ sector: Sector, _ key: SectorKey, current: Int64
    ) throws(ChainRefusal) {
        let deadline = parameters.proveDeadline(preCommitted: sector.preCommit.epoch)
        guard sector.provenEpoch != nil || current <= deadline else {
            throw .illegalArgument(
                "the pre-commitment of sector \(key) expired at epoch \(deadline), unproven; "
                    + "its number is spent")
        }
    }
}
