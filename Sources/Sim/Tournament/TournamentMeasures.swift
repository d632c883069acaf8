// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
internal import Scheduler

/// What a tournament compares.
package enum TournamentMetric: String, Sendable, Hashable, CaseIterable {
    case sectorsPerDay = "sectors/day"
    case latencyP95 = "p95 h"
    case movedBytes = "GiB moved/sector"
    case idleAddPiece = "AP idle %"
    case idlePreCommit1 = "PC1 idle %"
    case idlePreCommit2 = "PC2 idle %"
    case idleCommit1 = "C1 idle %"
    case idleCommit2 = "C2 idle %"
    case idleFinalize = "FIN idle %"
    case redispatch = "redispatch s"
    case repeats = "PC1 repeats"
    case expiredTickets = "tickets expired"
    case lost = "given up"
    case stuck = "stuck"
    case missedDeals = "deals missed"

    /// What it is, in words.
    package var meaning: String {
        switch self {
        case .sectorsPerDay: "sectors that became proving, a day, after the warm-up"
        case .latencyP95: "hours from pledge to proving that 95 % of the sectors do not exceed"
        case .movedBytes: "bytes moved between sealing hosts by the sectors that were proven, GiB a sector"
        case .idleAddPiece, .idlePreCommit1, .idlePreCommit2, .idleCommit1, .idleCommit2, .idleFinalize:
            "share of \(idleKind?.kind.rawValue ?? "") slot time that was free"
        case .redispatch:
            "seconds from the loss of a process to the next start for the sector that it worked on, mean"
        case .repeats: "PreCommit1 tasks beyond the first of a sector, whatever the reason"
        case .expiredTickets: "tickets that ran out before their sector was pre-committed"
        case .lost: "sectors that were given up"
        case .missedDeals: "deals whose start came before their sector was proven"
        case .stuck: "sectors whose process was lost and for which nothing was started again until the end"
        }
    }

    /// The kind of task of whose slots it is the idle share.
    var idleKind: TaskType? {
        switch self {
        case .idleAddPiece: .addPiece
        case .idlePreCommit1: .preCommit1
        case .idlePreCommit2: .preCommit2
        case .idleCommit1: .commit1
        case .idleCommit2: .commit2
        case .idleFinalize: .finalize
        default: nil
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

    init(_ cluster: SimulatedCluster, _ report: SimulationReport) {
        values = [:]
        values[.sectorsPerDay] = report.sectorsPerHour.map { $0 * 24 }
        values[.latencyP95] = report.sojournP95Seconds.map { $0 / 3600 }
        if cluster.provenCount > 0 {
            values[.movedBytes] = Double(cluster.movedBytes) / Double(cluster.provenCount) / 0x1p30
        }
        for metric in TournamentMetric.allCases {
            guard let type = metric.idleKind else { continue }
            let stage = report.stages.first { $0.identifier == type.rawValue }
            values[metric] = stage?.utilization.map { max(0, 1 - $0) * 100 }
        }
        let losses = cluster.losses
        values[.redispatch] = losses.meanSeconds
        values[.repeats] = Double(losses.repeatCount)
        values[.expiredTickets] = Double(cluster.expiredTicketCount)
        values[.lost] = Double(report.sectorsFailed)
        values[.stuck] = Double(losses.openCount)
        values[.missedDeals] = report.deals.map { Double($0.missed) }
        traceHash = report.traceHash
    }
}

/// What became of sectors whose process was lost.
struct LossTally: Sendable {
    private var lostAt: [UInt64: Instant] = [:]
    private var seconds = 0.0
    private var count = 0
    /// PreCommit1 tasks beyond the first of a sector.
    private(set) var repeatCount = 0

    var meanSeconds: Double? { count > 0 ? seconds / Double(count) : nil }
    /// Sectors that wait for a start since.
    var openCount: Int { lostAt.count }

    mutating func assigned(_ id: TaskID, at now: Instant) {
        if id.type == .preCommit1, id.attempt > 1 { repeatCount += 1 }
        guard !lostAt.isEmpty, let lost = lostAt.removeValue(forKey: id.sector.number) else { return }
        seconds += (now - lost).inSeconds
        count += 1
    }

    mutating func ended(_ id: TaskID, isDone: Bool) {
        // The worker was out of reach and had its result all the same.
        if isDone, !lostAt.isEmpty { lostAt[id.sector.number] = nil }
    }

    /// The processes that ran these tasks died.
    mutating func died(_ tasks: [TaskID], at now: Instant) {
        for id in tasks where lostAt[id.sector.number] == nil { lostAt[id.sector.number] = now }
    }

    /// The sector is proving or given up: nobody waits any more.
    mutating func left(_ sector: UInt64) { if !lostAt.isEmpty { lostAt[sector] = nil } }
}
