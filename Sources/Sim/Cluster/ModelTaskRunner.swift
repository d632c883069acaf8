// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
internal import Scheduler

/// Samples how long tasks take and whether they fail.
///
/// A draw belongs to a task, not to a moment: it depends on the seed, the sector, the kind and the
/// try alone. Two policies, or two runs in which faults hit elsewhere, see the same sector take the
/// same time.
struct TaskDraws: Sendable {
    private let seedWord: UInt64
    private let models: [Scenario.TaskModel?]
    private let assumedProof: Duration

    init(scenario: Scenario, seed: UInt64) {
        seedWord = mixed(seed ^ 0x7461_736b_6472_6177)
        models = TaskType.allCases.map { scenario.task($0.kind) }
        assumedProof = Self.assumedProof(scenario)
    }

    /// What proving a partition takes where the scenario does not say: assumed, the middle of the handbook's
    /// measured 16 to 18 minutes for a full partition of large sectors, and 10 s for two small ones.
    static func assumedProof(_ scenario: Scenario) -> Duration {
        UInt64(scenario.sectorSize.bytes) >= 32 << 30 ? .seconds(17 * 60) : .seconds(10)
    }

    func duration(of id: TaskID) -> Duration {
        let missing = id.type == .windowPoSt ? assumedProof : .zero
        let whole = models[id.type.stage]?.duration.sample(u: uniform(id, slot: 0)) ?? missing
        // Assumed: reading alone takes a quarter of a proof.
        return PoStTasks.parse(id)?.isCheck == true ? whole / 4 : whole
    }

    func fails(_ id: TaskID) -> Bool {
        guard let rate = models[id.type.stage]?.failureRate, rate > 0 else { return false }
        return uniform(id, slot: 1) < rate
    }

    func transferBytes(_ type: TaskType) -> Int { models[type.stage]?.transfer.bytes ?? 0 }

    private func uniform(_ id: TaskID, slot: UInt64) -> Double {
        var word = mixed(seedWord ^ id.sector.miner)
        word = mixed(word ^ id.sector.number)
        word = mixed(word ^ (UInt64(id.attempt) << 8 | UInt64(id.type.stage) << 1 | slot))
        return (Double(word >> 11) + 0.5) * 0x1p-53
    }
}

/// The virtual clock of a world as the models outside its components use it.
// Safety: used only by the thread that runs the world; the cluster owns world and models alike.
final class ModelClock: @unchecked Sendable {
    private unowned let world: SimulatedWorld

    init(_ world: SimulatedWorld) { self.world = world }

    var now: Instant { world.now }
    func at(_ time: Instant, _ action: @escaping () -> Void) { world.at(time, action) }
}

/// The task runner of one simulated process: it takes the time that the scenario says and yields
/// modelled outcomes.
///
/// Nothing is sealed: commitments are derived from the sector's number, so that sealing a sector
/// anew gives the same replica, and proofs are of the form `modelled`.
// Safety: touched only by the components of one simulated world and by its script, which run on one thread.
final class ModelTaskRunner: TaskRunner, @unchecked Sendable {
    private let host: String
    private let draws: TaskDraws
    private let stores: ModelStores
    private let clock: ModelClock
    private var running: Set<CallID> = []
    private var transfers: [CallID: ModelStores.Transfer] = [:]
    private var isRetired = false

    init(host: String, draws: TaskDraws, stores: ModelStores, clock: ModelClock) {
        self.host = host
        self.draws = draws
        self.stores = stores
        self.clock = clock
    }

    /// The process is gone: what it ran never ends.
    func retire() {
        isRetired = true
        running = []
        let known = transfers.sorted { ($0.key.task, $0.key.number) < ($1.key.task, $1.key.number) }
        for (_, transfer) in known { stores.cancel(transfer) }
        transfers = [:]
    }

    func start(_ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>) {
        start(call, Assignment(request), on: worker, reportTo: reportTo)
    }

    func start(_ call: CallID, _ assignment: Assignment, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>)
    {
        running.insert(call)
        guard let fetch = assignment.fetch else {
            compute(call, assignment.request, reportTo)
            return
        }
        bring(call, fetch) { [self] in
            reportTo.tell(.fetched(call))
            compute(call, assignment.request, reportTo)
        }
    }

    func prefetch(
        _ call: CallID, _ fetch: Assignment.Fetch, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>
    ) {
        running.insert(call)
        bring(call, fetch) { [self] in
            running.remove(call)
            reportTo.tell(.fetched(call))
        }
    }

