// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler

/// A runner whose tasks take a fixed virtual time and yield distinct commitments for each sector.
// Safety: used by one simulated world and its thread.
final class FixedRunner: TaskRunner, @unchecked Sendable {
    let world: SimulatedWorld
    var started: [CallID] = []
    var works: [TaskRequest] = []
    /// Fails the task where it says why.
    var failure: (TaskRequest) -> TaskFailure? = { _ in nil }

    init(world: SimulatedWorld) { self.world = world }

    func start(
        _ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>
    ) {
        started.append(call)
        works.append(request)
        let number = UInt8(truncatingIfNeeded: request.id.sector.number)
        let data = [UInt8](repeating: number, count: 32)
        let replica = [UInt8](repeating: number, count: 31) + [1]
        let outcome: TaskOutcome =
            switch request.work {
            case .addPiece, .addPieces: .addPiece(unsealedCommitment: data, paddedBytes: 2048)
            case .preCommit1: .preCommit1(unsealedCommitment: data)
            case .preCommit2: .preCommit2(unsealedCommitment: data, sealedCommitment: replica)
            case .commit1: .commit1(form: .modelled, proof: [1])
            case .commit2: .commit2(form: .modelled, proof: [2])
            case .finalize, .finalizeReplicaUpdate: .finalize(store: "long-term")
            case .replicaUpdate:
                .replicaUpdate(unsealedCommitment: replica, sealedCommitment: Array(replica.dropLast()) + [7])
            case .proveReplicaUpdate: .proveReplicaUpdate(proof: [3])
            case .releaseKey, .remove, .download: .completed
            case .windowPoSt: .windowPoSt(proof: [4], skipped: [])
            }
        let result = failure(request).map { TaskResult.failed($0) } ?? .done(outcome)
        world.at(world.now + .seconds(20)) { reportTo.tell(.finished(call, result)) }
    }

    func abort(_ call: CallID) {}
}

/// Chain, miner and one worker, in a simulated world of one-second epochs.
struct LifecycleCluster {
    let world: SimulatedWorld
    let store = MemorySectorStore()
    let chainStore = MemoryChainStore()
    let runner: FixedRunner
    let miner: SimulatedNode

    init(
        seed: UInt64 = 5, batching: [BatchKind: BatchPolicy]? = nil, pledged: Int = 0,
        limits: SectorLimits? = nil, packing: PackingQueue.Options? = nil,
        alwaysKeepsUnsealed: Bool = true,
        disk: BreakableStore.Switch = .init(),
        machine: (inout SectorStateMachine.Limits) -> Void = { _ in }
    ) throws {
        world = SimulatedWorld(options: .init(seed: seed, lossDetection: .seconds(5)))
        runner = FixedRunner(world: world)
        let network = NetworkParameters.devnet(epochDuration: .seconds(1))
        let (store, chainStore, runner) = (BreakableStore(store: store, state: disk), chainStore, runner)
        try world.addNode("chain") { node in
            try node.spawn("chain") { home in
                try ChainNode(
                    home: home, parameters: network, beacon: DevnetBeacon(network: network.name, seed: 1),
                    verifier: ModelProofVerifier(), store: chainStore)
            }
        }
        var machineLimits = SectorStateMachine.Limits(network: network, finality: 30)
        machine(&machineLimits)
        let rule = PledgeRule(
            interval: .seconds(3600), packingCountMax: pledged, initialCount: pledged, totalCountMax: pledged)
        let (finalLimits, slots) = (machineLimits, TaskType.allCases.map { WorkerInfo.SlotCount($0, 4) })
        miner = try world.addNode("miner") { node in
            var manager = SectorManager.Options(
                miner: 1000, proof: 5, makesSNARK: true, pledgeRule: pledged > 0 ? rule : nil,
                limits: limits, packing: packing)
            manager.alwaysKeepsUnsealed = alwaysKeepsUnsealed
            let assembly = MinerAssembly(
                manager: manager,
                scheduler: .init(startGrace: .seconds(10), checksInvariants: true),
                policy: OldestLocalPolicy.name,
                chain: node.ref(at: Address(node: "chain", name: "chain"), as: ChainMessage.self),
                store: store, limits: finalLimits, sealingBytes: 100,
                lifetimeEpochs: network.defaultSectorLifetime, askAgainAfter: .seconds(20),
                batching: batching)
            _ = try assembly.boot(on: node)
        }
        try world.addNode("w1") { node in
            let info = WorkerInfo(name: "w1", host: "h1", store: "h1:s", slots: slots)
            try node.spawn("worker") { home in
                WorkerActor(
                    home: home, info: info,
                    store: StoreInfo(name: "h1:s", host: "h1", capacityBytes: 10_000, sealingCountMax: 50),
                    runner: runner,
                    scheduler: node.ref(
                        at: Address(node: "miner", name: MinerAssembly.schedulerName),
                        as: SchedulerMessage.self))
            }
        }
    }

