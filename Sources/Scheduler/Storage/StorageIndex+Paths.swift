// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
private import Logging
private import OrderedCollections

/// Stores that are real directories: their workers tell what lies there and what is left.
///
/// A store's capacity follows the disk: what is reserved, and what the file system has left beyond the part
/// of the reservations that is not written yet. Nothing is counted twice, whoever else writes to the disk.
extension StorageIndex {
    func receive(_ message: PathMessage, _ context: Context<StorageMessage>) {
        switch message {
        case .enlist(let host, let keeper): enlist(host, keeper, context)
        case .open(let info, let path, let health, let files, let keeper):
            enlist(info.host, keeper, context)
            open(info, path, health, files)
        case .health(let name, let host, let health, let keeper):
            guard paths.stores[name]?.places[host] != nil else {
                keeper.tell(.unknown(store: name))
                return
            }
            note(health, of: name, context)
        case .holds(let name, let files): holds(name, files)
        case .close(let name, let host): close(name, host)
        case .keeperGone(let host, let reason):
            context.log.warning("the stores of \(host) are out of reach (\(reason.rawValue))")
            paths.keepers[host] = nil
            for name in paths.stores.keys { close(name, host) }
        case .choose(let files, let host, let asker): choose(files, host, asker)
        case .giveBack(let sector):
            guard let arrival = paths.arrivals.removeValue(forKey: sector) else { return }
            recount(arrival.store)
        case .stored(let sector, let name):
            paths.arrivals[sector] = nil
            paths.stored[sector] = name
            recount(name)
        case .settled(let sector, let name):
            if reservations[sector]?.store == name { dropCopies(of: sector, except: name) }
        case .forget(let sector): dropCopies(of: sector, except: nil)
        case .whereIs(let sector, let asker): asker.tell(.path(.copies(sector, copies(of: sector))))
        case .overview(let asker): asker.tell(.path(.overview(overview())))
        case .order(let host, let order, let asker): give(order, host, asker)
        case .ordered(let number, let result):
            paths.orders.removeValue(forKey: number)?.tell(.path(.ordered(result)))
        }
    }

    // MARK: What is there

    private func enlist(
        _ host: String, _ keeper: Ref<KeeperMessage>, _ context: Context<StorageMessage>
    ) {
        paths.keepers[host] = keeper
        context.watch(keeper) { .path(.keeperGone(host: host, $0)) }
    }

    private func open(
        _ info: StoreInfo, _ path: StorePath, _ health: StoreHealth, _ files: [SectorFiles]
    ) {
        var known = paths.stores[info.name] ?? PathBook.Known(health: health)
        known.places[info.host] = path
        known.health = health
        known.held = [:]
        for file in files where !file.types.isEmpty { known.held[file.sector] = file }
        known.drops = known.drops.filter { known.held[$0] != nil }
        paths.stores[info.name] = known
        var info = info
        // One that several hosts reach stays with the first.
        if let first = known.places.keys.first { info.host = first }
        info.capacityBytes = capacity(of: info.name, known, stores[info.name]?.reservedBytes ?? 0)
        attach(info)
        setOnline(info.name, health.error == nil)
        recount(info.name)
        for sector in known.drops { drop(sector, at: info.name) }
    }

    private func note(_ health: StoreHealth, of name: String, _ context: Context<StorageMessage>) {
        if let error = health.error, paths.stores[name]?.health.error == nil {
            context.log.warning("the store \(name) is out of use: \(error)")
        }
        paths.stores[name]?.health = health
        setOnline(name, health.error == nil)
        recount(name)
    }

    private func holds(_ name: String, _ files: [SectorFiles]) {
        guard paths.stores[name] != nil else { return }
        for file in files {
            paths.stores[name]?.held[file.sector] = file.types.isEmpty ? nil : file
            if file.types.isEmpty { paths.stores[name]?.drops.remove(file.sector) }
        }
        recount(name)
    }

