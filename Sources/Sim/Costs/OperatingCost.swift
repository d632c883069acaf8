// SPDX-License-Identifier: Apache-2.0

/// What a cluster costs in every month of 30 days, whatever was paid for its hosts. A part is `nil` where it
/// has no price: nothing is free.
package struct OperatingCost: Sendable, Hashable {
    package var electricity: Double?
    package var space: Double?
    package var storage: Double?

    /// All parts that have a price; `nil` where none has.
    package var total: Double? {
        let parts = [electricity, space, storage].compactMap(\.self)
        return parts.isEmpty ? nil : parts.reduce(0, +)
    }
}

extension Scenario {
    /// What a month costs by the prices of the scenario.
    ///
    /// - Parameters:
    ///   - counts: hosts by group, in the scenario's order.
    ///   - storedTebibytes: on long-term stores.
    /// - Returns: `nil` without a costs section.
    package func operatingCost(counts: [Int], storedTebibytes: Double) -> OperatingCost? {
        guard let costs else { return nil }
        var watts = 0.0
        var units: Double?
        for (group, count) in zip(hosts, counts) {
            guard let cost = costs.hosts.first(where: { $0.group == group.name }) else { continue }
            watts += Double(count) * Double(cost.powerWatts)
            if let height = cost.rackUnits { units = (units ?? 0) + Double(count) * Double(height) }
        }
        return OperatingCost(
            electricity: costs.electricityPerKilowattHour.given.map { watts * 24 * 30 / 1000 * $0 },
            space: units.flatMap { units in costs.rackUnitMonth.given.map { units * $0 } },
            storage: costs.storePerTebibyteMonth.given.map { storedTebibytes * $0 })
    }

    /// What an ``OperatingCost`` leaves out for want of a price, in words.
    package var missingOperatingPrices: [String] { missingPrices.filter { $0 != "FIL" } }
}
