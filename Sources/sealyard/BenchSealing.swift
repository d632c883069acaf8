// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
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

    @Option(help: "Sector size: 2KiB, 8MiB, 512MiB, 32GiB or 64GiB.") var sectorSize = "2KiB"
    @Option(help: "Sectors to seal.") var numSectors = 1
    @Option(help: "Directory for the sectors; a temporary one that is removed unless given.")
    var storageDir: String?
    @Flag(help: "Leave the decoding of the sector out.") var skipUnseal = false
    @Option(help: "Also write the JSON document to this file.", completion: .file()) var jsonOut: String?
    @Option(help: "Instructions of the kernel rates: automatic, portable, avx2, sha-ni or avx512.")
    var path = InstructionPath.automatic
    @Flag(help: "Measure no kernel rates.") var skipRates = false
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard (1...10_000).contains(numSectors) else {
            throw ValidationError("--num-sectors takes 1 to 10000")
        }
        _ = try size()
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
        var result: SealingBenchmark.Result
        do {
            result = try SealingBenchmark.run(
                size: size, sectorCount: numSectors, directory: directory, unseals: !skipUnseal,
                observer: progress.observer)
        } catch let rejection as VanillaRejection {
            throw CommandError.failure("a proof of the benchmark does not hold: \(rejection)")
        }
        if !skipRates {
            result.rates = try KernelRates.measure(path, clock: { SystemClock.monotonicNanoseconds })
        }
        progress.finish()
        if let jsonOut { try FileText.write(try JSONText.encode(result), to: jsonOut) }
        if json { return try Console.write(json: result) }
        Console.write(text(result))
    }

    private func size() throws -> SectorSize {
        do throws(SealingError) {
            let size = try SectorSize(parsing: sectorSize)
            _ = try RegisteredSealProof.forSize(size)
            return size
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
        if sum.unseal > 0 {
            lines.append("unseal: \(seconds(sum.unseal))  (\(rate(bytes, sum.unseal))/s)")
        }
        if let rates = result.rates {
            lines.append(
                String(
                    format: "kernels: %.2f M SHA-256 compressions/s (%@), labels at %.0f %% of that bound",
                    rates.sha256CompressionsPerSecond / 1e6, rates.sha256Path,
                    rates.preCommit1FractionOfBound * 100))
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

extension InstructionPath: ExpressibleByArgument {}
