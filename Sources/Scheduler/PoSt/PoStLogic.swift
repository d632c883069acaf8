// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// Proves a miner's sectors deadline by deadline: a pure value. What happened goes in, what is to be done
/// comes out of ``advance(at:)``, and ``nextWake(after:)`` says when it wants to be asked again.
///
/// Nothing of it is stored: the chain is asked what it has before anything is sent, and tasks have names that
/// follow from what they are about. So a prover that is made anew goes on where the killed one was.
package struct PoStLogic: Sendable {
    /// As they fit the network's deadlines.
    package private(set) var options: PoStOptions
    private let wanted: PoStOptions
    /// `nil` until the chain has said when the miner's deadlines are.
    package private(set) var calendar: ProvingCalendar?
    /// The deadlines under way, the earliest first.
    package private(set) var runs: [PoStRun] = []
    /// How the latest deadlines ended, the last one last.
    package private(set) var history: [DeadlineReport] = []
    private var clock: EpochClock?
    private let epochDuration: Duration
    private var quietUntil: Instant?
    /// No question about deadlines of which nothing is known before this moment.
    private var calendarQuietUntil: Instant?
    private var toldAhead: [ProofsAhead] = []
    /// Openings of deadlines that need no more, and are not over.
    private var finished: [Int64] = []

    package init(_ options: PoStOptions, epochDuration: Duration) {
        self.options = options
        wanted = options
        self.epochDuration = epochDuration
    }

    // MARK: What happened

    /// The chain says when the miner's deadlines are.
    package mutating func proving(_ status: ProvingStatus, at now: Instant) {
        note(status.head, now)
        quietUntil = nil
        guard calendar?.period != status.period else { return }
        calendar = ProvingCalendar(period: status.period)
        options = wanted.fitted(to: status.period.parameters)
    }

    /// The chain says what it knows of sectors.
    package mutating func standings(_ standings: [ChainStanding]) {
        for index in runs.indices { runs[index].standings(standings) }
    }

    /// The chain says what it knows of a deadline.
    package mutating func deadline(_ status: DeadlineStatus, at now: Instant) {
        note(status.head, now)
        calendar?.note(status)
        guard let clock else { return }
        for index in runs.indices { runs[index].deadline(status, at: now, clock) }
    }

    package mutating func taskStarted(_ id: TaskID, worker: String, at now: Instant) {
        guard let index = run(of: id), let clock else { return }
        runs[index].taskStarted(id, worker: worker, now, clock.epoch(at: now))
    }

    package mutating func taskEnded(_ id: TaskID, _ result: TaskResult, at now: Instant) {
        guard let index = run(of: id), let clock, let name = PoStTasks.parse(id) else { return }
        if name.isCheck {
            runs[index].checkEnded(id, result, now, clock.epoch(at: now))
        } else {
            runs[index].taskEnded(id, result, now, clock.epoch(at: now))
        }
    }

    package mutating func accepted(_ name: String, at now: Instant) {
        guard let clock else { return }
        for index in runs.indices { runs[index].accepted(name, now, clock) }
    }

    package mutating func landed(_ name: String, epoch: Int64, at now: Instant) {
        guard let clock else { return }
        for index in runs.indices { runs[index].landed(name, epoch, now, clock.epoch(at: now)) }
    }

    package mutating func rejected(_ name: String, _ refusal: ChainRefusal, at now: Instant) {
        guard let clock else { return }
        for index in runs.indices { runs[index].rejected(name, refusal, now, clock.epoch(at: now)) }
    }

    private func run(of id: TaskID) -> Int? {
        guard let name = PoStTasks.parse(id) else { return nil }
        return runs.firstIndex { $0.times.open == name.open }
    }

    private mutating func note(_ head: Int64, _ now: Instant) {
        // The earliest moment at which an epoch was seen to have begun is the nearest to its beginning; an
        // answer that was on its way while an epoch ended is no news.
        if let clock, (head...head + 1).contains(clock.epoch(at: now)) { return }
        clock = EpochClock(epoch: head, at: now, duration: epochDuration)
    }

    // MARK: What is to be done

    package mutating func advance(at now: Instant) -> [PoStAction] {
        guard let clock, let calendar else {
            if let quietUntil, now < quietUntil { return [] }
            quietUntil = now + epochDuration * Int(options.askAgain)
            return [.askProving]
        }
        let epoch = clock.epoch(at: now)
        finished.removeAll { $0 + calendar.period.parameters.deadlineEpochs <= epoch }
        let daysAhead = calendar.ahead(from: epoch)
        for times in daysAhead where PoStRun.start(of: times, options) <= epoch {
            let isKnown = runs.contains { $0.times.open == times.open } || finished.contains(times.open)
            guard !isKnown else { continue }
            runs.append(
                PoStRun(times: times, options: options, parameters: calendar.period.parameters))
        }
        var actions = askCalendar(calendar, now)
        for index in runs.indices { actions += runs[index].advance(at: now, clock) }
        for run in runs where run.isFinished { finish(run) }
        runs.removeAll(where: \.isFinished)
        let ahead = proofsAhead(calendar, daysAhead, clock)
        if ahead != toldAhead {
            toldAhead = ahead
            actions.append(.tellAhead(ahead))
        }
        return actions
    }

    /// Asks for the deadlines of which nothing is known: after a start, all of the day.
    private mutating func askCalendar(_ calendar: ProvingCalendar, _ now: Instant) -> [PoStAction] {
        if let calendarQuietUntil, now < calendarQuietUntil { return [] }
        let unknown = calendar.unknown
        calendarQuietUntil = unknown.isEmpty ? nil : now + epochDuration * Int(options.askAgain)
        return unknown.map { .askDeadline($0) }
    }

    /// The proofs of the day ahead, without those that workers were asked for already.
    private func proofsAhead(
        _ calendar: ProvingCalendar, _ daysAhead: [DeadlineTimes], _ clock: EpochClock
    ) -> [ProofsAhead] {
        daysAhead.compactMap { times in
            guard let count = calendar.proofCounts[times.index], count > 0,
                !finished.contains(times.open),
                runs.first(where: { $0.times.open == times.open })?.randomness == nil
            else { return nil }
            return ProofsAhead(
                deadline: times.index,
                begin: clock.instant(of: times.challenge + options.challengeConfidence),
                due: clock.instant(of: times.close - options.sendMargin), count: count, proof: options.proof)
        }
    }

    private mutating func finish(_ run: PoStRun) {
        finished.append(run.times.open)
        guard let report = run.report else { return }
        history.append(report)
        if history.count > options.historyCountMax { history.removeFirst() }
    }

    /// The deadlines of the day ahead, the one that is open first; empty until the chain has answered.
    package func daysAhead(at now: Instant) -> [DeadlineTimes] {
        guard let clock, let calendar else { return [] }
        return calendar.ahead(from: clock.epoch(at: now))
    }

    /// When something may be to be done without anything having happened.
    package func nextWake(after now: Instant) -> Instant? {
        guard let clock, let calendar else { return quietUntil }
        let epoch = clock.epoch(at: now)
        let starts = calendar.ahead(from: epoch).map { PoStRun.start(of: $0, options) }
        let next = starts.first { $0 > epoch }.map { clock.instant(of: $0) }
        let asks = calendarQuietUntil.flatMap { $0 > now ? $0 : nil }
        return (runs.compactMap { $0.nextWake(after: now, clock) } + [next, asks].compactMap(\.self)).min()
    }
}
