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

    package static var messageName: String { "scheduler.sector" }
}

/// Where sector records are kept; a record is saved before the effects of its change are sent.
package protocol SectorStore: Sendable {
    /// Saves a record durably.
    ///
    /// - Throws: where the record could not be written; the keeper then restarts from what was saved.
    func save(_ record: SectorRecord) throws
    /// All records of a miner, in order of number.
    func load(miner: UInt64) throws -> [SectorRecord]
    /// The record of one sector; `nil` where none was saved.
    func find(_ key: SectorKey) throws -> SectorRecord?
    /// The highest sector number ever saved for a miner, those of dropped records included; 0 for none.
    func lastNumber(miner: UInt64) throws -> UInt64
}

extension SectorStore {
    /// The number of the last record: right for a store that drops none.
    package func lastNumber(miner: UInt64) throws -> UInt64 { try load(miner: miner).last?.key.number ?? 0 }
}

/// The addresses that a sector's keeper works with.
package struct SectorServices: Sendable {
    package var scheduler: Ref<SchedulerMessage>
    package var storage: Ref<StorageMessage>
    package var chain: Ref<ChainMessage>
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
        store: any SectorStore, limits: SectorStateMachine.Limits = .init(), sealingBytes: UInt64,
        lifetimeEpochs: Int64, askAgainAfter: Duration
    ) {
        self.scheduler = scheduler
        self.storage = storage
        self.chain = chain
        self.store = store
        self.limits = limits
        self.sealingBytes = sealingBytes
        self.lifetimeEpochs = lifetimeEpochs
        self.askAgainAfter = askAgainAfter
    }
}

/// Keeps one sector while it is sealed: a shell around ``SectorStateMachine`` that saves, asks and tells.
package actor SectorActor: Component {
    package nonisolated let home: Home
    private var machine: SectorStateMachine
    private let services: SectorServices
    private let manager: Ref<ManagerMessage>
    private var askTimer: TimerID?

    package init(
        home: Home, record: SectorRecord, services: SectorServices, manager: Ref<ManagerMessage>
    ) {
        self.home = home
        self.services = services
        self.manager = manager
        machine = SectorStateMachine(record: record, limits: services.limits)
    }

    package func started(_ context: Context<SectorMessage>) throws { try apply(.resume, context) }

    package func receive(_ message: SectorMessage, _ context: Context<SectorMessage>) throws {
        switch message {
        case .task(.started(let id, let worker)):
            manager.tell(.taskStarted(id, worker: worker))
        case .task(.finished(let id, let result)): try apply(.finished(id, result), context)
        case .task: break
        case .storage(.reserved(_, let store, let host)):
            try apply(.reserved(store: store, host: host), context)
        case .storage(.lost(_, let store)): try apply(.storeLost(store: store), context)
        case .storage(.moved(_, let store, let host)):
            try apply(.moved(store: store, host: host), context)
        case .storage: break
        case .chain(.ticket(_, let value, let epoch)): try apply(.ticket(value, epoch: epoch), context)
        case .chain(.preCommitted(_, let epoch)): try apply(.preCommitted(epoch: epoch), context)
        case .chain(.seed(_, let value, let epoch)): try apply(.seed(value, epoch: epoch), context)
        case .chain(.proven(_, let epoch)): try apply(.proven(epoch: epoch), context)
        case .chain(.refused(_, let refusal)):
            context.log.warning("the chain refused \(machine.record.key): \(refusal)")
            try apply(.refused(refusal), context)
        case .chain: break
        case .retryDue: try apply(.retryDue, context)
        case .askAgain:
            askTimer = nil
            switch machine.record.state {
            case .getTicket, .preCommitWait, .waitSeed, .commitWait: try apply(.resume, context)
            case .packing where machine.record.store == nil: try apply(.resume, context)
            default: break
            }
        }
    }

    private func apply(_ event: SectorEvent, _ context: Context<SectorMessage>) throws {
        let before = machine.record
        let actions = machine.handle(event)
        let record = machine.record
        if record != before { try services.store.save(record) }
        if record.state != before.state || event == .resume {
            manager.tell(.sectorChanged(SectorSummary(record)))
            if let error = record.lastError {
                context.log.notice("\(record.key) is in \(record.state.rawValue): \(error)")
            }
        }
        for action in actions { perform(action, record, context) }
    }

    private func perform(_ action: SectorAction, _ record: SectorRecord, _ context: Context<SectorMessage>) {
        switch action {
        case .claim(let store):
            services.storage.tell(
                .claim(
                    record.key, store: store, bytes: services.sealingBytes, replyTo: storageAdapter(context)))
        case .reserve:
            services.scheduler.tell(
                .admit(record.key, bytes: services.sealingBytes, replyTo: storageAdapter(context)))
        case .submit(let request):
            let owner = context.adapter("task", from: TaskEvent.self) { .task($0) }
            services.scheduler.tell(.submit(request, host: record.host, replyTo: owner))
        case .cancel(let id): services.scheduler.tell(.cancel(id))
        case .askTicket: ask(.ticket(record.key, replyTo: chainAdapter(context)), context)
        case .sendPreCommit: sendPreCommit(record, context)
        case .askSeed: ask(.seed(record.key, replyTo: chainAdapter(context)), context)
        case .sendProof: sendProof(record, context)
        case .releaseStore:
            // By way of the scheduler, so that a new request for room never overtakes it.
            services.scheduler.tell(.withdraw(record.key))
            if !record.state.isSealing { context.stop() }
        case .retry(let pause): context.schedule(after: pause, .retryDue)
        }
    }

    private func sendPreCommit(_ record: SectorRecord, _ context: Context<SectorMessage>) {
        guard let sealed = record.sealedCommitment, let unsealed = record.unsealedCommitment,
            let ticket = record.ticket, let ticketEpoch = record.ticketEpoch
        else { return }
        let preCommit = SectorPreCommit(
            key: record.key, proof: record.proof, sealedCommitment: sealed, unsealedCommitment: unsealed,
            ticket: ticket, ticketEpoch: ticketEpoch, expiration: ticketEpoch + services.lifetimeEpochs)
        ask(.preCommit(preCommit, replyTo: chainAdapter(context)), context)
    }

    private func sendProof(_ record: SectorRecord, _ context: Context<SectorMessage>) {
        guard let form = record.proofForm, let proof = record.proofBytes else { return }
        let prove = SectorProveCommit(key: record.key, form: form, proof: proof)
        ask(.proveCommit(prove, replyTo: chainAdapter(context)), context)
    }

    /// Asks the chain, and again later where no answer comes: a question may be lost, and asking twice does
    /// no harm.
    private func ask(_ question: ChainMessage, _ context: Context<SectorMessage>) {
        services.chain.tell(question)
        if let askTimer { context.cancel(askTimer) }
        askTimer = context.schedule(after: services.askAgainAfter, .askAgain)
    }

    private func chainAdapter(_ context: Context<SectorMessage>) -> Ref<ChainEvent> {
        context.adapter("chain", from: ChainEvent.self) { .chain($0) }
    }

    private func storageAdapter(_ context: Context<SectorMessage>) -> Ref<StorageEvent> {
        context.adapter("storage", from: StorageEvent.self) { .storage($0) }
    }
}
