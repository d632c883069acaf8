// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
internal import Scheduler

/// What one kind of task did.
struct StageTally: Sendable {
    var started = 0
    var finished = 0
    var failed = 0
    /// Gone without a result: cancelled, or forgotten by a miner that was killed.
    var abandoned = 0
    var queue: LevelIntegral
    var busy: LevelIntegral
    /// Slots of processes that are down, stand still or are cut off.
    var away: LevelIntegral
    /// Durations of tasks that finished after the warm-up.
    var durations = DurationHistogram()
    /// From asking for a slot to getting it, after the warm-up.
    var waits = DurationHistogram()
    /// How long each task waited for a slot, and had it.
    var waited: StayTally
    var worked: StayTally

    init(warmUp: Instant) {
        queue = LevelIntegral(warmUp: warmUp)
        busy = LevelIntegral(warmUp: warmUp)
        away = LevelIntegral(warmUp: warmUp)
        waited = StayTally(warmUp: warmUp)
        worked = StayTally(warmUp: warmUp)
    }
}

/// The statistics of a simulated cluster, as its miner sees it. Nothing in here grows with the
/// sectors that are done.
// Safety: touched only by the components of one simulated world, which runs on one thread.
final class ClusterMetrics: SectorObserver, TaskObserver, PoStObserver, @unchecked Sendable {
    private struct Sector {
        let since: Instant
        var state: SectorState
        /// When it came into that state.
        var enteredAt: Instant
        var expiredTicketCount = 0
    }

    /// A task that waits for a slot, or has one.
    private struct Task {
        /// When it began to do what it does.
        var since: Instant
        /// `nil` for one that waits.
        var worker: String?
    }

    let warmUp: Instant
    private(set) var stages: [StageTally]
    /// Sectors in each state, in the order of ``SectorState/allCases``.
    private(set) var states: [LevelIntegral]
    private(set) var sealing: LevelIntegral
    private(set) var pledgedCount = 0
    private(set) var provingCount = 0
    private(set) var failedCount = 0
    /// Tickets that ran out before their pre-commitment landed.
    private(set) var expiredTicketCount = 0
    private(set) var latestFailure: String?
    /// What the prover said of deadlines so far: partitions that were missed, and why. It tells nothing of
    /// those that close while it hears nothing of the chain.
    private(set) var windowPoSt: (missed: Int, latestMiss: String?) = (0, nil)
    /// What became of deals.
    var deals = DealTally()
    /// What became of sectors whose process was lost.
    var losses = LossTally()
    /// Of the sectors that were proven after the warm-up.
    private(set) var sojourns = DurationHistogram()
    /// How long each sector was under way.
    private(set) var stayed: StayTally
    /// Sectors that became proving, over the time after the warm-up.
    private(set) var proofs = EventCounts()
    /// A running hash of every task that started or ended and of every step of every sector.
    private(set) var digest: (high: UInt64, low: UInt64) = (0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b)
    /// Records what a picture of the run needs; `nil` where nobody wants one.
    var recorder: RunRecorder?
    /// Broken accounts of the scheduler are noted, in place of a trap.
    var notesBrokenAccounts = false
    /// The first of them.
    private(set) var brokenAccount: String?
    /// The world's own time, by which all statistics go; the miner's clock may be wrong. Durations of tasks
    /// and the digest are by the miner's.
    var clock: ModelClock?
    /// For tests of what looks at these figures alone.
    var bug: SeededBug?
    /// Told of each sector that needs no more tasks.
    var forget: ((SectorKey) -> Void)?
    /// What stood before those that waited.
    private(set) var obstacles: ObstacleTally
    private var sectors = NumberTable<Sector>()
    private var tasks: [TaskID: Task] = [:]

    init(warmUp: Instant) {
        self.warmUp = warmUp
        // A sector is on its way for half of the warm-up: that makes eight looks at each.
        obstacles = ObstacleTally(start: warmUp, interval: .nanoseconds(warmUp.nanoseconds / 16))
        stages = TaskType.allCases.map { _ in StageTally(warmUp: warmUp) }
        states = SectorState.allCases.map { _ in LevelIntegral(warmUp: warmUp) }
        sealing = LevelIntegral(warmUp: warmUp)
        stayed = StayTally(warmUp: warmUp)
    }