    private func bring(_ call: CallID, _ fetch: Assignment.Fetch, _ done: @escaping () -> Void) {
        transfers[call] = stores.move(Int(clamping: fetch.bytes), from: fetch.fromHost, to: host) { [self] in
            transfers[call] = nil
            if running.contains(call) { done() }
        }
    }

    private func compute(_ call: CallID, _ request: TaskRequest, _ reportTo: Ref<WorkerMessage>) {
        let id = request.id
        var duration = draws.duration(of: id)
        if id.type == .addPiece || id.type == .finalize {
            duration = .nanoseconds(Int64(duration.inSeconds * stores.diskFactor(host) * 1e9))
        }
        clock.at(clock.now + duration) { [self] in
            guard running.contains(call) else { return }
            // The move follows the removal of what proving does not need.
            if id.type == .finalize {
                store(call, request, reportTo)
            } else {
                end(call, request, nil, reportTo)
            }
        }
    }

    private func store(_ call: CallID, _ request: TaskRequest, _ reportTo: Ref<WorkerMessage>) {
        let bytes = draws.transferBytes(.finalize)
        let transfer = stores.store(bytes, from: host) { [self] store in
            transfers[call] = nil
            if running.contains(call) { end(call, request, store, reportTo) }
        }
        if let transfer {
            transfers[call] = transfer
            return
        }
        running.remove(call)
        let failure = TaskFailure(
            cause: .computeFailed,
            message: "no long-term store is up and has \(bytes) bytes left; add room or another store")
        reportTo.tell(.finished(call, .failed(failure)))
    }

    func abort(_ call: CallID) {
        running.remove(call)
        if let transfer = transfers.removeValue(forKey: call) { stores.cancel(transfer) }
    }

    private func end(
        _ call: CallID, _ request: TaskRequest, _ store: String?, _ reportTo: Ref<WorkerMessage>
    ) {
        guard running.remove(call) != nil, !isRetired else { return }
        if draws.fails(request.id) {
            if let store { stores.giveBack(draws.transferBytes(.finalize), to: store) }
            let failure = TaskFailure(
                cause: .computeFailed,
                message: "\(request.id) failed, as a share of tasks does in this scenario")
            reportTo.tell(.finished(call, .failed(failure)))
        } else {
            reportTo.tell(.finished(call, .done(Self.outcome(of: request, store: store))))
        }
    }

    private static func outcome(of request: TaskRequest, store: String?) -> TaskOutcome {
        let key = request.id.sector
        switch request.work {
        case .addPiece, .addPieces:
            return .addPiece(unsealedCommitment: commitment(key, "data"), paddedBytes: 0)
        case .preCommit1: return .preCommit1(unsealedCommitment: commitment(key, "data"))
        case .preCommit2:
            return .preCommit2(
                unsealedCommitment: commitment(key, "data"), sealedCommitment: commitment(key, "replica"))
        case .commit1: return .commit1(form: .modelled, proof: commitment(key, "openings"))
        case .commit2: return .commit2(form: .modelled, proof: commitment(key, "proof"))
        case .finalize, .finalizeReplicaUpdate: return .finalize(store: store ?? "")
        case .replicaUpdate:
            return .replicaUpdate(
                unsealedCommitment: commitment(key, "new data"),
                sealedCommitment: commitment(key, "new replica"))
        case .proveReplicaUpdate: return .proveReplicaUpdate(proof: commitment(key, "update proof"))
        case .releaseKey, .remove, .download: return .completed
        case .windowPoSt: return .windowPoSt(proof: commitment(key, "window proof"), skipped: [])
        }
    }

    /// 32 bytes that stand for a commitment of a sector: its two top bits are clear, as in the
    /// field of the proofs.
    private static func commitment(_ key: SectorKey, _ tag: StaticString) -> [UInt8] {
        var word = mixed(UInt64(tag.utf8CodeUnitCount) << 56 ^ key.miner)
        tag.withUTF8Buffer { for byte in $0 { word = mixed(word ^ UInt64(byte)) } }
        word = mixed(word ^ key.number)
        var bytes = [UInt8](repeating: 0, count: 32)
        for index in 0..<4 {
            word = mixed(word &+ UInt64(index))
            for byte in 0..<8 {
                bytes[index * 8 + byte] = UInt8(truncatingIfNeeded: word >> UInt64(8 * byte))
            }
        }
        bytes[31] &= 0x3f
        return bytes
    }
}
