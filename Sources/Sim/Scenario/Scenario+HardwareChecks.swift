// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// What a scenario says of shared hardware must have an effect, and be possible.
extension Scenario {
    func checkHardware(_ findings: inout [Finding]) {
        for (index, host) in hosts.enumerated() {
            checkNodes(of: host, "hosts[\(index)]", &findings)
            checkProcessors(of: host, "hosts[\(index)]", &findings)
            checkCards(of: host, "hosts[\(index)]", &findings)
        }
        checkAmounts(&findings)
        checkStoreRequests(&findings)
        checkSwitches(&findings)
    }

    private func checkNodes(of host: HostGroup, _ path: String, _ findings: inout [Finding]) {
        func find(_ key: String, _ message: String) {
            findings.append(Finding(path: "\(path).\(key)", message: message))
        }
        if let groups = host.cpu.l3Groups, host.cpu.coresPerSocket % groups != 0 {
            find(
                "cpu.l3Groups",
                "\(host.cpu.coresPerSocket) cores of a socket are not divided evenly by \(groups) caches")
        }
        if host.cpu.l3 != nil, host.cpu.l3Groups == nil {
            find("cpu.l3", "say how many such caches a socket has, in l3Groups")
        }
        let pages = host.hugepagesByNode
        if !pages.isEmpty {
            let total = pages.reduce(0) { $0 &+ min($1.bytes, ByteCount.bytesMax / 1024) }
            if pages.count != host.numaNodes {
                find(
                    "hugepagesByNode",
                    "\(pages.count) sizes for \(host.numaNodes) NUMA nodes; write one for each")
            } else if total != host.hugepages.bytes {
                find(
                    "hugepagesByNode",
                    "the nodes have \(ByteCount(bytes: total)) together, and hugepages says "
                        + "\(host.hugepages)")
            }
        }
        for (index, worker) in host.workers.enumerated() {
            let place = "workers[\(index)]"
            if worker.cores == .l3, host.cpu.l3Groups == nil {
                find("\(place).cores", "cores: l3 needs cpu.l3Groups, the caches of one socket")
            }
            if worker.cores == .l3, worker.slots(of: .preCommit1) == 0 {
                find("\(place).cores", "cores: l3 is for workers with PreCommit1 slots")
            }
            guard worker.memory == .bound else { continue }
            if host.hugepages.bytes > 0, worker.slots.contains(where: { $0.kind != .preCommit1 }) {
                find(
                    "\(place).memory",
                    "huge pages serve PreCommit1 alone: bind workers that have no other slots, and let "
                        + "others take what is left")
            }
            if worker.slots(of: .preCommit1) > 0,
                !host.nodeMemory.contains(where: { $0 >= preCommit1MemoryBytes.bytes })
            {
                find(
                    "\(place).memory",
                    "no NUMA node has \(preCommit1MemoryBytes) for the two layers of one PreCommit1; leave "
                        + "the memory spread, or use fewer nodes")
            }
        }
        if host.memoryBandwidth != nil,
            !TaskKind.allCases.contains(where: { kind in
                host.slotsPerHost(of: kind) > 0 && memoryTraffic(of: kind, on: host) > 0
            })
        {
            find(
                "memoryBandwidth",
                "none of the tasks on these hosts moves anything through memory; give tasks their "
                    + "memoryTraffic")
        }
        if host.disks.contains(where: { $0.iops != nil && $0.sealing }),
            host.disks.contains(where: { $0.iops == nil && $0.sealing })
        {
            find("disks", "the sealing disks of a host are one store: give iops for all of them or for none")
        }
    }

    private func checkAmounts(_ findings: inout [Finding]) {
        for task in tasks {
            let path = "tasks.\(task.kind.rawValue)"
            let users = hosts.filter { $0.slotsPerHost(of: task.kind) > 0 }
            if task.memoryTraffic != nil, !users.contains(where: { $0.memoryBandwidth != nil }) {
                findings.append(
                    Finding(
                        path: "\(path).memoryTraffic",
                        message: "no host with \(task.kind.rawValue) slots says its memoryBandwidth"))
            }
            if task.kind == .windowPoSt {
                checkProving(task, hasUsers: !users.isEmpty, &findings)
                continue
            }
            for (key, amount) in [("reads", task.reads), ("writes", task.writes)] where amount != nil {
                guard !users.contains(where: { $0.disks.contains(where: \.sealing) }) else { continue }
                findings.append(
                    Finding(
                        path: "\(path).\(key)",
                        message: "no host with \(task.kind.rawValue) slots has a disk for sealing"))
            }
            guard task.requestSize != nil else { continue }
            if task.reads == nil, task.writes == nil {
                findings.append(
                    Finding(
                        path: "\(path).requestSize",
                        message: "the task reads and writes nothing; give its reads or writes"))
            } else if !users.contains(where: \.countsRequests) {
                findings.append(
                    Finding(
                        path: "\(path).requestSize",
                        message: "no disk for sealing of hosts with \(task.kind.rawValue) slots says its iops"
                    ))
            }
        }
        guard !tasks.contains(where: { $0.requestSize != nil }) else { return }
        for (index, host) in hosts.enumerated() {
            for (place, disk) in host.disks.enumerated() where disk.iops != nil {
                findings.append(
                    Finding(
                        path: "hosts[\(index)].disks[\(place)].iops",
                        message: "no task gives its requestSize, so that nothing would be counted"))
            }
        }
    }