    /// Entries kept at this moment, all tables together.
    var entryCount: Int { sectors.count + tasks.count + deals.entryCount }

    /// Sectors under way.
    var sealingCount: Int { sectors.count }

    func accountsBroken(_ reason: String) {
        precondition(notesBrokenAccounts, reason)
        brokenAccount = brokenAccount ?? reason
    }

    /// A miner starts, perhaps anew: what its scheduler knew before is forgotten.
    func minerBooted(at now: Instant) {
        for index in stages.indices {
            stages[index].abandoned += stages[index].busy.level
            stages[index].queue.reset(at: now)
            stages[index].busy.reset(at: now)
        }
        stages = stages(until: now)
        tasks = [:]
        recorder?.restarted(at: now)
    }

    /// Processes die: what they run is lost from now on.
    func died(_ workers: Set<String>, at now: Instant) {
        let lost = tasks.filter { !$0.key.type.isPoSt && $0.value.worker.map(workers.contains) ?? false }
        losses.died(Array(lost.keys), at: now)
    }

    /// The stages with what waits or works now counted up to now.
    func stages(until now: Instant) -> [StageTally] {
        var tallies = stages
        // Sums in an order of their own: equal runs have equal figures.
        for (id, task) in tasks.sorted(by: { $0.key < $1.key }) {
            if task.worker == nil {
                tallies[id.type.stage].waited.add(from: task.since, to: now)
            } else {
                tallies[id.type.stage].worked.add(from: task.since, to: now)
            }
        }
        return tallies
    }

    /// The sectors' stays with those under way counted up to now.
    func stays(until now: Instant) -> StayTally {
        var tally = stayed
        for number in sectors.keys.sorted() {
            if let sector = sectors[number] { tally.add(from: sector.since, to: now) }
        }
        return tally
    }

    /// Slots of a process went away, or came back.
    func away(_ slots: [(stage: Int, count: Int)], isAway: Bool, at now: Instant) {
        for slot in slots { stages[slot.stage].away.change(by: isAway ? slot.count : -slot.count, at: now) }
    }

    // MARK: Sectors

    func sectorChanged(_ summary: SectorSummary, from old: SectorState?, at told: Instant) {
        let number = summary.key.number
        absorb(told, number, UInt64(summary.state.position))
        let now = clock?.now ?? told
        if !summary.pieces.isEmpty, summary.state == .finalizeSector || summary.state == .proving {
            deals.proven(summary.pieces.map(\.commitment), at: now)
        }
        guard let place = sectors.index(forKey: number) else {
            // A record that a restarted miner reads again of a sector that was given up is no news.
            guard summary.state.isSealing else { return }
            pledgedCount += 1
            sectors[number] = Sector(since: now, state: summary.state, enteredAt: now)
            states[summary.state.position].change(by: 1, at: now)
            sealing.change(by: 1, at: now)
            return
        }
        let known = sectors[at: place]
        if summary.expiredTicketCount != known.expiredTicketCount {
            expiredTicketCount += max(0, summary.expiredTicketCount - known.expiredTicketCount)
            sectors[at: place].expiredTicketCount = summary.expiredTicketCount
        }
        guard known.state != summary.state else { return }
        recorder?.left(known.state, enteredAt: known.enteredAt, at: now)
        states[known.state.position].change(by: -1, at: now)
        states[summary.state.position].change(by: 1, at: now)
        if summary.state.isSealing {
            sectors[at: place].state = summary.state
            sectors[at: place].enteredAt = now
            return
        }
        sectors.remove(at: place)
        forget?(summary.key)
        losses.left(number)
        sealing.change(by: -1, at: now)
        stayed.add(from: known.since, to: now)
        if summary.state == .proving {
            provingCount += 1
            if now >= warmUp {
                sojourns.add(nanoseconds: (now - known.since).nanoseconds)
                proofs.add(at: (now - warmUp).nanoseconds)
            }
        } else {
            failedCount += 1
            latestFailure = "\(summary.key): \(summary.lastError ?? "no reason given")"
        }
    }

