// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import Kernel
import Sim

/// `sealyard explore`: a search for faults that break a cluster.
struct Explore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Search seeds and fault schedules for one that breaks an invariant, and shrink it.",
        discussion: """
            Every pledged sector ends, none for a fault of infrastructure; no message lands on the chain \
            twice; all room is given back. A failing case is printed with the line that replays it.
            """)

    @Argument(help: "The scenario file.", completion: .file(extensions: ["yaml", "yml", "json"]))
    var scenario: String

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "Seeds to try.")
    var seeds = 1000

    @Option(help: "Replay these faults under the seed instead of drawing any.", completion: .file())
    var faults: String?

    @Option(help: "Sectors to pledge.")
    var sectors = 12

    @Option(help: "Faults a seed.")
    var faultCount = 8

    @Option(help: "Where the shrunk faults of a failing case are written.")
    var out = "faults.json"

    @Option(help: "Threads; all cores otherwise. Results do not depend on it.")
    var threads: Int?

    @Flag(help: "Show no progress.")
    var noProgress = false

    func validate() throws {
        if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads: 1 to 1024") }
    }

    func run() throws {
        let schedule = try faults.map(read)
        var options = StudyOptions()
        options.threads = threads
        options.noProgress = noProgress
        let result = try options.run { control -> Explorer.Result in
            let trial = try ClusterTrial(
                Scenario.load(path: scenario), sectorCount: sectors, faultCount: faultCount)
            guard let schedule else {
                return try trial.explorer.search(from: seed, count: seeds, control: control)
            }
            let one = ExploreCase(seed: seed, faults: schedule)
            let findings = try trial.run(one)
            for finding in findings { Console.write(finding.description) }
            Console.write(findings.isEmpty ? "sound: every invariant holds" : "seed \(seed) fails")
            throw ExitCode(findings.isEmpty ? 0 : 1)
        }
        guard let failure = result.failure else {
            Console.write("\(result.triedCount) seeds tried, every invariant holds")
            return try StudyOptions.endIfInterrupted()
        }
        try FileText.write(JSONText.encode(failure.shrunk.faults), to: out)
        Console.write(
            "seed \(failure.shrunk.seed) fails; \(failure.original.faults.entries.count) fault events shrunk to "
                + "\(failure.shrunk.faults.entries.count)")
        for finding in failure.shrunkFindings { Console.write("  \(finding)") }
        for entry in failure.shrunk.faults.entries { Console.write("  \(entry.at) \(entry.fault)") }
        Console.write(
            "replay: sealyard explore \(scenario) --seed \(failure.shrunk.seed) --sectors \(sectors) "
                + "--faults \(out)")
        throw ExitCode(1)
    }

    private func read(_ path: String) throws -> FaultSchedule {
        let bytes = try FileText.read(path, bytesMax: 16 << 20)
        do { return try JSONDecoder().decode(FaultSchedule.self, from: Data(bytes)) } catch {
            throw CommandError.failure("\(path) is no list of faults as explore writes it: \(error)")
        }
    }
}
