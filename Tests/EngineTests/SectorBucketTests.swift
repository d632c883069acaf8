// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import ObjectServer
import ObjectStore
import Scheduler
import Sealing
import Synchronization
import Testing

/// Buckets of a server that somebody else wrote.
@Suite(
    "Finished sectors in a bucket", .serialized, .enabled(if: ObjectServer.isInstalled, "\(ObjectServer.why)")
)
struct SectorBucketTests {
    private let sector = SectorKey(miner: 1000, number: 1)

    private func store(
        _ server: ObjectServer, _ prefix: String = "a", _ changes: [String: String] = [:]
    ) throws -> ObjectStore {
        let environment = server.environment.merging(changes) { $1 }
        var patience = ObjectStore.Patience()
        patience.firstPause = .milliseconds(1)
        return try ObjectStore(
            try ObjectLocation(parsing: server.location(prefix), environment: environment),
            environment: environment, patience: patience)
    }

    private func bucket(
        _ server: ObjectServer, _ prefix: String = "b", partsAtOnce: Int = 4
    ) throws -> SectorBucket {
        var options = SectorBucket.Options()
        // The least that the protocol allows.
        options.partBytes = 5 << 20
        options.partCountMax = partsAtOnce
        options.patience.firstPause = .milliseconds(1)
        return try SectorBucket(
            server.location(prefix), environment: server.environment, options: options)
    }

