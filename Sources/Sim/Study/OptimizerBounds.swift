// SPDX-License-Identifier: Apache-2.0

/// What a cluster may take at most, besides the throughput that it must reach.
package struct ClusterBounds: Sendable, Hashable {
    /// Prices of all hosts together, in the scenario's currency.
    package var capital: Double?
    /// Electricity, rack units and storage of 30 days as far as they have prices, in the scenario's currency.
    package var monthly: Double?
    /// Mean draw of all hosts, watts.
    package var watts: Double?
    package var hostCount: Int?
    /// Of a sector from pledge to proving, the 95th percentile; a run tells it, no formula.
    package var latency: Duration?
    /// Whether a run may miss deadlines.
    package var allowsMissedPoSt = true

    package init() {}

    /// What only runs tell, and more hosts mend.
    var needsSpare: Bool { latency != nil || !allowsMissedPoSt }
}

/// A bound that is a sum over hosts.
package struct HostBound: Sendable, Hashable {
    package var name: String
    package var unit: String
    package var limit: Double
    /// Of one host, by group.
    package var perHost: [Double]
    /// What is taken whatever the hosts.
    package var fixed = 0.0
    /// What the sum leaves out because it has no price, in words.
    package var without: [String] = []

    /// The name, and what it leaves out.
    var fullName: String {
        without.isEmpty ? name : "\(name) (without \(without.joined(separator: ", ")))"
    }

    func value(_ counts: [Int]) -> Double {
        var sum = fixed
        for group in counts.indices { sum += perHost[group] * Double(counts[group]) }
        return sum
    }

    func text(_ value: Double) -> String {
        StudyText.figure(value) + (unit.isEmpty ? "" : " \(unit)")
    }
}

extension ClusterBounds {
    /// The bounds that are sums over hosts, in words and figures.
    ///
    /// - Parameter storedTebibytes: what is on long-term stores at least when the target is reached.
    /// - Throws: ``StudyError`` with `invalid` for limits that are no limits and costs that are not known.
    func sums(_ scenario: Scenario, storedTebibytes: Double) throws(StudyError) -> [HostBound] {
        var bounds: [HostBound] = []
        let groups = scenario.hosts
        func add(
            _ flag: String, _ name: String, _ unit: String, _ limit: Double?,
            _ perHost: (Scenario.Costs.HostCost, Scenario.Costs) -> Double
        ) throws(StudyError) {
            guard let limit else { return }
            guard limit > 0, limit.isFinite else {
                throw StudyError(.invalid, "\(flag): a limit above zero")
            }
            guard let costs = scenario.costs else {
                throw StudyError(
                    .invalid, "\(flag): the scenario has no costs section that it could be held against")
            }
            var values: [Double] = []
            for group in groups {
                guard let cost = costs.hosts.first(where: { $0.group == group.name }) else {
                    throw StudyError(
                        .invalid, "\(flag): costs.hosts does not say what a host of '\(group.name)' takes")
                }
                values.append(perHost(cost, costs))
            }
            bounds.append(HostBound(name: name, unit: unit, limit: limit, perHost: values))
        }
        let currency = scenario.costs?.currency ?? ""
        try add("--max-capex", "prices of the hosts", currency, capital) { cost, _ in
            Double(cost.price.micros) / 1e6
        }
        // The parts of hosts are told one host at a time.
        let none = Array(repeating: 0, count: groups.count)
        let base = scenario.operatingCost(counts: none, storedTebibytes: storedTebibytes)
        if monthly != nil, scenario.costs != nil, base?.total == nil {
            throw StudyError(
                .invalid,
                "--max-opex: the costs section has no price for any of electricity, rack units and stored "
                    + "TiB: nothing would be held against the limit")
        }
        try add("--max-opex", "OpEx of a month", currency, monthly) { cost, costs in
            let power = Double(cost.powerWatts) * 24 * 30 / 1000
            let height = cost.rackUnits.map(Double.init) ?? 0
            return power * costs.electricityPerKilowattHour.amount + height * costs.rackUnitMonth.amount
        }
        if monthly != nil {
            bounds[bounds.count - 1].fixed = base?.total ?? 0
            bounds[bounds.count - 1].without = scenario.missingOperatingPrices
        }
        try add("--max-power", "power", "kW", watts.map { $0 / 1000 }) { cost, _ in
            Double(cost.powerWatts) / 1000
        }
        if let hostCount {
            guard hostCount > 0 else { throw StudyError(.invalid, "--max-hosts: one host at least") }
            bounds.append(
                HostBound(
                    name: "hosts", unit: "", limit: Double(hostCount), perHost: groups.map { _ in 1 }))
        }
        if let latency, latency <= .zero {
            throw StudyError(.invalid, "--max-latency: a time above zero, such as 12h")
        }
        return bounds
    }
}

/// Which bound stands in the way when nothing keeps all of them.
struct BindingBounds {
    /// For each bound, the least that a candidate takes that keeps all others and reaches the target.
    private var alone: [Double?]
    /// For each bound, the least that a candidate takes that reaches the target.
    private var least: [Double?]
    /// The most that a candidate seals that keeps every bound, TiB/day.
    private var fastest = 0.0
    private var fastestOfAll = 0.0

    init(count: Int) {
        alone = Array(repeating: nil, count: count)
        least = Array(repeating: nil, count: count)
    }

    mutating func add(rate: Double, reaches: Bool, values: [Double], bounds: [HostBound]) {
        fastestOfAll = max(fastestOfAll, rate)
        var broken = 0
        var last = 0
        for index in bounds.indices where values[index] > bounds[index].limit {
            broken += 1
            last = index
        }
        if broken == 0 { fastest = max(fastest, rate) }
        guard reaches else { return }
        if broken == 1 { alone[last] = min(alone[last] ?? .infinity, values[last]) }
        for index in bounds.indices { least[index] = min(least[index] ?? .infinity, values[index]) }
    }

    /// One sentence that names what binds.
    func message(target: Double, bounds: [HostBound], limiting: String) -> String {
        let figure = StudyText.figure
        guard least.contains(where: { $0 != nil }) || (bounds.isEmpty && fastestOfAll >= target) else {
            return "no candidate reaches \(figure(target)) TiB/day with its margin: the best does "
                + "\(figure(fastestOfAll)); widen --range, or see what limits it: \(limiting)"
        }
        var words = bounds.indices.compactMap { index -> String? in
            guard let need = alone[index] else { return nil }
            let bound = bounds[index]
            return "\(bound.fullName) alone stands in the way: \(bound.text(need)) are needed and "
                + "\(bound.text(bound.limit)) allowed"
        }
        if words.isEmpty {
            words = bounds.indices.compactMap { index in
                guard let need = least[index], need > bounds[index].limit else { return nil }
                let bound = bounds[index]
                return "\(bound.fullName): at least \(bound.text(need)) are needed and "
                    + "\(bound.text(bound.limit)) allowed"
            }
        }
        if words.isEmpty {
            words = [
                "each bound could be kept by itself, but not "
                    + bounds.map(\.fullName).joined(separator: " and ")
            ]
        }
        let most = fastest > 0 ? "; within all bounds the best does \(figure(fastest)) TiB/day" : ""
        return "no candidate reaches \(figure(target)) TiB/day within the bounds: "
            + words.joined(separator: "; or ") + most
    }
}
