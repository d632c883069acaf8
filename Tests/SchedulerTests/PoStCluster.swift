// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// What the stores of a ``PoStCluster`` do, and what its workers ran.
// Safety: used by one simulated world and its thread.
final class PoStRunner: TaskRunner, @unchecked Sendable {
    let world: SimulatedWorld
    /// Sectors whose files cannot be read at the moment.
    var unreadable: Set<UInt64> = []
    var proofSeconds = 20
    private(set) var started: [(at: Instant, worker: String, request: TaskRequest)] = []
    private var aborted: Set<CallID> = []

    init(world: SimulatedWorld) { self.world = world }

    func start(_ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>) {
        started.append((world.now, worker.name, request))
        let number = UInt8(truncatingIfNeeded: request.id.sector.number)
        let data = [UInt8](repeating: number, count: 32)
        var seconds = request.id.type == .windowPoSt ? proofSeconds : 20
        if request.work.isCheck { seconds = 5 }
        world.at(world.now + .seconds(seconds)) { [self] in
            guard !aborted.contains(call) else { return }
            let outcome: TaskOutcome =
                switch request.work {
                case .addPiece, .addPieces: .addPiece(unsealedCommitment: data, paddedBytes: 2048)
                case .preCommit1: .preCommit1(unsealedCommitment: data)
                case .preCommit2:
                    .preCommit2(unsealedCommitment: data, sealedCommitment: Array(data.dropLast()) + [1])
                case .commit1: .commit1(form: .modelled, proof: [1])
                case .commit2: .commit2(form: .modelled, proof: [2])
                case .finalize: .finalize(store: "long-term")
                case .windowPoSt(let challenge):
                    .windowPoSt(proof: [4], skipped: challenge.sectors.filter { unreadable.contains($0) })
                default: .completed
                }
            reportTo.tell(.finished(call, .done(outcome)))
        }
    }

    func abort(_ call: CallID) { aborted.insert(call) }

    var proofs: [(at: Instant, worker: String, request: TaskRequest)] {
        started.filter { $0.request.id.type == .windowPoSt && !$0.request.work.isCheck }
    }
}

/// Sees how deadlines end; survives the kill of its miner.
// Safety: used by one simulated world and its thread.
final class PoStWitness: PoStObserver, @unchecked Sendable {
    var reports: [DeadlineReport] = []

    func deadlineClosed(_ report: DeadlineReport, at now: Instant) { reports.append(report) }
}

/// Chain, miner, a worker that seals and others that prove, in a simulated world of one-second epochs.
struct PoStCluster {
    let world: SimulatedWorld
    let store = MemorySectorStore()
    let chainStore = MemoryChainStore()
    let witness = PoStWitness()
    let runner: PoStRunner
    let miner: SimulatedNode
    private let network: NetworkParameters
    /// An epoch's number is the time in seconds and this.
    static let age: Int64 = 1000

    init(
        seed: UInt64 = 5, provers: Int = 2, sectors: Int = 8, policy: String = SealyardPolicy.name,
        encodes: Bool = true, lifetimeEpochs: Int64? = nil
    ) throws {
        world = SimulatedWorld(
            options: .init(
                seed: seed, lossDetection: .seconds(5), encodesNetworkMessages: encodes))
        runner = PoStRunner(world: world)
        var network = NetworkParameters.devnet(epochDuration: .seconds(1))
        if let lifetimeEpochs {
            network.minSectorLifetime = 0
            network.defaultSectorLifetime = lifetimeEpochs
        }
        self.network = network
        let (store, chainStore, runner, witness) = (store, chainStore, runner, witness)
        try world.addNode("chain") { [network] node in
            try node.spawn("chain") { home in
                try ChainNode(
                    home: home, parameters: network, beacon: DevnetBeacon(network: network.name, seed: 1),
                    verifier: ModelProofVerifier(), store: chainStore,
                    genesis: Instant(seconds: -Double(Self.age)))
            }
        }
        let rule = PledgeRule(
            interval: .seconds(3600), packingCountMax: sectors, initialCount: sectors, totalCountMax: sectors)
        miner = try world.addNode("miner") { [network] node in
            let assembly = MinerAssembly(
                manager: .init(miner: 1000, proof: 5, makesSNARK: true, pledgeRule: rule),
                scheduler: .init(lease: .seconds(15), startGrace: .seconds(3), checksInvariants: true),
                policy: policy,
                chain: node.ref(at: Address(node: "chain", name: "chain"), as: ChainMessage.self),
                store: store, limits: .init(network: network, finality: 30), sealingBytes: 100,
                lifetimeEpochs: network.defaultSectorLifetime, askAgainAfter: .seconds(20),
                proving: PoStOptions(miner: 1000, proof: 5), provingObserver: witness)
            _ = try assembly.boot(on: node)
        }
        let sealing = TaskType.sealing.map { WorkerInfo.SlotCount($0, 8) }
        try addWorker("seal", sealing, store: true, runner)
        for index in 0..<provers {
            try addWorker("post\(index)", [.init(.windowPoSt, 1)], store: false, runner)
        }
    }

    func addWorker(
        _ name: String, _ slots: [WorkerInfo.SlotCount], store: Bool, _ runner: PoStRunner
    ) throws {
        try world.addNode(name) { node in
            let info = WorkerInfo(name: name, host: name, store: store ? "\(name):s" : "", slots: slots)
            try node.spawn("worker") { home in
                WorkerActor(
                    home: home, info: info,
                    store: store
                        ? StoreInfo(
                            name: "\(name):s", host: name, capacityBytes: 100_000, sealingCountMax: 500)
                        : nil,
                    runner: runner,
                    scheduler: node.ref(
                        at: Address(node: "miner", name: MinerAssembly.schedulerName),
                        as: SchedulerMessage.self))
            }
        }
    }

    var epoch: Int64 { Int64(world.now.seconds) + Self.age }

    func run(toEpoch epoch: Int64) { world.run(until: .zero + .seconds(Int(epoch - Self.age))) }

    func node(_ name: String) throws -> SimulatedNode {
        try #require(world.node(name))
    }

    var states: [UInt64: SectorState] {
        Dictionary(uniqueKeysWithValues: store.load(miner: 1000).map { ($0.key.number, $0.state) })
    }

    /// The chain as its store tells it.
    func chain() throws -> ChainState {
        var state = try ChainState(
            parameters: network, beacon: DevnetBeacon(network: network.name, seed: 1))
        for bytes in try chainStore.load().dropFirst() { try state.apply(ChainEntry(stored: bytes)) }
        state.advance(to: epoch)
        return state
    }

    /// The window proofs on the chain, by deadline opening and partition, in order of landing.
    func landings() throws -> [(open: Int64, partition: Int, epoch: Int64)] {
        let period = try chain().provingPeriod(of: 1000)
        return try chainStore.load().flatMap { bytes -> [(open: Int64, partition: Int, epoch: Int64)] in
            guard case .windowPoSt(let record) = try ChainEntry(stored: bytes) else { return [] }
            return record.items.map { (period.current(at: record.epoch).open, $0.partition, record.epoch) }
        }
    }

    /// Deadlines with sectors, in the order in which they open after an epoch.
    func deadlines(after epoch: Int64) throws -> [DeadlineTimes] {
        let chain = try chain()
        let status = try chain.provingStatus(of: 1000, head: epoch)
        return status.period.ahead(from: epoch).filter {
            status.partitionCounts[$0.index] > 0 && $0.open > epoch
        }
    }
}
