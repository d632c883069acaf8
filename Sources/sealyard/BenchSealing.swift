// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Chain
import Engine
import Foundation
import Kernel
import Sealing

/// Times of the sealing steps.
struct BenchSealingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sealing",
        abstract: "Seal sectors one after another and time the steps.",
        discussion: """
            The JSON has the keys of lotus-bench, durations in nanoseconds. \
            \(SealingBenchmark.notes.joined(separator: " "))
            """)

    @Option(help: "Sector size, such as 2KiB, 8MiB, 512MiB, 1GiB or 32GiB.") var sectorSize = "2KiB"
    @Option(help: "Sectors to seal.") var numSectors = 1
    @Option(help: "Sectors in AddPiece and pre-commit 1 at once, each on a core of its own.")
    var parallel = 1
    @Option(help: "Sectors that one core labels side by side; --num-sectors is a multiple of it.")
    var interleave = 1
    @Option(help: "Directory for the sectors; a temporary one that is removed unless given.")
    var storageDir: String?
    @Option(help: "The miner's address.") var minerAddr = "t01000"
    @Option(help: "Text whose digest is the ticket.") var ticketPreimage = "sealyard"
    @Option(
        help: "Keep the input of Commit2 of the first sector, as 'lotus-bench prove' reads it.",
        completion: .file())
    var saveCommit2Input: String?
    @Flag(help: "Leave Commit2 out; it is not made yet, so this changes nothing.") var skipCommit2 = false
    @Flag(help: "Leave the decoding of the sector out.") var skipUnseal = false
    @Flag(help: "Leave the proofs of space-time out.") var skipPost = false
    @Option(help: "Also write the JSON document to this file.", completion: .file()) var jsonOut: String?
    @OptionGroup var sealing: SealingArguments
    @Flag(help: "Measure no kernel rates.") var skipRates = false
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard (1...10_000).contains(numSectors) else {
            throw ValidationError("--num-sectors takes 1 to 10000")
        }
        guard (1...1_024).contains(parallel) else { throw ValidationError("--parallel takes 1 to 1024") }
        guard (1...SealPipeline.batchCountMax).contains(interleave), numSectors.isMultiple(of: interleave)
        else {
            throw ValidationError(
                "--interleave takes 1 to \(SealPipeline.batchCountMax), and --num-sectors a multiple of it")
        }
        _ = try size()
        _ = try miner()
    }

    func run() async throws {
        let size = try size()
        let manager = FileManager.default
        let directory = "\(storageDir ?? manager.temporaryDirectory.path)/sealyard-bench-\(getpid())"
        let progress = ProgressLine()
        Interrupts.listen()
        defer {
            progress.finish()
            removeTree(directory)
        }
        var settings = SealingBenchmark.Settings(
            size: size, sectorCount: numSectors, directory: directory)
        settings.parallelCount = parallel
        settings.interleaveCount = interleave
        settings.miner = try miner()
        settings.ticketPreimage = ticketPreimage
        settings.unseals = !skipUnseal
        settings.provesSpaceTime = !skipPost
        settings.commit2InputPath = saveCommit2Input
        settings.options = try sealing.options()
        settings.hasher = try sealing.hasher()
        var result: SealingBenchmark.Result
        do {
            result = try SealingBenchmark.run(settings, observer: progress.observer)
        } catch let rejection as VanillaRejection {
            throw CommandError.failure("a proof of the benchmark does not hold: \(rejection)")
        }
        if !skipRates {
            result.rates = try KernelRates.measure(
                sealing.path, clock: { SystemClock.monotonicNanoseconds })
        }
        progress.finish()
        if let jsonOut { try FileText.write(try JSONText.encode(result), to: jsonOut) }
        if json { return try Console.write(json: result) }
        Console.write(text(result))
    }

    private func miner() throws -> UInt64 {
        do throws(ChainError) { return try ActorAddress(parsing: minerAddr).id } catch {
            throw ValidationError("--miner-addr: \(error.message)")
        }
    }

    private func size() throws -> SectorSize {
        do throws(SealingError) {
            return try SectorSize(parsing: sectorSize)
        } catch {
            throw ValidationError(error.message)
        }
    }

    private func text(_ result: SealingBenchmark.Result) -> String {
        let sum = result.sum
        let bytes = Double(result.sectorSize) * Double(result.sectorCount)
        var lines = [
            "----",
            "results (v28) SectorSize:(\(result.sectorSize)), SectorNumber:(\(result.sectorCount))",
        ]
        let steps: [(String, Int64)] = [
            ("seal: addPiece", sum.addPiece), ("seal: preCommit phase 1", sum.preCommit1),
            ("seal: preCommit phase 2", sum.preCommit2), ("seal: commit phase 1", sum.commit1),
        ]
        for (name, nanoseconds) in steps {
            lines.append("\(name): \(seconds(nanoseconds)) (\(rate(bytes, nanoseconds))/s)")
        }
        lines.append("seal: commit phase 2: not run (no SNARK prover yet)")
        lines.append("seal: verify: \(seconds(sum.verify)) (vanilla proofs)")
        let postNames = ["cold", "hot"]
        if result.spaceTime.winning[0] > 0 {
            for (place, name) in postNames.enumerated() {
                let post = result.spaceTime
                lines.append(
                    "compute winning post openings (\(name)): \(seconds(post.winning[place])), "
                        + "verify \(seconds(post.winningCheck[place]))")
                lines.append(
                    "compute window post openings (\(name)): \(seconds(post.window[place])), "
                        + "verify \(seconds(post.windowCheck[place]))")
            }
        }
        if sum.unseal > 0 {
            lines.append("unseal: \(seconds(sum.unseal))  (\(rate(bytes, sum.unseal))/s)")
        }
        if let rates = result.rates {
            lines.append(
                String(
                    format: "kernels: %.2f M SHA-256 compressions/s (%@), labels at %.0f %% of that bound",
                    rates.sha256CompressionsPerSecond / 1e6, rates.sha256Path,
                    rates.labelFractionOfBound * 100))
            if !result.layers.isEmpty {
                lines.append(
                    String(
                        format: "seal: layers of pre-commit 1 at %.0f %% of that bound",
                        result.preCommit1FractionOfBound(rates) * 100))
            }
            let batches = rates.batchLabelFractionOfBound
            if let best = batches.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) {
                lines.append(
                    String(
                        format: "kernels: labels of %@ sectors side by side at %.2f times the bound of one",
                        best.key, best.value))
            }
            lines.append(
                String(
                    format: "kernels: %.2f GB/s of data to its CommP (%@)",
                    rates.binaryTreeBytesPerSecond / 1e9, rates.sha256RowPath))
            lines.append(
                String(
                    format: "kernels: %.0f, %.0f, %.0f thousand Poseidon hashes/s of arity 2, 8, 11 (%@)",
                    rates.poseidonHashesPerSecond.two / 1e3, rates.poseidonHashesPerSecond.eight / 1e3,
                    rates.poseidonHashesPerSecond.eleven / 1e3, rates.poseidonPath))
        }
        return lines.joined(separator: "\n")
    }

    private func seconds(_ nanoseconds: Int64) -> String {
        String(format: "%.6fs", Double(nanoseconds) / 1e9)
    }

    private func rate(_ bytes: Double, _ nanoseconds: Int64) -> String {
        guard nanoseconds > 0 else { return "- B" }
        var value = bytes / (Double(nanoseconds) / 1e9)
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if value < 1_024 { return String(format: "%.1f %@", value, unit) }
            value /= 1_024
        }
        return String(format: "%.1f TiB", value)
    }
}
