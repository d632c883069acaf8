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
    /// Durations of tasks that finished after the warm-up.
    var durations = DurationHistogram()

    init(warmUp: Instant) {
        queue = LevelIntegral(warmUp: warmUp)
        busy = LevelIntegral(warmUp: warmUp)
    }
}

/// The statistics of a simulated cluster, as its miner sees it. Nothing in here grows with the
/// sectors that are done.
// Safety: touched only by the components of one simulated world, which runs on one thread.
final class ClusterMetrics: SectorObserver, TaskObserver, PoStObserver, @unchecked Sendable {
    private struct Sector {
        let since: Instant
        var state: SectorState
    }

    let warmUp: Instant
    private(set) var stages: [StageTally]
    /// Sectors in each state, in the order of ``SectorState/allCases``.
    private(set) var states: [LevelIntegral]
    private(set) var sealing: LevelIntegral
    private(set) var pledgedCount = 0
    private(set) var provingCount = 0
    private(set) var failedCount = 0
    private(set) var latestFailure: String?
    /// How deadlines ended so far, in partitions.
    private(set) var windowPoSt = SimulationReport.WindowPoSt()
    /// What became of deals.
    var deals = DealTally()
    /// What became of sectors whose process was lost.
    var losses = LossTally()
    /// Of the sectors that were proven after the warm-up.
    private(set) var sojourns = DurationHistogram()
    /// A running hash of every task that started or ended and of every step of every sector.
    private(set) var digest: (high: UInt64, low: UInt64) = (0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b)
    /// Records what a picture of the run needs; `nil` where nobody wants one.
    var recorder: RunRecorder?
    /// Broken accounts of the scheduler are noted, in place of a trap.
    var notesBrokenAccounts = false
    /// The first of them.
    private(set) var brokenAccount: String?
    /// Told of each sector that needs no more tasks.
    var forget: ((SectorKey) -> Void)?
    private var sectors: [UInt64: Sector] = [:]
    private var waiting: Set<TaskID> = []
    private var running: Set<TaskID> = []

    init(warmUp: Instant) {
        self.warmUp = warmUp
        stages = TaskType.allCases.map { _ in StageTally(warmUp: warmUp) }
        states = SectorState.allCases.map { _ in LevelIntegral(warmUp: warmUp) }
        sealing = LevelIntegral(warmUp: warmUp)
    }

    /// Entries kept at this moment, all tables together.
    var entryCount: Int { sectors.count + waiting.count + running.count + deals.entryCount }

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
        waiting = []
        running = []
        recorder?.restarted(at: now)
        losses.minerBooted()
    }

    // MARK: Sectors

    func sectorChanged(_ summary: SectorSummary, from old: SectorState?, at now: Instant) {
        let number = summary.key.number
        absorb(now, number, UInt64(summary.state.position))
        if !summary.pieces.isEmpty, summary.state == .finalizeSector || summary.state == .proving {
            deals.proven(summary.pieces.map(\.commitment), at: now)
        }
        guard let known = sectors[number] else {
            // A record that a restarted miner reads again of a sector that was given up is no news.
            guard summary.state.isSealing else { return }
            pledgedCount += 1
            sectors[number] = Sector(since: now, state: summary.state)
            states[summary.state.position].change(by: 1, at: now)
            sealing.change(by: 1, at: now)
            return
        }
        guard known.state != summary.state else { return }
        recorder?.left(known.state, sector: number, entered: known.since, at: now)
        states[known.state.position].change(by: -1, at: now)
        states[summary.state.position].change(by: 1, at: now)
        if summary.state.isSealing {
            sectors[number]?.state = summary.state
            return
        }
        sectors[number] = nil
        forget?(summary.key)
        recorder?.finished(sector: number)
        losses.left(number)
        sealing.change(by: -1, at: now)
        if summary.state == .proving {
            provingCount += 1
            if now >= warmUp { sojourns.add(nanoseconds: (now - known.since).nanoseconds) }
        } else {
            failedCount += 1
            latestFailure = "\(summary.key): \(summary.lastError ?? "no reason given")"
        }
    }

    // MARK: Tasks

    func taskAssigned(_ id: TaskID, worker: String, at now: Instant) {
        absorb(now, id.sector.number, 0x100 | UInt64(id.type.stage) << 16 ^ stableHash(worker) << 24)
        guard running.insert(id).inserted else { return }
        pictures(id)?.assigned(id, worker: worker, at: now)
        if !id.type.isPoSt { losses.assigned(id, worker: worker, at: now) }
        if waiting.remove(id) != nil { stages[id.type.stage].queue.change(by: -1, at: now) }
        stages[id.type.stage].started += 1
        stages[id.type.stage].busy.change(by: 1, at: now)
    }

    func taskQueued(_ id: TaskID, at now: Instant) {
        guard waiting.insert(id).inserted else { return }
        pictures(id)?.queued(id, at: now)
        stages[id.type.stage].queue.change(by: 1, at: now)
    }

    func taskEnded(_ id: TaskID, _ result: TaskResult?, since: Instant?, at now: Instant) {
        let stage = id.type.stage
        absorb(now, id.sector.number, 0x200 | UInt64(stage) << 16 | UInt64(id.attempt) << 24)
        if waiting.remove(id) != nil {
            stages[stage].queue.change(by: -1, at: now)
            pictures(id)?.dropped(id, at: now)
        }
        guard running.remove(id) != nil else { return }
        pictures(id)?.ended(id, result, at: now)
        stages[stage].busy.change(by: -1, at: now)
        if !id.type.isPoSt { losses.ended(id, isDone: result?.isDone ?? false) }
        switch result {
        case .done:
            stages[stage].finished += 1
            if let since, now >= warmUp {
                stages[stage].durations.add(nanoseconds: (now - since).nanoseconds)
            }
        case .failed: stages[stage].failed += 1
        case nil: stages[stage].abandoned += 1
        }
    }

    // MARK: Deadlines

    func deadlineClosed(_ report: DeadlineReport, at now: Instant) {
        recorder?.deadlineClosed(report)
        windowPoSt.due += report.dueCount
        windowPoSt.submitted += report.provenCount
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
