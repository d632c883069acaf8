// SPDX-License-Identifier: Apache-2.0
internal import Chain
private import Foundation
private import Kernel
private import Scheduler

/// The present of a miner's proving, as `proving info` tells it. All times are epochs.
package struct ProvingInfoView: Sendable, Encodable {
    package var miner: String
    package var epoch: Int64
    package var epochSeconds: Double
    package var periodOffset: Int64
    package var periodStart: Int64
    package var nextPeriodStart: Int64
    package var sectors: Int
    package var faults: Int
    package var recovering: Int
    package var deadline: DeadlineView
    private let epochDuration: Duration

    private enum CodingKeys: CodingKey {
        case miner, epoch, epochSeconds, periodOffset, periodStart, nextPeriodStart, sectors, faults
        case recovering, deadline
    }

    /// - Parameter standing: of all deadlines.
    package init(_ standing: MinerClient.ProvingStanding) {
        let (status, period) = (standing.status, standing.status.period)
        let current = period.current(at: status.head)
        miner = "f0\(status.miner)"
        epoch = status.head
        epochDuration = standing.epochDuration
        epochSeconds = standing.epochDuration.inSeconds
        periodOffset = period.offset
        periodStart = current.periodStart
        nextPeriodStart = current.periodStart + period.parameters.periodEpochs
        sectors = status.liveCount
        let partitions = standing.deadlines.flatMap(\.partitions)
        faults = partitions.reduce(0) { $0 + $1.faulty.count }
        recovering = partitions.reduce(0) { $0 + $1.recovering.count }
        let known = standing.deadlines.first { $0.times.index == current.index }
        deadline = DeadlineView(
            known
                ?? DeadlineStatus(
                    miner: status.miner, head: status.head, times: current, partitions: [], randomness: nil),
            period: period.parameters.periodEpochs, isCurrent: true)
    }

    /// Labels and values.
    package var text: String {
        func moment(_ value: Int64) -> String {
            "\(value) (\(OperatorText.distance(of: value, from: epoch, epochDuration)))"
        }
        let share = sectors == 0 ? 0 : 100 * Double(faults) / Double(sectors)
        return OperatorText.labels([
            ("Miner", miner), nil, ("Current Epoch", "\(epoch)"),
            ("Proving Period Boundary", "\(periodOffset)"),
            ("Proving Period Start", moment(periodStart)), ("Next Period Start", moment(nextPeriodStart)),
            nil, ("Faults", "\(faults) (\(OperatorText.percent(share)))"), ("Recovering", "\(recovering)"),
            nil, ("Deadline Index", "\(deadline.deadline)"), ("Deadline Sectors", "\(deadline.sectors)"),
            ("Deadline Open", moment(deadline.open)), ("Deadline Close", moment(deadline.close)),
            ("Deadline Challenge", moment(deadline.challenge)),
            ("Deadline FaultCutoff", moment(deadline.faultCutoff)),
        ])
    }
}

