// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Sim

/// A small cluster of the shipped components with one bug between them.
struct MutantCluster: Sendable {
    static let sectorCount = 4
    static let faultsEnd = Instant(seconds: 2400)
    static let deadline = Instant(seconds: 14_400)
    static let nodes = ["chain", "miner", "w1", "w2"]
    let mutant: Mutant

    var explorer: Explorer {
        let cluster = self
        return Explorer(
            draw: { seed in
                var random = RandomStream(seed: seed, name: "mutants")
                return .drawn(nodes: Self.nodes, count: 6, until: Self.faultsEnd, from: &random)
            },
            trial: { try cluster.run($0) })
    }

    func run(_ one: ExploreCase) throws -> [Finding] {
        let world = SimulatedWorld(
            options: .init(seed: one.seed, lossDetection: .seconds(5), encodesNetworkMessages: true))
        let network = NetworkParameters.devnet(epochDuration: .seconds(10))
        let (store, tally, watch) = (MemorySectorStore(), Tally(), LandingWatch())
        world.record(into: watch)
        let chainStore = MutantChainStore(mutant)
        try world.addNode("chain") { [mutant] node in
            try node.spawn("chain") { home in
                try ChainNode(
                    home: home, parameters: network, beacon: DevnetBeacon(network: network.name, seed: 1),
                    verifier: MutantVerifier(mutant: mutant), store: chainStore)
            }
        }
        try bootMiner(world, network, store, tally)
        for name in ["w1", "w2"] { try bootWorker(world, name) }
        try world.apply(one.faults)
        world.run(until: Self.faultsEnd)
        while world.now < Self.deadline, tally.proven + tally.failed < Self.sectorCount {
            world.run(until: world.now + .seconds(300))
        }
        world.run(until: world.now + .seconds(300))
        let index = world.ref(
            at: Address(node: "miner", name: MinerAssembly.storageName), as: StorageMessage.self)
        let answer: StorageEvent = try world.ask(index) { .list(replyTo: $0) }
        var stores: [StoreState] = []
        if case .stores(let states) = answer { stores = states }
        let end = ClusterEnd(
            expected: Self.sectorCount, pledged: tally.pledged, proven: tally.proven, failed: tally.failed,
            left: store.load(miner: 1000).filter { $0.state != .proving },
            componentFailures: world.statistics.failures, stores: stores, mayGiveUp: false)
        return tally.findings + watch.findings + end.findings
    }

    private func bootMiner(
        _ world: SimulatedWorld, _ network: NetworkParameters, _ store: MemorySectorStore, _ tally: Tally
    ) throws {
        let boots = Counter()
        try world.addNode("miner") { [mutant] node in
            boots.value += 1
            let boot = boots.value
            let chain = node.ref(at: Address(node: "chain", name: "chain"), as: ChainMessage.self)
            let door = try node.spawn("chain-door") { home in
                Proxy(home: home, target: chain) { mutant.chainMessage($0, boot: boot) }
            }
            let assembly = MinerAssembly(
                manager: .init(
                    miner: 1000, proof: 5, makesSNARK: true,
                    pledgeRule: PledgeRule(
                        interval: .seconds(60), packingCountMax: Self.sectorCount,
                        initialCount: Self.sectorCount, totalCountMax: Self.sectorCount)),
                scheduler: .init(startGrace: .seconds(10)), policy: OldestLocalPolicy.name, chain: door,
                store: MutantStore(inner: store, mutant: mutant), sealingBytes: 100,
                lifetimeEpochs: network.defaultSectorLifetime,
                askAgainAfter: mutant == .neverAsksAgain ? .seconds(100_000_000) : .seconds(120),
                observer: tally)
            _ = try assembly.boot(on: node)
        }
    }

    private func bootWorker(_ world: SimulatedWorld, _ name: String) throws {
        var latest: MutantRunner?
        let joins = Counter()
        try world.addNode(name) { [mutant] node in
            latest?.retire()
            let runner = MutantRunner(world: world, mutant: mutant)
            latest = runner
            let scheduler = node.ref(
                at: Address(node: "miner", name: MinerAssembly.schedulerName), as: SchedulerMessage.self)
            let door = try node.spawn("door") { home in
                Proxy(home: home, target: scheduler) { mutant.schedulerMessage($0, joins) }
            }
            let info = WorkerInfo(
                name: name, host: "h-\(name)", store: "s-\(name)",
                slots: TaskType.allCases.map { .init($0, 2) })
            let store = StoreInfo(
                name: info.store, host: info.host, capacityBytes: 1_000, sealingCountMax: 5)
            try node.spawn("worker") { home in
                WorkerActor(home: home, info: info, store: store, runner: runner, scheduler: door)
            }
        }
    }
}

// Safety: touched by one world's thread.
final class Counter: @unchecked Sendable {
    var value = 0
}

extension Mutant {
    func chainMessage(_ message: ChainMessage, boot: Int) -> ChainMessage? {
        switch (self, message) {
        case (.preCommitsAreDropped, .preCommit), (.proofsAreDropped, .proveCommit),
            (.ticketsAreNotAsked, .ticket), (.seedsAreNotAsked, .seed):
            return nil
        case (.nothingAfterARestart, _): return boot > 1 ? nil : message
        case (.sectorsAreMixedUp, .seed(let key, let asker)):
            return .seed(SectorKey(miner: key.miner, number: key.number + 1000), replyTo: asker)
        case (.expirationIsPast, .preCommit(var preCommit, let asker)):
            preCommit.expiration = 1
            return .preCommit(preCommit, replyTo: asker)
        default: return message
        }
    }

    func schedulerMessage(_ message: SchedulerMessage, _ joins: Counter) -> SchedulerMessage? {
        switch message {
        case .report(let worker, let call, let result):
            switch self {
            case .finalizeReportsAreDropped: return call.task.type == .finalize ? nil : message
            case .reportsNameAnotherWorker: return .report(worker: worker + "x", call, result)
            case .reportsNameAnotherCall:
                return .report(worker: worker, CallID(task: call.task, number: call.number + 1000), result)
            case .successIsToldAsFailure:
                guard call.task.type == .preCommit2 else { return message }
                return .report(
                    worker: worker, call, .failed(TaskFailure(cause: .computeFailed, message: "by design")))
            default: return message
            }
        case .workerJoined(var info, let ref, let join, let store, let running, let finished):
            joins.value += 1
            var store = store
            switch self {
            case .joinsAfterTheFirstAreDropped: if joins.value > 1 { return nil }
            case .joinsHaveNoStore: store = nil
            case .joinsHaveNoSlotsForPreCommit2: info.slots.removeAll { $0.type == .preCommit2 }
            case .joinsNameAnotherHost: info.host += "x"
            default: break
            }
            return .workerJoined(info, ref, join, store: store, running: running, finished: finished)
        default: return message
        }
    }
}
