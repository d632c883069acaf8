// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Chain
import Foundation
import Kernel
import Scheduler
import Sim

/// `sealyard simulate`: runs a scenario's cluster on a virtual clock.
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a scenario's cluster on a virtual clock and say what it seals and what holds it back.",
        discussion: """
            Every run of one seed is identical, whatever the machine. Ctrl-C ends a run early and reports \
            what was simulated so far.
            """)

    @Argument(help: "The scenario file.", completion: .file(extensions: ["yaml", "yml", "json"]))
    var scenario: String

    @Option(
        help:
            "The policy in place of the scenario's own: \(PolicyCatalog.names.joined(separator: ", "))."
    )
    var policy: String?

    @Option(help: "The seed of all chance.")
    var seed: UInt64 = 1

    @Option(help: "How long to simulate, such as 30d or 36h; the scenario says it otherwise.")
    var until: String?

    @Option(
        help: ArgumentHelp(
            "Set a value over the file's, such as hosts.p1.count=30; may be given several times.",
            valueName: "path=value"))
    var set: [String] = []

    @Option(
        help: "A file of faults, as explore writes it, in place of the scenario's own.", completion: .file())
    var faults: String?

    @Option(
        help: """
            Write report.html, tables and a Perfetto trace into this directory; with --replications a \
            page of all runs and a table.
            """, completion: .directory)
    var out: String?

    @Option(help: "Runs under different seeds, on all cores; means and their intervals are printed.")
    var replications: Int?

    @Option(help: ArgumentHelp("A bug of the statistics, for tests.", visibility: .private))
    var seededBug: SeededBug?

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(help: "Show no progress.")
    var noProgress = false

    func validate() throws {
        if let until { _ = try Self.duration(until) }
    }

    func run() throws {
        if let replications {
            return try replicate(replications, until: try until.map(Self.duration))
        }
        let scenario: Scenario
        let cluster: SimulatedCluster
        do {
            scenario = try Scenario.load(
                path: self.scenario, overrides: set.map { ScenarioOverride($0) }, faultsPath: faults,
                measurements: .withJournals)
            var options = SimulatedCluster.Options(seed: seed, policy: policy)
            options.bug = seededBug
            cluster = try SimulatedCluster(scenario, options: options)
        } catch let error as ScenarioError {
            throw CommandError.failures(error.lines)
        } catch let error as SimulationError {
            throw CommandError.failure("\(self.scenario): \(error.message)")
        }
        let end = Instant.zero + (try until.map(Self.duration) ?? scenario.report.until)
        Self.warnOfWarmUp(scenario, end)
        let recorder = cluster.record(until: end)
        Interrupts.listen()
        var progress = SimulationProgress(end: end, isShown: !noProgress)
        let began = ContinuousClock.now
        // Slices are short at first and then long enough to cost nothing, short enough to show life.
        var slice = Duration.seconds(60)
        while cluster.world.now < end, !Interrupts.isRequested {
            if let target = scenario.workload.sectorsTarget,
                scenario.workload.provingAtStart + cluster.provenCount >= target
            {
                break
            }
            let before = ContinuousClock.now
            cluster.run(until: min(end, cluster.world.now + slice))
            let spent = ContinuousClock.now - before
            if spent < .milliseconds(20) { slice = min(slice * 2, .seconds(86_400)) }
            if spent > .milliseconds(80) { slice = max(slice / 2, .seconds(1)) }
            progress.show(cluster, after: ContinuousClock.now - began)
        }
        progress.clear()
        let report = cluster.report(wallSeconds: (ContinuousClock.now - began).inSeconds)
        if Interrupts.isRequested { Console.note("interrupted; this is what was simulated so far") }
        if let out { try write(report, scenario, recorder, cluster.world.now, to: out) }
        Console.write(
            json ? report.document.json : report.text + "\n" + report.details(recorder, scenario))
        if let distrust = report.distrust { throw CommandError.failure(distrust.description) }
        if Interrupts.isRequested { throw ExitCode(1) }
    }

    /// Says where a run is over before anything is measured.
    static func warnOfWarmUp(_ scenario: Scenario, _ end: Instant) {
        let warmUp = SimulatedCluster.warmUp(of: scenario)
        guard end <= .zero + warmUp else { return }
        Console.note(
            "warning: this run ends within the warm-up of \(warmUp.scenarioText): it measures no "
                + "throughput and finds no bottleneck; simulate longer, or set report.warmUp lower")
    }

    /// The scenario's file, and what was set over it.
    func sourceText() throws -> String {
        var source = String(
            decoding: try FileText.read(scenario, bytesMax: ScenarioLimits().fileBytesMax), as: UTF8.self)
        for value in set { source += "\n# set: \(value)" }
        if let faults { source += "\n# faults: \(faults)" }
        return source
    }

    private func write(
        _ report: SimulationReport, _ scenario: Scenario, _ recorder: RunRecorder, _ now: Instant,
        to folder: String
    ) throws {
        let page = ReportPage(
            report: report, scenario: scenario, recorder: recorder, now: now, sourceText: try sourceText(),
            version: Sealyard.configuration.version)
        let files = ReportFiles(report: report, recorder: recorder, now: now)
        let written = [
            ("report.html", page.html), ("report.json", report.document.json + "\n"),
            ("scenario.json", page.resolved),
            ("stages.csv", files.stagesCSV), ("levels.csv", files.levelsCSV), ("limits.csv", files.limitsCSV),
            ("faults.csv", files.faultsCSV), ("costs.csv", files.costsCSV), ("trace.json", files.perfetto),
        ]
        try ReportFolder(folder).write(written)
    }

    private static func duration(_ text: String) throws -> Duration {
        do {
            let value = try Quantity.duration(text)
            guard value >= .seconds(1) else {
                throw ValidationError("a run lasts at least one second, not \(text)")
            }
            return value
        } catch let error as QuantityError {
            throw ValidationError("--until: \(error.message)")
        }
    }
}

extension SeededBug: ExpressibleByArgument {}
