// SPDX-License-Identifier: Apache-2.0

private import Chain

/// One figure of what a run cost, as every form of the report shows it.
package struct CostLine: Sendable, Hashable {
    /// `cluster` or `chain`.
    package var area: String
    package var name: String
    /// How it comes about, in words.
    package var basis: String
    /// `nil` where no price was given.
    package var amount: Double?
    /// Every digit, where the chain has them: attoFIL.
    package var attoFIL: BigNumber?
    /// Of `amount`.
    package var unit: String
    /// The weakest of what it is made of.
    package var provenance: Scenario.Provenance?
    package var source: String

    /// The amount for people.
    package var shown: String {
        if let attoFIL { return Self.text(attoFIL) }
        guard let amount else { return "no price given" }
        return "\(SimulatedCluster.figure(amount)) \(unit)"
    }

    /// An amount with four digits and the unit in which it is readable.
    package static func text(_ atto: BigNumber) -> String {
        let value = atto.double
        let size = value.magnitude
        let (scaled, unit) =
            size == 0 || size >= 1e15
            ? (value / 1e18, "FIL") : size >= 1e5 ? (value / 1e9, "nanoFIL") : (value, "attoFIL")
        var digits = 1.0
        while scaled != 0, (scaled * digits).magnitude < 1000, digits < 1e6 { digits *= 10 }
        return "\(ScenarioDocument.decimalText((scaled * digits).rounded() / digits)) \(unit)"
    }
}

extension SimulationReport {
    /// What the run cost, line by line: the cluster's where the scenario has prices, and the chain's always.
    package var costLines: [CostLine] {
        (cost?.lines ?? []) + (cost?.balanceLines ?? []) + chainCost.lines(prices)
    }
}

extension SimulationReport.Cost {
    /// What is made of prices and of what the run sealed.
    var lines: [CostLine] {
        let figure = SimulatedCluster.figure
        func line(
            _ name: String, _ basis: String, _ amount: Double?, _ unit: String,
            _ provenance: Scenario.Provenance?, _ source: String
        ) -> CostLine {
            CostLine(
                area: "cluster", name: name, basis: basis, amount: amount, unit: unit,
                provenance: provenance, source: source)
        }
        var lines = groups.map { group -> CostLine in
            guard let price = group.price else {
                return CostLine(
                    area: "cluster", name: "hosts \(group.name)", basis: counted(group.count, "host"),
                    unit: currency,
                    source: "")
            }
            return line(
                "hosts \(group.name)", "\(counted(group.count, "host")) at \(figure(price))",
                Double(group.count) * price, currency, group.provenance, group.source)
        }
        let hosts = Scenario.Provenance.weakest(groups.compactMap(\.provenance))
        let marks = [
            "electricityPerKilowattHour", "rackUnitMonth", "storePerTebibyteMonth", "depreciation",
        ].map(costs.mark)
        let (power, height, store, years) = (marks[0], marks[1], marks[2], marks[3])
        // Only what has a price says where it is from.
        let priced = zip(marks, [electricityPerDay, spacePerDay, storagePerDay]).filter { $0.1 != nil }
        let parts = priced.map(\.0.provenance)
        let ofHosts = parts.dropLast(storagePerDay == nil ? 0 : 1)
        let perDay = "\(currency) a day"
        lines.append(line("all hosts", "those with a price", capital, currency, hosts, "the lines above"))
        lines.append(
            line(
                "hosts by day", "spread over \(figure(depreciationDays)) days", hostsPerDay, perDay,
                .weakest([hosts, years.provenance]),
                "the line above" + (years.source.isEmpty ? "" : "; " + years.source)))
        lines.append(
            line(
                "electricity", "\(figure(Double(watts) / 1000)) kW drawn", electricityPerDay, perDay,
                .weakest([hosts, power.provenance]), power.source))
        lines.append(
            line(
                "space", counted(rackUnits, "rack unit"), spacePerDay, perDay,
                .weakest([hosts, height.provenance]), height.source))
        lines.append(
            line(
                "long-term storage", "what is proving at the end", storagePerDay, perDay, store.provenance,
                store.source))
        func without(_ what: (String) -> Bool) -> String {
            let names = missing.filter(what)
            return names.isEmpty ? "" : ", without " + names.joined(separator: ", ")
        }
        lines.append(
            line(
                "one month of operation",
                "electricity, space and long-term storage, 30 days" + without { $0 != "FIL" },
                operating.total, "\(currency) a month", .weakest([hosts] + parts), "the lines above"))
        if let sealingPerTebibyte {
            lines.append(
                line(
                    "one TiB sealed",
                    "hosts, electricity and space"
                        + without { $0 != "FIL" && $0 != "long-term storage" },
                    sealingPerTebibyte, "\(currency)/TiB", .weakest([hosts, years.provenance] + ofHosts),
                    "the lines above and the simulated rate"))
        }
        if let gasPerTebibyte {
            lines.append(
                line(
                    "gas of one TiB", "messages of sealing at \(figure(filPrice ?? 0)) \(currency) a FIL",
                    gasPerTebibyte, "\(currency)/TiB", costs.chain.provenance, costs.chain.source))
        }
        return lines
    }
}

