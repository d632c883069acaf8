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
            guard options.takesUpdates else {
                asker?.tell(
                    .refused("no worker of this miner makes another replica, so that no sector is upgraded"))
                return
            }
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
        var kept = piece
        if options.alwaysKeepsUnsealed { kept.keepsUnsealed = true }
        // Who heard no answer offers again, and must not fill two sectors.
        if let number = holder(of: kept) {
            asker?.tell(.placed(piece.commitment, sector: number))
            return
        }
        let waitingCount = packing?.waiting.count ?? 0
        guard waitingCount < Self.waitingPieceCountMax else {
            asker?.tell(.refused("\(waitingCount) pieces wait for a sector already; come again later"))
            return
        }
        if let asker { pieceOwners[kept, default: []].append(asker) }
        if placing[kept] == nil, packing?.waiting.contains(kept) != true {
            try services.store.keep(WaitingPiece(kept), miner: options.miner)
            refusedPieces.removeAll { $0.piece == kept }
            packing?.add(kept)
        }
        try pack(context)
        // Without the chain's time deadlines of deals are unknown; the answer packs again.
        if clock == nil { askHead(context) }
    }

    /// Pieces that may wait at once.
    private static let waitingPieceCountMax = 10_000

    /// The sector that has a piece, written or about to be.
    private func holder(of piece: PieceDeal) -> UInt64? {
        // While a sector may still refuse it, whoever offers it waits for the sector's word.
        if let placing = placing[piece] { return placing.isTaken ? placing.number : nil }
        return dealNumbers.sorted().first { sectors[$0]?.pieces.contains(piece) == true }
    }

    /// A sector that does not write any more has its piece, or has given it back.
    func noteWritten(_ summary: SectorSummary) {
        let writing: Set<SectorState> = [
            .addPiece, .addPieceFailed, .snapDealsAddPiece, .snapDealsAddPieceFailed,
        ]
        guard !placing.isEmpty, !writing.contains(summary.state) else { return }
        placing = placing.filter { $0.value.number != summary.key.number || !$0.value.isTaken }
    }

    /// A keeper that is gone took nothing more: what it was given and did not save waits again.
    func regainPieces(of key: SectorKey, _ context: Context<ManagerMessage>) throws {
        let lost = placing.filter { $0.value.number == key.number && !$0.value.isTaken }.keys
        guard !lost.isEmpty else { return }
        for piece in lost.sorted(by: { $0.commitment.lexicographicallyPrecedes($1.commitment) }) {
            placing[piece] = nil
            packing?.add(piece)
        }
        busy.remove(key.number)
        try pack(context)
    }

    /// A sector gives a piece back: it waits for another, or for whoever offered it to mend it.
    func takeBack(
        _ waiting: WaitingPiece, _ reason: String, _ context: Context<ManagerMessage>
    ) throws {
        let piece = waiting.piece
        placing[piece] = nil
        if waiting.refusal != nil {
            context.log.error(
                "a piece of \(piece.paddedBytes) bytes is refused; offer it again when mended: \(reason)"
            )
            refusedPieces.removeAll { $0.piece == piece }
            refusedPieces.append(waiting)
            for owner in pieceOwners.removeValue(forKey: piece) ?? [] { owner.tell(.refused(reason)) }
        } else {
            context.log.notice("a piece of \(piece.paddedBytes) bytes came back: \(reason)")
            if packing?.waiting.contains(piece) != true { packing?.add(piece) }
        }
        try pack(context)
    }

    /// Pieces whose deals have begun are of use to nobody.
    private func dropLate(_ head: Int64) throws {
        let late = packing?.takeExpired(head: head) ?? []
        for piece in late {
            for owner in pieceOwners.removeValue(forKey: piece) ?? [] {
                owner.tell(
                    .refused("its deal began at epoch \(piece.startEpoch) before a sector could take it"))
            }
        }
        let refused = refusedPieces.map(\.piece).filter { $0.startEpoch <= head }
        refusedPieces.removeAll { $0.piece.startEpoch <= head }
        for piece in late + refused { try services.store.drop(piece, miner: options.miner) }
    }

    private func give(_ match: PackingQueue.Match, _ context: Context<ManagerMessage>) throws {
        // Until its keeper says how it is, the sector takes no other.
        busy.insert(match.sector.number)
        placing[match.piece] = Placing(number: match.sector.number, isTaken: false)
        try tell(match.sector.number, .addPiece(match.piece), nil, context)
    }

    /// Gives waiting pieces to sectors, opens sectors for the rest, and lets those seal whose time has come.
    func pack(_ context: Context<ManagerMessage>) throws {
        guard packing != nil else { return }
        if let clock { try dropLate(clock.epoch(at: context.now)) }
        for match in packing?.match(openSectors) ?? [] { try give(match, context) }
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
        let offered = options.takesUpdates ? offeredNumbers.sorted().first { !busy.contains($0) } : nil
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
                try give(first, context)
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
