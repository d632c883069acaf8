// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Kernel
import Sim

/// How long a wrong scenario takes to be refused.
struct BenchScenarioCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scenario",
        abstract: "Measure how long wrong scenario files take to be refused.",
        discussion: """
            Every line of a sound scenario is spoilt in several ways, one at a time. What is printed is the \
            median and the slowest of those that were refused.
            """)

    @Option(help: "The sound scenario; a new one otherwise.", completion: .file(extensions: ["yaml"]))
    var scenario: String?
    @Flag(help: "Print one JSON document.") var json = false

    /// What the command prints; the field names are the keys of the JSON form.
    private struct Report: Encodable {
        var files: Int
        var refused: Int
        var medianMilliseconds: Double
        var slowestMilliseconds: Double
        var slowest: String
        var slowestMessage: String
    }

    func run() async throws {
        let text = try scenario.map { try StudyOptions.text(of: $0) } ?? ScenarioTemplate().yaml
        let rows = RefusalBenchmark(text).run { SystemClock.monotonicNanoseconds }
        let refused = rows.filter { $0.message != nil }.sorted {
            ($0.nanoseconds, $0.what) < ($1.nanoseconds, $1.what)
        }
        guard let slowest = refused.last else {
            throw CommandError.failure("\(scenario ?? "the new scenario"): no line could be spoilt")
        }
        let report = Report(
            files: rows.count, refused: refused.count,
            medianMilliseconds: Double(refused[refused.count / 2].nanoseconds) / 1e6,
            slowestMilliseconds: Double(slowest.nanoseconds) / 1e6, slowest: slowest.what,
            slowestMessage: slowest.message ?? "")
        guard !json else { return try Console.write(json: report) }
        Console.write(
            """
            \(report.refused) of \(report.files) spoilt files refused
            median    \(SimulatedCluster.figure(report.medianMilliseconds)) ms
            slowest   \(SimulatedCluster.figure(report.slowestMilliseconds)) ms, \(report.slowest)
                      \(report.slowestMessage)
            """)
    }
}