extension ChainCost {
    /// What the chain takes and gives.
    func lines(_ prices: Scenario.ChainPrices) -> [CostLine] {
        let figure = SimulatedCluster.figure
        let defaults = Scenario.Defaults.chain
        // What is not the default is marked as the scenario says.
        let given = prices.source.isEmpty ? "given without a source" : prices.source
        let isUsualFee = prices.baseFee == defaults.baseFee && prices.premium == defaults.premium
        let fee = isUsualFee ? "the network's first base fee" : given
        let (mark, state) =
            prices.isUsualNetwork
            ? (.assumed, "a network of 20 EiB that pays 80 FIL an epoch") : (prices.provenance, given)
        func line(
            _ name: String, _ basis: String, _ atto: BigNumber, _ provenance: Scenario.Provenance,
            _ source: String
        ) -> CostLine {
            CostLine(
                area: "chain", name: name, basis: basis, amount: atto.double / 1e18, attoFIL: atto,
                unit: "FIL", provenance: provenance, source: source)
        }
        var lines = messages.map { sent in
            line(
                "gas of \(sent.kind.words)",
                "\(counted(sent.messageCount, "message")) for \(counted(sent.itemCount, sent.kind.item)), "
                    + "\(figure(Double(sent.gasUsed) / 1e9)) G gas",
                sent.burnt + sent.tips,
                .weakest([
                    sent.provenance, isUsualFee ? .published : prices.provenance,
                ]),
                "\(sent.source), \(fee)")
        }
        if messages.isEmpty { lines.append(line("gas", "no message landed", 0, .published, fee)) }
        lines.append(
            line(
                "initial pledge, locked",
                "\(Self.shares(pledgeLocked, pledgePerSector, "sector")) at "
                    + CostLine.text(pledgePerSector), pledgeLocked, mark, state))
        lines.append(
            line(
                "deposits, locked at the end",
                "\(Self.shares(depositsLocked, depositPerSector, "pre-commitment")) at "
                    + CostLine.text(depositPerSector), depositsLocked, mark, state))
        lines.append(
            line(
                "deposits, burnt", "\(counted(expiredPreCommitCount, "sector")) not proven in time",
                depositsBurnt, mark,
                state))
        lines.append(
            line(
                "fees for faults",
                "\(counted(faultySectorDays, "sector day")); a missed proof counts from the next day",
                faultFees, mark, state))
        lines.append(
            line("fees for endings", counted(terminatedCount, "sector"), terminationFees, mark, state))
        lines.append(
            line("daily fees", "live sectors, at the end of each deadline", dailyFees, mark, state))
        lines.append(
            line(
                "rewards to be expected", "\(counted(provenSectorDays, "sector day")) of power",
                expectedReward, mark,
                state))
        return lines
    }

    private static func shares(_ total: BigNumber, _ each: BigNumber, _ noun: String) -> String {
        counted(each > 0 ? Int((total / each).double) : 0, noun)
    }
}

extension Scenario.ChainPrices {
    /// The network itself is that of the defaults.
    var isUsualNetwork: Bool {
        let usual = Scenario.Defaults.chain
        return rewardPerEpoch == usual.rewardPerEpoch && circulatingSupply == usual.circulatingSupply
            && networkPower == usual.networkPower && baselinePower == usual.baselinePower
            && verifiedShare == usual.verifiedShare
    }
}

extension ChainLedger.Kind {
    var words: String {
        switch self {
        case .preCommit: "pre-commitments"
        case .proveCommit: "prove-commitments"
        case .windowPoSt: "window PoSt"
        case .faults: "fault declarations"
        case .recoveries: "recoveries"
        case .terminate: "endings"
        case .replicaUpdate: "replica updates"
        }
    }

    /// What a message is about.
    var item: String {
        switch self {
        case .preCommit, .proveCommit, .terminate, .replicaUpdate: "sector"
        case .windowPoSt, .faults, .recoveries: "partition"
        }
    }

    /// Whether the gas of a message about one of its kind is a published average.
    fileprivate var isPublished: Bool {
        switch self {
        case .preCommit, .proveCommit, .faults, .recoveries: true
        case .windowPoSt, .terminate, .replicaUpdate: false
        }
    }
}

extension ChainCost.Messages {
    /// Nobody published what a sector adds to a batch.
    fileprivate var provenance: Scenario.Provenance {
        kind.isPublished && itemCount == messageCount ? .published : .assumed
    }

    fileprivate var source: String {
        guard kind.isPublished else { return "gas assumed" }
        let averages = "averages of Lotus's chain/messagepool/gasguess"
        return itemCount == messageCount ? averages : "\(averages), what batches save is assumed"
    }
}

extension Scenario.Provenance {
    /// What a figure is marked with that is made of others.
    static func weakest(_ marks: [Self]) -> Self { allCases.last { marks.contains($0) } ?? .assumed }
}

/// A number and what it counts.
private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
