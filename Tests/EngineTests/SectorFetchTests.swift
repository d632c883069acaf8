// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import Logging
import Scheduler
import Sealing
import Synchronization
import Testing

/// A source that reads a directory and errs as it is told.
private final class PoorSource: ChunkSource {
    let name = "far:/store"
    private let sector: SectorKey
    private let root: String
    /// Asked so far: file and offset.
    let asked = Mutex<[String]>([])
    /// How often a chunk comes damaged, by file and offset.
    let damages = Mutex<[String: Int]>([:])
    /// After so many chunks the source is gone.
    let breaksAfter = Mutex<Int?>(nil)
    let differing = Mutex<Int?>(nil)

    init(_ sector: SectorKey, _ root: String) {
        self.sector = sector
        self.root = root
    }

    func manifest() throws -> FileManifest { try FileManifest(of: sector, in: root) }

    func chunk(
        _ list: [UInt8], file: Int, offset: UInt64, count: Int
    ) throws -> (
        bytes: [UInt8], digest: [UInt8]
    ) {
        let manifest = try manifest()
        let path = manifest.files[file].path
        let place = "\(path)@\(offset)"
        let number = asked.withLock { asked in
            asked.append(place)
            return asked.count
        }
        if let most = breaksAfter.withLock({ $0 }), number > most {
            throw EngineError(code: .unreachable, message: "the source is gone")
        }
        let data = try Data(contentsOf: URL(filePath: "\(root)/\(path)"))
        var bytes = Array(data[Int(offset)..<Int(offset) + count])
        let digest = SHA256.hash(bytes).bytes
        let isDamaged = damages.withLock { damages in
            guard let left = damages[place], left > 0 else { return false }
            damages[place] = left - 1
            return true
        }
        if isDamaged { bytes[count / 2] ^= 1 }
        return (bytes, digest)
    }

    func confirm(
        _ list: [UInt8], file: Int, bytes: UInt64, chunkBytes: Int, digest: [UInt8]
    ) throws {
        let isWrong = differing.withLock { differing in
            defer { if differing == file { differing = nil } }
            return differing == file
        }
        if isWrong { throw FetchProblem(.differs, "file \(file) was fetched as something else") }
    }
}

/// Time that passes when somebody sleeps.
private final class HandClock: Sendable {
    private let time = Mutex<Instant>(.zero)

    var now: Instant { time.withLock { $0 } }

    var clock: SectorFetch.Clock {
        .init(now: { self.now }, sleep: { pause in self.time.withLock { $0 = $0 + pause } })
    }
}

