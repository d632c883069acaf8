// SPDX-License-Identifier: Apache-2.0
internal import Chain
package import Kernel
private import Scheduler

/// What breaks.
extension SimulatedCluster {
    /// Arranges for every fault of a schedule to happen; its nodes are `chain`, `miner` and those
    /// of the plan.
    ///
    /// - Throws: ``KernelError`` with `unknownNode`.
    package func apply(_ schedule: FaultSchedule) throws(KernelError) { try world.apply(schedule) }

    /// Arranges for a fault to happen; those with a rhythm go on for as long as the run does.
    package func apply(_ fault: Scenario.Fault) {
        guard let rhythm = fault.rhythm else {
            occur(fault, from: .zero + fault.at, for: fault.duration ?? fault.kind.usualDuration)
            return
        }
        for target in single(fault) {
            var one = fault
            one.target = target
            one.rhythm = nil
            let name = "\(fault.kind.rawValue) \(target) \(fault.at.nanoseconds)"
            let random = RandomStream(seed: options.seed, name: "$rhythm " + name)
            repeats(one, rhythm, after: .zero + fault.at, random)
        }
    }

    func applyScenarioFaults() {
        for fault in scenario.faults { apply(fault) }
    }

    // MARK: Rhythms

    /// The things of a target that break one by one.
    private func single(_ fault: Scenario.Fault) -> [Scenario.Fault.Target] {
        let processes = targets(fault.target)
        switch fault.kind.place {
        case .process:
            return processes.map {
                .worker(group: $0.group, index: $0.hostIndex, worker: $0.workers, instance: $0.instance)
            }
        case .host, .node, .link:
            guard case .group(let group) = fault.target else { return [fault.target] }
            let count = scenario.hosts.first { $0.name == group }?.count ?? 0
            return (0..<count).map { .host(group: group, index: $0) }
        case .store, .chain, .miner: return [fault.target]
        }
    }

    private func repeats(
        _ fault: Scenario.Fault, _ rhythm: Scenario.Fault.Rhythm, after start: Instant, _ stream: RandomStream
    ) {
        var random = stream
        func draw(_ mean: Duration) -> Duration {
            let seconds = -DeterministicMath.log(random.uniform()) * mean.inSeconds
            return .nanoseconds(Int64(max(1e6, min(seconds, 3e9) * 1e9)))
        }
        let begin = start + draw(rhythm.between)
        let span = rhythm.repair.map(draw) ?? fault.kind.usualDuration
        let rest = random
        world.at(begin) { [unowned self] in
            occur(fault, from: begin, for: span)
            repeats(fault, rhythm, after: begin + (span ?? .zero), rest)
        }
    }

    // MARK: Kinds

    /// One fault, from its beginning to its end.
    private func occur(_ fault: Scenario.Fault, from begin: Instant, for span: Duration?) {
        let end = span.map { begin + $0 }
        let processes = targets(fault.target)
        let hosts = hosts(of: processes)
        faultKind = fault.kind
        defer { faultKind = nil }
        note(fault, from: begin, to: end, turns: processes.count)
        func hold(_ condition: FaultBook.Condition, _ names: [String], _ value: Double = 1) {
            self.hold(condition, names, value, from: begin, to: end)
        }
        let nodes = nodeNames(fault.target, processes)
        switch fault.kind {
        case .workerKilled, .hostDown, .chainDown, .minerKilled: hold(.down, nodes)
        case .workerPaused: hold(.paused, nodes)
        case .hostReboot: reboot(processes, from: begin, to: end)
        case .hostSlow: hold(.slowHost, hosts, fault.factor)
        case .gpuLost:
            hold(.down, hosts.flatMap { host in losers(ofCardOf: host, fault.gpu, processes) })
        case .memoryError, .outOfMemory: killOne(fault.kind, nodes, at: begin, for: span)
        case .rollingUpgrade:
            let turn = span ?? .seconds(1)
            for (index, node) in nodes.enumerated() {
                let first = begin + turn * index
                self.hold(.down, [node], 1, from: first, to: first + turn)
            }
        case .taskFailures: hold(.failing, hosts, fault.share)
        case .diskLost: hold(.lostDisk, hosts)
        case .diskFull: hold(.fullDisk, hosts)
        case .diskSlow: hold(.slowDisk, hosts, fault.factor)
        case .fileCorrupt:
            world.at(begin) { [unowned self] in self.hosts.damage(on: hosts, &faultRandom) }
        case .storeDown, .storeUnmounted, .storeSlow, .storeFull: occur(fault, hold)
        case .partition:
            if case .store = fault.target { return occur(fault, hold) }
            hold(.cutOff, nodes)
            if fault.target.isProcess { hold(.stuckTransfers, nodes) } else { hold(.deadCard, hosts) }
        case .inboundCut: hold(.deaf, nodes)
        case .outboundCut: hold(.mute, nodes)
        case .nicFlapping: flap(nodes, hosts, turn: fault.by, from: begin, to: end)
        case .networkSlow:
            if case .store = fault.target { return occur(fault, hold) }
            hold(.slowLink, linkNames(nodes), fault.factor)
            if fault.target.isProcess {
                hold(.slowTransfers, nodes, fault.factor)
            } else {
                hold(.slowCard, hosts, fault.factor)
            }
        case .packetLoss:
            hold(.lossy, linkNames(nodes), fault.share)
            if fault.target.isProcess {
                hold(.lossyTransfers, nodes, fault.share)
            } else {
                hold(.lossyCard, hosts, fault.share)
            }
        case .messagesDuplicated: hold(.duplicating, linkNames(nodes), fault.share)
        case .messagesLate: hold(.late, linkNames(nodes), fault.by.inSeconds)
        case .chainOutOfSync: hold(.outOfSync, nodes)
        case .mempoolFull: hold(.mempoolFull, nodes)
        case .baseFeeSpike: hold(.dearGas, nodes, fault.factor)
        case .chainReorg:
            let epochs = plan.network.messageConfidence
            world.at(begin) { [unowned self] in
                chainConditions.reorganize(epochs: epochs)
                wakeChain()
            }
        case .clockSkew: hold(.skewed, nodes, fault.by.inSeconds)
        }
    }

