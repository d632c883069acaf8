// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
private import Logging
private import OrderedCollections
package import Scheduler
internal import Sealing

/// What operators ask and order about proving; the rest is the desk's own post.
package enum ProvingDeskMessage: Message {
    /// What the chain knows of one deadline, or of all.
    case look(deadline: Int?, replyTo: Ref<ProvingDeskEvent>)
    /// Read now what a proof of a deadline would read; `onlyFaulty`: of the faulty sectors alone.
    case check(deadline: Int, onlyFaulty: Bool, replyTo: Ref<ProvingDeskEvent>)
    /// How the latest deadlines ended, at most ``ProvingDesk/closedCountMax``.
    case closed(limit: Int, onlyMissed: Bool, replyTo: Ref<ProvingDeskEvent>)
    /// Declare that faulty sectors read again.
    case recover([UInt64], replyTo: Ref<ProvingDeskEvent>)
    /// The chain's word.
    case chain(ChainEvent)
    /// The scheduler's word about a reading.
    case task(TaskEvent)
    /// The desk's own alarm: whatever the chain has not answered of this request is asked again.
    case again(UInt64, since: Instant)

    package static var messageName: String { "engine.provingDesk" }

    /// Questions need no more than reading; a reading of many disks is an order.
    package var permission: Permission {
        switch self {
        case .look, .closed: .read
        case .check: .write
        default: .admin
        }
    }
}

/// What the desk answers.
package enum ProvingDeskEvent: Message, Hashable {
    /// The deadlines that were asked for, in order of index, and how long an epoch takes.
    case standing(ProvingStatus, [DeadlineStatus], epochDuration: Duration)
    /// How deadlines ended, the last one first.
    case closed([SQLiteDeadlineStore.Closed])
    /// What was read, in order of partition and number.
    case checked([SectorReading])
    /// One message a deadline, in order of deadlines.
    case declared([DeclarationOutcome])
    /// Nothing was done, and why.
    case refused(String)

    package static var messageName: String { "engine.provingDesk.event" }
}

/// Whether a sector could be read.
package struct SectorReading: Sendable, Hashable, Codable {
    package var deadline: Int
    package var partition: Int
    package var sector: UInt64
    /// Why it could not; `nil` where it was read well.
    package var trouble: String?
}

/// What became of a declaration.
package struct DeclarationOutcome: Sendable, Hashable, Codable {
    package var deadline: Int
    package var sectors: SectorNumbers
    /// The message's name on the chain.
    package var message: String
    /// Why the chain did not take it; `nil` where it did.
    package var refusal: ChainRefusal?
}

