// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Engine
import KernelTCP
import Sim

/// Where a worker's files are, and how they go to others and come from them.
struct WorkerFileArguments: ParsableArguments {
    @Option(
        help: """
            A directory for finished sectors, or s3://BUCKET/PREFIX (see 'storage attach --help'), besides \
            those of 'storage attach'; one for all workers is fine.
            """)
    var longTerm: String?

    @Option(help: "Where other workers fetch files, HOST:PORT; port 0 lets the system choose.")
    var listen = Endpoint(host: "127.0.0.1", port: 0)

    @Option(help: "What to tell others to dial, HOST:PORT; port 0 for the one that is listened on.")
    var advertise: Endpoint?

    @Option(
        help: "The most that all fetches of this worker take together: 1Gbps, 200MB/s; no limit unless given."
    )
    var fetchRate: RateArgument?

    @Option(help: "Fetches at once.") var parallelFetches = 5

    @Option(help: "Bytes that are asked for and verified at once: 1KiB to 2MiB.")
    var fetchChunk = BytesArgument(bytes: 1 << 20)

    var transfers: SectorTransfers.Options {
        var options = SectorTransfers.Options()
        options.bytesPerSecond = fetchRate?.bytesPerSecond ?? 0
        options.countMax = parallelFetches
        options.fetch.chunkBytes = Int(fetchChunk.bytes)
        options.fetch.windowCount = SectorTransfers.windowCount(
            chunkBytes: Int(fetchChunk.bytes), fetchCount: parallelFetches)
        return options
    }

    func validate() throws {
        guard (1...8).contains(parallelFetches) else {
            throw ValidationError("--parallel-fetches takes 1 to 8")
        }
        guard (1 << 10...UInt64(FileShelf.chunkBytesMax)).contains(fetchChunk.bytes) else {
            throw ValidationError("--fetch-chunk takes 1KiB to 2MiB")
        }
        if let advertise, ["0.0.0.0", "::"].contains(advertise.host) {
            throw ValidationError("--advertise needs an address that others can dial, not \(advertise.host)")
        }
        guard advertise != nil || !["0.0.0.0", "::"].contains(listen.host) else {
            throw ValidationError("--listen \(listen) is every address: give --advertise HOST:PORT too")
        }
    }
}

/// A number of bytes as people write it: `64KiB`.
struct BytesArgument: ExpressibleByArgument {
    let bytes: UInt64

    init(bytes: UInt64) { self.bytes = bytes }

    init?(argument: String) {
        do { bytes = UInt64(try Quantity.byteCount(argument).bytes) } catch { return nil }
    }

    var defaultValueDescription: String { OperatorText.bytes(bytes) }
}

/// A rate as people write it: `1Gbps`.
struct RateArgument: ExpressibleByArgument {
    let bytesPerSecond: UInt64

    init?(argument: String) {
        do { bytesPerSecond = UInt64(try Quantity.bandwidth(argument).bytesPerSecond) } catch { return nil }
        guard bytesPerSecond > 0 else { return nil }
    }
}
