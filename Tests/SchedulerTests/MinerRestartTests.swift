// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// A runner whose tasks take a fixed virtual time and that survives the miner, as a worker process does.
// Safety: used by one simulated world and its thread.
private final class SlowRunner: TaskRunner, @unchecked Sendable {
    let world: SimulatedWorld
    var started: [CallID] = []
    var aborted: [CallID] = []

    init(world: SimulatedWorld) { self.world = world }

    func start(
        _ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>
    ) {
        started.append(call)
        let bytes = [UInt8](repeating: 7, count: 32)
        let outcome: TaskOutcome =
            switch request.work {
            case .addPiece: .addPiece(unsealedCommitment: bytes, paddedBytes: 2048)
            case .preCommit1: .preCommit1(unsealedCommitment: bytes)
            case .preCommit2: .preCommit2(unsealedCommitment: bytes, sealedCommitment: bytes)
            case .commit1: .commit1(form: .modelled, proof: [1])
            case .commit2: .commit2(form: .modelled, proof: [2])
            case .finalize, .finalizeReplicaUpdate: .finalize(store: "long-term")
            case .addPieces: .addPiece(unsealedCommitment: bytes, paddedBytes: 2048)
            case .replicaUpdate:
                .replicaUpdate(unsealedCommitment: bytes, sealedCommitment: [UInt8](repeating: 8, count: 32))
            case .proveReplicaUpdate: .proveReplicaUpdate(proof: [3])
            case .releaseKey, .remove, .download: .completed
            case .windowPoSt: .windowPoSt(proof: [4], skipped: [])
            }
        world.at(world.now + .seconds(100)) { reportTo.tell(.finished(call, .done(outcome))) }
    }

    func abort(_ call: CallID) { aborted.append(call) }
}

@Suite("A miner that is killed and started again")
struct MinerRestartTests {
    private let world = SimulatedWorld(options: .init(seed: 9, lossDetection: .seconds(5)))
    private let store = MemorySectorStore()

    /// A cluster of chain, miner and one worker with one slot of each kind, and `count` sectors pledged.
    private func boot(_ runner: SlowRunner, sectors count: Int) throws -> SimulatedNode {
        let network = NetworkParameters.devnet(epochDuration: .seconds(1))
        let chainStore = MemoryChainStore()
        try world.addNode("chain") { node in
            try node.spawn("chain") { home in
                try ChainNode(
                    home: home, parameters: network, beacon: DevnetBeacon(network: network.name, seed: 1),
                    verifier: ModelProofVerifier(), store: chainStore)
            }
        }
        let store = store
        let miner = try world.addNode("miner") { node in
            let assembly = MinerAssembly(
                manager: .init(
                    miner: 1000, proof: 5, makesSNARK: true,
                    pledgeRule: PledgeRule(
                        interval: .seconds(60), packingCountMax: count, initialCount: count,
                        totalCountMax: count)),
                scheduler: .init(startGrace: .seconds(10), checksInvariants: true),
                policy: OldestLocalPolicy.name,
                chain: node.ref(at: Address(node: "chain", name: "chain"), as: ChainMessage.self),
                store: store,
                sealingBytes: 100, lifetimeEpochs: network.defaultSectorLifetime, askAgainAfter: .seconds(20))
            _ = try assembly.boot(on: node)
        }
        let world = world
        try world.addNode("w1") { node in
            let info = WorkerInfo(
                name: "w1", host: "h1", store: "h1:s", slots: TaskType.allCases.map { .init($0, 1) })
            try node.spawn("worker") { home in
                WorkerActor(
                    home: home, info: info,
                    store: StoreInfo(name: "h1:s", host: "h1", capacityBytes: 1_000, sealingCountMax: 5),
                    runner: runner,
                    scheduler: node.ref(
                        at: Address(node: "miner", name: MinerAssembly.schedulerName),
                        as: SchedulerMessage.self))
            }
        }
        return miner
    }

    @Test(
        "whenever it is killed, no task runs twice and every sector reaches Proving",
        arguments: stride(from: 30, through: 900, by: 45).map { $0 })
    func noWorkIsLost(killAtSeconds: Int) throws {
        let runner = SlowRunner(world: world)
        let miner = try boot(runner, sectors: 2)
        world.run(until: .zero + .seconds(killAtSeconds))
        world.kill(miner)
        // The worker finishes what it runs while nobody listens.
        world.run(until: .zero + .seconds(killAtSeconds + 120))
        try world.restart(miner)
        world.run(until: .zero + .seconds(3000))
        let records = store.load(miner: 1000)
        #expect(records.map(\.state) == [.proving, .proving])
        let tasks = runner.started.map(\.task)
        #expect(Set(tasks).count == tasks.count, "a task was started twice: \(tasks.map(\.description))")
        #expect(runner.aborted.isEmpty)
        #expect(tasks.count == 12, "six kinds for each of two sectors")
    }

    @Test("the room of sectors under way is taken again, and a store that does not come back is given up")
    func claims() throws {
        let runner = SlowRunner(world: world)
        let miner = try boot(runner, sectors: 2)
        world.run(until: .zero + .seconds(250))
        world.kill(miner)
        let worker = try #require(world.node("w1"))
        world.kill(worker)
        try world.restart(miner)
        world.run(until: .zero + .seconds(300))
        try world.restart(worker)
        world.run(until: .zero + .seconds(310))
        let index = world.ref(
            at: Address(node: "miner", name: MinerAssembly.storageName), as: StorageMessage.self)
        let answer: StorageEvent = try world.ask(index) { .list(replyTo: $0) }
        guard case .stores(let stores) = answer else {
            Issue.record("expected the list of stores")
            return
        }
        #expect(stores.map(\.sectorCount) == [2])
        #expect(stores.map(\.reservedBytes) == [200])

        world.kill(miner)
        world.kill(worker)
        try world.restart(miner)
        world.run(until: .zero + .seconds(500))
        let records = store.load(miner: 1000)
        #expect(records.allSatisfy { $0.state == .packing && $0.store == nil })
        #expect(records.allSatisfy { $0.lastError?.contains("lost") == true })
    }
}
