// SPDX-License-Identifier: Apache-2.0
internal import Chain

/// What a run earned and spent, in the scenario's currency, where a FIL has a price in it.
package struct RunBalance: Sendable, Hashable {
    /// The run's length.
    package var days: Double
    /// Of the currency, for a FIL.
    package var filPrice: Double
    /// What the proven power may expect to win.
    package var rewards: Double
    /// Gas and tips, fees and burnt deposits.
    package var spentOnChain: Double
    /// Pledge and deposits that the run's sectors lock: capital, which comes back.
    package var locked: Double
    /// Hosts, electricity, space and long-term storage, each where it has a price.
    package var spentOnCluster: Double

    /// What is left. The pledge is not in it: it is locked, not spent.
    package var net: Double { rewards - spentOnChain - spentOnCluster }

    /// Reckons.
    ///
    /// - Parameters:
    ///   - chain: what the chain took and gave.
    ///   - clusterPerDay: what the hosts cost a day, the whole run long.
    ///   - storage: what long-term storage cost in the run, by what lay there from day to day.
    init(_ chain: ChainCost, filPrice: Double, days: Double, clusterPerDay: Double, storage: Double) {
        func amount(_ atto: BigNumber) -> Double { atto.double / 1e18 * filPrice }
        self.days = days
        self.filPrice = filPrice
        rewards = amount(chain.expectedReward)
        spentOnChain = amount(
            chain.messages.reduce(0) { $0 + $1.burnt + $1.tips } + chain.faultFees + chain.terminationFees
                + chain.dailyFees + chain.depositsBurnt)
        locked = amount(chain.pledgeLocked + chain.depositsLocked)
        spentOnCluster = clusterPerDay * days + storage
    }
}

extension SimulationReport.Cost {
    /// The balance, line by line; empty where a FIL has no price.
    var balanceLines: [CostLine] {
        guard let balance else { return [] }
        let chain = costs.chain
        let network: Scenario.Provenance = chain.isUsualNetwork ? .assumed : chain.provenance
        let hosts = Scenario.Provenance.weakest([network] + groups.compactMap(\.provenance))
        let atPrice = "at \(SimulatedCluster.figure(balance.filPrice)) \(currency) a FIL"
        let days = SimulatedCluster.figure(balance.days)
        func line(
            _ name: String, _ basis: String, _ amount: Double, _ provenance: Scenario.Provenance?
        ) -> CostLine {
            CostLine(
                area: "cluster", name: name, basis: basis, amount: amount, unit: currency,
                provenance: provenance, source: "the chain's lines below, and the price of a FIL")
        }
        let open = missing.filter { $0 != "FIL" }
        let without = open.isEmpty ? "" : ", without " + open.joined(separator: ", ")
        return [
            line(
                "locked as pledge", "pledge and deposits of the run's sectors, \(atPrice)", balance.locked,
                network),
            line(
                "earned in the run", "rewards to be expected in \(days) days, \(atPrice)", balance.rewards,
                network),
            line(
                "spent on the chain", "gas, fees and burnt deposits in \(days) days, \(atPrice)",
                balance.spentOnChain, network),
            line(
                "left of the run",
                "rewards less what the chain took and what the cluster costs in \(days) days\(without), "
                    + "storage by what lay there from day to day; the "
                    + "pledge is locked, not spent", balance.net, hosts),
        ]
    }
}
