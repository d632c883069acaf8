// SPDX-License-Identifier: Apache-2.0
private import Chain
private import Foundation
private import Kernel
private import KernelTCP
private import Logging
private import Scheduler

/// How fast one worker fetches a sector from another: real files, real sockets, both on this machine.
package enum TransferBenchmark {
    package struct Options: Sendable {
        /// Of the sector's one file.
        package var bytes: UInt64 = 1 << 30
        package var fetch = SectorFetch.Options()
        /// Where both stores are made and removed again.
        package var directory: String

        package init(directory: String) { self.directory = directory }
    }

    /// One fetch; the fields are the keys of the JSON form.
    package struct Result: Sendable, Encodable {
        package var bytes: UInt64
        package var chunkBytes: Int
        package var windowCount: Int
        /// From the first question to the file under its name.
        package var seconds: Double
        package var mebibytesPerSecond: Double
    }

    /// Makes a file, fetches it once, and removes both.
    ///
    /// - Throws: ``EngineError``, ``KernelError`` or `TransportError`.
    package static func run(_ options: Options) async throws -> Result {
        let base = "\(options.directory)/sealyard-bench-\(SystemClock.wallNanoseconds)"
        let (from, to) = ("\(base)/from", "\(base)/to")
        let store = try StoreFile.make(StoreSettings(canSeal: true), in: from).id
        defer {
            do { try FileManager.default.removeItem(atPath: base) } catch {
                // Told by the files that stay; the figure is good all the same.
            }
        }
        let stores = StorePaths()
        try stores.open(from)
        let sector = SectorKey(miner: 1000, number: 1)
        try fill("\(from)/sealed/\(sector.fileName)", options.bytes)

        var log = Logger(label: "sealyard.bench")
        log.logLevel = .error
        let authority = try await TokenAuthority(secret: Array(repeating: 1, count: 32))
        let token = try await authority.token(for: .admin)
        let near = try LiveWorld(name: "near", log: log)
        let far = try LiveWorld(name: "far", log: log)
        let pools = [
            try WorkPool(name: "near-disk", threadCount: 4), try WorkPool(name: "far-disk", threadCount: 4),
        ]
        defer {
            near.shutDown()
            far.shutDown()
            for pool in pools { pool.shutDown() }
        }
        let farTransport = try TCPTransport(
            options: TransportOptions(
                nodeName: "far", listen: Endpoint(host: "127.0.0.1", port: 0), token: token,
                authority: authority), attachedTo: far)
        let nearTransport = try TCPTransport(
            options: TransportOptions(nodeName: "near", token: token, authority: authority), attachedTo: near)
        try nearTransport.addPeer("far", at: Endpoint(host: "127.0.0.1", port: farTransport.boundPort ?? 0))
        let shelf = FileShelf(stores: stores, pool: pools[1])
        try far.spawn(FileServer.name) { FileServer(home: $0, shelf: shelf, puller: NoPuller()) }
        let server = near.ref(at: Address(node: "far", name: FileServer.name), as: FileMessage.self)

        let source = RemoteSource(
            sector: sector, store: store, name: "far", world: near, locate: { server },
            patience: .seconds(10), isCancelled: { false })
        let fetch = SectorFetch(
            from: source, into: to, options: options.fetch, gate: RateGate(bytesPerSecond: 0),
            clock: .init(now: { near.now }, sleep: { await near.sleep(for: $0) }), pool: pools[0], log: log)
        let began = SystemClock.monotonicNanoseconds
        try await fetch.run(try await source.manifest())
        let seconds = Double(SystemClock.monotonicNanoseconds - began) / 1e9
        return Result(
            bytes: options.bytes, chunkBytes: options.fetch.chunkBytes,
            windowCount: options.fetch.windowCount, seconds: seconds,
            mebibytesPerSecond: Double(options.bytes) / 1_048_576 / seconds)
    }

    private static func fill(_ path: String, _ bytes: UInt64) throws {
        let file = try DiskFile(writing: path)
        var random = RandomStream(seed: 1)
        var block = [UInt8](repeating: 0, count: 1 << 20)
        for index in block.indices { block[index] = UInt8(truncatingIfNeeded: random.next()) }
        var at: UInt64 = 0
        while at < bytes {
            let count = Int(min(UInt64(block.count), bytes - at))
            try file.write(count == block.count ? block : Array(block[..<count]), at: at)
            at += UInt64(count)
        }
        try file.synchronize()
    }
}

/// Nobody asks the benchmark's server for more than files.
private struct NoPuller: SectorPuller {
    func pull(
        _ call: String, _ sector: SectorKey, from source: String, to target: String, _ asker: Ref<FileEvent>
    ) {
        asker.tell(.problem(FetchProblem(.refused, "this server only serves")))
    }
}
