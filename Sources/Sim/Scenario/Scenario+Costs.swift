// SPDX-License-Identifier: Apache-2.0

extension Scenario {
    /// What things cost, in one currency.
    package struct Costs: Sendable, Hashable {
        package struct HostCost: Sendable, Hashable {
            /// The name of the host group.
            package var group: String
            /// The price of one host.
            package var price: Money
            /// What one host draws in the mean, in watts.
            package var powerWatts: Int
            /// The height of one host in rack units; `nil` where nobody said.
            package var rackUnits: Int?
            /// Where price, power and height are from.
            package var provenance: Provenance = Defaults.provenance
            package var source = ""
        }

        /// A three-letter code such as `USD`.
        package var currency: String
        package var electricityPerKilowattHour: Money
        /// Over how long prices are spread.
        package var depreciation: Duration
        /// Of long-term storage.
        package var storePerTebibyteMonth: Money
        /// Of space: one rack unit for a month of 30 days.
        package var rackUnitMonth: Money
        package var hosts: [HostCost]
        package var chain: ChainPrices
        /// Where the prices of electricity, storage and space and the depreciation are from.
        package var provenance: Provenance
        package var source: String
        /// Where single ones of them are from, if not from there.
        package var sources: [Mark] = []

        /// Where one value is from.
        package struct Mark: Sendable, Hashable {
            /// The value's key.
            package var key: String
            package var provenance: Provenance
            package var source: String
        }

        /// Where the value of a key is from.
        package func mark(_ key: String) -> Mark {
            sources.first { $0.key == key } ?? Mark(key: key, provenance: provenance, source: source)
        }
    }

    /// The state of the network for which its money is reckoned, and what a FIL is worth.
    package struct ChainPrices: Sendable, Hashable {
        /// Of one FIL, in the currency of the costs.
        package var filPrice: Money?
        /// Of a unit of gas.
        package var baseFee: AttoFIL
        /// Tip for a unit of gas.
        package var premium: AttoFIL
        /// What all winners of an epoch get together.
        package var rewardPerEpoch: AttoFIL
        package var circulatingSupply: AttoFIL
        /// Quality-adjusted power of the whole network.
        package var networkPower: NetworkPower
        package var baselinePower: NetworkPower
        /// The share of every sector that verified deals fill, 0…1.
        package var verifiedShare: Double
        /// Where the values are from that are not the defaults.
        package var provenance: Provenance
        package var source: String
    }
}

extension Scenario.Defaults {
    /// Base fee and premium: published (the network's first base fee, and the least premium that a node
    /// proposes). The rest is assumed: round numbers of the network's order, for which the formulas have
    /// known answers.
    package static let chain = Scenario.ChainPrices(
        filPrice: nil, baseFee: AttoFIL(100_000_000), premium: AttoFIL(100_000), rewardPerEpoch: .fil(80),
        circulatingSupply: .fil(600_000_000), networkPower: NetworkPower(bytes: 20 << 60),
        baselinePower: NetworkPower(bytes: 40 << 60), verifiedShare: 0, provenance: provenance, source: "")
}

extension Scenario.Keys {
    static let costs = [
        "currency", "electricityPerKilowattHour", "depreciation", "storePerTebibyteMonth", "rackUnitMonth",
        "hosts", "chain", "provenance", "source", "sources",
    ]
    /// Values of the costs section that have a mark of their own.
    static let markedCosts = [
        "electricityPerKilowattHour", "depreciation", "storePerTebibyteMonth", "rackUnitMonth",
    ]
    static let hostCost = ["price", "power", "rackUnits", "provenance", "source"]
    static let chainPrices = [
        "filPrice", "baseFee", "premium", "rewardPerEpoch", "circulatingSupply", "networkPower",
        "baselinePower", "verifiedShare", "provenance", "source",
    ]
}

