// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Chain
import Kernel
import Sim

/// How long the fault search takes for bugs that are there on purpose.
struct BenchExploreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explore",
        abstract: "Measure how long the fault search takes to find bugs that are seeded for it.",
        discussion: """
            The shipped components have switches for tests that put a bug into them, one at a time. For \
            each the search looks for a seed whose faults show it, and shrinks the case.
            """)

    @Option(help: "The scenario of a small cluster.") var scenario = "Scenarios/devnet.yaml"
    @Option(parsing: .upToNextOption, help: "Bugs to look for; all of them unless given.")
    var bugs: [String] = []
    @Option(help: "Threads; all cores otherwise.") var threads: Int?
    @Flag(help: "Print one JSON document.") var json = false

    /// What the command prints; the field names are the keys of the JSON form.
    private struct Report: Encodable {
        struct Row: Encodable {
            let bug: String
            let runs: Int?
            let shrinkRuns: Int
            let faults: Int
            let seconds: Double
        }

        let threads: Int
        var bugs: [Row] = []
        var foundCount = 0
        var seconds = 0.0
    }

    func validate() throws {
        if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads takes 1 to 1024") }
        for name in bugs where !SeededBug.allCases.contains(where: { "\($0)" == name }) {
            let names = SeededBug.allCases.map { "\($0)" }.joined(separator: ", ")
            throw ValidationError("no bug '\(name)' is seeded; there are \(names)")
        }
    }

    func run() async throws {
        let loaded: Scenario
        do { loaded = try Scenario.load(path: scenario, measurements: .withJournals) } catch {
            throw CommandError.failure(error.message)
        }
        let count = threads ?? SystemClock.processorCount
        let benchmark = FaultSearchBenchmark(loaded, threadCount: count)
        var report = Report(threads: count)
        for bug in SeededBug.allCases where bugs.isEmpty || bugs.contains("\(bug)") {
            let result = try benchmark.run(bug)
            report.bugs.append(
                .init(
                    bug: "\(bug)", runs: result.runCount, shrinkRuns: result.shrinkCount,
                    faults: result.faultCount, seconds: result.seconds))
            report.foundCount += result.runCount == nil ? 0 : 1
            report.seconds += result.seconds
            guard !json else { continue }
            Console.write("\(bug): \(Self.words(result)) (\(Self.decimal(result.seconds)) s)")
        }
        if json { return try Console.write(json: report) }
        Console.write(
            "\(report.foundCount) of \(report.bugs.count) found in \(Self.decimal(report.seconds)) s, "
                + "\(report.threads) threads")
    }

    private static func words(_ result: FaultSearchBenchmark.Result) -> String {
        guard let runs = result.runCount else {
            return "not found in \(FaultSearchBenchmark.runCountMax) runs"
        }
        return "found in \(runs) runs, \(result.faultCount) faults after \(result.shrinkCount) more"
    }

    private static func decimal(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}
