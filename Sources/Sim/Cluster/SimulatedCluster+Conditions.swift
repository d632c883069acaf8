// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
private import Scheduler

/// What conditions do to the world and to its models.
extension SimulatedCluster {
    /// Lets a condition hold from one instant to another; without an end for good.
    func hold(
        _ condition: FaultBook.Condition, _ names: [String], _ value: Double, from begin: Instant,
        to end: Instant?
    ) {
        let holder = faultBook.newHolder()
        let kind = faultKind
        world.at(begin) { [unowned self] in
            for name in names {
                faultBook.hold(condition, of: name, value, by: holder)
                enact(condition, name, until: end, for: kind)
            }
        }
        guard let end else { return }
        world.at(end) { [unowned self] in
            for name in names {
                faultBook.release(condition, of: name, by: holder)
                enact(condition, name, until: nil, for: kind)
            }
        }
    }

    private func enact(
        _ condition: FaultBook.Condition, _ name: String, until end: Instant?, for kind: Scenario.Fault.Kind?
    ) {
        noteAway(name, for: kind)
        let value = faultBook.value(condition, of: name)
        let holds = value != nil
        switch condition {
        case .down: setDown(name, holds)
        case .paused:
            guard let node = world.node(name) else { return }
            hosts.pause(name, holds)
            if holds { world.pause(node) } else { world.resume(node) }
        case .cutOff, .deaf, .mute: block(name)
        case .stuckTransfers, .slowTransfers, .lossyTransfers:
            hosts.restrict(
                name,
                .init(
                    isStuck: faultBook.holds(.stuckTransfers, of: name),
                    slowness: faultBook.value(.slowTransfers, of: name),
                    loss: faultBook.value(.lossyTransfers, of: name)))
        case .skewed:
            guard let node = world.node(name) else { return }
            world.setClock(of: node, ahead: .nanoseconds(Int64((value ?? 0) * 1e9)))
        case .slowLink, .lossy, .duplicating, .late: degrade(name)
        case .slowHost: hosts.slow(name, by: value)
        case .failing: hosts.setFailureShare(name, value)
        case .slowDisk: stores.slowDisk(of: name, by: value ?? 1)
        case .fullDisk:
            hosts.setFull(name, holds)
            attachStore(of: name)
        case .lostDisk:
            if holds { hosts.wipe(name) }
            attachStore(of: name)
        case .slowCard: stores.slowNetwork(of: name, by: value ?? 1)
        case .lossyCard: stores.losePackets(of: name, value)
        case .deadCard: stores.cutNetwork(of: name, holds)
        case .storeDown: if holds { stores.setDown(name, until: end) } else { stores.setUp(name) }
        case .storeUnmounted: stores.setMounted(name, !holds)
        case .storeSlow: stores.slow(name, by: value ?? 1)
        case .storeFull: stores.setFull(name, holds)
        case .outOfSync:
            chainConditions.isOutOfSync = holds
            wakeChain()
        case .mempoolFull: chainConditions.isMempoolFull = holds
        case .dearGas: chainConditions.baseFeeFactor = value ?? 1
        }
    }

    /// Counts the slots of a process that cannot work, for the report.
    private func noteAway(_ name: String, for kind: Scenario.Fault.Kind?) {
        guard let process = plan.processes.first(where: { $0.node == name }) else { return }
        let isAway = [FaultBook.Condition.down, .paused, .cutOff].contains { faultBook.holds($0, of: name) }
        guard isAway != awayNodes.contains(name) else { return }
        let slots = process.slots.map { (stage: $0.type.stage, count: $0.count) }
        if isAway {
            awayNodes.insert(name)
            faultLog.left(name, slots, for: kind, at: world.now)
        } else {
            awayNodes.remove(name)
            faultLog.cameBack(name, at: world.now)
        }
        metrics.away(slots, isAway: isAway, at: world.now)
    }

    private func setDown(_ name: String, _ isDown: Bool) {
        guard let node = world.node(name) else { return }
        guard !isDown else {
            let workers = Set(plan.processes.filter { $0.node == name }.map(\.name))
            metrics.died(workers, at: world.now)
            world.kill(node)
            hosts.died(name)
            return
        }
        do {
            try world.restart(node)
        } catch {
            // The node stays down, as the process would that cannot start.
            world.kill(node)
        }
    }

    /// Cuts or mends the links of a node with all others, as what holds of either end says.
    private func block(_ name: String) {
        let book = faultBook
        func isBlocked(_ from: String, _ to: String) -> Bool {
            book.holds(.cutOff, of: from) || book.holds(.cutOff, of: to) || book.holds(.mute, of: from)
                || book.holds(.deaf, of: to)
        }
        guard let node = world.node(name) else { return }
        for other in [Self.chainNode, Self.minerNode] + plan.processes.map(\.node) where other != name {
            guard let peer = world.node(other) else { continue }
            for (from, to) in [(node, peer), (peer, node)] {
                if isBlocked(from.name, to.name) {
                    world.cut(from: from, to: to)
                } else {
                    world.mend(from: from, to: to)
                }
            }
        }
    }

    /// Sets how a node's link to the miner behaves, and for the chain's no other.
    private func degrade(_ name: String) {
        guard let node = world.node(name), let miner = world.node(Self.minerNode) else { return }
        let model = troubledLink(name)
        world.degrade(from: node, to: miner, model)
        world.degrade(from: miner, to: node, model)
    }

    private func troubledLink(_ name: String) -> LinkModel? {
        let slow = faultBook.value(.slowLink, of: name)
        let loss = faultBook.value(.lossy, of: name)
        let duplication = faultBook.value(.duplicating, of: name)
        let late = faultBook.value(.late, of: name)
        guard slow != nil || loss != nil || duplication != nil || late != nil else { return nil }
        var model =
            linkException(name)
            ?? LinkModel(
                latency: scenario.links.latency,
                bytesPerSecond: max(1, scenario.links.bandwidth.bytesPerSecond))
        if let slow {
            model.latency = model.latency * slow
            model.bytesPerSecond = max(1, model.bytesPerSecond / slow)
        }
        model.loss = loss ?? 0
        model.duplication = duplication ?? 0
        if let late {
            // A quarter for all; half of them come out of order, up to four quarters later.
            model.latency += .nanoseconds(Int64(late / 4 * 1e9))
            model.reordering = 0.5
        }
        return model
    }

    /// Tells the storage index what is left of a host's sealing store.
    private func attachStore(of name: String) {
        guard let host = plan.hosts.first(where: { $0.host == name }) else { return }
        let index = world.ref(
            at: Address(node: Self.minerNode, name: MinerAssembly.storageName), as: StorageMessage.self)
        guard !faultBook.holds(.lostDisk, of: name) else {
            index.tell(.lose(store: host.store.name))
            return
        }
        var store = host.store
        if faultBook.holds(.fullDisk, of: name) { store.capacityBytes = 0 }
        index.tell(.attach(store))
    }

    /// Makes the chain's node look at the clock, and at what troubles it.
    func wakeChain() {
        world.ref(
            at: Address(node: Self.chainNode, name: MinerAssembly.chainName), as: ChainMessage.self
        ).tell(.epochReached(0))
    }
}
