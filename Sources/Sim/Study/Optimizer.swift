// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// How many hosts a group may have.
package struct HostRange: Sendable, Hashable {
    package var group: String
    package var counts: ClosedRange<Int>

    /// Reads `p1=4..40`.
    ///
    /// - Throws: ``StudyError`` with `invalid`.
    package init(_ text: String) throws(StudyError) {
        let setting = try StudySetting(text)
        let ends = setting.value.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard ends.count == 3, ends[1].isEmpty, let low = Int(ends[0]), let high = Int(ends[2]), low >= 1,
            high >= low, high <= ScenarioLimits().hostCountMax
        else { throw StudyError(.invalid, "--range \(text.prefix(80)): write group=low..high, from 1 on") }
        group = setting.path
        counts = low...high
    }
}

/// Finds the cheapest cluster for a throughput: all candidates by formula, the best ones by simulation.
package struct Optimizer: Sendable {
    package static let candidateCountMax = 1_000_000

    package struct Options: Sendable {
        package var target: Double
        package var ranges: [HostRange]
        /// A candidate's formula must exceed the target by this share.
        package var margin = 0.02
        package var simulatedCount = 10
        package var replications = 3
        package var seed: UInt64 = 1
        /// Durations may be longer or shorter by this share; 0 leaves regret out.
        package var spread = 0.1
        package var until: Duration?

        package init(target: Double, ranges: [HostRange]) {
            self.target = target
            self.ranges = ranges
        }
    }

    package struct Candidate: Sendable, Hashable {
        /// By group, in the scenario's order.
        package var counts: [Int]
        /// In the currency of the scenario, or hosts where it has no costs.
        package var costPerDay: Double
        /// TiB/day by formula.
        package var screened: Double
        /// The most, over all corners of the durations, by which a TiB costs more than it need cost.
        package var regret: Double?
        /// TiB/day as simulated; `nil` where it was not.
        package var measured: Interval?
    }

    package struct Result: Sendable {
        package var groupNames: [String]
        package var target: Double
        /// What ``Candidate/costPerDay`` counts.
        package var costUnit: String
        package var screenedCount: Int
        package var feasibleCount: Int
        /// Simulated candidates, cheapest first.
        package var simulated: [Candidate]
        /// The one of all candidates with the least regret.
        package var leastRegret: Candidate?
        /// Of the first that reaches the target, else of the first.
        package var tornado: [Sensitivity]

        /// Whether the simulation confirms the target.
        package func reaches(_ candidate: Candidate) -> Bool { (candidate.measured?.mean ?? 0) >= target }
        package var answers: [Candidate] { simulated.filter(reaches) }
    }

    package let scenario: Scenario
    package let options: Options
    private let screen: ClusterScreen
    private let costs: [Double]
    private let ranges: [ClosedRange<Int>]

    /// - Throws: ``StudyError``, ``SimulationError``.
    package init(_ scenario: Scenario, _ options: Options) throws {
        guard options.target > 0, options.target.isFinite else {
            throw StudyError(.invalid, "--target: a throughput above zero, such as 5TiB/day")
        }
        guard (0..<1).contains(options.spread), (0...10).contains(options.margin),
            (1...1000).contains(options.simulatedCount)
        else {
            throw StudyError(
                .invalid,
                "the spread lies between 0 and 1, the margin between 0 and 10, and 1 to 1000 are simulated")
        }
        try Replications.check(options.replications)
        for range in options.ranges where !scenario.hosts.contains(where: { $0.name == range.group }) {
            let names = scenario.hosts.map(\.name).joined(separator: ", ")
            throw StudyError(.invalid, "--range: no host group '\(range.group)'; there are \(names)")
        }
        ranges = scenario.hosts.map { group in
            options.ranges.last { $0.group == group.name }?.counts ?? group.count...group.count
        }
        var count = 1
        for range in ranges {
            let (product, overflow) = count.multipliedReportingOverflow(by: range.count)
            guard !overflow, product <= Self.candidateCountMax else {
                throw StudyError(
                    .tooLarge, "more than \(Self.candidateCountMax) candidates; narrow the ranges")
            }
            count = product
        }
        self.scenario = scenario
        self.options = options
        screen = try ClusterScreen(scenario)
        costs = scenario.hosts.map { group in
            guard let costs = scenario.costs else { return 1 }
            guard let cost = costs.hosts.first(where: { $0.group == group.name }) else { return 0 }
            let price = Double(cost.price.micros) / 1e6 / (costs.depreciation.inSeconds / 86_400)
            let power = Double(cost.powerWatts) * 24 / 1000
            return price + power * Double(costs.electricityPerKilowattHour.micros) / 1e6
        }
    }

    /// - Throws: ``StudyError`` with `unreachable` where no candidate's formula reaches the target.
    package func run(control: StudyControl = StudyControl()) throws -> Result {
        var all: [Candidate] = []
        let units = screen.unitFactors
        var counts = ranges.map(\.lowerBound)
        var best = 0.0
        repeat {
            let rate = screen.tebibytesPerDay(counts: counts, factors: units)
            best = max(best, rate)
            let cost = zip(counts, costs).reduce(0.0) { $0 + Double($1.0) * $1.1 }
            all.append(Candidate(counts: counts, costPerDay: cost, screened: rate))
        } while advance(&counts)
        let feasible = all.filter { $0.screened >= options.target * (1 + options.margin) }
            .sorted { Self.comes($0, before: $1) }
        guard !feasible.isEmpty else {
            throw StudyError(
                .unreachable,
                "no candidate reaches \(options.target) TiB/day with its margin: the best does "
                    + "\(StudyText.figure(best)); widen --range, or see what limits it: "
                    + (screen.tornado(counts: ranges.map(\.upperBound)).first?.resource ?? ""))
        }
        let regrets = options.spread > 0 ? self.regrets(all) : nil
        var chosen = Array(feasible.prefix(options.simulatedCount))
        try simulate(&chosen, control)
        if let regrets {
            for index in chosen.indices { chosen[index].regret = regrets(chosen[index]) }
        }
        let least = regrets.flatMap { regret -> Candidate? in
            var best: Candidate?
            for var candidate in all {
                candidate.regret = regret(candidate)
                guard let known = best else {
                    best = candidate
                    continue
                }
                if (candidate.regret ?? .infinity) < (known.regret ?? .infinity) { best = candidate }
            }
            return best
        }
        let told = chosen.first { ($0.measured?.mean ?? 0) >= options.target } ?? chosen[0]
        return Result(
            groupNames: screen.groupNames, target: options.target,
            costUnit: scenario.costs.map { "\($0.currency)/day" } ?? "hosts", screenedCount: all.count,
            feasibleCount: feasible.count, simulated: chosen, leastRegret: least,
            tornado: screen.tornado(counts: told.counts))
    }

    private static func comes(_ left: Candidate, before right: Candidate) -> Bool {
        if left.costPerDay != right.costPerDay { return left.costPerDay < right.costPerDay }
        if left.screened != right.screened { return left.screened > right.screened }
        return left.counts.lexicographicallyPrecedes(right.counts)
    }

    private func advance(_ counts: inout [Int]) -> Bool {
        for index in counts.indices.reversed() {
            if counts[index] < ranges[index].upperBound {
                counts[index] += 1
                return true
            }
            counts[index] = ranges[index].lowerBound
        }
        return false
    }

    private func simulate(_ chosen: inout [Candidate], _ control: StudyControl) throws {
        let cases = chosen.map { candidate -> StudyCase in
            var scenario = scenario
            for index in candidate.counts.indices { scenario.hosts[index].count = candidate.counts[index] }
            let name = zip(screen.groupNames, candidate.counts).map { "\($0)=\($1)" }.joined(separator: " ")
            return StudyCase(name: name, scenario, until: options.until)
        }
        let (replications, seed) = (options.replications, options.seed)
        let runs = try StudyRunner.each(cases.count * replications, control) { job, goesOn in
            try cases[job / replications].run(
                seed: StudyCase.seed(seed, replication: job % replications), goesOn: goesOn)
        }
        for index in chosen.indices {
            let values = runs[index * replications..<(index + 1) * replications]
                .compactMap { $0?.value(RunFigures.throughput) }
            chosen[index].measured = Interval.ofMean(values)
        }
    }

    /// Regret over the corners at which each stage is as slow or as fast as it may be: what a TiB costs with
    /// this cluster, throughput above the target worth nothing, less what it costs with the best for that
    /// corner.
    private func regrets(_ all: [Candidate]) -> (Candidate) -> Double {
        let stages = screen.resources.indices.filter { screen.resources[$0].stage != nil }
        let corners = (0..<1 << stages.count).map { corner -> [Double] in
            var factors = screen.unitFactors
            for (bit, index) in stages.enumerated() {
                factors[index] = 1 / (corner >> bit & 1 == 1 ? 1 + options.spread : 1 - options.spread)
            }
            return factors
        }
        let target = options.target
        func price(_ candidate: Candidate, _ factors: [Double]) -> Double {
            let rate = screen.tebibytesPerDay(counts: candidate.counts, factors: factors)
            return candidate.costPerDay / min(max(rate, 1e-12), target)
        }
        let bests = corners.map { factors in
            all.reduce(Double.infinity) { min($0, price($1, factors)) }
        }
        return { candidate in
            zip(corners, bests).reduce(0) { max($0, price(candidate, $1.0) - $1.1) }
        }
    }
}
