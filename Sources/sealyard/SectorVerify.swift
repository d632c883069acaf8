// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
private import Foundation
internal import Sealing

/// Hashes a sealed sector again and compares it with its commitment.
struct SectorVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check the files of a sealed sector against its commitment.",
        discussion: "Every node of the replica is hashed; a damaged one is named.")

    @Argument(help: "Directory of the sector.", completion: .directory)
    var directory: String

    @Flag(help: "Print one JSON document.")
    var json = false

    /// What the command prints of a sound sector.
    private struct Report: Encodable {
        let miner: UInt64
        let sector: UInt64
        let commR: String
        let sealedCID: String
        let replicaNodes: UInt64
        let isSound = true
    }

    func run() async throws {
        let description = try SectorDescription.load(from: directory)
        guard let sealed = description.sealed else {
            throw CommandError.failure(
                "the sector in \(directory) is not sealed yet; run 'sealyard sector seal' again")
        }
        let identity = try description.identity()
        let commR = try Commitment(hex: sealed.commR)
        let progress = ProgressLine()
        Interrupts.listen()
        defer { progress.finish() }
        let pipeline = SealPipeline(
            identity, paths: SectorPaths(root: directory, sector: identity),
            observer: progress.observer)
        if let error = Self.damage(pipeline, commR) {
            throw error.code == .notCanonical ? try namingNode(error, in: pipeline.paths.sealed) : error
        }
        progress.finish()
        let report = Report(
            miner: description.miner, sector: description.sector, commR: sealed.commR,
            sealedCID: commR.sealedCID, replicaNodes: identity.proof.sectorSize.nodeCount)
        if json { return try Console.write(json: report) }
        Console.write(
            "sector \(report.sector) of miner \(report.miner) is sound: \(report.replicaNodes) nodes of "
                + "the replica hash to commR \(report.commR)")
    }

    /// What is wrong with the sector, if anything.
    private static func damage(_ pipeline: SealPipeline, _ commR: Commitment) -> SealingError? {
        do throws(SealingError) {
            try pipeline.verifySector(commR: commR, everything: true)
            return nil
        } catch {
            return error
        }
    }

    /// The hash functions say only that a node is none; this says which.
    private func namingNode(_ error: SealingError, in path: String) throws -> SealingError {
        let handle = try FileHandle(forReadingFrom: URL(filePath: path))
        var first: UInt64 = 0
        while let chunk = try handle.read(upToCount: 1 << 20), !chunk.isEmpty {
            if let index = Field.firstInvalid(Array(chunk), nodeCount: chunk.count / 32) {
                return SealingError(
                    .notCanonical,
                    "\(path) is damaged at node \(first + UInt64(index)), which is not below "
                        + "the field's modulus")
            }
            first += UInt64(chunk.count / 32)
        }
        return SealingError(
            .notCanonical, "a tree in \(directory)/cache is damaged: \(error.message)")
    }
}
