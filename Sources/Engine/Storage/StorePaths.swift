// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Foundation
internal import Kernel
private import OrderedCollections
package import Scheduler
internal import Sealing
private import Synchronization

/// A directory, or a bucket, that this worker uses as a store.
package struct OpenStore: Sendable {
    package let id: String
    package let settings: StoreSettings
    package let place: any StorePlace
    /// Why it cannot be used now; `nil` where it can.
    package internal(set) var error: String?

    package var isReadOnly: Bool { !settings.canSeal && !settings.canStore }

    /// How operators name it.
    package var root: String { place.root }

    /// The directory; `nil` for a bucket.
    package var directory: SectorDirectory? { place as? SectorDirectory }
}

/// The stores of one worker: which directories, what lies there, and who is at work on it.
package final class StorePaths: Sendable {
    private struct State {
        var stores: OrderedDictionary<String, OpenStore> = [:]
        var held: [String: OrderedDictionary<SectorKey, SectorFiles>] = [:]
        /// Scans under way in each store, and the sectors that were looked at meanwhile.
        var scans: [String: (count: Int, changed: Set<SectorKey>)] = [:]
        /// Sectors that somebody works on: nothing of them is deleted meanwhile.
        var busy: [SectorKey: Int] = [:]
        /// Sectors of which a copy is being deleted.
        var dropping: Set<SectorKey> = []
        var announce: (@Sendable (_ store: String, [SectorFiles]) -> Void)?
    }

    private let state = Mutex(State())
    /// What is told later is newer: held from a change of the state until it is told.
    private let telling = Mutex(())
    package let opener: StoreOpener

    /// Tells this machine's disks from those of others.
    private let machine: String?

    /// - Parameter machine: its name, alike for all workers here; `nil` where disks are known to be shared
    ///   with nobody.
    package init(opener: StoreOpener = StoreOpener(), machine: String? = nil) {
        self.opener = opener
        self.machine = machine
    }

    /// The two directories of a worker that has no index to ask: where it seals and where it keeps.
    package convenience init(sealing: SectorDirectory, longTerm: SectorDirectory) {
        self.init()
        state.withLock { state in
            for (directory, canSeal) in [(sealing, true), (longTerm, false)] {
                state.stores[directory.root] = OpenStore(
                    id: directory.root,
                    settings: StoreSettings(canSeal: canSeal, canStore: !canSeal), place: directory)
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

    /// Begins to use a directory or a bucket, as its own file says.
    ///
    /// - Throws: ``EngineError`` where the file is missing or wrong, `refused` where the store is in use here
    ///   already, under this path or another.
    @discardableResult
    package func open(_ root: String) throws(EngineError) -> OpenStore {
        let (file, place) = try opener.store(root)
        let open = OpenStore(id: file.id, settings: file.settings, place: place)
        let known = state.withLock { state -> OpenStore? in
            if let known = state.stores[file.id] { return known }
            state.stores[file.id] = open
            return nil
        }
        if let known {
            throw EngineError(
                code: .refused,
                message: "\(root) has the ID \(file.id), which is in use here for \(known.root)")
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
        let (root, place) = (open.root, open.place)
        var health = StoreHealth(capacityBytes: 0, availableBytes: 0, usedBytes: usedBytes(at: id))
        do throws(EngineError) {
            let file = try place.storeFile()
            guard file.id == id else {
                throw EngineError(
                    code: .checkFailed,
                    message: "\(root) is another store, \(file.id): another disk is mounted there")
            }
            if !open.isReadOnly { try place.test() }
            (health.capacityBytes, health.availableBytes) = try place.room()
            if let machine, let disk = try place.fileSystem() { health.fileSystem = "\(machine)/\(disk)" }
            for sector in try place.arriving() where isBusy(sector) {
                health.fetchingBytes += try place.arrivedBytes(of: sector)
            }
        } catch {
            health.error = error.message
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
        var gone: [SectorKey] = []
        for sector in try open.place.arriving() where !isBusy(sector) {
            if try open.place.discardArrival(of: sector, idleFor: most) { gone.append(sector) }
        }
        if let bucket = open.place as? SectorBucket { try bucket.sweep { isBusy($0) } }
        return gone
    }

    // MARK: What lies there

    /// Reads anew all that lies in a store; fetches that were complete get their names first.
    ///
    /// - Throws: ``EngineError``.
    @discardableResult
    package func scan(_ id: String) throws(EngineError) -> [SectorFiles] {
        guard let open = store(id) else { return [] }
        if !open.isReadOnly {
            for sector in try open.place.arriving() where !isBusy(sector) {
                try open.place.finishArrival(of: sector)
            }
        }
        state.withLock { $0.scans[id, default: (0, [])].count += 1 }
        let list: Result<[SectorFiles], EngineError>
        do throws(EngineError) { list = .success(try open.place.held()) } catch { list = .failure(error) }
        return try telling.withLock { _ throws(EngineError) in try note(list, in: id) }
    }

    /// Takes up a store's list and tells what is new.
    private func note(
        _ list: Result<[SectorFiles], EngineError>, in id: String
    ) throws(EngineError) -> [SectorFiles] {
        let (files, changed, announce) = try state.withLock { state throws(EngineError) in
            let scan = state.scans.removeValue(forKey: id)
            if let scan, scan.count > 1 { state.scans[id] = (scan.count - 1, scan.changed) }
            let before = state.held[id] ?? [:]
            var files = OrderedDictionary(uniqueKeysWithValues: try list.get().map { ($0.sector, $0) })
            for sector in (scan?.changed ?? []).sorted() { files[sector] = before[sector] }
            state.held[id] = files
            var changed = files.values.filter { before[$0.sector] != $0 }
            changed += before.keys.filter { files[$0] == nil }.map {
                SectorFiles(sector: $0, types: [], bytes: 0)
            }
            return (files, changed, state.announce)
        }
        if !changed.isEmpty { announce?(id, changed) }
        return Array(files.values)
    }

    /// Looks at one sector in a store, and tells what is there.
    ///
    /// - Throws: ``EngineError``.
    @discardableResult
    package func refresh(_ sector: SectorKey, at id: String) throws(EngineError) -> SectorFiles {
        let files = try store(id)?.place.held(sector) ?? SectorFiles(sector: sector, types: [], bytes: 0)
        telling.withLock { _ in
            let announce = state.withLock { state in
                state.held[id, default: [:]][sector] = files.types.isEmpty ? nil : files
                state.scans[id]?.changed.insert(sector)
                return state.announce
            }
            announce?(id, [files])
        }
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
                message: "\(sector) is on a path that is out of use: \(store.error ?? store.root)")
        }
        if let named = sealing.first(where: { $0.id == id }) {
            guard named.error == nil else { throw outOfUse(named) }
            return named
        }
        let usable = sealing.filter { $0.error == nil }
        for store in usable where try !store.place.held(sector).types.isEmpty { return store }
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
        for store in usable where try store.place.held(sector).types.contains(.sealed) { return store }
        if let kept = try keeping(sector) { return kept }
        return try sealing(sector, named: id)
    }

    /// The store for finished sectors that holds a sector's replica; `nil` where none does.
    ///
    /// - Throws: ``EngineError`` with `fileFailed`.
    package func keeping(_ sector: SectorKey) throws(EngineError) -> OpenStore? {
        for store in all where store.error == nil && !store.settings.canSeal {
            if try store.place.held(sector).types.contains(.sealed) { return store }
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

    /// Begins to delete a copy of a sector; not while somebody works on it.
    package func beginDrop(_ sector: SectorKey) -> Bool {
        state.withLock { state in
            state.busy[sector] == nil && state.dropping.insert(sector).inserted
        }
    }

    package func endDrop(_ sector: SectorKey) { state.withLock { _ = $0.dropping.remove(sector) } }

    package func isDropping(_ sector: SectorKey) -> Bool { state.withLock { $0.dropping.contains(sector) } }

    package func isBusy(_ sector: SectorKey) -> Bool { state.withLock { $0.busy[sector] != nil } }
}
