// SPDX-License-Identifier: Apache-2.0
internal import Kernel
private import Scheduler

/// Which faults came, how long they lasted and what slots they took, for the report. It changes nothing.
struct FaultLog {
    struct Entry {
        let kind: Scenario.Fault.Kind
        let target: String
        let begin: Instant
        /// `nil` for good.
        let end: Instant?
    }

    /// What is over of one kind.
    private struct Past {
        var count = 0
        var seconds = 0.0
        var first = Instant.zero
        var targets: [String] = []

        mutating func add(_ entry: Entry, until now: Instant) {
            let end = min(entry.end ?? now, now)
            first = count == 0 ? entry.begin : min(first, entry.begin)
            count += 1
            if end > entry.begin { seconds += (end - entry.begin).inSeconds }
            if targets.count < FaultLog.targetCountMax, !targets.contains(entry.target) {
                targets.append(entry.target)
            }
        }
    }

    /// A process that cannot work, since when, and for which kind of fault.
    private struct Absence {
        let kind: Scenario.Fault.Kind?
        let since: Instant
        let slots: [(stage: Int, count: Int)]
    }

    static let targetCountMax = 4
    /// Faults of which a picture keeps the times.
    static let markCountMax = 400

    /// Those that last, or are still to come.
    private var open: [Entry] = []
    /// The first of those that are over.
    private var marks: [Entry] = []
    private var past: [Scenario.Fault.Kind: Past] = [:]
    private var absences: [String: Absence] = [:]
    private var lost: [Scenario.Fault.Kind: [Int: Double]] = [:]

    mutating func add(_ entry: Entry, at now: Instant) {
        settle(now)
        open.append(entry)
    }

    private mutating func settle(_ now: Instant) {
        guard open.contains(where: { $0.end.map { $0 <= now } ?? false }) else { return }
        for entry in open where entry.end.map({ $0 <= now }) ?? false {
            past[entry.kind, default: Past()].add(entry, until: now)
            if marks.count < Self.markCountMax { marks.append(entry) }
        }
        open.removeAll { $0.end.map { $0 <= now } ?? false }
    }

    /// A process cannot work from now on.
    mutating func left(
        _ name: String, _ slots: [(stage: Int, count: Int)], for kind: Scenario.Fault.Kind?, at now: Instant
    ) {
        absences[name] = Absence(kind: kind, since: now, slots: slots)
    }

    /// It can again.
    mutating func cameBack(_ name: String, at now: Instant) {
        guard let absence = absences.removeValue(forKey: name) else { return }
        count(absence, until: now)
    }

    private mutating func count(_ absence: Absence, until now: Instant) {
        guard let kind = absence.kind else { return }
        let hours = (now - absence.since).inSeconds / 3600
        for slot in absence.slots {
            lost[kind, default: [:]][slot.stage, default: 0] += hours * Double(slot.count)
        }
    }

    /// What came up to now, by kinds, in the order of their first times.
    func tallies(until now: Instant) -> [SimulationReport.FaultTally] {
        var copy = self
        copy.settle(now)
        for entry in copy.open where entry.begin <= now {
            copy.past[entry.kind, default: Past()].add(entry, until: now)
        }
        for name in copy.absences.keys.sorted() {
            if let absence = copy.absences[name] { copy.count(absence, until: now) }
        }
        return Scenario.Fault.Kind.allCases.compactMap { kind -> SimulationReport.FaultTally? in
            guard let known = copy.past[kind] else { return nil }
            let hours = copy.lost[kind] ?? [:]
            return SimulationReport.FaultTally(
                kind: kind, count: known.count, targets: known.targets, firstSeconds: known.first.seconds,
                seconds: known.seconds,
                slotHours: TaskType.sealing.filter { (hours[$0.stage] ?? 0) > 0 }.map {
                    .init(stage: $0.kind.rawValue, hours: hours[$0.stage] ?? 0)
                })
        }.sorted { $0.firstSeconds < $1.firstSeconds }
    }

    /// What a picture shows, in order of their beginning.
    func marks(until now: Instant) -> [SimulationReport.FaultMark] {
        (marks + open.filter { $0.begin <= now }).prefix(Self.markCountMax).map { entry in
            SimulationReport.FaultMark(
                kind: entry.kind, target: entry.target, beginSeconds: entry.begin.seconds,
                endSeconds: min(entry.end ?? now, now).seconds)
        }.sorted { $0.beginSeconds < $1.beginSeconds }
    }

    /// Those that are still to come.
    func later(than now: Instant) -> [Entry] { open.filter { $0.begin > now } }
}
