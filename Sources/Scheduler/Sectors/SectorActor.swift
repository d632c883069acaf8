// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
private import Logging

/// What a sector's keeper understands.
package enum SectorMessage: Message {
    case task(TaskEvent)
    case storage(StorageEvent)
    case chain(ChainEvent)
    /// A pause after a failure is over.
    case retryDue
    /// An answer of the chain or of the storage index did not come: ask again.
    case askAgain
    /// An operator's word, or the manager's; answered with `accepted` or `refused`.
    indirect case operate(SectorEvent, replyTo: Ref<ManagerEvent>?)

    package static var messageName: String { "scheduler.sector" }
}

/// The addresses that a sector's keeper works with.
package struct SectorServices: Sendable {
    package var scheduler: Ref<SchedulerMessage>
    package var storage: Ref<StorageMessage>
    package var chain: Ref<ChainMessage>
    /// Gathers messages to the chain; `nil` where each sector sends its own.
    package var batcher: Ref<BatcherMessage>?
    package var store: any SectorStore
    package var limits: SectorStateMachine.Limits
    /// Bytes that a sector takes on its sealing store, at most, from the first byte to finalize.
    package var sealingBytes: UInt64
    /// Epochs from now at which a new sector ends.
    package var lifetimeEpochs: Int64
    /// The time after which an unanswered question is asked again.
    package var askAgainAfter: Duration

    package init(
        scheduler: Ref<SchedulerMessage>, storage: Ref<StorageMessage>, chain: Ref<ChainMessage>,
        batcher: Ref<BatcherMessage>? = nil, store: any SectorStore,
        limits: SectorStateMachine.Limits = .init(), sealingBytes: UInt64, lifetimeEpochs: Int64,
        askAgainAfter: Duration
    ) {
        self.scheduler = scheduler
        self.storage = storage
        self.chain = chain
        self.batcher = batcher
        self.store = store
        self.limits = limits
        self.sealingBytes = sealingBytes
        self.lifetimeEpochs = lifetimeEpochs
        self.askAgainAfter = askAgainAfter
    }
}

