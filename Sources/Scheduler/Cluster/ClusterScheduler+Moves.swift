// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
internal import OrderedCollections

/// A sector's way from one host's store to another's.
struct Move {
    enum Stage {
        /// The storage index is asked for room.
        case reserving
        case fetching
        /// The files are there.
        case done
    }

    let from: Int
    let to: Int
    let store: String
    var stage = Stage.reserving
}

/// Files on their way ahead of the work.
struct Prefetch {
    let call: CallID
    let worker: String
    let fetch: Assignment.Fetch
    var move: Move
}

/// Moves that wait for the storage index, and those that run ahead of their tasks.
struct MoveBook {
    /// The task for whose sake a sector moves.
    var tasks: [SectorKey: TaskID] = [:]
    var prefetches: OrderedDictionary<TaskID, Prefetch> = [:]
}

extension RunningCall {
    /// The worker does not have it yet: room for its files is asked for.
    var isReserving: Bool { move?.stage == .reserving }
}

extension ClusterScheduler {
    // MARK: With a task

    /// Asks for room where the task's files are on another host; `nil` where they are at hand.
    func beginMove(_ task: WaitingTask, to worker: WorkerView, _ call: CallID) -> Move? {
        guard let from = task.hostIndex, from != worker.hostIndex, let replies = storageReplies else {
            return nil
        }
        let move = Move(from: from, to: worker.hostIndex, store: view.moveStore(task, to: worker))
        begin(move, task, call, replies)
        return move
    }

    private func begin(_ move: Move, _ task: WaitingTask, _ call: CallID, _ replies: Ref<StorageEvent>) {
        takeLink(of: task, from: move.from, to: move.to, store: move.store, call)
        view.notePending(move.store, bytes: max(task.moveBytes, options.sealingBytes), isOver: false)
        moves.tasks[task.id.sector] = task.id
        storage.tell(.reserveMove(task.id.sector, to: move.store, replyTo: replies))
    }

    /// Takes what a move that was found possible, or is under way already, takes of the cards. Given back
    /// when the files are there, or with the end of the call or of the prefetch.
    func takeLink(of task: WaitingTask, from: Int, to: Int, store: String, _ call: CallID) {
        let share = view.linkShare(task, from: from, to: to, store: view.storeIndex(store))
        do { try view.ledger.links.lease(call.number, share, force: true) } catch {
            preconditionFailure("a forced lease was refused: \(error)")
        }
    }

    /// Takes what a finished sector takes of its host's card; given back with the end of the call.
    func beginDeparture(of task: WaitingTask, from host: Int, _ call: CallID) {
        guard call.task.type == .finalize, let departure = view.departure(task, from: host) else { return }
        do { try view.ledger.links.depart(call.number, departure, force: true) } catch {
            preconditionFailure("a forced lease was refused: \(error)")
        }
    }

    private func endReserving(_ move: Move, _ task: WaitingTask?) {
        view.notePending(move.store, bytes: max(task?.moveBytes ?? 0, options.sealingBytes), isOver: true)
    }

    /// There is room for a move: the worker is told to fetch.
    func moveGranted(_ sector: SectorKey, _ store: String, _ context: Context<SchedulerMessage>) {
        guard let id = moves.tasks[sector] else {
            storage.tell(.cancelMove(sector, to: store))
            return
        }
        if let (call, name) = callOf[id], let running = workers[name]?.calls[call], var move = running.move,
            move.store == store, move.stage == .reserving, let assignment = running.assignment
        {
            endReserving(move, running.task)
            move.stage = .fetching
            workers[name]?.calls[call]?.move = move
            if running.isHeld {
                owners[id]?.tell(.granted(id, worker: name))
            } else {
                untaken[call] = name
                workers[name]?.ref.tell(.assign(call, assignment))
            }
        } else if var prefetch = moves.prefetches[id], prefetch.move.store == store,
            prefetch.move.stage == .reserving
        {
            endReserving(prefetch.move, view.task(id))
            prefetch.move.stage = .fetching
            moves.prefetches[id] = prefetch
            workers[prefetch.worker]?.ref.tell(.prefetch(prefetch.call, prefetch.fetch))
        } else {
            storage.tell(.cancelMove(sector, to: store))
        }
    }

    /// There is no room for a move after all: the task goes back to the queue, in its old place.
    func moveRefused(_ sector: SectorKey, _ store: String, _ refusal: Refusal, _ now: Instant) {
        guard let id = moves.tasks[sector] else { return }
        if let (call, name) = callOf[id], let running = workers[name]?.calls[call], let move = running.move,
            move.store == store, move.stage == .reserving, let task = running.task
        {
            note(.refused, sector, id, name, PlacementReason("move"), refusal, now)
            callOf[id] = nil
            endCall(call, of: workers[name], nil, now)
            view.putBack(task)
            options.observer?.taskQueued(id, at: now)
        } else if moves.prefetches[id]?.move.store == store {
            revokePrefetch(of: id)
        }
    }

