// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
private import OrderedCollections

/// What a sector has to say to the chain, and until when.
package struct BatchItem: Sendable, Hashable, Codable {
    package enum Payload: Sendable, Hashable, Codable {
        case preCommit(SectorPreCommit)
        case commit(SectorProveCommit)
        case terminate(SectorKey)
    }

    package var payload: Payload
    /// The last epoch at which the message may land; `nil` where nothing presses.
    package var cutoffEpoch: Int64?
    /// It may be on the chain already, from before a restart: looked up before it is sent.
    package var mayBeSent: Bool

    package init(_ payload: Payload, cutoffEpoch: Int64?, mayBeSent: Bool) {
        self.payload = payload
        self.cutoffEpoch = cutoffEpoch
        self.mayBeSent = mayBeSent
    }

    package var key: SectorKey {
        switch payload {
        case .preCommit(let message): message.key
        case .commit(let message): message.key
        case .terminate(let key): key
        }
    }

    package var kind: BatchKind {
        switch payload {
        case .preCommit: .preCommit
        case .commit: .commit
        case .terminate: .terminate
        }
    }
}

/// Gathers sectors into messages of one kind: a pure value that is told the time.
///
/// A message leaves when it is full; when the first of its sectors has waited long enough; when the cutoff
/// of any
/// is nearer than the slack; when the base fee makes waiting pointless; or when a person says so. The time
/// of the
/// first arrival is never set anew: a steady trickle of sectors does not hold a message back.
package struct BatchLogic: Sendable {
    /// What to do now.
    package enum Decision: Sendable, Hashable {
        /// Nothing is gathered.
        case nothing
        /// Look again at that time, or when something happens.
        case wait(until: Instant, reason: String)
        /// Send these now.
        case send([SectorKey], reason: String)
    }

    /// What a refused message comes to.
    package enum Rejection: Sendable, Hashable {
        /// The name is not known.
        case unknown
        /// The chain cannot take it now: its sectors wait again, without blame.
        case later
        /// One of several is bad: each half is sent by itself.
        case split([BatchItem], [BatchItem])
        /// This one is bad.
        case alone(BatchItem)
    }

    private struct Pending: Sendable {
        var item: BatchItem
        let since: Instant
    }

    package struct Flight: Sendable {
        package var items: [BatchItem]
        /// When it was last sent.
        package var sentAt: Instant
        package var isAccepted = false
    }

    package let kind: BatchKind
    package let policy: BatchPolicy
    private var pending: OrderedDictionary<SectorKey, Pending> = [:]
    private var flights: OrderedDictionary<String, Flight> = [:]
    private var flightOf: [SectorKey: String] = [:]
    private var heldUntil: Instant?
    private var laterCount = 0
    package var forecast = FeeForecast()

    package init(_ kind: BatchKind, _ policy: BatchPolicy) {
        self.kind = kind
        self.policy = policy
    }

    package var pendingCount: Int { pending.count }
    package var flightCount: Int { flights.count }
    /// The gathered sectors with the time of their arrival, in order of arrival.
    package var pendingItems: [(item: BatchItem, since: Instant)] {
        pending.values.map { ($0.item, $0.since) }
    }

    package func isKnown(_ key: SectorKey) -> Bool { pending[key] != nil || flightOf[key] != nil }

    /// Takes a sector in; one that is under way already stays where it is.
    package mutating func add(_ item: BatchItem, at now: Instant) {
        guard flightOf[item.key] == nil else { return }
        pending[item.key] = Pending(item: item, since: pending[item.key]?.since ?? now)
    }

    /// Takes a sector out of what is being gathered; what has left cannot be taken back.
    package mutating func withdraw(_ key: SectorKey) { pending[key] = nil }

    // MARK: When

    /// When the message must leave: the first arrival's wait, or the earliest cutoff less the slack.
    package func deadline(_ clock: EpochClock?) -> Instant? {
        var first = pending.values.map(\.since).min().map { $0 + policy.wait }
        guard let clock else { return first }
        for cutoff in pending.values.compactMap(\.item.cutoffEpoch) {
            // One epoch for the landing, and one since the clock may be late by that much.
            let last = clock.instant(of: cutoff - 2).advanced(byNanoseconds: -policy.slack.nanoseconds)
            first = first.map { min($0, last) } ?? last
        }
        return first
    }

    /// Takes out the sectors whose cutoff no message can meet any more.
    package mutating func takeTooLate(at now: Instant, _ clock: EpochClock?) -> [BatchItem] {
        guard let clock else { return [] }
        let epoch = clock.epoch(at: now)
        let late = pending.values.map(\.item).filter { ($0.cutoffEpoch ?? .max) <= epoch }
        for item in late { pending[item.key] = nil }
        return late
    }

    package func decide(at now: Instant, _ clock: EpochClock?) -> Decision {
        guard !pending.isEmpty, let deadline = deadline(clock) else { return .nothing }
        if let heldUntil, now < heldUntil {
            return .wait(until: heldUntil, reason: "the chain could not take the latest message")
        }
        if deadline <= now { return send("the time of its first sector is up") }
        let isFull = pending.count >= policy.countMax
        guard let threshold = policy.baseFeeThreshold, policy.countMax > 1 else {
            if isFull { return send("it is full") }
            return .wait(until: deadline, reason: "\(pending.count) of \(policy.countMax) sectors")
        }
        let look = min(deadline, now + policy.feeInterval)
        guard let fee = forecast.latest else {
            return .wait(until: look, reason: "the base fee is not known yet")
        }
        if fee <= threshold {
            if isFull { return send("it is full") }
            if pending.count >= policy.countMin {
                return send("the base fee \(fee) is not above \(threshold): company would save little")
            }
            return .wait(until: deadline, reason: "\(pending.count) of at least \(policy.countMin) sectors")
        }
        if isFull, !forecast.isWorthWaiting {
            return send("it is full, and the base fee \(fee) is in the lowest quarter of the day")
        }
        let hope = forecast.lowQuarter.map { "; a quarter of the day was at \($0) or below" } ?? ""
        return .wait(
            until: look, reason: "\(pending.count) sectors; the base fee \(fee) is above \(threshold)\(hope)")
    }

    private func send(_ reason: String) -> Decision {
        // Who must be there first goes first.
        let order = pending.values.enumerated().sorted {
            ($0.element.item.cutoffEpoch ?? .max, $0.offset) < (
                $1.element.item.cutoffEpoch ?? .max, $1.offset
            )
        }
        return .send(order.prefix(policy.countMax).map(\.element.item.key), reason: reason)
    }

    // MARK: Messages

    /// The sectors leave under a name.
    package mutating func depart(_ keys: [SectorKey], as name: String, at now: Instant) -> [BatchItem] {
        let items = keys.compactMap { pending.removeValue(forKey: $0)?.item }
        depart(items, as: name, at: now)
        return items
    }

    /// Sectors that are gathered no more leave under a name: the halves of a refused message.
    package mutating func depart(_ items: [BatchItem], as name: String, at now: Instant) {
        guard !items.isEmpty else { return }
        flights[name] = Flight(items: items, sentAt: now)
        for item in items { flightOf[item.key] = name }
    }

    /// The chain has the message; gives its sectors the first time.
    package mutating func accepted(_ name: String) -> [BatchItem] {
        guard let flight = flights[name], !flight.isAccepted else { return [] }
        flights[name]?.isAccepted = true
        laterCount = 0
        return flight.items
    }

    /// The message landed; gives its sectors.
    package mutating func landed(_ name: String) -> [BatchItem] { remove(name)?.items ?? [] }

    package mutating func rejected(_ name: String, _ refusal: ChainRefusal, at now: Instant) -> Rejection {
        guard let flight = remove(name) else { return .unknown }
        if refusal.isForNow {
            laterCount += 1
            heldUntil = now + min(.seconds(600), .seconds(30) * (1 << min(laterCount - 1, 10)))
            for item in flight.items { pending[item.key] = Pending(item: item, since: now) }
            return .later
        }
        guard flight.items.count > 1 else { return .alone(flight.items[0]) }
        let middle = flight.items.count / 2
        return .split(Array(flight.items[..<middle]), Array(flight.items[middle...]))
    }

    /// Messages without an answer for so long; they are to be sent again under the same name, which does no
    /// harm.
    package mutating func takeUnanswered(since limit: Instant, at now: Instant) -> [(String, [BatchItem])] {
        var found: [(String, [BatchItem])] = []
        for (name, flight) in flights where flight.sentAt <= limit {
            flights[name]?.sentAt = now
            found.append((name, flight.items))
        }
        return found
    }

    private mutating func remove(_ name: String) -> Flight? {
        guard let flight = flights.removeValue(forKey: name) else { return nil }
        for item in flight.items where flightOf[item.key] == name { flightOf[item.key] = nil }
        return flight
    }
}
