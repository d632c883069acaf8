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
    private let sectorBytes: Int
    /// The commitment of a sector without data, 32 bytes.
    let emptyData: [UInt8]

    init(scenario: Scenario, seed: UInt64) {
        seedWord = mixed(seed ^ 0x7461_736b_6472_6177)
        models = TaskType.allCases.map { scenario.task($0.kind) }
        assumedProof = Self.assumedProof(scenario)
        sectorBytes = scenario.sectorSize.bytes
        emptyData = ModelOutcomes.emptyData(sectorBytes: scenario.sectorSize.bytes)
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

    /// - Parameter more: the part that fails besides, for a fault.
    func fails(_ id: TaskID, more: Double = 0) -> Bool {
        let rate = (models[id.type.stage]?.failureRate ?? 0) + more
        return rate > 0 && uniform(id, slot: 1) < rate
    }

    func transferBytes(_ type: TaskType) -> Int { models[type.stage]?.transfer.bytes ?? 0 }

    /// Bytes that Finalize moves: what the scenario says, which is without an unsealed copy.
    func finalBytes(_ work: TaskWork) -> Int {
        let bytes = transferBytes(.finalize)
        guard bytes > 0, case .finalize(keepsUnsealed: true) = work else { return bytes }
        return bytes + sectorBytes
    }

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
/// Nothing is sealed: commitments are derived from the sector's number and ticket, so that sealing a sector
/// anew gives the same replica with the same ticket only, and proofs are of the form `modelled`.
// Safety: touched only by the components of one simulated world and by its script, which run on one thread.
final class ModelTaskRunner: TaskRunner, @unchecked Sendable {
    /// The process's node.
    let node: String
    let host: String
    private let draws: TaskDraws
    private let outcomes: ModelOutcomes
    private let stores: ModelStores
    private let hosts: ModelHosts
    private let shared: SharedHardware
    private let numaNode: Int?
    private let clock: ModelClock
    private var running: Set<CallID> = []
    private var works: [CallID: Work] = [:]
    /// Of those in ``works`` that share something.
    private var sharings: [CallID: Sharing] = [:]
    private var transfers: [CallID: ModelStores.Transfer] = [:]
    /// Sectors that proofs under way leave out, and why.
    private var unread: [CallID: (sectors: [UInt64], stores: [String])] = [:]
    private var isRetired = false
    private var memory: ModelMemory?

    /// A task that computes.
    ///
    /// An object: it is looked at with every alarm, and a copy of its request costs more than the rest.
    private final class Work {
        let request: TaskRequest
        let reportTo: Ref<WorkerMessage>
        /// What is left at the usual pace, nanoseconds, as of `since`.
        var left: Int64
        var since: Instant
        /// Counts the changes of the pace, so that an alarm of an older pace is known.
        var version = 0

        init(request: TaskRequest, reportTo: Ref<WorkerMessage>, left: Int64, since: Instant) {
            self.request = request
            self.reportTo = reportTo
            self.left = left
            self.since = since
        }
    }

    /// What a task shares with others.
    private struct Sharing {
        /// It is computing in no flow, and that goes on: an alarm will end it.
        var awaitsAlarm: Bool
        /// Flows, and the computing where it is none, that are not done.
        var openCount: Int
        /// With the rate at the usual pace.
        var flows: [(flow: FairTransfers.Flow, in: FairTransfers, rate: Double)] = []
    }

    init(
        node: String, host: String, draws: TaskDraws, stores: ModelStores, hosts: ModelHosts,
        shared: SharedHardware, numaNode: Int?, clock: ModelClock, memory: ModelMemory? = nil
    ) {
        self.memory = memory
        self.shared = shared
        self.numaNode = numaNode
        self.node = node
        self.host = host
        self.draws = draws
        outcomes = ModelOutcomes(emptyData: draws.emptyData)
        self.stores = stores
        self.hosts = hosts
        self.clock = clock
    }

    /// Calls that are not over.
    var taskCount: Int { running.count }
    var calls: [CallID] { running.sorted { ($0.task, $0.number) < ($1.task, $1.number) } }

    /// The process is gone: what it ran never ends.
    func retire() {
        isRetired = true
        running = []
        for call in sortedWorks { drop(call) }
        let known = transfers.sorted { ($0.key.task, $0.key.number) < ($1.key.task, $1.key.number) }
        for (_, transfer) in known { stores.cancel(transfer) }
        transfers = [:]
    }

    /// The process is dead, and may be started again later: nobody waits for what it shared any more.
    func stopSharing() {
        for call in sortedWorks where sharings[call] != nil { drop(call) }
    }

    func start(_ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>) {
        start(call, Assignment(request), on: worker, reportTo: reportTo)
    }

    func start(_ call: CallID, _ assignment: Assignment, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>)
    {
        if !running.insert(call).inserted { hosts.startedTwice(call) }
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
            guard running.contains(call) else { return }
            hosts.moved(call.task.sector, from: fetch.fromHost, to: host)
            done()
        }
        restrict(call)
    }

    /// What is the matter with the network of this process has changed.
    func restrictTransfers() {
        for call in transfers.keys.sorted(by: { ($0.task, $0.number) < ($1.task, $1.number) }) {
            if let transfer = transfers[call] { stores.restrict(transfer, of: host, hosts.restriction(node)) }
        }
    }

    private func restrict(_ call: CallID) {
        guard let restriction = hosts.restriction(node), let transfer = transfers[call] else { return }
        stores.restrict(transfer, of: host, restriction)
    }

    // MARK: Computing

    /// Begins a proof when its stores can be read, or have been waited for long enough; what cannot be read
    /// then is left out.
    ///
    /// Assumed: a proof reads as it begins, and has what it needs from then on.
    private func prove(
        _ call: CallID, _ request: TaskRequest, _ sectors: [UInt64], since begin: Instant,
        _ reportTo: Ref<WorkerMessage>
    ) {
        guard running.contains(call), !isRetired else { return }
        let gone = stores.outOfReach(sectors)
        if let next = stores.nextLook(gone.stores, since: begin) {
            clock.at(next) { [self] in prove(call, request, sectors, since: begin, reportTo) }
            return
        }
        if !gone.sectors.isEmpty { unread[call] = gone }
        work(call, request, reportTo)
    }

    private func compute(_ call: CallID, _ request: TaskRequest, _ reportTo: Ref<WorkerMessage>) {
        if case .windowPoSt(let challenge) = request.work, stores.isSomeOutOfReach {
            return prove(call, request, challenge.sectors, since: clock.now, reportTo)
        }
        work(call, request, reportTo)
    }

    private func work(_ call: CallID, _ request: TaskRequest, _ reportTo: Ref<WorkerMessage>) {
        let id = request.id
        var duration = draws.duration(of: id)
        var parts = shared.parts(id.type, host: host, node: node, numaNode: numaNode)
        if id.type == .addPiece || id.type == .finalize, parts.allSatisfy(\.isComputing) {
            duration = .nanoseconds(Int64(duration.inSeconds * stores.diskFactor(host) * 1e9))
        }
        // Assumed: a full disk shows within a second.
        if id.type.writesFiles, hosts.isFull(host) {
            duration = min(duration, .seconds(1))
            parts = []
        }
        works[call] = Work(request: request, reportTo: reportTo, left: duration.nanoseconds, since: clock.now)
        memory?.begin(call, proof: request.proof)
        if !parts.isEmpty { share(call, parts, duration) }
        arm(call)
    }

    /// Begins what a task shares with others.
    private func share(_ call: CallID, _ parts: [SharedHardware.Part], _ duration: Duration) {
        let awaitsAlarm = !parts.contains(where: \.isComputing)
        sharings[call] = Sharing(awaitsAlarm: awaitsAlarm, openCount: parts.count + (awaitsAlarm ? 1 : 0))
        let pace = hosts.pace(node, on: host)
        for part in parts {
            let amount = part.amount(of: duration.inSeconds)
            let rate = min(part.limit, duration > .zero ? amount / duration.inSeconds : .infinity)
            let limit = pace > 0 ? rate * pace : 0
            let flow = part.transfers.begin(amount, part.uses, limit: limit) { [self] _ in
                partDone(call)
            }
            sharings[call]?.flows.append((flow, part.transfers, rate))
        }
    }

    private func partDone(_ call: CallID) {
        guard let work = works[call], let sharing = sharings[call] else { return }
        sharings[call]?.openCount -= 1
        guard sharing.openCount == 1 else { return }
        sharings[call] = nil
        works[call] = nil
        computed(call, work.request, work.reportTo)
    }

    /// Forgets what a call computes, and stops what it shares.
    private func drop(_ call: CallID) {
        works[call] = nil
        unread[call] = nil
        _ = memory?.end(call, isDone: false)
        guard !sharings.isEmpty, let sharing = sharings.removeValue(forKey: call) else { return }
        for (flow, transfers, _) in sharing.flows { transfers.cancel(flow) }
    }

    private func arm(_ call: CallID) {
        guard let work = works[call] else { return }
        if !sharings.isEmpty, sharings[call]?.awaitsAlarm == false { return }
        let pace = hosts.pace(node, on: host)
        guard pace > 0 else { return }
        let needed = pace == 1 ? work.left : Int64((Double(work.left) / pace).rounded(.up))
        let version = work.version
        clock.at(clock.now + .nanoseconds(needed)) { [self] in
            guard let work = works[call], work.version == version else { return }
            if !sharings.isEmpty, sharings[call] != nil {
                // An alarm rings once, whatever of the task goes on.
                work.version += 1
                sharings[call]?.awaitsAlarm = false
                partDone(call)
                return
            }
            works[call] = nil
            computed(call, work.request, work.reportTo)
        }
    }

    /// The pace is about to change: what was done at the present one counts.
    func settle() {
        let (now, pace) = (clock.now, hosts.pace(node, on: host))
        for call in sortedWorks {
            guard let work = works[call] else { continue }
            let done = Int64(Double((now - work.since).nanoseconds) * pace)
            work.left = max(0, work.left - done)
            work.since = now
            work.version += 1
        }
    }

    /// The pace has changed.
    func proceed() {
        let pace = hosts.pace(node, on: host)
        for call in sortedWorks {
            arm(call)
            for (flow, transfers, rate) in sharings[call]?.flows ?? [] {
                transfers.setLimit(flow, pace > 0 ? rate * pace : 0)
            }
        }
    }

    private var sortedWorks: [CallID] {
        works.keys.sorted { ($0.task, $0.number) < ($1.task, $1.number) }
    }

    /// Nothing can be written any more.
    func failWriters() {
        for call in sortedWorks where call.task.type.writesFiles {
            guard let work = works[call] else { continue }
            drop(call)
            failForRoom(call, work.reportTo)
        }
    }

    private func failForRoom(_ call: CallID, _ reportTo: Ref<WorkerMessage>) {
        fail(call, .noSpace, "no space is left on the sealing disks of \(host)", reportTo)
    }

    private func fail(
        _ call: CallID, _ cause: TaskFailure.Cause, _ message: String, _ reportTo: Ref<WorkerMessage>
    ) {
        guard running.remove(call) != nil, !isRetired else { return }
        _ = memory?.end(call, isDone: false)
        reportTo.tell(.finished(call, .failed(TaskFailure(cause: cause, message: message))))
    }

    private func computed(_ call: CallID, _ request: TaskRequest, _ reportTo: Ref<WorkerMessage>) {
        let id = request.id
        if id.type.writesFiles, hosts.isFull(host) { return failForRoom(call, reportTo) }
        if id.type == .finalize, let store = hosts.finalStore(id.sector) {
            // Done before, by a worker whose word did not arrive.
            guard running.remove(call) != nil, !isRetired else { return }
            _ = memory?.end(call, isDone: false)
            reportTo.tell(.finished(call, .done(.finalize(store: store))))
            return
        }
        if id.type.readsFiles, let problem = hosts.problem(id.sector, on: host) {
            return fail(call, .filesLost, problem, reportTo)
        }
        // The move follows the removal of what proving does not need.
        if id.type == .finalize {
            store(call, request, reportTo)
        } else {
            end(call, request, nil, reportTo)
        }
    }

    private func store(_ call: CallID, _ request: TaskRequest, _ reportTo: Ref<WorkerMessage>) {
        let bytes = draws.finalBytes(request.work)
        let transfer = stores.store(bytes, from: host) { [self] end in
            transfers[call] = nil
            switch end {
            case .arrived(let store):
                if running.contains(call) { self.end(call, request, store, reportTo) }
            case .failed(let reason): fail(call, .computeFailed, reason, reportTo)
            }
        }
        if let transfer {
            transfers[call] = transfer
            restrict(call)
            return
        }
        fail(
            call, .computeFailed,
            "no long-term store is up and has \(bytes) bytes left; add room or another store", reportTo)
    }

    func abort(_ call: CallID) {
        running.remove(call)
        drop(call)
        if let transfer = transfers.removeValue(forKey: call) { stores.cancel(transfer) }
    }

    private func end(
        _ call: CallID, _ request: TaskRequest, _ store: String?, _ reportTo: Ref<WorkerMessage>
    ) {
        let gone = unread.removeValue(forKey: call)
        guard running.remove(call) != nil, !isRetired else { return }
        let key = request.id.sector
        let isDone = !draws.fails(request.id, more: hosts.failureShare(on: host))
        if let cells = memory?.end(call, isDone: isDone) { reportTo.tell(.measured(cells)) }
        if !isDone {
            if let store { stores.giveBack(draws.finalBytes(request.work), to: store) }
            let failure = TaskFailure(
                cause: .computeFailed,
                message: "\(request.id) failed, as a share of tasks does in this scenario")
            reportTo.tell(.finished(call, .failed(failure)))
            return
        }
        switch request.work {
        case .addPiece(let payload): hosts.written(key, on: host, isEmpty: payload == nil)
        case .addPieces: hosts.written(key, on: host, isEmpty: false)
        case .preCommit1(let ticket): hosts.sealed(key, ticket: ticket)
        case .finalize:
            hosts.finalized(key, at: store ?? "")
            stores.keeps(key.number, store ?? "")
        default: break
        }
        let made = hosts.made(key)
        var outcome = outcomes.outcome(
            of: request, store: store, ticketWord: made.ticketWord, isEmpty: made.isEmpty)
        if let gone, case .windowPoSt(let proof, _, _) = outcome {
            outcome = .windowPoSt(
                proof: proof, skipped: gone.sectors,
                reasons: gone.stores.map { "the store \($0) cannot be read" })
        }
        reportTo.tell(.finished(call, .done(outcome)))
    }
}

extension TaskType {
    /// It fills the sealing disk.
    fileprivate var writesFiles: Bool { self == .addPiece || self == .preCommit1 || self == .preCommit2 }

    /// It reads what earlier tasks of the sector wrote.
    fileprivate var readsFiles: Bool {
        self == .preCommit1 || self == .preCommit2 || self == .commit1 || self == .finalize
    }
}
