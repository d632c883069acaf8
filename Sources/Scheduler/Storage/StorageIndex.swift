// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
internal import OrderedCollections

/// Knows the stores, holds room for a sector's whole life before its first byte is written, and tells the
/// owners of what was lost.
///
/// Which store a sector gets is the scheduler's word; that there is room is decided here, one sector at a
/// time, so that no two are promised the same. Reservations are owned by sector: asking again answers again,
/// releasing twice frees once. Stores of one file system share its room.
package actor StorageIndex: Component {
    package nonisolated let home: Home

    struct Reservation {
        var store: String
        let bytes: UInt64
        let owner: Ref<StorageEvent>
        /// The store to which the sector moves; room is held there too.
        var target: String?
    }

    private struct Claim {
        let sector: SectorKey
        let bytes: UInt64
        let owner: Ref<StorageEvent>
    }

    var stores: OrderedDictionary<String, StoreState> = [:]
    var reservations: [SectorKey: Reservation] = [:]
    /// Claims on stores that are not attached yet.
    private var claims: OrderedDictionary<String, [Claim]> = [:]
    private let claimPatience: Duration
    private let bug: SeededBug?
    private var subscribers: [Ref<StorageEvent>] = []
    /// Those stores that are real directories.
    var paths = PathBook()

    /// Makes an index.
    ///
    /// - Parameter claimPatience: the time that a claimed store has to come back.
    package init(home: Home, claimPatience: Duration = .seconds(60), bug: SeededBug? = nil) {
        self.bug = bug
        self.home = home
        self.claimPatience = claimPatience
    }

    package func receive(_ message: StorageMessage, _ context: Context<StorageMessage>) {
        switch message {
        case .attach(let info): attach(info)
        case .reserve(let sector, let bytes, let store, let owner, let asker):
            reserve(sector, bytes, at: store, owner, asker)
        case .claim(let sector, let store, let bytes, let owner):
            claim(Claim(sector: sector, bytes: bytes, owner: owner), at: store, context)
        case .claimExpired(let store): if stores[store] == nil { lose(store) }
        case .release(let sector):
            for name in claims.keys { claims[name]?.removeAll { $0.sector == sector } }
            // Its record says by now where it was stored.
            if let home = paths.stored.removeValue(forKey: sector) { dropCopies(of: sector, except: home) }
            guard let known = reservations.removeValue(forKey: sector) else { return }
            free(known.bytes, at: known.store)
            if let target = known.target { free(known.bytes, at: target) }
        case .abandon(let sector, let store): abandon(sector, at: store)
        case .reserveMove(let sector, let store, let asker): reserveMove(sector, to: store, asker)
        case .cancelMove(let sector, let store):
            guard let known = reservations[sector], known.target == store else { return }
            reservations[sector]?.target = nil
            free(known.bytes, at: store)
        case .declare(let sector, let store): declare(sector, store)
        case .setOnline(let name, let isOnline): setOnline(name, isOnline)
        case .lose(let name): lose(name)
        case .find(let sector, let asker):
            let store = reservations[sector].flatMap { stores[$0.store] }
            asker.tell(.location(sector, store: store?.info.name, host: store?.info.host))
        case .list(let asker):
            asker.tell(.stores(stores.values.sorted { $0.info.name < $1.info.name }))
        case .subscribe(let listener):
            subscribers.append(listener)
            for store in stores.values { listener.tell(.changed(store)) }
        case .path(let message): receive(message, context)
        }
    }

    func setOnline(_ name: String, _ isOnline: Bool) {
        guard let known = stores[name], known.isOnline != isOnline else { return }
        stores[name]?.isOnline = isOnline
        tellChange(name)
    }

    func attach(_ info: StoreInfo) {
        if let known = stores[info.name] {
            guard known.info != info || !known.isOnline else { return }
            stores[info.name]?.info = info
            if bug != .indexKeepsStoresOffline { stores[info.name]?.isOnline = true }
        } else {
            stores[info.name] = StoreState(info: info)
        }
        for claim in claims.removeValue(forKey: info.name) ?? [] { grant(claim, at: info.name) }
        tellChange(info.name)
    }

    func tellChange(_ name: String) {
        guard let state = stores[name] else { return }
        for listener in subscribers { listener.tell(.changed(state)) }
    }

    private func reserve(
        _ sector: SectorKey, _ bytes: UInt64, at name: String, _ owner: Ref<StorageEvent>,
        _ asker: Ref<StorageEvent>?
    ) {
        if let known = reservations[sector], let store = stores[known.store] {
            owner.tell(.reserved(sector, store: known.store, host: store.info.host))
            asker?.tell(.placed(sector, store))
            return
        }
        if let refusal = refusal(bytes, at: name, isNew: true) {
            asker?.tell(.refused(sector, store: name, refusal))
            return
        }
        reservations[sector] = Reservation(store: name, bytes: bytes, owner: owner)
        keepCopy(of: sector, at: name)
        take(bytes, at: name)
        guard let store = stores[name] else { return }
        owner.tell(.reserved(sector, store: name, host: store.info.host))
        asker?.tell(.placed(sector, store))
    }

    private func refusal(_ bytes: UInt64, at name: String, isNew: Bool = false) -> Refusal? {
        guard let store = stores[name] else { return Refusal(.storeMissing, name) }
        if isNew, !store.info.admitsNew { return Refusal(.storeClosed, name) }
        let shared = store.info.fileSystem.map { fileSystem in
            stores.values.reduce(UInt64(0)) {
                $0 + ($1.info.fileSystem?.id == fileSystem.id ? $1.reservedBytes : 0)
            }
        }
        return store.refusal(
            bytes, reserved: store.reservedBytes, count: store.sectorCount, shared: shared ?? 0)
    }

    private func take(_ bytes: UInt64, at name: String) {
        guard let place = stores.index(forKey: name) else { return }
        stores.values[place].reservedBytes += bytes
        stores.values[place].sectorCount += 1
        recountSharers(of: name)
    }

    private func free(_ bytes: UInt64, at name: String) {
        guard let place = stores.index(forKey: name) else { return }
        stores.values[place].reservedBytes -= bytes
        stores.values[place].sectorCount -= 1
        recountSharers(of: name)
        tellChange(name)
    }

    // MARK: What lies there already

    private func grant(_ claim: Claim, at name: String) {
        guard reservations[claim.sector] == nil else { return }
        reservations[claim.sector] = Reservation(store: name, bytes: claim.bytes, owner: claim.owner)
        take(claim.bytes, at: name)
        guard let store = stores[name] else { return }
        for listener in subscribers { listener.tell(.placed(claim.sector, store)) }
    }

    /// What lies on a store takes its room, whatever the limits say now.
    private func claim(_ claim: Claim, at name: String, _ context: Context<StorageMessage>) {
        if stores[name] != nil { return grant(claim, at: name) }
        guard claims[name]?.contains(where: { $0.sector == claim.sector }) != true else { return }
        if claims[name] == nil { context.schedule(after: claimPatience, .claimExpired(store: name)) }
        claims[name, default: []].append(claim)
    }

    // MARK: Moves

    private func reserveMove(_ sector: SectorKey, to name: String, _ asker: Ref<StorageEvent>) {
        guard let known = reservations[sector] else {
            asker.tell(.moveRefused(sector, store: name, Refusal(.storeMissing, "")))
            return
        }
        if known.store != name, known.target != name {
            if let refusal = known.target.map({ Refusal(.link, $0, needed: 1) })
                ?? refusal(known.bytes, at: name) ?? refusalBySettings(sector, to: name)
            {
                asker.tell(.moveRefused(sector, store: name, refusal))
                return
            }
            reservations[sector]?.target = name
            keepCopy(of: sector, at: name)
            take(known.bytes, at: name)
        }
        if let store = stores[name] { asker.tell(.moveReserved(sector, store)) }
    }

    private func declare(_ sector: SectorKey, _ name: String) {
        guard let known = reservations[sector], known.store != name, let store = stores[name] else { return }
        reservations[sector]?.store = name
        reservations[sector]?.target = nil
        if known.target == name {
            free(known.bytes, at: known.store)
        } else {
            // It lies there without having asked: its room is taken, whatever the limits say.
            take(known.bytes, at: name)
            free(known.bytes, at: known.store)
            if let target = known.target { free(known.bytes, at: target) }
            tellChange(name)
        }
        let isReal = paths.stores[name] != nil
        known.owner.tell(.moved(sector, store: name, host: store.info.host, wantsWord: isReal))
    }

    private func abandon(_ sector: SectorKey, at name: String) {
        guard let known = reservations[sector], known.store == name else { return }
        reservations[sector] = nil
        dropCopies(of: sector, except: nil)
        free(known.bytes, at: name)
        if let target = known.target { free(known.bytes, at: target) }
        known.owner.tell(.lost(sector, store: name))
    }

    private func lose(_ name: String) {
        for claim in claims.removeValue(forKey: name) ?? [] {
            claim.owner.tell(.lost(claim.sector, store: name))
        }
        let others = forgetPath(name)
        guard stores.removeValue(forKey: name) != nil else { return }
        let touched = reservations.filter { $0.value.store == name || $0.value.target == name }
            .sorted { $0.key < $1.key }
        for (sector, reservation) in touched {
            if reservation.store == name {
                reservations[sector] = nil
                if let target = reservation.target { free(reservation.bytes, at: target) }
                reservation.owner.tell(.lost(sector, store: name))
            } else {
                reservations[sector]?.target = nil
            }
        }
        for listener in subscribers { listener.tell(.gone(store: name)) }
        for other in others { lose(other) }
    }
}
