// SPDX-License-Identifier: Apache-2.0
internal import Chain
package import Kernel
package import Logging
package import Scheduler
private import Synchronization

/// Keeps a worker's stores: tells the index of them and of their health, deletes copies that are not wanted,
/// and does what operators say.
package actor StoreKeeper: Component {
    package struct Options: Sendable {
        /// The worker's host.
        package var host: String
        /// The workers that its stores belong to for policies; those of the host unless given.
        package var group: String?
        /// Where its files are served.
        package var url: String
        /// Sectors under way in each store for sealing; 0 for no limit.
        package var sealingCountMax: Int
        /// New sectors may begin here.
        package var admitsNew: Bool
        /// What the disk under each path reads or writes in a second; 0 where it is not known.
        package var diskBytesPerSecond: UInt64
        /// The time between two looks at the directories.
        package var lookInterval: Duration
        /// The time after which a lost index is looked for.
        package var retryInterval: Duration

        package init(
            host: String, group: String? = nil, url: String, sealingCountMax: Int, admitsNew: Bool,
            diskBytesPerSecond: UInt64 = 0,
            lookInterval: Duration = .seconds(10), retryInterval: Duration = .seconds(1)
        ) {
            self.host = host
            self.group = group
            self.url = url
            self.sealingCountMax = sealingCountMax
            self.admitsNew = admitsNew
            self.diskBytesPerSecond = diskBytesPerSecond
            self.lookInterval = lookInterval
            self.retryInterval = retryInterval
        }
    }

    package nonisolated let home: Home
    private let options: Options
    private let index: Ref<StorageMessage>
    private let caretaker: StoreCaretaker
    /// Stores whose lists the index was told.
    private var listed: Set<String> = []
    /// Stores whose lists it waits for, and those of them that this look reads.
    private var (listing, reading): (Set<String>, Set<String>) = ([], [])
    /// Stores that could not be read, and of which it has heard.
    private var failed: Set<String> = []
    private var isEnlisted = false
    private var (isLooking, isLookWanted) = (false, false)
    private var timer: TimerID?

    package init(
        home: Home, options: Options, index: Ref<StorageMessage>, caretaker: StoreCaretaker
    ) {
        self.home = home
        self.options = options
        self.index = index
        self.caretaker = caretaker
    }

    /// So many sectors stay well within the longest frame.
    private static let pageCount = 10_000

    /// The well-known name on a worker's node.
    package static let name = "stores"

    package func started(_ context: Context<KeeperMessage>) { look(context) }

    package func receive(_ message: KeeperMessage, _ context: Context<KeeperMessage>) {
        switch message {
        case .lookDue:
            if let timer { context.cancel(timer) }
            timer = nil
            look(context)
        case .looked:
            isLooking = false
            tell(caretaker.take(), context)
            if isLookWanted { look(context) }
            arm(isEnlisted ? options.lookInterval : options.retryInterval, context)
        case .list(let store):
            guard !listed.contains(store) else { return }
            listing.insert(store)
            look(context)
        case .unknown(let store):
            guard listed.remove(store) != nil else { return }
            look(context)
        case .indexLost:
            isEnlisted = false
            (listed, listing, reading, failed) = ([], [], [], [])
            if let timer { context.cancel(timer) }
            timer = nil
            arm(options.retryInterval, context)
        case .drop(let sector, let store): caretaker.drop(sector, store)
        case .order(let number, let order):
            let (me, index, host) = (context.me, index, options.host)
            caretaker.carryOut(order) { result, closed in
                for store in closed { index.tell(.path(.close(store: store, host: host))) }
                index.tell(.path(.ordered(number, result)))
                me.tell(.lookDue)
            }
        }
    }

    private func look(_ context: Context<KeeperMessage>) {
        if !isEnlisted {
            isEnlisted = true
            context.watch(index) { .indexLost($0) }
            index.tell(.path(.enlist(host: options.host, context.me)))
        }
        isLookWanted = isLooking
        guard !isLooking else { return }
        isLooking = true
        reading = listing
        let me = context.me
        caretaker.look(listed: listed, listing: listing) { me.tell(.looked) }
    }

    private func tell(_ found: [StoreCaretaker.Look], _ context: Context<KeeperMessage>) {
        for look in found {
            let (id, host) = (look.store.id, options.host)
            if listed.contains(id) {
                index.tell(.path(.health(store: id, host: host, look.health, keeper: context.me)))
                continue
            }
            if reading.contains(id), let files = look.files {
                tell(files, look, context)
                listing.remove(id)
                failed.remove(id)
                listed.insert(id)
                continue
            }
            if let error = look.health.error, failed.insert(id).inserted {
                context.log.error("\(look.store.root): \(error)")
                open(look, nil, context)
            }
            guard !listing.contains(id) else { continue }
            index.tell(.path(.listing(store: id, host: host, keeper: context.me)))
        }
        let known = found.map(\.store.id)
        listed.formIntersection(known)
        listing.formIntersection(known)
        failed.formIntersection(known)
    }

    private func tell(
        _ files: [SectorFiles], _ look: StoreCaretaker.Look, _ context: Context<KeeperMessage>
    ) {
        let (id, host) = (look.store.id, options.host)
        open(look, Array(files.prefix(Self.pageCount)), context)
        for start in stride(from: Self.pageCount, to: files.count, by: Self.pageCount) {
            let page = files[start..<min(start + Self.pageCount, files.count)]
            index.tell(.path(.lists(store: id, host: host, Array(page))))
        }
        index.tell(.path(.listed(store: id, host: host)))
    }

    private func open(
        _ look: StoreCaretaker.Look, _ files: [SectorFiles]?, _ context: Context<KeeperMessage>
    ) {
        index.tell(
            .path(.open(info(look.store), path(look.store), look.health, files, keeper: context.me)))
    }

    private func info(_ store: OpenStore) -> StoreInfo {
        // A bucket is on no disk of this host.
        let diskBytesPerSecond = store.directory == nil ? 0 : options.diskBytesPerSecond
        return StoreInfo(
            name: store.id, host: options.host, capacityBytes: 0,
            sealingCountMax: store.settings.canSeal ? options.sealingCountMax : 0, group: options.group,
            weight: store.settings.weight, canSeal: store.settings.canSeal,
            canStore: store.settings.canStore, admitsNew: options.admitsNew && store.settings.canSeal,
            isReadOnly: store.isReadOnly, readBytesPerSecond: diskBytesPerSecond,
            writeBytesPerSecond: diskBytesPerSecond)
    }

    private func path(_ store: OpenStore) -> StorePath {
        StorePath(
            path: store.root, url: options.url, groups: store.settings.groups,
            allowTo: store.settings.allowTo, allowTypes: store.settings.allowTypes,
            denyTypes: store.settings.denyTypes, bytesMax: store.settings.bytesMax)
    }

    private func arm(_ delay: Duration, _ context: Context<KeeperMessage>) {
        guard timer == nil else { return }
        timer = context.schedule(after: delay, .lookDue)
    }
}

