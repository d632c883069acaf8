// SPDX-License-Identifier: Apache-2.0
internal import Kernel
internal import Scheduler

/// What the tasks of a host share while they run: the memory of its NUMA nodes, its sealing disks, its cores
/// and its GPUs.
///
/// A task is as many flows as it uses of these, side by side, and is done when the last of them is. Its
/// duration in the scenario is what it takes alone: each flow's own limit is its amount by that duration.
/// Nothing of this is there where the scenario says nothing of it.
// Safety: touched only by the script and the components of one simulated world, which runs on one thread.
final class SharedHardware: @unchecked Sendable {
    /// One flow of a task.
    struct Part {
        let transfers: FairTransfers
        let uses: [FairShares.Use]
        /// Bytes, or seconds of the task's duration.
        let amount: Double
        /// It stands for the computing itself, which is as slow as its memory.
        let isComputing: Bool
        /// Bytes a second at most, whatever the task could use.
        var limit = Double.infinity
        /// The amount is that of one second, and grows with the task's duration.
        var isBySecond = false

        /// The whole amount of a task that takes so many seconds alone.
        func amount(of seconds: Double) -> Double { isBySecond ? amount * seconds : amount }
    }

    private struct Place: Hashable {
        let host: String
        /// The process, where its tasks contend for cores or cards.
        let node: String?
        let numaNode: Int?
        let stage: Int
    }

    private let scenario: Scenario
    private let stores: ModelStores
    private let memory: FairTransfers
    private var groups: [String: Scenario.HostGroup] = [:]
    /// By host, where tasks contend for cores or cards.
    private var processors: [String: ProcessorShares] = [:]
    /// What was found of a kind on a host; the same for all its tasks.
    private var known: [Place: [Part]] = [:]
    /// Some kind of task uses some of this.
    let isModelled: Bool

    init(
        scenario: Scenario, plan: ClusterPlan, stores: ModelStores, clock: ModelClock, countsFrom: Instant
    ) {
        self.scenario = scenario
        self.stores = stores
        memory = FairTransfers(clock: clock, countsFrom: countsFrom)
        isModelled = scenario.sharesHardware
        guard isModelled else { return }
        for process in plan.processes {
            guard let group = scenario.hosts.first(where: { $0.name == process.group }) else { continue }
            groups[process.host] = group
            if group.contendsForCores || group.contendsForCards, processors[process.host] == nil {
                addProcessors(of: process.host, plan.processors(of: process.host, group))
            }
            guard let rate = group.memoryBandwidth?.bytesPerSecond else { continue }
            for name in Self.memoryNames(process.host, group) {
                let nodes = group.bindsMemory ? 1 : max(1, group.numaNodes)
                memory.setCapacity(name, rate * Double(nodes))
            }
        }
    }

    private func addProcessors(of host: String, _ shares: ProcessorShares) {
        processors[host] = shares
        for set in shares.coreSets { memory.setCapacity("\(set.name) \(host)", set.count) }
        for pool in shares.cardPools { memory.setCapacity("\(pool.name) \(host)", pool.count) }
    }

    /// The memory of a host: node by node where a process is bound to one, else as one.
    private static func memoryNames(_ host: String, _ group: Scenario.HostGroup) -> [String] {
        guard group.bindsMemory else { return ["memory \(host)"] }
        return (0..<max(1, group.numaNodes)).map { "memory \(host) \($0)" }
    }

    /// The flows of a task; empty where it shares nothing.
    func parts(_ type: TaskType, host: String, node: String, numaNode: Int?) -> [Part] {
        guard isModelled else { return [] }
        let place = Place(
            host: host, node: processors[host] == nil ? nil : node, numaNode: numaNode, stage: type.stage)
        // What is read while packets are lost or a store is gone is of that time alone.
        guard stores.losses[host] == nil, !type.isPoSt || !stores.isSomeOutOfReach else {
            return find(type, place)
        }
        if let found = known[place] { return found }
        let found = find(type, place)
        known[place] = found
        return found
    }

