// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
private import Logging
internal import OrderedCollections

/// Places tasks on workers by a policy, and makes sure that each ends: done, failed, or given to another
/// worker.
///
/// A running call is a lease of its worker, and of concrete things of its host. When the worker is lost the
/// lease runs on for a while: a worker that comes back says what it runs and the calls are attached again.
/// When it has not come back in time, its tasks fail with `infrastructureLost`, its store is declared lost,
/// and the sectors decide how far they must go back.
package actor ClusterScheduler: Component {
    /// How the scheduler behaves.
    package struct Options: Sendable {
        /// Starts allowed per host and interval.
        package var pacing: [Pacing]
        /// The time a lost worker has to come back, at least.
        package var lease: Duration
        /// A lost worker has longer, where doing its work again would take longer: each task as long as it
        /// has run, a store as long as a replica takes.
        package var waitsForWork: Bool
        /// The time after which an assignment that the worker has not answered is said again.
        package var sayAgainAfter: Duration
        /// The time that workers have to come back after a start before anything is placed: what they still
        /// run must not be started twice.
        package var startGrace: Duration
        /// The accounts are checked after every message: for tests and simulation.
        package var checksInvariants: Bool
        /// Told of every task that comes, starts and ends, and of every decision.
        package var observer: (any TaskObserver)?
        /// Told why everything is placed where it is, and why the rest waits; for who plays a journal back.
        package var listener: (any DecisionListener)?
        /// Bytes that a sector takes on its sealing store; what a move needs.
        package var sealingBytes: UInt64
        /// Durations to expect until some were measured.
        package var durations: [TaskType: Duration]
        package var resources: ResourceTable
        /// Decisions that are kept to be asked for.
        package var decisionCountMax: Int
        /// Keeps what operators said of workers; `nil` keeps it in memory.
        package var orders: (any OrderStore)?
        package var bug: SeededBug?

        package init(
            pacing: [Pacing] = [], lease: Duration = .seconds(60), waitsForWork: Bool = true,
            sayAgainAfter: Duration = .seconds(10), startGrace: Duration = .zero,
            checksInvariants: Bool = false, observer: (any TaskObserver)? = nil,
            sealingBytes: UInt64 = 0, durations: [TaskType: Duration] = [:],
            resources: ResourceTable = .standard, decisionCountMax: Int = 1_000
        ) {
            self.pacing = pacing
            self.lease = lease
            self.waitsForWork = waitsForWork
            self.sayAgainAfter = sayAgainAfter
            self.startGrace = startGrace
            self.checksInvariants = checksInvariants
            self.observer = observer
            self.sealingBytes = sealingBytes
            self.durations = durations
            self.resources = resources
            self.decisionCountMax = decisionCountMax
        }
    }

    /// One thing, looked at with every message and never copied.
    final class Worker {
        let index: Int
        var info: WorkerInfo
        var ref: Ref<WorkerMessage>
        var session: UInt64
        var join: JoinID
        var isLost = false
        var lostAt: Instant = .zero
        var calls: OrderedDictionary<CallID, RunningCall> = [:]
        /// Calls that were not waited for any longer, or are not wanted: should it come back, it is to stop
        /// them.
        var givenUp: Set<CallID> = []

        init(index: Int, info: WorkerInfo, ref: Ref<WorkerMessage>, session: UInt64, join: JoinID) {
            self.index = index
            self.info = info
            self.ref = ref
            self.session = session
            self.join = join
        }
    }

    package nonisolated let home: Home
    let options: Options
    var policy: any SchedulingPolicy
    let policyName: String
    let storage: Ref<StorageMessage>
    var storageReplies: Ref<StorageEvent>?
    let view: ClusterView
    var workers: OrderedDictionary<String, Worker> = [:]
    /// The same by the index in the view, for what is asked with each task.
    var workerAt: [Worker?] = []
    var owners: [TaskID: Ref<TaskEvent>] = [:]
    var callOf: [TaskID: (call: CallID, worker: String)] = [:]
    var sequence: UInt64 = 0
    /// Starts at a random number, so that no call of this incarnation equals one of an earlier.
    var callCount: UInt64 = 0
    private var firstCall: UInt64 = 0
    /// Results that came before their sector asked: it was made anew with the miner and asks again.
    private var early: OrderedDictionary<TaskID, TaskResult> = [:]
    var placesFrom: Instant = .zero
    var sessionCount: UInt64 = 0
    var paceTimer: (id: TimerID, at: Instant)?
    /// Calls that were assigned and not answered yet, with their workers, oldest first.
    var untaken: OrderedDictionary<CallID, String> = [:]
    var sayAgainTimer: TimerID?
    var rooms = RoomBook()
    var moves = MoveBook()
    var controls = ControlBook()
    /// What a policy said of a task that it holds back, and what became of its last wish.
    var holds: [TaskID: String] = [:]
    var placements: PlacementLog
    /// What ``Options/listener`` was told of those that wait.
    var told = WaitingReasons()

    package init(
        home: Home, policy: any SchedulingPolicy, storage: Ref<StorageMessage>, options: Options = Options()
    ) {
        self.home = home
        self.policy = policy
        self.storage = storage
        self.options = options
        policyName = type(of: policy).name
        view = ClusterView(
            pacing: options.pacing, resources: options.resources,
            profiles: TaskProfiles(hints: options.durations),
            sealingBytes: options.sealingBytes)
        placements = PlacementLog(countMax: options.decisionCountMax)
    }

    /// Results that are held for sectors that have not asked yet; the oldest gives way.
    private static let earlyCountMax = 1_000

    package func started(_ context: Context<SchedulerMessage>) {
        callCount = context.random.next() >> 16
        firstCall = callCount
        let replies = context.adapter("storage", from: StorageEvent.self) { .storage($0) }
        storageReplies = replies
        storage.tell(.subscribe(replies))
        guard options.startGrace > .zero else { return }
        placesFrom = context.now + options.startGrace
        context.schedule(at: placesFrom, .graceOver)
    }

    package func receive(_ message: SchedulerMessage, _ context: Context<SchedulerMessage>) {
        if handle(message, context) {
            place(context)
            explainWaiting(context.now)
            tellObstacles(context.now)
        }
        reportQuiet()
        guard options.checksInvariants, let broken = view.brokenInvariant() ?? brokenMoves() else { return }
        guard let observer = options.observer else { preconditionFailure(broken) }
        observer.accountsBroken(broken)
    }

    /// Takes a message; `false` where it changes nothing that placing looks at.
    private func handle(_ message: SchedulerMessage, _ context: Context<SchedulerMessage>) -> Bool {
        switch message {
        case .submit(let request, let host, let owner): submit(request, host: host, owner, context)
        case .supply(let request): supply(request, context)
        case .cancel(let id): cancel(id, context.now)
        case .admit(let sector, let bytes, let isDeal, let deadline, let priority, let owner):
            sequence += 1
            let wish = AdmissionRequest(
                sector: sector, bytes: bytes, isDeal: isDeal, deadline: deadline, priority: priority,
                since: context.now, sequence: sequence)
            admit(wish, owner)
        case .withdraw(let sector): withdraw(sector)
        case .workerJoined(let info, let ref, let id, let store, let running, let finished):
            join(info, ref, id, running: running, finished: finished, context)
            if let store { storage.tell(.attach(store)) }
        case .taken(let call):
            taken(call, context)
            return false
        case .sayAgain:
            sayAgain(context)
            return false
        case .workerGone(let name, let session, let reason): gone(name, session, reason, context)
        case .leaseExpired(let name, let session): expire(name, session, context)
        case .fetched(let name, let call): fetched(name, call, context.now)
        case .report(let name, let call, let result): report(name, call, result, context)
        case .measured(let name, let join, let cells): measured(name, join, cells)
        case .storage(let event): return heard(event, context)
        case .paceDue: paceTimer = nil
        case .proofsAhead(let proofs): view.setProofsAhead(proofs)
        case .graceOver: break
        case .control(let order, let asker): control(order, asker, context)
        case .abort(let id, let asker): abort(id, asker, context.now)
        case .diagnose(let asker):
            asker.tell(.diagnosis(diagnosis(context)))
            return false
        case .decisions(let limit, let asker):
            asker.tell(.decisions(placements.latest(min(limit, options.decisionCountMax))))
            return false
        }
        return true
    }

    // MARK: Tasks

    private func submit(
        _ request: TaskRequest, host: String?, _ owner: Ref<TaskEvent>, _ context: Context<SchedulerMessage>
    ) {
        owners[request.id] = owner
        if let (call, worker) = callOf[request.id] {
            guard workers[worker]?.calls[call]?.isHeld == true else {
                return tellStarted(request.id, on: worker)
            }
            // Where room for its files is still asked for, the slot is granted with it.
            if workers[worker]?.calls[call]?.isReserving == false {
                owner.tell(.granted(request.id, worker: worker))
            }
            return
        }
        if let result = early.removeValue(forKey: request.id) {
            owners[request.id] = nil
            owner.tell(.finished(request.id, result))
            return
        }
        guard !view.contains(request.id) else { return }
        sequence += 1
        // Where its files are is known better here, if they were moved since the sector asked for room.
        let known = rooms.place(of: request.id.sector)
        let place = known?.host ?? host
        if known == nil, request.work.type.needsFiles, host != nil {
            view.heldMoves[request.id.sector] = .distantFuture
        }
        view.add(
            request, host: request.work.type.needsFiles ? place : nil, store: known?.store,
            since: context.now, sequence: sequence)
        options.observer?.taskQueued(request.id, at: context.now)
    }

    /// The owner of a held slot has said what to do: only now does the worker hear of it.
    private func supply(_ request: TaskRequest, _ context: Context<SchedulerMessage>) {
        guard let (call, name) = callOf[request.id], let worker = workers[name],
            let running = worker.calls[call], running.isHeld, !running.isReserving,
            var supplied = running.assignment
        else { return }
        if worker.isLost, options.bug == .schedulerDropsSupplies { return }
        supplied.request = request
        supplied.request.isHeld = false
        worker.calls[call]?.assignment = supplied
        untaken[call] = name
        // A lost worker says when it comes back what it runs. This call is not among it and fails as one of
        // infrastructure then, so that the sector asks for another slot and keeps its ticket.
        if !worker.isLost { worker.ref.tell(.assign(call, supplied)) }
        tellStarted(request.id, on: name)
        armSayAgain(context)
    }

    /// A proof's owner plans by when it began. A sector's keeper waits for the end alone, and there are many.
    func tellStarted(_ id: TaskID, on worker: String) {
        if id.type.isPoSt { owners[id]?.tell(.started(id, worker: worker)) }
    }

    private func cancel(_ id: TaskID, _ now: Instant) {
        owners[id] = nil
        if unqueue(id) != nil {
            options.observer?.taskEnded(id, nil, since: nil, at: now)
            return
        }
        guard let (call, name) = callOf.removeValue(forKey: id), let worker = workers[name] else { return }
        worker.givenUp.insert(call)
        worker.ref.tell(.abort(call))
        if options.bug == .schedulerKeepsCancelledCalls { return }
        endCall(call, of: worker, nil, now)
    }

    /// Takes a task out of the queue, and what was begun for it ahead.
    private func unqueue(_ id: TaskID) -> WaitingTask? {
        guard let task = view.remove(id) else { return nil }
        holds[id] = nil
        revokePrefetch(of: id)
        return task
    }

    private func abort(_ id: TaskID, _ asker: Ref<TaskEvent>?, _ now: Instant) {
        let failed = TaskResult.failed(
            TaskFailure(cause: .aborted, message: "\(id) was aborted by an operator"))
        let owner = owners.removeValue(forKey: id)
        if unqueue(id) != nil {
            options.observer?.taskEnded(id, failed, since: nil, at: now)
            asker?.tell(.aborted(id, ControlReport(workers: [], runningCount: 0, note: "it was waiting")))
        } else if let (call, name) = callOf.removeValue(forKey: id), let worker = workers[name] {
            worker.givenUp.insert(call)
            worker.ref.tell(.abort(call))
            endCall(call, of: worker, failed, now)
            let note =
                worker.isLost ? "the worker is lost and stops it when it comes back" : "its worker stops it"
            asker?.tell(.aborted(id, ControlReport(workers: [name], runningCount: 1, note: note)))
        } else {
            if let owner { owners[id] = owner }
            asker?.tell(
                .aborted(
                    id,
                    ControlReport(
                        workers: [], runningCount: 0, note: "no such task is known", isKnown: false)))
            return
        }
        owner?.tell(.finished(id, failed))
    }

    func report(
        _ name: String, _ call: CallID, _ result: TaskResult, _ context: Context<SchedulerMessage>
    ) {
        let now = context.now
        let worker = workers[name]
        worker?.ref.tell(.confirmed(call))
        let known = callOf[call.task]
        // Of a try that was given up nothing counts, neither where its files are nor what it lacked.
        if known?.call != call, isLate(call) { return }
        if case .done = result, call.task.type.needsFiles { noteFiles(of: call.task.sector, at: worker) }
        if prefetchEnded(call) {
            // Whatever it was: another look ahead at once would only find it again.
            if case .failed(let failure) = result {
                noteSetback(
                    call.task,
                    .failed(TaskFailure(cause: .infrastructureLost, message: failure.message)), context)
            }
            return
        }
        noteSetback(call.task, result, context)
        guard let known else { return reportOfEarlier(call, result, now) }
        guard known.call == call else { return }
        callOf[call.task] = nil
        endCall(call, of: worker, result, now)
        owners.removeValue(forKey: call.task)?.tell(.finished(call.task, result))
    }

    func endCall(_ call: CallID, of worker: Worker?, _ result: TaskResult?, _ now: Instant) {
        guard let worker, let running = worker.calls.removeValue(forKey: call) else { return }
        untaken[call] = nil
        endMove(of: running, call, isDone: result?.isDone ?? false)
        view.ledger.links.endDeparture(call.number)
        view.vacate(worker.index, call.task)
        if call.task.type == .addPiece { view.entryBook.pieceEnded(call.task.sector, at: now) }
        if options.bug != .schedulerKeepsLeases || result?.isDone == true {
            let isReleased = view.ledger.release(call.number)
            precondition(isReleased, "\(call) held no lease")
        }
        if case .done = result, running.assignment?.fetch == nil, running.assignment != nil {
            view.profiles.add(call.task.type, worker: worker.index, now - running.since)
        }
        options.observer?.taskEnded(call.task, result, since: running.since, at: now)
    }

    /// It was assigned by this scheduler, not by one before its restart, and nobody waits for it.
    private func isLate(_ call: CallID) -> Bool {
        let isOwn = call.number > firstCall && call.number <= callCount
        return isOwn && callOf[call.task]?.call != call && moves.prefetches[call.task]?.call != call
    }

    /// Takes the result of a call that an earlier incarnation of this scheduler assigned: for the sector
    /// that waits for it, or for when it asks.
    private func reportOfEarlier(_ call: CallID, _ result: TaskResult, _ now: Instant) {
        guard case .done = result else { return }
        if unqueue(call.task) != nil {
            options.observer?.taskEnded(call.task, result, since: nil, at: now)
            owners.removeValue(forKey: call.task)?.tell(.finished(call.task, result))
            return
        }
        early[call.task] = result
        if early.count > Self.earlyCountMax { early.removeFirst() }
    }

    /// Takes over a call that an earlier incarnation of this scheduler assigned and the worker still runs.
    ///
    /// One of its own that is over is not: the worker may have said that it runs it before it heard of the
    /// end, and would not run it any more.
    func adopt(_ call: CallID, of name: String, _ now: Instant) {
        guard let worker = workers[name], callOf[call.task] == nil, worker.calls[call] == nil, !isLate(call),
            !worker.givenUp.contains(call),
            view.workers[worker.index].busyCounts[call.task.type.stage]
                < view.workers[worker.index].slotCounts[call.task.type.stage]
        else { return }
        let task = unqueue(call.task)
        let target = view.workers[worker.index]
        let need = task.map { view.need(call.task.type, proof: $0.request.proof, on: worker.index) } ?? .none
        do {
            // It runs already: it holds what it holds.
            let devices = try view.ledger.lease(
                call.number, need, stage: call.task.type.stage,
                host: view.hosts[target.hostIndex].machine, worker: worker.info,
                workerIndex: worker.index,
                disk: task.flatMap { view.diskShare(need, of: $0, on: worker.index) }, force: true)
            workers[name]?.calls[call] = RunningCall(assignment: nil, devices: devices, since: now)
        } catch { preconditionFailure("a forced lease was refused: \(error)") }
        // Its files are not known to have arrived: they are on their way, and its worker says when they come.
        if let task, let from = task.hostIndex, from != target.hostIndex {
            takeLink(of: task, from: from, to: target.hostIndex, store: worker.info.store, call)
        }
        if let task { beginDeparture(of: task, from: target.hostIndex, call) }
        callOf[call.task] = (call, name)
        view.occupy(worker.index, call.task)
        tellStarted(call.task, on: name)
        options.observer?.taskAssigned(call.task, worker: name, at: now)
    }
}

/// A call that a worker has, or will have once there is room for its files.
///
/// An object, of which each call has one: it is large, and looked at several times.
final class RunningCall {
    /// What was assigned; `nil` for a call that was taken over from an earlier incarnation.
    var assignment: Assignment?
    let devices: DeviceGrant
    let since: Instant
    var move: Move?
    /// To put back in the queue where the move finds no room.
    let task: WaitingTask?

    init(
        assignment: Assignment?, devices: DeviceGrant, since: Instant, move: Move? = nil,
        task: WaitingTask? = nil
    ) {
        self.assignment = assignment
        self.devices = devices
        self.since = since
        self.move = move
        self.task = task
    }

    /// The slot is taken, and nobody has said yet what to do in it.
    var isHeld: Bool { assignment?.request.isHeld == true }
}

extension TaskResult {
    /// It ended well.
    package var isDone: Bool {
        if case .done = self { true } else { false }
    }
}
