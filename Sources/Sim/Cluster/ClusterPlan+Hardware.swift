// SPDX-License-Identifier: Apache-2.0
internal import Scheduler

/// NUMA nodes, caches and memory in the terms of the scheduler's accounts.
extension ClusterPlan {
    /// Bytes of each NUMA node for the processes that are bound to it: its huge pages where a bound process
    /// has PreCommit1 slots, else its part of the memory.
    func nodeMemory(_ group: Scenario.HostGroup) -> [UInt64] {
        let usesPages = group.workers.contains { $0.memory == .bound && $0.slots(of: .preCommit1) > 0 }
        guard usesPages else {
            let nodes = max(1, group.numaNodes)
            let memory = UInt64(max(0, group.memory.bytes))
            return Array(repeating: memory / UInt64(nodes), count: nodes)
        }
        return group.nodeMemory.map { UInt64($0) }
    }

    /// The cores of each third-level cache, where some process wants them for itself.
    func coreGroups(_ group: Scenario.HostGroup, _ nodes: Int) -> [HostInfo.CoreGroup] {
        guard let perSocket = group.cpu.l3Groups, group.workers.contains(where: { $0.cores == .l3 }) else {
            return []
        }
        let count = perSocket * group.cpu.sockets
        let cores = group.cpu.coreCount / count
        return (0..<count).map { index in
            HostInfo.CoreGroup(
                id: "l3-\(index)", numaNode: index * nodes / count,
                cores: Array(index * cores..<(index + 1) * cores))
        }
    }

    /// What a process tells the scheduler of its host: one that computes on some CPUs alone has these, or as
    /// many as its slots take where that is more, as a real worker that is bound to them.
    func hostInfo(of process: Process) -> HostInfo? {
        guard var info = hostInfos[process.host] else { return nil }
        guard let cpus = process.cpus else { return info }
        let least = leastDevices { type in process.slots.first { $0.type == type }?.count ?? 0 }
        info.logicalCoreCount = max(cpus.count, least.coreCount)
        info.processors = cpus
        return info
    }

    /// The cores and cards of a host for which its tasks contend.
    func processors(of host: String, _ group: Scenario.HostGroup) -> ProcessorShares {
        ProcessorShares(
            group, processes.filter { $0.host == host },
            sectorBytes: ResourceTable.sectorBytes(ofProof: proof),
            hasCards: hostInfos[host]?.gpus.isEmpty == false)
    }

    /// The cells that a worker group changes: a bound PreCommit1 holds its two layers whole, and one with
    /// cores of its own holds a cache.
    func resources(
        _ workers: Scenario.WorkerGroup, _ scenario: Scenario
    ) -> [ResourceTable.Override] {
        guard workers.slots(of: .preCommit1) > 0, workers.memory == .bound || workers.cores == .l3 else {
            return []
        }
        let bytes = UInt64(scenario.sectorSize.bytes)
        let key = ResourceTable.Key(task: TaskType.preCommit1.rawValue, sectorBytes: bytes)
        var table = ResourceTable.standard
        var need = table.need(key.task, sectorBytes: bytes)
        need.wantsCoreGroup = workers.cores == .l3
        if workers.memory == .bound {
            need.minMemory = UInt64(scenario.preCommit1MemoryBytes.bytes)
            need.maxMemory = max(need.maxMemory, need.minMemory)
        }
        table[key] = need
        return table.differences(from: .standard)
    }
}
