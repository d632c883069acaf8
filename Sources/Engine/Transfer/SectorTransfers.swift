// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
package import KernelTCP
private import Logging
private import OrderedCollections
package import Scheduler
private import Synchronization

/// Brings sectors to this worker's stores and finished ones to long-term storage, wherever that is.
package final class SectorTransfers: SectorPuller {
    package struct Options: Sendable {
        /// Of all fetches of this worker together; 0 for no limit.
        package var bytesPerSecond: UInt64 = 0
        /// Fetches at once.
        package var countMax = 5
        package var fetch = SectorFetch.Options()
        /// How long a source may be silent.
        package var patience = Duration.seconds(30)
        /// How long a replica that is to be proven may be out of reach: deadlines do not wait.
        package var provingPatience = Duration.seconds(5)

        package init() {}
    }

    /// A fetch for somebody else.
    private struct Pull {
        let call: String
        var doneBytes: UInt64 = 0
        var end: FileEvent?
    }

    let stores: StorePaths
    let world: LiveWorld
    private let transport: TCPTransport
    private let index: Ref<StorageMessage>
    private let pool: WorkPool
    let options: Options
    private let gate: RateGate
    private let slots: FetchSlots
    private let pulls = Mutex<OrderedDictionary<SectorKey, Pull>>([:])
    /// Sectors that are being fetched: two fetches of one would write the same files.
    private let fetching = Mutex<Set<SectorKey>>([])

    static let askMax = Duration.seconds(10)
    /// Bytes that all fetches together may have on their way from one peer: half of what may wait for one.
    private static let windowBytesMax = 16 << 20

    /// Chunks that each of so many fetches may have on their way at once.
    package static func windowCount(chunkBytes: Int, fetchCount: Int) -> Int {
        max(1, min(4, windowBytesMax / (chunkBytes * fetchCount)))
    }

    package init(
        stores: StorePaths, world: LiveWorld, transport: TCPTransport, index: Ref<StorageMessage>,
        pool: WorkPool, options: Options
    ) {
        self.stores = stores
        self.world = world
        self.transport = transport
        self.index = index
        self.pool = pool
        self.options = options
        gate = RateGate(bytesPerSecond: options.bytesPerSecond)
        slots = FetchSlots(count: options.countMax)
    }

    // MARK: From another store

    /// Brings a sector's files into a store of this worker.
    ///
    /// - Parameter source: the store to ask first; the one that counts is asked where it is not there.
    /// - Throws: ``EngineError``, ``FetchProblem`` or ``KernelError``.
    package func fetch(
        _ sector: SectorKey, from source: String, to target: String,
        isCancelled: @escaping @Sendable () -> Bool, news: @Sendable (UInt64) -> Void = { _ in }
    ) async throws {
        guard let open = stores.store(target), open.error == nil else {
            throw EngineError(code: .refused, message: "the store \(target) is not in use here")
        }
        stores.hold(sector)
        defer { stores.letGo(sector) }
        try await claim(sector, isCancelled)
        defer { fetching.withLock { _ = $0.remove(sector) } }
        await slots.acquire()
        defer { slots.release() }
        let bucket = open.place as? SectorBucket
        guard let directory = bucket == nil ? open.directory : bucket?.spool else {
            throw EngineError(
                code: .refused, message: "\(open.root) takes nothing from other workers: no folder to wait in"
            )
        }
        let root = directory.root
        if try await pool.run({ try PartialFetch.finishInstall(of: sector, in: root) }) {
            world.log.info("\(sector): an earlier fetch was complete; its files have their names now")
        }
        let copy = try await copy(of: sector, from: source, besides: target)
        let remote = RemoteSource(
            sector: sector, store: copy.store, name: "\(copy.host):\(copy.path)", world: world,
            locate: { [self] in
                // While its worker is away nobody serves it; it comes back here, or elsewhere.
                let now = try await copies(of: sector).first { $0.store == copy.store && !$0.url.isEmpty }
                return try server(now ?? copy)
            },
            patience: options.patience, isCancelled: isCancelled)
        let manifest = try await remote.manifest()
        let began = world.now
        world.log.info("\(sector): fetching \(manifest.totalBytes) bytes from \(remote.name) into \(root)")
        let world = world
        let fetch = SectorFetch(
            from: remote, into: root, options: options.fetch, gate: gate,
            clock: .init(now: { world.now }, sleep: { await world.sleep(for: $0) }), pool: pool,
            log: world.log, isCancelled: isCancelled)
        try await fetch.run(manifest, news: news)
        if let bucket {
            try await pool.run {
                try bucket.upload(sector, from: directory, isCancelled: isCancelled)
                try directory.remove(sector)
            }
        }
        _ = try await pool.run { [stores] in try stores.refresh(sector, at: target) }
        world.log.info(
            "\(sector): \(manifest.totalBytes) bytes are in \(open.root) after \(world.now - began)")
    }

    /// Waits for an earlier fetch of the sector, which was aborted, or the deletion of an old copy to end.
    private func claim(_ sector: SectorKey, _ isCancelled: @Sendable () -> Bool) async throws {
        while stores.isDropping(sector) || !fetching.withLock({ $0.insert(sector).inserted }) {
            if isCancelled() { throw EngineError(code: .interrupted, message: "the fetch was aborted") }
            await world.sleep(for: .milliseconds(100))
        }
    }

    func copies(of sector: SectorKey) async throws -> [SectorCopy] {
        let answer: StorageEvent = try await index.ask(timeout: Self.askMax) {
            .path(.whereIs(sector, replyTo: $0))
        }
        guard case .path(.copies(_, let copies)) = answer else { return [] }
        return copies
    }

    private func copy(
        of sector: SectorKey, from source: String, besides target: String
    ) async throws -> SectorCopy {
        let copies = try await copies(of: sector).filter {
            $0.store != target && $0.isOnline && !$0.url.isEmpty
        }
        // Any other may be what an earlier step left.
        guard let best = copies.first(where: { $0.store == source }) ?? copies.first(where: \.isPrimary)
        else {
            throw EngineError(
                code: .unreachable,
                message: "no store in reach has files of \(sector); \(source) was to have them")
        }
        return best
    }

    /// The server of files of the worker that has a copy.
    func server(_ copy: SectorCopy) throws -> Ref<FileMessage> {
        guard let url = StoreURL(parsing: copy.url) else {
            throw EngineError(
                code: .checkFailed, message: "'\(copy.url.prefix(256))' is no address of a store's server")
        }
        if url.node != world.name { try transport.addPeer(url.node, at: url.endpoint) }
        return world.ref(at: Address(node: url.node, name: FileServer.name), as: FileMessage.self)
    }

    // MARK: To long-term storage

    /// Brings a finished sector to the long-term store that the index chooses.
    ///
    /// - Parameter call: names the work, so that it is told from an earlier one for the same sector.
    /// - Returns: that store's name.
    /// - Throws: ``EngineError``, ``FetchProblem`` or ``KernelError``.
    package func store(
        _ sector: SectorKey, at source: String, call: String, isCancelled: @escaping @Sendable () -> Bool
    ) async throws -> String {
        if let kept = stores.store(source), kept.directory == nil {
            // An earlier try has brought it where it stays.
            index.tell(.path(.stored(sector, store: source)))
            return source
        }
        let held = try await pool.run { [stores] in try stores.refresh(sector, at: source) }
        let host = world.name
        let answer: StorageEvent = try await index.ask(timeout: Self.askMax) {
            .path(.choose(held, host: host, replyTo: $0))
        }
        guard case .path(.place(_, let target, _, let path)) = answer else {
            guard case .path(.noPlace(_, let why)) = answer else {
                throw EngineError(code: .checkFailed, message: "the storage index gave another answer")
            }
            throw EngineError(
                code: .refused,
                message: "no path takes the finished \(sector): \(why); attach one with --store")
        }
        if target == source {
            // It is sealed where it stays.
        } else if stores.store(target)?.error == nil, let near = stores.store(target),
            let far = stores.store(source)?.directory
        {
            try await bring(sector, from: far, to: near, isCancelled)
            _ = try await pool.run { [stores] in try stores.refresh(sector, at: source) }
        } else {
            try await push(sector, from: source, to: target, path.url, call, isCancelled)
        }
        index.tell(.path(.stored(sector, store: target)))
        return target
    }

    /// Brings a sector from a directory here to another store of this worker: by rename to a directory, by
    /// upload to a bucket. Then the directory keeps its copy until the sector's record names the new place.
    private func bring(
        _ sector: SectorKey, from source: SectorDirectory, to target: OpenStore,
        _ isCancelled: @escaping @Sendable () -> Bool
    ) async throws {
        stores.hold(sector)
        defer { stores.letGo(sector) }
        let (began, log) = (world.now, world.log)
        try await pool.run { [stores] in
            if let directory = target.directory {
                try source.move(sector, to: directory)
            } else if let bucket = target.place as? SectorBucket {
                log.info("\(sector): bringing its files from \(source.root) to \(bucket.root)")
                try bucket.upload(sector, from: source, isCancelled: isCancelled)
            }
            try stores.refresh(sector, at: target.id)
        }
        if target.directory == nil {
            let bytes = stores.held(sector, at: target.id).bytes
            log.info("\(sector): \(bytes) bytes are in \(target.root) after \(world.now - began)")
        }
    }

    /// Has another worker fetch a sector from here, and asks until it has.
    private func push(
        _ sector: SectorKey, from source: String, to target: String, _ url: String, _ call: String,
        _ isCancelled: @Sendable () -> Bool
    ) async throws {
        guard let address = StoreURL(parsing: url) else {
            throw EngineError(
                code: .checkFailed, message: "'\(url.prefix(256))' is no address of a store's server")
        }
        try transport.addPeer(address.node, at: address.endpoint)
        let server = world.ref(at: Address(node: address.node, name: FileServer.name), as: FileMessage.self)
        var heard = world.now
        while true {
            do {
                let answer: FileEvent = try await server.ask(timeout: Self.askMax) {
                    .pull(call, sector, fromStore: source, toStore: target, replyTo: $0)
                }
                heard = world.now
                switch answer {
                case .pulled: return
                case .pulling: break
                case .problem(let problem): throw problem
                case .manifest, .chunk, .confirmed, .opened:
                    throw EngineError(code: .checkFailed, message: "\(url) gave another answer")
                }
            } catch let error as KernelError {
                guard world.now - heard < options.patience else {
                    throw EngineError(
                        code: .unreachable,
                        message: "\(url) was to take \(sector) and is silent: \(error.message)")
                }
            }
            if isCancelled() {
                throw EngineError(code: .interrupted, message: "the move to \(url) was aborted")
            }
            await world.sleep(for: .milliseconds(500))
        }
    }

    package func pull(
        _ call: String, _ sector: SectorKey, from source: String, to target: String, _ asker: Ref<FileEvent>
    ) {
        let (known, begins) = pulls.withLock { pulls -> (FileEvent, Bool) in
            if let known = pulls[sector], known.call == call {
                guard let end = known.end else { return (.pulling(known.doneBytes), false) }
                // A failure is told once; who asks again wants it tried again.
                if case .problem = end { pulls[sector] = nil }
                return (end, false)
            }
            pulls[sector] = Pull(call: call)
            if pulls.count > 1_000 { pulls.removeFirst() }
            return (.pulling(0), true)
        }
        asker.tell(known)
        guard begins else { return }
        Task { [self] in
            let end: FileEvent
            do {
                try await fetch(
                    sector, from: source, to: target,
                    isCancelled: { [self] in pulls.withLock { $0[sector]?.call != call } },
                    news: { [self] done in
                        pulls.withLock { if $0[sector]?.call == call { $0[sector]?.doneBytes = done } }
                    })
                end = .pulled(stores.held(sector, at: target))
            } catch let problem as FetchProblem {
                end = .problem(problem)
            } catch {
                end = .problem(FetchProblem(.unreadable, "\(error)"))
            }
            pulls.withLock { if $0[sector]?.call == call { $0[sector]?.end = end } }
        }
    }

    /// Every copy of a sector may go.
    package func forget(_ sector: SectorKey) { index.tell(.path(.forget(sector))) }
}

/// Where a worker serves the files of its stores: `sealyard://NODE@HOST:PORT`.
package struct StoreURL: Sendable, Hashable, CustomStringConvertible {
    package var node: String
    package var endpoint: Endpoint

    private static let scheme = "sealyard://"

    package init(node: String, endpoint: Endpoint) {
        self.node = node
        self.endpoint = endpoint
    }

    /// Reads the text form; `nil` where it is none.
    package init?(parsing text: String) {
        guard text.hasPrefix(Self.scheme), let at = text.firstIndex(of: "@") else { return nil }
        let node = String(text[text.index(text.startIndex, offsetBy: Self.scheme.count)..<at])
        guard Address.isWellFormed(node),
            let endpoint = Endpoint(parsing: String(text[text.index(after: at)...])),
            endpoint.port > 0
        else { return nil }
        self.init(node: node, endpoint: endpoint)
    }

    package var description: String { "\(Self.scheme)\(node)@\(endpoint)" }
}
