// SPDX-License-Identifier: Apache-2.0
private import Foundation
private import Kernel
package import Sealing
private import Synchronization

/// Seals sectors in a directory of its own and times the steps.
package enum SealingBenchmark {
    /// What is sealed, how and where.
    package struct Settings: Sendable {
        package var size: SectorSize
        package var sectorCount: Int
        /// Sectors in AddPiece and pre-commit 1 at once, each on a thread of its own; the later steps go
        /// one sector after another, as they fill the machine by themselves.
        package var parallelCount = 1
        /// Sectors that one thread labels side by side; a multiple of it must be sealed.
        package var interleaveCount = 1
        /// An empty directory; the caller removes it.
        package var directory: String
        /// The miner's actor number.
        package var miner: UInt64 = 1000
        /// The ticket is the SHA-256 of this text, with two bits cleared.
        package var ticketPreimage = "sealyard"
        /// Whether the payload is decoded again.
        package var unseals = true
        /// Whether winning and window proofs of space-time are opened.
        package var provesSpaceTime = true
        /// Where the first sector's input of Commit2 is kept, as `lotus-bench prove` reads it; nil for
        /// nowhere.
        package var commit2InputPath: String?
        package var options = SealingOptions()
        package var hasher: any PoseidonHasher = ProcessorPoseidon()

        package init(size: SectorSize, sectorCount: Int, directory: String) {
            self.size = size
            self.sectorCount = sectorCount
            self.directory = directory
        }
    }

    /// What is left out, and what a key means here.
    package static let notes = [
        "Commit2 is 0: this program makes no SNARK proofs yet.",
        "Verify is the check of the vanilla proofs that Commit1 opened, not of a SNARK proof.",
        "The times of winning and window PoSt are those of the vanilla openings and of their check.",
    ]

    /// Seals patterned data.
    ///
    /// - Throws: ``SealingError``; ``VanillaRejection`` where a proof does not hold; ``KernelError`` where
    ///   the system refuses a thread.
    package static func run(_ settings: Settings, observer: SealObserver = .none) throws -> Result {
        let width = settings.interleaveCount
        precondition(settings.sectorCount > 0 && settings.parallelCount > 0 && width > 0)
        guard settings.sectorCount.isMultiple(of: width) else {
            throw SealingError(
                .invalidArgument,
                "\(settings.sectorCount) sectors cannot be labeled by \(width): choose a multiple of it")
        }
        let run = try Run(settings, observer: observer)
        let groups = stride(from: 1, through: settings.sectorCount, by: width).map { first in
            (first..<first + width).map { UInt64($0) }
        }
        let sectors = try run.sealAll(groups)
        var result = Result(
            environment: environment(), sectorSize: settings.size.bytes, sectorCount: settings.sectorCount,
            sum: Times(), sectors: sectors.map(\.times), notes: notes)
        if width > 1 {
            result.notes.append("PreCommit1 of a sector is 1/\(width) of the time of \(width) side by side.")
        }
        for sector in sectors { result.sum.add(sector.times) }
        result.layers = run.layers()
        if result.layers.isEmpty {
            result.notes.append(
                "Layers of this size are too short to be timed: preCommit1FractionOfBound is the kernel's.")
        }
        if !RegisteredSealProof.isRegistered(settings.size) {
            result.notes.append(
                "No seal proof is registered for \(settings.size): the graph is that of PoRep identifier 0, "
                    + "API 1.1.")
        }
        if settings.provesSpaceTime { try run.proveSpaceTime(sectors.map(\.sector), into: &result) }
        return result
    }

    /// The variables that decide how the kernels run.
    private static func environment() -> [String: String] {
        ProcessInfo.processInfo.environment.filter { $0.key.hasPrefix("SEALYARD_") }
    }
}

/// One run of the benchmark.
private struct Run: Sendable {
    /// A sealed sector with its times.
    struct Sealed: Sendable {
        var sector: PoStSector
        var times: SealingBenchmark.Times
    }

    private let settings: SealingBenchmark.Settings
    private let observer: SealObserver
    private let parameters: SealParameters
    private let payload: PieceSource
    private let ticket: Commitment
    private let timings: LayerTimings

    init(_ settings: SealingBenchmark.Settings, observer: SealObserver) throws {
        self.settings = settings
        timings = LayerTimings(compressionsPerNode: 20 * settings.interleaveCount)
        self.observer = observer
        parameters =
            RegisteredSealProof.isRegistered(settings.size)
            ? try RegisteredSealProof.forSize(settings.size).parameters
            : SealParameters(
                sectorSize: settings.size, porepID: .zero, apiVersion: .v1_1, family: .v1_1)
        ticket = SHA256.hash(Array(settings.ticketPreimage.utf8)).truncated254
        payload = try Self.makePayload(size: settings.size, directory: settings.directory)
    }

    /// What was measured of the first group's layers.
    func layers() -> [SealingBenchmark.Layer] { timings.layers() }

    private func pipeline(_ number: UInt64, _ observer: SealObserver? = nil) -> SealPipeline {
        SealPipeline(
            parameters: parameters, proverID: Commitment(proverOf: settings.miner), sectorNumber: number,
            paths: SectorPaths(
                root: settings.directory, minerID: settings.miner, number: number),
            options: settings.options, observer: observer ?? self.observer, hasher: settings.hasher)
    }

    /// Seals the groups on as many threads as are wanted.
    func sealAll(_ groups: [[UInt64]]) throws -> [Sealed] {
        let turn = Turn()
        let outcomes = try WorkPool.each(groups.count, threadCount: settings.parallelCount) { index in
            Swift.Result {
                // Nothing is begun after a failure.
                guard !turn.hasFailed else { return [Sealed]() }
                do { return try seal(groups[index], turn) } catch {
                    turn.fail()
                    throw error
                }
            }
        }
        return try outcomes.flatMap { try $0.get() }
    }

