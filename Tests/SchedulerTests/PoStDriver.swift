// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler

/// Drives a prover's logic by hand: a clock of one-second epochs, a chain and workers that do what a test
/// says.
struct PoStDriver {
    enum Event {
        case deadline(DeadlineStatus)
        case standings([ChainStanding])
        case ended(TaskID, TaskResult)
        case landed(String)
        case rejected(String, ChainRefusal)
    }

    static let period = ProvingPeriod(parameters: .standard, offset: 0)
    static let options = PoStOptions(miner: 1000, proof: 8)

    var logic: PoStLogic
    private(set) var now: Instant
    /// All actions so far, with their epochs.
    private(set) var log: [(epoch: Int64, action: PoStAction)] = []
    private var pending: [(at: Instant, event: Event)] = []

    /// The chain: what each deadline's partitions hold.
    var partitions: [Int: [DeadlineStatus.Partition]] = [:]
    var chainAnswers = true
    var answersSectors = true
    /// The prover hears when a worker takes a task.
    var tellsStarts = false
    var chainTakesMessages = true
    /// Refuses a message once by its name.
    var refusals: [(text: String, refusal: ChainRefusal)] = []
    /// How a task ends, and after how many seconds; `nil` where it never does.
    var work: (TaskRequest) -> (seconds: Int, result: TaskResult)? = { request in
        guard case .windowPoSt(let challenge) = request.work else { return nil }
        return (20, .done(.windowPoSt(proof: challenge.isCheck ? [] : [1], skipped: [])))
    }

    init(_ options: PoStOptions = Self.options, at epoch: Int64 = 0) {
        logic = PoStLogic(options, epochDuration: .seconds(1))
        now = .zero + .seconds(Int(epoch))
    }

    var epoch: Int64 { Int64(now.seconds) }

    /// Runs up to and including an epoch.
    mutating func run(to epoch: Int64) {
        let limit = Instant.zero + .seconds(Int(epoch))
        settle()
        while true {
            let due = pending.indices.min { pending[$0].at < pending[$1].at }
            let wake = logic.nextWake(after: now)
            let next = [due.map { pending[$0].at }, wake].compactMap { $0 }.min()
            guard let next, next <= limit else { break }
            now = max(now, next)
            if let due, pending[due].at <= now { take(pending.remove(at: due).event) }
            settle()
        }
        now = limit
        settle()
    }

    private mutating func take(_ event: Event) {
        switch event {
        case .deadline(let status): logic.deadline(status, at: now)
        case .standings(let standings): logic.standings(standings)
        case .ended(let id, let result): logic.taskEnded(id, result, at: now)
        case .landed(let name): logic.landed(name, epoch: epoch, at: now)
        case .rejected(let name, let refusal): logic.rejected(name, refusal, at: now)
        }
    }

    private mutating func settle() {
        while true {
            let actions = logic.advance(at: now)
            if actions.isEmpty { return }
            for action in actions {
                log.append((epoch, action))
                perform(action)
            }
        }
    }

    func status(_ deadline: Int) -> DeadlineStatus {
        let times = Self.period.times(deadline, notElapsedAt: epoch)
        return DeadlineStatus(
            miner: 1000, head: epoch, times: times, partitions: partitions[deadline] ?? [],
            randomness: epoch >= times.challenge ? [UInt8](repeating: 3, count: 32) : nil)
    }

    private mutating func perform(_ action: PoStAction) {
        switch action {
        case .askProving:
            guard chainAnswers else { return }
            logic.proving(
                ProvingStatus(
                    miner: 1000, period: Self.period, head: epoch, partitionCounts: [], liveCount: 0,
                    faultyCount: 0), at: now)
        case .askDeadline(let index):
            if chainAnswers { pending.append((now, .deadline(status(index)))) }
        case .submit(let request):
            guard let end = work(request) else { return }
            if tellsStarts { logic.taskStarted(request.id, worker: "post", at: now) }
            pending.append((now + .seconds(end.seconds), .ended(request.id, end.result)))
        case .cancel(let id):
            pending.removeAll { if case .ended(id, _) = $0.event { true } else { false } }
        case .send(let message):
            if answer(message.name) {
                let landing = epoch
                for sent in message.partitions {
                    partitions[message.deadline]?[sent.index].provenOpen = message.open
                    partitions[message.deadline]?[sent.index].provenEpoch = landing
                }
            }
        case .declare(let message): _ = answer(message.name)
        case .askSectors(let sectors):
            let answers = sectors.numbers.map { number in
                ChainStanding(
                    key: SectorKey(miner: 1000, number: number),
                    sealedCommitment: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 32),
                    head: epoch)
            }
            if chainAnswers, answersSectors { pending.append((now, .standings(answers))) }
        case .tellSectors, .tellAhead, .report, .warn: break
        }
    }

    private mutating func answer(_ name: String) -> Bool {
        if let index = refusals.firstIndex(where: { name.contains($0.text) }) {
            pending.append((now, .rejected(name, refusals.remove(at: index).refusal)))
            return false
        }
        guard chainTakesMessages else { return false }
        logic.accepted(name, at: now)
        pending.append((now + .seconds(5), .landed(name)))
        return true
    }

    // MARK: What was done

    var sent: [(epoch: Int64, message: WindowPoStSubmission)] {
        log.compactMap { if case .send(let message) = $0.action { ($0.epoch, message) } else { nil } }
    }

    var declared: [(epoch: Int64, message: FaultDeclaration)] {
        log.compactMap { if case .declare(let message) = $0.action { ($0.epoch, message) } else { nil } }
    }

    /// Tasks that were asked for, checks or proofs.
    func tasks(checks: Bool) -> [(epoch: Int64, request: TaskRequest)] {
        log.compactMap { entry in
            guard case .submit(let request) = entry.action, request.work.isCheck == checks else { return nil }
            return (entry.epoch, request)
        }
    }

    var cancelled: [TaskID] {
        log.compactMap { if case .cancel(let id) = $0.action { id } else { nil } }
    }

    var warnings: [(epoch: Int64, text: String)] {
        log.compactMap { if case .warn(let text) = $0.action { ($0.epoch, text) } else { nil } }
    }

    var reports: [DeadlineReport] {
        log.compactMap { if case .report(let report) = $0.action { report } else { nil } }
    }

    /// What the scheduler was told of proofs to come.
    var ahead: [(epoch: Int64, proofs: [ProofsAhead])] {
        log.compactMap { if case .tellAhead(let proofs) = $0.action { ($0.epoch, proofs) } else { nil } }
    }

    var told: [SectorFaults] {
        log.compactMap { if case .tellSectors(let faults) = $0.action { faults } else { nil } }
    }
}
