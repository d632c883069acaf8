// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Foundation
internal import Kernel
private import OrderedCollections
package import Scheduler
internal import Sealing
private import Synchronization

/// A directory that this worker uses as a store.
package struct OpenStore: Sendable {
    package let id: String
    package let settings: StoreSettings
    package let directory: SectorDirectory
    /// Why it cannot be used now; `nil` where it can.
    package internal(set) var error: String?

    package var isReadOnly: Bool { !settings.canSeal && !settings.canStore }
}

/// The stores of one worker: which directories, what lies there, and who is at work on it.
package final class StorePaths: Sendable {
    private struct State {
        var stores: OrderedDictionary<String, OpenStore> = [:]
        var held: [String: OrderedDictionary<SectorKey, SectorFiles>] = [:]
        /// Sectors that somebody works on: nothing of them is deleted meanwhile.
        var busy: [SectorKey: Int] = [:]
        var announce: (@Sendable (_ store: String, [SectorFiles]) -> Void)?
    }

    private let state = Mutex(State())

    package init() {}

    /// The two directories of a worker that has no index to ask: where it seals and where it keeps.
    package convenience init(sealing: SectorDirectory, longTerm: SectorDirectory) {
        self.init()
        state.withLock { state in
            for (directory, canSeal) in [(sealing, true), (longTerm, false)] {
                state.stores[directory.root] = OpenStore(
                    id: directory.root,
                    settings: StoreSettings(canSeal: canSeal, canStore: !canSeal), directory: directory)
            }
        }
    }

    /// Whoever wants to know what a store holds whenever that has changed.
    package func onChange(_ announce: @escaping @Sendable (_ store: String, [SectorFiles]) -> Void) {
        state.withLock { $0.announce = announce }
    }

    // MARK: Directories

    /// All stores, in the order in which they were opened.
    package var all: [OpenStore] { Array(state.withLock { $0.stores }.values) }

    package func store(_ id: String) -> OpenStore? { state.withLock { $0.stores[id] } }

    /// Begins to use a directory, as its own file says.
    ///
    /// - Throws: ``EngineError`` where the file is missing or wrong, `refused` where the store is in use here
    ///   already, under this path or another.
    @discardableResult
    package func open(_ root: String) throws(EngineError) -> OpenStore {
        let file = try StoreFile(in: root)
        let directory =
            file.isReadOnly ? SectorDirectory(readingAt: root) : try SectorDirectory(root: root)
        let open = OpenStore(id: file.id, settings: file.settings, directory: directory)
        let known = state.withLock { state -> OpenStore? in
            if let known = state.stores[file.id] { return known }
            state.stores[file.id] = open
            return nil
        }
        if let known {
            throw EngineError(
                code: .refused,
                message: "\(root) has the ID \(file.id), which is in use here for \(known.directory.root)")
        }
        return open
    }

    /// Uses a directory no longer; nothing is deleted.
    package func close(_ id: String) {
        state.withLock { state in
            state.stores[id] = nil
            state.held[id] = nil
        }
    }

    /// Writes and reads a small file, or reads only where nothing may be written, and notes what came of it.
    ///
    /// - Returns: how the directory is; `nil` for a store that is not open.
    package func look(at id: String) -> StoreHealth? {
        guard let open = store(id) else { return nil }
        let root = open.directory.root
        var health = StoreHealth(capacityBytes: 0, availableBytes: 0, usedBytes: usedBytes(at: id))
        do {
            let file = try StoreFile(in: root)
            guard file.id == id else {
                throw EngineError(
                    code: .checkFailed,
                    message: "\(root) is another store, \(file.id): another disk is mounted there")
            }
            if !open.isReadOnly { try Self.test(root) }
            let facts = try FileManager.default.attributesOfFileSystem(forPath: root)
            health.capacityBytes = (facts[.systemSize] as? NSNumber)?.uint64Value ?? 0
            health.availableBytes = (facts[.systemFreeSize] as? NSNumber)?.uint64Value ?? 0
            for sector in try open.directory.fetching() where isBusy(sector) {
                health.fetchingBytes += try PartialFetch.takenBytes(of: sector, in: root)
            }
        } catch let error as EngineError {
            health.error = error.message
        } catch {
            health.error = "the file system of \(root) cannot be looked at: \(error)"
        }
        let error = health.error
        state.withLock { $0.stores[id]?.error = error }
        return health
    }

    /// Deletes what is left of fetches that nobody went on with for so long.
    ///
    /// - Returns: the sectors that it was of.
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func discardFetches(at id: String, idleFor most: Duration) throws(EngineError) -> [SectorKey] {
        guard let open = store(id), open.error == nil, !open.isReadOnly else { return [] }
        let (root, wall) = (open.directory.root, SystemClock.wallNanoseconds)
        var gone: [SectorKey] = []
        for sector in try open.directory.fetching() where !isBusy(sector) {
            guard let idle = try PartialFetch.idle(sector, in: root, wall: wall), idle >= most else {
                continue
            }
            try PartialFetch.discard(sector, in: root)
            gone.append(sector)
        }
        return gone
    }

    private static func test(_ root: String) throws(EngineError) {
        let path = "\(root)/.sealyard-test"
        let bytes = Array("\(SystemClock.wallNanoseconds)".utf8)
        let file = try DiskFile(writing: path)
        try file.setLength(0)
        try file.write(bytes, at: 0)
        try file.synchronize()
        guard try file.read(at: 0, count: bytes.count) == bytes else {
            throw EngineError(code: .fileFailed, message: "\(path) does not read as it was written")
        }
        guard unlink(path) == 0 else { throw DiskFile.failure("\(path) cannot be removed") }
    }

    // MARK: What lies there

    /// Reads anew all that lies in a store; fetches that were complete get their names first.
    ///
    /// - Throws: ``EngineError``.
    @discardableResult
    package func scan(_ id: String) throws(EngineError) -> [SectorFiles] {
        guard let open = store(id) else { return [] }
        if !open.isReadOnly {
            for sector in try open.directory.fetching() where !isBusy(sector) {
                try PartialFetch.finishInstall(of: sector, in: open.directory.root)
            }
        }
        var held: OrderedDictionary<SectorKey, SectorFiles> = [:]
        for sector in try open.directory.sectors() {
            let files = try open.directory.held(sector)
            if !files.types.isEmpty { held[sector] = files }
        }
        let files = held
        let (changed, announce) = state.withLock { state in
            let before = state.held[id] ?? [:]
            state.held[id] = files
            var changed = files.values.filter { before[$0.sector] != $0 }
            changed += before.keys.filter { files[$0] == nil }.map {
                SectorFiles(sector: $0, types: [], bytes: 0)
            }
            return (changed, state.announce)
        }
        if !changed.isEmpty { announce?(id, changed) }
        return Array(files.values)
    }

    /// Looks at one sector in a store, and tells what is there.
    ///
    /// - Throws: ``EngineError``.
    @discardableResult
    package func refresh(_ sector: SectorKey, at id: String) throws(EngineError) -> SectorFiles {
        let files = try store(id)?.directory.held(sector) ?? SectorFiles(sector: sector, types: [], bytes: 0)
        let announce = state.withLock { state in
            state.held[id, default: [:]][sector] = files.types.isEmpty ? nil : files
            return state.announce
        }
        announce?(id, [files])
        return files
    }

    /// What a store held of a sector when it was last looked at.
    package func held(_ sector: SectorKey, at id: String) -> SectorFiles {
        state.withLock { $0.held[id]?[sector] } ?? SectorFiles(sector: sector, types: [], bytes: 0)
    }

    private func usedBytes(at id: String) -> UInt64 {
        state.withLock { $0.held[id]?.values.reduce(0) { $0 + $1.bytes } ?? 0 }
    }

    // MARK: Where a task works

    /// Where a sector is sealed: the store that the index named, else the one that holds its files, else the
    /// first for sealing.
    ///
    /// - Throws: ``EngineError`` with `unreachable` where its path is out of use, `refused` where there is
    ///   none, or `fileFailed`.
    package func sealing(_ sector: SectorKey, named id: String?) throws(EngineError) -> OpenStore {
        let sealing = all.filter(\.settings.canSeal)
        func outOfUse(_ store: OpenStore) -> EngineError {
            EngineError(
                code: .unreachable,
                message: "\(sector) is on a path that is out of use: \(store.error ?? store.directory.root)")
        }
        if let named = sealing.first(where: { $0.id == id }) {
            guard named.error == nil else { throw outOfUse(named) }
            return named
        }
        let usable = sealing.filter { $0.error == nil }
        for store in usable where try !store.directory.held(sector).types.isEmpty { return store }
        // Nothing is lost where only a disk is away.
        if let away = sealing.first(where: { $0.error != nil }) { throw outOfUse(away) }
        guard let first = usable.first else {
            throw EngineError(code: .refused, message: "no path for sealing is in use here; attach one")
        }
        return first
    }

    /// Where a sector is when its sealing ends: where it is sealed, or, where an earlier try has moved it
    /// already, where it is kept.
    ///
    /// - Throws: ``EngineError`` with `refused` where there is none, or `fileFailed`.
    package func finishing(_ sector: SectorKey, named id: String?) throws(EngineError) -> OpenStore {
        if let id, store(id)?.error != nil { return try sealing(sector, named: id) }
        let usable = all.filter { $0.error == nil && $0.settings.canSeal }
        for store in usable where try store.directory.held(sector).types.contains(.sealed) { return store }
        if let kept = try keeping(sector) { return kept }
        return try sealing(sector, named: id)
    }

    /// The store for finished sectors that holds a sector's replica; `nil` where none does.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func keeping(_ sector: SectorKey) throws(EngineError) -> OpenStore? {
        for store in all where store.error == nil && !store.settings.canSeal {
            if try store.directory.held(sector).types.contains(.sealed) { return store }
        }
        return nil
    }

    /// Somebody works on a sector: nothing of it is deleted before ``letGo(_:)``.
    package func hold(_ sector: SectorKey) { state.withLock { $0.busy[sector, default: 0] += 1 } }

    package func letGo(_ sector: SectorKey) {
        state.withLock { state in
            let left = (state.busy[sector] ?? 1) - 1
            state.busy[sector] = left > 0 ? left : nil
        }
    }

    package func isBusy(_ sector: SectorKey) -> Bool { state.withLock { $0.busy[sector] != nil } }
}
