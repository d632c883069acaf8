// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
private import OrderedCollections

extension ClusterScheduler {
    /// Asks the policy until nothing more comes of it.
    func place(_ context: Context<SchedulerMessage>) {
        let now = context.now
        guard now >= placesFrom else { return }
        placePoSt(now)
        while true {
            var appliedCount = 0
            for decision in policy.decide(view, at: now) where apply(decision, now) { appliedCount += 1 }
            if appliedCount == 0 { break }
        }
        armSayAgain(context)
        armWakeUp(now, context)
    }

    /// Carries a decision out; `false` where it changes nothing.
    private func apply(_ decision: Decision, _ now: Instant) -> Bool {
        switch decision {
        case .assign(let id, let worker, let reason): return assign(id, to: worker, reason, now)
        case .admit(let sector, let store, let reason): return admit(sector, to: store, reason, now)
        case .prefetch(let id, let worker): return prefetch(id, to: worker, now)
        case .hold(let id, let reason):
            if view.contains(id) { holds[id] = reason }
            return false
        }
    }

    /// Starts a task; `false` where the decision does not fit the cluster.
    func assign(_ id: TaskID, to index: Int, _ reason: PlacementReason, _ now: Instant) -> Bool {
        guard view.workers.indices.contains(index), let task = view.task(id) else { return false }
        // The view of a worker is large, and what is used of it small: it is not copied.
        let host = view.workers[index].hostIndex
        let name = view.workers[index].infoBox.value.name
        guard index < workerAt.count, let worker = workerAt[index] else { return false }
        if let refusal = view.canStart(task, on: index, at: now) {
            note(.refused, id.sector, id, name, reason, refusal, now)
            return false
        }
        let others = others(task, than: index, at: now)
        callCount += 1
        let call = CallID(task: id, number: callCount)
        let need = view.need(id.type, proof: task.request.proof, on: index)
        let devices: DeviceGrant
        do {
            devices = try view.ledger.lease(
                call.number, need, stage: id.type.stage, host: view.hosts[host].machine,
                worker: view.workers[index].infoBox, workerIndex: index,
                disk: view.diskShare(need, of: task, on: index))
        } catch {
            note(.refused, id.sector, id, name, reason, error, now)
            return false
        }
        beginDeparture(of: task, from: host, call)
        revokePrefetch(of: id)
        _ = view.remove(id)
        holds[id] = nil
        let isAway = task.hostIndex.map { $0 != host } ?? false
        let move = isAway ? beginMove(task, to: view.workers[index], call) : nil
        let fetch = move.map {
            Assignment.Fetch(
                fromHost: task.host ?? "", fromStore: rooms.place(of: id.sector)?.store ?? "",
                toStore: $0.store,
                bytes: task.moveBytes)
        }
        let home = rooms.place(of: id.sector).flatMap { $0.host == worker.info.host ? $0.store : nil }
        let assignment = Assignment(
            task.request, devices: devices, fetch: fetch, store: fetch?.toStore ?? home)
        worker.calls[call] = RunningCall(
            assignment: assignment, devices: devices, since: now, move: move, task: move == nil ? nil : task)
        callOf[id] = (call, name)
        view.occupy(index, id)
        view.noteStart(id.type, on: host, at: now)
        if task.request.isHeld {
            // With a move it is granted when there is room for the files: a ticket would age meanwhile.
            if move == nil { owners[id]?.tell(.granted(id, worker: name)) }
        } else {
            if move == nil {
                untaken[call] = name
                worker.ref.tell(.assign(call, assignment))
            }
            tellStarted(id, on: name)
        }
        options.observer?.taskAssigned(id, worker: name, at: now)
        note(move == nil ? .started : .moved, id.sector, id, name, reason, nil, now, others)
        return true
    }

    func note(
        _ event: PlacementRecord.Event, _ sector: SectorKey, _ task: TaskID?, _ place: String,
        _ reason: PlacementReason, _ refusal: Refusal?, _ now: Instant,
        _ others: [SchedulerDiagnosis.WorkerRefusal] = []
    ) {
        let record = PlacementRecord(
            at: now, event: event, sector: sector, task: task, place: place, reason: reason, refusal: refusal)
        placements.add(record)
        options.observer?.decisionMade(record)
        options.listener?.decided(record, others: others)
    }

    /// Sets an alarm for the first start that a pace limit holds back, or for when the policy wants to be
    /// asked.
    private func armWakeUp(_ now: Instant, _ context: Context<SchedulerMessage>) {
        var first = policy.wakeUp(after: now)
        for rule in options.pacing where view.waitingCount(rule.type) > 0 && view.freeSlotCount(rule.type) > 0
        {
            var lookedAt: Int?
            for index in view.openWorkers(rule.type) {
                let host = view.workers[index].hostIndex
                if host == lookedAt { continue }
                lookedAt = host
                guard let next = view.paceDelay(rule.type, on: host, at: now),
                    view.hosts[host].fetchingSlotCounts[rule.type.stage] > 0
                        || view.queue.hasWork(rule.type, on: host)
                else { continue }
                if first.map({ next < $0 }) ?? true { first = next }
            }
        }
        guard let first, first > now else { return }
        if let known = paceTimer {
            guard first < known.at else { return }
            context.cancel(known.id)
        }
        paceTimer = (context.schedule(at: first, .paceDue), first)
    }

