// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
private import Logging

/// What the gatherer of chain messages understands.
package enum BatcherMessage: Message {
    /// Put this into a message. The answers come as the chain's own events about the sector: `accepted`, then
    /// `preCommitted`, `proven` or `standings` with its termination; or `refused`.
    indirect case add(BatchItem, replyTo: Ref<ChainEvent>)
    /// The sector goes another way.
    case withdraw(SectorKey)
    /// Send what is gathered now.
    case publishNow(BatchKind, replyTo: Ref<BatcherEvent>?)
    /// What is gathered and why it waits.
    case pending(BatchKind, replyTo: Ref<BatcherEvent>)
    /// The chain's word.
    case chain(ChainEvent)
    /// The batcher's own alarms.
    case due
    case askAgain

    package static var messageName: String { "scheduler.batcher" }
}

/// What the gatherer answers.
package enum BatcherEvent: Message, Hashable {
    /// The names of the messages that left.
    case published([String])
    case pending(BatchStatus)
    /// This miner has no gatherer: each sector sends its own messages.
    case notGathered

    package static var messageName: String { "scheduler.batcher.event" }
}

/// What waits to leave.
package struct BatchStatus: Sendable, Hashable, Codable {
    package struct Item: Sendable, Hashable, Codable {
        package var key: SectorKey
        package var since: Instant
        package var cutoffEpoch: Int64?
    }

    package var kind: BatchKind
    /// The world's time when this was told.
    package var at: Instant
    package var items: [Item]
    /// Messages that have left and not landed.
    package var flightCount: Int
    /// When it leaves at the latest.
    package var deadline: Instant?
    /// Why it waits, in words.
    package var reason: String
}

