// SPDX-License-Identifier: Apache-2.0
package import Kernel
private import Logging
private import OrderedCollections

/// Places tasks on workers by a policy, and makes sure that each ends: done, failed, or given to another
/// worker.
///
/// A running call is a lease of its worker. When the worker is lost the lease runs on for a while: a worker
/// that comes back says what it runs and the calls are attached again. When the lease ends, its tasks fail
/// with `infrastructureLost`, its store is declared lost, and the sectors decide how far they must go back.
package actor ClusterScheduler: Component {
    /// How the scheduler behaves.
    package struct Options: Sendable {
        /// Starts allowed per host and interval.
        package var pacing: [Pacing]
        /// The time a lost worker has to come back.
        package var lease: Duration
        /// The time after which an assignment that the worker has not answered is said again.
        package var sayAgainAfter: Duration
        /// The time that workers have to come back after a start before anything is placed: what they still
        /// run must not be started twice.
        package var startGrace: Duration
        /// The accounts are checked after every message: for tests and simulation.
        package var checksInvariants: Bool
        /// Told of every task that comes, starts and ends.
        package var observer: (any TaskObserver)?

        package init(
            pacing: [Pacing] = [], lease: Duration = .seconds(60), sayAgainAfter: Duration = .seconds(10),
            startGrace: Duration = .zero, checksInvariants: Bool = false, observer: (any TaskObserver)? = nil
        ) {
            self.pacing = pacing
            self.lease = lease
            self.sayAgainAfter = sayAgainAfter
            self.startGrace = startGrace
            self.checksInvariants = checksInvariants
            self.observer = observer
        }
    }

    private struct Worker {
        var index: Int
        var info: WorkerInfo
        var ref: Ref<WorkerMessage>
        var session: UInt64
        var join: JoinID
        var isLost = false
        var calls: OrderedDictionary<CallID, RunningCall> = [:]
    }

    private struct RunningCall {
        /// What was assigned; `nil` for a call that was taken over from an earlier incarnation.
        var request: TaskRequest?
        let since: Instant

        /// The slot is taken, and nobody has said yet what to do in it.
        var isHeld: Bool { request?.isHeld == true }
    }

    package nonisolated let home: Home
    private let options: Options
    private var policy: any SchedulingPolicy
    private let policyName: String
    private let storage: Ref<StorageMessage>
    private var view: ClusterView
    private var workers: OrderedDictionary<String, Worker> = [:]
    private var owners: [TaskID: Ref<TaskEvent>] = [:]
    private var callOf: [TaskID: (call: CallID, worker: String)] = [:]
    private var sequence: UInt64 = 0
    /// Starts at a random number, so that no call of this incarnation equals one of an earlier.
    private var callCount: UInt64 = 0
    private var firstCall: UInt64 = 0
    /// Results that came before their sector asked: it was made anew with the miner and asks again.
    private var early: OrderedDictionary<TaskID, TaskResult> = [:]
    private var placesFrom: Instant = .zero
    private var sessionCount: UInt64 = 0
    private var paceTimer: (id: TimerID, at: Instant)?
    /// Calls that were assigned and not answered yet, with their workers, oldest first.
    private var untaken: OrderedDictionary<CallID, String> = [:]
    private var sayAgainTimer: TimerID?

    package init(
        home: Home, policy: any SchedulingPolicy, storage: Ref<StorageMessage>, options: Options = Options()
    ) {
        self.home = home
        self.policy = policy
        self.storage = storage
        self.options = options
        policyName = type(of: policy).name
        view = ClusterView(pacing: options.pacing)
    }

    /// Results that are held for sectors that have not asked yet; the oldest gives way.
    private static let earlyCountMax = 1_000

    package func started(_ context: Context<SchedulerMessage>) {
        callCount = context.random.next() >> 16
        firstCall = callCount
        guard options.startGrace > .zero else { return }
        placesFrom = context.now + options.startGrace
        context.schedule(at: placesFrom, .graceOver)
    }

    package func receive(_ message: SchedulerMessage, _ context: Context<SchedulerMessage>) {
        switch message {
        case .submit(let request, let host, let owner): submit(request, host: host, owner, context)
        case .supply(let request): supply(request, context)
        case .cancel(let id): cancel(id, context.now)
        case .workerJoined(let info, let ref, let id, let store, let running, let finished):
            join(info, ref, id, running: running, finished: finished, context)
            if let store { storage.tell(.attach(store)) }
        case .taken(let call): taken(call, context)
        case .sayAgain: sayAgain(context)
        case .workerGone(let name, let session, let reason): gone(name, session, reason, context)
        case .leaseExpired(let name, let session): expire(name, session, context)
        case .report(let name, let call, let result): report(name, call, result, context.now)
        case .paceDue: paceTimer = nil
        case .graceOver: break
        case .diagnose(let asker):
            asker.tell(.diagnosis(diagnosis(context)))
            return
        }
        place(context)
        if options.checksInvariants { view.checkInvariants() }
    }

    // MARK: Tasks

    private func submit(
        _ request: TaskRequest, host: String?, _ owner: Ref<TaskEvent>, _ context: Context<SchedulerMessage>
    ) {
        owners[request.id] = owner
        if let (call, worker) = callOf[request.id] {
            let isHeld = workers[worker]?.calls[call]?.isHeld == true
            owner.tell(
                isHeld ? .granted(request.id, worker: worker) : .started(request.id, worker: worker))
            return
        }
        if let result = early.removeValue(forKey: request.id) {
            owners[request.id] = nil
            owner.tell(.finished(request.id, result))
            return
        }
        guard !view.contains(request.id) else { return }
        sequence += 1
        view.add(
            WaitingTask(
                request: request, host: request.work.type.needsFiles ? host : nil, since: context.now,
                sequence: sequence))
        options.observer?.taskQueued(request.id, at: context.now)
    }

    /// The owner of a held slot has said what to do: only now does the worker hear of it.
    private func supply(_ request: TaskRequest, _ context: Context<SchedulerMessage>) {
        guard let (call, name) = callOf[request.id], let worker = workers[name],
            worker.calls[call]?.isHeld == true
        else { return }
        var supplied = request
        supplied.isHeld = false
        workers[name]?.calls[call]?.request = supplied
        untaken[call] = name
        // A lost worker says when it comes back what it runs; this call is then said again.
        if !worker.isLost { worker.ref.tell(.assign(call, supplied)) }
        owners[request.id]?.tell(.started(request.id, worker: name))
        armSayAgain(context)
    }

    private func cancel(_ id: TaskID, _ now: Instant) {
        owners[id] = nil
        if view.remove(id) != nil {
            options.observer?.taskEnded(id, nil, since: nil, at: now)
            return
        }
        guard let (call, name) = callOf.removeValue(forKey: id), let worker = workers[name] else { return }
        worker.ref.tell(.abort(call))
        endCall(call, of: name, nil, now)
    }

    private func report(_ name: String, _ call: CallID, _ result: TaskResult, _ now: Instant) {
        workers[name]?.ref.tell(.confirmed(call))
        if callOf[call.task] == nil { return reportOfEarlier(call, result, now) }
        guard callOf[call.task]?.call == call else { return }
        callOf[call.task] = nil
        endCall(call, of: name, result, now)
        owners.removeValue(forKey: call.task)?.tell(.finished(call.task, result))
    }

    private func endCall(_ call: CallID, of name: String, _ result: TaskResult?, _ now: Instant) {
        guard let worker = workers[name], let running = worker.calls[call] else { return }
        workers[name]?.calls.removeValue(forKey: call)
        untaken[call] = nil
        view.vacate(worker.index, call.task.type)
        options.observer?.taskEnded(call.task, result, since: running.since, at: now)
    }

    /// Takes the result of a call that an earlier incarnation of this scheduler assigned: for the sector
    /// that waits for it, or for when it asks.
    private func reportOfEarlier(_ call: CallID, _ result: TaskResult, _ now: Instant) {
        let isOwn = call.number > firstCall && call.number <= callCount
        guard !isOwn, case .done = result else { return }
        if view.remove(call.task) != nil {
            options.observer?.taskEnded(call.task, result, since: nil, at: now)
            owners.removeValue(forKey: call.task)?.tell(.finished(call.task, result))
            return
        }
        early[call.task] = result
        if early.count > Self.earlyCountMax { early.removeFirst() }
    }

    /// Takes over a call that an earlier incarnation of this scheduler assigned and the worker still runs.
    private func adopt(_ call: CallID, of name: String, _ now: Instant) {
        guard let worker = workers[name], callOf[call.task] == nil,
            view.workers[worker.index].freeCount(call.task.type) > 0
        else { return }
        _ = view.remove(call.task)
        workers[name]?.calls[call] = RunningCall(request: nil, since: now)
        callOf[call.task] = (call, name)
        view.occupy(worker.index, call.task.type)
        owners[call.task]?.tell(.started(call.task, worker: name))
        options.observer?.taskAssigned(call.task, worker: name, at: now)
    }

    // MARK: Workers

    private func join(
        _ info: WorkerInfo, _ ref: Ref<WorkerMessage>, _ id: JoinID, running: [CallID],
        finished: [FinishedCall], _ context: Context<SchedulerMessage>
    ) {
        // A registration that came twice, or after a newer one, says what is no longer so.
        if let known = workers[info.name]?.join, known.incarnation == id.incarnation,
            known.number >= id.number
        {
            return
        }
        sessionCount += 1
        let session = sessionCount
        if var known = workers[info.name] {
            known.ref = ref
            known.session = session
            known.join = id
            known.isLost = false
            workers[info.name] = known
            view.setAvailable(known.index, true)
        } else {
            workers[info.name] = Worker(
                index: view.join(info), info: info, ref: ref, session: session, join: id)
            context.log.info("worker \(info.name) on \(info.host) joined")
        }
        let name = info.name
        context.watch(ref) { .workerGone(name: name, session: session, $0) }
        for done in finished { report(name, done.call, done.result, context.now) }
        for call in running { adopt(call, of: name, context.now) }
        let known = running.filter { callOf[$0.task]?.call == $0 }
        for call in known { taken(call, context) }
        ref.tell(.welcome(id, known: known))
        // Calls that the scheduler counts on and the worker does not know died with an earlier incarnation.
        let alive = Set(running)
        let dead = workers[name]?.calls.filter { !alive.contains($0.key) && !$0.value.isHeld }.keys ?? []
        if !dead.isEmpty {
            let store = info.store
            context.log.warning("worker \(name) came back without \(dead.count) of its tasks")
            for call in dead {
                fail(
                    call, of: name, "worker \(name) was restarted; its store \(store) is still there",
                    context.now)
            }
        }
    }

    private func gone(
        _ name: String, _ session: UInt64, _ reason: Termination, _ context: Context<SchedulerMessage>
    ) {
        guard let worker = workers[name], worker.session == session, !worker.isLost else { return }
        workers[name]?.isLost = true
        view.setAvailable(worker.index, false)
        let count = worker.calls.count
        context.log.warning(
            "worker \(name) is lost (\(reason.rawValue)): \(count) tasks wait \(options.lease) for it"
        )
        context.schedule(after: options.lease, .leaseExpired(name: name, session: session))
    }

    private func expire(_ name: String, _ session: UInt64, _ context: Context<SchedulerMessage>) {
        guard let worker = workers[name], worker.session == session, worker.isLost else { return }
        context.log.warning("worker \(name) did not come back; its \(worker.calls.count) tasks go elsewhere")
        let isLastOfStore = !workers.values.contains {
            $0.info.store == worker.info.store && $0.info.name != name && !$0.isLost
        }
        for call in worker.calls.keys {
            fail(call, of: name, "worker \(name) was lost and did not come back", context.now)
        }
        view.leave(worker.index)
        workers[name] = nil
        if isLastOfStore { storage.tell(.lose(store: worker.info.store)) }
    }

    private func fail(_ call: CallID, of name: String, _ message: String, _ now: Instant) {
        let failed = TaskResult.failed(TaskFailure(cause: .infrastructureLost, message: message))
        callOf[call.task] = nil
        endCall(call, of: name, failed, now)
        owners.removeValue(forKey: call.task)?.tell(.finished(call.task, failed))
    }

    // MARK: Assignments under way

    private func taken(_ call: CallID, _ context: Context<SchedulerMessage>) {
        untaken[call] = nil
        if untaken.isEmpty, let timer = sayAgainTimer {
            context.cancel(timer)
            sayAgainTimer = nil
        }
    }

    /// Assignments that no worker has answered may be lost: they are said again, which does no harm.
    private func sayAgain(_ context: Context<SchedulerMessage>) {
        sayAgainTimer = nil
        for (call, name) in untaken {
            guard let worker = workers[name], !worker.isLost, let running = worker.calls[call],
                running.since + options.sayAgainAfter <= context.now
            else { continue }
            if let request = running.request { worker.ref.tell(.assign(call, request)) }
        }
        if !untaken.isEmpty { armSayAgain(context) }
    }

    private func armSayAgain(_ context: Context<SchedulerMessage>) {
        guard sayAgainTimer == nil else { return }
        sayAgainTimer = context.schedule(after: options.sayAgainAfter, .sayAgain)
    }

    // MARK: Placement

    private func place(_ context: Context<SchedulerMessage>) {
        let now = context.now
        guard now >= placesFrom else { return }
        while true {
            var placedCount = 0
            for case .assign(let id, let index) in policy.decide(view, at: now)
            where assign(id, to: index, now) { placedCount += 1 }
            if placedCount == 0 { break }
            armSayAgain(context)
        }
        armPace(now, context)
    }

    /// Starts a task; `false` where the decision does not fit the cluster.
    private func assign(_ id: TaskID, to index: Int, _ now: Instant) -> Bool {
        guard view.workers.indices.contains(index) else { return false }
        let target = view.workers[index]
        let name = target.info.name
        guard target.freeCount(id.type) > 0, let worker = workers[name], worker.index == index,
            view.paceDelay(id.type, on: target.info.host, at: now) == nil, let task = view.remove(id)
        else { return false }
        callCount += 1
        let call = CallID(task: id, number: callCount)
        workers[name]?.calls[call] = RunningCall(request: task.request, since: now)
        callOf[id] = (call, name)
        view.occupy(index, id.type)
        view.noteStart(id.type, on: target.info.host, at: now)
        if task.request.isHeld {
            owners[id]?.tell(.granted(id, worker: name))
        } else {
            untaken[call] = name
            worker.ref.tell(.assign(call, task.request))
            owners[id]?.tell(.started(id, worker: name))
        }
        options.observer?.taskAssigned(id, worker: name, at: now)
        return true
    }

    /// Sets an alarm for the first start that a pace limit holds back.
    private func armPace(_ now: Instant, _ context: Context<SchedulerMessage>) {
        var first: Instant?
        for rule in options.pacing where view.waitingCount(rule.type) > 0 && view.freeSlotCount(rule.type) > 0
        {
            for index in view.openWorkers(rule.type) {
                let host = view.workers[index].info.host
                guard let next = view.paceDelay(rule.type, on: host, at: now),
                    view.oldest(rule.type, on: host) != nil
                else { continue }
                if first.map({ next < $0 }) ?? true { first = next }
            }
        }
        guard let first else { return }
        if let known = paceTimer {
            guard first < known.at else { return }
            context.cancel(known.id)
        }
        paceTimer = (context.schedule(at: first, .paceDue), first)
    }

    // MARK: Diagnosis

    private func diagnosis(_ context: Context<SchedulerMessage>) -> SchedulerDiagnosis {
        var waiting: [SchedulerDiagnosis.Waiting] = []
        for type in TaskType.downstreamFirst {
            for task in view.waiting(type) {
                waiting.append(
                    .init(
                        task: task.request.id, host: task.host, since: task.since,
                        reason: reason(task, at: context.now)))
            }
        }
        let running = workers.values.flatMap { worker in
            worker.calls.map {
                SchedulerDiagnosis.Running(
                    task: $0.key.task, worker: worker.info.name, since: $0.value.since,
                    isOrphaned: worker.isLost)
            }
        }
        return SchedulerDiagnosis(
            policy: policyName, workerCount: workers.values.filter { !$0.isLost }.count, waiting: waiting,
            running: running.sorted { $0.task < $1.task })
    }

    private func reason(_ task: WaitingTask, at now: Instant) -> String {
        let type = task.request.id.type
        let able = view.workers.filter { $0.slotCounts[type.stage] > 0 }
        guard !able.isEmpty else { return "no worker in the cluster accepts \(type.short)" }
        let near = able.filter { task.host == nil || $0.info.host == task.host }
        guard !near.isEmpty else {
            return "its files are on \(task.host ?? "another host"), where no worker accepts \(type.short)"
        }
        guard near.contains(where: \.isAvailable) else {
            return "the workers that could run it are lost or paused"
        }
        guard let open = near.first(where: { $0.freeCount(type) > 0 }) else {
            return
                "all \(near.reduce(0) { $0 + $1.slotCounts[type.stage] }) \(type.short) slots "
                + "it could use are taken"
        }
        if let next = view.paceDelay(type, on: open.info.host, at: now) {
            return "the pace limit of \(open.info.host) allows the next start in \(next - now)"
        }
        return "an older task goes first"
    }
}