/// Keeps one sector while something is under way for it: a shell around ``SectorStateMachine`` that saves,
/// asks
/// and tells.
package actor SectorActor: Component {
    package nonisolated let home: Home
    var machine: SectorStateMachine
    let services: SectorServices
    private let manager: Ref<ManagerMessage>
    var askTimer: TimerID?
    var clock: EpochClock?
    private var chainReplies: Ref<ChainEvent>?
    private var storageReplies: Ref<StorageEvent>?
    private var taskReplies: Ref<TaskEvent>?

    package init(
        home: Home, record: SectorRecord, services: SectorServices, manager: Ref<ManagerMessage>,
        clock: EpochClock? = nil
    ) {
        self.home = home
        self.clock = clock
        self.services = services
        self.manager = manager
        machine = SectorStateMachine(record: record, limits: services.limits)
    }

    package func started(_ context: Context<SectorMessage>) throws {
        // A sector under way has deadlines, which are epochs; a new one hears the time with its ticket.
        if machine.record.deadline(services.limits.network) != nil {
            services.chain.tell(.head(replyTo: chainAdapter(context)))
        }
        // A resting sector was woken for an operator's word, which follows.
        if services.limits.bug == .sectorSleepsInWaitSeed, machine.record.state == .waitSeed { return }
        if machine.record.state.isSealing { try apply(.resume, context) }
    }

    package func receive(_ message: SectorMessage, _ context: Context<SectorMessage>) throws {
        switch message {
        case .task(.granted(let id, let worker)):
            context.log.debug("\(worker) has a slot for \(id)")
            try apply(.granted(id), context)
        case .task(.finished(let id, let result)): try apply(.finished(id, result), context)
        case .task: break
        case .storage(.reserved(_, let store, let host)):
            try apply(.reserved(store: store, host: host), context)
        case .storage(.lost(_, let store)): try apply(.storeLost(store: store), context)
        case .storage(.moved(_, let store, let host, let wantsWord)):
            try apply(.moved(store: store, host: host), context)
            // Saved by now: what is left of the files elsewhere may go.
            let places = [machine.record.store, machine.record.update?.store]
            if wantsWord, places.contains(store) {
                services.storage.tell(.path(.settled(machine.record.key, store: store)))
            }
        case .storage: break
        case .chain(let event): try take(event, context)
        case .retryDue: try apply(.retryDue, context)
        case .askAgain:
            askTimer = nil
            if isAsking { try apply(.resume, context) }
        case .operate(let event, let asker): try operate(event, asker, context)
        }
    }

    private func take(_ event: ChainEvent, _ context: Context<SectorMessage>) throws {
        switch event {
        case .head(let epoch): note(head: epoch, context)
        case .ticket(_, let value, let epoch, let head):
            note(head: head, context)
            try apply(.ticket(value, epoch: epoch, head: head), context)
        case .accepted(let name): try apply(.messageSent(name), context)
        case .preCommitted(_, let epoch): try apply(.preCommitted(epoch: epoch), context)
        case .seed(_, let value, let epoch): try apply(.seed(value, epoch: epoch), context)
        case .proven(_, let epoch): try apply(.proven(epoch: epoch), context)
        case .updated(_, let epoch): try apply(.updateLanded(epoch: epoch), context)
        case .deadlineImmutable(_, let until): try apply(.deadlineImmutable(until: until), context)
        case .reached(_, let epoch): try apply(.epochReached(epoch), context)
        case .standings(let standings):
            for standing in standings where standing.key == machine.record.key {
                let isEnding = [.terminating, .terminateWait].contains(machine.record.state)
                if isEnding, let epoch = standing.terminatedEpoch {
                    try apply(.terminated(epoch: epoch), context)
                } else {
                    try apply(.standing(standing), context)
                }
            }
        case .landed(_, let epoch) where machine.record.state == .terminateWait:
            try apply(.terminated(epoch: epoch), context)
        case .refused(_, let refusal), .rejected(_, let refusal):
            context.log.warning("the chain refused \(machine.record.key): \(refusal)")
            try apply(.refused(refusal), context)
        case .landed, .baseFee, .sector, .sectors, .proving, .deadline: break
        }
    }

    private func note(head: Int64, _ context: Context<SectorMessage>) {
        clock = EpochClock(epoch: head, at: context.now, duration: services.limits.network.epochDuration)
    }

    /// Tells whether the state waits for an answer that may have been lost.
    private var isAsking: Bool {
        let record = machine.record
        switch record.state {
        case .getTicket, .submitPreCommitBatch, .preCommitBatchWait, .waitSeed, .submitCommitAggregate,
            .commitAggregateWait, .submitReplicaUpdate, .replicaUpdateWait, .waitMutable, .updateActivating,
            .terminating, .terminateWait, .terminateFinality:
            return !record.isPaused
        case .preCommit1: return record.awaitsTicket
        case .preCommitFailed, .commitFailed, .terminateFailed: return !record.isPaused
        case .packing, .addPiece, .receiveSector: return record.store == nil && !record.isPaused
        case .snapDealsAddPiece, .snapDealsPacking: return record.update?.store == nil && !record.isPaused
        default: return false
        }
    }

    // MARK: Operators

    private func operate(
        _ event: SectorEvent, _ asker: Ref<ManagerEvent>?, _ context: Context<SectorMessage>
    ) throws {
        let before = machine.record
        guard SectorTransitions.accepts(before.state, event.kind) else {
            asker?.tell(
                .refused(
                    "\(before.key) is in \(before.state.rawValue), where \(event.kind.rawValue) "
                        + "has no meaning"
                ))
            notTaken(event, before)
            if before.state.isResting { context.stop() }
            return
        }
        try apply(event, context)
        let after = machine.record
        if after == before {
            notTaken(event, before)
            asker?.tell(
                .refused("\(before.key) stays in \(before.state.rawValue): \(Self.whyNot(event, before))"))
            if after.state.isResting { context.stop() }
        } else {
            asker?.tell(.accepted(after.key.number, after.state))
        }
    }

    /// The manager counts on what it said: it hears where that came to nothing.
    private func notTaken(_ event: SectorEvent, _ record: SectorRecord) {
        if case .addPiece(let piece) = event {
            manager.tell(.pieceBack(WaitingPiece(piece), "\(record.key) is in \(record.state.rawValue)"))
        }
        manager.tell(.sectorChanged(SectorSummary(record)))
    }

    private static func whyNot(_ event: SectorEvent, _ record: SectorRecord) -> String {
        switch event {
        case .markForUpdate: "it holds data already; only an empty sector takes deals"
        case .addPiece: "the piece does not fit into what is left of it"
        default: "there is nothing to do"
        }
    }

    // MARK: Changes

    func apply(_ event: SectorEvent, _ context: Context<SectorMessage>) throws {
        let before = machine.record
        var actions = machine.handle(event)
        if case .addPiece = event, machine.record.openedAt == nil { machine.opened(at: context.now) }
        let pieces = pieceChanges(event, actions)
        if machine.record != before || pieces != nil {
            try save(machine.record, before, event, pieces, context)
        }
        if let taken = pieces?.taken { manager.tell(.pieceTaken(taken, machine.record.key)) }
        if machine.record.state != before.state || event == .resume {
            manager.tell(.sectorChanged(SectorSummary(machine.record)))
            if let error = machine.record.lastError {
                context.log.notice("\(before.key) is in \(machine.record.state.rawValue): \(error)")
            }
        }
        if machine.record.state.isResting {
            actions.removeAll { if case .retry = $0 { true } else { false } }
        }
        if !actions.isEmpty {
            let record = machine.record
            for action in actions { try perform(action, record, context) }
        }
        if machine.record.state.isResting, before.state.isSealing || event != .resume { context.stop() }
    }

    /// What the event did with pieces, if anything: those of the record and those that wait are changed
    /// together.
    private func pieceChanges(_ event: SectorEvent, _ actions: [SectorAction]) -> PieceChanges? {
        var changes: PieceChanges?
        if case .addPiece(let piece) = event, machine.record.pendingPiece == piece {
            changes = PieceChanges(taken: piece)
        }
        // Hardly any does: none is copied to find out.
        for index in actions.indices where actions[index].returnsPiece {
            guard case .returnPiece(let piece) = actions[index] else { continue }
            changes = changes ?? PieceChanges()
            changes?.returned.append(piece)
        }
        return changes
    }

    private func save(
        _ changed: SectorRecord, _ before: SectorRecord, _ event: SectorEvent, _ pieces: PieceChanges?,
        _ context: Context<SectorMessage>
    ) throws {
        var record = changed
        if services.limits.bug == .sectorForgetsCommitment { record.sealedCommitment = nil }
        let isNews =
            record.state != before.state || machine.note != nil || record.failures != before.failures
            || record.lastError != before.lastError || pieces != nil
        guard isNews else { return try services.store.save(record) }
        let entry = SectorLogEntry(
            at: context.now, from: before.state, to: record.state, event: event.kind.rawValue,
            reason: machine.note ?? record.lastError)
        guard let pieces else { return try services.store.save(record, entry) }
        try services.store.save(record, entry, pieces)
    }

    private func perform(
        _ action: SectorAction, _ record: SectorRecord, _ context: Context<SectorMessage>
    ) throws {
        let key = record.key
        switch action {
        case .claim(let store):
            services.storage.tell(
                .claim(key, store: store, bytes: services.sealingBytes, replyTo: storageAdapter(context)))
        case .reserve:
            services.scheduler.tell(
                .admit(
                    key, bytes: services.sealingBytes,
                    isDeal: record.hasDeals, deadline: due(record),
                    // What has been worked on is finished before anything new is begun.
                    priority: record.attempts.contains { $0 > 0 } ? 1 : 0, replyTo: storageAdapter(context)))
        // By way of the scheduler, so that a new request for room never overtakes it.
        case .releaseStore: services.scheduler.tell(.withdraw(key))
        case .submit(let request):
            if let late = late(record, before: request.id.type, context.now) {
                return try apply(late, context)
            }
            services.scheduler.tell(
                .submit(dated(request, record), host: record.workHost, replyTo: taskAdapter(context)))
        case .supply(let request): services.scheduler.tell(.supply(dated(request, record)))
        case .cancel(let id): services.scheduler.tell(.cancel(id))
        case .retry(let pause):
            if services.limits.bug != .sectorNeverRetries { context.schedule(after: pause, .retryDue) }
        case .askTicket: ask(.ticket(key, replyTo: chainAdapter(context)), context)
        case .askSeed:
            let network = services.limits.network
            let told = record.preCommitEpoch.map {
                network.seedEpoch(preCommitted: $0) + network.seedConfidence
            }
            ask(.seed(key, replyTo: chainAdapter(context)), expectedBy: told, context)
        case .askStanding: ask(.standings([key], replyTo: chainAdapter(context)), context)
        case .waitForEpoch(let epoch):
            ask(.reach(key, epoch: epoch, replyTo: chainAdapter(context)), expectedBy: epoch, context)
        case .sendPreCommit(let mayBeSent):
            if !mayBeSent, let late = late(record, context.now) { return try apply(late, context) }
            try sendPreCommit(mayBeSent, context)
        case .sendProof(let mayBeSent):
            if !mayBeSent, let late = late(record, context.now) { return try apply(late, context) }
            try sendProof(record, mayBeSent, context)
        case .sendTermination: sendTermination(record, context)
        case .withdraw: services.batcher?.tell(.withdraw(key))
        case .sendUpdate:
            guard let update = record.update, let sealed = update.sealedCommitment,
                let unsealed = update.unsealedCommitment, let proof = update.proof
            else { return }
            let message = SectorReplicaUpdate(
                key: key, sealedCommitment: sealed, unsealedCommitment: unsealed, proof: proof)
            ask(.replicaUpdate(message, replyTo: chainAdapter(context)), context)
        case .returnPiece(let piece): manager.tell(.pieceBack(piece, record.lastError ?? "it was not taken"))
        case .resolveDeals: manager.tell(.dealsUnresolved(key, record.lastError ?? ""))
        }
    }

    // MARK: Where answers come

    func chainAdapter(_ context: Context<SectorMessage>) -> Ref<ChainEvent> {
        if let chainReplies { return chainReplies }
        let replies = context.adapter("chain", from: ChainEvent.self) { .chain($0) }
        chainReplies = replies
        return replies
    }

    private func storageAdapter(_ context: Context<SectorMessage>) -> Ref<StorageEvent> {
        if let storageReplies { return storageReplies }
        let replies = context.adapter("storage", from: StorageEvent.self) { .storage($0) }
        storageReplies = replies
        return replies
    }

    private func taskAdapter(_ context: Context<SectorMessage>) -> Ref<TaskEvent> {
        if let taskReplies { return taskReplies }
        let replies = context.adapter("task", from: TaskEvent.self) { .task($0) }
        taskReplies = replies
        return replies
    }
}
