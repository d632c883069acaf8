// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
internal import Scheduler

/// What a tournament compares.
package enum TournamentMetric: String, Sendable, Hashable, CaseIterable {
    case sectorsPerDay = "sectors/day"
    case latencyP95 = "p95 h"
    case movedBytes = "GiB moved/sector"
    case idlePreCommit1 = "PC1 idle %"
    case idlePreCommit2 = "PC2 idle %"
    case idleCommit2 = "C2 idle %"
    case redispatch = "redispatch s"
    case repeats = "PC1 repeats"
    case lost = "given up"
    case stuck = "stuck"
    case missedDeals = "deals missed"

    /// What it is, in words.
    package var meaning: String {
        switch self {
        case .sectorsPerDay: "sectors that became proving, a day, after the warm-up"
        case .latencyP95: "hours from pledge to proving that 95 % of the sectors do not exceed"
        case .movedBytes: "bytes moved between sealing hosts by the sectors that were proven, GiB a sector"
        case .idlePreCommit1: "share of PreCommit1 slot time that was free"
        case .idlePreCommit2: "share of PreCommit2 slot time that was free"
        case .idleCommit2: "share of Commit2 slot time that was free"
        case .redispatch:
            "seconds from the loss of a process to the next start for the sector that it worked on, mean"
        case .repeats: "PreCommit1 tasks beyond the first of a sector: expired tickets, lost files, failures"
        case .lost: "sectors that were given up"
        case .missedDeals: "deals whose start came before their sector was proven"
        case .stuck: "sectors whose process was lost and for which nothing was started again until the end"
        }
    }

    /// More is better.
    package var isGain: Bool { self == .sectorsPerDay }
}

/// The figures of one run; `nil` where a figure has no value.
package struct TournamentMeasures: Sendable, Hashable {
    package var values: [TournamentMetric: Double]
    package var traceHash: String

    package init(values: [TournamentMetric: Double], traceHash: String) {
        self.values = values
        self.traceHash = traceHash
    }

    init(_ cluster: SimulatedCluster) {
        let report = cluster.report()
        values = [:]
        values[.sectorsPerDay] = report.sectorsPerHour.map { $0 * 24 }
        values[.latencyP95] = report.sojournP95Seconds.map { $0 / 3600 }
        if cluster.provenCount > 0 {
            values[.movedBytes] = Double(cluster.movedBytes) / Double(cluster.provenCount) / 0x1p30
        }
        for (metric, type) in [
            (TournamentMetric.idlePreCommit1, TaskType.preCommit1), (.idlePreCommit2, .preCommit2),
            (.idleCommit2, .commit2),
        ] {
            let stage = report.stages.first { $0.identifier == type.rawValue }
            values[metric] = stage?.utilization.map { max(0, 1 - $0) * 100 }
        }
        let losses = cluster.losses
        values[.redispatch] = losses.meanSeconds
        values[.repeats] = Double(losses.repeatCount)
        values[.lost] = Double(report.sectorsFailed)
        values[.stuck] = Double(losses.openCount)
        values[.missedDeals] = report.deals.map { Double($0.missed) }
        traceHash = report.traceHash
    }
}

/// What became of sectors whose process was lost.
struct LossTally: Sendable {
    private var workerOf: [TaskID: String] = [:]
    private var lostAt: [UInt64: Instant] = [:]
    private var seconds = 0.0
    private var count = 0
    /// PreCommit1 tasks beyond the first of a sector.
    private(set) var repeatCount = 0

    var meanSeconds: Double? { count > 0 ? seconds / Double(count) : nil }
    /// Sectors that wait for a start since.
    var openCount: Int { lostAt.count }

    mutating func assigned(_ id: TaskID, worker: String, at now: Instant) {
        workerOf[id] = worker
        if id.type == .preCommit1, id.attempt > 1 { repeatCount += 1 }
        guard !lostAt.isEmpty, let lost = lostAt.removeValue(forKey: id.sector.number) else { return }
        seconds += (now - lost).inSeconds
        count += 1
    }

    mutating func ended(_ id: TaskID, isDone: Bool) {
        workerOf[id] = nil
        // The worker was out of reach and had its result all the same.
        if isDone, !lostAt.isEmpty { lostAt[id.sector.number] = nil }
    }

    /// Processes die: what they run is lost from now on.
    mutating func died(_ workers: Set<String>, at now: Instant) {
        for id in workerOf.keys.sorted() {
            guard let worker = workerOf[id], workers.contains(worker) else { continue }
            if lostAt[id.sector.number] == nil { lostAt[id.sector.number] = now }
        }
    }

    /// The sector is proving or given up: nobody waits any more.
    mutating func left(_ sector: UInt64) { if !lostAt.isEmpty { lostAt[sector] = nil } }

    mutating func minerBooted() { workerOf = [:] }
}
