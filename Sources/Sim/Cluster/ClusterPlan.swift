// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Kernel
package import Scheduler
private import Sealing

/// A scenario in the terms of the components that it furnishes: processes, stores, rates.
package struct ClusterPlan: Sendable {
    /// One worker process; a node of the world.
    package struct Process: Sendable, Hashable {
        /// As people write it: `group/host/workers/instance`.
        package var name: String
        /// The node's name: the same with `:` in place of `/`.
        package var node: String
        package var group: String
        package var hostIndex: Int
        package var workers: String
        package var instance: Int
        /// The host's name, `group/host`.
        package var host: String
        package var slots: [WorkerInfo.SlotCount]
        /// It takes sectors of other hosts and fetches their files.
        package var canFetch: Bool
        /// The NUMA node to which it is bound.
        package var numaNode: Int?
        /// Cells of the resource table that the scenario changes.
        package var resources: [ResourceTable.Override] = []
        /// The CPUs on which it computes; `nil` where the scenario names none.
        package var cpus: [Int]?

        /// Tells whether the process runs tasks of that kind.
        package func runs(_ type: TaskType) -> Bool { slots.contains { $0.type == type } }
    }

    /// A host that holds sectors under way.
    package struct SealingHost: Sendable, Hashable {
        package var group: String
        package var host: String
        package var store: StoreInfo
        /// What the host's disk and network card let out to a long-term store.
        package var outBytesPerSecond: Double
        package var readBytesPerSecond: Double
        package var writeBytesPerSecond: Double
        package var nicBytesPerSecond: Double
        /// Requests a second of its sealing disks; `nil` where they set no limit.
        package var diskRequestsPerSecond: Double?
    }

    /// The miner's actor number: the digits of a scenario's name, or 1000.
    package var miner: UInt64
    /// The registered seal proof's number.
    package var proof: UInt64
    package var processes: [Process] = []
    package var hosts: [SealingHost] = []
    /// What each host has, by its name.
    package var hostInfos: [String: HostInfo] = [:]
    /// The first host whose sectors must be moved to be sealed, and the kinds it lacks; `nil` where none
    /// must.
    package var moveNeed: (host: String, kinds: [TaskType])?
    package var pacing: [Pacing] = []
    package var pledge: PledgeRule
    /// Sectors that may be under way at once; 0 for no limit.
    package var sealingCountMax: Int
    package var network: NetworkParameters

    /// Reads a scenario.
    ///
    /// - Throws: ``SimulationError`` with `notSupported` or `impossible`.
    package init(_ scenario: Scenario) throws(SimulationError) {
        miner = Self.minerNumber(scenario.name)
        proof = try Self.proofNumber(scenario.sectorSize)
        network = Self.networkParameters(scenario.network)
        let p1Hosts = scenario.hosts.reduce(0) { $0 + ($1.slotsPerHost(of: .preCommit1) > 0 ? $1.count : 0) }
        let rule = scenario.workload.pledge
        pledge = PledgeRule(
            interval: rule.every, packingCountMax: rule.packingMax,
            initialCount: rule.initialPerHost * p1Hosts,
            totalCountMax: scenario.workload.sectorsMax)
        let limits = [
            scenario.miner.maxSealingSectors, rule.sealingMaxPerHost.map { $0 * p1Hosts } ?? 0,
        ].filter { $0 > 0 }
        sealingCountMax = limits.min() ?? 0
        pacing = try Self.pacing(scenario.workload.tickets)
        try checkDeals(scenario)
        for group in scenario.hosts {
            for index in 0..<group.count { try add(group, index, scenario) }
        }
        if !processes.contains(where: { $0.runs(.windowPoSt) }) { processes.append(Self.assumedProver) }
    }

    /// Proves deadlines where no worker of the scenario does: as if that were done elsewhere, in the usual
    /// time and without waiting, so that a scenario about sealing alone misses nothing.
    private static let assumedProver = Process(
        name: "assumed/post", node: "assumed:post", group: "assumed", hostIndex: 0, workers: "post",
        instance: 0, host: "assumed/post",
        slots: [.init(.windowPoSt, WorkerInfo.SlotCount.asResourcesAllow)], canFetch: false)

    /// Tells whether the scenario says who proves deadlines.
    package var provesDeadlines: Bool { processes.last?.name != Self.assumedProver.name }

    /// How many tasks of a kind can run at once.
    package func slotCount(_ type: TaskType) -> Int {
        processes.reduce(0) { $0 + $1.slots.reduce(0) { $0 + ($1.type == type ? $1.count : 0) } }
    }

    /// Sectors for which there is room on all sealing stores together.
    package func roomCount(
        sealingBytes: UInt64, on isMeant: (SealingHost) -> Bool = { _ in true }
    ) -> Int {
        hosts.reduce(0) { sum, host in
            guard isMeant(host) else { return sum }
            let byBytes = Int(clamping: host.store.capacityBytes / max(1, sealingBytes))
            let count = host.store.sealingCountMax
            return sum + (count > 0 ? min(count, byBytes) : byBytes)
        }
    }

    private mutating func add(
        _ group: Scenario.HostGroup, _ index: Int, _ scenario: Scenario
    ) throws(SimulationError) {
        let host = "\(group.name)/\(index)"
        let disks = group.disks.filter(\.sealing)
        let types = TaskType.sealing.filter { group.slotsPerHost(of: $0.kind) > 0 }
        // A host that takes no pieces begins no sectors; it may work on those of others if it fetches them.
        let beginsSectors = !disks.isEmpty && types.contains(.addPiece)
        let holdsSectors = beginsSectors || (!disks.isEmpty && fetches(group))
        hostInfos[host] = hostInfo(group, host)
        if beginsSectors { try checkKinds(types, host, scenario) }
        if holdsSectors {
            let limits = disks.map { $0.maxSealing ?? 0 }
            let store = StoreInfo(
                name: host, host: host,
                capacityBytes: disks.reduce(UInt64(0)) { $0 + UInt64($1.capacity.bytes) },
                sealingCountMax: limits.contains(0) ? 0 : limits.reduce(0, +),
                canStore: false, admitsNew: beginsSectors,
                readBytesPerSecond: sum(disks) { $0.read.bytesPerSecond },
                writeBytesPerSecond: sum(disks) { $0.write.bytesPerSecond })
            let read = disks.reduce(0.0) { $0 + $1.read.bytesPerSecond }
            hosts.append(
                SealingHost(
                    group: group.name, host: host, store: store,
                    outBytesPerSecond: min(
                        read, group.nic.bytesPerSecond, scenario.links.bandwidth.bytesPerSecond),
                    readBytesPerSecond: read,
                    writeBytesPerSecond: disks.reduce(0.0) { $0 + $1.write.bytesPerSecond },
                    nicBytesPerSecond: group.nic.bytesPerSecond,
                    diskRequestsPerSecond: disks.contains { $0.iops != nil }
                        ? disks.reduce(0.0) { $0 + Double($1.iops ?? 0) } : nil))
        }
        var boundCount = 0
        for workers in group.workers {
            var slots = (TaskType.sealing + [.windowPoSt]).compactMap { type -> WorkerInfo.SlotCount? in
                let count = workers.slots(of: type.kind)
                return count > 0 && (!type.needsFiles || holdsSectors) ? .init(type, count) : nil
            }
            guard !slots.isEmpty else { continue }
            // Who finalizes clears away as well: a sector that is given up leaves the disk.
            if let finalize = slots.first(where: { $0.type == .finalize }) {
                slots.append(.init(.remove, finalize.count))
            }
            let resources = resources(workers, scenario)
            for instance in 0..<workers.count {
                let parts = [group.name, String(index), workers.name, String(instance)]
                let isBound = workers.memory == .bound
                defer { boundCount += isBound ? 1 : 0 }
                processes.append(
                    Process(
                        name: parts.joined(separator: "/"), node: parts.joined(separator: ":"),
                        group: group.name, hostIndex: index, workers: workers.name, instance: instance,
                        host: host, slots: slots, canFetch: holdsSectors && workers.group == .none,
                        numaNode: isBound ? boundCount % max(1, group.numaNodes) : nil,
                        resources: resources, cpus: group.cpus(of: workers, instance: instance)))
            }
        }
    }

    /// Workers of the group take sectors of other hosts.
    private func fetches(_ group: Scenario.HostGroup) -> Bool {
        group.workers.contains { workers in
            workers.group == .none
                && TaskType.sealing.contains { $0.needsFiles && workers.slots(of: $0.kind) > 0 }
        }
    }

    private func sum(_ disks: [Scenario.Disk], _ rate: (Scenario.Disk) -> Double) -> UInt64 {
        UInt64(disks.reduce(0.0) { $0 + max(0, rate($1)) })
    }

    /// Every kind that a sector of the host needs is there, or on a host that fetches.
    private mutating func checkKinds(
        _ types: [TaskType], _ host: String, _ scenario: Scenario
    ) throws(SimulationError) {
        let missing = TaskType.sealing.filter { $0.needsFiles && !types.contains($0) }
        guard !missing.isEmpty else { return }
        let away = missing.filter { kind in
            !scenario.hosts.contains { group in
                group.disks.contains(where: \.sealing)
                    && group.workers.contains { $0.group == .none && $0.slots(of: kind.kind) > 0 }
            }
        }
        guard away.isEmpty else {
            let names = away.map(\.kind.rawValue).joined(separator: ", ")
            throw SimulationError(
                .impossible,
                "host \(host) holds sectors and has no slots for \(names), nor has any host that fetches "
                    + "sectors (group: none, and a disk for sealing): give the group a worker for these, "
                    + "or set sealing: false")
        }
        if moveNeed == nil { moveNeed = (host, missing) }
    }

    /// What a host of the group has, and at least what its slots take together: a scenario that says how many
    /// tasks run at once and how long they take then is believed, also where it names no GPU or no processor.
    /// Memory is taken as it is stated.
    private func hostInfo(_ group: Scenario.HostGroup, _ name: String) -> HostInfo {
        let nodes = max(1, group.numaNodes)
        let memory = UInt64(max(0, group.memory.bytes))
        let least = leastDevices { group.slotsPerHost(of: $0.kind) }
        var models = group.gpus.flatMap { Array(repeating: $0.model, count: $0.count) }
        while models.count < least.gpuCount { models.append("unnamed") }
        return HostInfo(
            name: name,
            logicalCoreCount: max(group.cpu.coreCount * group.cpu.threadsPerCore, least.coreCount),
            coreGroups: coreGroups(group, nodes),
            numaNodes: nodeMemory(group).enumerated().map {
                .init(index: $0.offset, memoryBytes: $0.element)
            },
            memoryBytes: memory,
            gpus: models.enumerated().map { .init(id: String($0.offset), name: $0.element) },
            nicBytesPerSecond: UInt64(max(0, group.nic.bytesPerSecond)))
    }

    /// What slots take when all of them are busy.
    func leastDevices(_ slotCount: (TaskType) -> Int) -> (coreCount: Int, gpuCount: Int) {
        let bytes = ResourceTable.sectorBytes(ofProof: proof)
        var cores = 0
        var gpus = 0.0
        for type in TaskType.sealing {
            let slots = slotCount(type)
            let need = ResourceTable.standard.need(type, sectorBytes: bytes)
            gpus += need.gpuUnits * Double(slots)
            let usesGPU = need.gpuUnits > 0 && need.threadsWithGPU > 0
            // A task that takes all processors counts as one beside the others.
            cores += slots * (usesGPU ? need.threadsWithGPU : need.threads.resolved(coreCount: 1))
        }
        return (cores, Int(gpus.rounded(.up)))
    }

    private static func pacing(_ rules: [Scenario.TicketRule]) throws(SimulationError) -> [Pacing] {
        var pacing: [Pacing] = []
        for rule in rules {
            guard let type = TaskType.sealing.first(where: { $0.kind == rule.task }) else { continue }
            guard rule.scope == .host else {
                throw SimulationError(
                    .notSupported,
                    "workload.tickets.\(rule.task.rawValue): tickets of the whole cluster are not modelled; "
                        + "write {rate: \(rule.rate), per: host}")
            }
            pacing.append(Pacing(type: type, count: rule.rate.count, interval: rule.rate.period))
        }
        return pacing
    }

    private static func proofNumber(_ size: ByteCount) throws(SimulationError) -> UInt64 {
        do {
            guard let size = SectorSize(rawValue: UInt64(size.bytes)) else {
                throw SimulationError(.impossible, "no proof is registered for sectors of \(size)")
            }
            return UInt64(try RegisteredSealProof.forSize(size).number)
        } catch let error as SimulationError {
            throw error
        } catch {
            throw SimulationError(.impossible, "no proof is registered for sectors of \(size)")
        }
    }

    private static func minerNumber(_ name: String) -> UInt64 {
        let digits = name.split(separator: "-").last.flatMap {
            $0.hasPrefix("f0") ? UInt64($0.dropFirst(2)) : nil
        }
        return digits ?? 1000
    }

    private static func networkParameters(_ network: Scenario.Network) -> NetworkParameters {
        var parameters = NetworkParameters(
            name: network.name, addressPrefix: network.name == "mainnet" ? .f : .t,
            epochDuration: network.epochDuration,
            preCommitChallengeDelay: Int64(network.preCommitChallengeDelay),
            messageConfidence: Int64(network.messageConfidence),
            seedConfidence: Int64(network.interactivePoRepConfidence),
            sectorSizes: network.sectorSizes.map { UInt64($0.bytes) })
        parameters.sealLookback = Int64(network.sealRandomnessLookback)
        parameters.maxTicketAge = Int64(network.maxPreCommitRandomnessLookback)
        parameters.maxProveCommitDuration = Int64(network.maxProveCommitDuration)
        return parameters
    }
}

extension TaskType {
    /// The kind by which scenarios know it.
    package var kind: Scenario.TaskKind {
        switch self {
        case .windowPoSt: .windowPoSt
        case .addPiece: .addPiece
        case .preCommit1: .preCommit1
        case .preCommit2: .preCommit2
        case .commit1: .commit1
        case .commit2: .commit2
        // A scenario has no durations for what comes after Proving: they are taken from the sealing task of
        // the same kind of work.
        case .replicaUpdate: .preCommit2
        case .proveReplicaUpdate: .commit2
        case .finalize, .finalizeReplicaUpdate, .releaseKey, .remove: .finalize
        case .download: .fetch
        }
    }

    /// The name in pictures and traces. Work of a sector's later life has its own, though its durations are
    /// those of a stage of sealing.
    package var title: String {
        switch self {
        case .replicaUpdate: "ReplicaUpdate"
        case .proveReplicaUpdate: "ProveReplicaUpdate"
        case .finalizeReplicaUpdate: "FinalizeReplicaUpdate"
        case .releaseKey: "ReleaseKey"
        case .remove: "Remove"
        case .download: "Download"
        default: kind.rawValue
        }
    }
}
