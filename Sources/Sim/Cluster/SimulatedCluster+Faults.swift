// SPDX-License-Identifier: Apache-2.0
package import Kernel
private import Scheduler

/// What breaks.
extension SimulatedCluster {
    /// Arranges for every fault of a schedule to happen; its nodes are `chain`, `miner` and those
    /// of the plan.
    ///
    /// - Throws: ``KernelError`` with `unknownNode`.
    package func apply(_ schedule: FaultSchedule) throws(KernelError) { try world.apply(schedule) }

    func applyScenarioFaults() throws {
        for fault in scenario.faults { try apply(fault) }
    }

    private func apply(_ fault: Scenario.Fault) throws {
        let begin = Instant.zero + fault.at
        let end = fault.duration.map { begin + $0 }
        let processes = targets(fault.target)
        let hosts = plan.hosts.filter { host in processes.contains { $0.host == host.host } }
        switch fault.kind {
        case .workerKilled, .hostDown: try kill(processes.map(\.node), begin, end)
        case .gpuLost:
            // A process whose GPU has fallen off the bus dies and starts again when the host was
            // rebooted.
            let users = processes.filter { $0.runs(.preCommit2) || $0.runs(.commit2) }
            try kill(users.map(\.node), begin, end)
        case .chainDown: try kill([Self.chainNode], begin, end)
        case .minerKilled: try kill([Self.minerNode], begin, end)
        case .partition:
            let nodes = nodeNames(fault.target, processes)
            try schedule(.partition(nodes: nodes), begin)
            if let end { try schedule(.heal(nodes: nodes), end) }
        case .networkSlow: try slowNetwork(fault, processes, hosts.map(\.host), begin, end)
        case .diskLost: loseDisks(hosts, begin, end)
        case .diskSlow:
            for host in hosts {
                change(begin, end) { [stores] isOver in
                    stores.slowDisk(of: host.host, by: isOver ? 1 : fault.factor)
                }
            }
        case .storeDown:
            guard case .store(let name) = fault.target else { return }
            change(begin, end) { [stores] isOver in
                if isOver { stores.setUp(name) } else { stores.setDown(name, until: end) }
            }
        case .storeSlow:
            guard case .store(let name) = fault.target else { return }
            change(begin, end) { [stores] isOver in stores.slow(name, by: isOver ? 1 : fault.factor) }
        }
    }

    private func targets(_ target: Scenario.Fault.Target) -> [ClusterPlan.Process] {
        switch target {
        case .group(let group): plan.processes.filter { $0.group == group }
        case .host(let group, let index):
            plan.processes.filter { $0.group == group && $0.hostIndex == index }
        case .worker(let group, let index, let workers, let instance):
            plan.processes.filter {
                $0.group == group && $0.hostIndex == index && $0.workers == workers && $0.instance == instance
            }
        case .store, .chain, .miner: []
        }
    }

    private func nodeNames(_ target: Scenario.Fault.Target, _ processes: [ClusterPlan.Process]) -> [String] {
        switch target {
        case .chain: [Self.chainNode]
        case .miner: [Self.minerNode]
        default: processes.map(\.node)
        }
    }

    private func schedule(_ fault: FaultSchedule.Fault, _ at: Instant) throws {
        try world.apply(FaultSchedule([.init(at: at, fault)]))
    }

    private func kill(_ nodes: [String], _ begin: Instant, _ end: Instant?) throws {
        let workers = Set(plan.processes.filter { nodes.contains($0.node) }.map(\.name))
        world.at(begin) { [metrics] in metrics.losses.died(workers, at: begin) }
        for node in nodes {
            try schedule(.kill(node: node), begin)
            if let end { try schedule(.restart(node: node), end) }
        }
    }

    /// Calls `body` with `false` at the beginning and with `true` at the end, if there is one.
    private func change(_ begin: Instant, _ end: Instant?, _ body: @escaping (_ isOver: Bool) -> Void) {
        world.at(begin) { body(false) }
        if let end { world.at(end) { body(true) } }
    }

    private func slowNetwork(
        _ fault: Scenario.Fault, _ processes: [ClusterPlan.Process], _ hosts: [String], _ begin: Instant,
        _ end: Instant?
    ) throws {
        let usual = LinkModel(
            latency: scenario.links.latency, bytesPerSecond: max(1, scenario.links.bandwidth.bytesPerSecond))
        let slow = LinkModel(
            latency: usual.latency * fault.factor, bytesPerSecond: max(1, usual.bytesPerSecond / fault.factor)
        )
        let names = nodeNames(fault.target, processes)
        for name in names {
            let other = name == Self.minerNode ? Self.chainNode : Self.minerNode
            for (from, to) in [(name, other), (other, name)] {
                try schedule(.degrade(from: from, to: to, model: slow), begin)
                if let end { try schedule(.degrade(from: from, to: to, model: usual), end) }
            }
        }
        for host in hosts {
            change(begin, end) { [stores] isOver in
                stores.slowNetwork(of: host, by: isOver ? 1 : fault.factor)
            }
        }
    }

    private func loseDisks(_ hosts: [ClusterPlan.SealingHost], _ begin: Instant, _ end: Instant?) {
        let index = world.ref(
            at: Address(node: Self.minerNode, name: MinerAssembly.storageName), as: StorageMessage.self)
        for host in hosts {
            change(begin, end) { isOver in
                index.tell(isOver ? .attach(host.store) : .lose(store: host.store.name))
            }
        }
    }
}