/// Does a keeper's work on the disks, on threads of its own.
package final class StoreCaretaker: Sendable {
    /// What was found at a store.
    struct Look: Sendable {
        let store: OpenStore
        let health: StoreHealth
        /// All that lies there; `nil` where that was not asked for or cannot be read.
        let files: [SectorFiles]?
    }

    private let stores: StorePaths
    private let list: StoreList
    private let pool: WorkPool
    private let log: Logger
    private let looks = Mutex<[Look]>([])
    /// Attached directories that could not be opened, to be told once.
    private let away = Mutex<Set<String>>([])

    package init(stores: StorePaths, list: StoreList, pool: WorkPool, log: Logger) {
        self.stores = stores
        self.list = list
        self.pool = pool
        self.log = log
    }

    /// Looks at all stores; what is found is taken with ``take()`` when `done` is called.
    ///
    /// - Parameters:
    ///   - listed: stores whose lists the index has.
    ///   - listing: stores whose lists it waits for.
    func look(listed: Set<String>, listing: Set<String>, _ done: @escaping @Sendable () -> Void) {
        pool.submit { [self] in
            openListed()
            let found = stores.all.compactMap { store in
                // Sectors that are being sealed grow; finished ones change only by what is told anyway.
                let isGrowing = listed.contains(store.id) && store.settings.canSeal
                return look(at: store, reads: isGrowing || listing.contains(store.id))
            }
            looks.withLock { $0 = found }
            done()
        }
    }

    private func look(at store: OpenStore, reads: Bool) -> Look? {
        guard var health = stores.look(at: store.id) else { return nil }
        var files: [SectorFiles]?
        if health.error == nil, reads {
            do {
                files = try stores.scan(store.id)
                health.usedBytes = files?.reduce(0) { $0 + $1.bytes } ?? 0
            } catch { health.error = error.message }
        }
        if health.error == nil {
            do {
                for sector in try stores.discardFetches(at: store.id, idleFor: Self.fetchIdleMax) {
                    log.info("\(sector): nobody went on with its fetch into \(store.root)")
                }
            } catch { health.error = error.message }
        }
        return Look(store: store, health: health, files: files)
    }

    /// The time after which nobody is expected to go on with a fetch.
    private static let fetchIdleMax = Duration.seconds(86_400)

    /// Opens attached directories that were away when the worker was started.
    package func openListed() {
        do throws(EngineError) {
            let open = Set(stores.all.map(\.root))
            for path in try list.read() where !open.contains(path) {
                do throws(EngineError) {
                    try stores.open(path)
                    away.withLock { _ = $0.remove(path) }
                    log.notice("the attached path \(path) is in use")
                } catch {
                    // A disk that is not there must not keep the worker from what it has.
                    let isNews = away.withLock { $0.insert(path).inserted }
                    if isNews { log.error("the attached path \(path) is left out for now: \(error)") }
                }
            }
        } catch {
            log.error("\(error)")
        }
    }

    func take() -> [Look] {
        looks.withLock { looks in
            defer { looks = [] }
            return looks
        }
    }

    /// Deletes a copy, unless somebody works on the sector: the index says it again where it still means it.
    func drop(_ sector: SectorKey, _ name: String) {
        pool.submit { [self] in
            guard let store = stores.store(name), store.error == nil, !store.isReadOnly,
                stores.beginDrop(sector)
            else { return }
            defer { stores.endDrop(sector) }
            do {
                try store.place.remove(sector)
                try stores.refresh(sector, at: name)
                log.info("\(sector): its copy in \(store.root) is deleted")
            } catch {
                log.error("\(sector): its copy in \(store.root) stays: \(error)")
            }
        }
    }

    // MARK: Orders

    func carryOut(
        _ order: StoreOrder,
        _ done: @escaping @Sendable (StoreOrderResult, _ closed: [String]) -> Void
    ) {
        pool.submit { [self] in
            do throws(EngineError) {
                switch order {
                case .attach(let path, let settings): done(.done(try attach(path, settings)), [])
                case .detach(let path):
                    let store = try detach(path)
                    done(.done("\(path) is not used any more; nothing there was deleted"), [store])
                case .redeclare(let path): done(.done(try redeclare(path)), [])
                }
            } catch {
                done(.refused(error.message), [])
            }
        }
    }

    private func attach(_ path: String, _ settings: StoreSettings?) throws(EngineError) -> String {
        guard StoreOpener.isPlace(path) else {
            throw EngineError(
                code: .badOption,
                message: "'\(path)' is neither a path from the root nor s3://…; the worker has a folder of "
                    + "its own")
        }
        if let settings {
            let place = try stores.opener.place(path)
            guard try !place.isStore() else {
                throw EngineError(
                    code: .badOption, message: "\(path) is a store already; attach it without --init")
            }
            _ = try place.make(settings)
        }
        let store = try stores.open(path)
        do throws(EngineError) {
            let known = try list.read()
            if !known.contains(path) { try list.write(known + [path]) }
        } catch {
            // It would be gone with the next start: then better not at all.
            stores.close(store.id)
            throw error
        }
        return "\(path) is the store \(store.id)"
    }

    private func detach(_ path: String) throws(EngineError) -> String {
        guard let store = stores.all.first(where: { $0.root == path }) else {
            throw unknown(path)
        }
        let listed = try list.read()
        guard listed.contains(path) else {
            throw EngineError(
                code: .refused,
                message: "\(path) is given on the worker's command line; start it without")
        }
        try list.write(listed.filter { $0 != path })
        stores.close(store.id)
        return store.id
    }

    private func redeclare(_ path: String?) throws(EngineError) -> String {
        let meant = stores.all.filter { path == nil || $0.root == path }
        if let path, meant.isEmpty { throw unknown(path) }
        var count = 0
        for store in meant where store.error == nil { count += try stores.scan(store.id).count }
        return "\(count) sectors in \(meant.count) paths"
    }

    private func unknown(_ path: String) -> EngineError {
        let known = stores.all.map(\.root).joined(separator: ", ")
        return EngineError(
            code: .badOption,
            message: "\(path) is not in use here; paths are \(known.isEmpty ? "none" : known)")
    }
}
