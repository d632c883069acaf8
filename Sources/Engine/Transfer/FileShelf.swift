// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
private import OrderedCollections
private import Sealing
private import Synchronization

/// Reads the files of a worker's stores for those who fetch them, on threads of its own.
///
/// It remembers the digests of what it read, so that the end of a fetch is confirmed without reading all of
/// it a second time; what it does not remember it reads again.
package final class FileShelf: Sendable {
    private struct Known {
        let manifest: FileManifest
        /// By file and offset.
        var digests: [[UInt64: (count: Int, digest: [UInt8])]]
    }

    private let stores: StorePaths
    private let pool: WorkPool
    /// By the digest of the list and the store, the least recently used first.
    private let known = Mutex<OrderedDictionary<[UInt8], Known>>([:])

    private static let knownCountMax = 64
    /// More is not read at once, whatever is asked for.
    package static let chunkBytesMax = 2 << 20

    package init(stores: StorePaths, pool: WorkPool) {
        self.stores = stores
        self.pool = pool
    }

    /// Answers a question, on a thread of the pool.
    func answer(_ asker: Ref<FileEvent>, _ body: @escaping @Sendable (FileShelf) throws -> FileEvent) {
        pool.submit { [self] in
            let event: FileEvent
            do { event = try body(self) } catch let problem as FetchProblem {
                event = .problem(problem)
            } catch let error as EngineError {
                event = .problem(FetchProblem(.unreadable, error.message))
            } catch {
                event = .problem(FetchProblem(.unreadable, "\(error)"))
            }
            asker.tell(event)
        }
    }

    func list(_ sector: SectorKey, _ store: String) throws -> FileManifest {
        let place = try place(of: store)
        let manifest = try place.manifest(of: sector)
        guard !manifest.types.isEmpty else {
            throw FetchProblem(.missing, "\(place.root) holds no files of \(sector)")
        }
        remember(manifest)
        return manifest
    }

    func place(of store: String) throws -> any StorePlace {
        guard let open = stores.store(store) else {
            throw FetchProblem(.unreadable, "the store \(store) is not in use here")
        }
        if let error = open.error { throw FetchProblem(.unreadable, "\(open.root): \(error)") }
        return open.place
    }

    private func remember(_ manifest: FileManifest) {
        known.withLock { known in
            let digest = manifest.digest
            let entry =
                known.removeValue(forKey: digest)
                ?? Known(
                    manifest: manifest,
                    digests: Array(repeating: [:], count: manifest.files.count))
            known[digest] = entry
            if known.count > Self.knownCountMax { known.removeFirst() }
        }
    }

    /// The list of that digest, looked up again where it is not remembered.
    private func manifest(_ digest: [UInt8], _ sector: SectorKey, _ store: String) throws -> FileManifest {
        if let found = known.withLock({ $0[digest]?.manifest }), found.sector == sector { return found }
        let now = try list(sector, store)
        guard now.digest == digest else {
            let root = try place(of: store).root
            throw FetchProblem(.changed, "the files of \(sector) in \(root) have changed")
        }
        return now
    }

    func read(
        _ sector: SectorKey, _ store: String, _ digest: [UInt8], _ file: Int, _ offset: UInt64, _ count: Int
    ) throws -> FileEvent {
        let bytes = try bytes(sector, store, digest, file, offset, count)
        let hash = SHA256.hash(bytes).bytes
        known.withLock { $0[digest]?.digests[file][offset] = (count, hash) }
        return .chunk(bytes, digest: hash)
    }

    private func bytes(
        _ sector: SectorKey, _ store: String, _ digest: [UInt8], _ file: Int, _ offset: UInt64, _ count: Int
    ) throws -> [UInt8] {
        let manifest = try manifest(digest, sector, store)
        guard manifest.files.indices.contains(file), (1...Self.chunkBytesMax).contains(count),
            offset <= manifest.files[file].bytes, UInt64(count) <= manifest.files[file].bytes - offset
        else {
            throw FetchProblem(.refused, "\(count) bytes at \(offset) of file \(file) are not in the list")
        }
        return try place(of: store).read(manifest.files[file], of: sector, at: offset, count: count)
    }

    func confirm(
        _ sector: SectorKey, _ store: String, _ digest: [UInt8], _ file: Int, _ chunkBytes: Int,
        _ content: [UInt8]
    ) throws -> FileEvent {
        let manifest = try manifest(digest, sector, store)
        guard manifest.files.indices.contains(file), (1...Self.chunkBytesMax).contains(chunkBytes) else {
            throw FetchProblem(.refused, "file \(file) in chunks of \(chunkBytes) bytes is not in the list")
        }
        var chunks: [[UInt8]] = []
        for chunk in 0..<manifest.chunkCount(file, chunkBytes) {
            let range = manifest.range(file, chunk, chunkBytes)
            let found = known.withLock { $0[digest]?.digests[file][range.offset] }
            if let found, found.count == range.count {
                chunks.append(found.digest)
            } else {
                chunks.append(
                    SHA256.hash(try bytes(sector, store, digest, file, range.offset, range.count)).bytes)
            }
        }
        guard FileDigest.of(chunks) == content else {
            throw FetchProblem(.differs, "\(manifest.files[file].path) was fetched as something else")
        }
        return .confirmed
    }
}

/// A worker's server of files: hands every question to its shelf.
package actor FileServer: Component {
    package nonisolated let home: Home
    private let shelf: FileShelf
    private let puller: any SectorPuller

    package init(home: Home, shelf: FileShelf, puller: any SectorPuller) {
        self.home = home
        self.shelf = shelf
        self.puller = puller
    }

    /// The well-known name on a worker's node.
    package static let name = "files"

    package func receive(_ message: FileMessage, _ context: Context<FileMessage>) {
        switch message {
        case .list(let sector, let store, let asker):
            shelf.answer(asker) { .manifest(try $0.list(sector, store)) }
        case .read(let sector, let store, let list, let file, let offset, let count, let asker):
            shelf.answer(asker) { try $0.read(sector, store, list, file, offset, count) }
        case .confirm(let sector, let store, let list, let file, let chunkBytes, let digest, let asker):
            shelf.answer(asker) { try $0.confirm(sector, store, list, file, chunkBytes, digest) }
        case .open(let question, let store, let asker):
            shelf.answer(asker) { try $0.open(question, store) }
        case .pull(let call, let sector, let source, let target, let asker):
            puller.pull(call, sector, from: source, to: target, asker)
        }
    }
}

/// Brings a sector into a store on somebody else's behalf.
package protocol SectorPuller: Sendable {
    /// Begins it, or tells how far it is.
    func pull(
        _ call: String, _ sector: SectorKey, from source: String, to target: String, _ asker: Ref<FileEvent>)
}