    /// Seals sectors whose labels are made side by side.
    private func seal(_ numbers: [UInt64], _ turn: Turn) throws -> [Sealed] {
        var times = numbers.map { _ in SealingBenchmark.Times() }
        var jobs: [PreCommit1Job] = []
        for (index, number) in numbers.enumerated() {
            let pipeline = pipeline(number, number == 1 ? timings.listening(with: observer) : nil)
            let added = try timed(&times[index].addPiece) {
                try pipeline.addPiece(payload, paddedSize: settings.size.bytes)
            }
            jobs.append(PreCommit1Job(pipeline: pipeline, ticket: ticket, pieces: added.pieces))
        }
        var labels: Int64 = 0
        let outputs = try timed(&labels) {
            jobs.count == 1
                ? [try jobs[0].pipeline.preCommit1(ticket: ticket, pieces: jobs[0].pieces)]
                : try SealPipeline.preCommit1Batch(jobs)
        }
        return try turn.take {
            var sealed: [Sealed] = []
            for (index, number) in numbers.enumerated() {
                times[index].preCommit1 = labels / Int64(numbers.count)
                let commR = try finish(jobs[index].pipeline, outputs[index], number, &times[index])
                sealed.append(
                    Sealed(sector: PoStSector(number: number, commR: commR), times: times[index]))
            }
            return sealed
        }
    }

    /// The steps after pre-commit 1.
    private func finish(
        _ pipeline: SealPipeline, _ first: PreCommit1Output, _ number: UInt64,
        _ times: inout SealingBenchmark.Times
    ) throws -> Commitment {
        let seed = SHA256.hash([2])
        let second = try timed(&times.preCommit2) { try pipeline.preCommit2(first) }
        let vanilla = try timed(&times.commit1) {
            try pipeline.commit1(ticket: ticket, seed: seed, commitments: second)
        }
        if number == 1, let path = settings.commit2InputPath {
            let input = Commit2Input(
                sectorNumber: number, phase1Output: try JSONEncoder().encode(vanilla),
                sectorSize: settings.size.bytes)
            try JSONEncoder().encode(input).write(to: URL(filePath: path), options: .atomic)
        }
        let statement = PoRepStatement(
            parameters: pipeline.parameters,
            replicaID: pipeline.replicaID(ticket: ticket, commD: second.commD), commD: second.commD,
            commR: second.commR, seed: seed)
        try timed(&times.verify) { try VanillaVerifier.verify(vanilla, statement) }
        if settings.unseals {
            try timed(&times.unseal) { try pipeline.unseal(ticket: ticket, commD: second.commD) }
        }
        return second.commR
    }

    /// Opens a winning proof of the first sector and a window proof of all, each twice: files unread for
    /// long are cold the first time.
    func proveSpaceTime(_ sectors: [PoStSector], into result: inout SealingBenchmark.Result) throws {
        let kinds: [(PoStKind, [PoStSector])] = [(.winning, [sectors[0]]), (.windowV1_2, sectors)]
        for (kind, proven) in kinds {
            let statement = try PoStStatement(
                kind: kind, sectorSize: settings.size, proverID: Commitment(proverOf: settings.miner),
                randomness: SHA256.hash([3]), sectors: proven)
            for isHot in [false, true] {
                var (open, check): (Int64, Int64) = (0, 0)
                let openings = try timed(&open) {
                    try PoStVanilla.proveReadable(statement, observer: observer) {
                        pipeline($0).paths
                    }
                }
                try timed(&check) {
                    for (index, proof) in openings.proofs.enumerated() {
                        try PoStVanilla.verify(proof, openings.statement, sectorAt: index)
                    }
                }
                guard openings.skipped.isEmpty else {
                    throw SealingError(.missingFile, openings.skipped[0].reason)
                }
                result.spaceTime.note(kind, isHot: isHot, open: open, check: check)
            }
        }
    }

    private func timed<Value>(_ total: inout Int64, _ body: () throws -> Value) rethrows -> Value {
        let start = SystemClock.monotonicNanoseconds
        defer { total += SystemClock.monotonicNanoseconds - start }
        return try body()
    }

    /// A file that fills the sector with bytes that are not all alike.
    private static func makePayload(size: SectorSize, directory: String) throws -> PieceSource {
        let path = "\(directory)/payload"
        let chunk = Data((0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3 &+ ($0 >> 8)) })
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try Data().write(to: URL(filePath: path))
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        var left = size.unpaddedBytes
        while left > 0 {
            let count = min(left, UInt64(chunk.count))
            try handle.write(contentsOf: chunk.prefix(Int(count)))
            left -= count
        }
        try handle.close()
        return .file(path: path, offset: 0, count: size.unpaddedBytes)
    }
}

/// What Commit2 takes, in the shape of lotus-bench.
private struct Commit2Input: Encodable {
    let sectorNumber: UInt64
    let phase1Output: Data
    let sectorSize: UInt64

    private enum CodingKeys: String, CodingKey {
        case sectorNumber = "SectorNum"
        case phase1Output = "Phase1Out"
        case sectorSize = "SectorSize"
    }
}

/// Lets one thread at a time into the steps that fill the machine.
private final class Turn: Sendable {
    private let lock = Mutex(())
    private let failed = Atomic(false)

    var hasFailed: Bool { failed.load(ordering: .relaxed) }

    func fail() { failed.store(true, ordering: .relaxed) }

    func take<Value: Sendable>(_ body: () throws -> Value) rethrows -> Value {
        try lock.withLock { _ in try body() }
    }
}
