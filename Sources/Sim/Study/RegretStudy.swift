// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// An input that nobody knows, and what it may be, each with a weight.
package struct UncertainAxis: Sendable, Hashable {
    package var path: String
    package var values: [(variation: ScenarioVariation, weight: Double)] {
        zip(variations, weights).map { ($0, $1) }
    }
    private var variations: [ScenarioVariation]
    private var weights: [Double]

    /// Reads `tasks.PreCommit1.duration=-10%@1,0%@2,+20%@1`; a weight that is left out is 1. A comma within
    /// brackets or braces belongs to the value.
    ///
    /// - Throws: ``StudyError`` with `invalid`.
    package init(_ text: String) throws(StudyError) {
        let axis = try SweepAxis(text)
        path = axis.path
        variations = []
        weights = []
        for value in axis.values {
            let (plain, weight) = try Self.weighted(value)
            variations.append(try ScenarioVariation(path: axis.path, text: plain))
            weights.append(weight)
        }
    }

    /// Splits `value@weight`.
    ///
    /// - Throws: ``StudyError`` with `invalid` where the weight is not above zero.
    package static func weighted(_ text: String) throws(StudyError) -> (text: String, weight: Double) {
        guard let sign = text.lastIndex(of: "@"), let weight = Double(text[text.index(after: sign)...]) else {
            return (text, 1)
        }
        guard weight > 0, weight <= 1e9, sign != text.startIndex else {
            throw StudyError(.invalid, "'\(text.prefix(80))': a weight is above 0, such as value@2")
        }
        return (String(text[..<sign]), weight)
    }
}