    private func find(_ type: TaskType, _ place: Place) -> [Part] {
        guard let group = groups[place.host] else { return [] }
        var parts: [Part] = []
        let traffic = scenario.memoryTraffic(of: type.kind, on: group)
        if group.memoryBandwidth != nil, traffic > 0 {
            let names = Self.memoryNames(place.host, group)
            let own = place.numaNode.map { [names[min($0, names.count - 1)]] } ?? names
            let uses = own.map { FairShares.Use(memory.resource($0), weight: 1 / Double(own.count)) }
            parts.append(Part(transfers: memory, uses: uses, amount: traffic, isComputing: true))
        }
        parts += processorParts(type, place)
        if type.isPoSt {
            return parts + stores.provingReads(scenario.diskBytes(.reads, of: type.kind), place.host)
        }
        guard stores.hasDisks(place.host) else { return parts }
        let request = scenario.task(type.kind)?.requestSize.map { Double($0.bytes) }
        for what in [SealingAmounts.Kind.reads, .writes] {
            let bytes = scenario.diskBytes(what, of: type.kind)
            guard bytes > 0 else { continue }
            let uses = stores.diskUses(place.host, isWrite: what == .writes, requestBytes: request)
            parts.append(Part(transfers: stores.transfers, uses: uses, amount: bytes, isComputing: false))
        }
        return parts
    }

    private func processorParts(_ type: TaskType, _ place: Place) -> [Part] {
        guard let node = place.node, let shares = processors[place.host] else { return [] }
        var parts: [Part] = []
        // Rates are those of the task, so that all threads on a core are slowed alike.
        func add(_ claim: Double, _ names: [String]) {
            guard claim > 0 else { return }
            let uses = names.map {
                FairShares.Use(memory.resource("\($0) \(place.host)"), weight: claim)
            }
            parts.append(Part(transfers: memory, uses: uses, amount: 1, isComputing: true, isBySecond: true))
        }
        add(shares.cores(type, node), shares.sets(of: node).map(\.name))
        add(shares.cards(type, node), shares.pools(of: node).map(\.name))
        return parts
    }

    // MARK: Use

    /// The share that was taken of a host's cores, all together; `nil` where tasks do not contend for them.
    func coreUtilization(_ host: String) -> Double? {
        processors[host]?.coreSets.first.flatMap { memory.utilization("\($0.name) \(host)") }
    }

    /// The share that was taken of a host's cards, all together; `nil` where tasks do not contend for them.
    func cardUtilization(_ host: String) -> Double? {
        guard let shares = processors[host], !shares.cardPools.isEmpty else { return nil }
        // What is taken of a set within another is taken of that as well.
        let outer = shares.cardPools.filter { pool in
            !shares.cardPools.contains { pool.members.isStrictSubset(of: $0.members) }
        }
        let taken = outer.reduce(0.0) {
            $0 + (memory.utilization("\($1.name) \(host)") ?? 0) * $1.count
        }
        return taken / Double(shares.group.gpusPerHost)
    }

    /// The share that was taken of a host's memory bandwidth, all nodes together.
    func memoryUtilization(_ host: String) -> Double? {
        guard let group = groups[host], group.memoryBandwidth != nil else { return nil }
        let names = Self.memoryNames(host, group)
        let shares = names.compactMap { memory.utilization($0) }
        return shares.isEmpty ? nil : shares.reduce(0, +) / Double(shares.count)
    }

    /// The share that was taken of a host's disks, transfers included.
    func diskUtilization(_ host: String, _ name: String) -> Double? {
        stores.transfers.utilization("\(name) \(host)")
    }
}

extension Scenario.HostGroup {
    /// Some process is bound to one NUMA node.
    var bindsMemory: Bool { workers.contains { $0.memory == .bound } }
}

extension Scenario {
    /// Tasks of a host slow each other there by more than their slots.
    var sharesHardware: Bool {
        hosts.contains { $0.memoryBandwidth != nil || $0.contendsForCores || $0.contendsForCards }
            || tasks.contains { $0.reads != nil || $0.writes != nil }
    }
}
