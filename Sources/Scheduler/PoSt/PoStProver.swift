// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
private import Logging

/// What the prover of a miner's deadlines understands.
package enum PoStMessage: Message {
    /// The chain's word.
    case chain(ChainEvent)
    /// The scheduler's word about a task.
    case task(TaskEvent)
    /// The prover's own alarm.
    case due
    /// The deadlines of the day ahead, those under way, and the latest that closed.
    case status(replyTo: Ref<PoStEvent>)

    package static var messageName: String { "scheduler.post" }
}

/// What the prover answers.
package enum PoStEvent: Message, Hashable {
    case status(PoStStatus)

    package static var messageName: String { "scheduler.post.event" }
}

/// What a prover is at.
package struct PoStStatus: Sendable, Hashable, Codable {
    package struct Run: Sendable, Hashable, Codable {
        package var times: DeadlineTimes
        package var phase: PoStRun.Phase
        package var partitionCount: Int
        package var steps: [PoStStep]
    }

    /// The deadlines of the day ahead, the one that is open first; empty until the chain has answered.
    package var ahead: [DeadlineTimes]
    package var runs: [Run]
    /// The last one last.
    package var closed: [DeadlineReport]
}

/// Proves a miner's deadlines in time: a shell around ``PoStLogic`` that asks, submits and tells.
package actor PoStProver: Component {
    package nonisolated let home: Home
    private var logic: PoStLogic
    private let chain: Ref<ChainMessage>
    private let scheduler: Ref<SchedulerMessage>
    private let sectors: Ref<ManagerMessage>
    private let observer: (any PoStObserver)?
    private var timer: (id: TimerID, at: Instant)?

    package init(
        home: Home, options: PoStOptions, epochDuration: Duration, chain: Ref<ChainMessage>,
        scheduler: Ref<SchedulerMessage>, sectors: Ref<ManagerMessage>,
        observer: (any PoStObserver)? = nil
    ) {
        self.home = home
        self.chain = chain
        self.scheduler = scheduler
        self.sectors = sectors
        self.observer = observer
        logic = PoStLogic(options, epochDuration: epochDuration)
    }

    package func started(_ context: Context<PoStMessage>) { run(context) }

    package func receive(_ message: PoStMessage, _ context: Context<PoStMessage>) {
        let now = context.now
        switch message {
        case .chain(.proving(let status)): logic.proving(status, at: now)
        case .chain(.deadline(let status)): logic.deadline(status, at: now)
        case .chain(.standings(let standings)): logic.standings(standings)
        case .chain(.accepted(let name)): logic.accepted(name, at: now)
        case .chain(.landed(let name, let epoch)): logic.landed(name, epoch: epoch, at: now)
        case .chain(.rejected(let name, let refusal)):
            context.log.warning("the chain refused \(name): \(refusal)")
            logic.rejected(name, refusal, at: now)
        case .chain(.refused(_, let refusal)):
            context.log.warning("the chain did not answer about deadlines: \(refusal)")
        case .chain: break
        case .task(.started(let id, let worker)): logic.taskStarted(id, worker: worker, at: now)
        case .task(.finished(let id, let result)): logic.taskEnded(id, result, at: now)
        case .task: break
        case .due: timer = nil
        case .status(let asker): asker.tell(.status(status(now)))
        }
        run(context)
    }

    private func run(_ context: Context<PoStMessage>) {
        let now = context.now
        while true {
            let actions = logic.advance(at: now)
            for action in actions { perform(action, context) }
            if actions.isEmpty { break }
        }
        let next = logic.nextWake(after: now)
        if let timer {
            if timer.at == next { return }
            context.cancel(timer.id)
        }
        timer = next.map { (context.schedule(at: $0, .due), $0) }
    }

    private func perform(_ action: PoStAction, _ context: Context<PoStMessage>) {
        let answers = context.adapter("chain", from: ChainEvent.self) { .chain($0) }
        switch action {
        case .askProving: chain.tell(.proving(miner: logic.options.miner, replyTo: answers))
        case .askDeadline(let index):
            chain.tell(.deadline(miner: logic.options.miner, index: index, replyTo: answers))
        case .askSectors(let sectors):
            let keys = sectors.numbers.map { SectorKey(miner: logic.options.miner, number: $0) }
            for start in stride(from: 0, to: keys.count, by: ChainState.batchCountMax) {
                let some = Array(keys[start..<min(keys.count, start + ChainState.batchCountMax)])
                chain.tell(.standings(some, replyTo: answers))
            }
        case .submit(let request):
            let owner = context.adapter("task", from: TaskEvent.self) { .task($0) }
            scheduler.tell(.submit(request, host: nil, replyTo: owner))
        case .cancel(let id): scheduler.tell(.cancel(id))
        case .send(let message):
            context.metrics.add("post.messages")
            chain.tell(.submitWindowPoSt(message, replyTo: answers))
        case .declare(let message): chain.tell(.declare(message, replyTo: answers))
        case .tellSectors(let faults): sectors.tell(.faults(faults))
        case .tellAhead(let proofs): scheduler.tell(.proofsAhead(proofs))
        case .report(let report):
            context.metrics.add("post.deadlines")
            if let explanation = report.explanation { context.log.error("\(explanation)") }
            observer?.deadlineClosed(report, at: context.now)
        case .warn(let text): context.log.error("\(text)")
        }
    }

    private func status(_ now: Instant) -> PoStStatus {
        PoStStatus(
            ahead: logic.daysAhead(at: now),
            runs: logic.runs.map {
                .init(times: $0.times, phase: $0.phase, partitionCount: $0.partitions.count, steps: $0.steps)
            }, closed: logic.history)
    }
}