    private func close(_ name: String, _ host: String) {
        guard paths.stores[name]?.places.removeValue(forKey: host) != nil else { return }
        guard let known = paths.stores[name] else { return }
        if let first = known.places.keys.first {
            stores[name]?.info.host = first
            tellChange(name)
        } else {
            setOnline(name, false)
        }
    }

    // MARK: Room

    /// Bytes that are promised to sectors and not written yet.
    private func promised(at name: String, _ known: PathBook.Known) -> UInt64 {
        let reserved = reservations.reduce(UInt64(0)) { sum, reservation in
            guard reservation.value.store == name || reservation.value.target == name else { return sum }
            let there = known.held[reservation.key]?.bytes ?? 0
            return sum + reservation.value.bytes - min(reservation.value.bytes, there)
        }
        let promised = reserved + paths.arrivingBytes(at: name)
        return promised - min(promised, known.health.fetchingBytes)
    }

    /// What a store has left for sectors that have no promise yet.
    private func free(at name: String, _ known: PathBook.Known) -> UInt64 {
        var left = known.health.availableBytes
        if let most = known.path?.bytesMax, most > 0 {
            left = min(left, most - min(most, known.health.usedBytes))
        }
        return left - min(left, promised(at: name, known))
    }

    private func capacity(of name: String, _ known: PathBook.Known, _ reserved: UInt64) -> UInt64 {
        reserved + free(at: name, known)
    }

    /// Brings a store's account up to date with its disk.
    func recount(_ name: String) {
        guard let known = paths.stores[name], let state = stores[name] else { return }
        let capacity = capacity(of: name, known, state.reservedBytes)
        guard capacity != state.info.capacityBytes else { return }
        stores[name]?.info.capacityBytes = capacity
        tellChange(name)
    }

    // MARK: Finished sectors

    private func choose(_ files: SectorFiles, _ host: String, _ asker: Ref<StorageEvent>) {
        let sector = files.sector
        if let arrival = paths.arrivals[sector] {
            if refusalToKeep(files, at: arrival.store, isPromised: true) == nil {
                return tell(asker, of: sector, arrival.store, host)
            }
            paths.arrivals[sector] = nil
            recount(arrival.store)
        }
        var reasons: [String] = []
        var best: (name: String, value: Double, isNear: Bool)?
        for (name, known) in paths.stores {
            if let reason = refusalToKeep(files, at: name, isPromised: false) {
                reasons.append("\(known.path?.path ?? name) \(reason)")
                continue
            }
            let value = Double(free(at: name, known)) * Double(stores[name]?.info.weight ?? 0)
            let isNear = known.places[host] != nil
            let isBetter =
                best.map { ($0.value, $0.isNear ? 1 : 0) < (value, isNear ? 1 : 0) } ?? true
            if isBetter { best = (name, value, isNear) }
        }
        guard let best else {
            let why = reasons.isEmpty ? "no store is attached" : reasons.joined(separator: "; ")
            asker.tell(.path(.noPlace(sector, why)))
            return
        }
        paths.stores[best.name]?.drops.remove(sector)
        paths.arrivals[sector] = .init(store: best.name, bytes: files.bytes)
        recount(best.name)
        tell(asker, of: sector, best.name, host)
    }

    private func tell(_ asker: Ref<StorageEvent>, of sector: SectorKey, _ name: String, _ host: String) {
        guard let places = paths.stores[name]?.places, let first = places.elements.first else { return }
        let place = places[host].map { (host, $0) } ?? (first.key, first.value)
        asker.tell(.path(.place(sector, store: name, host: place.0, place.1)))
    }

    /// Why a finished sector may not be kept in a store; `nil` where it may.
    private func refusalToKeep(_ files: SectorFiles, at name: String, isPromised: Bool) -> String? {
        guard let known = paths.stores[name], let state = stores[name], let path = known.path,
            state.isOnline
        else { return paths.stores[name]?.health.error ?? "is out of reach" }
        guard state.info.canStore, !state.info.isReadOnly else { return "does not store" }
        if let type = path.refused(among: files.types) { return "takes no \(type.rawValue) files" }
        guard PathBook.allows(path, from: paths.holders(of: files.sector)) else {
            return "is in none of the groups that the sector may go to"
        }
        let there = known.held[files.sector]?.bytes ?? 0
        let needed = isPromised ? 0 : files.bytes - min(files.bytes, there)
        let free = free(at: name, known)
        guard needed <= free else { return "has \(free) bytes left of the \(needed) that are needed" }
        return nil
    }

