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
    private var machine: SectorStateMachine
    private let services: SectorServices
    private let manager: Ref<ManagerMessage>
    private var askTimer: TimerID?
    private var clock: EpochClock?
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
            manager.tell(.pieceBack(piece, "\(record.key) is in \(record.state.rawValue)"))
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

    private func apply(_ event: SectorEvent, _ context: Context<SectorMessage>) throws {
        let before = machine.record
        var actions = machine.handle(event)
        if case .addPiece = event, machine.record.openedAt == nil { machine.opened(at: context.now) }
        if machine.record != before { try save(machine.record, before, event, context) }
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

    private func save(
        _ changed: SectorRecord, _ before: SectorRecord, _ event: SectorEvent,
        _ context: Context<SectorMessage>
    ) throws {
        var record = changed
        if services.limits.bug == .sectorForgetsCommitment { record.sealedCommitment = nil }
        let isNews =
            record.state != before.state || machine.note != nil || record.failures != before.failures
            || record.lastError != before.lastError
        guard isNews else { return try services.store.save(record) }
        let entry = SectorLogEntry(
            at: context.now, from: before.state, to: record.state, event: event.kind.rawValue,
            reason: machine.note ?? record.lastError)
        try services.store.save(record, entry)
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
        case .sendPreCommit(let mayBeSent): try sendPreCommit(mayBeSent, context)
        case .sendProof(let mayBeSent): try sendProof(record, mayBeSent, context)
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

    /// Until when the sector's room is of use: its first deal starts then, the one that is being written
    /// among them, or its ticket or its pre-commitment expires.
    private func due(_ record: SectorRecord) -> Instant? {
        let epochs = [record.earliestDealStart, record.pendingPiece?.startEpoch, pressing(record)]
        guard let clock, let first = epochs.compactMap(\.self).min() else { return nil }
        return clock.instant(of: first)
    }

    /// Work that must be in time says so.
    private func dated(_ request: TaskRequest, _ record: SectorRecord) -> TaskRequest {
        guard let clock, let epoch = pressing(record) else { return request }
        var dated = request
        dated.deadline = clock.instant(of: epoch)
        return dated
    }

    /// The epoch by which sealing must be further; the sector's own end presses nobody.
    private func pressing(_ record: SectorRecord) -> Int64? {
        record.deadline(services.limits.network).flatMap { $0.kind == .expiration ? nil : $0.epoch }
    }

    // MARK: Messages to the chain

    private func sendPreCommit(_ mayBeSent: Bool, _ context: Context<SectorMessage>) throws {
        guard let sealed = machine.record.sealedCommitment,
            let unsealed = machine.record.unsealedCommitment, let ticket = machine.record.ticket,
            let ticketEpoch = machine.record.ticketEpoch
        else { return }
        let network = services.limits.network
        // Chosen once, so that a repeat says the same; long enough for every deal.
        machine.chooseExpiration(ticketEpoch + services.lifetimeEpochs)
        let record = machine.record
        let preCommit = SectorPreCommit(
            key: record.key, proof: record.proof, sealedCommitment: sealed, unsealedCommitment: unsealed,
            ticket: ticket, ticketEpoch: ticketEpoch,
            expiration: record.expiration ?? ticketEpoch + services.lifetimeEpochs)
        guard let batcher = services.batcher else {
            ask(.preCommit(preCommit, replyTo: chainAdapter(context)), context)
            return try apply(.messageSent("pre-commit \(record.key)"), context)
        }
        let cutoff = min(
            network.preCommitDeadline(ticketEpoch: ticketEpoch), record.earliestDealStart ?? .max)
        let item = BatchItem(.preCommit(preCommit), cutoffEpoch: cutoff, mayBeSent: mayBeSent)
        gather(batcher, item, context)
    }

    private func sendProof(
        _ record: SectorRecord, _ mayBeSent: Bool, _ context: Context<SectorMessage>
    ) throws {
        guard let form = record.proofForm, let proof = record.proofBytes else { return }
        let prove = SectorProveCommit(key: record.key, form: form, proof: proof)
        guard let batcher = services.batcher else {
            ask(.proveCommit(prove, replyTo: chainAdapter(context)), context)
            return try apply(.messageSent("commit \(record.key)"), context)
        }
        let cutoff = [
            record.preCommitEpoch.map(services.limits.network.proveDeadline(preCommitted:)),
            record.earliestDealStart,
        ].compactMap(\.self).min()
        gather(batcher, BatchItem(.commit(prove), cutoffEpoch: cutoff, mayBeSent: mayBeSent), context)
    }

    private func sendTermination(_ record: SectorRecord, _ context: Context<SectorMessage>) {
        guard let batcher = services.batcher else {
            let batch = ChainBatch(name: "terminate \(record.key)")
            return ask(.terminateBatch(batch, [record.key], replyTo: chainAdapter(context)), context)
        }
        gather(batcher, BatchItem(.terminate(record.key), cutoffEpoch: nil, mayBeSent: true), context)
    }

    private func gather(
        _ batcher: Ref<BatcherMessage>, _ item: BatchItem, _ context: Context<SectorMessage>
    ) {
        batcher.tell(.add(item, replyTo: chainAdapter(context)))
        // The batcher asks the chain again by itself; only its own loss needs a repeat from here.
        arm(after: services.askAgainAfter * 10, context)
    }

    /// Asks the chain, and again later where no answer comes: a question may be lost, and asking twice does
    /// no harm.
    ///
    /// - Parameter epoch: the one at which the answer is due, where that is known.
    private func ask(
        _ question: ChainMessage, expectedBy epoch: Int64? = nil, _ context: Context<SectorMessage>
    ) {
        services.chain.tell(question)
        let due = epoch.flatMap { clock?.instant(of: $0) } ?? context.now
        arm(after: max(.zero, due - context.now) + services.askAgainAfter, context)
    }

    private func arm(after time: Duration, _ context: Context<SectorMessage>) {
        if services.limits.bug == .sectorNeverAsksAgain { return }
        if let askTimer { context.cancel(askTimer) }
        askTimer = context.schedule(after: time, .askAgain)
    }

    // MARK: Where answers come

    private func chainAdapter(_ context: Context<SectorMessage>) -> Ref<ChainEvent> {
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
