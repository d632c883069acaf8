// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
private import Logging
private import OrderedCollections

extension ClusterScheduler {
    func join(
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
        if let known = workers[info.name], (known.info.host, known.info.store) != (info.host, info.store) {
            retire(known, context)
        }
        if let known = workers[info.name] {
            known.info = info
            known.ref = ref
            known.session = session
            known.join = id
            known.isLost = false
            view.rejoin(known.index, info)
            view.setAvailable(known.index, true)
        } else {
            let index = view.join(info)
            let worker = Worker(index: index, info: info, ref: ref, session: session, join: id)
            workers[info.name] = worker
            while workerAt.count <= index { workerAt.append(nil) }
            workerAt[index] = worker
            applyControls(to: index)
            context.log.info("worker \(info.name) on \(info.host) joined")
        }
        let name = info.name
        context.watch(ref) { .workerGone(name: name, session: session, $0) }
        for done in finished { report(name, done.call, done.result, context) }
        for call in running { adopt(call, of: name, context.now) }
        let known = running.filter { callOf[$0.task]?.call == $0 }
        for call in known { taken(call, context) }
        ref.tell(.welcome(id, known: options.bug == .schedulerWelcomesWithNothing ? [] : known))
        // Calls that the scheduler counts on and the worker does not know died with an earlier incarnation.
        let alive = Set(running)
        let dead =
            workers[name]?.calls.filter {
                !alive.contains($0.key) && !$0.value.isReserving && !$0.value.isHeld
            }.map(\.key) ?? []
        if !dead.isEmpty, options.bug != .schedulerForgetsDeadCalls {
            let store = info.store
            context.log.warning("worker \(name) came back without \(dead.count) of its tasks")
            for call in dead {
                fail(
                    call, of: name, "worker \(name) was restarted; its store \(store) is still there",
                    context.now)
            }
        }
    }

    /// What a worker's tasks take from now on; what runs keeps what it was given.
    func measured(_ name: String, _ join: JoinID, _ cells: [ResourceTable.Override]) {
        guard let worker = workers[name], worker.join == join else { return }
        worker.info.resources = Array(cells.prefix(ResourceTable.cellCountMax))
        view.setResources(worker.index, worker.info.resources)
    }

    func gone(
        _ name: String, _ session: UInt64, _ reason: Termination, _ context: Context<SchedulerMessage>
    ) {
        guard let worker = workers[name], worker.session == session, !worker.isLost else { return }
        worker.isLost = true
        worker.lostAt = context.now
        view.setAvailable(worker.index, false)
        revokePrefetches(at: name)
        context.log.warning(
            "worker \(name) is lost (\(reason.rawValue)): \(worker.calls.count) tasks wait for it"
        )
        if isLastOfStore(worker) { storage.tell(.setOnline(store: worker.info.store, false)) }
        context.schedule(after: options.lease, .leaseExpired(name: name, session: session))
    }

    /// A worker is there with another store than before: what the former one holds is waited for and given
    /// up as that of a worker that does not come back.
    private func retire(_ known: Worker, _ context: Context<SchedulerMessage>) {
        let name = known.info.name
        let former = "\(name), before it was started with another store (\(known.session))"
        context.log.warning("worker \(name) was started with another store than \(known.info.store)")
        if !known.isLost { gone(name, known.session, .stopped, context) }
        workers[name] = nil
        workers[former] = known
        for call in known.calls.keys where callOf[call.task]?.call == call {
            callOf[call.task] = (call, former)
        }
        context.schedule(after: options.lease, .leaseExpired(name: former, session: known.session))
    }

    private func isLastOfStore(_ worker: Worker) -> Bool {
        !workers.values.contains {
            $0.info.store == worker.info.store && $0.info.name != worker.info.name && !$0.isLost
        }
    }

    /// The lease is over: what is not worth waiting for any longer goes elsewhere.
    func expire(_ name: String, _ session: UInt64, _ context: Context<SchedulerMessage>) {
        let endsRenewed = options.bug == .schedulerEndsRenewedLeases
        guard let worker = workers[name], worker.session == session && worker.isLost || endsRenewed
        else { return }
        let waited = context.now - worker.lostAt
        let holdsStore = !worker.info.store.isEmpty && isLastOfStore(worker)
        let ofStore = holdsStore ? storePatience(worker) : options.lease
        var next = ofStore > waited ? ofStore : nil
        for (call, running) in worker.calls {
            let isBound = holdsStore && call.task.type.needsFiles
            let patience =
                isBound
                ? filePatience(call, running, worker, ofStore) : patience(call, running, worker)
            if patience > waited {
                next = next.map { min($0, patience) } ?? patience
                continue
            }
            worker.givenUp.insert(call)
            fail(call, of: name, "worker \(name) was lost and did not come back", context.now)
            // The store may be waited for still, for the sake of others.
            let store = worker.info.store
            if isBound, rooms.place(of: call.task.sector)?.store == store {
                storage.tell(.abandon(call.task.sector, store: store))
            }
        }
        if let next {
            context.schedule(after: next - waited, .leaseExpired(name: name, session: session))
            return
        }
        context.log.warning("worker \(name) did not come back; what it held is done anew")
        view.leave(worker.index)
        workers[name] = nil
        workerAt[worker.index] = nil
        if holdsStore { storage.tell(.lose(store: worker.info.store)) }
    }