    // MARK: Tasks

    func taskAssigned(_ id: TaskID, worker: String, at told: Instant) {
        absorb(told, id.sector.number, 0x100 | UInt64(id.type.stage) << 16 ^ stableHash(worker) << 24)
        let (now, stage) = (clock?.now ?? told, id.type.stage)
        let place = tasks.index(forKey: id)
        if let place, tasks.values[place].worker != nil { return }
        if let place {
            let since = tasks.values[place].since
            tasks.values[place] = Task(since: now, worker: worker)
            pictures(id)?.granted(stage, since: since, at: now)
            stages[stage].queue.change(by: -1, at: now)
            stages[stage].waited.add(from: since, to: now)
            if now >= warmUp { stages[stage].waits.add(nanoseconds: (now - since).nanoseconds) }
        } else {
            tasks[id] = Task(since: now, worker: worker)
        }
        pictures(id)?.assigned(stage, at: now)
        if !id.type.isPoSt { losses.assigned(id, at: now) }
        stages[stage].started += 1
        stages[stage].busy.change(by: 1, at: now)
    }

    func taskQueued(_ id: TaskID, at told: Instant) {
        let now = clock?.now ?? told
        guard tasks[id] == nil else { return }
        tasks[id] = Task(since: now)
        pictures(id)?.queued(id.type.stage, at: now)
        stages[id.type.stage].queue.change(by: 1, at: now)
    }

    func taskEnded(_ id: TaskID, _ result: TaskResult?, since: Instant?, at told: Instant) {
        let stage = id.type.stage
        let now = clock?.now ?? told
        absorb(told, id.sector.number, 0x200 | UInt64(stage) << 16 | UInt64(id.attempt) << 24)
        guard let task = tasks.removeValue(forKey: id) else { return }
        guard let worker = task.worker else {
            stages[stage].waited.add(from: task.since, to: now)
            stages[stage].queue.change(by: -1, at: now)
            pictures(id)?.dropped(stage, at: now)
            return
        }
        if bug != .statisticsForgetLostTasks || !Self.isLost(result) {
            stages[stage].worked.add(from: task.since, to: now)
        }
        pictures(id)?.ended(id, result, on: worker, since: task.since, at: now)
        stages[stage].busy.change(by: -1, at: now)
        if !id.type.isPoSt { losses.ended(id, isDone: result?.isDone ?? false) }
        switch result {
        case .done:
            stages[stage].finished += 1
            if let since, now >= warmUp {
                stages[stage].durations.add(nanoseconds: (told - since).nanoseconds)
            }
        case .failed: stages[stage].failed += 1
        case nil: stages[stage].abandoned += 1
        }
    }

    /// The task went with its worker.
    private static func isLost(_ result: TaskResult?) -> Bool {
        guard case .failed(let failure) = result else { return false }
        return failure.cause == .infrastructureLost
    }

    func wantsObstacles(at told: Instant) -> Bool { obstacles.wantsLook(at: clock?.now ?? told) }

    func waiting(for found: [WaitingObstacle], at told: Instant) {
        obstacles.add(found, at: clock?.now ?? told)
    }

    // MARK: Deadlines

    func deadlineClosed(_ report: DeadlineReport, at now: Instant) {
        windowPoSt.missed += report.missed.count
        if let explanation = report.explanation { windowPoSt.latestMiss = explanation }
    }

    /// Pictures show sealing alone.
    private func pictures(_ id: TaskID) -> RunRecorder? { id.type.isPoSt ? nil : recorder }

    private func absorb(_ now: Instant, _ number: UInt64, _ what: UInt64) {
        digest.low = mixed(digest.low ^ UInt64(bitPattern: now.nanoseconds))
        digest.low = mixed(digest.low ^ number)
        digest.low = mixed(digest.low ^ what)
        digest.high = (digest.high &* 0x9e37_79b9_7f4a_7c15) ^ digest.low
    }
}
