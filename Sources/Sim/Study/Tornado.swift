// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// How much each input of a scenario moves the result by itself: every one at its low and at its high end,
/// all others as the file says, all runs under common seeds.
package struct Tornado: Sendable {
    package static let inputCountMax = 1_000
    package static let runCountMax = 100_000

    package struct Options: Sendable {
        /// What is varied; all inputs that a percentage can change where it is empty.
        package var ranges: [ScenarioRange] = []
        /// How much less and more, for inputs without a range of their own.
        package var share = 0.1
        package var replications = 3
        package var seed: UInt64 = 1
        package var policy: String?
        package var until: Duration?

        package init() {}
    }

    /// One end of an input.
    package struct End: Sendable, Hashable {
        /// What the input is there.
        package var text: String
        /// Why there is nothing to run: the end is no scenario, or the one of the file.
        package var omission: String?
        /// This end less the file's, over pairs of runs; `nil` where nothing is known.
        package var throughput: Interval?
        package var costPerTebibyte: Interval?
    }

    package struct Row: Sendable, Hashable {
        package var path: String
        package var provenance: Scenario.Provenance?
        /// What the file says.
        package var text: String
        package var low: End
        package var high: End
        /// The high end less the low one, TiB/day; an end that was left out counts as the file's.
        package var swing: Interval?
        package var costSwing: Interval?
    }

    package struct Result: StudyResult, Sendable {
        package var name: String
        package var requestedCount: Int
        /// Replications of which every run was finished.
        package var wholeCount: Int
        package var throughput: Interval?
        package var costPerTebibyte: Interval?
        package var currency: String?
        /// The one that moves the throughput most comes first.
        package var rows: [Row]
        /// Inputs of which no pair of runs was finished.
        package var unfinished: [String]
        package var distrusted: [DistrustedRun]
    }

    private struct Input: Sendable {
        var row: Row
        /// Places in ``cases``; 0 is the file's own.
        var low: Int
        var high: Int
    }

    package let options: Options
    private let cases: [StudyCase]
    private let inputs: [Input]

    /// Reads every scenario before the first run.
    ///
    /// - Throws: ``StudyError``, ``ScenarioError``.
    package init(_ source: ScenarioSource, _ options: Options = Options()) throws {
        try Replications.check(options.replications)
        let base = try source.scenario()
        var ranges = options.ranges
        let known = ScenarioInput.all(of: base)
        if ranges.isEmpty {
            ranges = try known.map { try ScenarioRange(path: $0.path, share: options.share) }
        }
        guard ranges.count <= Self.inputCountMax,
            (2 * ranges.count + 1).multipliedReportingOverflow(by: options.replications).partialValue
                <= Self.runCountMax
        else {
            throw StudyError(
                .tooLarge,
                "at most \(Self.inputCountMax) inputs and \(Self.runCountMax) runs; name fewer with --input")
        }
        if let twice = ranges.indices.first(where: { index in
            ranges[..<index].contains { $0.path == ranges[index].path }
        }) {
            throw StudyError(.invalid, "--input: '\(ranges[twice].path)' stands twice")
        }
        func study(_ name: String, _ scenario: Scenario) -> StudyCase {
            StudyCase(name: name, scenario, policy: options.policy, until: options.until)
        }
        var cases = [study(base.name, base)]
        let isChosen = !options.ranges.isEmpty
        inputs = try ranges.map { range in
            let input = known.first { $0.path == range.path }
            func end(_ change: ScenarioVariation.Change) throws -> (End, Int) {
                let variation = ScenarioVariation(path: range.path, change: change)
                let scenario: Scenario
                do { scenario = try source.scenario(with: [variation]) } catch let error as ScenarioError {
                    // Of an end that somebody asked for they must know; one of many is left out.
                    guard !isChosen else {
                        throw StudyError(.invalid, "--input \(variation.text): \(error.message)")
                    }
                    let finding = error.diagnostics.first
                    return (
                        End(
                            text: variation.changeText,
                            omission: "\(finding?.path ?? ""): \(finding?.message ?? "")"), 0
                    )
                }
                let text = input?.text(in: scenario) ?? variation.changeText
                if scenario == base { return (End(text: text, omission: "as in the file"), 0) }
                cases.append(study(variation.text, scenario))
                return (End(text: text), cases.count - 1)
            }
            let (low, high) = (try end(range.low), try end(range.high))
            return Input(
                row: Row(
                    path: range.path, provenance: input?.provenance, text: input?.text(in: base) ?? "",
                    low: low.0, high: high.0), low: low.1, high: high.1)
        }
        self.cases = cases
        self.options = options
    }

    package var runCount: Int { cases.count * options.replications }

    /// - Throws: ``StudyError`` with `unreachable` where no run outlasts its warm-up; ``KernelError`` where
    ///   no thread starts.
    package func run(control: StudyControl = StudyControl()) throws -> Result {
        let (cases, width, seed) = (cases, cases.count, options.seed)
        // All runs of a replication together, so that an interrupted study has whole ones.
        let (runs, distrusted) = try StudyRunner.simulate(runCount, control) { job, goesOn in
            try cases[job % width].run(
                seed: StudyCase.seed(seed, replication: job / width), bug: control.bug,
                goesOn: goesOn)
        }
        if let first = runs.first ?? nil, first.value(RunFigures.throughput) == nil {
            throw StudyError(
                .unreachable, "the runs end within the warm-up, so that no throughput is known; raise --until"
            )
        }
        func differences(_ left: Int, _ right: Int, _ figure: String) -> Interval? {
            var pairs: [(Double, Double)] = []
            for replication in 0..<options.replications {
                guard let first = runs[replication * width + left]?.value(figure),
                    let second = runs[replication * width + right]?.value(figure)
                else { continue }
                pairs.append((first, second))
            }
            return Interval.ofDifferences(pairs.map(\.0), pairs.map(\.1))
        }
        func mean(_ figure: String) -> Interval? {
            Interval.ofMean((0..<options.replications).compactMap { runs[$0 * width]?.value(figure) })
        }
        let (throughput, cost) = (RunFigures.throughput, RunFigures.costPerTebibyte)
        var rows: [Row] = []
        var unfinished: [String] = []
        for input in inputs {
            var row = input.row
            row.low.throughput = differences(0, input.low, throughput)
            row.low.costPerTebibyte = differences(0, input.low, cost)
            row.high.throughput = differences(0, input.high, throughput)
            row.high.costPerTebibyte = differences(0, input.high, cost)
            row.swing = differences(input.low, input.high, throughput)
            row.costSwing = differences(input.low, input.high, cost)
            if row.swing == nil { unfinished.append(row.path) } else { rows.append(row) }
        }
        let whole = (0..<options.replications).count { replication in
            runs[replication * width..<(replication + 1) * width].allSatisfy { $0 != nil }
        }
        return Result(
            name: cases[0].name, requestedCount: options.replications, wholeCount: whole,
            throughput: mean(throughput), costPerTebibyte: mean(cost),
            currency: cases[0].scenario.costs?.currency, rows: Self.sorted(rows), unfinished: unfinished,
            distrusted: distrusted)
    }

    private static func sorted(_ rows: [Row]) -> [Row] {
        // Of inputs that move no throughput, those that move the cost come first; then the file's order.
        rows.enumerated().sorted { left, right in
            let (a, b) = (left.element.weight, right.element.weight)
            if a.throughput != b.throughput { return a.throughput > b.throughput }
            if a.cost != b.cost { return a.cost > b.cost }
            return left.offset < right.offset
        }.map(\.element)
    }
}

extension Tornado.Row {
    /// How far the two ends and the file's value lie apart, whatever the direction.
    fileprivate var weight: (throughput: Double, cost: Double) {
        func width(_ low: Interval?, _ high: Interval?) -> Double {
            let ends = [0, low?.mean ?? 0, high?.mean ?? 0]
            return (ends.max() ?? 0) - (ends.min() ?? 0)
        }
        return (
            width(low.throughput, high.throughput), width(low.costPerTebibyte, high.costPerTebibyte)
        )
    }
}
