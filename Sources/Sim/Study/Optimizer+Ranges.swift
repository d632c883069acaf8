// SPDX-License-Identifier: Apache-2.0

extension Optimizer {
    /// How often as many hosts as the file has are searched where nobody says how many there may be.
    package static let usualFactor = 4

    /// For each group one host to four times as many as the file has, or as many as reach the target by
    /// formula where these alone do what they do, whichever is more. A host without a price among priced ones
    /// would be free, so that its group keeps its count.
    ///
    /// - Throws: ``StudyError`` with `tooLarge` where these are too many to search.
    static func usualRanges(
        _ scenario: Scenario, _ screen: ClusterScreen, _ options: Options
    ) throws(StudyError) -> [ClosedRange<Int>] {
        let perHour = options.target * (1 + options.margin) / (24 * screen.tebibytesPerSector)
        let most = ScenarioLimits().hostCountMax
        var ranges: [ClosedRange<Int>] = []
        var candidateCount = 1.0
        for (index, group) in scenario.hosts.enumerated() {
            if let costs = scenario.costs, !costs.hosts.contains(where: { $0.group == group.name }) {
                ranges.append(group.count...group.count)
                continue
            }
            let needs = screen.resources.compactMap { resource -> Double? in
                guard resource.isOfHosts, resource.perHost[index] > 0 else { return nil }
                return (perHour / resource.perHost[index]).rounded(.up)
            }
            // What no cluster has room for is for the search to refuse, with the reason.
            let need = needs.filter { $0 <= Double(most) }.max() ?? 1
            let upper = min(most, max(usualFactor * group.count, Int(need)))
            ranges.append(1...upper)
            candidateCount *= Double(upper)
        }
        guard candidateCount <= Double(candidateCountMax) else {
            let words = zip(scenario.hosts, ranges).map { rangeText($0.name, $1) }.joined(separator: " ")
            throw StudyError(
                .tooLarge,
                "without --range all groups are searched, here \(words): more than \(candidateCountMax) "
                    + "candidates; say with --range which groups may change and how far")
        }
        return ranges
    }

    /// How many hosts of each group are searched.
    package var ranges: [ClosedRange<Int>] { space.ranges }

    static func rangeText(_ group: String, _ range: ClosedRange<Int>) -> String {
        "\(group)=\(range.lowerBound)" + (range.count > 1 ? "..\(range.upperBound)" : "")
    }
}

extension Optimizer.Result {
    /// Candidates that were simulated at least once.
    package var simulatedCount: Int { simulated.filter { $0.measured != nil }.count }

    /// Which groups were searched how far.
    var rangeLine: String {
        let words = zip(groupNames, ranges).map(Optimizer.rangeText).joined(separator: " ")
        return "hosts  \(words)\(areRangesUsual ? " (by default; --range says it otherwise)" : "")"
    }

    /// Why nothing is recommended: each constraint that no simulated candidate keeps, with the best value
    /// that was seen. `nil` where one keeps all, or none was simulated.
    package var refusal: String? {
        let seen = simulated.filter { $0.measured != nil }
        guard answers.isEmpty, !seen.isEmpty else { return nil }
        var words: [String] = []
        func add(
            _ what: String, isMoreBetter: Bool = false, limit: Double, _ limitWords: String,
            _ text: (Double) -> String, _ value: (Optimizer.Candidate) -> Double?
        ) {
            let values = seen.compactMap { candidate in value(candidate).map { (candidate, $0) } }
            guard let best = values.min(by: { isMoreBetter ? $0.1 > $1.1 : $0.1 < $1.1 }) else {
                words.append("\(what): no run tells it")
                return
            }
            guard isMoreBetter ? best.1 < limit : best.1 > limit else { return }
            let hosts = zip(groupNames, best.0.counts).map { "\($0)=\($1)" }.joined(separator: " ")
            words.append("\(what) is \(text(best.1)) at best (\(hosts)), \(limitWords)")
        }
        let figure = { (value: Double) in StudyText.figure(value) }
        add(
            "throughput", isMoreBetter: true, limit: target, "\(figure(target)) TiB/day wanted",
            { figure($0) + " TiB/day" }, { $0.measured?.mean })
        if let latency = bounds.latency?.secondsValue {
            add(
                "p95 from pledge to proving", limit: latency, "\(SimulatedCluster.span(latency)) allowed",
                { SimulatedCluster.span($0) }, { $0.latency?.mean })
        }
        if let monthly = bounds.monthly {
            add(
                "OpEx of a month", limit: monthly, "\(figure(monthly)) \(currency ?? "") allowed",
                { "\(figure($0)) \(currency ?? "")" }, { $0.monthly?.mean ?? 0 })
        }
        if !bounds.allowsMissedPoSt {
            add("missed PoSt", limit: 0, "none allowed", { figure($0) }, { $0.missedCount ?? 0 })
        }
        if words.isEmpty { words.append("every constraint is kept by some, but all of them by none") }
        return "none is confirmed: \(words.joined(separator: "; "))"
    }
}
