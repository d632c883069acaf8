// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
private import Logging
private import OrderedCollections

/// Pieces into sectors, and an operator's word to one sector.
extension SectorManager {
    // MARK: Operators

    /// Tells all that is kept of a sector; its proofs are left out, since they may be longer than a frame.
    func find(_ number: UInt64, _ asker: Ref<ManagerEvent>) throws {
        let key = SectorKey(miner: options.miner, number: number)
        guard var record = try services.store.find(key) else {
            asker.tell(.refused("there is no sector \(key)"))
            return
        }
        record.proofBytes = nil
        record.update?.proof = nil
        asker.tell(.sector(record))
    }

    func operate(
        _ number: UInt64, _ event: SectorEvent, _ asker: Ref<ManagerEvent>?,
        _ context: Context<ManagerMessage>
    ) throws {
        switch event {
        case .markForUpdate:
            if let end = sectors[number]?.expiration, let clock,
                end - clock.epoch(at: context.now) < options.upgradeLifetimeMin
            {
                asker?.tell(
                    .refused(
                        "sector \(number) ends at epoch \(end): too soon for deals of at least "
                            + "\(options.upgradeLifetimeMin) epochs"))
                return
            }
        case .startPacking, .abortUpgrade, .terminate, .remove, .dealsResolved, .startUpdate, .faultFound,
            .faultDeclared, .recovered, .faultExpired, .dealIDsInvalid, .dealsExpired:
            break
        case .forceState(let state, let adopts):
            return try forceState(number, state.rawValue, adopts: adopts, asker, context)
        default:
            asker?.tell(
                .refused("\(event.kind.rawValue) comes from the sector's own work, and from nobody else"))
            return
        }
        try tell(number, event, asker, context)
    }

    func forceState(
        _ number: UInt64, _ name: String, adopts: Bool, _ asker: Ref<ManagerEvent>?,
        _ context: Context<ManagerMessage>
    ) throws {
        guard let state = SectorState(fieldName: name) else {
            asker?.tell(
                .refused(
                    "'\(name.prefix(64))' is no state of a sector; known are "
                        + SectorState.allCases.map(\.rawValue).joined(separator: ", ")))
            return
        }
        try tell(number, .forceState(state, adopts: adopts), asker, context)
    }

    // MARK: Pieces

    func askHead(_ context: Context<ManagerMessage>) {
        services.chain.tell(
            .head(replyTo: context.adapter("chain", from: ChainEvent.self) { .chain($0) }))
    }

    func addPiece(
        _ piece: PieceDeal, _ asker: Ref<ManagerEvent>?, _ context: Context<ManagerMessage>
    ) throws {
        guard packing != nil else {
            asker?.tell(.refused("this miner takes no deals: it has no packing options"))
            return
        }
        let head = clock?.epoch(at: context.now) ?? 0
        if let refusal = packing?.refusal(of: piece, head: head) {
            asker?.tell(.refused(refusal))
            return
        }
        let network = services.limits.network
        let latest = head + network.maxExpirationAhead - network.maxTicketAge
        guard piece.endEpoch <= latest else {
            asker?.tell(
                .refused(
                    "its deal ends at epoch \(piece.endEpoch), too late: no sector lasts beyond \(latest)"))
            return
        }
        guard pieceOwners.count < 10_000 else {
            asker?.tell(.refused("\(pieceOwners.count) pieces wait for a sector already; come again later"))
            return
        }
        var kept = piece
        if options.alwaysKeepsUnsealed { kept.keepsUnsealed = true }
        packing?.add(kept)
        if let asker { pieceOwners[piece.commitment] = asker }
        try pack(context)
        // Without the chain's time deadlines of deals are unknown; the answer packs again.
        if clock == nil { askHead(context) }
    }

    /// Gives waiting pieces to sectors, opens sectors for the rest, and lets those seal whose time has come.
    func pack(_ context: Context<ManagerMessage>) throws {
        guard packing != nil else { return }
        if let clock {
            for late in packing?.takeExpired(head: clock.epoch(at: context.now)) ?? [] {
                pieceOwners.removeValue(forKey: late.commitment)?.tell(
                    .refused("its deal began at epoch \(late.startEpoch) before a sector could take it"))
            }
        }
        for match in packing?.match(openSectors) ?? [] {
            // Until its keeper says how it is, the sector takes no other.
            busy.insert(match.sector.number)
            try tell(match.sector.number, .addPiece(match.piece), nil, context)
            pieceOwners.removeValue(forKey: match.piece.commitment)?.tell(
                .placed(match.piece.commitment, sector: match.sector.number))
        }
        if packing?.waiting.isEmpty == false { try openOne(context) }
        try sealReady(context)
    }

    /// The sectors that take pieces.
    private var openSectors: [PackingQueue.OpenSector] {
        openNumbers.sorted().compactMap { number in
            guard let summary = sectors[number] else { return nil }
            return PackingQueue.OpenSector(
                key: summary.key, pieces: summary.pieces, openedAt: summary.openedAt,
                isBusy: busy.contains(number),
                expiration: summary.state.isUpdating ? summary.expiration : nil)
        }
    }

    /// Opens one sector for the pieces that wait, where the limits allow it; the next is opened when this
    /// one has
    /// taken its piece.
    private func openOne(_ context: Context<ManagerMessage>) throws {
        let limits = options.limits
        let staging = count { $0 == .waitDeals || $0 == .addPiece || $0 == .addPieceFailed }
        let updating = count { $0.isUpdating }
        guard busy.isEmpty, !openNumbers.contains(where: { sectors[$0]?.pieces.isEmpty == true }) else {
            return
        }
        let offered = offeredNumbers.sorted().first { !busy.contains($0) }
        let upgradeMax = limits.upgrading > 0 ? limits.upgrading : limits.sealingForDeals
        let maySnap = offered != nil && (upgradeMax == 0 || updating < upgradeMax)
        let mayBegin =
            options.makesSectorsForDeals && failedRefusal == nil
            && (limits.waitDeals == 0 || staging < limits.waitDeals)
            && (limits.sealingForDeals == 0 || dealNumbers.count < limits.sealingForDeals)
        if let offered, maySnap, !(options.prefersNewSectors && mayBegin) {
            busy.insert(offered)
            try tell(offered, .startUpdate, nil, context)
        } else if mayBegin {
            let number = try begin(payloadPath: nil, state: .waitDeals, context)
            // Its first piece can go in at once.
            if let first = packing?.match(openSectors.filter { $0.key.number == number }).first {
                busy.insert(number)
                try tell(number, .addPiece(first.piece), nil, context)
                pieceOwners.removeValue(forKey: first.piece.commitment)?.tell(
                    .placed(first.piece.commitment, sector: number))
            }
        }
    }

    private func sealReady(_ context: Context<ManagerMessage>) throws {
        var next: Instant?
        for sector in openSectors where !sector.isBusy {
            guard let (at, reason) = packing?.sealing(sector, clock) else { continue }
            if at <= context.now {
                context.log.info("\(sector.key) begins to seal: \(reason)")
                busy.insert(sector.key.number)
                try tell(sector.key.number, .startPacking, nil, context)
            } else {
                next = next.map { min($0, at) } ?? at
            }
        }
        if let packTimer {
            if packTimer.at == next { return }
            context.cancel(packTimer.id)
        }
        packTimer = next.map { PackTimer(id: context.schedule(at: $0, .packDue), at: $0) }
    }
}