/// Which of several clusters is regretted least when it is not known what the world will be like.
///
/// Each candidate is simulated in each world. Its regret there is what the best candidate of that world would
/// have done better (L. J. Savage, "The theory of statistical decision", JASA 46, 1951). The largest regret
/// over all worlds, and the mean by the worlds' weights, each has a candidate with the least of it.
///
/// With a target, a candidate that misses it in a world stands there behind all that reach it: its TiB costs
/// as much as the dearest of theirs at least, and more by the share that is missing. Over all worlds those
/// come first that miss the target least often.
package struct RegretStudy: Sendable {
    package static let pointCountMax = 10_000
    package static let runCountMax = 100_000

    package struct Options: Sendable {
        /// A figure of ``RunFigures`` by which candidates are judged: one of ``RegretStudy/figures``.
        package var figure: String?
        /// TiB/day to be reached, beyond which throughput is worth nothing; with costs alone.
        package var target: Double?
        package var replications = 3
        package var seed: UInt64 = 1
        package var until: Duration?

        package init() {}
    }

    /// The figures that can judge, and whether more of one is better.
    package static let figures: [(name: String, isMoreBetter: Bool)] = [
        (RunFigures.throughput, true), (RunFigures.costPerTebibyte, false), (RunFigures.latencyP95, false),
        ("sojournMeanSeconds", false), ("sectorsProving", true), ("sectorsFailed", false),
        (RunFigures.missedPoSt, false),
    ]

    package struct World: Sendable, Hashable {
        package var name: String
        /// Of all weights together.
        package var probability: Double
    }

    package let options: Options
    package let candidates: [String]
    package let worlds: [World]
    package let figure: String
    package let isMoreBetter: Bool
    /// Candidate by candidate, in each the worlds in order.
    private let cases: [StudyCase]

    /// Reads every point before the first run.
    ///
    /// - Parameters:
    ///   - sources: scenarios that may be the world, each with a weight.
    ///   - choices: what can be chosen; the candidates are all combinations.
    ///   - uncertain: what cannot; the worlds are all combinations in each source.
    /// - Throws: ``StudyError``, ``ScenarioError``.
    package init(
        sources: [(source: ScenarioSource, weight: Double)], choices: [SweepAxis],
        uncertain: [UncertainAxis], _ options: Options = Options()
    ) throws {
        try Replications.check(options.replications)
        guard !sources.isEmpty, !choices.isEmpty else {
            throw StudyError(.invalid, "name a scenario and with --choose what can be chosen")
        }
        for axis in choices where uncertain.contains(where: { $0.path == axis.path }) {
            throw StudyError(.invalid, "'\(axis.path)' is either chosen or uncertain, not both")
        }
        let candidateCount = try Self.product(choices.map(\.values.count))
        let worldCount = try Self.product(uncertain.map(\.values.count) + [sources.count])
        guard candidateCount >= 2 else {
            throw StudyError(.invalid, "one candidate leaves no choice; write --choose path=v1,v2")
        }
        _ = try Self.product([candidateCount, worldCount])
        guard candidateCount * worldCount <= Self.runCountMax / options.replications else {
            throw StudyError(
                .tooLarge, "at most \(Self.runCountMax) runs; choose among fewer or replicate less")
        }
        let chosen = Self.grid(choices.map(\.values.count)).map { picks in
            zip(choices, picks).map { axis, pick in
                ScenarioVariation(path: axis.path, change: .value(axis.values[pick]))
            }
        }
        let states = Self.grid([sources.count] + uncertain.map(\.values.count)).map { picks in
            (
                source: picks[0],
                values: zip(uncertain, picks.dropFirst()).map { axis, pick in axis.values[pick] }
            )
        }
        let weights = states.map { state in
            state.values.reduce(sources[state.source].weight) { $0 * $1.weight }
        }
        let total = weights.reduce(0, +)
        guard total > 0, total.isFinite else {
            throw StudyError(.invalid, "the weights are too small or too large to be added")
        }
        candidates = chosen.map { $0.map(\.text).joined(separator: " ") }
        worlds = zip(states, weights).map { state, weight in
            let words = state.values.map(\.variation.text)
            let name = sources.count > 1 || words.isEmpty ? [sources[state.source].source.name] : []
            return World(name: (name + words).joined(separator: " "), probability: weight / total)
        }
        let (names, places) = (candidates, worlds.map(\.name))
        cases = try chosen.enumerated().flatMap { index, choice in
            try zip(states, places).map { state, place in
                let scenario = try sources[state.source].source.scenario(
                    with: choice + state.values.map(\.variation))
                return StudyCase(name: "\(names[index]) in \(place)", scenario, until: options.until)
            }
        }
        let hasCosts = cases.allSatisfy { $0.scenario.costs != nil }
        let figure = options.figure ?? (hasCosts ? RunFigures.costPerTebibyte : RunFigures.throughput)
        guard let known = Self.figures.first(where: { $0.name == figure }) else {
            let names = Self.figures.map(\.name)
            throw StudyError(
                .invalid,
                "--by: '\(figure.prefix(40))' judges nothing\(Suggestion.hint(for: figure, among: names))")
        }
        if figure == RunFigures.costPerTebibyte, !hasCosts {
            throw StudyError(.invalid, "--by \(figure): a scenario has no costs section")
        }
        if let target = options.target {
            guard target > 0, target.isFinite, figure == RunFigures.costPerTebibyte else {
                throw StudyError(
                    .invalid, "--target is a throughput above zero, and needs costs to be judged by")
            }
        }
        self.figure = figure
        isMoreBetter = known.isMoreBetter
        self.options = options
    }

    package var runCount: Int { cases.count * options.replications }

    private static func product(_ counts: [Int]) throws(StudyError) -> Int {
        var product = 1
        for count in counts {
            let (next, overflow) = product.multipliedReportingOverflow(by: count)
            guard !overflow, next <= pointCountMax else {
                throw StudyError(
                    .tooLarge, "at most \(pointCountMax) candidates times worlds; name fewer values")
            }
            product = next
        }
        return product
    }

    /// All combinations of numbers below the counts; the last changes fastest.
    private static func grid(_ counts: [Int]) -> [[Int]] {
        counts.reduce([[]]) { rows, count in rows.flatMap { row in (0..<count).map { row + [$0] } } }
    }

    /// - Throws: ``StudyError`` with `unreachable` where no run outlasts its warm-up; ``KernelError`` where
    ///   no thread starts.
    package func run(control: StudyControl = StudyControl()) throws -> Result {
        let (cases, width, seed) = (cases, cases.count, options.seed)
        // All runs of a replication together, candidate by candidate: an interrupted study has whole ones,
        // and of the first one whole candidates.
        let (runs, distrusted) = try StudyRunner.simulate(runCount, control) { job, goesOn in
            try cases[job % width].run(
                seed: StudyCase.seed(seed, replication: job / width), bug: control.bug,
                goesOn: goesOn)
        }
        if let first = runs.first ?? nil, first.value(RunFigures.throughput) == nil {
            throw StudyError(
                .unreachable, "the runs end within the warm-up, so that nothing can be judged; raise --until")
        }
        let worldCount = worlds.count
        func isWhole(_ replication: Int, _ candidate: Int) -> Bool {
            let begin = replication * width + candidate * worldCount
            return runs[begin..<begin + worldCount].allSatisfy { $0 != nil }
        }
        var replications = (0..<options.replications).filter { replication in
            candidates.indices.allSatisfy { isWhole(replication, $0) }
        }
        var judged = Array(candidates.indices)
        if replications.isEmpty {
            replications = [0]
            judged = judged.filter { isWhole(0, $0) }
        }
        func all(_ value: (RunFigures) -> Double, else none: Double) -> [[[Double]]] {
            judged.map { candidate in
                worlds.indices.map { world in
                    replications.map { replication in
                        runs[replication * width + candidate * worldCount + world].map(value) ?? none
                    }
                }
            }
        }
        return Result(
            study: self, replications: judged.isEmpty ? 0 : replications.count, judged: judged,
            losses: all(value, else: .infinity),
            rates: all({ $0.value(RunFigures.throughput) ?? 0 }, else: 0), distrusted: distrusted)
    }

    /// What a run is worth, turned so that less is better; infinite where there was nothing to judge.
    private func value(_ run: RunFigures) -> Double {
        guard let value = run.value(figure) else { return .infinity }
        guard let target = options.target, let rate = run.value(RunFigures.throughput), rate > target else {
            return isMoreBetter ? -value : value
        }
        // The whole cost by what is wanted.
        return value * rate / target
    }
}
