// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import Logging
import ObjectServer
import Scheduler
import Sealing
import Testing

private struct NoPuller: SectorPuller {
    func pull(
        _ call: String, _ sector: SectorKey, from source: String, to target: String, _ asker: Ref<FileEvent>
    ) {
        asker.tell(.problem(FetchProblem(.refused, "nobody pulls here")))
    }
}

@Suite("A worker's server of files")
struct FileServerTests {
    private let sector = SectorKey(miner: 1000, number: 3)

    /// A store with one file of 3,000 bytes, and servers of it as often as they are asked for.
    private func with(
        _ body: (_ root: String, _ store: String, _ serve: () throws -> Ref<FileMessage>) async throws -> Void
    ) async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "sealyard-serve-\(UUID())").path
        let store = try StoreFile.make(StoreSettings(canSeal: true), in: root).id
        let stores = StorePaths()
        try stores.open(root)
        try Data((0..<3_000).map { UInt8(truncatingIfNeeded: $0) }).write(
            to: URL(filePath: "\(root)/sealed/s-t01000-3"))
        let pool = try WorkPool(name: "disk", threadCount: 1)
        let world = try LiveWorld(name: "w", log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        defer {
            world.shutDown()
            pool.shutDown()
            do { try FileManager.default.removeItem(atPath: root) } catch {
                Issue.record("\(root) stays behind: \(error)")
            }
        }
        var count = 0
        try await body(root, store) {
            count += 1
            let shelf = FileShelf(stores: stores, pool: pool)
            return try world.spawn("files\(count)") { FileServer(home: $0, shelf: shelf, puller: NoPuller()) }
        }
    }

    private func ask(
        _ server: Ref<FileMessage>, _ make: (Ref<FileEvent>) -> FileMessage
    ) async throws -> FileEvent {
        try await server.ask(timeout: .seconds(60), make)
    }

    private func problem(_ event: FileEvent) -> FetchProblem.Code? {
        if case .problem(let problem) = event { problem.code } else { nil }
    }

    @Test("a part of a file comes with its digest; a server that was started anew serves the same list")
    func read() async throws {
        try await with { root, store, serve in
            var server = try serve()
            guard
                case .manifest(let list) = try await ask(server, { .list(sector, store: store, replyTo: $0) })
            else { throw CancellationError() }
            #expect(list.files.map(\.path) == ["sealed/s-t01000-3"])
            for _ in 0..<2 {
                let answer = try await ask(server) {
                    .read(
                        sector, store: store, list: list.digest, file: 0, offset: 1_000, count: 500,
                        replyTo: $0)
                }
                guard case .chunk(let bytes, let digest) = answer else { throw CancellationError() }
                #expect(bytes == (1_000..<1_500).map { UInt8(truncatingIfNeeded: $0) })
                #expect(SHA256.hash(bytes).bytes == digest)
                server = try serve()
            }
        }
    }

    @Test("what is not in the list, not there, or changed since is not given")
    func refused() async throws {
        try await with { root, store, serve in
            let server = try serve()
            guard
                case .manifest(let list) = try await ask(server, { .list(sector, store: store, replyTo: $0) })
            else { throw CancellationError() }
            for (file, offset, count) in [
                (1, 0, 1), (-1, 0, 1), (0, 2_999, 2), (0, UInt64.max, 1), (0, 0, 0), (0, 0, 3 << 20),
                (0, 0, -1),
            ] as [(Int, UInt64, Int)] {
                let answer = try await ask(server) {
                    .read(
                        sector, store: store, list: list.digest, file: file, offset: offset, count: count,
                        replyTo: $0)
                }
                #expect(problem(answer) == .refused, "\(file) \(offset) \(count)")
            }
            let other = SectorKey(miner: 1000, number: 4)
            #expect(problem(try await ask(server) { .list(other, store: store, replyTo: $0) }) == .missing)
            #expect(problem(try await ask(server) { .list(sector, store: "x", replyTo: $0) }) == .unreadable)
            try Data(count: 3_000).write(to: URL(filePath: "\(root)/sealed/s-t01000-3"))
            for server in [server, try serve()] {
                let answer = try await ask(server) {
                    .read(
                        sector, store: store, list: list.digest, file: 0, offset: 0, count: 500, replyTo: $0)
                }
                #expect(problem(answer) == .changed)
            }
        }
    }

    @Test(
        "what lies in a bucket is served like what lies in a directory",
        .enabled(if: ObjectServer.isInstalled, "\(ObjectServer.why)"))
    func bucket() async throws {
        try await ObjectServer.with { objects in
            try await with { root, _, _ in
                let stores = StorePaths(opener: StoreOpener(environment: objects.environment))
                let place = try stores.opener.place(objects.location("served"))
                let store = try place.make(StoreSettings(canStore: true)).id
                let bucket = try #require(try stores.open(place.root).place as? SectorBucket)
                try bucket.upload(sector, from: try SectorDirectory(root: root), isCancelled: { false })
                #expect(try stores.scan(store).map(\.types) == [[.sealed]])
                let pool = try WorkPool(name: "disk", threadCount: 1)
                let world = try LiveWorld(
                    name: "w", log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
                defer {
                    world.shutDown()
                    pool.shutDown()
                }
                let server = try world.spawn("files") {
                    FileServer(home: $0, shelf: FileShelf(stores: stores, pool: pool), puller: NoPuller())
                }
                guard
                    case .manifest(let list) = try await ask(
                        server, { .list(sector, store: store, replyTo: $0) })
                else { throw CancellationError() }
                let answer = try await ask(server) {
                    .read(
                        sector, store: store, list: list.digest, file: 0, offset: 1_000, count: 500,
                        replyTo: $0)
                }
                guard case .chunk(let bytes, _) = answer else { throw CancellationError() }
                #expect(bytes == (1_000..<1_500).map { UInt8(truncatingIfNeeded: $0) })
                let whole = (0..<3_000).map { UInt8(truncatingIfNeeded: $0) }
                let right = SHA256.hash(SHA256.hash(whole).bytes).bytes
                let confirmed = try await ask(server) {
                    .confirm(
                        sector, store: store, list: list.digest, file: 0, chunkBytes: 3_000, digest: right,
                        replyTo: $0)
                }
                guard case .confirmed = confirmed else { throw CancellationError() }
                try bucket.remove(sector)
                let gone = try await ask(server) {
                    .read(
                        sector, store: store, list: list.digest, file: 0, offset: 0, count: 500, replyTo: $0)
                }
                #expect(problem(gone) == .changed)
            }
        }
    }

    @Test("a file is confirmed by the digests of its chunks, from memory or read again")
    func confirm() async throws {
        try await with { root, store, serve in
            let server = try serve()
            guard
                case .manifest(let list) = try await ask(server, { .list(sector, store: store, replyTo: $0) })
            else { throw CancellationError() }
            let bytes = (0..<3_000).map { UInt8(truncatingIfNeeded: $0) }
            let chunks = [Array(bytes[0..<2_048]), Array(bytes[2_048...])]
            let right = SHA256.hash(chunks.flatMap { SHA256.hash($0).bytes }).bytes
            let wrong = SHA256.hash(right).bytes
            func answer(_ server: Ref<FileMessage>, _ digest: [UInt8]) async throws -> FileEvent {
                try await ask(server) {
                    .confirm(
                        sector, store: store, list: list.digest, file: 0, chunkBytes: 2_048, digest: digest,
                        replyTo: $0)
                }
            }
            for server in [server, try serve()] {
                guard case .confirmed = try await answer(server, right) else {
                    Issue.record("the right digest was not confirmed")
                    continue
                }
                #expect(problem(try await answer(server, wrong)) == .differs)
            }
        }
    }
}
