// SPDX-License-Identifier: Apache-2.0
private import Kernel
internal import Scheduler

/// What memory and disks that tasks share allow, by formula, and how much of them was taken.
extension SimulatedCluster {
    /// The limits that are no stage's.
    static let sharedLimits = [
        "memory bandwidth", "disk reads", "disk writes", "disk requests", SharedCapacities.cores,
        SharedCapacities.gpus,
    ]

    /// What a stage's slots allow; what its memory, disks, cores and cards allow is a limit of its own,
    /// unless some of the slots lack them while others have too much.
    func stageLimit(
        _ stage: SimulationReport.Stage, _ type: TaskType, _ hardware: Double?
    ) -> Double? {
        guard let perHour = stage.capacityPerHour, let hardware,
            let alone = capacity(type, stage.slots, alone: true)
        else { return stage.capacityPerHour }
        return perHour < 0.999 * min(alone, hardware) ? perHour : alone
    }

    /// Slots that work at full speed when all of a kind are taken and no other kind uses what they share.
    func effectiveSlots(_ type: TaskType, _ slots: Int) -> Double {
        guard shared.isModelled, let seconds = scenario.task(type.kind)?.duration.meanSeconds, seconds > 0
        else { return Double(slots) }
        return scenario.hosts.reduce(0.0) { sum, group in
            sum + Double(group.count) * effectiveSlots(type, group, seconds)
        }
    }

    private func effectiveSlots(_ type: TaskType, _ group: Scenario.HostGroup, _ seconds: Double) -> Double {
        let host = "\(group.name)/0"
        var byNode: [Int: Int] = [:]
        var spread = 0
        for process in plan.processes where process.host == host {
            let count = process.slots.reduce(0) { $0 + ($1.type == type ? $1.count : 0) }
            if let node = process.numaNode { byNode[node, default: 0] += count } else { spread += count }
        }
        var slots = Double(spread)
        let traffic = scenario.memoryTraffic(of: type.kind, on: group)
        let nodeSlots: Double
        let rate = group.memoryBandwidth?.bytesPerSecond ?? .infinity
        nodeSlots = traffic > 0 ? rate * seconds / traffic : .infinity
        for node in byNode.keys.sorted() { slots += min(Double(byNode[node] ?? 0), nodeSlots) }
        slots = min(slots, nodeSlots * Double(max(1, group.numaNodes)))
        if group.contendsForCores || group.contendsForCards {
            let own = plan.processes.filter { $0.host == host }
            slots = min(slots, plan.processors(of: host, group).effectiveSlots(type, own))
        }
        guard let disks = plan.hosts.first(where: { $0.host == host }) else { return slots }
        let (reads, writes) = (
            scenario.diskBytes(.reads, of: type.kind), scenario.diskBytes(.writes, of: type.kind)
        )
        if reads > 0 { slots = min(slots, disks.readBytesPerSecond * seconds / reads) }
        if writes > 0 { slots = min(slots, disks.writeBytesPerSecond * seconds / writes) }
        let requests = requestCount(type)
        if let limit = disks.diskRequestsPerSecond, requests > 0 {
            slots = min(slots, limit * seconds / requests)
        }
        return slots
    }

    /// Other tasks or transfers use what tasks of the kind share, so that less may be done than the slots and
    /// the hardware allow for it alone.
    func sharesWithOthers(_ type: TaskType) -> Bool {
        guard shared.isModelled else { return false }
        if scenario.diskBytes(.reads, of: type.kind) + scenario.diskBytes(.writes, of: type.kind) > 0 {
            return true
        }
        return scenario.hosts.contains { group in
            contendsWithOthers(type, group)
                || group.memoryBandwidth != nil && scenario.memoryTraffic(of: type.kind, on: group) > 0
                    && Scenario.TaskKind.allCases.contains { other in
                        other != type.kind && group.slotsPerHost(of: other) > 0
                            && scenario.memoryTraffic(of: other, on: group) > 0
                    }
        }
    }

    /// Tasks of other kinds want cores or cards of the same hosts.
    private func contendsWithOthers(_ type: TaskType, _ group: Scenario.HostGroup) -> Bool {
        guard group.contendsForCores || group.contendsForCards, group.slotsPerHost(of: type.kind) > 0 else {
            return false
        }
        let host = "\(group.name)/0"
        let shares = plan.processors(of: host, group)
        let own = plan.processes.filter { $0.host == host }
        func wants(_ other: TaskType, _ amount: (TaskType, String) -> Double) -> Bool {
            own.contains { $0.runs(other) && amount(other, $0.node) > 0 }
        }
        return [shares.cores, shares.cards].contains { amount in
            wants(type, amount)
                && (TaskType.sealing + [.windowPoSt]).contains { $0.kind != type.kind && wants($0, amount) }
        }
    }

