// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Foundation
internal import Kernel
package import ObjectStore
private import OrderedCollections
package import Scheduler
internal import Synchronization

/// What tells a location of an object store from a path.
enum ObjectPlace {
    static func isOne(_ root: String) -> Bool { ObjectLocation.isOne(root) }
}

/// A bucket of an S3-compatible store, or a part of one, that holds finished sectors.
///
/// Below its root lie `sectorstore.json` and the files as in a directory: `sealed/s-t01000-1`,
/// `cache/s-t01000-1/p_aux`, `notes/…`. A sector is there when `sectors/s-t01000-1.json` is, its list of
/// files with their tags: it is written last and deleted first, so that nobody sees half of a sector.
package final class SectorBucket: StorePlace {
    package struct Options: Sendable {
        /// The bytes of a part of an object; larger where an object would have too many.
        package var partBytes: UInt64 = 16 << 20
        /// Parts on their way at once.
        package var partCountMax = 4
        package var patience = ObjectStore.Patience()

        package init() {}
    }

    /// A sector's list as the bucket keeps it.
    struct Listing: Codable, Sendable, Hashable {
        var version = 1
        var manifest: FileManifest
        /// The tags of the objects, in the order of the files.
        var tags: [String]
    }

    package let root: String
    package let store: ObjectStore
    /// The same for what must not wait.
    let probe: ObjectStore
    let options: Options
    /// Where sectors wait that come from elsewhere.
    let spool: SectorDirectory?
    /// The least recently used first.
    private let known = Mutex<OrderedDictionary<SectorKey, Listing>>([:])
    /// When unfinished uploads were last looked for, in nanoseconds since the Unix epoch.
    private let swept = Mutex<Int64>(0)

    private static let knownCountMax = 1_024
    private static let testName = ".sealyard-test"
    private static let listingBytesMax = 4 << 20
    /// What a store without a limit of its own is said to have room for: an exbibyte.
    private static let endlessBytes: UInt64 = 1 << 60

    /// - Throws: ``EngineError`` with `badOption`; nothing is asked of the server yet.
    package init(
        _ root: String, environment: [String: String], spool: String? = nil, options: Options = Options()
    ) throws(EngineError) {
        self.root = root
        self.options = options
        self.spool = try spool.map { (path) throws(EngineError) in try SectorDirectory(root: path) }
        (store, probe) = try EngineError.mapping { () throws(ObjectStoreError) in
            let location = try ObjectLocation(parsing: root, environment: environment)
            return (
                try ObjectStore(location, environment: environment, patience: options.patience),
                try ObjectStore(location, environment: environment, patience: .short)
            )
        }
    }

    // MARK: The store

    package func storeFile() throws(EngineError) -> StoreFile {
        let bytes: [UInt8]
        do throws(ObjectStoreError) { bytes = try probe.get(StoreFile.name, countMax: 1 << 20) } catch {
            guard error.code == .missing else { throw EngineError(error) }
            throw EngineError(
                code: .fileFailed,
                message:
                    "\(root) has no \(StoreFile.name): it is no store; 'storage attach --init' makes it one")
        }
        return try StoreFile(parsing: bytes, "\(StoreFile.name) of \(root)")
    }

    package func isStore() throws(EngineError) -> Bool {
        try EngineError.mapping { () throws(ObjectStoreError) in try store.facts(StoreFile.name) != nil }
    }

    package func make(_ settings: StoreSettings) throws(EngineError) -> StoreFile {
        guard !settings.canSeal else {
            throw EngineError(
                code: .badOption,
                message: "\(root): nothing can be sealed in an object store; leave --seal out")
        }
        let file = StoreFile.fresh(settings, root)
        let bytes = try file.bytes()
        do throws(ObjectStoreError) {
            if try store.facts(StoreFile.name) == nil {
                try store.put(StoreFile.name, bytes, isNew: true)
            }
        } catch {
            // Somebody else was first.
            if error.code != .changed { throw EngineError(error) }
        }
        return try storeFile()
    }

    package func test() throws(EngineError) {
        // Other workers write the same object: any of the words will do.
        let word = "sealyard \(SystemClock.wallNanoseconds)"
        let found = try EngineError.mapping { () throws(ObjectStoreError) in
            try probe.put(Self.testName, Array(word.utf8))
            return try probe.get(Self.testName, countMax: 4_096)
        }
        guard found.starts(with: Array("sealyard ".utf8)) else {
            throw EngineError(
                code: .fileFailed, message: "\(root)/\(Self.testName) does not read as it was written")
        }
    }

    package func fileSystem() -> UInt64? { nil }

    package func room() throws(EngineError) -> (capacityBytes: UInt64, availableBytes: UInt64) {
        (Self.endlessBytes, Self.endlessBytes)
    }

    // MARK: Sectors

    private static func listingName(_ sector: SectorKey) -> String { "sectors/\(sector.fileName).json" }

    /// The list of a sector as it is now; `nil` where the sector is not here.
    ///
    /// - Parameter asked: whom to ask; the patient one unless given.
    func listing(
        of sector: SectorKey, by asked: ObjectStore? = nil
    ) throws(EngineError) -> Listing? {
        let asked = asked ?? store
        let name = Self.listingName(sector)
        let bytes: [UInt8]
        do throws(ObjectStoreError) { bytes = try asked.get(name, countMax: Self.listingBytesMax) } catch {
            guard error.code == .missing else { throw EngineError(error) }
            known.withLock { $0[sector] = nil }
            return nil
        }
        let listing: Listing
        do { listing = try JSONDecoder().decode(Listing.self, from: Data(bytes)) } catch {
            throw EngineError(code: .checkFailed, message: "\(root)/\(name) is damaged: \(error)")
        }
        guard listing.version == 1, listing.tags.count == listing.manifest.files.count else {
            throw EngineError(
                code: .checkFailed, message: "\(root)/\(name) is of another version, or incomplete")
        }
        try listing.manifest.check(for: sector)
        known.withLock { known in
            known[sector] = nil
            known[sector] = listing
            if known.count > Self.knownCountMax { known.removeFirst() }
        }
        return listing
    }

    /// Makes a sector visible.
    func publish(_ listing: Listing) throws(EngineError) {
        let bytes: [UInt8]
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            bytes = [UInt8](try encoder.encode(listing))
        } catch {
            throw EngineError(
                code: .checkFailed,
                message: "the list of \(listing.manifest.sector) cannot be written: \(error)")
        }
        _ = try EngineError.mapping { () throws(ObjectStoreError) in
            try store.put(Self.listingName(listing.manifest.sector), bytes)
        }
    }

    /// Makes a sector invisible; its files stay.
    func withdraw(_ sector: SectorKey) throws(EngineError) {
        known.withLock { $0[sector] = nil }
        try EngineError.mapping { () throws(ObjectStoreError) in
            try store.remove(Self.listingName(sector))
        }
    }

    package func manifest(of sector: SectorKey) throws(EngineError) -> FileManifest {
        try listing(of: sector)?.manifest ?? FileManifest(sector: sector, files: [])
    }

    /// Lists that are read at once.
    private static let readCountMax = 16

    package func held() throws(EngineError) -> [SectorFiles] {
        let objects = try EngineError.mapping { () throws(ObjectStoreError) in try store.list("sectors/") }
        let sectors = objects.compactMap { object -> SectorKey? in
            guard object.key.hasSuffix(".json") else { return nil }
            return SectorKey(fileName: object.key.dropFirst("sectors/".count).dropLast(".json".count))
        }.sorted()
        let found: [Result<SectorFiles, EngineError>]
        do throws(KernelError) {
            found = try WorkPool.each(sectors.count, threadCount: Self.readCountMax) { [self] index in
                Result { () throws(EngineError) in try held(sectors[index]) }
            }
        } catch {
            throw EngineError(code: .processFailed, message: "\(root) cannot be looked at: \(error)")
        }
        var here: [SectorFiles] = []
        for result in found {
            let files = try result.get()
            // One that went meanwhile is none.
            if !files.types.isEmpty { here.append(files) }
        }
        return here
    }

    package func read(
        _ file: FileManifest.File, of sector: SectorKey, at offset: UInt64, count: Int
    ) throws -> [UInt8] {
        let changed = FetchProblem(.changed, "\(root)/\(file.path) has changed since it was listed")
        guard let tag = try tag(of: file, sector) else { throw changed }
        do throws(ObjectStoreError) {
            return try store.get(file.path, tag: tag, at: offset, count: count)
        } catch {
            if error.code == .changed || error.code == .missing { throw changed }
            throw EngineError(error)
        }
    }

    /// The tag of a file of a list; `nil` where the sector's list is another now.
    private func tag(of file: FileManifest.File, _ sector: SectorKey) throws(EngineError) -> String? {
        func tag(_ listing: Listing?) -> String? {
            listing?.manifest.files.firstIndex(of: file).flatMap { listing?.tags[$0] }
        }
        if let tag = tag(known.withLock({ $0[sector] })) { return tag }
        return tag(try listing(of: sector))
    }

    package func remove(_ sector: SectorKey) throws(EngineError) {
        try withdraw(sector)
        try EngineError.mapping { () throws(ObjectStoreError) in
            for part in FileManifest.parts(of: sector) {
                for object in try store.list("\(part)/") { try store.remove(object.key) }
                try store.remove(part)
                for upload in try store.uploads(part)
                where upload.key == part || upload.key.hasPrefix("\(part)/") {
                    try store.abort(upload)
                }
            }
        }
        try spool?.remove(sector)
    }

    // MARK: Arrivals

    package func arriving() throws(EngineError) -> [SectorKey] {
        guard let spool else { return [] }
        return Array(Set(try spool.fetching() + spool.sectors())).sorted()
    }

    /// What waits in the spool takes no room of the bucket.
    package func arrivedBytes(of sector: SectorKey) throws(EngineError) -> UInt64 { 0 }

    /// What is complete in the spool is brought on by whoever asks for it again.
    package func finishArrival(of sector: SectorKey) throws(EngineError) {}

    package func discardArrival(
        of sector: SectorKey, idleFor most: Duration
    ) throws(EngineError) -> Bool {
        guard let spool else { return false }
        let wall = SystemClock.wallNanoseconds
        let files = try spool.manifest(of: sector).files
        let last = files.map(\.modified).max().map { Duration.nanoseconds(wall - $0) }
        let idle = try PartialFetch.idle(sector, in: spool.root, wall: wall)
        guard let least = [last, idle].compactMap(\.self).min(), least >= most else { return false }
        try spool.remove(sector)
        return true
    }

    /// Gives up uploads that nobody can still be at work on; looks for them once an hour.
    func sweep(_ isBusy: (SectorKey) -> Bool) throws(EngineError) {
        let wall = SystemClock.wallNanoseconds
        let isDue = swept.withLock { swept in
            guard wall - swept >= Self.sweepInterval else { return false }
            swept = wall
            return true
        }
        guard isDue else { return }
        let oldest = Date(timeIntervalSince1970: Double((wall - Self.uploadAgeMax) / 1_000_000_000))
            .formatted(.iso8601)
        try EngineError.mapping { () throws(ObjectStoreError) in
            for upload in try store.uploads("") {
                let words = upload.key.split(separator: "/")
                guard words.count > 1, let sector = SectorKey(fileName: words[1]), !isBusy(sector),
                    // Both in the same form to the second, so that text compares as time.
                    !upload.begun.isEmpty, upload.begun.prefix(19) < oldest.prefix(19)
                else { continue }
                try store.abort(upload)
            }
        }
    }

    private static let sweepInterval: Int64 = 3_600 * 1_000_000_000
    /// A week: the largest sector takes hours over the slowest link that anybody uses.
    private static let uploadAgeMax: Int64 = 7 * 86_400 * 1_000_000_000
}

extension EngineError {
    init(_ error: ObjectStoreError) {
        let code: Code =
            switch error.code {
            case .badLocation, .noCredentials: .badOption
            case .unreachable: .unreachable
            case .refused: .refused
            case .missing: .fileFailed
            case .changed, .malformed: .checkFailed
            }
        self.init(code: code, message: error.message)
    }

    /// Runs `body`, and says its errors as the engine's own.
    static func mapping<Value>(_ body: () throws(ObjectStoreError) -> Value) throws(EngineError) -> Value {
        do throws(ObjectStoreError) { return try body() } catch { throw EngineError(error) }
    }
}
