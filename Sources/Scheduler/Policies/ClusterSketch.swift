// SPDX-License-Identifier: Apache-2.0
private import Chain
package import Kernel

/// A cluster on a napkin, on which a policy is tried: workers, stores, tasks, a virtual clock, and the
/// scheduler's own rules for what is possible, without actors, network or chain.
///
/// It asks the policy as the scheduler does, after every change and again while decisions were applied, and
/// keeps the same accounts. For whole clusters there is the simulator.
///
///     var sketch = ClusterSketch(OldestLocalPolicy())
///     sketch.addWorker("w0", on: "h0", [.preCommit1: 2])
///     sketch.submit(.preCommit1, sector: 1, on: "h0")
///     sketch.run(until: Instant(seconds: 10))
///     #expect(sketch.starts.map(\.worker) == ["w0"])
package struct ClusterSketch: Sendable {
    /// A task that began, or would have to be moved first.
    package struct Start: Sendable, Hashable {
        package let task: TaskID
        package let worker: String
        package let at: Instant
        /// Bytes that were moved for it.
        package let movedBytes: UInt64
    }

    private enum Event: Sendable {
        case finished(TaskID)
        case fetched(TaskID, worker: Int)
        case wakeUp
    }

    package private(set) var view: ClusterView
    package private(set) var now: Instant = .zero
    package var policy: any SchedulingPolicy
    /// How long tasks take; one of a kind that is missing runs until ``finish(_:)``.
    package var durations: [TaskType: Duration]
    /// A sector whose task ends asks for the next kind of ``durations``, at the host where it is.
    package var followsPipeline = false
    package private(set) var starts: [Start] = []
    /// Tasks that ended, with the time.
    package private(set) var ends: [(task: TaskID, at: Instant)] = []
    /// Sectors that were let in, with the store.
    package private(set) var admitted: [(sector: UInt64, store: String)] = []
    /// What the policy said of tasks that it holds back.
    package private(set) var holds: [TaskID: String] = [:]
    /// Bytes that were moved between hosts.
    package private(set) var movedBytes: UInt64 = 0
    /// Decisions that the cluster refused.
    package private(set) var refusals: [(decision: Decision, refusal: Refusal)] = []

    private let proof: UInt64
    private var events: [(at: Instant, number: Int, event: Event)] = []
    private var eventCount = 0
    private var callCount: UInt64 = 0
    private var sequence: UInt64 = 0
    private var callOf: [TaskID: (call: UInt64, worker: Int, request: TaskRequest)] = [:]
    private var prefetching: [TaskID: UInt64] = [:]
    private static let miner: UInt64 = 1000
    /// A policy that never has enough is wrong: so many rounds at one moment are a trap.
    private static let roundCountMax = 100_000

    /// - Parameters:
    ///   - proof: the registered seal proof's number; 8 is that of 32 GiB.
    ///   - sealingBytes: what a sector takes on its sealing store.
    package init(
        _ policy: any SchedulingPolicy, proof: UInt64 = 8, sealingBytes: UInt64 = 0, pacing: [Pacing] = [],
        durations: [TaskType: Duration] = [:]
    ) {
        self.policy = policy
        self.proof = proof
        self.durations = durations
        view = ClusterView(
            pacing: pacing, profiles: TaskProfiles(hints: durations), sealingBytes: sealingBytes)
    }

    // MARK: The cluster

    /// Adds a worker and returns its index. Its host has no account where `hostInfo` is `nil`.
    @discardableResult
    package mutating func addWorker(
        _ name: String, on host: String, _ slots: [TaskType: Int], group: String? = nil,
        hostInfo: HostInfo? = nil, canFetch: Bool = false, numaNode: Int? = nil
    ) -> Int {
        view.join(
            WorkerInfo(
                name: name, host: host, store: host,
                slots: slots.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }, group: group,
                hostInfo: hostInfo, canFetch: canFetch, numaNode: numaNode))
    }

    /// Adds the store of a host, with the host's name unless another is given.
    package mutating func addStore(
        on host: String, name: String? = nil, bytes: UInt64 = 1 << 50, sealingCountMax: Int = 0,
        fileSystem: HostInfo.FileSystem? = nil
    ) {
        view.setStore(
            StoreState(
                info: StoreInfo(
                    name: name ?? host, host: host, capacityBytes: bytes, sealingCountMax: sealingCountMax,
                    fileSystem: fileSystem)))
    }

    /// A worker is lost, or there again. What it runs goes on.
    package mutating func setAvailable(_ name: String, _ isAvailable: Bool) {
        if let index = index(of: name) { view.setAvailable(index, isAvailable) }
    }

    package mutating func setCordoned(_ name: String, _ isCordoned: Bool) {
        guard let index = index(of: name) else { return }
        view.setCordoned(index, Array(repeating: isCordoned, count: TaskType.count))
    }

    package mutating func setPaused(_ name: String, _ type: TaskType, _ isPaused: Bool) {
        if let index = index(of: name) { view.setPaused(index, type, isPaused) }
    }

    /// Proofs of deadlines that are known ahead, the earliest first.
    package mutating func expectProofs(_ proofs: [ProofsAhead]) { view.setProofsAhead(proofs) }

    /// The policy is made anew, as when the miner restarts: what runs goes on.
    package mutating func restart(_ policy: any SchedulingPolicy) { self.policy = policy }

    package func index(of name: String) -> Int? { view.workers.firstIndex { $0.info.name == name } }

    // MARK: Tasks and sectors

    /// A task is asked for; with a `host` its files are there.
    @discardableResult
    package mutating func submit(
        _ type: TaskType, sector: UInt64, on host: String? = nil, attempt: Int = 1, priority: Int = 0,
        deadline: Instant? = nil
    ) -> TaskID {
        let id = Self.id(type, sector, attempt)
        guard let work = Self.works[type] else { preconditionFailure("no work of kind \(type) is sketched") }
        sequence += 1
        view.add(
            TaskRequest(id: id, proof: proof, work: work, deadline: deadline, priority: priority), host: host,
            since: now, sequence: sequence)
        return id
    }

    /// A sector asks for room.
    package mutating func wish(
        sector: UInt64, bytes: UInt64, isDeal: Bool = false, deadline: Instant? = nil, priority: Int = 0
    ) {
        sequence += 1
        view.add(
            AdmissionRequest(
                sector: SectorKey(miner: Self.miner, number: sector), bytes: bytes, isDeal: isDeal,
                deadline: deadline, priority: priority, since: now, sequence: sequence))
    }

    package static func id(_ type: TaskType, _ sector: UInt64, _ attempt: Int = 1) -> TaskID {
        TaskID(sector: SectorKey(miner: miner, number: sector), type: type, attempt: attempt)
    }

    /// The name of the worker that runs a task.
    package func worker(of id: TaskID) -> String? { callOf[id].map { view.workers[$0.worker].info.name } }

    /// Tasks of a kind that run, by worker name.
    package func runningCounts(_ type: TaskType) -> [String: Int] {
        var counts: [String: Int] = [:]
        for worker in view.workers where worker.busyCounts[type.stage] > 0 {
            counts[worker.info.name] = worker.busyCounts[type.stage]
        }
        return counts
    }

    /// What a running task holds of its host.
    package func devices(of id: TaskID) -> DeviceGrant? {
        callOf[id].flatMap { view.ledger.lease($0.call)?.grant }
    }

    /// A running task ends now.
    package mutating func finish(_ id: TaskID) {
        guard let known = callOf.removeValue(forKey: id) else { return }
        view.vacate(known.worker, id)
        if id.type == .addPiece { view.entryBook.pieceEnded(id.sector, at: now) }
        _ = view.ledger.release(known.call)
        ends.append((id, now))
        guard followsPipeline else { return }
        let kinds = TaskType.allCases.filter { durations[$0] != nil }.sorted()
        guard let next = kinds.first(where: { $0 > id.type }) else { return }
        submit(
            next, sector: id.sector.number,
            on: next.needsFiles ? hostOf[id.sector.number] ?? view.workers[known.worker].info.host : nil)
    }

    /// Where a sector's files are, as far as tasks moved or made them.
    private var hostOf: [UInt64: String] = [:]

    // MARK: Time

    /// Lets time pass up to `end`; the policy is asked at every change on the way.
    package mutating func run(until end: Instant) {
        decide()
        while let place = events.indices.min(by: {
            (events[$0].at, events[$0].number) < (events[$1].at, events[$1].number)
        }), events[place].at <= end {
            let (at, _, event) = events.remove(at: place)
            now = max(now, at)
            switch event {
            case .finished(let id): finish(id)
            case .fetched(let id, let worker): fetched(id, worker)
            case .wakeUp: break
            }
            decide()
        }
        now = max(now, end)
    }

    /// Asks the policy until nothing more comes of it.
    package mutating func decide() {
        var roundCount = 0
        while true {
            var appliedCount = 0
            for decision in policy.decide(view, at: now) where apply(decision) { appliedCount += 1 }
            if let broken = view.brokenInvariant() { preconditionFailure(broken) }
            if appliedCount == 0 { break }
            roundCount += 1
            precondition(roundCount < Self.roundCountMax, "the policy never has enough")
        }
        if let next = policy.wakeUp(after: now), next > now { schedule(next, .wakeUp) }
        for type in TaskType.allCases where view.waitingCount(type) > 0 {
            for index in view.openWorkers(type) {
                if let next = view.paceDelay(type, on: view.workers[index].info.host, at: now) {
                    schedule(next, .wakeUp)
                }
            }
        }
    }

    private mutating func schedule(_ at: Instant, _ event: Event) {
        if case .wakeUp = event {
            // One alarm a moment is enough.
            let isKnown = events.contains {
                if case .wakeUp = $0.event { $0.at == at } else { false }
            }
            if isKnown { return }
        }
        eventCount += 1
        events.append((at, eventCount, event))
    }

    private mutating func fetched(_ id: TaskID, _ worker: Int) {
        guard let move = prefetching.removeValue(forKey: id) else { return }
        view.movesAhead[id] = nil
        view.ledger.links.release(move)
        guard let task = view.remove(id) else { return }
        let host = view.workers[worker].info.host
        hostOf[id.sector.number] = host
        view.add(task.request, host: host, since: task.since, sequence: task.sequence)
    }

    // MARK: Decisions

    private mutating func apply(_ decision: Decision) -> Bool {
        switch decision {
        case .assign(let id, let worker, _): return assign(id, worker, decision)
        case .admit(let sector, let store, _):
            guard let wish = view.admission(sector) else { return false }
            if let refusal = view.canAdmit(wish, to: store) {
                refusals.append((decision, refusal))
                return false
            }
            _ = view.removeWish(sector)
            view.notePending(store, bytes: wish.bytes, isOver: false)
            if let known = view.store(store) {
                view.entryBook.admitted(sector, to: known.hostIndex, at: now)
            }
            admitted.append((sector.number, store))
            guard followsPipeline, durations[.addPiece] != nil else { return true }
            submit(
                .addPiece, sector: sector.number, on: view.store(store)?.info.host, priority: wish.priority,
                deadline: wish.deadline)
            return true
        case .prefetch(let id, let worker): return prefetch(id, worker)
        case .hold(let id, let reason):
            holds[id] = reason
            return false
        }
    }

    private mutating func assign(_ id: TaskID, _ index: Int, _ decision: Decision) -> Bool {
        guard view.workers.indices.contains(index), let task = view.task(id) else { return false }
        let worker = view.workers[index]
        if let refusal = view.canStart(task, on: index, at: now) {
            refusals.append((decision, refusal))
            return false
        }
        callCount += 1
        let need = view.need(id.type, proof: proof, on: index)
        do {
            try view.ledger.lease(
                callCount, need, stage: id.type.stage, host: view.hosts[worker.hostIndex].machine,
                worker: worker.info,
                workerIndex: index, disk: view.diskShare(need, of: task, on: index))
        } catch {
            refusals.append((decision, error))
            return false
        }
        if let move = prefetching.removeValue(forKey: id) {
            view.ledger.links.release(move)
            view.movesAhead[id] = nil
        }
        let (bytes, seconds) = (view.moveBytes(task, to: index), view.moveSeconds(task, to: index))
        _ = view.remove(id)
        holds[id] = nil
        callOf[id] = (callCount, index, task.request)
        view.occupy(index, id)
        view.noteStart(id.type, on: worker.hostIndex, at: now)
        if id.type.needsFiles { hostOf[id.sector.number] = worker.info.host }
        movedBytes += bytes
        starts.append(Start(task: id, worker: worker.info.name, at: now, movedBytes: bytes))
        if let duration = durations[id.type] {
            schedule(now + duration + .nanoseconds(Int64(seconds * 1e9)), .finished(id))
        }
        return true
    }

    private mutating func prefetch(_ id: TaskID, _ index: Int) -> Bool {
        guard prefetching[id] == nil, let task = view.task(id), let from = task.hostIndex,
            view.workers.indices.contains(index), from != view.workers[index].hostIndex,
            view.canFetch(task, to: index) == nil
        else { return false }
        let seconds = view.moveSeconds(task, to: index)
        let target = view.workers[index]
        callCount += 1
        let store = view.storeIndex(view.moveStore(task, to: target))
        do {
            try view.ledger.links.lease(
                callCount, view.linkShare(task, from: from, to: target.hostIndex, store: store))
        } catch { return false }
        prefetching[id] = callCount
        view.movesAhead[id] = target.hostIndex
        movedBytes += view.moveBytes(task, to: index)
        schedule(now + .nanoseconds(Int64(seconds * 1e9)), .fetched(id, worker: index))
        return true
    }

    private static let works: [TaskType: TaskWork] = [
        .addPiece: .addPiece(payloadPath: nil), .preCommit1: .preCommit1(ticket: []),
        .preCommit2: .preCommit2,
        .commit1: .commit1(ticket: [], seed: []), .commit2: .commit2,
        .finalize: .finalize(keepsUnsealed: false),
    ]
}