    /// Proofs read from the long-term stores, and write nothing.
    private func checkProving(_ task: TaskModel, hasUsers: Bool, _ findings: inout [Finding]) {
        func find(_ key: String, _ message: String) {
            findings.append(Finding(path: "tasks.\(task.kind.rawValue).\(key)", message: message))
        }
        if task.reads != nil, !hasUsers { find("reads", "no host has \(task.kind.rawValue) slots") }
        if task.writes != nil { find("writes", "a proof writes nothing to disks; leave it out") }
        if task.requestSize != nil {
            find(
                "requestSize",
                "proofs read from long-term stores: give the requestSize of the stores, with their latency "
                    + "or requestsPerSecond")
        }
    }

    private func checkStoreRequests(_ findings: inout [Finding]) {
        for (index, store) in stores.enumerated() {
            let path = "stores[\(index)]"
            let needs = store.latency != nil || store.requestsPerSecond != nil
            if needs, store.requestSize == nil {
                let key = store.latency != nil ? "latency" : "requestsPerSecond"
                findings.append(
                    Finding(
                        path: "\(path).\(key)",
                        message: "say how much one request carries, in requestSize"))
            }
            if !needs, store.requestSize != nil {
                findings.append(
                    Finding(
                        path: "\(path).requestSize",
                        message: "requests cost nothing here; give the latency or requestsPerSecond"))
            }
        }
    }

    private func checkSwitches(_ findings: inout [Finding]) {
        let names = hosts.map(\.name) + stores.map(\.name)
        var taken: [String] = []
        checkDistinct(links.switches.map(\.name), "links.switches", &findings)
        for (index, item) in links.switches.enumerated() {
            let path = "links.switches[\(index)]"
            if item.backplane == nil, item.uplink == nil {
                findings.append(
                    Finding(path: path, message: "a switch without backplane and uplink limits nothing"))
            }
            for (place, member) in item.members.enumerated() {
                if !names.contains(member) {
                    findings.append(
                        Finding(
                            path: "\(path).members[\(place)]",
                            message: "no host group or store is called \"\(member)\""
                                + Suggestion.hint(for: member, among: names)))
                } else if taken.contains(member) {
                    findings.append(
                        Finding(
                            path: "\(path).members[\(place)]",
                            message: "\"\(member)\" hangs on a switch already"))
                }
                taken.append(member)
            }
        }
    }
}

extension Scenario {
    /// Bytes that one task of a kind moves through the memory of such a host.
    package func memoryTraffic(of kind: TaskKind, on host: HostGroup) -> Double {
        switch task(kind)?.memoryTraffic {
        case .bytes(let bytes): Double(bytes.bytes)
        case .computed, nil:
            SealingAmounts.bytes(
                .memoryTraffic, of: kind, sectorSize: sectorSize,
                cacheBytes: host.cacheBytes(sharedBy: host.slotsPerHost(of: kind)))
        }
    }

    /// Bytes that one task of a kind reads from, or writes to, the sealing disks.
    package func diskBytes(_ what: SealingAmounts.Kind, of kind: TaskKind) -> Double {
        let model = task(kind)
        switch what == .reads ? model?.reads : model?.writes {
        case .bytes(let bytes): return Double(bytes.bytes)
        case .computed: return SealingAmounts.bytes(what, of: kind, sectorSize: sectorSize)
        case nil: return 0
        }
    }
}

extension Scenario.HostGroup {
    /// Its sealing disks have a limit on requests.
    var countsRequests: Bool { disks.contains { $0.sealing && $0.iops != nil } }

    /// The third-level cache that each of so many tasks has; `nil` where the file says nothing of it.
    ///
    /// One task keeps to one cache; where there are more tasks than caches, they have equal parts.
    package func cacheBytes(sharedBy taskCount: Int) -> Int? {
        guard let size = cpu.l3, let groups = cpu.l3Groups else { return nil }
        let count = groups * cpu.sockets
        return taskCount <= count ? size.bytes : size.bytes / taskCount * count
    }

    /// Bytes of each NUMA node for PreCommit1: huge pages where there are any.
    package var nodeMemory: [Int] {
        if !hugepagesByNode.isEmpty { return hugepagesByNode.map(\.bytes) }
        let pool = hugepages.bytes > 0 ? hugepages : memory
        return Array(repeating: pool.bytes / max(1, numaNodes), count: max(1, numaNodes))
    }
}
