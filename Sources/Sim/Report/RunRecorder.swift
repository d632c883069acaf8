// SPDX-License-Identifier: Apache-2.0
private import Chain
package import Kernel
internal import Scheduler

/// What a picture of a run needs besides its statistics: levels over time, waits, and the tasks of a window.
/// Its size is bounded, whatever the length of the run.
package final class RunRecorder {
    /// One task on one worker.
    package struct Span: Sendable, Hashable {
        package var stage: Int
        package var sector: UInt64
        package var attempt: Int
        /// `group/host/workers/instance`.
        package var worker: String
        package var begin: Instant
        package var end: Instant
        package var isDone: Bool
    }

    /// A level summed up in equal pieces of time.
    package struct Series: Sendable {
        private var level = 0.0
        private var since = 0.0
        private var sums: [Double]
        private let width: Double

        init(count: Int, width: Double) {
            sums = Array(repeating: 0, count: count)
            self.width = width
        }

        mutating func change(by amount: Double, at now: Double) {
            settle(now)
            level += amount
        }

        mutating func reset(at now: Double) { change(by: -level, at: now) }

        private mutating func settle(_ now: Double) {
            var from = since
            since = max(since, now)
            guard level != 0 else { return }
            while from < now {
                let index = Int(from / width)
                guard index < sums.count else { return }
                // The piece's end, moved on where rounding would hold it in place.
                let to = max(min(now, Double(index + 1) * width), from.nextUp)
                sums[index] += level * (to - from)
                from = to
            }
        }

        /// The mean level in each piece up to `now`; the last may be cut short.
        package func means(until now: Double) -> [Double] {
            var copy = self
            copy.settle(now)
            let count = min(sums.count, Int((now / width).rounded(.up)))
            return (0..<count).map { index in
                copy.sums[index] / max(1e-9, min(width, now - Double(index) * width))
            }
        }
    }

    package static let pieceCount = 240
    package static let spanCountMax = 20_000

    package let end: Instant
    /// The time whose tasks are kept one by one.
    package let window: (from: Instant, to: Instant)
    package private(set) var busy: [Series]
    package private(set) var waiting: [Series]
    package private(set) var spans: [Span] = []
    /// Tasks of the window for which there was no room.
    package private(set) var omittedSpanCount = 0
    /// From asking for a slot to getting it, after the warm-up, by stage.
    package private(set) var waits: [DurationHistogram]
    /// Time in each state of ``SectorState/allCases``, after the warm-up.
    package private(set) var dwells: [DurationHistogram]
    private let warmUp: Instant

    init(warmUp: Instant, end: Instant) {
        self.end = end
        self.warmUp = warmUp
        let from = warmUp < end ? warmUp : .zero
        window = (from, min(end, from + .seconds(86_400)))
        let width = max(1e-3, end.seconds / Double(Self.pieceCount))
        let empty = TaskType.allCases.map { _ in Series(count: Self.pieceCount, width: width) }
        busy = empty
        waiting = empty
        waits = TaskType.allCases.map { _ in DurationHistogram() }
        dwells = SectorState.allCases.map { _ in DurationHistogram() }
    }

    func queued(_ stage: Int, at now: Instant) { waiting[stage].change(by: 1, at: now.seconds) }

    /// One that waited since then has its slot.
    func granted(_ stage: Int, since: Instant, at now: Instant) {
        waiting[stage].change(by: -1, at: now.seconds)
        if now >= warmUp { waits[stage].add(nanoseconds: (now - since).nanoseconds) }
    }

    func assigned(_ stage: Int, at now: Instant) { busy[stage].change(by: 1, at: now.seconds) }

    func dropped(_ stage: Int, at now: Instant) { waiting[stage].change(by: -1, at: now.seconds) }

    func ended(_ id: TaskID, _ result: TaskResult?, on worker: String, since: Instant, at now: Instant) {
        busy[id.type.stage].change(by: -1, at: now.seconds)
        guard now >= window.from, since <= window.to else { return }
        guard spans.count < Self.spanCountMax else {
            omittedSpanCount += 1
            return
        }
        var isDone = false
        if case .done = result { isDone = true }
        spans.append(
            Span(
                stage: id.type.stage, sector: id.sector.number, attempt: Int(id.attempt), worker: worker,
                begin: since, end: now, isDone: isDone))
    }

    func left(_ state: SectorState, enteredAt since: Instant, at now: Instant) {
        if now >= warmUp { dwells[state.position].add(nanoseconds: (now - since).nanoseconds) }
    }

    func restarted(at now: Instant) {
        for stage in busy.indices {
            busy[stage].reset(at: now.seconds)
            waiting[stage].reset(at: now.seconds)
        }
    }
}

extension SimulatedCluster {
    /// Begins to record levels, waits and tasks, for a report with pictures; before the run.
    package func record(until end: Instant) -> RunRecorder {
        let recorder = RunRecorder(warmUp: metrics.warmUp, end: end)
        metrics.recorder = recorder
        return recorder
    }
}
