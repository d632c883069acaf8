// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
private import Kernel
internal import Sealing

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

    @Option(help: "Instructions of the kernel rates: automatic, portable.")
    var path = KernelRates.Path.automatic

    func validate() throws {
        guard (0...1_024).contains(hashThreads) else {
            throw ValidationError("--hash-threads takes 0 to 1024")
        }
        guard (1...1 << 22).contains(deviceBatch) else {
            throw ValidationError("--device-batch takes 1 to \(1 << 22)")
        }
    }

    /// Limits and places for the steps.
    func options() throws -> SealingOptions { SealingOptions() }

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

extension KernelRates.Path: ExpressibleByArgument {}