extension Scenario.Costs {
    static func decode(_ cursor: ConfigCursor) -> Scenario.Costs? {
        guard let fields = cursor.fields(Scenario.Keys.costs) else { return nil }
        let defaults = Scenario.Defaults.self
        var hosts: [HostCost] = []
        if let section = fields["hosts"] {
            guard case .mapping(let entries) = section.node.content,
                let groups = section.fields(entries.map(\.key))
            else {
                section.report(
                    "expected a mapping from host group to costs, found \(section.node.kindName)"
                )
                return nil
            }
            for (group, value) in groups.all {
                guard let cost = value.fields(Scenario.Keys.hostCost) else { continue }
                hosts.append(
                    HostCost(
                        group: group,
                        price: cost.required("price", "the price of one host")?.money()
                            ?? Money(micros: 0),
                        powerWatts: cost.required("power", "the mean power of one host in watts")?
                            .integer(in: 0...1_000_000) ?? 0,
                        rackUnits: cost["rackUnits"]?.integer(in: 0...100),
                        provenance: provenance(cost), source: cost["source"]?.text() ?? ""))
            }
        }
        let day = Duration.seconds(86_400)
        return Scenario.Costs(
            currency: fields["currency"]?.identifier() ?? defaults.currency,
            electricityPerKilowattHour: fields["electricityPerKilowattHour"]?.money()
                ?? Money(micros: 0),
            depreciation: fields["depreciation"]?.duration(atLeast: day) ?? defaults.depreciation,
            storePerTebibyteMonth: fields["storePerTebibyteMonth"]?.money() ?? Money(micros: 0),
            rackUnitMonth: fields["rackUnitMonth"]?.money() ?? Money(micros: 0), hosts: hosts,
            chain: fields["chain"].map(Scenario.ChainPrices.decode) ?? defaults.chain,
            provenance: provenance(fields), source: fields["source"]?.text() ?? "",
            sources: fields["sources"].map(marks) ?? [])
    }

    /// Every mark says both what it is and where from.
    private static func marks(_ cursor: ConfigCursor) -> [Mark] {
        guard let fields = cursor.fields(Scenario.Keys.markedCosts) else { return [] }
        return fields.all.compactMap { key, value in
            guard let mark = value.fields(["provenance", "source"]) else { return nil }
            let source = mark.required("source", "where the value is from, in words")?.text() ?? ""
            return Mark(key: key, provenance: provenance(mark), source: source)
        }
    }

    fileprivate static func provenance(_ fields: ConfigFields) -> Scenario.Provenance {
        let given =
            fields["provenance"]?.choice("provenance", of: Scenario.names()) as Scenario.Provenance?
        return given ?? Scenario.Defaults.provenance
    }

    var normalized: ScenarioDocument {
        .object { object in
            object.add("currency", currency)
            object.add("electricityPerKilowattHour", electricityPerKilowattHour)
            object.add("depreciation", depreciation)
            object.add("storePerTebibyteMonth", storePerTebibyteMonth)
            object.add("rackUnitMonth", rackUnitMonth)
            object.add(
                "hosts",
                .object { section in
                    for host in hosts {
                        section.add(
                            host.group,
                            .object { cost in
                                cost.add("price", host.price)
                                cost.add("power", host.powerWatts)
                                if let rackUnits = host.rackUnits { cost.add("rackUnits", rackUnits) }
                                cost.add("provenance", host.provenance.rawValue)
                                cost.add("source", host.source)
                            })
                    }
                })
            object.add("chain", chain.normalized)
            object.add("provenance", provenance.rawValue)
            object.add("source", source)
            guard !sources.isEmpty else { return }
            object.add(
                "sources",
                .object { section in
                    for mark in sources {
                        section.add(
                            mark.key,
                            .object { entry in
                                entry.add("provenance", mark.provenance.rawValue)
                                entry.add("source", mark.source)
                            })
                    }
                })
        }
    }