    private func with(_ body: (SectorDirectory) async throws -> Void) async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "bucket-\(UUID())").path
        defer {
            do { try FileManager.default.removeItem(atPath: root) } catch {
                Issue.record("\(root) stays behind: \(error)")
            }
        }
        try await body(try SectorDirectory(root: root))
    }

    /// Files of a sector that are not those of a proof; the replica takes three parts.
    private func makeFiles(in directory: SectorDirectory) throws {
        func write(_ path: String, _ count: Int, _ seed: UInt64) throws {
            let url = URL(filePath: "\(directory.root)/\(path)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            var random = RandomStream(seed: seed, name: path)
            var bytes = Data(capacity: count)
            for _ in 0..<count / 8 { withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) } }
            try bytes.write(to: url)
        }
        try write("sealed/s-t01000-1", 12 << 20, 1)
        try write("unsealed/s-t01000-1", 0, 2)
        try write("cache/s-t01000-1/p_aux", 64, 3)
        try write("cache/s-t01000-1/sc-02-data-tree-r-last.dat", 4_096, 4)
        try write("notes/s-t01000-1.json", 1_024, 5)
    }

    // MARK: Objects

    @Test(
        "objects are written, read in part, listed over pages, deleted; a changed one is told from the old"
    )
    func objects() async throws {
        try await ObjectServer.with { server in
            let store = try store(server, "deep/er")
            let name = "a b+c&d=é/1"
            let old = try store.put(name, Array("0123456789".utf8))
            #expect(try store.get(name, countMax: 10) == Array("0123456789".utf8))
            #expect { try store.get(name, countMax: 9) } throws: { "\($0)".contains("at most 9") }
            #expect(try store.get(name, tag: old.tag, at: 3, count: 4) == Array("3456".utf8))
            #expect(try store.facts(name) == old)
            #expect(try store.facts("none") == nil)
            _ = try store.put(name, Array("9876543210".utf8))
            #expect { try store.get(name, tag: old.tag, at: 3, count: 4) } throws: {
                ($0 as? ObjectStoreError)?.code == .changed
            }
            #expect { try store.put(name, [1], isNew: true) } throws: {
                ($0 as? ObjectStoreError)?.code == .changed
            }
            for number in 0..<1_003 { try store.put("many/\(number)", [UInt8(number % 251)]) }
            let found = try store.list("many/")
            #expect(found.map(\.key) == (0..<1_003).map { "many/\($0)" }.sorted())
            #expect(found.allSatisfy { $0.bytes == 1 })
            try store.remove(name)
            try store.remove(name)
            #expect { try store.get(name, countMax: 10) } throws: {
                ($0 as? ObjectStoreError)?.code == .missing
            }
        }
    }

    @Test("every kind of request is signed as the server works it out by itself")
    func signed() async throws {
        try await ObjectServer.with(checksSignatures: true) { server in
            let environment = server.environment
            let place = "s3://\(ObjectServer.bucket)?endpoint=http://127.0.0.1:\(server.port)"
            let store = try ObjectStore(
                try ObjectLocation(parsing: place, environment: environment), environment: environment)
            let old = try store.put("one", Array("0123456789".utf8))
            #expect(try store.get("one", tag: old.tag, at: 3, count: 4) == Array("3456".utf8))
            #expect(try store.list("on") == [old] && store.facts("one") == old)
            let upload = try store.beginUpload("two")
            #expect(try store.uploads("").map(\.id) == [upload.id])
            let part = try store.put(part: 1, [1, 2, 3], of: upload)
            #expect(try store.parts(of: upload) == [part])
            try store.complete(upload, [part])
            #expect(try store.get("two", countMax: 3) == [1, 2, 3])
            try store.abort(try store.beginUpload("three"))
            #expect(try store.uploads("") == [])
            try store.remove("two")
            #expect(try store.list("").map(\.key) == ["one"])
        }
    }

    @Test("a wrong key, a wrong bucket and a server that is gone are told apart")
    func refusals() async throws {
        try await ObjectServer.with(checksSignatures: true) { server in
            func code(_ store: ObjectStore) -> ObjectStoreError.Code? {
                do throws(ObjectStoreError) {
                    try store.put("x", [1])
                    return nil
                } catch {
                    return error.code
                }
            }
            #expect(code(try store(server)) == nil)
            #expect(code(try store(server, "a", ["AWS_SECRET_ACCESS_KEY": "another"])) == .refused)
            #expect(code(try store(server, "a", ["AWS_ACCESS_KEY_ID": "nobody"])) == .refused)
            let other = "s3://nobody-made-this?endpoint=http://127.0.0.1:\(server.port)"
            let missing = try ObjectStore(
                try ObjectLocation(parsing: other, environment: [:]), environment: server.environment)
            #expect { try missing.put("x", [1]) } throws: { "\($0)".contains("make the bucket first") }
            let store = try store(server)
            server.stop()
            #expect(code(store) == .unreachable)
        }
    }

    // MARK: Stores

    @Test(
        "a bucket becomes a store once; who comes later finds the first one's word; nothing is sealed there")
    func make() async throws {
        try await ObjectServer.with { server in
            let first = try bucket(server)
            #expect(try first.isStore() == false)
            #expect { try first.storeFile() } throws: { "\($0)".contains("--init") }
            let settings = StoreSettings(weight: 3, canStore: true, bytesMax: 1 << 40, groups: ["cold"])
            let made = try first.make(settings)
            #expect(made.settings == settings)
            #expect(try bucket(server).make(StoreSettings(canStore: true)) == made)
            #expect(throws: EngineError.self) {
                try bucket(server, "c").make(StoreSettings(canSeal: true))
            }
            let stores = StorePaths(opener: StoreOpener(environment: server.environment))
            #expect(try stores.open(server.location("b")).id == made.id)
            let health = try #require(stores.look(at: made.id))
            #expect(health.error == nil && health.availableBytes == 1 << 60)
            server.stop()
            let later = try #require(stores.look(at: made.id))
            #expect(later.error?.contains("cannot be reached") == true, "\(later)")
        }
    }

    @Test("a sector goes up whole, is listed, reads as it was, and leaves nothing behind when it is removed")
    func wholeSector() async throws {
        try await ObjectServer.with { server in
            try await with { directory in
                try makeFiles(in: directory)
                let bucket = try bucket(server)
                let news = Mutex<[UInt64]>([])
                try bucket.upload(
                    sector, from: directory, isCancelled: { false },
                    news: { done in news.withLock { $0.append(done) } })
                let manifest = try directory.manifest(of: sector)
                #expect(news.withLock { $0.max() } == manifest.totalBytes)
                #expect(try bucket.manifest(of: sector) == manifest)
                #expect(try bucket.held() == [manifest.held])
                #expect(manifest.types == [.unsealed, .sealed, .cache])
                for file in manifest.files {
                    let bytes = try bucket.read(file, of: sector, at: 0, count: Int(file.bytes))
                    #expect(
                        Data(bytes) == FileManager.default.contents(atPath: "\(directory.root)/\(file.path)"))
                }
                let before = try server.requests().count
                try bucket.upload(sector, from: directory, isCancelled: { false })
                #expect(try server.requests().count == before + 1, "what is there already is not sent again")
                // A sector whose number begins with the same digit stays.
                try bucket.store.put("sealed/s-t01000-10", [1])
                try bucket.remove(sector)
                #expect(try bucket.held() == [])
                #expect(try bucket.store.list("").map(\.key) == ["sealed/s-t01000-10"])
            }
        }
    }

    @Test("an upload that was cut off is seen by nobody; the next one sends only the parts that are missing")
    func resumed() async throws {
        try await ObjectServer.with { server in
            try await with { directory in
                try makeFiles(in: directory)
                let doneBytes = Mutex<UInt64>(0)
                let first = try bucket(server, partsAtOnce: 1)
                #expect {
                    try first.upload(
                        sector, from: directory,
                        isCancelled: { doneBytes.withLock { $0 > 5 << 20 } },
                        news: { done in doneBytes.withLock { $0 = max($0, done) } })
                } throws: { ($0 as? EngineError)?.code == .interrupted }
                #expect(try first.held() == [] && first.manifest(of: sector).files.isEmpty)
                let there = try #require(try first.store.uploads("sealed/").first)
                let sent = try first.store.parts(of: there).count
                #expect(sent == 1)
                let second = try bucket(server)
                try second.upload(sector, from: directory, isCancelled: { false })
                let parts = try server.requests().filter { $0.hasPrefix("PUT") && $0.contains("partNumber") }
                #expect(parts.count == 3 && Set(parts).count == 3, "each part was sent once: \(parts)")
                #expect(try second.manifest(of: sector) == directory.manifest(of: sector))
                #expect(try second.store.uploads("") == [])
                let file = try #require(second.manifest(of: sector).files.first { $0.bytes == 12 << 20 })
                #expect(
                    try Data(second.read(file, of: sector, at: 0, count: 12 << 20))
                        == FileManager.default.contents(atPath: "\(directory.root)/\(file.path)"))
            }
        }
    }

    @Test(
        "files that changed since an upload was cut off are sent anew; a reader of the old list hears of it")
    func changed() async throws {
        try await ObjectServer.with { server in
            try await with { directory in
                try makeFiles(in: directory)
                let bucket = try bucket(server)
                try bucket.upload(sector, from: directory, isCancelled: { false })
                let old = try bucket.manifest(of: sector)
                let file = try #require(old.files.first { $0.path.hasSuffix("p_aux") })
                try Data(repeating: 9, count: 64).write(to: URL(filePath: "\(directory.root)/\(file.path)"))
                // Another worker brings it.
                try self.bucket(server).upload(sector, from: directory, isCancelled: { false })
                #expect { try bucket.read(file, of: sector, at: 0, count: 64) } throws: {
                    ($0 as? FetchProblem)?.code == .changed
                }
                let now = try bucket.manifest(of: sector)
                let new = try #require(now.files.first { $0.path == file.path })
                #expect(
                    try bucket.read(new, of: sector, at: 0, count: 64) == [UInt8](repeating: 9, count: 64))
            }
        }
    }

    // MARK: Proving

    @Test(
        "a replica in a bucket is opened as one in a directory is; damage is told from a server that is away")
    func replica() async throws {
        try await ObjectServer.with { server in
            let house = try RunnerHouse()
            try await house.addPiece(1)
            _ = try await house.outcome(1, .preCommit1(ticket: RunnerHouse.ticket))
            let commR = try await house.commR(1)
            let bucket = try bucket(server)
            try bucket.upload(sector, from: house.sealing, isCancelled: { false })
            let question = ReplicaQuestion(
                sector: sector, proof: 5, sealedCommitment: commR,
                randomness: [UInt8](repeating: 3, count: 32))
            func proof(_ look: ReplicaLook?) throws -> PoStVanillaProof {
                guard case .opened(let proof)? = look else {
                    throw TaskFailure(cause: .computeFailed, message: "\(String(describing: look))")
                }
                return proof
            }
            #expect(try proof(bucket.look(question)) == proof(house.sealing.look(question)))
            var other = question
            other.sector = SectorKey(miner: 1000, number: 2)
            #expect(bucket.look(other) == nil)

            let bytes = try bucket.store.get("sealed/s-t01000-1", countMax: 2_048)
            try bucket.store.put("sealed/s-t01000-1", bytes.map { ~$0 })
            guard case .damaged(let reason)? = bucket.look(question) else {
                Issue.record("an object that was replaced is not called damaged")
                return
            }
            #expect(reason.contains("s-t01000-1"))
            server.stop()
            guard case .away? = bucket.look(question) else {
                Issue.record("a server that is gone is not called away")
                return
            }
        }
    }
}