/// A deadline, as `proving deadlines` and `proving deadline` tell of it. All times are epochs.
package struct DeadlineView: Sendable, Encodable {
    /// One partition.
    package struct Partition: Sendable, Encodable {
        package var partition: Int
        package var sectors: [UInt64]
        package var faulty: [UInt64]
        package var recovering: [UInt64]
        /// Given up by the chain after it was faulty for too long.
        package var expired: [UInt64]
        /// Gone from the chain because their time was over.
        package var ended: [UInt64]
        /// When its latest proof landed.
        package var provenEpoch: Int64?
        /// It was proven at the deadline that is open, or else when it was open last.
        package var isProven: Bool
    }

    package var deadline: Int
    package var open: Int64
    package var close: Int64
    package var challenge: Int64
    package var faultCutoff: Int64
    package var isCurrent: Bool
    package var sectors: Int
    package var faults: Int
    package var provenPartitions: Int
    package var partitions: [Partition]

    init(_ status: DeadlineStatus, period: Int64, isCurrent: Bool) {
        let times = status.times
        deadline = times.index
        open = times.open
        close = times.close
        challenge = times.challenge
        faultCutoff = times.cutoff
        self.isCurrent = isCurrent
        let last = isCurrent ? times.open : times.open - period
        partitions = status.partitions.enumerated().map { index, partition in
            Partition(
                partition: index, sectors: partition.live.numbers, faulty: partition.faulty.numbers,
                recovering: partition.recovering.numbers, expired: partition.expired.numbers,
                ended: partition.ended.numbers,
                provenEpoch: partition.provenEpoch, isProven: partition.provenOpen == last)
        }
        sectors = partitions.reduce(0) { $0 + $1.sectors.count }
        faults = partitions.reduce(0) { $0 + $1.faulty.count }
        provenPartitions = partitions.count(where: \.isProven)
    }

    /// The deadlines of a standing, in order of index.
    package static func all(_ standing: MinerClient.ProvingStanding) -> [DeadlineView] {
        let period = standing.status.period
        let current = period.current(at: standing.status.head).index
        return standing.deadlines.map {
            DeadlineView(
                $0, period: period.parameters.periodEpochs, isCurrent: $0.times.index == current)
        }
    }

    /// A table of deadlines in the order given.
    package static func text(_ deadlines: [DeadlineView], miner: UInt64) -> String {
        var table = TextTable("deadline", "open", "partitions", "sectors (faults)", "proven partitions")
        for view in deadlines {
            table.add([
                "\(view.deadline)", "\(view.open)", "\(view.partitions.count)",
                "\(view.sectors) (\(view.faults))",
                "\(view.provenPartitions)" + (view.isCurrent ? " (current)" : ""),
            ])
        }
        return "Miner: f0\(miner)\n" + table.text
    }

    /// A table of the partitions with faulty sectors.
    package static func faultText(_ deadlines: [DeadlineView], miner: UInt64) -> String {
        var table = TextTable("deadline", "partition", "sectors")
        for view in deadlines {
            for partition in view.partitions where !partition.faulty.isEmpty {
                table.add([
                    "\(view.deadline)", "\(partition.partition)",
                    partition.faulty.map { "\($0)" }.joined(separator: " "),
                ])
            }
        }
        return "Miner: f0\(miner)\n" + table.text
    }

    /// Labels and values, a block for each partition.
    ///
    /// - Parameter showsNumbers: the numbers of all sectors, and not of the faulty ones alone.
    package func text(showsNumbers: Bool) -> String {
        func list(_ numbers: [UInt64]) -> String { "[\(numbers.map { "\($0)" }.joined(separator: " "))]" }
        var lines: [(String, String)?] = [
            ("Deadline Index", "\(deadline)"), ("Deadline Open", "\(open)"), ("Deadline Close", "\(close)"),
            ("Deadline Challenge", "\(challenge)"), ("Deadline FaultCutoff", "\(faultCutoff)"),
            ("Partitions", "\(partitions.count)"), ("Proven Partitions", "\(provenPartitions)"),
            ("Current", "\(isCurrent)"),
        ]
        for partition in partitions {
            lines += [nil, ("Partition Index", "\(partition.partition)")]
            lines.append(("Sectors", "\(partition.sectors.count)"))
            if showsNumbers { lines.append(("Sector Numbers", list(partition.sectors))) }
            lines.append(("Faults", "\(partition.faulty.count)"))
            lines.append(("Faulty Sectors", list(partition.faulty)))
            lines.append(("Recovering Sectors", list(partition.recovering)))
            if !partition.expired.isEmpty { lines.append(("Expired Sectors", list(partition.expired))) }
            if !partition.ended.isEmpty { lines.append(("Ended Sectors", list(partition.ended))) }
            lines.append(("Last Proven", partition.provenEpoch.map { "\($0)" } ?? "<nil>"))
        }
        return OperatorText.labels(lines)
    }
}

