// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Kernel
import Scheduler
import Sim

/// `sealyard compare`: scenarios under common seeds.
struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run scenarios under the same seeds and say how they differ from the first.",
        discussion: """
            Every task takes the same time in all scenarios of a seed, so that small differences show. A \
            star marks a difference whose 95 % interval leaves zero out.

            --set and --policy are for all of them, or for one by its letter: 'b:' is the second. A file may \
            be named twice:

            sealyard compare S.yaml S.yaml --set b:hosts.p1.count=30 --policy b:oldest-local
            """)

    @Argument(help: "Two scenario files or more.", completion: .file(extensions: ["yaml", "yml", "json"]))
    var scenarios: [String]

    @Option(
        help: ArgumentHelp(
            "Set a value over the files', such as b:hosts.p1.count=30; may stand several times.",
            valueName: "[letter:]path=value"))
    var set: [String] = []

    @Option(
        help: ArgumentHelp(
            "The policy in place of a scenario's own: \(PolicyCatalog.names.joined(separator: ", ")).",
            valueName: "[letter:]policy"))
    var policy: [String] = []

    @Option(help: "Replications of each.")
    var replications = 10

    @Option(help: "How long to simulate, such as 30d; each scenario says it otherwise.")
    var until: String?

    @OptionGroup var study: StudyOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(help: "Print CSV.")
    var csv = false

    func validate() throws {
        if scenarios.count < 2 { throw ValidationError("name two scenario files or more") }
        if json, csv { throw ValidationError("--json and --csv exclude each other") }
        if let until { _ = try StudyOptions.duration(until) }
    }

    func run() throws {
        let until = try until.map(StudyOptions.duration)
        let result = try study.run { control in
            let sides = try ComparisonSide.all(files: scenarios, settings: set, policies: policy)
            let cases = try sides.map { side in
                let overrides = side.settings.map { ScenarioOverride($0) }
                return StudyCase(
                    name: side.name,
                    try Scenario.load(path: side.file, overrides: overrides, measurements: .withJournals),
                    policy: side.policy, until: until)
            }
            return try Comparison.run(cases, count: replications, seed: study.seed, control: control)
        }
        try StudyOptions.show(result, json ? result.document.json : csv ? result.csv : result.text)
    }
}
