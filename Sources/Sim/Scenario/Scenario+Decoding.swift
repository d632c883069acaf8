// SPDX-License-Identifier: Apache-2.0
private import Scheduler

extension Scenario {
    /// The keys of each section, for errors and for the schema.
    enum Keys {
        static let scenario = [
            "name", "description", "sectorSize", "network", "hosts", "stores", "links", "tasks",
            "workload", "miner", "policy", "policyOptions", "faults", "costs", "report", "include",
        ]
        static let network = [
            "base", "epochDuration", "propagationDelay", "preCommitChallengeDelay",
            "interactivePoRepConfidence", "messageConfidence", "sealRandomnessLookback",
            "maxPreCommitRandomnessLookback", "maxProveCommitDuration", "provingPeriod",
            "deadlines",
            "challengeWindow", "challengeLookback", "faultDeclarationCutoff", "expectedLeaders",
            "sectorSizes",
        ]
        static let task = [
            "duration", "transfer", "failureRate", "provenance", "source", "memoryTraffic", "reads",
            "writes", "requestSize",
        ]
        static let workload = [
            "pledge", "provingAtStart", "tickets", "sectorsTarget", "sectorsMax", "deals",
        ]
        static let deal = ["every", "pieceSize", "startAfter", "lasts", "keepUnsealedCopy"]
        static let pledge = ["every", "packingMax", "initialPerHost", "sealingMaxPerHost"]
        static let ticket = ["rate", "per"]
        static let miner = [
            "maxSealingSectors", "maxSealingSectorsForDeals", "maxWaitDealsSectors",
            "waitDealsDelay", "startEpochSealingBuffer",
            "alwaysKeepUnsealedCopy", "finalizeEarly", "dataTemplate", "sealingFootprint", "batchPreCommits",
            "maxPreCommitBatch", "preCommitBatchWait", "aggregateCommits", "minCommitBatch",
            "maxCommitBatch", "commitBatchWait", "batchPreCommitAboveBaseFee", "aggregateAboveBaseFee",
            "preCommitFeePerSector", "commitFeePerSector",
        ]
        static let report = ["warmUp", "until"]
    }

    /// Decodes the whole file; complaints go to the root's sink.
    ///
    /// `nil` only when the root is no mapping.
    static func decode(_ root: ConfigCursor) -> Scenario? {
        guard let fields = root.fields(Keys.scenario) else { return nil }
        fields["include"]?.report("only a file can include files; give the path of one")
        let limits = root.sink.limits
        let sizes = Network.allSectorSizes
        let sectorSize = fields.required(
            "sectorSize",
            "one of \(sizes.map(\.description).joined(separator: ", "))"
        )
        let size = sectorSize.flatMap { cursor -> ByteCount? in
            guard let size = cursor.bytes() else { return nil }
            guard sizes.contains(size) else {
                cursor.report(
                    "\(size) is not a sector size; allowed are "
                        + sizes.map(\.description).joined(separator: ", "),
                    allowed: sizes.map(\.description)
                )
                return nil
            }
            return size
        }
        let hosts = fields.required("hosts", "a list of host groups")?
            .list("host groups", count: 1...limits.listCountMax)?
            .compactMap { HostGroup.decode($0) }
        let stores = fields.required("stores", "a list of long-term stores")?
            .list("stores", count: 1...limits.listCountMax)?
            .compactMap { Store.decode($0) }
        let policies = PolicyCatalog.names.map { (name: $0, value: $0) }
        let policy =
            fields["policy"].flatMap { $0.identifier() == nil ? nil : $0.choice("policy", of: policies) }
            ?? Defaults.policy
        return Scenario(
            name: fields.required("name", "what reports call the scenario")?.identifier()
                ?? "unnamed",
            description: fields["description"]?.text() ?? "",
            sectorSize: size ?? ByteCount(bytes: 32 << 30),
            network: fields["network"].map(Network.decode) ?? Defaults.network,
            hosts: hosts ?? [],
            stores: stores ?? [],
            links: fields["links"].map(Links.decode) ?? Defaults.links,
            tasks: fields.required("tasks", "how long each task takes").map(TaskModel.decodeAll)
                ?? [],
            workload: fields.required("workload", "what is pledged, and when").map(Workload.decode)
                ?? Defaults.workload,
            miner: fields["miner"].map(Miner.decode) ?? Defaults.miner,
            policy: policy,
            policyOptions: fields["policyOptions"].flatMap { options($0, of: policy) } ?? [:],
            faults: fields["faults"]?.list("faults", count: 0...limits.listCountMax)?
                .compactMap { Fault.decode($0) } ?? [],
            costs: fields["costs"].flatMap(Costs.decode),
            report: fields["report"].map(Report.decode) ?? Defaults.report
        )
    }
}