    /// Why a sector's files may not come to a store by its settings; `nil` where they may, or where it is no
    /// real directory.
    func refusalBySettings(_ sector: SectorKey, to name: String) -> Refusal? {
        guard let path = paths.stores[name]?.path else { return nil }
        let types = paths.stores.values.flatMap { $0.held[sector]?.types ?? [] }
        guard path.refused(among: types) == nil,
            PathBook.allows(path, from: paths.holders(of: sector))
        else { return Refusal(.storeClosed, name) }
        return nil
    }

    // MARK: Copies

    private func copies(of sector: SectorKey) -> [SectorCopy] {
        let home = reservations[sector]?.store ?? paths.stored[sector]
        return paths.stores.sorted { $0.key < $1.key }.compactMap { name, known in
            guard let files = known.held[sector], let state = stores[name] else { return nil }
            let place = known.places.elements.first
            return SectorCopy(
                store: name, host: place?.key ?? state.info.host, path: place?.value.path ?? "",
                url: place?.value.url ?? "", types: files.types, canSeal: state.info.canSeal,
                canStore: state.info.canStore, isOnline: state.isOnline,
                isPrimary: home.map { $0 == name } ?? state.info.canStore)
        }
    }

    /// Orders the deletion of copies; one that is out of reach is deleted when it is back.
    func dropCopies(of sector: SectorKey, except name: String?) {
        for (other, known) in paths.stores where other != name && known.held[sector] != nil {
            guard stores[other]?.info.isReadOnly == false else { continue }
            paths.stores[other]?.drops.append(sector)
            drop(sector, at: other)
        }
    }

    private func drop(_ sector: SectorKey, at name: String) {
        guard let host = paths.stores[name]?.places.keys.first else { return }
        paths.keepers[host]?.tell(.drop(sector, store: name))
    }

    /// A sector comes to a store: what was to be deleted of it there is wanted again.
    func keepCopy(of sector: SectorKey, at name: String) { paths.stores[name]?.drops.remove(sector) }

    /// A store is given up for good, and with it those that only its host reached.
    func forgetPath(_ name: String) -> [String] {
        guard let known = paths.stores.removeValue(forKey: name) else { return [] }
        let host = known.places.keys.first
        let others = paths.stores.filter { other in
            stores[other.key]?.info.canSeal == true && stores[other.key]?.isOnline == false
                && (other.value.places.isEmpty || Array(other.value.places.keys) == [host])
                && stores[other.key]?.info.host == stores[name]?.info.host
        }
        return Array(others.keys)
    }

    // MARK: Operators

    private func overview() -> [StoreOverview] {
        paths.stores.compactMap { name, known in
            guard let state = stores[name] else { return nil }
            let counts = SectorFileType.allCases.map { type in
                known.held.values.count { $0.types.contains(type) }
            }
            return StoreOverview(
                state: state, places: known.places.map { .init(host: $0.key, path: $0.value) },
                health: known.health, counts: counts, promisedBytes: promised(at: name, known))
        }.sorted { $0.state.info.name < $1.state.info.name }
    }

    private func give(_ order: StoreOrder, _ host: String, _ asker: Ref<StorageEvent>) {
        guard let keeper = paths.keepers[host] else {
            let known = paths.keepers.keys.sorted().joined(separator: ", ")
            let others = known.isEmpty ? "none is here" : "those that are here: \(known)"
            asker.tell(.path(.ordered(.refused("no worker '\(host)' is here; \(others)"))))
            return
        }
        paths.orderCount += 1
        paths.orders[paths.orderCount] = asker
        if paths.orders.count > PathBook.orderCountMax { paths.orders.removeFirst() }
        keeper.tell(.order(paths.orderCount, order))
    }
}
