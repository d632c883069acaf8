// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Kernel
import Sim

/// `sealyard tornado`: which inputs move the result most.
struct TornadoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tornado", abstract: "Say which inputs of a scenario move its throughput and cost most.",
        discussion: """
            Each input is set to its low and to its high end while all others stay as the file says: counts \
            of hosts, durations and failure rates of tasks, cards, disks, stores and links, the pledge rule, \
            times between faults, prices and power. All runs of a replication share their luck.

            sealyard tornado S.yaml --by 20%
            sealyard tornado S.yaml --input hosts.p1.count=20..30 --input tasks.PreCommit1.duration=-5%..+20%

            Ctrl-C prints the inputs of which both ends were run by then.
            """)

    @Argument(help: "The scenario file.", completion: .file(extensions: ["yaml", "yml", "json"]))
    var scenario: String

    @Option(help: "How much less and more each input is, between 0 and 100 %.")
    var by = "10%"

    @Option(
        help: ArgumentHelp(
            "Only these inputs: path, path=20%, path=-5%..+20% or path=low..high; may stand several times.",
            valueName: "path=range"))
    var input: [String] = []

    @Option(
        help: ArgumentHelp(
            "Set a value over the file's, such as hosts.p1.count=30; may stand several times.",
            valueName: "path=value"))
    var set: [String] = []

    @Option(help: "The policy in place of the scenario's own.")
    var policy: String?

    @Option(help: "Replications of each.")
    var replications = 3

    @Option(help: "How long to simulate, such as 30d; the scenario says it otherwise.")
    var until: String?

    @OptionGroup var study: StudyOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(help: "Print CSV.")
    var csv = false

    func validate() throws {
        if json, csv { throw ValidationError("--json and --csv exclude each other") }
        if let until { _ = try StudyOptions.duration(until) }
        _ = try share()
    }

    private func share() throws -> Double {
        guard let share = ScenarioVariation.share(by), share > 0, share < 1 else {
            throw ValidationError("--by: a share above 0 and below 100 %, such as 10%")
        }
        return share
    }

    func run() throws {
        let until = try until.map(StudyOptions.duration)
        let result = try study.run { control in
            var options = Tornado.Options()
            options.share = try share()
            options.ranges = try input.map { try ScenarioRange($0, usual: options.share) }
            options.replications = replications
            options.seed = study.seed
            options.policy = policy
            options.until = until
            let source = ScenarioSource.file(
                scenario, overrides: set.map { ScenarioOverride($0) }, measurements: .withJournals)
            return try Tornado(source, options).run(control: control)
        }
        try StudyOptions.show(result, json ? result.document.json : csv ? result.csv : result.text)
    }
}