    /// Sectors an hour that memory, disks, cores and cards allow; only what every sector must pass.
    func sharedHardwareLimits() -> [(name: String, formula: String, perHour: Double)] {
        guard shared.isModelled else { return [] }
        var limits: [(name: String, formula: String, perHour: Double)] = []
        if let memory = memoryLimit() { limits.append(memory) }
        func add(_ name: String, _ capacity: Double, _ amount: Double, _ unit: String) {
            guard amount > 0, capacity > 0 else { return }
            let scale = unit == "GB" ? 1e9 : 1e6
            limits.append(
                (
                    name,
                    "\(Self.figure(capacity / scale)) \(unit)/s ÷ \(Self.figure(amount / scale)) \(unit)",
                    capacity * 3600 / amount
                ))
        }
        let kinds = TaskType.sealing
        let reads = kinds.reduce(0.0) { $0 + scenario.diskBytes(.reads, of: $1.kind) }
        let writes = kinds.reduce(0.0) { $0 + scenario.diskBytes(.writes, of: $1.kind) }
        if reads > 0 {
            add(
                "disk reads", plan.hosts.reduce(0) { $0 + $1.readBytesPerSecond },
                reads + Double(draws.transferBytes(.finalize)), "GB")
        }
        add("disk writes", plan.hosts.reduce(0) { $0 + $1.writeBytesPerSecond }, writes, "GB")
        let rates = plan.hosts.compactMap(\.diskRequestsPerSecond)
        if rates.count == plan.hosts.count {
            add(
                "disk requests", rates.reduce(0, +), kinds.reduce(0.0) { $0 + requestCount($1) },
                "million requests")
        }
        return limits + processorLimits()
    }

    /// Cores and cards, where tasks contend for them and there are fewer than all slots want.
    private func processorLimits() -> [(name: String, formula: String, perHour: Double)] {
        guard scenario.hosts.contains(where: { $0.contendsForCores || $0.contendsForCards }) else {
            return []
        }
        let screen = ClusterScreen(scenario, plan)
        return [(SharedCapacities.cores, "core"), (SharedCapacities.gpus, "card")].compactMap { name, one in
            guard let limit = screen.limit(of: name, counts: scenario.hosts.map(\.count)) else { return nil }
            // Where lists or bindings keep tasks from some of it, less is used at once.
            let used = limit.sectorsPerHour * limit.hours
            let some = used < 0.995 * limit.amount ? "\(Self.figure(used)) of " : ""
            let words =
                "\(some)\(Self.figure(limit.amount)) \(one)s ÷ \(Self.figure(limit.hours)) \(one) hours"
            return (name, words, limit.sectorsPerHour)
        }
    }

    /// Memory of all hosts by what a sector moves through it; `nil` where some host has it without end.
    private func memoryLimit() -> (name: String, formula: String, perHour: Double)? {
        var perSector = 0.0
        var capacity = 0.0
        var groups: [Scenario.HostGroup] = []
        for kind in Scenario.TaskKind.sealing {
            let users = scenario.hosts.filter {
                $0.slotsPerHost(of: kind) > 0 && scenario.memoryTraffic(of: kind, on: $0) > 0
            }
            guard let first = users.first else { continue }
            guard users.allSatisfy({ $0.memoryBandwidth != nil }) else { return nil }
            // Kinds on different hosts, or caches of different size, have no common formula.
            if groups.isEmpty { groups = users }
            let traffic = scenario.memoryTraffic(of: kind, on: first)
            guard groups == users,
                users.allSatisfy({ scenario.memoryTraffic(of: kind, on: $0) == traffic })
            else { return nil }
            perSector += traffic
        }
        for group in groups {
            let nodes = Double(group.count * max(1, group.numaNodes))
            capacity += nodes * (group.memoryBandwidth?.bytesPerSecond ?? 0)
        }
        guard perSector > 0 else { return nil }
        return (
            "memory bandwidth",
            "\(Self.figure(capacity / 1e9)) GB/s ÷ \(Self.figure(perSector / 1e9)) GB",
            capacity * 3600 / perSector
        )
    }

    private func requestCount(_ type: TaskType) -> Double {
        guard let size = scenario.task(type.kind)?.requestSize else { return 0 }
        return
            (scenario.diskBytes(.reads, of: type.kind) + scenario.diskBytes(.writes, of: type.kind))
            / Double(size.bytes)
    }

    /// The share of each group's memory and disks that was taken after the warm-up, in the mean over its
    /// hosts; empty where tasks share nothing.
    func hardwareUses() -> [SimulationReport.HardwareUse] {
        guard shared.isModelled else { return [] }
        var uses: [SimulationReport.HardwareUse] = []
        for group in scenario.hosts {
            func add(_ what: String, _ share: (String) -> Double?) {
                let shares = (0..<group.count).compactMap { share("\(group.name)/\($0)") }
                guard !shares.isEmpty else { return }
                uses.append(
                    .init(
                        group: group.name, what: what,
                        utilization: shares.reduce(0, +) / Double(shares.count)))
            }
            add("memory bandwidth") { shared.memoryUtilization($0) }
            add("cores") { shared.coreUtilization($0) }
            add("gpus") { shared.cardUtilization($0) }
            guard plan.hosts.contains(where: { $0.group == group.name }) else { continue }
            add("disk reads") { shared.diskUtilization($0, "disk-read") }
            add("disk writes") { shared.diskUtilization($0, "disk-write") }
            add("disk requests") { shared.diskUtilization($0, "disk-requests") }
        }
        guard scenario.diskBytes(.reads, of: .windowPoSt) > 0 else { return uses }
        for store in scenario.stores {
            guard let share = shared.diskUtilization(store.name, "store-read") else { continue }
            uses.append(.init(group: store.name, what: "store reads", utilization: share))
        }
        return uses
    }
}
