// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
package import Scheduler

/// What a scheduler decided, or why something waited: of one that runs, or as a journal has it.
package struct RecordedDecision: Sendable, Encodable {
    /// What a worker that was not chosen said.
    package struct Other: Sendable, Encodable {
        package var worker: String
        package var code: String
        package var reason: String
    }

    /// Seconds since the miner was started.
    package var seconds: Double
    /// `started`, `moved`, `admitted`, `prefetched`, `refused` or `waits`.
    package var event: String
    package var sector: UInt64
    /// `nil` for a sector that wants room.
    package var task: String?
    /// The worker or the store; `nil` where something waits.
    package var place: String?
    package var rule: String?
    /// `nil` where nothing can outweigh it.
    package var figure: Double?
    package var refusal: String?
    /// Why there, why not, or why it waits.
    package var reason: String
    /// `nil` where nobody was asked: a scheduler that runs does not keep it.
    package var others: [Other]?

    /// Takes what a scheduler keeps of a decision, and what others said of it.
    package init(_ record: PlacementRecord, others: [SchedulerDiagnosis.WorkerRefusal]? = nil) {
        seconds = record.at.seconds
        event = record.event.rawValue
        sector = record.sector.number
        task = record.task?.compact
        place = record.place
        rule = record.reason.rule
        figure = record.reason.finiteScore
        refusal = record.refusal?.description
        reason = refusal ?? record.reason.words
        self.others = others?.map {
            Other(worker: $0.worker, code: $0.refusal.code.rawValue, reason: $0.refusal.description)
        }
    }

    init(waiting sector: UInt64, _ task: TaskID?, reason: String, at seconds: Double) {
        self.seconds = seconds
        event = "waits"
        self.sector = sector
        self.task = task?.compact
        self.reason = reason
        others = []
    }

    /// A line, and an indented one for each worker that was not chosen.
    package var text: String {
        let what = task ?? "sector \(sector)"
        let head: String
        switch event {
        case "waits": head = "\(what) waits: \(reason)"
        case "refused": head = "\(what) was meant for \(place ?? "") and did not fit: \(reason)"
        case "admitted": head = "\(what) admitted to \(place ?? ""): \(reason)"
        default: head = "\(what) \(event) on \(place ?? ""): \(reason)"
        }
        let time = OperatorText.duration(.nanoseconds(Int64(seconds * 1e9)))
        return (["\(time)  \(head)"] + (others ?? []).map { "    not \($0.worker): \($0.reason)" })
            .joined(separator: "\n")
    }

    /// A table of decisions.
    package static func table(_ decisions: [RecordedDecision]) -> String {
        var table = TextTable("Time", "Event", "Sector", "Task", "Place", "Rule", "Figure", "Refusal")
        for item in decisions {
            table.add([
                OperatorText.duration(.nanoseconds(Int64(item.seconds * 1e9))), item.event, "\(item.sector)",
                item.task ?? "", item.place ?? "", item.rule ?? "",
                item.figure.map { "\(($0 * 1000).rounded() / 1000)" } ?? "inf",
                item.refusal ?? "",
            ])
        }
        return table.text
    }
}

/// Hands lines on as they come.
final class DecisionTeller: DecisionListener {
    private let sector: UInt64?
    private let take: @Sendable (RecordedDecision) -> Void

    /// - Parameter sector: lines of that one alone; all where `nil`.
    init(sector: UInt64?, _ take: @escaping @Sendable (RecordedDecision) -> Void) {
        self.sector = sector
        self.take = take
    }

    func decided(_ record: PlacementRecord, others: [SchedulerDiagnosis.WorkerRefusal]) {
        guard sector == nil || record.sector.number == sector else { return }
        take(RecordedDecision(record, others: others))
    }

    func waits(_ sector: SectorKey, _ task: TaskID?, because reason: String, at now: Instant) {
        guard self.sector == nil || sector.number == self.sector else { return }
        take(RecordedDecision(waiting: sector.number, task, reason: reason, at: now.seconds))
    }
}