/// Gathers pre-commitments, proofs and terminations into messages for many sectors: a shell around three
/// ``BatchLogic`` values.
///
/// Nothing in here is stored. A sector whose message may have been sent before a restart says so, and is
/// looked
/// up on the chain before it is sent again; so a kill between any two steps loses nothing and doubles
/// nothing.
package actor Batcher: Component {
    /// How messages are gathered.
    package struct Options: Sendable {
        package var policies: [BatchKind: BatchPolicy]
        /// The chain's epochs, for cutoffs.
        package var epochDuration: Duration
        /// The time after which a message without an answer is sent again.
        package var askAgainAfter: Duration

        package init(
            policies: [BatchKind: BatchPolicy] = [:], epochDuration: Duration,
            askAgainAfter: Duration = .seconds(600)
        ) {
            self.policies = policies
            self.epochDuration = epochDuration
            self.askAgainAfter = askAgainAfter
        }
    }

    package nonisolated let home: Home
    private let options: Options
    private let chain: Ref<ChainMessage>
    private var logics: [BatchLogic]
    private var owners: [SectorKey: Ref<ChainEvent>] = [:]
    /// Sectors that are being looked up on the chain.
    private var lookedUp: [SectorKey: BatchItem] = [:]
    private var clock: EpochClock?
    private var dueTimer: (id: TimerID, at: Instant)?
    private var askTimer: TimerID?
    private var asksFee = false
    private var incarnation: UInt64 = 0
    private var messageCount = 0

    package init(home: Home, options: Options, chain: Ref<ChainMessage>) {
        self.home = home
        self.options = options
        self.chain = chain
        logics = BatchKind.allCases.map { BatchLogic($0, options.policies[$0] ?? BatchPolicy()) }
    }

    package func started(_ context: Context<BatcherMessage>) {
        incarnation = context.random.next() >> 32
        chain.tell(.head(replyTo: adapter(context)))
    }

    package func receive(_ message: BatcherMessage, _ context: Context<BatcherMessage>) {
        switch message {
        case .add(let item, let owner): add(item, owner, context)
        case .withdraw(let key):
            for index in logics.indices { logics[index].withdraw(key) }
            lookedUp[key] = nil
            owners[key] = nil
        case .publishNow(let kind, let asker):
            asker?.tell(.published(publish(kind, context)))
        case .pending(let kind, let asker): asker.tell(.pending(status(kind, context.now)))
        case .chain(let event): take(event, context)
        case .due: dueTimer = nil
        case .askAgain:
            askTimer = nil
            askAgain(context)
        }
        run(context)
    }

    private func index(_ kind: BatchKind) -> Int { BatchKind.allCases.firstIndex(of: kind) ?? 0 }

    private func adapter(_ context: Context<BatcherMessage>) -> Ref<ChainEvent> {
        context.adapter("chain", from: ChainEvent.self) { .chain($0) }
    }

    // MARK: Sectors

    private func add(_ item: BatchItem, _ owner: Ref<ChainEvent>, _ context: Context<BatcherMessage>) {
        owners[item.key] = owner
        let index = index(item.kind)
        guard !logics[index].isKnown(item.key) else { return }
        guard item.mayBeSent else { return logics[index].add(item, at: context.now) }
        lookedUp[item.key] = item
        chain.tell(.standings([item.key], replyTo: adapter(context)))
        armAskAgain(context)
    }

    /// Puts a sector that was looked up on its way: what the chain has it reports itself, with the
    /// confidence that
    /// a landing needs.
    private func found(_ standing: ChainStanding, _ context: Context<BatcherMessage>) {
        guard let item = lookedUp.removeValue(forKey: standing.key) else { return }
        switch item.payload {
        case .preCommit(let message) where standing.preCommitEpoch != nil:
            chain.tell(.preCommit(message, replyTo: adapter(context)))
            lookedUp[standing.key] = item
        case .commit(let message) where standing.provenEpoch != nil:
            chain.tell(.proveCommit(message, replyTo: adapter(context)))
            lookedUp[standing.key] = item
        case .terminate where standing.terminatedEpoch != nil:
            owners.removeValue(forKey: standing.key)?.tell(.standings([standing]))
        default:
            logics[index(item.kind)].add(item, at: context.now)
        }
    }

    private func settle(_ key: SectorKey, _ event: ChainEvent) {
        lookedUp[key] = nil
        owners.removeValue(forKey: key)?.tell(event)
    }

    // MARK: The chain

    private func take(_ event: ChainEvent, _ context: Context<BatcherMessage>) {
        switch event {
        case .head(let epoch): note(epoch, context.now)
        case .baseFee(let fee, let head):
            asksFee = false
            note(head, context.now)
            for index in logics.indices { logics[index].forecast.note(fee, at: context.now) }
        case .standings(let all): for standing in all { found(standing, context) }
        case .preCommitted(let key, _), .proven(let key, _), .refused(let key, _): settle(key, event)
        case .accepted(let name):
            for index in logics.indices {
                for item in logics[index].accepted(name) { owners[item.key]?.tell(.accepted(name)) }
            }
        case .landed(let name, let epoch):
            for index in logics.indices {
                for item in logics[index].landed(name) { landed(item, epoch) }
            }
        case .rejected(let name, let refusal): rejected(name, refusal, context)
        default: break
        }
    }

    private func note(_ head: Int64, _ now: Instant) {
        clock = EpochClock(epoch: head, at: now, duration: options.epochDuration)
    }

    private func landed(_ item: BatchItem, _ epoch: Int64) {
        switch item.payload {
        case .preCommit: settle(item.key, .preCommitted(item.key, epoch: epoch))
        case .commit: settle(item.key, .proven(item.key, epoch: epoch))
        case .terminate(let key):
            settle(key, .standings([ChainStanding(key: key, terminatedEpoch: epoch, head: epoch)]))
        }
    }

    private func rejected(_ name: String, _ refusal: ChainRefusal, _ context: Context<BatcherMessage>) {
        for index in logics.indices {
            switch logics[index].rejected(name, refusal, at: context.now) {
            case .unknown: continue
            case .later: context.log.notice("\(name) waits: \(refusal)")
            case .alone(let item): settle(item.key, .refused(item.key, refusal))
            case .split(let first, let second):
                context.log.notice("\(name) of \(first.count + second.count) sectors is split: \(refusal)")
                for half in [first, second] {
                    let name = nextName(logics[index].kind)
                    logics[index].depart(half, as: name, at: context.now)
                    send(half, as: name, index, context)
                }
            }
        }
    }

    private func send(_ items: [BatchItem], as name: String, _ index: Int, _ context: Context<BatcherMessage>)
    {
        guard !items.isEmpty else { return }
        let batch = ChainBatch(name: name, feeMax: logics[index].policy.feeMax(items.count))
        let replyTo = adapter(context)
        switch logics[index].kind {
        case .preCommit:
            let messages = items.compactMap { item -> SectorPreCommit? in
                if case .preCommit(let message) = item.payload { message } else { nil }
            }
            chain.tell(.preCommitBatch(batch, messages, replyTo: replyTo))
        case .commit:
            let messages = items.compactMap { item -> SectorProveCommit? in
                if case .commit(let message) = item.payload { message } else { nil }
            }
            chain.tell(.proveCommitBatch(batch, messages, replyTo: replyTo))
        case .terminate: chain.tell(.terminateBatch(batch, items.map(\.key), replyTo: replyTo))
        }
        context.metrics.add("batcher.messages")
        armAskAgain(context)
    }

    private func nextName(_ kind: BatchKind) -> String {
        messageCount += 1
        return "\(kind.rawValue) \(incarnation)-\(messageCount)"
    }

    // MARK: Time

    /// Lets every kind decide, until each waits.
    private func run(_ context: Context<BatcherMessage>) {
        let now = context.now
        var next: Instant?
        for index in logics.indices {
            for item in logics[index].takeTooLate(at: now, clock) {
                settle(item.key, .refused(item.key, Self.tooLate(item)))
            }
            deciding: while true {
                switch logics[index].decide(at: now, clock) {
                case .nothing: break deciding
                case .wait(let until, _):
                    next = next.map { min($0, until) } ?? until
                    askFee(index, context)
                    break deciding
                case .send(let keys, let reason): depart(keys, reason, index, context)
                }
            }
        }
        arm(next, context)
    }

    private static func tooLate(_ item: BatchItem) -> ChainRefusal {
        ChainRefusal(
            exitCode: 16,
            reason:
                "its \(item.kind.rawValue) message had to land by epoch \(item.cutoffEpoch ?? 0), "
                + "which is past"
        )
    }

    @discardableResult
    private func depart(
        _ keys: [SectorKey], _ reason: String, _ index: Int, _ context: Context<BatcherMessage>
    ) -> String {
        let name = nextName(logics[index].kind)
        let items = logics[index].depart(keys, as: name, at: context.now)
        context.log.debug("\(name) leaves with \(items.count) sectors: \(reason)")
        send(items, as: name, index, context)
        return name
    }

    private func publish(_ kind: BatchKind, _ context: Context<BatcherMessage>) -> [String] {
        let index = index(kind)
        var names: [String] = []
        let keys = logics[index].pendingItems.map(\.item.key)
        for start in stride(from: 0, to: keys.count, by: logics[index].policy.countMax) {
            let part = Array(keys[start..<min(keys.count, start + logics[index].policy.countMax)])
            names.append(depart(part, "an operator said so", index, context))
        }
        return names
    }

    private func askFee(_ index: Int, _ context: Context<BatcherMessage>) {
        guard logics[index].policy.baseFeeThreshold != nil, !asksFee else { return }
        let isFresh = logics[index].forecast.isFresh(
            at: context.now, within: logics[index].policy.feeInterval)
        guard !isFresh else { return }
        asksFee = true
        chain.tell(.baseFee(replyTo: adapter(context)))
        armAskAgain(context)
    }

    private func arm(_ next: Instant?, _ context: Context<BatcherMessage>) {
        if let dueTimer {
            if dueTimer.at == next { return }
            context.cancel(dueTimer.id)
        }
        dueTimer = next.map { (context.schedule(at: $0, .due), $0) }
    }

    private func armAskAgain(_ context: Context<BatcherMessage>) {
        guard askTimer == nil else { return }
        askTimer = context.schedule(after: options.askAgainAfter, .askAgain)
    }

    /// Questions and messages without an answer may be lost: they are said again.
    private func askAgain(_ context: Context<BatcherMessage>) {
        asksFee = false
        let limit = Instant(nanoseconds: context.now.nanoseconds - options.askAgainAfter.nanoseconds)
        for index in logics.indices {
            for (name, items) in logics[index].takeUnanswered(since: limit, at: context.now) {
                send(items, as: name, index, context)
            }
        }
        if !lookedUp.isEmpty {
            chain.tell(.standings(lookedUp.keys.sorted(), replyTo: adapter(context)))
        }
        if !lookedUp.isEmpty || logics.contains(where: { $0.flightCount > 0 }) { armAskAgain(context) }
        if clock == nil { chain.tell(.head(replyTo: adapter(context))) }
    }

    private func status(_ kind: BatchKind, _ now: Instant) -> BatchStatus {
        let logic = logics[index(kind)]
        let reason =
            switch logic.decide(at: now, clock) {
            case .nothing: "nothing is gathered"
            case .wait(_, let reason), .send(_, let reason): reason
            }
        return BatchStatus(
            kind: kind, at: now,
            items: logic.pendingItems.map {
                .init(key: $0.item.key, since: $0.since, cutoffEpoch: $0.item.cutoffEpoch)
            }, flightCount: logic.flightCount, deadline: logic.deadline(clock), reason: reason)
    }
}
