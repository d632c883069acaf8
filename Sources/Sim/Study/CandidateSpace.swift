// SPDX-License-Identifier: Apache-2.0

/// All combinations of host counts, one after another: none is kept.
struct CandidateSpace: Sendable {
    let ranges: [ClosedRange<Int>]
    let count: Int
    /// Of one host a day, by group.
    private let costs: [Double]

    /// - Throws: ``StudyError`` with `tooLarge`.
    init(ranges: [ClosedRange<Int>], costs: [Double]) throws(StudyError) {
        var count = 1
        for range in ranges {
            let (product, overflow) = count.multipliedReportingOverflow(by: range.count)
            guard !overflow, product <= Optimizer.candidateCountMax else {
                throw StudyError(
                    .tooLarge, "more than \(Optimizer.candidateCountMax) candidates; narrow the ranges")
            }
            count = product
        }
        self.ranges = ranges
        self.count = count
        self.costs = costs
    }

    func cost(_ counts: [Int]) -> Double {
        var sum = 0.0
        for group in counts.indices { sum += Double(counts[group]) * costs[group] }
        return sum
    }

    /// Shows every combination, the last group's count changing fastest, until `body` says no.
    func each(_ body: ([Int]) -> Bool) {
        var counts = ranges.map(\.lowerBound)
        while body(counts) {
            var index = counts.count - 1
            while index >= 0, counts[index] == ranges[index].upperBound {
                counts[index] = ranges[index].lowerBound
                index -= 1
            }
            guard index >= 0 else { return }
            counts[index] += 1
        }
    }

    /// The cheaper first, of equals the faster.
    static func comes(_ left: Optimizer.Candidate, before right: Optimizer.Candidate) -> Bool {
        if left.costPerDay != right.costPerDay { return left.costPerDay < right.costPerDay }
        if left.screened != right.screened { return left.screened > right.screened }
        return left.counts.lexicographicallyPrecedes(right.counts)
    }
}

/// Regret by formula over the corners at which each stage is as slow or as fast as it may be: what a TiB
/// costs with a cluster, throughput above the target worth nothing, less what it costs with the best for that
/// corner. Candidates are those within the bounds that reach the target with durations as the file says.
struct CandidateRegret {
    private let space: CandidateSpace
    private let target: Double
    private let daily: Double
    private let sums: [HostBound]
    /// As the file says.
    private let usual: ClusterScreen.Form
    private let leastRate: Double
    private let forms: [ClusterScreen.Form]
    private let screen: ClusterScreen
    private var bests: [Double]

    /// Finds the best of each corner; once `control` says to stop, among those seen so far.
    init(
        _ screen: ClusterScreen, _ space: CandidateSpace, _ options: Optimizer.Options, _ sums: [HostBound],
        _ control: StudyControl
    ) {
        self.screen = screen
        self.space = space
        self.sums = sums
        target = options.target
        leastRate = options.target * (1 + options.margin)
        daily = 24 * screen.tebibytesPerSector
        usual = screen.form(screen.unitFactors)
        let stages = screen.resources.indices.filter { screen.resources[$0].stage != nil }
        forms = (0..<1 << stages.count).map { corner in
            var factors = screen.unitFactors
            for (bit, index) in stages.enumerated() {
                factors[index] = 1 / (corner >> bit & 1 == 1 ? 1 + options.spread : 1 - options.spread)
            }
            return screen.form(factors, speeds: factors)
        }
        var bests = Array(repeating: Double.infinity, count: forms.count)
        let (forms, usual, target, leastRate, daily) = (forms, usual, target, leastRate, daily)
        var seen = 0
        space.each { counts in
            seen += 1
            if seen % 4096 == 0, control.shouldStop() { return false }
            guard usual.sectorsPerHour(counts) * daily >= leastRate,
                sums.allSatisfy({ $0.value(counts) <= $0.limit })
            else { return true }
            let cost = space.cost(counts)
            // Nobody does better than the whole target at this cost.
            let least = cost / target
            for corner in forms.indices where least < bests[corner] {
                let rate = forms[corner].sectorsPerHour(counts) * daily
                bests[corner] = min(bests[corner], cost / min(max(rate, 1e-12), target))
            }
            return true
        }
        self.bests = bests
    }

    func of(_ candidate: Optimizer.Candidate) -> Double {
        regret(candidate.counts, candidate.costPerDay, atMost: .infinity) ?? .infinity
    }

    /// The candidate with the least regret, the first of equals; `nil` where the search was stopped.
    func least(_ control: StudyControl) -> Optimizer.Candidate? {
        var best: (counts: [Int], regret: Double)?
        var seen = 0
        space.each { counts in
            seen += 1
            if seen % 4096 == 0, control.shouldStop() { return false }
            guard usual.sectorsPerHour(counts) * daily >= leastRate,
                sums.allSatisfy({ $0.value(counts) <= $0.limit }),
                let regret = regret(counts, space.cost(counts), atMost: best?.regret ?? .infinity)
            else { return true }
            if best.map({ regret < $0.regret }) ?? true { best = (counts, regret) }
            return true
        }
        guard let best, !control.shouldStop() else { return nil }
        var candidate = Optimizer.Candidate(
            counts: best.counts, costPerDay: space.cost(best.counts),
            screened: usual.sectorsPerHour(best.counts) * daily,
            taken: sums.map { $0.value(best.counts) })
        candidate.regret = best.regret
        return candidate
    }

    /// The largest over all corners; `nil` as soon as it is above `limit`.
    private func regret(_ counts: [Int], _ cost: Double, atMost limit: Double) -> Double? {
        var largest = 0.0
        for corner in forms.indices {
            let rate = forms[corner].sectorsPerHour(counts) * daily
            largest = max(largest, cost / min(max(rate, 1e-12), target) - bests[corner])
            if largest > limit { return nil }
        }
        return largest
    }
}
