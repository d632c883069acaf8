// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Kernel
import Sim

/// `sealyard optimize`: the cheapest cluster for a throughput.
struct Optimize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find the cheapest cluster that seals so much a day.",
        discussion: """
            All combinations of host counts are judged by formula, the cheapest ones are simulated. Then \
            follow the resources of which more would help, and the cluster that is regretted least should \
            tasks take longer or shorter than the file says.
            """)

    @Argument(help: "The scenario file.", completion: .file(extensions: ["yaml", "yml", "json"]))
    var scenario: String

    @Option(help: "The throughput to reach, such as 5TiB/day.")
    var target: String

    @Option(help: "How many hosts a group may have, such as p1=4..40; may stand several times.")
    var range: [String] = []

    @Option(help: "Candidates to simulate.")
    var simulated = 10

    @Option(help: "Replications of each.")
    var replications = 3

    @Option(help: "The share by which durations may differ from the file's.")
    var spread = 0.1

    @Option(help: "How long to simulate, such as 30d; the scenario says it otherwise.")
    var until: String?

    @OptionGroup var study: StudyOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if let until { _ = try StudyOptions.duration(until) }
        _ = try throughput()
    }

    func run() throws {
        let (target, until) = (try throughput(), try until.map(StudyOptions.duration))
        let result = try study.run { control in
            var options = Optimizer.Options(target: target, ranges: try range.map { try HostRange($0) })
            options.simulatedCount = simulated
            options.replications = replications
            options.spread = spread
            options.seed = study.seed
            options.until = until
            return try Optimizer(Scenario.load(path: scenario), options).run(control: control)
        }
        Console.write(json ? result.document.json : result.text)
        try StudyOptions.endIfInterrupted()
    }

    private func throughput() throws -> Double {
        let suffix = "TiB/day"
        guard target.hasSuffix(suffix), let value = Double(target.dropLast(suffix.count)), value > 0,
            value.isFinite
        else { throw ValidationError("--target: a figure above zero and its unit, such as 5TiB/day") }
        return value
    }
}
