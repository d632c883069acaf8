// SPDX-License-Identifier: Apache-2.0
package import Kernel
package import Logging
private import Sealing
private import Synchronization

/// Where the bytes of a sector's files come from. A source bears short breaks by itself.
package protocol ChunkSource: Sendable {
    /// Whom to name in errors.
    var name: String { get }
    func manifest() async throws -> FileManifest
    /// A part of a file with the digest that the source took of it.
    func chunk(
        _ list: [UInt8], file: Int, offset: UInt64, count: Int
    ) async throws -> (
        bytes: [UInt8], digest: [UInt8]
    )
    /// Compares a file's digest with the source's own.
    ///
    /// - Throws: ``FetchProblem`` with `differs`.
    func confirm(_ list: [UInt8], file: Int, bytes: UInt64, chunkBytes: Int, digest: [UInt8]) async throws
}

/// Brings a sector's files from a source into a directory: in chunks that are verified one by one, several
/// on their way at once, and goes on where an earlier try ended.
package struct SectorFetch: Sendable {
    package struct Options: Sendable {
        /// 1 to ``FileShelf/chunkBytesMax``.
        package var chunkBytes: Int
        /// Chunks on their way at once: with all fetches of a host they must fit into what may wait for one
        /// peer.
        package var windowCount: Int
        /// Times that a chunk with a wrong digest is asked for.
        package var tryCountMax: Int
        /// Chunks that are brought to the disk and recorded together.
        package var batchCount: Int
        /// The longest time between two records.
        package var batchWait: Duration

        package init(
            chunkBytes: Int = 1 << 20, windowCount: Int = 4, tryCountMax: Int = 3, batchCount: Int = 64,
            batchWait: Duration = .seconds(1)
        ) {
            self.chunkBytes = chunkBytes
            self.windowCount = windowCount
            self.tryCountMax = tryCountMax
            self.batchCount = batchCount
            self.batchWait = batchWait
        }
    }

    /// Time and its passing, so that a test can turn them by hand.
    package struct Clock: Sendable {
        package var now: @Sendable () -> Instant
        package var sleep: @Sendable (Duration) async -> Void

        package init(
            now: @escaping @Sendable () -> Instant, sleep: @escaping @Sendable (Duration) async -> Void
        ) {
            self.now = now
            self.sleep = sleep
        }
    }

    private let source: any ChunkSource
    private let root: String
    private let options: Options
    private let gate: RateGate
    private let clock: Clock
    private let pool: WorkPool
    private let log: Logger
    private let isCancelled: @Sendable () -> Bool

    /// Makes a fetch into the directory at `root`; `pool` writes.
    package init(
        from source: any ChunkSource, into root: String, options: Options, gate: RateGate, clock: Clock,
        pool: WorkPool, log: Logger, isCancelled: @escaping @Sendable () -> Bool = { false }
    ) {
        self.source = source
        self.root = root
        self.options = options
        self.gate = gate
        self.clock = clock
        self.pool = pool
        self.log = log
        self.isCancelled = isCancelled
    }

    /// Fetches all files and gives them their names.
    ///
    /// - Parameters:
    ///   - manifest: the source's list, already checked.
    ///   - news: told how many bytes are there, after every record.
    /// - Throws: ``EngineError``, or ``FetchProblem`` of the source.
    package func run(_ manifest: FileManifest, news: @Sendable (UInt64) -> Void = { _ in }) async throws {
        let (root, options) = (root, options)
        let partial = try await pool.run {
            try PartialFetch(manifest, chunkBytes: options.chunkBytes, in: root)
        }
        let list = manifest.digest
        let before = partial.verifiedBytes
        if before > 0 {
            log.info("\(manifest.sector): \(before) of \(manifest.totalBytes) bytes are here already")
        }
        try await bring(partial, list, news)
        for file in manifest.files.indices {
            try checkCancelled()
            do {
                try await source.confirm(
                    list, file: file, bytes: manifest.files[file].bytes, chunkBytes: options.chunkBytes,
                    digest: partial.digest(of: file))
            } catch let problem as FetchProblem where problem.code == .differs {
                try await pool.run { try partial.forget(file) }
                throw problem
            }
        }
        try checkCancelled()
        try await pool.run { try partial.install() }
    }

    private func checkCancelled() throws {
        if isCancelled() { throw EngineError(code: .interrupted, message: "the fetch was aborted") }
    }

    private func bring(
        _ partial: PartialFetch, _ list: [UInt8], _ news: @Sendable (UInt64) -> Void
    ) async throws {
        let missing = partial.missing
        var doneBytes = partial.verifiedBytes
        try await withThrowingTaskGroup(of: Int.self) { group in
            var next = 0
            var unrecorded = 0
            var recorded = clock.now()
            while next < missing.count || !group.isEmpty {
                if next < missing.count {
                    try checkCancelled()
                    let chunk = missing[next]
                    await pace(chunk.count)
                    group.addTask { try await fetch(chunk, partial, list) }
                    next += 1
                    if next < missing.count, next < options.windowCount { continue }
                }
                guard let count = try await group.next() else { break }
                doneBytes += UInt64(count)
                unrecorded += 1
                guard unrecorded >= options.batchCount || clock.now() - recorded >= options.batchWait else {
                    continue
                }
                try await pool.run { try partial.synchronize() }
                (unrecorded, recorded) = (0, clock.now())
                news(doneBytes)
            }
        }
        try await pool.run { try partial.synchronize() }
    }

    /// Waits for the rate; in steps, so that an abort is heard.
    private func pace(_ count: Int) async {
        var wait = gate.take(count, at: clock.now())
        while wait > .zero, !isCancelled() {
            let step = min(wait, .milliseconds(250))
            await clock.sleep(step)
            wait -= step
        }
    }

    private func fetch(
        _ chunk: PartialFetch.Chunk, _ partial: PartialFetch, _ list: [UInt8]
    ) async throws -> Int {
        let path = partial.manifest.files[chunk.file].path
        var tryCount = 0
        while true {
            tryCount += 1
            let answer = try await source.chunk(
                list, file: chunk.file, offset: chunk.offset, count: chunk.count)
            let place = "\(path) from \(source.name), \(chunk.count) bytes at byte \(chunk.offset)"
            if answer.bytes.count == chunk.count, SHA256.hash(answer.bytes).bytes == answer.digest {
                try await pool.run { try partial.write(answer.bytes, answer.digest, at: chunk) }
                return chunk.count
            }
            guard tryCount < options.tryCountMax else {
                throw EngineError(
                    code: .checkFailed,
                    message: "\(place): \(tryCount) times the bytes had another SHA-256 than was said")
            }
            log.warning("\(place): another SHA-256 than was said; asking again")
            try checkCancelled()
        }
    }
}

extension WorkPool {
    /// Runs `body` on a thread of the pool and waits for it; for edges only.
    ///
    /// - Throws: what `body` throws.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            submit { continuation.resume(with: Result(catching: body)) }
        }
    }
}