    var sectors: Ref<ManagerMessage> {
        world.ref(at: Address(node: "miner", name: MinerAssembly.sectorsName), as: ManagerMessage.self)
    }

    var batcher: Ref<BatcherMessage> {
        world.ref(at: Address(node: "miner", name: MinerAssembly.batcherName), as: BatcherMessage.self)
    }

    var states: [SectorState] { store.load(miner: 1000).map(\.state) }

    func run(seconds: Int) { world.run(until: .zero + .seconds(seconds)) }

    func ask(_ message: @escaping (Ref<ManagerEvent>) -> ManagerMessage) throws -> ManagerEvent {
        try world.ask(sectors, timeout: .seconds(60)) { message($0) }
    }

    /// What the chain's store holds: entries of each sector, by kind, in order.
    func entries() throws -> [SectorKey: [String]] {
        var found: [SectorKey: [String]] = [:]
        for bytes in try chainStore.load() {
            switch try ChainEntry(stored: bytes) {
            case .genesis: break
            case .preCommitted(let key, _): found[key, default: []].append("pre-commit")
            case .proven(let key, _): found[key, default: []].append("commit")
            case .updated(let key, _, _, _): found[key, default: []].append("update")
            case .terminated(let key, _): found[key, default: []].append("terminate")
            case .windowPoSt, .faultsDeclared, .recoveries: break
            }
        }
        return found
    }
}

/// A store of records whose disk is full at times.
struct BreakableStore: SectorStore {
    // Safety: used by one simulated world and its thread.
    final class Switch: @unchecked Sendable {
        var isBroken = false
    }

    let store: MemorySectorStore
    let state: Switch

    private func check() throws { if state.isBroken { throw CancellationError() } }

    func save(_ record: SectorRecord) throws {
        try check()
        store.save(record)
    }

    func save(_ record: SectorRecord, _ entry: SectorLogEntry) throws {
        try check()
        store.save(record, entry)
    }

    func save(_ record: SectorRecord, _ entry: SectorLogEntry, _ changes: PieceChanges) throws {
        try check()
        store.save(record, entry, changes)
    }

    func keep(_ piece: WaitingPiece, miner: UInt64) throws {
        try check()
        store.keep(piece, miner: miner)
    }

    func drop(_ piece: PieceDeal, miner: UInt64) throws {
        try check()
        store.drop(piece, miner: miner)
    }

    func waitingPieces(miner: UInt64) throws -> [WaitingPiece] { store.waitingPieces(miner: miner) }

    func load(miner: UInt64) throws -> [SectorRecord] { store.load(miner: miner) }

    func find(_ key: SectorKey) throws -> SectorRecord? {
        try check()
        return store.find(key)
    }

    func lastNumber(miner: UInt64) throws -> UInt64 { store.lastNumber(miner: miner) }

    func log(_ key: SectorKey, limit: Int) throws -> [SectorLogEntry] { store.log(key, limit: limit) }
}
