// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
private import Foundation
internal import Sealing

/// Takes the payload out of a sealed sector.
struct SectorUnsealCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unseal",
        abstract: "Take the payload out of a sealed sector.",
        discussion: """
            The replica itself is decoded, which takes as long as pre-commit 1, and all of it is \
            checked against the sector's data commitment before the file gets its name. \
            Room for one more sector is needed beside the file meanwhile.
            """)

    @Argument(help: "Directory of the sector.", completion: .directory)
    var directory: String

    @Option(help: "File to write; it must not exist.", completion: .file())
    var out: String

    @Option(help: "First byte of the payload.")
    var offset: UInt64 = 0

    @Option(help: "Bytes of payload; all from the offset on unless given.")
    var length: UInt64?

    @OptionGroup
    var sealing: SealingArguments

    func run() async throws {
        let description = try SectorDescription.load(from: directory)
        guard offset <= description.payloadBytes,
            (length ?? 0) <= description.payloadBytes - offset
        else {
            throw CommandError.failure(
                "\(length.map { "\($0) bytes from \(offset)" } ?? "byte \(offset)") is beyond the "
                    + "\(description.payloadBytes) bytes of payload in \(directory)")
        }
        guard !FileText.exists(out) else {
            throw CommandError.failure("\(out) exists; remove it or choose another --out")
        }
        let identity = try description.identity()
        let stored = SectorPaths(root: directory, sector: identity)
        let scratch = out + ".unsealed"
        let progress = ProgressLine()
        Interrupts.listen()
        defer {
            progress.finish()
            FileText.removeIfPresent(scratch)
        }
        let pipeline = SealPipeline(
            identity,
            paths: SectorPaths(unsealed: scratch, sealed: stored.sealed, cache: stored.cache),
            options: try sealing.options(), observer: progress.observer)
        try pipeline.unseal(
            ticket: try Commitment(hex: description.ticket), commD: try Commitment(hex: description.commD))
        try copyPayload(
            from: scratch, range: offset..<offset + (length ?? description.payloadBytes - offset))
    }

    /// Takes the padding out of `range` and writes it under the final name.
    private func copyPayload(from padded: String, range: Range<UInt64>) throws {
        let groupsPerChunk: UInt64 = 8_192
        let file = try AtomicFile(out)
        let handle = try FileHandle(forReadingFrom: URL(filePath: padded))
        var group = range.lowerBound / 127
        try handle.seek(toOffset: group * 128)
        while group * 127 < range.upperBound {
            let groups = min(groupsPerChunk, (range.upperBound - group * 127 + 126) / 127)
            guard let data = try handle.read(upToCount: Int(groups * 128)),
                data.count == Int(groups * 128)
            else {
                throw CommandError.failure("\(padded) ended early; is the disk full?")
            }
            let payload = try Fr32.unpad(Array(data))
            let start = group * 127
            let first = max(range.lowerBound, start) - start
            let end = min(range.upperBound, start + groups * 127) - start
            try file.append(Array(payload[Int(first)..<Int(end)]))
            group += groups
        }
        try file.commit()
    }
}
