// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Kernel
import Sim

/// `sealyard regret`: the choice that is regretted least when inputs are uncertain.
struct Regret: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find the choice that is regretted least, whatever the uncertain inputs turn out to be.",
        discussion: """
            All combinations of --choose are candidates, all combinations of --uncertain are worlds, in each \
            scenario that is named. Every candidate is simulated in every world under common seeds. Its \
            regret in a world is how much better the best candidate of that world is. Printed are the \
            candidate whose largest regret is least and the one whose mean regret is, by the weights.

            sealyard regret S.yaml --choose hosts.p1.count=20,24,28 --choose hosts.c2.count=2,3 \\
                --uncertain tasks.PreCommit1.duration=-10%@1,0%@2,+20%@1 --target 80TiB/day

            With --target a choice that misses it in a world stands there behind all that reach it, and what \
            is recommended all the same says so.

            A file may have a weight, such as dear.yaml@0.5, and so may a value. Ctrl-C prints what is \
            known by then.
            """)

    @Argument(
        help: ArgumentHelp("Scenario files, each perhaps with a weight.", valueName: "file[@weight]"),
        completion: .file(extensions: ["yaml", "yml", "json"]))
    var scenarios: [String]

    @Option(
        help: ArgumentHelp(
            "What can be chosen, such as hosts.p1.count=20,24; may stand several times.",
            valueName: "path=v1,v2"))
    var choose: [String] = []

    @Option(
        help: ArgumentHelp(
            "What cannot: values or changes such as -10%, each perhaps weighted; may stand several times.",
            valueName: "path=v1@w,v2"))
    var uncertain: [String] = []

    @Option(
        help: ArgumentHelp(
            "Set a value over the files', such as policy=sealyard; may stand several times.",
            valueName: "path=value"))
    var set: [String] = []

    @Option(
        help: ArgumentHelp(
            "What judges: \(RegretStudy.figures.map(\.name).joined(separator: ", ")); the cost of a TiB "
                + "where the scenarios have costs, else the throughput.", valueName: "figure"))
    var by: String?

    @Option(help: "The throughput to reach, beyond which more is worth nothing, such as 5TiB/day.")
    var target: String?

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
        if choose.isEmpty { throw ValidationError("--choose path=v1,v2: name what can be chosen") }
        if let until { _ = try StudyOptions.duration(until) }
        if let target { _ = try StudyOptions.throughput(target, "--target") }
    }

    func run() throws {
        let until = try until.map(StudyOptions.duration)
        let target = try target.map { try StudyOptions.throughput($0, "--target") }
        let result = try study.run { control in
            var options = RegretStudy.Options()
            options.figure = by
            options.target = target
            options.replications = replications
            options.seed = study.seed
            options.until = until
            let sources = try scenarios.map { file in
                let (path, weight) = try UncertainAxis.weighted(file)
                return (
                    ScenarioSource.file(
                        path, overrides: set.map { ScenarioOverride($0) }, measurements: .withJournals),
                    weight
                )
            }
            let regret = try RegretStudy(
                sources: sources, choices: try choose.map { try SweepAxis($0) },
                uncertain: try uncertain.map { try UncertainAxis($0) }, options)
            return try regret.run(control: control)
        }
        try StudyOptions.show(result, json ? result.document.json : csv ? result.csv : result.text)
    }
}
