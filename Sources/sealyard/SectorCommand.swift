// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Sealing

/// Sectors as files: no cluster, no chain.
struct SectorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sector",
        abstract: "Seal, unseal and check single sectors, without a cluster.",
        subcommands: [
            SectorSealCommand.self, SectorCommit1Command.self, SectorUnsealCommand.self,
            SectorVerifyCommand.self, SectorCommPCommand.self, SectorDevicesCommand.self,
        ])
}

/// The commitment of a file as a piece.
struct SectorCommPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commp",
        abstract: "Print the piece commitment of a file.",
        discussion: "The piece is the smallest that holds the file; zeros fill the rest.")

    @Argument(help: "The payload.", completion: .file())
    var file: String

    @Flag(help: "Print one JSON document.")
    var json = false

    /// What the command prints.
    private struct Report: Encodable {
        let commP: String
        let pieceCID: String
        let pieceCIDv2: String
        let paddedSize: UInt64
        let payloadSize: UInt64
    }

    func run() async throws {
        let payloadBytes = try FileText.size(file)
        let progress = ProgressLine()
        Interrupts.listen()
        defer { progress.finish() }
        let piece = try CommP.compute(
            .file(path: file, offset: 0, count: payloadBytes), observer: progress.observer)
        let report = Report(
            commP: piece.commP.hex, pieceCID: piece.commP.pieceCID,
            pieceCIDv2: try piece.commP.pieceCIDv2(paddedSize: piece.size, payloadSize: payloadBytes),
            paddedSize: piece.size, payloadSize: payloadBytes)
        progress.finish()
        if json { return try Console.write(json: report) }
        Console.write(
            """
            commP:       \(report.commP)
            pieceCID:    \(report.pieceCID)
            pieceCIDv2:  \(report.pieceCIDv2)
            paddedSize:  \(report.paddedSize)
            payloadSize: \(report.payloadSize)
            """)
    }
}
