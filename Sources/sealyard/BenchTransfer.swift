// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Engine

/// Files between two workers over loopback.
struct BenchTransferCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer",
        abstract: "Measure how fast a worker fetches a sector's file from another on this machine.",
        discussion: "Every byte is read, hashed, sent, hashed, written and brought to the disk.")

    @Option(help: "Bytes of the file.") var size = BytesArgument(bytes: 1 << 30)
    @Option(help: "Bytes of a chunk: 1KiB to 2MiB.") var chunk = BytesArgument(bytes: 1 << 20)
    @Option(help: "Chunks on their way at once, 1 to 8.") var window = 4
    @Option(help: "Directory in which both files are made and removed again.") var directory = "."
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard (1...(1 << 40)).contains(size.bytes) else { throw ValidationError("--size takes 1B to 1TiB") }
        guard (1 << 10...UInt64(FileShelf.chunkBytesMax)).contains(chunk.bytes) else {
            throw ValidationError("--chunk takes 1KiB to 2MiB")
        }
        guard (1...8).contains(window) else { throw ValidationError("--window takes 1 to 8") }
    }

    func run() async throws {
        var options = TransferBenchmark.Options(directory: directory)
        options.bytes = size.bytes
        options.fetch.chunkBytes = Int(chunk.bytes)
        options.fetch.windowCount = window
        let result = try await TransferBenchmark.run(options)
        if json { return try Console.write(json: result) }
        var table = BenchTable()
        table.add("fetched", Double(result.bytes) / 1_048_576, "MiB")
        table.add("wall time", result.seconds, "s", digits: 3)
        table.add("rate", result.mebibytesPerSecond, "MiB/s", digits: 1)
        Console.write(table.text)
    }
}
