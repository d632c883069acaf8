// SPDX-License-Identifier: Apache-2.0
private import Foundation
private import Kernel
package import Sealing

/// Seals sectors in a directory of its own and times the steps.
package enum SealingBenchmark {
    /// Times of one sector or their sum, nanoseconds; 0 where a step was not run.
    package struct Times: Sendable, Hashable, Codable {
        package var addPiece: Int64 = 0
        package var preCommit1: Int64 = 0
        package var preCommit2: Int64 = 0
        package var commit1: Int64 = 0
        package var commit2: Int64 = 0
        package var verify: Int64 = 0
        package var unseal: Int64 = 0

        private enum CodingKeys: String, CodingKey {
            case addPiece = "AddPiece"
            case preCommit1 = "PreCommit1"
            case preCommit2 = "PreCommit2"
            case commit1 = "Commit1"
            case commit2 = "Commit2"
            case verify = "Verify"
            case unseal = "Unseal"
        }

        mutating func add(_ other: Times) {
            addPiece += other.addPiece
            preCommit1 += other.preCommit1
            preCommit2 += other.preCommit2
            commit1 += other.commit1
            commit2 += other.commit2
            verify += other.verify
            unseal += other.unseal
        }
    }

    /// What was measured, in the shape that `lotus-bench sealing --json-out` writes.
    package struct Result: Sendable, Hashable, Codable {
        package var sectorSize: UInt64
        package var sectorCount: Int
        package var sum: Times
        package var sectors: [Times]
        /// What the times are not, in words.
        package var notes: [String]
        /// Rates of the kernels alone, where they were measured.
        package var rates: KernelRates?

        private enum CodingKeys: String, CodingKey {
            case sectorSize = "SectorSize"
            case sectorCount = "SectorNumber"
            case sum = "SealingSum"
            case sectors = "SealingResults"
            case notes = "Notes"
            case rates = "sealyard"
        }
    }

    /// What is left out, and what a key means here.
    package static let notes = [
        "Commit2 is 0: this program makes no SNARK proofs yet.",
        "Verify is the check of the vanilla proofs that Commit1 opened, not of a SNARK proof.",
    ]

    /// Seals `sectorCount` sectors of patterned data one after another.
    ///
    /// - Parameters:
    ///   - directory: an empty directory; the caller removes it.
    ///   - unseals: whether the payload is decoded again at the end.
    /// - Throws: ``SealingError``; ``VanillaRejection`` where a proof does not hold.
    package static func run(
        size: SectorSize, sectorCount: Int, directory: String, unseals: Bool,
        observer: SealObserver = .none
    ) throws -> Result {
        precondition(sectorCount > 0, "a benchmark seals something")
        let proof = try RegisteredSealProof.forSize(size)
        let payload = try makePayload(size: size, directory: directory)
        var result = Result(
            sectorSize: size.bytes, sectorCount: sectorCount, sum: Times(), sectors: [], notes: notes)
        for number in 1...sectorCount {
            let sector = SectorIdentity(minerID: 1000, number: UInt64(number), proof: proof)
            let times = try seal(
                sector, payload: payload, directory: directory, unseals: unseals, observer: observer)
            result.sum.add(times)
            result.sectors.append(times)
        }
        return result
    }

    private static func seal(
        _ sector: SectorIdentity, payload: PieceSource, directory: String, unseals: Bool,
        observer: SealObserver
    ) throws -> Times {
        let pipeline = SealPipeline(
            sector, paths: SectorPaths(root: directory, sector: sector), observer: observer)
        let ticket = SHA256.hash([1]).truncated254
        let seed = SHA256.hash([2])
        var times = Times()
        let added = try timed(&times.addPiece) {
            try pipeline.addPiece(payload, paddedSize: sector.proof.sectorSize.bytes)
        }
        let first = try timed(&times.preCommit1) {
            try pipeline.preCommit1(ticket: ticket, pieces: added.pieces)
        }
        let second = try timed(&times.preCommit2) { try pipeline.preCommit2(first) }
        let vanilla = try timed(&times.commit1) {
            try pipeline.commit1(ticket: ticket, seed: seed, commitments: second)
        }
        let statement = PoRepStatement(
            parameters: pipeline.parameters,
            replicaID: pipeline.replicaID(ticket: ticket, commD: second.commD), commD: second.commD,
            commR: second.commR, seed: seed)
        try timed(&times.verify) { try VanillaVerifier.verify(vanilla, statement) }
        if unseals {
            try timed(&times.unseal) { try pipeline.unseal(ticket: ticket, commD: second.commD) }
        }
        return times
    }

    private static func timed<Value>(_ total: inout Int64, _ body: () throws -> Value) rethrows -> Value {
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