@Suite("Fetching a sector")
struct SectorFetchTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "sealyard-fetch-\(UUID())")
        .path
    private let sector = SectorKey(miner: 1000, number: 7)
    private let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A sector of odd lengths, an empty file among them, in `from`; and the target's root.
    private func with(_ body: (PoorSource, String, WorkPool) async throws -> Void) async throws {
        let source = "\(folder)/from"
        for (path, count) in [
            ("sealed/s-t01000-7", 5_000), ("cache/s-t01000-7/p_aux", 64), ("cache/s-t01000-7/t_aux", 0),
            ("cache/s-t01000-7/layer", 4_096), ("notes/s-t01000-7.json", 17),
        ] {
            let file = URL(filePath: "\(source)/\(path)")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ path.utf8.count) }).write(
                to: file)
        }
        defer {
            do { try FileManager.default.removeItem(atPath: folder) } catch {
                Issue.record("\(folder) stays behind: \(error)")
            }
        }
        let pool = try WorkPool(name: "disk", threadCount: 2)
        defer { pool.shutDown() }
        try await body(PoorSource(sector, source), "\(folder)/to", pool)
    }

    private func fetch(
        _ source: PoorSource, _ root: String, _ pool: WorkPool, rate: UInt64 = 0,
        _ clock: HandClock = HandClock(),
        window: Int = 1
    ) async throws {
        // A record after every chunk, so that a break loses nothing.
        let options = SectorFetch.Options(chunkBytes: 1_024, windowCount: window, batchCount: 1)
        let fetch = SectorFetch(
            from: source, into: root, options: options, gate: RateGate(bytesPerSecond: rate),
            clock: clock.clock, pool: pool, log: log)
        try await fetch.run(try source.manifest())
    }

    private func isSame(_ root: String) throws -> Bool {
        try FileManifest(of: sector, in: "\(folder)/from").files.allSatisfy { file in
            FileManager.default.contents(atPath: "\(folder)/from/\(file.path)")
                == FileManager.default.contents(atPath: "\(root)/\(file.path)")
        }
    }

    private static let chunkCount = 5 + 1 + 4 + 1

    @Test("all files arrive in their places, with one chunk or several on the way", arguments: [1, 4])
    func whole(window: Int) async throws {
        try await with { source, root, pool in
            try await fetch(source, root, pool, window: window)
            #expect(try isSame(root))
            #expect(source.asked.withLock { $0.count } == Self.chunkCount)
            #expect(!FileManager.default.fileExists(atPath: "\(root)/fetching/s-t01000-7"))
        }
    }

    @Test("after a break only what is missing or damaged is fetched; a torn record is no record")
    func resumed() async throws {
        try await with { source, root, pool in
            source.breaksAfter.withLock { $0 = 7 }
            await #expect(throws: EngineError.self) { try await fetch(source, root, pool) }
            #expect(!FileManager.default.fileExists(atPath: "\(root)/sealed/s-t01000-7"))
            let partial = "\(root)/fetching/s-t01000-7"
            // A byte of the first chunk is turned, and the log ends in half a record.
            let first = "\(partial)/cache/s-t01000-7/layer"
            var bytes = try Data(contentsOf: URL(filePath: first))
            bytes[100] ^= 1
            try bytes.write(to: URL(filePath: first))
            let handle = try FileHandle(forWritingTo: URL(filePath: "\(partial)/fetch.log"))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(repeating: 0, count: 20))
            try handle.close()
            source.breaksAfter.withLock { $0 = nil }
            source.asked.withLock { $0 = [] }
            try await fetch(source, root, pool)
            #expect(try isSame(root))
            let asked = source.asked.withLock { $0 }
            #expect(asked.count == Self.chunkCount - 7 + 1)
            #expect(asked.contains("cache/s-t01000-7/layer@0"))
        }
    }

    @Test("what was fetched of files that changed since is thrown away")
    func changed() async throws {
        try await with { source, root, pool in
            source.breaksAfter.withLock { $0 = 7 }
            await #expect(throws: EngineError.self) { try await fetch(source, root, pool) }
            source.breaksAfter.withLock { $0 = nil }
            source.asked.withLock { $0 = [] }
            try Data(repeating: 9, count: 64).write(
                to: URL(filePath: "\(folder)/from/cache/s-t01000-7/p_aux"))
            try await fetch(source, root, pool)
            #expect(try isSame(root))
            #expect(source.asked.withLock { $0.count } == Self.chunkCount)
        }
    }

    @Test("a damaged chunk is refused and asked for again; one that stays damaged is named with its byte")
    func damaged() async throws {
        try await with { source, root, pool in
            source.damages.withLock { $0["sealed/s-t01000-7@2048"] = 2 }
            try await fetch(source, root, pool)
            #expect(try isSame(root))
            #expect(source.asked.withLock { $0.count } == Self.chunkCount + 2)
            source.damages.withLock { $0["sealed/s-t01000-7@2048"] = 3 }
            do {
                try await fetch(source, root, pool)
                Issue.record("a damaged chunk was taken")
            } catch let error as EngineError {
                #expect(error.code == .checkFailed)
                #expect(
                    error.message.contains("sealed/s-t01000-7 from far:/store, 1024 bytes at byte 2048"),
                    "\(error)")
            }
        }
    }

    @Test("a file that the source does not confirm is fetched anew with the next try, the others are kept")
    func unconfirmed() async throws {
        try await with { source, root, pool in
            // In order of paths the replica is the last but none.
            let last = try source.manifest().files.firstIndex { $0.path == "sealed/s-t01000-7" }
            source.differing.withLock { $0 = last }
            await #expect(throws: FetchProblem.self) { try await fetch(source, root, pool) }
            #expect(!FileManager.default.fileExists(atPath: "\(root)/sealed/s-t01000-7"))
            source.asked.withLock { $0 = [] }
            try await fetch(source, root, pool)
            #expect(try isSame(root))
            #expect(source.asked.withLock { $0.count } == 5)
        }
    }

    @Test("names that were given halfway are given in full later")
    func installed() async throws {
        try await with { source, root, pool in
            // Where the last of the files belongs, something is in the way.
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            try Data().write(to: URL(filePath: "\(root)/notes"))
            await #expect(throws: EngineError.self) { try await fetch(source, root, pool) }
            #expect(FileManager.default.fileExists(atPath: "\(root)/sealed/s-t01000-7"))
            try FileManager.default.removeItem(atPath: "\(root)/notes")
            #expect(try PartialFetch.finishInstall(of: sector, in: root))
            #expect(try isSame(root))
            #expect(try !PartialFetch.finishInstall(of: sector, in: root))
        }
    }

    @Test("a rate spreads the bytes over time, whoever asks")
    func rate() async throws {
        var meter = RateMeter(bytesPerSecond: 1_000)
        #expect(meter.take(500, at: .zero) == .zero)
        #expect(meter.take(500, at: .zero) == .milliseconds(500))
        #expect(meter.take(1, at: .zero) == .seconds(1))
        // Time that nobody used is not saved up.
        #expect(meter.take(2_000, at: .zero + .seconds(60)) == .zero)
        #expect(meter.take(1, at: .zero + .seconds(61)) == .seconds(1))
        try await with { source, root, pool in
            let clock = HandClock()
            try await fetch(source, root, pool, rate: 1_000, clock)
            // All but the last chunk have to pass before the last one comes: 9,177 bytes in all.
            let passed = clock.now - .zero
            #expect(passed > .seconds(8) && passed < .seconds(10), "\(passed)")
        }
    }

    @Test(
        "a list that leads out of the sector's own places is refused",
        arguments: [
            "sealed/../../etc/passwd", "/etc/passwd", "sealed/s-t01000-8", "cache/s-t01000-7/../x",
            "notes/x.json",
            "cache/s-t01000-7/a/b", "other/s-t01000-7",
        ])
    func hostile(path: String) async throws {
        try await with { source, root, pool in
            let manifest = try source.manifest()
            let text = String(decoding: try JSONEncoder().encode(manifest), as: UTF8.self)
            let escaped = "sealed/s-t01000-7".replacing("/", with: "\\/")
            let other = path.replacing("/", with: "\\/")
            let hostile = try JSONDecoder().decode(
                FileManifest.self, from: Data(text.replacing(escaped, with: other).utf8))
            #expect(hostile != manifest)
            #expect(throws: EngineError.self) { try hostile.check(for: sector) }
        }
    }
}
