// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Kernel
import Scheduler
import Sim

/// `sealyard explore`: a search for faults that break a cluster.
struct Explore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Search seeds and faults for a case that breaks an invariant, and shrink it.",
        discussion: """
            Each seed draws faults of every kind, all of which end. Then every sector must have ended, none \
            for a fault of infrastructure, nothing may have landed on the chain twice, all room and slots \
            must be given back, and every worker must be there again. A failing case is shrunk and printed \
            with the line that replays it; the exit status is 1 then.
            """)

    @Argument(
        help: "The scenario file; its own faults are left out.",
        completion: .file(extensions: ["yaml", "yml", "json"]))
    var scenario: String

    @Option(
        help: ArgumentHelp("Seeds to try; 1-1000, or without end where --seconds is given.", valueName: "a-b")
    )
    var seeds: String?

    @Option(help: "Begin no more runs after so many seconds.")
    var seconds: Int?

    @Option(help: "Sectors to pledge, by the scenario's rule.")
    var sectors = 8

    @Option(help: "Faults that each seed draws.")
    var faultCount = 8

    @Option(help: "Kinds to draw from, with commas between them; all otherwise.")
    var kinds: String?

    @Option(help: "The policy in place of the scenario's own.")
    var policy: String?

    @Flag(help: "Draw what tasks take of memory: the table does not say, and workers find out.")
    var drawMemory = false

    @Option(help: "By when all faults have ended, such as 30m; two ways of a sector otherwise.")
    var untilFaultsEnd: String?

    @Option(help: "Failing seeds after which the search ends.")
    var failures = 1

    @Option(help: ArgumentHelp("Run these faults under --seed and draw none.", valueName: "list"))
    var replay: String?

    @Option(help: "Run the faults of this file under --seed and draw none.", completion: .file())
    var faults: String?

    @Option(help: "Write the shrunk faults of the first failure into this file.", completion: .file())
    var out: String?

    @OptionGroup var study: StudyOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        _ = try range()
        _ = try drawnKinds()
        if let untilFaultsEnd { _ = try StudyOptions.duration(untilFaultsEnd) }
        if let seconds, seconds < 1 { throw ValidationError("--seconds: one at least") }
        if failures < 1 { throw ValidationError("--failures: one at least") }
        if replay != nil, faults != nil { throw ValidationError("--replay and --faults exclude each other") }
        if let policy, !PolicyCatalog.names.contains(policy) {
            throw ValidationError("--policy: one of \(PolicyCatalog.names.joined(separator: ", "))")
        }
    }

    private func range() throws -> ClosedRange<UInt64> {
        guard let seeds else { return 1...(seconds == nil ? 1_000 : 100_000_000) }
        let ends = seeds.split(separator: "-", omittingEmptySubsequences: false).map { UInt64($0) }
        guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
            first <= last, last - first < 100_000_000
        else { throw ValidationError("--seeds: a seed or a range such as 1-1000, not '\(seeds.prefix(40))'") }
        return first...last
    }

    private func drawnKinds() throws -> [Scenario.Fault.Kind] {
        guard let kinds else { return Scenario.Fault.Kind.allCases }
        return try kinds.split(separator: ",").map { name in
            guard let kind = Scenario.Fault.Kind(rawValue: String(name)) else {
                let known = Scenario.Fault.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--kinds: no kind '\(name.prefix(40))'; known are \(known)")
            }
            return kind
        }
    }

    func run() throws {
        let overrides = replay.map { [ScenarioOverride("faults=\($0)")] } ?? []
        let report = try study.run { control -> ExploreReport in
            let loaded = try Scenario.load(
                path: scenario, overrides: overrides, faultsPath: faults, measurements: .withJournals)
            var trial = try ClusterTrial(
                loaded, sectorCount: sectors, faultCount: faultCount, kinds: try drawnKinds(),
                faultsEnd: try untilFaultsEnd.map(StudyOptions.duration))
            trial.policy = policy
            trial.drawsMemory = drawMemory
            trial.bug = study.seededBug
            var explorer = Explorer(trial)
            explorer.failureCountMax = failures
            guard replay == nil, faults == nil else {
                let one = ExploreCase(seed: study.seed, faults: loaded.faults)
                return ExploreReport(
                    try explorer.replay(one), scenario: scenario, firstSeed: study.seed, trial: trial)
            }
            return try search(explorer, trial, control)
        }
        if let out, let failure = report.result.failures.first {
            try FileText.write(Array(failure.shrunk.faults.file.utf8), to: out)
        }
        Console.write(json ? report.document.json : report.text)
        try StudyOptions.endIfInterrupted()
        if !report.result.failures.isEmpty { throw ExitCode(1) }
    }

    private func search(
        _ explorer: Explorer, _ trial: ClusterTrial, _ control: StudyControl
    ) throws -> ExploreReport {
        let range = try range()
        var limited = control
        if let seconds {
            let end = control.clock() + Int64(seconds) * 1_000_000_000
            limited.shouldStop = { control.shouldStop() || control.clock() >= end }
            limited.progress = { progress in
                var shown = progress
                let most = max(0, Double(end - control.clock()) / 1e9)
                shown.secondsLeft = min(progress.secondsLeft ?? most, most)
                control.progress(shown)
            }
        }
        let result = try explorer.search(
            from: range.lowerBound, count: Int(range.upperBound - range.lowerBound) + 1, control: limited,
            shrinkStops: control.shouldStop)
        return ExploreReport(result, scenario: scenario, firstSeed: range.lowerBound, trial: trial)
    }
}