extension Scenario {
    /// The options of a policy; a name that it has not is told with its place.
    private static func options(_ cursor: ConfigCursor, of policy: String) -> [String: String]? {
        guard let texts = cursor.texts() else { return nil }
        let known = PolicyCatalog.policies.first { $0.name == policy }?.optionNames
        guard let known, !texts.isEmpty else { return texts }
        guard !known.isEmpty else {
            cursor.report("policy \(policy) has no options")
            return nil
        }
        return cursor.fields(known) == nil ? nil : texts
    }
}

extension Scenario.Network {
    static func decode(_ cursor: ConfigCursor) -> Scenario.Network {
        let presets = Scenario.Network.presets.map { (name: $0.name, value: $0) }
        if case .scalar = cursor.node.content {
            return cursor.choice("network", of: presets) ?? Scenario.Defaults.network
        }
        guard let fields = cursor.fields(Scenario.Keys.network) else {
            return Scenario.Defaults.network
        }
        let base = fields["base"]?.choice("network", of: presets) ?? Scenario.Defaults.network
        var network = base
        func epochs(
            _ key: String,
            _ field: WritableKeyPath<Scenario.Network, Int>,
            from low: Int = 0
        ) {
            guard let value = fields[key]?.integer(in: low...10_000_000) else { return }
            network[keyPath: field] = value
        }
        let second = Duration.seconds(1)
        if let value = fields["epochDuration"]?.duration(
            atLeast: second / 1000,
            atMost: second * 3600
        ) {
            network.epochDuration = value
        }
        if let value = fields["propagationDelay"]?.duration(atMost: second * 3600) {
            network.propagationDelay = value
        }
        epochs("preCommitChallengeDelay", \.preCommitChallengeDelay)
        epochs("interactivePoRepConfidence", \.interactivePoRepConfidence)
        epochs("messageConfidence", \.messageConfidence)
        epochs("sealRandomnessLookback", \.sealRandomnessLookback)
        epochs("maxPreCommitRandomnessLookback", \.maxPreCommitRandomnessLookback, from: 1)
        epochs("maxProveCommitDuration", \.maxProveCommitDuration, from: 1)
        epochs("provingPeriod", \.provingPeriod, from: 1)
        epochs("deadlines", \.deadlines, from: 1)
        epochs("challengeWindow", \.challengeWindow, from: 1)
        epochs("challengeLookback", \.challengeLookback)
        epochs("faultDeclarationCutoff", \.faultDeclarationCutoff)
        epochs("expectedLeaders", \.expectedLeaders, from: 1)
        if let sizes = fields["sectorSizes"]?.list("sizes", count: 1...allSectorSizes.count) {
            network.sectorSizes = sizes.compactMap { $0.bytes() }.sorted()
        }
        guard network != base else { return base }
        var unnamed = network
        let same = presets.first { preset in
            unnamed.name = preset.name
            return unnamed == preset.value
        }
        network.name = same?.name ?? "custom"
        return network
    }
}

extension Scenario.TaskModel {
    static func decodeAll(_ cursor: ConfigCursor) -> [Scenario.TaskModel] {
        let kinds = Scenario.TaskKind.allCases
        guard let fields = cursor.fields(kinds.map(\.rawValue)) else { return [] }
        return kinds.compactMap { kind in
            let value =
                Scenario.TaskKind.sealing.contains(kind)
                ? fields.required(kind.rawValue, "every sector passes through it")
                : fields[kind.rawValue]
            return value.flatMap { decode($0, kind) }
        }
    }

