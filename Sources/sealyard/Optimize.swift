// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Kernel
import Sim

/// `sealyard optimize`: the cheapest cluster for a throughput.
struct Optimize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find the cheapest cluster that seals so much a day.",
        discussion: """
            All combinations of host counts are judged by formula, the cheapest ones within the bounds are \
            simulated. Latency and missed deadlines are told by runs alone: where none of the cheapest keeps \
            them, clusters with more to spare are tried. Then follow the resources of which more would help, \
            and the cluster that is regretted least should tasks take longer or shorter than the file says. \
            Where nothing keeps all bounds, the message says which one stands in the way, nothing is \
            recommended, and the status is 1.

            Without --range every group may have one host to \(Optimizer.usualFactor) times as many as in \
            the file, or as many as the target needs by formula where that is more; the output names these \
            ranges. Groups that --range does not name keep their count.

            Prices, power and heights are those of the scenario's costs. OpEx is what runs month by month: \
            electricity, rack units and the TiB that are stored when a run ends. What has no price is named.
            """)

    @Argument(help: "The scenario file.", completion: .file(extensions: ["yaml", "yml", "json"]))
    var scenario: String

    @Option(help: "The throughput to reach, such as 5TiB/day.")
    var target: String

    @Option(
        help:
            "How many hosts a group may have, such as p1=4..40; may stand several times."
    )
    var range: [String] = []

    @Option(
        help: ArgumentHelp(
            "Set a value over the file's, such as policy=sealyard; may stand several times.",
            valueName: "path=value"))
    var set: [String] = []

    @Option(help: "What all hosts together may cost to buy, in the scenario's currency.")
    var maxCapex: Double?

    @Option(
        help: "What electricity, rack units and stored TiB of 30 days may cost, in the scenario's currency.")
    var maxOpex: Double?

    @Option(help: "What all hosts together may draw, such as 120kW.")
    var maxPower: String?

    @Option(help: "How many hosts there may be in all groups.")
    var maxHosts: Int?

    @Option(help: "The time from pledge to proving that 95 % of the sectors may take at most, such as 12h.")
    var maxLatency: String?

    @Flag(help: "No deadline may be missed.")
    var noMissedPost = false

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
        _ = try StudyOptions.throughput(target, "--target")
        _ = try bounds()
    }

    private func bounds() throws -> ClusterBounds {
        var bounds = ClusterBounds()
        bounds.capital = maxCapex
        bounds.monthly = maxOpex
        bounds.hostCount = maxHosts
        bounds.allowsMissedPoSt = !noMissedPost
        if let maxLatency { bounds.latency = try StudyOptions.duration(maxLatency, "--max-latency") }
        guard let maxPower else { return bounds }
        let units = [("kW", 1e3), ("MW", 1e6), ("W", 1.0)]
        guard let (unit, watts) = units.first(where: { maxPower.hasSuffix($0.0) }),
            let value = Double(maxPower.dropLast(unit.count)), value > 0, value.isFinite
        else { throw ValidationError("--max-power: a figure above zero and its unit, such as 120kW") }
        bounds.watts = value * watts
        return bounds
    }

    func run() throws {
        let (target, until) = (
            try StudyOptions.throughput(target, "--target"), try until.map(StudyOptions.duration)
        )
        let result = try study.run { control in
            var options = Optimizer.Options(target: target, ranges: try range.map { try HostRange($0) })
            options.bounds = try bounds()
            options.simulatedCount = simulated
            options.replications = replications
            options.spread = spread
            options.seed = study.seed
            options.until = until
            return try Optimizer(
                Scenario.load(
                    path: scenario, overrides: set.map { ScenarioOverride($0) }, measurements: .withJournals),
                options
            ).run(control: control)
        }
        try StudyOptions.show(result, json ? result.document.json : result.text)
        guard result.answers.isEmpty else { return }
        throw CommandError.failure(
            result.refusal ?? "no run tells a throughput: all end within the warm-up; raise --until")
    }
}
