// SPDX-License-Identifier: Apache-2.0
internal import Chain
private import Kernel

/// What the cluster costs, and what the chain takes and gives.
extension SimulatedCluster {
    /// The network's state by which money is reckoned.
    var prices: Scenario.ChainPrices { scenario.costs?.chain ?? Scenario.Defaults.chain }

    func chainCost(_ snapshot: ChainLedger.Snapshot) -> ChainCost {
        ChainCost(
            snapshot, prices, sectorBytes: scenario.sectorSize.bytes,
            countAtStart: scenario.workload.provingAtStart)
    }

    /// What landed and what it is charged for, as the network has it.
    ///
    /// - Returns: with it why the network's view is not known, where that is so: the figures are the node's.
    func chainSnapshot() -> (ChainLedger.Snapshot, problem: String?) {
        // The chain began so many epochs before the run.
        let began = plan.network.sealLookback + 1
        let head = began + world.now.nanoseconds / Int64(plan.network.epochDuration.nanosecondsValue)
        var snapshot = ledger.snapshot(at: head)
        // In a run without trouble somebody asks the node in every deadline.
        guard head - chainConditions.highest > plan.network.proving.deadlineEpochs else {
            return (snapshot, nil)
        }
        do throws(ChainError) {
            snapshot.charges = try ChainOutlook.charges(
                at: head, parameters: plan.network, beacon: beacon, form: .modelled, store: chainStore,
                adopted: adoptedSectors)
        } catch {
            return (
                snapshot,
                "the chain's store cannot be read (\(error)): deadlines and fees are those that its node "
                    + "told of last"
            )
        }
        return (snapshot, nil)
    }

    /// How deadlines ended by the chain's own record, whatever the prover heard of them.
    func windowPoSt(_ charges: ProvingCharges) -> SimulationReport.WindowPoSt {
        let told = metrics.windowPoSt
        var found = SimulationReport.WindowPoSt()
        found.skippedSectors = charges.skippedCount
        found.deadlines = charges.outcomes.sorted { $0.key < $1.key }.map { index, outcome in
            .init(index: index, due: outcome.due, proven: outcome.proven)
        }
        for deadline in found.deadlines {
            found.due += deadline.due
            found.submitted += deadline.proven
            found.missed += deadline.missed
        }
        found.latestMiss = told.latestMiss
        guard found.missed > told.missed else { return found }
        let untold =
            "\(found.missed - told.missed) partitions were missed of which the prover has told nothing: its "
            + "node or itself was down or out of step with the network when their deadlines closed"
        found.latestMiss = told.latestMiss.map { "\($0)\n\(untold)" } ?? untold
        return found
    }

    func cost(_ report: SimulationReport) -> SimulationReport.Cost? {
        guard let costs = scenario.costs else { return nil }
        let days = costs.depreciation.inSeconds / 86_400
        let groups = scenario.hosts.map { group in
            let cost = costs.hosts.first { $0.group == group.name }
            return SimulationReport.Cost.Group(
                name: group.name, count: group.count, price: cost?.price.amount, watts: cost?.powerWatts,
                rackUnits: cost?.rackUnits, provenance: cost?.provenance, source: cost?.source ?? "")
        }
        let capital = groups.reduce(0) { $0 + Double($1.count) * ($1.price ?? 0) }
        let watts = groups.reduce(0) { $0 + $1.count * ($1.watts ?? 0) }
        let units = groups.reduce(0) { $0 + $1.count * ($1.rackUnits ?? 0) }
        let stored = Double(report.sectorsProving) * Double(scenario.sectorSize.bytes) / 0x1p40
        let month = scenario.operatingCost(counts: scenario.hosts.map(\.count), storedTebibytes: stored)
        let (power, space) = (month?.electricity.map { $0 / 30 }, month?.space.map { $0 / 30 })
        let perDay = capital / days + (power ?? 0) + (space ?? 0)
        let rate = report.tebibytesPerDay.flatMap { $0 > 0 ? $0 : nil }
        let balance = costs.chain.filPrice.map {
            RunBalance(
                report.chainCost, filPrice: $0.amount, days: report.simulatedSeconds / 86_400,
                clusterPerDay: perDay, storage: storageOfRun(report.chainCost, costs))
        }
        return SimulationReport.Cost(
            currency: costs.currency, groups: groups, capital: capital, depreciationDays: days,
            hostsPerDay: capital / days, watts: watts, electricityPerDay: power, rackUnits: units,
            spacePerDay: space, storagePerDay: month?.storage.map { $0 / 30 },
            sealingPerTebibyte: rate.map { perDay / $0 }, gasPerTebibyte: gasPerTebibyte(report.chainCost),
            filPrice: costs.chain.filPrice?.amount, balance: balance, missing: scenario.missingPrices,
            costs: costs)
    }

    /// What long-term storage cost in the run, in the scenario's currency: each sector from the first end of
    /// its deadline on.
    private func storageOfRun(_ chain: ChainCost, _ costs: Scenario.Costs) -> Double {
        guard let price = costs.storePerTebibyteMonth.given else { return 0 }
        let network = plan.network
        let periodDays =
            Double(network.proving.periodEpochs) * network.epochDuration.inSeconds / 86_400
        let tebibytes = Double(scenario.sectorSize.bytes) / 0x1p40
        return price / 30 * tebibytes * Double(chain.liveSectorPeriods) * periodDays
    }

    /// In the scenario's currency; `nil` where a FIL has no price there or nothing was proven.
    private func gasPerTebibyte(_ chain: ChainCost) -> Double? {
        guard let price = scenario.costs?.chain.filPrice?.amount, let gas = chain.sealingGasPerSector
        else { return nil }
        return gas.double / 1e18 * price * (0x1p40 / Double(scenario.sectorSize.bytes))
    }
}

extension Scenario.ChainPrices {
    /// As the node takes it, attoFIL; far below where it would overflow.
    var baseFeeOfNode: UInt64 { UInt64(min(baseFee.atto, 1 << 62)) }
}

extension Money {
    /// In units of the currency.
    var amount: Double { Double(micros) / 1e6 }
    /// `nil` where nobody gave a price: nothing is free.
    var given: Double? { micros > 0 ? amount : nil }
}

extension Scenario {
    /// What the costs section leaves without a price, in words.
    package var missingPrices: [String] {
        guard let costs else { return ["everything: there is no costs section"] }
        var missing = hosts.map(\.name).filter { name in !costs.hosts.contains { $0.group == name } }
            .map { "hosts \($0)" }
        if costs.electricityPerKilowattHour.given == nil { missing.append("electricity") }
        if costs.storePerTebibyteMonth.given == nil { missing.append("long-term storage") }
        if costs.rackUnitMonth.given == nil {
            missing.append("space")
        } else if costs.hosts.contains(where: { $0.rackUnits != nil }) {
            let unsaid = costs.hosts.filter { $0.rackUnits == nil }
            missing += unsaid.map { "the space of hosts \($0.group)" }
        } else {
            missing.append("the space of any host")
        }
        if costs.chain.filPrice == nil { missing.append("FIL") }
        return missing
    }
}
