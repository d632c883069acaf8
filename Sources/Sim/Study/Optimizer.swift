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

/// Finds the cheapest cluster for a throughput within bounds: all candidates by formula, the best ones by
/// simulation.
package struct Optimizer: Sendable {
    package static let candidateCountMax = 1_000_000
    /// How often candidates with more to spare are simulated where none before kept what only runs tell.
    package static let roundCountMax = 4

    package struct Options: Sendable {
        package var target: Double
        package var ranges: [HostRange]
        package var bounds = ClusterBounds()
        /// A candidate's formula must exceed the target by this share.
        package var margin = 0.02
        /// Candidates of one round.
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
        /// What it takes of each bound that is a sum over hosts.
        package var taken: [Double] = []
        /// The most, over all corners of the durations, by which a TiB costs more than it need cost.
        package var regret: Double?
        /// TiB/day as simulated; `nil` where it was not.
        package var measured: Interval?
        /// Seconds from pledge to proving, the 95th percentile, as simulated.
        package var latency: Interval?
        /// What a month costs by formula, with what the target fills of the stores by the end of a run; `nil`
        /// without costs.
        package var operating: OperatingCost?
        /// What a month costs as simulated, with what is stored at the end.
        package var monthly: Interval?
        /// Deadlines missed in all replications together.
        package var missedCount: Double?
    }

    package struct Result: StudyResult, Sendable {
        package var groupNames: [String]
        /// How many hosts of each group were searched.
        package var ranges: [ClosedRange<Int>]
        /// Whether nobody said so, and they are ``Optimizer/usualRanges``.
        package var areRangesUsual: Bool
        package var target: Double
        package var bounds: ClusterBounds
        package var sums: [HostBound]
        /// What ``Candidate/costPerDay`` counts.
        package var costUnit: String
        /// In which OpEx is told; `nil` without costs.
        package var currency: String?
        /// What OpEx leaves out because it has no price, in words.
        package var operatingWithout: [String]
        package var screenedCount: Int
        /// All there are; more than were screened where the study was stopped before.
        package var candidateCount: Int
        package var feasibleCount: Int
        /// Simulated candidates, cheapest first.
        package var simulated: [Candidate]
        /// The one with the least regret by formula of all that reach the target within the bounds, where a
        /// run confirms it; else of those that runs confirm. `nil` where they confirm none.
        package var leastRegret: Candidate?
        /// Of the first that reaches the target, else of the first.
        package var tornado: [Sensitivity]
        package var distrusted: [DistrustedRun]

        /// Why the simulation does not confirm a candidate, each reason by itself; empty where it does.
        package func shortcomings(_ candidate: Candidate) -> [String] {
            Optimizer.shortcomings(candidate, target: target, bounds: bounds)
        }
        package func reaches(_ candidate: Candidate) -> Bool { shortcomings(candidate).isEmpty }
        package var answers: [Candidate] { simulated.filter(reaches) }
    }

    package let scenario: Scenario
    package let options: Options
    private let screen: ClusterScreen
    let space: CandidateSpace
    private let sums: [HostBound]
    /// What is on long-term stores at the end of a run that reaches the target, at least.
    private let storedTebibytes: Double

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
        // A host without a price would be free, and the search would buy as many as it may.
        if let costs = scenario.costs, !options.ranges.isEmpty {
            let unpriced = scenario.hosts.filter { group in
                options.ranges.contains { $0.group == group.name && $0.counts.count > 1 }
                    && !costs.hosts.contains { $0.group == group.name }
            }
            guard unpriced.isEmpty else {
                let names = unpriced.map(\.name).joined(separator: ", ")
                throw StudyError(
                    .invalid,
                    "costs.hosts does not say what a host of \(names) costs, and --range leaves open how "
                        + "many there are: add a price, or take costs away to count hosts alike")
            }
        }
        // The warm-up's sectors are left out: a candidate is pruned only by what it is sure to store.
        let warmUp = SimulatedCluster.warmUp(of: scenario)
        let counted = max(0, ((options.until ?? scenario.report.until) - warmUp).inSeconds) / 86_400
        let atStart = Double(scenario.workload.provingAtStart) * Double(scenario.sectorSize.bytes) / 0x1p40
        storedTebibytes = atStart + options.target * counted
        sums = try options.bounds.sums(scenario, storedTebibytes: storedTebibytes)
        self.scenario = scenario
        self.options = options
        screen = try ClusterScreen(scenario)
        let ranges =
            options.ranges.isEmpty
            ? try Self.usualRanges(scenario, screen, options)
            : scenario.hosts.map { group in
                options.ranges.last { $0.group == group.name }?.counts ?? group.count...group.count
            }
        space = try CandidateSpace(ranges: ranges, costs: Self.costs(scenario))
    }

    /// What a host of each group costs a day with its electricity and space, or 1 where nothing is said.
    private static func costs(_ scenario: Scenario) -> [Double] {
        scenario.hosts.map { group in
            guard let costs = scenario.costs else { return 1 }
            guard let cost = costs.hosts.first(where: { $0.group == group.name }) else { return 0 }
            let price = cost.price.amount / (costs.depreciation.inSeconds / 86_400)
            let power = Double(cost.powerWatts) * 24 / 1000 * costs.electricityPerKilowattHour.amount
            return price + power + Double(cost.rackUnits ?? 0) * costs.rackUnitMonth.amount / 30
        }
    }

    /// - Throws: ``StudyError`` with `unreachable`, which says what binds, where no candidate's formula
    ///   reaches the target within the bounds.
    package func run(control: StudyControl = StudyControl()) throws -> Result {
        var chosen: [Candidate] = []
        var distrusted: [DistrustedRun] = []
        var (screenedCount, feasibleCount) = (0, 0)
        for round in 0..<Self.roundCountMax {
            // Latency and deadlines are kept by clusters with something to spare.
            let spare = 1 + options.margin + (options.bounds.needsSpare ? 0.15 * Double(round) : 0)
            let (next, seen, count) = screened(
                atLeast: options.target * spare, besides: Set(chosen.map(\.counts)), control)
            if round == 0 { (screenedCount, feasibleCount) = (seen, count) }
            if next.isEmpty { break }
            var tried = next
            distrusted += try simulate(&tried, control)
            chosen += tried
            let isDone = tried.contains(where: isConfirmed)
            // How much is stored a run tells as well.
            let isDear = options.bounds.monthly.map { limit in
                tried.contains { ($0.monthly?.mean ?? 0) > limit }
            }
            guard !isDone, options.bounds.needsSpare || isDear == true, !control.shouldStop()
            else { break }
        }
        guard !chosen.isEmpty else {
            guard screenedCount == space.count else {
                throw StudyError(
                    .stopped,
                    "stopped after \(screenedCount) of \(space.count) candidates, none of which reaches the "
                        + "target by formula; let it go on, or narrow --range")
            }
            throw StudyError(.unreachable, binding())
        }
        chosen.sort(by: CandidateSpace.comes)
        var least: Candidate?
        if options.spread > 0, !control.shouldStop() {
            let regret = CandidateRegret(screen, space, options, sums, control)
            for index in chosen.indices { chosen[index].regret = regret.of(chosen[index]) }
            if chosen.contains(where: isConfirmed) {
                var found = regret.least(control).map { [$0] } ?? []
                if let place = chosen.firstIndex(where: { $0.counts == found.first?.counts }) {
                    found = [chosen[place]]
                } else {
                    // A formula alone recommends nothing.
                    distrusted += try simulate(&found, control)
                }
                let known = chosen.filter(isConfirmed).min { ($0.regret ?? 0) < ($1.regret ?? 0) }
                least = (found.first(where: isConfirmed) ?? known).map { found in
                    var least = found
                    least.operating = scenario.operatingCost(
                        counts: found.counts, storedTebibytes: storedTebibytes)
                    return least
                }
            }
        }
        let told = chosen.first(where: isConfirmed) ?? chosen[0]
        return Result(
            groupNames: screen.groupNames, ranges: space.ranges, areRangesUsual: options.ranges.isEmpty,
            target: options.target, bounds: options.bounds, sums: sums,
            costUnit: scenario.costs.map { "\($0.currency)/day" } ?? "hosts",
            currency: scenario.costs?.currency,
            operatingWithout: scenario.costs == nil ? [] : scenario.missingOperatingPrices,
            screenedCount: screenedCount, candidateCount: space.count,
            feasibleCount: feasibleCount, simulated: chosen, leastRegret: least,
            tornado: screen.tornado(counts: told.counts), distrusted: distrusted)
    }

    private func isConfirmed(_ candidate: Candidate) -> Bool {
        Self.shortcomings(candidate, target: options.target, bounds: options.bounds).isEmpty
    }

    /// The cheapest candidates within the bounds whose formula gives so many TiB/day, how many were looked
    /// at, all unless `control` says to stop, and how many of these are such.
    private func screened(
        atLeast target: Double, besides known: Set<[Int]>, _ control: StudyControl
    ) -> ([Candidate], seen: Int, feasible: Int) {
        let form = screen.form(screen.unitFactors)
        let daily = 24 * screen.tebibytesPerSector
        var best: [Candidate] = []
        var (seen, count) = (0, 0)
        space.each { counts in
            if seen > 0, seen % 4096 == 0, control.shouldStop() { return false }
            seen += 1
            let rate = form.sectorsPerHour(counts) * daily
            guard rate >= target, sums.allSatisfy({ $0.value(counts) <= $0.limit }) else { return true }
            count += 1
            let cost = space.cost(counts)
            if best.count == options.simulatedCount, let last = best.last, cost > last.costPerDay {
                return true
            }
            guard !known.contains(counts) else { return true }
            var candidate = Candidate(
                counts: counts, costPerDay: cost, screened: rate, taken: sums.map { $0.value(counts) })
            candidate.operating = scenario.operatingCost(counts: counts, storedTebibytes: storedTebibytes)
            let place = best.firstIndex { CandidateSpace.comes(candidate, before: $0) } ?? best.count
            best.insert(candidate, at: place)
            if best.count > options.simulatedCount { best.removeLast() }
            return true
        }
        return (best, seen, count)
    }

    private func binding() -> String {
        let form = screen.form(screen.unitFactors)
        let daily = 24 * screen.tebibytesPerSector
        var binding = BindingBounds(count: sums.count)
        space.each { counts in
            let rate = form.sectorsPerHour(counts) * daily
            binding.add(
                rate: rate, reaches: rate >= options.target * (1 + options.margin),
                values: sums.map { $0.value(counts) }, bounds: sums)
            return true
        }
        return binding.message(
            target: options.target, bounds: sums,
            limiting: screen.tornado(counts: space.ranges.map(\.upperBound)).first?.resource ?? "")
    }

    /// - Returns: the runs that are not to be trusted.
    private func simulate(
        _ chosen: inout [Candidate], _ control: StudyControl
    ) throws -> [DistrustedRun] {
        let cases = chosen.map { candidate -> StudyCase in
            var scenario = scenario
            for index in candidate.counts.indices { scenario.hosts[index].count = candidate.counts[index] }
            let name = zip(screen.groupNames, candidate.counts).map { "\($0)=\($1)" }.joined(separator: " ")
            return StudyCase(name: name, scenario, until: options.until)
        }
        let (replications, seed) = (options.replications, options.seed)
        let (runs, distrusted) = try StudyRunner.simulate(cases.count * replications, control) {
            job, goesOn in
            try cases[job / replications].run(
                seed: StudyCase.seed(seed, replication: job % replications), bug: control.bug,
                goesOn: goesOn)
        }
        for index in chosen.indices {
            let own = runs[index * replications..<(index + 1) * replications].compactMap(\.self)
            chosen[index].measured = Interval.ofMean(own.compactMap { $0.value(RunFigures.throughput) })
            chosen[index].latency = Interval.ofMean(own.compactMap { $0.value(RunFigures.latencyP95) })
            chosen[index].monthly = Interval.ofMean(own.compactMap { $0.value(RunFigures.operatingPerMonth) })
            if !own.isEmpty {
                chosen[index].missedCount = own.reduce(0) { $0 + ($1.value(RunFigures.missedPoSt) ?? 0) }
            }
        }
        return distrusted
    }

    private static func shortcomings(
        _ candidate: Candidate, target: Double, bounds: ClusterBounds
    ) -> [String] {
        guard let measured = candidate.measured else { return ["not simulated"] }
        var words: [String] = []
        if measured.mean < target { words.append("too little") }
        if let latency = bounds.latency {
            let seconds = candidate.latency?.mean ?? .infinity
            if seconds > latency.secondsValue {
                words.append("p95 \(seconds.isFinite ? SimulatedCluster.span(seconds) : "unknown")")
            }
        }
        if let limit = bounds.monthly, let monthly = candidate.monthly, monthly.mean > limit {
            words.append("OpEx \(StudyText.figure(monthly.mean))")
        }
        if !bounds.allowsMissedPoSt, let missed = candidate.missedCount, missed > 0 {
            words.append("\(Int(missed)) missed PoSt")
        }
        return words
    }
}