    // MARK: Patience

    /// How long a running call of a lost worker is waited for: as long as it has run. Who comes back later
    /// has cost no more than twice what doing it again at once would have, and who comes back earlier lost
    /// nothing.
    private func patience(_ call: CallID, _ running: RunningCall, _ worker: Worker) -> Duration {
        guard options.waitsForWork, !call.task.type.isPoSt else { return options.lease }
        let isLate = running.assignment.map { slack($0.request.deadline, call.task.type, worker) <= .zero }
        return isLate == true ? options.lease : max(options.lease, worker.lostAt - running.since)
    }

    /// How long a call on a store that is out of reach is waited for: as long as the sector has been worked
    /// on there, and no longer than the store.
    private func filePatience(
        _ call: CallID, _ running: RunningCall, _ worker: Worker, _ ofStore: Duration
    ) -> Duration {
        guard rooms.place(of: call.task.sector)?.store == worker.info.store else { return ofStore }
        let run = patience(call, running, worker)
        switch call.task.type {
        case .preCommit1: return min(ofStore, run)
        case .preCommit2 where view.profiles.isKnown(.preCommit1):
            return min(ofStore, view.profiles.duration([.preCommit1]) + run)
        default: return ofStore
        }
    }

    /// How long a store that is out of reach is waited for: as long as the replica of a sector takes to be
    /// made anew, unless a deadline comes first.
    private func storePatience(_ worker: Worker) -> Duration {
        let types: [TaskType] = [.preCommit1, .preCommit2]
        guard options.waitsForWork, types.allSatisfy(view.profiles.isKnown) else { return options.lease }
        var patience = view.profiles.duration(types)
        let host = view.workers[worker.index].hostIndex
        let deadlines =
            worker.calls.compactMap { call, running in
                running.assignment.map { (call.task.type, $0.request.deadline) }
            }
            + TaskType.allCases.compactMap { type in
                view.first(type, on: host).map { (type, $0.request.deadline) }
            }
        for (type, deadline) in deadlines {
            let slack = slack(deadline, type, worker)
            // What is too late already is no reason to throw the others away.
            if slack > .zero { patience = min(patience, slack) }
        }
        return max(options.lease, patience)
    }

    /// The time after the loss for which a sector may wait and still be made anew by its deadline.
    private func slack(_ deadline: Instant?, _ type: TaskType, _ worker: Worker) -> Duration {
        guard let deadline else { return .seconds(Int64.max / 2_000_000_000) }
        let again: [TaskType] = type.needsFiles ? [.preCommit1, .preCommit2] : [type]
        return deadline - worker.lostAt - view.profiles.duration(again)
    }

    private func fail(_ call: CallID, of name: String, _ message: String, _ now: Instant) {
        let failed = TaskResult.failed(TaskFailure(cause: .infrastructureLost, message: message))
        callOf[call.task] = nil
        endCall(call, of: workers[name], failed, now)
        let owner = owners.removeValue(forKey: call.task)
        if options.bug != .schedulerKeepsLossesSecret { owner?.tell(.finished(call.task, failed)) }
    }

    // MARK: Setbacks

    /// A worker says how a call ended. What failed for want of something around it, a store out of reach or a
    /// link that is down, says nothing about the work and is not counted against it; but trying again at once
    /// would fail again at once.
    func noteSetback(_ id: TaskID, _ result: TaskResult, _ context: Context<SchedulerMessage>) {
        switch result {
        case .done:
            if !view.setbacks.isEmpty { view.setbacks[id.sector] = nil }
        case .failed(let failure) where failure.cause == .infrastructureLost:
            let count = (view.setbacks[id.sector]?.count ?? 0) + 1
            let setback = Setback(count: count, until: context.now + Setback.pause(count, id.type))
            view.setbacks[id.sector] = setback
            context.schedule(at: setback.until, .paceDue)
        case .failed: break
        }
    }

    // MARK: Assignments under way

    func taken(_ call: CallID, _ context: Context<SchedulerMessage>) {
        untaken[call] = nil
        if untaken.isEmpty, let timer = sayAgainTimer {
            context.cancel(timer)
            sayAgainTimer = nil
        }
    }

    /// Assignments that no worker has answered may be lost: they are said again, which does no harm.
    func sayAgain(_ context: Context<SchedulerMessage>) {
        sayAgainTimer = nil
        for (call, name) in untaken {
            guard let worker = workers[name], !worker.isLost, let running = worker.calls[call],
                running.since + options.sayAgainAfter <= context.now
            else { continue }
            if let assignment = running.assignment { worker.ref.tell(.assign(call, assignment)) }
        }
        armSayAgain(context)
    }

    func armSayAgain(_ context: Context<SchedulerMessage>) {
        guard sayAgainTimer == nil, !untaken.isEmpty, options.bug != .schedulerNeverSaysAgain else { return }
        sayAgainTimer = context.schedule(after: options.sayAgainAfter, .sayAgain)
    }
}