/// How a deadline ended, as `proving history` tells it. All times but the first are epochs.
package struct ClosedDeadlineView: Sendable, Encodable {
    /// When it was judged, as `2024-01-02T03:04:05Z`.
    package var at: String
    package var deadline: Int
    package var open: Int64
    package var close: Int64
    package var due: Int
    package var proven: Int
    /// Partitions that were not proven.
    package var missed: [Int]
    /// Sectors that could not be read and were left out.
    package var skipped: [UInt64]
    /// Why partitions were missed, and every step.
    package var explanation: String?

    package init(_ closed: SQLiteDeadlineStore.Closed) {
        let (report, seconds) = (closed.report, closed.wallNanoseconds / 1_000_000_000)
        at = OperatorText.moment(secondsSince1970: seconds)
        deadline = report.times.index
        open = report.times.open
        close = report.times.close
        due = report.dueCount
        proven = report.provenCount
        missed = report.missed
        skipped = report.skipped.numbers
        explanation = report.explanation
    }

    /// A table of deadlines in the order given, then why some were missed.
    package static func text(_ closed: [ClosedDeadlineView]) -> String {
        var table = TextTable("time", "deadline", "open", "close", "partitions", "proven", "skipped sectors")
        for view in closed {
            table.add([
                view.at, "\(view.deadline)", "\(view.open)", "\(view.close)", "\(view.due)",
                "\(view.proven)", view.skipped.map { "\($0)" }.joined(separator: " "),
            ])
        }
        return ([table.text] + closed.compactMap(\.explanation)).joined(separator: "\n\n")
    }
}

/// Whether a sector reads, as `proving check` tells it.
package struct SectorReadingView: Sendable, Encodable {
    package var deadline: Int
    package var partition: Int
    package var sector: UInt64
    package var isGood: Bool
    /// Why it does not read.
    package var reason: String?

    package init(_ reading: SectorReading) {
        deadline = reading.deadline
        partition = reading.partition
        sector = reading.sector
        isGood = reading.trouble == nil
        reason = reading.trouble
    }

    /// A table of sectors in the order given.
    package static func text(_ readings: [SectorReadingView]) -> String {
        var table = TextTable("deadline", "partition", "sector", "status")
        for view in readings {
            table.add([
                "\(view.deadline)", "\(view.partition)", "\(view.sector)",
                view.reason.map { "bad (\($0))" } ?? "good",
            ])
        }
        return table.text
    }
}

/// A declaration that was sent, as `proving recover-faults` tells it.
package struct DeclarationView: Sendable, Encodable {
    package var deadline: Int
    package var sectors: [UInt64]
    package var message: String
    /// Why the chain did not take it.
    package var refusal: String?

    package init(_ outcome: DeclarationOutcome) {
        deadline = outcome.deadline
        sectors = outcome.sectors.numbers
        message = outcome.message
        refusal = outcome.refusal?.description
    }
}

extension OperatorText {
    /// How far an epoch is away, as `in 1m4s` or `4s ago`.
    static func distance(of epoch: Int64, from now: Int64, _ duration: Duration) -> String {
        let time = Self.duration(duration * Int(abs(epoch - now)))
        return epoch > now ? "in \(time)" : epoch < now ? "\(time) ago" : "now"
    }

    /// A moment of the wall clock as `2024-01-02T03:04:05Z`.
    static func moment(secondsSince1970 seconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }

    /// A share of a hundred with two decimals.
    static func percent(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)%"
    }

    /// Lines of a label and a value, the values below each other; `nil` is an empty line.
    static func labels(_ lines: [(label: String, value: String)?]) -> String {
        let width = lines.compactMap { $0?.label.count }.max() ?? 0
        return lines.map { line in
            guard let line else { return "" }
            return line.label + ":" + String(repeating: " ", count: width - line.label.count + 1) + line.value
        }.joined(separator: "\n")
    }
}

extension Duration {
    fileprivate var inSeconds: Double { Double(nanoseconds) / 1e9 }
}