    // MARK: Room for new sectors

    /// A sector wants room; it hears of it from the storage index.
    func admit(_ wish: AdmissionRequest, _ owner: Ref<StorageEvent>) {
        let sector = wish.sector
        rooms.owners[sector] = owner
        if rooms.admitting[sector] != nil {
            // The answer to its last wish is on its way; where that was withdrawn, this is the next.
            if rooms.admitting[sector]?.isWithdrawn == true { rooms.admitting[sector]?.next = wish }
            return
        }
        if let place = rooms.place(of: sector) {
            storage.tell(.reserve(sector, bytes: wish.bytes, at: place.store, owner: owner, replyTo: nil))
            return
        }
        if view.admission(sector) == nil { view.add(wish) }
    }

    private func admit(
        _ sector: SectorKey, to store: String, _ reason: PlacementReason, _ now: Instant
    ) -> Bool {
        guard let wish = view.admission(sector), let owner = rooms.owners[sector] else { return false }
        if let refusal = view.canAdmit(wish, to: store) {
            note(.refused, sector, nil, store, reason, refusal, now)
            return false
        }
        _ = view.removeWish(sector)
        view.notePending(store, bytes: wish.bytes, isOver: false)
        if let known = view.store(store) { view.entryBook.admitted(sector, to: known.hostIndex, at: now) }
        rooms.admitting[sector] = .init(wish: wish, store: store)
        storage.tell(.reserve(sector, bytes: wish.bytes, at: store, owner: owner, replyTo: storageReplies))
        note(.admitted, sector, nil, store, reason, nil, now)
        return true
    }

    /// A sector wants no room any more; what it has is free.
    func withdraw(_ sector: SectorKey) {
        _ = view.removeWish(sector)
        view.entryBook.left(sector)
        if rooms.admitting[sector] != nil {
            rooms.admitting[sector]?.isWithdrawn = true
            rooms.admitting[sector]?.next = nil
        }
        rooms.forget(sector)
        view.heldMoves[sector] = nil
        view.setbacks[sector] = nil
        if options.bug != .schedulerKeepsRoom { storage.tell(.release(sector)) }
    }

    /// The storage index's word; `false` where placing need not look.
    func heard(_ event: StorageEvent, _ context: Context<SchedulerMessage>) -> Bool {
        switch event {
        case .placed(let sector, let state):
            let answered = answered(sector, state.info.name)
            view.setStore(state)
            if answered?.isWithdrawn != true {
                view.heldMoves[sector] = nil
                rooms.setPlace(of: sector, store: state.info.name, host: state.info.host)
            }
            return true
        case .refused(let sector, let store, let refusal):
            if let answered = answered(sector, store) {
                view.entryBook.left(sector)
                if !answered.isWithdrawn { view.add(answered.wish) }
                rooms.refusals[sector] = refusal
            }
            return true
        case .moveRefused(let sector, let store, let refusal):
            // Asking again at once would get the same answer.
            view.heldMoves[sector] = context.now + .seconds(10)
            context.schedule(after: .seconds(10), .paceDue)
            moveRefused(sector, store, refusal, context.now)
            return true
        case .moveReserved(let sector, let state):
            view.setStore(state)
            moveGranted(sector, state.info.name, context)
            return true
        case .changed(let state):
            view.setStore(state)
            return true
        case .gone(let store):
            view.removeStore(store)
            return true
        case .reserved, .lost, .moved, .location, .stores, .path: return false
        }
    }

    /// The answer to an admission has come: its room is in the store's own account from now on.
    private func answered(_ sector: SectorKey, _ store: String) -> RoomBook.Admitting? {
        guard let known = rooms.admitting[sector], known.store == store else { return nil }
        rooms.admitting[sector] = nil
        view.notePending(store, bytes: known.wish.bytes, isOver: true)
        if known.isWithdrawn, known.next == nil { rooms.owners[sector] = nil }
        if let next = known.next, view.admission(sector) == nil { view.add(next) }
        return known
    }
}

/// Where sectors are, and who waits for the storage index's answer.
struct RoomBook {
    struct Place {
        let store: String
        let host: String
    }

    struct Admitting {
        let wish: AdmissionRequest
        let store: String
        var isWithdrawn = false
        /// The sector's next wish, made while this one was not answered.
        var next: AdmissionRequest?
    }

    private var places: [SectorKey: Place] = [:]
    var admitting: [SectorKey: Admitting] = [:]
    var owners: [SectorKey: Ref<StorageEvent>] = [:]
    /// Why the index had no room after all.
    var refusals: [SectorKey: Refusal] = [:]

    func place(of sector: SectorKey) -> Place? { places[sector] }

    mutating func setPlace(of sector: SectorKey, store: String, host: String) {
        places[sector] = Place(store: store, host: host)
        owners[sector] = nil
        refusals[sector] = nil
    }

    mutating func forget(_ sector: SectorKey) {
        places[sector] = nil
        if admitting[sector] == nil { owners[sector] = nil }
        refusals[sector] = nil
    }
}
