// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Foundation
internal import Kernel
package import Scheduler
internal import Sealing

/// Where a store's files are: a directory, or a bucket of an object store.
package protocol StorePlace: Sendable {
    /// How operators name it: a path, or `s3://…`.
    var root: String { get }

    /// What the place says of itself, read anew.
    func storeFile() throws(EngineError) -> StoreFile
    /// Says for the first time what it is; where several begin at once the first one's word holds.
    func make(_ settings: StoreSettings) throws(EngineError) -> StoreFile
    /// Whether it has said so before.
    func isStore() throws(EngineError) -> Bool

    /// Writes and reads a few bytes.
    func test() throws(EngineError)
    /// The number that its machine has for the file system it lies on; `nil` where it is on none.
    func fileSystem() throws(EngineError) -> UInt64?
    /// What it has room for in all, and still.
    func room() throws(EngineError) -> (capacityBytes: UInt64, availableBytes: UInt64)

    /// Lists what lies here of a sector; no files where nothing does.
    func manifest(of sector: SectorKey) throws(EngineError) -> FileManifest
    /// What lies here of all sectors, in their order.
    func held() throws(EngineError) -> [SectorFiles]
    /// A part of a file of such a list.
    ///
    /// - Throws: ``FetchProblem`` with `changed` where the file is another now, or ``EngineError``.
    func read(
        _ file: FileManifest.File, of sector: SectorKey, at offset: UInt64, count: Int
    ) throws -> [UInt8]
    /// Deletes what is left of a sector, what is unfinished too.
    func remove(_ sector: SectorKey) throws(EngineError)

    /// Sectors that are on their way here, in order.
    func arriving() throws(EngineError) -> [SectorKey]
    /// Bytes that such a sector has taken of ``room()`` so far.
    func arrivedBytes(of sector: SectorKey) throws(EngineError) -> UInt64
    /// Ends an arrival that was complete when it was cut off.
    func finishArrival(of sector: SectorKey) throws(EngineError)
    /// Deletes what is left of an arrival where nobody went on with it for so long.
    func discardArrival(of sector: SectorKey, idleFor most: Duration) throws(EngineError) -> Bool

    /// Opens a replica; `nil` where the place has nothing of the sector.
    func look(_ question: ReplicaQuestion) -> ReplicaLook?
}

extension StorePlace {
    /// What lies here of a sector.
    package func held(_ sector: SectorKey) throws(EngineError) -> SectorFiles {
        try manifest(of: sector).held
    }

    /// Opens the replica of a sector that has files here.
    func opened(_ question: ReplicaQuestion, in files: any ReplicaFiles) -> ReplicaLook {
        do throws(SealingError) { return .opened(try question.open(in: root, files)) } catch {
            return error.code == .unreachable ? .away(error.message) : .damaged(error.message)
        }
    }
}

// MARK: - Directories

extension SectorDirectory: StorePlace {
    package func storeFile() throws(EngineError) -> StoreFile { try StoreFile(in: root) }

    package func make(_ settings: StoreSettings) throws(EngineError) -> StoreFile {
        try StoreFile.make(settings, in: root)
    }

    package func isStore() throws(EngineError) -> Bool {
        try DiskFile.facts("\(root)/\(StoreFile.name)") != nil
    }

    package func test() throws(EngineError) {
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

    package func fileSystem() throws(EngineError) -> UInt64? { try DiskFile.device(of: root) }

    package func room() throws(EngineError) -> (capacityBytes: UInt64, availableBytes: UInt64) {
        do {
            let facts = try FileManager.default.attributesOfFileSystem(forPath: root)
            return (
                (facts[.systemSize] as? NSNumber)?.uint64Value ?? 0,
                (facts[.systemFreeSize] as? NSNumber)?.uint64Value ?? 0
            )
        } catch {
            throw EngineError(
                code: .fileFailed, message: "the file system of \(root) cannot be looked at: \(error)")
        }
    }

    package func manifest(of sector: SectorKey) throws(EngineError) -> FileManifest {
        try FileManifest(of: sector, in: root)
    }

    package func held() throws(EngineError) -> [SectorFiles] {
        var found: [SectorFiles] = []
        for sector in try sectors() {
            let files = try held(sector)
            if !files.types.isEmpty { found.append(files) }
        }
        return found
    }

    package func read(
        _ file: FileManifest.File, of sector: SectorKey, at offset: UInt64, count: Int
    ) throws -> [UInt8] {
        let path = "\(root)/\(file.path)"
        let disk = try DiskFile(reading: path)
        let facts = try disk.facts()
        guard facts.bytes == file.bytes, facts.modified == file.modified else {
            throw FetchProblem(.changed, "\(path) has changed since it was listed")
        }
        return try disk.read(at: offset, count: count)
    }

    package func arriving() throws(EngineError) -> [SectorKey] { try fetching() }

    package func arrivedBytes(of sector: SectorKey) throws(EngineError) -> UInt64 {
        try PartialFetch.takenBytes(of: sector, in: root)
    }

    package func finishArrival(of sector: SectorKey) throws(EngineError) {
        try PartialFetch.finishInstall(of: sector, in: root)
    }

    package func discardArrival(
        of sector: SectorKey, idleFor most: Duration
    ) throws(EngineError) -> Bool {
        let idle = try PartialFetch.idle(sector, in: root, wall: SystemClock.wallNanoseconds)
        guard let idle, idle >= most else { return false }
        try PartialFetch.discard(sector, in: root)
        return true
    }

    package func look(_ question: ReplicaQuestion) -> ReplicaLook? {
        // A directory that is not mounted would make every sector on it look lost.
        guard FileManager.default.fileExists(atPath: "\(root)/sealed") else {
            return .away("\(root) is out of use: it is not mounted, or no store")
        }
        let places = ["sealed", "cache"].map { "\(root)/\($0)/\(question.sector.fileName)" }
        guard places.contains(where: { FileManager.default.fileExists(atPath: $0) }) else { return nil }
        return opened(question, in: LocalFiles())
    }
}

// MARK: - Opening

/// Makes places of what operators write: paths, and locations of object stores.
package struct StoreOpener: Sendable {
    /// Has the keys of object stores.
    package var environment: [String: String]
    /// Where sectors wait that come from other workers on their way to a bucket; `nil` for none.
    package var spool: String?
    package var bucket = SectorBucket.Options()

    package init(environment: [String: String] = [:], spool: String? = nil) {
        self.environment = environment
        self.spool = spool
    }

    /// Whether a text names a place: a path from the root, or a location of an object store.
    package static func isPlace(_ text: String) -> Bool { text.hasPrefix("/") || ObjectPlace.isOne(text) }

    /// A place that may not be a store yet; nothing is made there.
    ///
    /// - Throws: ``EngineError`` with `badOption` for a location that is none, or without keys.
    package func place(_ root: String) throws(EngineError) -> any StorePlace {
        guard ObjectPlace.isOne(root) else { return SectorDirectory(readingAt: root) }
        return try SectorBucket(root, environment: environment, spool: spool, options: bucket)
    }

    /// A store, with what it says of itself.
    ///
    /// - Throws: ``EngineError``.
    package func store(_ root: String) throws(EngineError) -> (file: StoreFile, place: any StorePlace) {
        let place = try place(root)
        let file = try place.storeFile()
        if ObjectPlace.isOne(root) {
            guard !file.settings.canSeal else {
                throw EngineError(
                    code: .badOption,
                    message: "\(root): CanSeal is true; nothing can be sealed in an object store")
            }
            return (file, place)
        }
        return (file, file.isReadOnly ? place : try SectorDirectory(root: root))
    }
}