    static var schema: ScenarioDocument {
        let mark = Schema.object(
            ["provenance", "source"], required: ["source"],
            [
                "provenance": Schema.words(Scenario.Provenance.allCases.map(\.rawValue)),
                "source": Schema.text,
            ])
        let host = Schema.object(
            Scenario.Keys.hostCost, required: ["price", "power"],
            [
                "price": Schema.money, "power": Schema.integer(0, 1_000_000),
                "rackUnits": Schema.integer(0, 100),
                "provenance": Schema.words(Scenario.Provenance.allCases.map(\.rawValue)),
                "source": Schema.text,
            ])
        return Schema.object(
            Scenario.Keys.costs,
            [
                "currency": Schema.name, "electricityPerKilowattHour": Schema.money,
                "depreciation": Schema.duration, "storePerTebibyteMonth": Schema.money,
                "rackUnitMonth": Schema.money.described("Of one rack unit for 30 days."),
                "hosts": .object([
                    .init(key: "type", value: .text("object")),
                    .init(key: "additionalProperties", value: host),
                ]), "chain": Scenario.ChainPrices.schema,
                "provenance": Schema.words(Scenario.Provenance.allCases.map(\.rawValue)),
                "source": Schema.text,
                "sources": Schema.object(
                    Scenario.Keys.markedCosts, Schema.same(mark, for: Scenario.Keys.markedCosts)),
            ])
    }
}

extension Scenario.ChainPrices {
    static func decode(_ cursor: ConfigCursor) -> Scenario.ChainPrices {
        var prices = Scenario.Defaults.chain
        guard let fields = cursor.fields(Scenario.Keys.chainPrices) else { return prices }
        func amount(_ key: String, _ place: WritableKeyPath<Self, AttoFIL>) {
            if let value = fields[key]?.attoFIL() { prices[keyPath: place] = value }
        }
        func power(_ key: String, _ place: WritableKeyPath<Self, NetworkPower>) {
            guard let cursor = fields[key], let value = cursor.networkPower() else { return }
            guard value.bytes > 0 else { return cursor.report("a network without power pays nobody") }
            prices[keyPath: place] = value
        }
        prices.filPrice = fields["filPrice"]?.money()
        amount("baseFee", \.baseFee)
        amount("premium", \.premium)
        amount("rewardPerEpoch", \.rewardPerEpoch)
        amount("circulatingSupply", \.circulatingSupply)
        power("networkPower", \.networkPower)
        power("baselinePower", \.baselinePower)
        if let value = fields["verifiedShare"]?.fraction() { prices.verifiedShare = value }
        prices.provenance = Scenario.Costs.provenance(fields)
        prices.source = fields["source"]?.text() ?? ""
        return prices
    }

    var normalized: ScenarioDocument {
        .object { object in
            if let filPrice { object.add("filPrice", filPrice) }
            object.add("baseFee", baseFee.description)
            object.add("premium", premium.description)
            object.add("rewardPerEpoch", rewardPerEpoch.description)
            object.add("circulatingSupply", circulatingSupply.description)
            object.add("networkPower", networkPower.description)
            object.add("baselinePower", baselinePower.description)
            object.add("verifiedShare", .number(verifiedShare))
            object.add("provenance", provenance.rawValue)
            object.add("source", source)
        }
    }

    static var schema: ScenarioDocument {
        Schema.object(
            Scenario.Keys.chainPrices,
            [
                "filPrice": Schema.money.described("Of one FIL, in costs.currency."),
                "baseFee": Schema.attoFIL.described("Of a unit of gas; 0.1nFIL (published)."),
                "premium": Schema.attoFIL.described("Tip for a unit of gas; 100000aFIL (published)."),
                "rewardPerEpoch": Schema.attoFIL.described("Of all winners; 80FIL (assumed)."),
                "circulatingSupply": Schema.attoFIL.described("600000000FIL (assumed)."),
                "networkPower": Schema.size.described("Quality-adjusted; 20EiB (assumed)."),
                "baselinePower": Schema.size.described("40EiB (assumed)."),
                "verifiedShare": Schema.fraction.described("Of a sector's bytes; 0 (assumed)."),
                "provenance": Schema.words(Scenario.Provenance.allCases.map(\.rawValue)),
                "source": Schema.text,
            ])
    }
}
