// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel

/// What a sector must be in time for, and its messages to the chain.
extension SectorActor {
    /// Until when the sector's room is of use: its first deal starts then, the one that is being written
    /// among them, or its ticket or its pre-commitment expires.
    func due(_ record: SectorRecord) -> Instant? {
        let epochs = [record.earliestDealStart, record.pendingPiece?.startEpoch, pressing(record)]
        guard let clock, let first = epochs.compactMap(\.self).min() else { return nil }
        return clock.instant(of: first)
    }

    /// Work that must be in time says so.
    func dated(_ request: TaskRequest, _ record: SectorRecord) -> TaskRequest {
        guard let clock, let epoch = pressing(record) else { return request }
        var dated = request
        dated.deadline = clock.instant(of: epoch)
        return dated
    }

    /// What makes a task vain that has not begun: a ticket too old for PreCommit2, a deal that began before
    /// any proof.
    func late(_ record: SectorRecord, before type: TaskType, _ now: Instant) -> SectorEvent? {
        switch type {
        // Its room must be there before its ticket is known to be good: the ticket's answer decides.
        case .preCommit2, .commit1, .commit2: late(record, now)
        default: nil
        }
    }

    /// What time has made of a sector that has not landed on the chain; `nil` while it is in time.
    ///
    /// A message that may have been sent is looked up instead: what landed before is in time.
    func late(_ record: SectorRecord, _ now: Instant) -> SectorEvent? {
        guard let clock, record.provenEpoch == nil else { return nil }
        let event = lateness(record, head: clock.epoch(at: now))
        // A state to which time means nothing goes on as it was asked to.
        return event.flatMap { SectorTransitions.accepts(record.state, $0.kind) ? $0 : nil }
    }

    private func lateness(_ record: SectorRecord, head: Int64) -> SectorEvent? {
        if let start = record.earliestDealStart, start <= head {
            return .dealsExpired("a deal began at epoch \(start), and it is \(head)")
        }
        guard record.preCommitEpoch == nil, let epoch = record.ticketEpoch else { return nil }
        let last = services.limits.network.preCommitDeadline(ticketEpoch: epoch)
        guard head >= last else { return nil }
        return .ticketExpired(
            "its ticket of epoch \(epoch) could be pre-committed until \(last), and it is \(head)")
    }

    /// The epoch by which sealing must be further; the sector's own end presses nobody.
    private func pressing(_ record: SectorRecord) -> Int64? {
        record.deadline(services.limits.network).flatMap { $0.kind == .expiration ? nil : $0.epoch }
    }

    // MARK: Messages to the chain

    func sendPreCommit(_ mayBeSent: Bool, _ context: Context<SectorMessage>) throws {
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

    func sendProof(
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

    func sendTermination(_ record: SectorRecord, _ context: Context<SectorMessage>) {
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
    func ask(
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
}