    private func note(_ fault: Scenario.Fault, from begin: Instant, to end: Instant?, turns: Int) {
        var last = fault.kind.isMomentary ? begin : end
        // One process after another.
        if fault.kind == .rollingUpgrade, let end { last = begin + (end - begin) * max(1, turns) }
        faultLog.add(
            .init(kind: fault.kind, target: fault.target.description, begin: begin, end: last), at: world.now)
    }

    private func occur(
        _ fault: Scenario.Fault, _ hold: (FaultBook.Condition, [String], Double) -> Void
    ) {
        guard case .store(let name) = fault.target else { return }
        switch fault.kind {
        case .storeUnmounted: hold(.storeUnmounted, [name], 1)
        case .storeFull: hold(.storeFull, [name], 1)
        case .storeSlow, .networkSlow: hold(.storeSlow, [name], fault.factor)
        default: hold(.storeDown, [name], 1)
        }
    }

    /// The processes that use one card of a host, drawn among its cards where none is named.
    ///
    /// Assumed where processes do not say which cards they use: they take the cards in turn, or the cards the
    /// processes where there are more cards.
    private func losers(
        ofCardOf host: String, _ named: Int?, _ processes: [ClusterPlan.Process]
    ) -> [String] {
        let own = processes.filter { $0.host == host }
        guard let group = scenario.hosts.first(where: { $0.name == own.first?.group }), group.gpusPerHost > 0
        else {
            // A host whose cards the file leaves out has one, for those who cannot seal without.
            return own.filter { $0.runs(.preCommit2) || $0.runs(.commit2) }.map(\.node)
        }
        let users = group.cards(of: own)
        let count = group.gpusPerHost
        let card = named ?? (count > 1 ? faultRandom.index(below: count) : 0)
        return own.filter { users[$0.node]?.contains(card) == true }.map(\.node)
    }

    /// Some fault takes a card from a process that proves deadlines.
    var losesProvingCards: Bool {
        scenario.faults.contains { fault in
            fault.kind == .gpuLost
                && targets(fault.target).contains { process in
                    process.runs(.windowPoSt)
                        && scenario.hosts.contains { $0.name == process.group && $0.gpusPerHost > 0 }
                }
        }
    }

    /// After the reboot those come first that others need: AddPiece, then PreCommit2, then the rest.
    private func reboot(_ processes: [ClusterPlan.Process], from begin: Instant, to end: Instant?) {
        func rank(_ process: ClusterPlan.Process) -> Int {
            process.runs(.addPiece) ? 0 : process.runs(.preCommit2) ? 1 : 2
        }
        for host in hosts(of: processes) {
            let members = processes.filter { $0.host == host }
            let ordered = (0...2).flatMap { wanted in members.filter { rank($0) == wanted } }
            for (index, process) in ordered.enumerated() {
                // Assumed: ten seconds from one process to the next.
                hold(
                    .down, [process.node], 1, from: begin, to: end.map { $0 + .seconds(10) * index })
            }
        }
    }

    private func killOne(
        _ kind: Scenario.Fault.Kind, _ nodes: [String], at begin: Instant, for span: Duration?
    ) {
        world.at(begin) { [unowned self] in
            let live = nodes.filter { world.node($0)?.isUp == true }
            guard !live.isEmpty else { return }
            var victim = live[0]
            if kind == .outOfMemory {
                for node in live where hosts.taskCount(node) > hosts.taskCount(victim) { victim = node }
            } else {
                victim = live[faultRandom.index(below: live.count)]
            }
            faultKind = kind
            defer { faultKind = nil }
            hold(.down, [victim], 1, from: begin, to: span.map { begin + $0 })
        }
    }

    private func flap(
        _ nodes: [String], _ hosts: [String], turn: Duration, from begin: Instant, to end: Instant?
    ) {
        let known = faultKind
        faultKind = .nicFlapping
        defer { faultKind = known }
        let half = begin + turn / 2
        let up = end.map { min($0, half) } ?? half
        hold(.cutOff, nodes, 1, from: begin, to: up)
        hold(.deadCard, hosts, 1, from: begin, to: up)
        let next = begin + turn
        guard end.map({ next < $0 }) ?? true else { return }
        world.at(next) { [unowned self] in flap(nodes, hosts, turn: turn, from: next, to: end) }
    }

    // MARK: Targets

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

    /// The nodes whose links to the miner are meant: all for the miner itself.
    private func linkNames(_ nodes: [String]) -> [String] {
        nodes == [Self.minerNode] ? [Self.chainNode] + plan.processes.map(\.node) : nodes
    }

    /// The hosts of processes, in order.
    private func hosts(of processes: [ClusterPlan.Process]) -> [String] {
        var names: [String] = []
        for process in processes where names.last != process.host && !names.contains(process.host) {
            names.append(process.host)
        }
        return names
    }
}

extension Scenario.Fault.Target {
    /// One process: the card of its host goes on serving the others.
    fileprivate var isProcess: Bool {
        if case .worker = self { true } else { false }
    }
}
