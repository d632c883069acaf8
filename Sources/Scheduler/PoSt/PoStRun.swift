// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// One deadline of one period, from the first look at its sectors to the chain's verdict: a pure value.
///
/// What happens is told by the functions of its parts; ``advance(at:_:)`` then says what is to be done now.
/// It looks at levels, not at edges: what was asked and not answered is asked again, so that a lost message,
/// a lost worker and a restarted prover need no rule of their own.
package struct PoStRun: Sendable, Hashable {
    /// Where a run is, for people.
    package enum Phase: String, Sendable, Hashable, Codable {
        case upcoming
        /// Its sectors are read ahead of the cutoff, and faults and recoveries declared.
        case checking
        case challengeKnown
        case proving
        /// All proofs are on their way to the chain.
        case submitted
        case landed
        case missed
    }

    /// How far a partition is.
    package enum Progress: Sendable, Hashable {
        /// To be given to a worker from an epoch on.
        case waiting(from: Int64)
        /// `worker` is `nil` while nobody has taken it.
        case proving(TaskID, worker: String?, since: Instant)
        /// To be sent from an epoch on.
        case proved(from: Int64)
        case sent(String)
        case landed(epoch: Int64)
        /// There is no use in trying again.
        case failed(String)
    }

    package struct Partition: Sendable, Hashable {
        package let index: Int
        /// What a proof must be about.
        package let sectors: SectorNumbers
        package var progress = Progress.waiting(from: 0)
        var attempt = 0
        /// Tries that failed by the computation, or whose proof the chain refused.
        var failureCount = 0
        /// Why the last of them failed.
        var lastFailure: String?
        var proof: [UInt8] = []
        package var skipped = SectorNumbers()
        /// It was said that nobody takes its task.
        var isWaitSaid = false

        var isUnderWay: Bool {
            switch progress {
            case .waiting, .proving: true
            default: false
            }
        }
    }

    enum CheckState: Sendable, Hashable {
        case waiting, reading, declaring, done
    }

    /// A partition whose sectors are read ahead of the cutoff.
    struct Reading: Sendable, Hashable {
        let index: Int
        let sectors: SectorNumbers
        let faulty: SectorNumbers
        let recovering: SectorNumbers
        var task: TaskID?
        /// Since when its task waits for a worker; `nil` once one has it.
        var waitsSince: Instant?
        var attempt = 0
        /// `nil` until it is known.
        var unreadable: SectorNumbers?
        var isEnded = false
    }

    /// A message that has left.
    struct Flight<Content: Sendable & Hashable>: Sendable, Hashable {
        let name: String
        var content: Content
        /// When it is sent again where it did not land; `nil` before it was sent.
        var repeatAt: Instant?
    }

    package let times: DeadlineTimes
    let options: PoStOptions
    let parameters: ProvingParameters

    var check = CheckState.waiting
    var readings: [Reading] = []
    var declarations: [Flight<FaultDeclaration>] = []

    var randomness: [UInt8]?
    package internal(set) var partitions: [Partition] = []
    /// By the places of their partitions in ``partitions``.
    var submissions: [Flight<[Int]>] = []
    /// The chain refused something: what it knows is looked up before anything else is done.
    var needsLook = false

    /// No question before this moment.
    var quietUntil: Instant?
    var firstAskEpoch: Int64?
    var unreadable = SectorNumbers()
    /// CommR by sector, as the chain has it; empty bytes for a sector of which it has none.
    var sealed: [UInt64: [UInt8]] = [:]
    var sealedQuietUntil: Instant?
    var isCheckWaitSaid = false
    var latest: DeadlineStatus?
    var tells = false
    var hasCancelled = false
    package internal(set) var steps: [PoStStep] = []
    package internal(set) var isFinished = false
    package internal(set) var report: DeadlineReport?

    package init(times: DeadlineTimes, options: PoStOptions, parameters: ProvingParameters) {
        self.times = times
        self.options = options
        self.parameters = parameters
    }

    /// The first epoch at which there is something to do for a deadline.
    static func start(of times: DeadlineTimes, _ options: PoStOptions) -> Int64 {
        times.cutoff - options.checkLead
    }

    package var phase: Phase {
        if let report { return report.missed.isEmpty ? .landed : .missed }
        guard randomness != nil else { return check == .waiting || check == .done ? .upcoming : .checking }
        if partitions.allSatisfy({ if case .landed = $0.progress { true } else { false } }) { return .landed }
        if partitions.contains(where: { if case .proving = $0.progress { true } else { false } }) {
            return .proving
        }
        let isSent = partitions.allSatisfy { partition in
            switch partition.progress {
            case .sent, .landed, .failed: true
            default: false
            }
        }
        return isSent ? .submitted : .challengeKnown
    }

    // MARK: Time

    /// What is to be done now.
    mutating func advance(at now: Instant, _ clock: EpochClock) -> [PoStAction] {
        let epoch = clock.epoch(at: now)
        guard !isFinished else { return tells ? tellSectors(epoch) : [] }
        var actions: [PoStAction] = []
        if check != .done {
            actions += epoch < times.cutoff ? advanceCheck(now, epoch, clock) : endCheck(now, epoch)
        }
        if epoch >= times.challenge + options.challengeConfidence, epoch < times.close {
            actions += advanceProofs(now, epoch, clock)
        }
        actions += takeUnwanted(epoch)
        if epoch >= times.close { actions += advanceVerdict(now, epoch, clock) }
        if tells { actions += tellSectors(epoch) }
        return actions
    }

    /// When to ask again at the latest.
    func nextWake(after now: Instant, _ clock: EpochClock) -> Instant? {
        guard !isFinished else { return nil }
        var epochs = [times.close, times.cutoff, times.challenge + options.challengeConfidence, times.open]
        epochs += [times.cutoff - options.checkLead, times.cutoff - options.declareMargin]
        epochs.append(times.close - options.sendMargin)
        for partition in partitions {
            switch partition.progress {
            case .waiting(let from), .proved(let from): epochs.append(from)
            default: break
            }
        }
        var instants = epochs.map { clock.instant(of: $0) }
        instants += submissions.compactMap(\.repeatAt) + declarations.compactMap(\.repeatAt)
        if let quietUntil { instants.append(quietUntil) }
        if let sealedQuietUntil { instants.append(sealedQuietUntil) }
        return instants.filter { $0 > now }.min()
    }

    /// Asks what the chain knows of the deadline, unless that was asked a moment ago.
    mutating func ask(_ now: Instant, _ epoch: Int64, _ clock: EpochClock) -> [PoStAction] {
        if let quietUntil, now < quietUntil { return [] }
        quietUntil = now + clock.duration * Int(options.askAgain)
        return [.askDeadline(times.index)]
    }

    mutating func note(_ now: Instant, _ epoch: Int64, _ what: String) {
        // A deadline with thousands of partitions keeps the first and the latest steps.
        if steps.count >= 400 { steps.remove(at: 200) }
        steps.append(PoStStep(at: now, epoch: epoch, what: what))
    }

    /// What the chain knows of the deadline.
    mutating func deadline(_ status: DeadlineStatus, at now: Instant, _ clock: EpochClock) {
        guard status.times.index == times.index, !isFinished else { return }
        let epoch = clock.epoch(at: now)
        quietUntil = nil
        if status.times.open > times.open { return verdict(status, now, epoch) }
        guard status.times.open == times.open else { return quietUntil = now + clock.duration }
        latest = status
        if check == .waiting, epoch < times.cutoff { return beginCheck(status, now, epoch) }
        guard epoch >= times.challenge + options.challengeConfidence, epoch < times.close else { return }
        guard let challenge = status.randomness else {
            // The chain is behind the clock.
            quietUntil = now + clock.duration
            return
        }
        beginProofs(status, challenge, now, epoch)
    }

    private mutating func tellSectors(_ epoch: Int64) -> [PoStAction] {
        tells = false
        guard let latest else { return [] }
        var faults = SectorFaults(
            live: [], faulty: [], unreadable: unreadable, expired: [], ended: [], epoch: epoch)
        for partition in latest.partitions {
            faults.live = faults.live.union(partition.live)
            faults.faulty = faults.faulty.union(partition.faulty)
            faults.expired = faults.expired.union(partition.expired)
            faults.ended = faults.ended.union(partition.ended)
        }
        faults.unreadable = unreadable.subtracting(faults.faulty)
        return [.tellSectors(faults)]
    }
}