    /// The files of a sector have arrived at a worker's store.
    func fetched(_ name: String, _ call: CallID, _ now: Instant) {
        let sector = call.task.sector
        if let prefetch = moves.prefetches[call.task], prefetch.call == call {
            moves.prefetches.removeValue(forKey: call.task)
            view.movesAhead[call.task] = nil
            moves.tasks[sector] = nil
            view.ledger.links.release(call.number)
            noteFiles(of: sector, at: workers[name], in: prefetch.move.store)
            guard let task = view.remove(call.task), let host = workers[name]?.info.host else { return }
            view.add(
                task.request, host: host, store: prefetch.move.store, since: task.since,
                sequence: task.sequence)
            return
        }
        guard callOf[call.task]?.call == call else { return }
        view.ledger.links.release(call.number)
        guard var move = workers[name]?.calls[call]?.move, move.stage == .fetching else { return }
        move.stage = .done
        workers[name]?.calls[call]?.move = move
        moves.tasks[sector] = nil
        noteFiles(of: sector, at: workers[name], in: move.store)
    }

    /// A sector's files are at a worker's store: they were moved there, or a task found them there.
    ///
    /// - Parameter store: which of its host's; the worker's own unless given.
    func noteFiles(of sector: SectorKey, at worker: Worker?, in store: String? = nil) {
        guard let worker, let place = rooms.place(of: sector), place.host != worker.info.host else { return }
        let store = store ?? worker.info.store
        rooms.setPlace(of: sector, store: store, host: worker.info.host)
        storage.tell(.declare(sector, store: store))
    }

    /// A call is over: its move is over too, for good or for nothing.
    func endMove(of running: RunningCall, _ call: CallID, isDone: Bool) {
        // That of a call that was taken over has no move of ours.
        view.ledger.links.release(call.number)
        guard let move = running.move, move.stage != .done else { return }
        let sector = call.task.sector
        moves.tasks[sector] = nil
        if move.stage == .reserving { endReserving(move, running.task) }
        if !isDone { storage.tell(.cancelMove(sector, to: move.store)) }
    }

    // MARK: Ahead of a task

    func prefetch(_ id: TaskID, to index: Int, _ now: Instant) -> Bool {
        guard moves.prefetches[id] == nil, let task = view.task(id), let replies = storageReplies,
            view.workers.indices.contains(index), moves.tasks[id.sector] == nil
        else { return false }
        let target = view.workers[index]
        guard let from = task.hostIndex, from != target.hostIndex,
            view.heldMoves[id.sector].map({ $0 <= now }) ?? true,
            workers[target.info.name]?.index == index, target.isAvailable,
            view.canFetch(task, to: index) == nil
        else { return false }
        callCount += 1
        let store = view.moveStore(task, to: target)
        let fetch = Assignment.Fetch(
            fromHost: task.host ?? "", fromStore: rooms.place(of: id.sector)?.store ?? "",
            toStore: store, bytes: task.moveBytes)
        let move = Move(from: from, to: target.hostIndex, store: store)
        let call = CallID(task: id, number: callCount)
        moves.prefetches[id] = Prefetch(
            call: call, worker: target.info.name, fetch: fetch, move: move)
        view.movesAhead[id] = target.hostIndex
        begin(move, task, call, replies)
        note(.prefetched, id.sector, id, target.info.name, PlacementReason("prefetch"), nil, now)
        return true
    }

    /// A prefetch failed at its worker: the task fetches for itself.
    func prefetchEnded(_ call: CallID) -> Bool {
        guard moves.prefetches[call.task]?.call == call else { return false }
        revokePrefetch(of: call.task)
        return true
    }

    /// What was begun ahead is not wanted any more.
    func revokePrefetch(of id: TaskID) {
        guard !moves.prefetches.isEmpty, let known = moves.prefetches.removeValue(forKey: id) else { return }
        view.movesAhead[id] = nil
        moves.tasks[id.sector] = nil
        view.ledger.links.release(known.call.number)
        if known.move.stage == .reserving { endReserving(known.move, view.task(id)) }
        workers[known.worker]?.ref.tell(.abort(known.call))
        storage.tell(.cancelMove(id.sector, to: known.move.store))
    }

    func revokePrefetches(at name: String) {
        for id in moves.prefetches.filter({ $0.value.worker == name }).map(\.key) { revokePrefetch(of: id) }
    }

    /// Says that a link is leased to what is over, or not to what runs; asked after each event in tests and
    /// simulation.
    func brokenMoves() -> String? {
        let ahead = view.ledger.moveAheadCount
        guard ahead == moves.prefetches.count else {
            return "\(moves.prefetches.count) sectors move ahead of their tasks and \(ahead) links are leased"
        }
        for worker in workers.values {
            for (call, running) in worker.calls {
                guard let move = running.move else { continue }
                guard view.ledger.links.holds(call.number) == (move.stage != .done) else {
                    return "the move of \(call) and its lease of the links disagree"
                }
            }
        }
        return nil
    }
}
