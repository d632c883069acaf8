// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
private import Kernel
internal import Sealing
private import Sim

/// How the kernels of sealing use this machine; shared by all commands that seal.
struct SealingArguments: ParsableArguments {
    @Option(help: "Threads that hash trees and columns; 0 takes one per processor.")
    var hashThreads = 0

    @Option(
        help:
            "OpenCL device that hashes trees and columns: its position, bus id or name; see 'sector devices'."
    )
    var device: String?

    @Option(help: "Hashes that go to the device at once, 1 to 4194304.")
    var deviceBatch = 1 << 15

    @Option(
        help:
            "Threads that gather labels ahead of the one that hashes, in pre-commit 1 of a single sector."
    )
    var labelProducers = 0

    @Option(
        help:
            "Directory of the parent cache files; the reference's, /var/tmp/filecoin-parents, unless given.",
        completion: .directory)
    var parentCache: String?

    @Option(help: "Pages that hold the layers: none, 2MiB or 1GiB.")
    var hugePages = HugePages.none

    @Option(help: "NUMA node whose memory holds the layers.")
    var numaNode: Int?

    @Option(
        help: "Directory of what all sectors without payload share; unless given, each makes its own.",
        completion: .directory)
    var template: String?

    @Option(help: "Nodes of each layer that pre-commit 2 holds at once, a power of 8 from 512 to 2097152.")
    var columnBatch: Int?

    @Option(help: "Bytes that one step may hold in memory, such as 160GiB.")
    var memory = MemoryArgument(bytes: SealingOptions().memoryBytesMax)

    @Option(
        help:
            "The best instructions to use: automatic, portable, avx2, sha-ni or avx512."
    )
    var path = InstructionPath.automatic

    func validate() throws {
        guard (0...1_024).contains(hashThreads) else {
            throw ValidationError("--hash-threads takes 0 to 1024")
        }
        guard (1...1 << 22).contains(deviceBatch) else {
            throw ValidationError("--device-batch takes 1 to \(1 << 22)")
        }
        guard (0...64).contains(labelProducers) else {
            throw ValidationError("--label-producers takes 0 to 64")
        }
        guard columnBatch.map({ [1 << 9, 1 << 12, 1 << 15, 1 << 18, 1 << 21].contains($0) }) ?? true else {
            throw ValidationError("--column-batch takes 512, 4096, 32768, 262144 or 2097152")
        }
    }

    /// Limits and places for the steps; from here on the kernels use the path that was asked for.
    ///
    /// - Throws: ``SealingError`` where this processor lacks the path's instructions.
    func options() throws(SealingError) -> SealingOptions {
        // Without the option the environment's SEALYARD_PATH stands.
        if path != .automatic { try InstructionPath.use(path) }
        var options = SealingOptions()
        options.memoryBytesMax = memory.bytes
        if let parentCache { options.parentCache = .directory(parentCache) }
        options.labelProducerCount = labelProducers
        options.hugePages = hugePages
        options.numaNode = numaNode
        options.columnBatchNodeCount = columnBatch
        options.templateDirectory = template
        return options
    }

    /// Who hashes; a device that is lost on the way is told on stderr, and the processor goes on.
    func hasher() throws -> any PoseidonHasher {
        let count = hashThreads > 0 ? hashThreads : SystemClock.processorCount
        let processor: any PoseidonHasher =
            count == 1 ? ProcessorPoseidon() : try ThreadedPoseidon(threadCount: count)
        guard let device else { return processor }
        return try OpenCLPoseidon(
            OpenCLChoice(parsing: device), batchHashCount: deviceBatch, fallback: processor
        ) { Console.note("warning: \($0.message)") }
    }
}

extension InstructionPath: ExpressibleByArgument {}
extension HugePages: ExpressibleByArgument {}

/// An amount of memory as people write it: `160GiB`.
struct MemoryArgument: ExpressibleByArgument {
    let bytes: UInt64

    init(bytes: UInt64) { self.bytes = bytes }

    init?(argument: String) {
        do {
            let count = try Quantity.byteCount(argument)
            guard count.bytes > 0 else { return nil }
            bytes = UInt64(count.bytes)
        } catch {
            return nil
        }
    }

    var defaultValueDescription: String { "\(bytes >> 30)GiB" }
}