    private static func decode(
        _ cursor: ConfigCursor,
        _ kind: Scenario.TaskKind
    ) -> Scenario.TaskModel? {
        let defaults = Scenario.Defaults.self
        if case .scalar = cursor.node.content {
            guard let duration = DurationModel.decode(cursor) else { return nil }
            return Scenario.TaskModel(
                kind: kind,
                duration: duration,
                transfer: defaults.transfer,
                failureRate: defaults.failureRate,
                provenance: defaults.provenance,
                source: ""
            )
        }
        guard let fields = cursor.fields(Scenario.Keys.task) else { return nil }
        let provenance =
            fields["provenance"]?.choice("provenance", of: Scenario.names()) as Scenario.Provenance?
        let rate = fields["failureRate"]
        let failureRate = rate?.fraction() ?? defaults.failureRate
        if let rate, failureRate >= 1 {
            rate.report("a task that always fails never ends; stay below 1")
        }
        guard let given = fields.required("duration", "how long the task takes") else { return nil }
        let duration: DurationModel
        var origin = Scenario.Mark()
        if given.node.measuredFiles != nil {
            guard
                let measured = given.fields(["measured"])?["measured"].flatMap({
                    DurationFit.measured($0, kind)
                })
            else { return nil }
            if let provenance, provenance != .measured {
                fields["provenance"]?.report(
                    "its duration is measured, and its source is the files': leave provenance away")
            }
            duration = measured.fit.model
            origin = Scenario.Mark(provenance: .measured, source: measured.source)
        } else {
            guard let model = DurationModel.decode(given, besideKeys: ["measured"]) else { return nil }
            duration = model
        }
        return Scenario.TaskModel(
            kind: kind,
            duration: duration,
            transfer: fields["transfer"]?.bytes(atLeast: ByteCount(bytes: 0)) ?? defaults.transfer,
            failureRate: failureRate,
            provenance: provenance ?? origin.provenance,
            // Words of one's own do not hide how well the measurements fit.
            source: [fields["source"]?.text() ?? "", origin.source].filter { !$0.isEmpty }
                .joined(separator: "; "),
            memoryTraffic: fields["memoryTraffic"].flatMap { amount($0, .memoryTraffic, kind) },
            reads: fields["reads"].flatMap { amount($0, .reads, kind) },
            writes: fields["writes"].flatMap { amount($0, .writes, kind) },
            requestSize: fields["requestSize"]?.bytes()
        )
    }

    /// A size, or the word that leaves it to the algorithm.
    private static func amount(
        _ cursor: ConfigCursor,
        _ what: SealingAmounts.Kind,
        _ kind: Scenario.TaskKind
    ) -> Scenario.TaskAmount? {
        guard case .scalar("computed") = cursor.node.content else {
            return cursor.bytes(atLeast: ByteCount(bytes: 0)).map { .bytes($0) }
        }
        guard SealingAmounts.computes(what, of: kind) else {
            cursor.report(
                "\(kind.rawValue) has no \(what.rawValue) by formula; write a size such as 64GiB")
            return nil
        }
        return .computed
    }
}

extension Scenario.Workload {
    static func decode(_ cursor: ConfigCursor) -> Scenario.Workload {
        var workload = Scenario.Defaults.workload
        guard let fields = cursor.fields(Scenario.Keys.workload) else { return workload }
        let count = 1...1_000_000_000
        if let pledge = fields["pledge"], let rule = pledge.fields(Scenario.Keys.pledge) {
            let shortest = Duration.milliseconds(100)
            if let value = rule["every"]?.duration(atLeast: shortest) {
                workload.pledge.every = value
            }
            if let value = rule["packingMax"]?.integer(in: 0...1_000_000) {
                workload.pledge.packingMax = value
            }
            if let value = rule["initialPerHost"]?.integer(in: 0...100_000) {
                workload.pledge.initialPerHost = value
            }
            workload.pledge.sealingMaxPerHost = rule["sealingMaxPerHost"]?.integer(
                in: 1...1_000_000
            )
        }
        if let tickets = fields["tickets"] {
            let kinds = Scenario.TaskKind.allCases
            if let rules = tickets.fields(kinds.map(\.rawValue)) {
                workload.tickets = kinds.compactMap { kind in
                    rules[kind.rawValue].flatMap { Scenario.TicketRule.decode($0, kind) }
                }
            }
        }
        if let value = fields["provingAtStart"]?.integer(in: 0...100_000_000) {
            workload.provingAtStart = value
        }
        workload.sectorsTarget = fields["sectorsTarget"]?.integer(in: count)
        workload.sectorsMax = fields["sectorsMax"]?.integer(in: count)
        workload.deals =
            fields["deals"]?.list("deals", count: 0...cursor.sink.limits.listCountMax)?
            .compactMap { Scenario.DealStream.decode($0) } ?? []
        return workload
    }
}

extension Scenario.DealStream {
    fileprivate static func decode(_ cursor: ConfigCursor) -> Scenario.DealStream? {
        guard let fields = cursor.fields(Scenario.Keys.deal),
            let every = fields.required("every", "the time between two deals")
                .flatMap(DurationModel.decode),
            let size = fields.required("pieceSize", "a size such as 32GiB")?.bytes(),
            let start = fields.required("startAfter", "the time from a deal's offer to its start")
                .flatMap(DurationModel.decode)
        else { return nil }
        if every.meanSeconds < 1 {
            fields["every"]?.report("deals come a second apart at least, in the mean")
            return nil
        }
        return Scenario.DealStream(
            every: every, pieceSize: size, startAfter: start,
            lasts: fields["lasts"]?.duration(atLeast: .seconds(1)) ?? Scenario.Defaults.dealLasts,
            keepsUnsealedCopy: fields["keepUnsealedCopy"]?.boolean() ?? true)
    }
}

