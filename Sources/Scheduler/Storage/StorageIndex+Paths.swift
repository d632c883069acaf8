// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
private import Logging
private import OrderedCollections

/// Stores that are real directories: their workers tell what lies there and what is left.
///
/// A store's capacity follows the disk: what is reserved, and what the file system has left beyond the part
/// of the reservations that is not written yet, those of all stores on it. Nothing is counted twice, whoever
/// else writes to the disk.
extension StorageIndex {
    func receive(_ message: PathMessage, _ context: Context<StorageMessage>) {
        switch message {
        case .enlist(let host, let keeper): enlist(host, keeper, context)
        case .listing(let name, let host, let keeper):
            enlist(host, keeper, context)
            let listing = PathBook.Listing(store: name, host: host)
            // One that is asked for again goes on.
            if paths.listings[listing] == nil { paths.listings[listing] = [:] }
            keeper.tell(.list(store: name))
        case .open(let info, let path, let health, let files, let keeper):
            enlist(info.host, keeper, context)
            open(info, path, health, files)
        case .lists(let name, let host, let files): list(files, of: name, host)
        case .listed(let name, let host):
            paths.listings[.init(store: name, host: host)] = nil
            recount(name)
        case .health(let name, let host, let health, let keeper):
            guard paths.stores[name]?.places[host] != nil else {
                keeper.tell(.unknown(store: name))
                return
            }
            note(health, of: name, host, context)
        case .holds(let name, let files): holds(name, files)
        case .close(let name, let host): close(name, host)
        case .keeperGone(let host, let reason):
            context.log.warning("the stores of \(host) are out of reach (\(reason.rawValue))")
            paths.keepers[host] = nil
            paths.listings = paths.listings.filter { $0.key.host != host }
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
        _ info: StoreInfo, _ path: StorePath, _ health: StoreHealth, _ files: [SectorFiles]?
    ) {
        let name = info.name
        var known = paths.stores[name] ?? PathBook.Known()
        known.places[info.host] = path
        known.note(health, of: info.host)
        if let files {
            known.held = [:]
            for file in files where !file.types.isEmpty { known.held[file.sector] = file }
            // What was told while the list was read is newer: by the same host, which looks at all that it
            // lists, or by another, perhaps before anybody has opened the store.
            for (sector, file) in paths.listings[.init(store: name, host: info.host)] ?? [:] {
                known.held[sector] = file.types.isEmpty ? nil : file
            }
            known.drops = known.drops.filter { known.held[$0] != nil }
        }
        paths.stores[name] = known
        var info = info
        if let server = known.server { info.host = server.host }
        setRoom(&info, known)
        attach(info)
        setOnline(name, known.health.error == nil)
        recount(name)
        for sector in known.drops { drop(sector, at: name) }
    }

    /// More of a list than fits one message.
    private func list(_ files: [SectorFiles], of name: String, _ host: String) {
        guard let changed = paths.listings[.init(store: name, host: host)] else { return }
        for file in files where !file.types.isEmpty && changed[file.sector] == nil {
            paths.stores[name]?.held[file.sector] = file
        }
    }

    private func note(
        _ health: StoreHealth, of name: String, _ host: String, _ context: Context<StorageMessage>
    ) {
        if let error = health.error, paths.stores[name]?.healths[host]?.error == nil {
            context.log.warning("the store \(name) is out of use on \(host): \(error)")
        }
        paths.stores[name]?.note(health, of: host)
        serve(name)
        recount(name)
        guard health.error == nil else { return }
        for sector in paths.stores[name]?.drops ?? [] { drop(sector, at: name) }
    }

    private func holds(_ name: String, _ files: [SectorFiles]) {
        for listing in paths.listings.keys where listing.store == name {
            for file in files { paths.listings[listing]?[file.sector] = file }
        }
        guard paths.stores[name] != nil else { return }
        for file in files {
            paths.stores[name]?.held[file.sector] = file.types.isEmpty ? nil : file
            if file.types.isEmpty { paths.stores[name]?.drops.remove(file.sector) }
        }
        recount(name)
    }

    private func close(_ name: String, _ host: String) {
        paths.listings[.init(store: name, host: host)] = nil
        guard paths.stores[name]?.places.removeValue(forKey: host) != nil else { return }
        paths.stores[name]?.leave(host)
        serve(name)
    }

    /// A store that several hosts reach stays with the first that can use it.
    private func serve(_ name: String) {
        guard let known = paths.stores[name] else { return }
        if let server = known.server, stores[name]?.info.host != server.host {
            stores[name]?.info.host = server.host
            tellChange(name)
        }
        setOnline(name, known.server != nil && known.health.error == nil)
    }

    // MARK: Room

    /// Bytes that are promised to sectors at a store and not written yet.
    private func promised(at name: String, _ known: PathBook.Known) -> UInt64 {
        let reserved = reservations.reduce(UInt64(0)) { sum, reservation in
            guard reservation.value.store == name || reservation.value.target == name else { return sum }
            let there = known.held[reservation.key]?.bytes ?? 0
            return sum + reservation.value.bytes - min(reservation.value.bytes, there)
        }
        let promised = reserved + paths.arrivingBytes(at: name)
        return promised - min(promised, known.health.fetchingBytes)
    }

    /// What the disk under a store has left for sectors that have no promise yet.
    private func freeOnDisk(_ name: String, _ known: PathBook.Known) -> UInt64 {
        // Room that is promised at one store is gone for all others of the disk.
        let promised = paths.sharers(of: name, known).reduce(UInt64(0)) { $0 + self.promised(at: $1.0, $1.1) }
        return known.health.availableBytes - min(known.health.availableBytes, promised)
    }

    /// What a store has left for sectors that have no promise yet.
    private func free(at name: String, _ known: PathBook.Known) -> UInt64 {
        let onDisk = freeOnDisk(name, known)
        guard let most = known.path?.bytesMax, most > 0 else { return onDisk }
        let taken = known.health.usedBytes + promised(at: name, known)
        return min(onDisk, most - min(most, taken))
    }

    /// Says what a store, and the disk under it, hold with what is reserved.
    private func setRoom(_ info: inout StoreInfo, _ known: PathBook.Known) {
        let name = info.name
        info.capacityBytes = (stores[name]?.reservedBytes ?? 0) + free(at: name, known)
        info.fileSystem = known.health.fileSystem.map { id in
            let sharers = paths.sharers(of: name, known)
            let reserved = sharers.reduce(UInt64(0)) { $0 + (stores[$1.0]?.reservedBytes ?? 0) }
            let free = freeOnDisk(name, known)
            return HostInfo.FileSystem(id: id, capacityBytes: reserved + free, freeBytes: free)
        }
    }

    /// What is promised at a store, or not any more, is gone for those that share its disk, or there again.
    func recountSharers(of name: String) {
        guard let known = paths.stores[name], known.health.fileSystem != nil,
            paths.sharers(of: name, known).count > 1
        else { return }
        recount(name)
    }

    /// Brings the account of a store, and of those that share its disk, up to date with it.
    func recount(_ name: String) {
        guard let known = paths.stores[name] else { return }
        for (sharer, known) in paths.sharers(of: name, known) {
            guard let state = stores[sharer] else { continue }
            var info = state.info
            setRoom(&info, known)
            guard info != state.info else { continue }
            stores[sharer]?.info = info
            tellChange(sharer)
        }
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
            let isNear = known.place(for: host)?.host == host
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
        guard let place = paths.stores[name]?.place(for: host) else { return }
        asker.tell(.path(.place(sector, store: name, host: place.host, place.path)))
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
            let place = known.server
            return SectorCopy(
                store: name, host: place?.host ?? state.info.host, path: place?.path.path ?? "",
                url: place?.path.url ?? "", types: files.types, canSeal: state.info.canSeal,
                canStore: state.info.canStore, isOnline: state.isOnline,
                isPrimary: home.map { $0 == name } ?? state.info.canStore)
        }
    }

    /// Orders the deletion of copies. The order is said with every sign of life until it is done, so that a
    /// keeper need not remember one that it could not carry out.
    func dropCopies(of sector: SectorKey, except name: String?) {
        // Where the sector is on its way already, its files are wanted again.
        let wanted = [name, reservations[sector]?.target, paths.arrivals[sector]?.store]
        for (other, known) in paths.stores where !wanted.contains(other) && known.held[sector] != nil {
            guard stores[other]?.info.isReadOnly == false else { continue }
            paths.stores[other]?.drops.append(sector)
            drop(sector, at: other)
        }
    }

    private func drop(_ sector: SectorKey, at name: String) {
        guard let host = paths.stores[name]?.server?.host else { return }
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
