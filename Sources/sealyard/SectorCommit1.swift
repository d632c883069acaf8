// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
private import Foundation
internal import Sealing

/// Opens the challenges of a sealed sector: the vanilla proof, which a SNARK prover takes.
struct SectorCommit1Command: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit1",
        abstract: "Open the challenges of a sealed sector: the vanilla proof.",
        discussion: """
            The proof is verified and written in the reference's JSON shape. It needs the layers and trees \
            that sealing left, or the openings of a synthetic proof in their place.
            """)

    @Argument(help: "Directory of the sector.", completion: .directory)
    var directory: String

    @Option(help: "Interactive randomness, 64 hexadecimal digits.")
    var seed: String

    @Option(help: "The file that the proof is written to.", completion: .file())
    var out: String

    @Flag(help: "Print one JSON document.")
    var json = false

    /// What the command prints.
    private struct Report: Encodable {
        let miner: UInt64
        let sector: UInt64
        let commR: String
        let partitions: Int
        let challenges: Int
        let isSynthetic: Bool
        let proofFile: String
        let proofBytes: Int
    }

    func validate() throws {
        _ = try seedValue()
    }

    func run() async throws {
        let description = try SectorDescription.load(from: directory)
        guard let output = try description.output() else {
            throw CommandError.failure(
                "the sector in \(directory) is not sealed yet; run 'sealyard sector seal' again")
        }
        let identity = try description.identity()
        let progress = ProgressLine()
        Interrupts.listen()
        defer { progress.finish() }
        let pipeline = SealPipeline(
            identity, paths: SectorPaths(root: directory, sector: identity), observer: progress.observer)
        let proofs = try pipeline.commit1(
            ticket: try Commitment(hex: description.ticket), seed: try seedValue(), commitments: output)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let text = try encoder.encode(proofs)
        try FileText.write([UInt8](text), to: out)
        progress.finish()
        let report = Report(
            miner: description.miner, sector: description.sector, commR: output.commR.hex,
            partitions: proofs.partitions.count,
            challenges: proofs.partitions.reduce(0) { $0 + $1.count },
            isSynthetic: identity.proof.family == .synthetic, proofFile: out, proofBytes: text.count)
        if json { return try Console.write(json: report) }
        Console.write(
            "sector \(report.sector) of miner \(report.miner): \(report.challenges) challenges in "
                + "\(report.partitions) partition(s) opened and verified; \(text.count) bytes in \(out)")
    }

    private func seedValue() throws -> Commitment {
        do throws(SealingError) { return try Commitment(hex: seed) } catch {
            throw ValidationError(
                "--seed takes 64 hexadecimal digits (32 bytes): \(error.message)")
        }
    }
}