extension Scenario.TicketRule {
    fileprivate static func decode(
        _ cursor: ConfigCursor,
        _ kind: Scenario.TaskKind
    ) -> Scenario.TicketRule? {
        let scope = Scenario.Defaults.ticketScope(of: kind)
        if case .scalar = cursor.node.content {
            return cursor.eventRate().map {
                Scenario.TicketRule(task: kind, rate: $0, scope: scope)
            }
        }
        guard let fields = cursor.fields(Scenario.Keys.ticket) else { return nil }
        let per = fields["per"]?.choice("scope", of: Scenario.names()) as Scope?
        guard let rate = fields.required("rate", "a rate such as 2/4m")?.eventRate() else {
            return nil
        }
        return Scenario.TicketRule(task: kind, rate: rate, scope: per ?? scope)
    }
}

extension Scenario.Miner {
    static func decode(_ cursor: ConfigCursor) -> Scenario.Miner {
        var miner = Scenario.Defaults.miner
        guard let fields = cursor.fields(Scenario.Keys.miner) else { return miner }
        func count(
            _ key: String,
            _ field: WritableKeyPath<Scenario.Miner, Int>,
            _ range: ClosedRange<Int>
        ) {
            if let value = fields[key]?.integer(in: range) { miner[keyPath: field] = value }
        }
        func flag(_ key: String, _ field: WritableKeyPath<Scenario.Miner, Bool>) {
            if let value = fields[key]?.boolean() { miner[keyPath: field] = value }
        }
        func wait(_ key: String, _ field: WritableKeyPath<Scenario.Miner, Duration>) {
            if let value = fields[key]?.duration() { miner[keyPath: field] = value }
        }
        count("maxSealingSectors", \.maxSealingSectors, 0...10_000_000)
        count("maxSealingSectorsForDeals", \.maxSealingSectorsForDeals, 0...10_000_000)
        count("maxWaitDealsSectors", \.maxWaitDealsSectors, 0...10_000_000)
        wait("waitDealsDelay", \.waitDealsDelay)
        count("startEpochSealingBuffer", \.startEpochSealingBuffer, 0...1_000_000)
        flag("alwaysKeepUnsealedCopy", \.alwaysKeepUnsealedCopy)
        flag("finalizeEarly", \.finalizeEarly)
        flag("dataTemplate", \.dataTemplate)
        miner.sealingFootprint = fields["sealingFootprint"]?.bytes()
        flag("batchPreCommits", \.batchPreCommits)
        count("maxPreCommitBatch", \.maxPreCommitBatch, 1...256)
        wait("preCommitBatchWait", \.preCommitBatchWait)
        flag("aggregateCommits", \.aggregateCommits)
        count("minCommitBatch", \.minCommitBatch, 1...819)
        count("maxCommitBatch", \.maxCommitBatch, 1...819)
        wait("commitBatchWait", \.commitBatchWait)
        func fee(_ key: String, _ field: WritableKeyPath<Scenario.Miner, AttoFIL?>) {
            guard let cursor = fields[key], let value = cursor.attoFIL() else { return }
            guard UInt64(exactly: value.atto) != nil else {
                return cursor.report("a fee is below 18 FIL, not \(value)")
            }
            miner[keyPath: field] = value
        }
        fee("batchPreCommitAboveBaseFee", \.batchPreCommitAboveBaseFee)
        fee("aggregateAboveBaseFee", \.aggregateAboveBaseFee)
        fee("preCommitFeePerSector", \.preCommitFeePerSector)
        fee("commitFeePerSector", \.commitFeePerSector)
        return miner
    }
}

extension Scenario.Report {
    static func decode(_ cursor: ConfigCursor) -> Scenario.Report {
        var report = Scenario.Defaults.report
        guard let fields = cursor.fields(Scenario.Keys.report) else { return report }
        if let value = fields["warmUp"]?.duration() { report.warmUp = value }
        if let value = fields["until"]?.duration(atLeast: .seconds(1)) { report.until = value }
        return report
    }
}

extension Scenario {
    /// The words for the cases of an enum, for ``ConfigCursor/choice(_:of:)``.
    static func names<Value: RawRepresentable<String> & CaseIterable>() -> [(
        name: String, value: Value
    )] {
        Value.allCases.map { ($0.rawValue, $0) }
    }
}
