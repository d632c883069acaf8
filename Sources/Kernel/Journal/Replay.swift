// SPDX-License-Identifier: Apache-2.0
package import Kernel
private import Synchronization

/// What a replay found.
package struct ReplayReport: Sendable, Hashable {
    /// Where the replay and the journal part.
    package struct Difference: Sendable, Hashable, CustomStringConvertible {
        /// The number of the record among the component's records, from zero.
        package let index: Int
        /// When it was recorded.
        package let time: Instant
        /// What the journal says.
        package let expected: String
        /// What the component did.
        package let got: String

        /// One line that names all of it.
        package var description: String {
            "record \(index) at \(time.seconds) s: expected \(expected), got \(got)"
        }
    }

    /// The component that was replayed.
    package let component: Address
    /// Births that were replayed.
    package internal(set) var birthCount = 0
    /// Messages handed to the component.
    package internal(set) var deliveryCount = 0
    /// Messages that it sent as the journal says.
    package internal(set) var sentCount = 0
    /// The first difference; `nil` where the component said exactly the same again.
    package internal(set) var firstDifference: Difference?

    /// The component said exactly the same again.
    package var isIdentical: Bool { firstDifference == nil }
}

/// Hands the recorded messages of one component to a fresh one of the same type and compares what it sends.
///
/// The component is alone: what it sends goes nowhere, its timers fire only as the journal says, its children
/// are names. Time, chance and refusals come out of the journal, so that equal code says equal words.
package enum Replay {
    /// Replays one component of a journal.
    ///
    /// - Parameters:
    ///   - options: how the component was spawned; its supervision counts.
    ///   - make: makes the component; references that it was given come from the resolver.
    /// - Throws: ``JournalError`` with `noBirth` where the journal does not begin with the component's birth,
    ///   or
    ///   `corrupt`.
    package static func run<C: Component>(
        journal: JournalReader,
        component: Address,
        options: SpawnOptions = SpawnOptions(),
        make: @escaping @Sendable (Home, any RefResolver) throws -> C
    ) throws -> ReplayReport {
        var cursor = journal.records(of: component)
        return try run(
            records: try cursor.all(),
            component: component,
            options: options,
            make: make
        )
    }

    /// Replays one component of records in memory; records of others are left out.
    ///
    /// - Throws: as the other form.
    package static func run<C: Component>(
        records: [JournalRecord],
        component: Address,
        options: SpawnOptions = SpawnOptions(),
        make: @escaping @Sendable (Home, any RefResolver) throws -> C
    ) throws -> ReplayReport {
        let name = component.description
        let own = records.filter { ($0.kind == .sent ? $0.from : $0.to) == name }
        guard let first = own.first, first.kind == .spawned else {
            throw JournalError(
                code: .noBirth,
                message:
                    "the journal lacks the birth of \(name); record from its start and keep more files"
            )
        }
        let script = ReplayScript(own, component: name)
        let stage = SimulatedReplay<C>(
            address: component,
            seed: try birth(first).seed,
            sink: script,
            outcome: { script.nextOutcome() },
            make: make
        )
        var report = ReplayReport(component: component)
        for (index, record) in own.enumerated() {
            report.firstDifference = try play(
                record,
                at: index,
                on: stage,
                script,
                options,
                &report
            )
            if report.firstDifference != nil { return report }
        }
        report.firstDifference = script.surplus(before: own.count)
        return report
    }

    private static func play<C: Component>(
        _ record: JournalRecord,
        at index: Int,
        on stage: SimulatedReplay<C>,
        _ script: ReplayScript,
        _ options: SpawnOptions,
        _ report: inout ReplayReport
    ) throws -> ReplayReport.Difference? {
        switch record.kind {
        case .spawned:
            let incarnation = try birth(record).incarnation
            report.birthCount += 1
            // It failed and was made anew within the delivery before: that is done already.
            if stage.isUp && stage.incarnation == incarnation { return nil }
            if let surplus = script.surplus(before: index) { return surplus }
            script.begin(at: index)
            do {
                try stage.spawn(at: record.time, incarnation: incarnation, options: options)
            } catch {
                script.startFailure = "\(error)"
            }
        case .delivered:
            if let surplus = script.surplus(before: index) { return surplus }
            guard stage.isUp else {
                return .init(
                    index: index,
                    time: record.time,
                    expected: "a living component to receive \(describe(record))",
                    got: script.startFailure ?? "a component that has stopped"
                )
            }
            script.begin(at: index)
            report.deliveryCount += 1
            do {
                try stage.deliver(record.bytes, at: record.time)
            } catch {
                throw JournalError(
                    code: .corrupt,
                    message: "record \(index) of \(record.to), \(describe(record)): \(error)"
                )
            }
        case .sent:
            if let difference = script.compare(record, at: index) { return difference }
            report.sentCount += 1
        case .ended:
            if let surplus = script.surplus(before: index) { return surplus }
            stage.stop(at: record.time)
        }
        return nil
    }

    private static func birth(_ record: JournalRecord) throws -> (seed: UInt64, incarnation: UInt64) {
        do {
            var reader = try WireReader(record.bytes)
            try reader.readArrayHead(expecting: 2)
            let birth = (seed: try reader.readUInt64(), incarnation: try reader.readUInt64())
            try reader.finish()
            return birth
        } catch {
            throw JournalError(
                code: .corrupt,
                message: "the birth of \(record.to) does not decode: \(error)"
            )
        }
    }

    static func describe(_ record: JournalRecord) -> String {
        let target = record.kind == .sent ? " to \(record.to)" : ""
        return "\(record.messageName)\(target) \(WireText.describe(record.bytes))"
    }
}

/// The recorded words of a component, held against what it says now.
// Safety: one thread replays.
private final class ReplayScript: JournalSink, @unchecked Sendable {
    private let records: [JournalRecord]
    private let component: String
    private var said: [JournalRecord] = []
    private var saidCount = 0
    private var cue = 0
    var startFailure: String?

    init(_ records: [JournalRecord], component: String) {
        self.records = records
        self.component = component
    }

    func record(_ record: JournalRecord) {
        if record.kind == .sent && record.from == component { said.append(record) }
    }

    /// A delivery or a birth begins: what is sent next is what follows record `index`.
    func begin(at index: Int) { cue = index + 1 }

    func nextOutcome() -> Delivery {
        while cue < records.count {
            let record = records[cue]
            if record.kind == .delivered || record.kind == .ended { break }
            cue += 1
            if record.kind == .sent { return record.rejection.map { .rejected($0) } ?? .accepted }
        }
        return .accepted
    }

    func compare(_ expected: JournalRecord, at index: Int) -> ReplayReport.Difference? {
        guard saidCount < said.count else {
            return .init(
                index: index,
                time: expected.time,
                expected: Replay.describe(expected),
                got: "nothing"
            )
        }
        let got = said[saidCount]
        saidCount += 1
        if saidCount == said.count {
            said.removeAll()
            saidCount = 0
        }
        guard
            got.to != expected.to || got.messageName != expected.messageName
                || got.bytes != expected.bytes
        else { return nil }
        return .init(
            index: index,
            time: expected.time,
            expected: Replay.describe(expected),
            got: Replay.describe(got)
        )
    }

    /// What was said although the journal has no more of it before record `index`.
    func surplus(before index: Int) -> ReplayReport.Difference? {
        guard saidCount < said.count else { return nil }
        let got = said[saidCount]
        return .init(index: index, time: got.time, expected: "nothing", got: Replay.describe(got))
    }
}