/// Answers operators about proving: a component of the miner that asks the chain and the scheduler for them,
/// and keeps nothing. The proofs themselves are `PoStProver`'s.
package actor ProvingDesk: Component {
    /// The well-known name on a miner's node.
    package static let name = "proving"
    /// With the steps of each, so many fit into an answer.
    package static let closedCountMax = 100
    private static let requestCountMax = 64
    /// Shorter than the time that operators wait for an answer, so that they hear what is wrong.
    private static let chainPatience = Duration.seconds(5)
    private static let askAgainAfter = Duration.seconds(1)

    package nonisolated let home: Home
    private let miner: UInt64
    private let proof: RegisteredSealProof
    private let epochDuration: Duration
    private let chain: Ref<ChainMessage>
    private let scheduler: Ref<SchedulerMessage>
    private let history: SQLiteDeadlineStore
    private var requests: OrderedDictionary<UInt64, ProvingRequest> = [:]
    private var requestCount: UInt64 = 0
    /// Beyond the tries of `PoStProver`, so that the two never mean the same task.
    private var readingCount = 1 << 20

    private init(
        home: Home, miner: UInt64, proof: RegisteredSealProof, epochDuration: Duration,
        chain: Ref<ChainMessage>, scheduler: Ref<SchedulerMessage>, history: SQLiteDeadlineStore
    ) {
        self.home = home
        self.miner = miner
        self.proof = proof
        self.epochDuration = epochDuration
        self.chain = chain
        self.scheduler = scheduler
        self.history = history
    }

    /// Opens the desk on a miner's node.
    ///
    /// - Throws: ``KernelError``.
    static func open(
        on world: LiveWorld, miner: UInt64, proof: RegisteredSealProof, epochDuration: Duration,
        chain: Ref<ChainMessage>, scheduler: Ref<SchedulerMessage>, history: SQLiteDeadlineStore
    ) throws {
        try world.spawn(name) {
            ProvingDesk(
                home: $0, miner: miner, proof: proof, epochDuration: epochDuration, chain: chain,
                scheduler: scheduler, history: history)
        }
    }

    package func receive(_ message: ProvingDeskMessage, _ context: Context<ProvingDeskMessage>) {
        switch message {
        case .look(let deadline, let asker): begin(.look, deadline, asker, context)
        case .check(let deadline, let onlyFaulty, let asker):
            begin(.check(onlyFaulty: onlyFaulty), deadline, asker, context)
        case .closed(let limit, let onlyMissed, let asker):
            do {
                let limit = min(limit, Self.closedCountMax)
                asker.tell(.closed(try history.latest(limit, onlyMissed: onlyMissed)))
            } catch { asker.tell(.refused("the history of deadlines cannot be read: \(error)")) }
        case .recover(let numbers, let asker):
            begin(.recover(SectorNumbers(numbers)), nil, asker, context)
        case .chain(let event): heard(event, context)
        case .task(.finished(let id, let result)):
            for key in Array(requests.keys) { requests[key]?.taskEnded(id, result) }
            settle(context)
        case .task: break
        case .again(let key, let since):
            guard requests[key]?.isWaitingForChain == true else { return }
            guard context.now - since < Self.chainPatience else {
                return end(key, .refused("the chain did not answer within \(Self.chainPatience)"))
            }
            ask(key, context)
            context.schedule(after: Self.askAgainAfter, .again(key, since: since))
        }
    }

    private func begin(
        _ purpose: ProvingRequest.Purpose, _ deadline: Int?, _ asker: Ref<ProvingDeskEvent>,
        _ context: Context<ProvingDeskMessage>
    ) {
        guard requests.count < Self.requestCountMax else {
            asker.tell(.refused("\(requests.count) requests are under way already; ask later"))
            return
        }
        requestCount += 1
        requests[requestCount] = ProvingRequest(purpose, deadline: deadline, asker: asker)
        ask(requestCount, context)
        context.schedule(after: Self.askAgainAfter, .again(requestCount, since: context.now))
    }

    /// Asks the chain whatever a request waits for.
    private func ask(_ key: UInt64, _ context: Context<ProvingDeskMessage>) {
        guard let request = requests[key] else { return }
        switch request.missing {
        case .nothing: break
        case .status: chain.tell(.proving(miner: miner, replyTo: answers(context)))
        case .deadlines(let indices):
            for index in indices {
                chain.tell(.deadline(miner: miner, index: index, replyTo: answers(context)))
            }
        case .sectors(let numbers): askSectors(numbers, context)
        case .declarations(let messages):
            for message in messages { chain.tell(.declare(message, replyTo: answers(context))) }
        }
    }

    private func answers(_ context: Context<ProvingDeskMessage>) -> Ref<ChainEvent> {
        context.adapter("chain", from: ChainEvent.self) { .chain($0) }
    }

    private func heard(_ event: ChainEvent, _ context: Context<ProvingDeskMessage>) {
        switch event {
        case .proving(let status):
            for key in Array(requests.keys) where requests[key]?.status == nil {
                requests[key]?.status = status
                guard requests[key]?.wanted(of: status).isEmpty == false else {
                    let last = status.partitionCounts.count - 1
                    end(key, .refused("a proving period has deadlines 0 to \(last)"))
                    continue
                }
                ask(key, context)
            }
        case .deadline(let status):
            for key in Array(requests.keys) { requests[key]?.note(status) }
        case .standings(let standings):
            for key in Array(requests.keys) { requests[key]?.note(standings) }
        case .accepted(let name), .landed(let name, _):
            for key in Array(requests.keys) { requests[key]?.declared(name, nil) }
        case .rejected(let name, let refusal):
            for key in Array(requests.keys) { requests[key]?.declared(name, refusal) }
        case .refused(_, let refusal):
            for key in Array(requests.keys) where requests[key]?.isWaitingForChain == true {
                end(key, .refused("the chain refused: \(refusal)"))
            }
        default: break
        }
        settle(context)
    }

    /// Takes every request as far as it can go.
    private func settle(_ context: Context<ProvingDeskMessage>) {
        for key in Array(requests.keys) {
            guard var request = requests[key] else { continue }
            let step = request.advance(miner: miner)
            requests[key] = request
            switch step {
            case .wait: break
            case .answer(let event): end(key, event)
            case .found(let status, let deadlines):
                end(key, .standing(status, deadlines, epochDuration: epochDuration))
            case .ask: ask(key, context)
            case .read(let works): requests[key]?.reading = submit(works, context)
            }
        }
    }

    private func askSectors(_ numbers: [UInt64], _ context: Context<ProvingDeskMessage>) {
        let keys = numbers.map { SectorKey(miner: miner, number: $0) }
        for start in stride(from: 0, to: keys.count, by: ChainState.batchCountMax) {
            let some = Array(keys[start..<min(keys.count, start + ChainState.batchCountMax)])
            chain.tell(.standings(some, replyTo: answers(context)))
        }
    }

    private func submit(
        _ works: [ProvingRequest.Work], _ context: Context<ProvingDeskMessage>
    ) -> [TaskID: ProvingRequest.Work] {
        let owner = context.adapter("task", from: TaskEvent.self) { .task($0) }
        var reading: [TaskID: ProvingRequest.Work] = [:]
        for work in works {
            readingCount += 1
            let id = PoStTasks.id(
                miner: miner, work.times, partition: work.challenge.partition, attempt: readingCount,
                isCheck: true)
            reading[id] = work
            let request = TaskRequest(
                id: id, proof: UInt64(proof.number), work: .windowPoSt(work.challenge))
            scheduler.tell(.submit(request, host: nil, replyTo: owner))
        }
        return reading
    }

    private func end(_ key: UInt64, _ answer: ProvingDeskEvent) {
        requests.removeValue(forKey: key)?.asker.tell(answer)
    }
}
