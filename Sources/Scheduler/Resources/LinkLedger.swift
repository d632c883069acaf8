// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// Who takes what of the cards between hosts: every move of a sector's files that is under way is a lease of
/// the card that sends and of the card that receives, given once and given back once.
///
/// A finished sector that leaves its host for a store which is chosen only then takes of the card that sends
/// alone (``Departure``).
///
/// A card is limited twice: by a number of moves, and where its rate is known by what they take of it in a
/// second. Sending and receiving are accounts of their own. A move has the number of the call for whose sake
/// it runs.
package struct LinkLedger: Sendable {
    /// The card of one host, as a move sees it.
    package struct Card: Sendable, Hashable {
        /// The host's index in ``ClusterView/hosts``, and its name for those who read.
        package let host: Int
        package let name: String
        /// All that it gives in a second; 0 where that is not known, so that the number alone limits.
        package let bytesPerSecond: UInt64
        package let countMax: Int

        package init(host: Int, name: String, bytesPerSecond: UInt64, countMax: Int) {
            self.host = host
            self.name = name
            self.bytesPerSecond = bytesPerSecond
            self.countMax = countMax
        }
    }

    /// What a move takes.
    package struct Share: Sendable, Hashable {
        package let source: Card
        package let target: Card
        package let bytesPerSecond: UInt64

        package init(from source: Card, to target: Card, bytesPerSecond: UInt64) {
            self.source = source
            self.target = target
            self.bytesPerSecond = bytesPerSecond
        }
    }

    /// What a finished sector takes that leaves for a store.
    package struct Departure: Sendable, Hashable {
        package let source: Card
        package let bytesPerSecond: UInt64

        package init(from source: Card, bytesPerSecond: UInt64) {
            self.source = source
            self.bytesPerSecond = bytesPerSecond
        }
    }

    /// What is taken of one direction of a card.
    private struct Account: Sendable, Equatable {
        var count = 0
        var used: UInt64 = 0

        mutating func take(_ card: Card, _ rate: UInt64) {
            count += 1
            if card.bytesPerSecond > 0 { used += rate }
        }

        mutating func giveBack(_ card: Card, _ rate: UInt64) {
            count -= 1
            if card.bytesPerSecond > 0 { used -= rate }
        }

        /// Says why a further move may not begin; `nil` where it may. A card that is idle takes any.
        func check(_ card: Card, _ rate: UInt64) -> Refusal? {
            if count >= card.countMax { return Refusal(.link, card.name, needed: Double(card.countMax)) }
            guard card.bytesPerSecond > 0, used > 0 else { return nil }
            let free = card.bytesPerSecond - min(card.bytesPerSecond, used)
            guard rate > free else { return nil }
            return Refusal(.bandwidth, card.name, needed: Double(rate), free: Double(free))
        }
    }

    private struct Move: Sendable {
        let share: Share
        /// It ran already when it was noted: the limits did not apply.
        let isForced: Bool
    }

    /// By the index of the host.
    private var sending: [Account] = []
    private var receiving: [Account] = []
    private var moves = NumberTable<Move>()
    private var departures = NumberTable<(departure: Departure, isForced: Bool)>()

    package init() {}

    package var moveCount: Int { moves.count }

    package func holds(_ id: UInt64) -> Bool { moves[id] != nil }

    /// Moves whose numbers are not among `calls`.
    func count(without isCall: (UInt64) -> Bool) -> Int { moves.keys.reduce(0) { $0 + (isCall($1) ? 0 : 1) } }

    /// Moves that go out from a host, and those that come in.
    package func sendingCount(_ host: Int) -> Int { host < sending.count ? sending[host].count : 0 }
    package func receivingCount(_ host: Int) -> Int { host < receiving.count ? receiving[host].count : 0 }

    /// Bytes a second that are taken of a host's card.
    package func sendingBytesUsed(_ host: Int) -> UInt64 { host < sending.count ? sending[host].used : 0 }
    package func receivingBytesUsed(_ host: Int) -> UInt64 {
        host < receiving.count ? receiving[host].used : 0
    }

    /// Says why a move may not begin; `nil` where it may.
    package func check(_ share: Share) -> Refusal? {
        let (from, to) = (share.source.host, share.target.host)
        let source = from < sending.count ? sending[from] : Account()
        let target = to < receiving.count ? receiving[to] : Account()
        return source.check(share.source, share.bytesPerSecond)
            ?? target.check(share.target, share.bytesPerSecond)
    }

    /// Takes what a move takes.
    ///
    /// - Parameters:
    ///   - id: the call's number.
    ///   - force: the move is under way already, so that it takes what it takes whatever the limits say.
    /// - Throws: ``Refusal``.
    package mutating func lease(_ id: UInt64, _ share: Share, force: Bool = false) throws(Refusal) {
        precondition(moves[id] == nil, "the move of call \(id) holds a lease already")
        let refusal = check(share)
        if let refusal, !force { throw refusal }
        makeRoom(max(share.source.host, share.target.host))
        sending[share.source.host].take(share.source, share.bytesPerSecond)
        receiving[share.target.host].take(share.target, share.bytesPerSecond)
        moves[id] = Move(share: share, isForced: refusal != nil)
    }

    /// Gives back what a move takes.
    ///
    /// - Returns: `false` where it takes nothing: it was given back before, or never taken.
    @discardableResult
    package mutating func release(_ id: UInt64) -> Bool {
        guard let share = moves.removeValue(forKey: id)?.share else { return false }
        sending[share.source.host].giveBack(share.source, share.bytesPerSecond)
        receiving[share.target.host].giveBack(share.target, share.bytesPerSecond)
        return true
    }

    // MARK: Departures

    package func isLeaving(_ id: UInt64) -> Bool { departures[id] != nil }

    /// Says why a finished sector may not leave; `nil` where it may.
    package func check(_ departure: Departure) -> Refusal? {
        let host = departure.source.host
        let account = host < sending.count ? sending[host] : Account()
        return account.check(departure.source, departure.bytesPerSecond)
    }

    /// Takes what a departure takes.
    ///
    /// - Throws: ``Refusal``.
    package mutating func depart(
        _ id: UInt64, _ departure: Departure, force: Bool = false
    ) throws(Refusal) {
        precondition(departures[id] == nil, "what call \(id) sends away holds a lease already")
        let refusal = check(departure)
        if let refusal, !force { throw refusal }
        makeRoom(departure.source.host)
        sending[departure.source.host].take(departure.source, departure.bytesPerSecond)
        departures[id] = (departure, refusal != nil)
    }

    /// Gives back what a departure takes; one that takes nothing is no error.
    package mutating func endDeparture(_ id: UInt64) {
        guard let departure = departures.removeValue(forKey: id)?.departure else { return }
        sending[departure.source.host].giveBack(departure.source, departure.bytesPerSecond)
    }

    private mutating func makeRoom(_ host: Int) {
        while sending.count <= host {
            sending.append(Account())
            receiving.append(Account())
        }
    }

    // MARK: Conservation

    /// Says which departure is of no running call; `nil` where all are.
    func strayDeparture(_ isRunning: (UInt64) -> Bool) -> String? {
        departures.keys.sorted().first { !isRunning($0) }.map { "call \($0) is over and sends still" }
    }

    /// Says where a card differs from the sum of its moves, or is overdrawn by others than what ran already;
    /// `nil` where all are right.
    package func brokenAccount() -> String? {
        let empty = Array(repeating: Account(), count: sending.count)
        var (sent, received) = (empty, empty)
        for move in moves.values {
            sent[move.share.source.host].take(move.share.source, move.share.bytesPerSecond)
            received[move.share.target.host].take(move.share.target, move.share.bytesPerSecond)
        }
        for known in departures.values {
            sent[known.departure.source.host].take(known.departure.source, known.departure.bytesPerSecond)
        }
        guard sent == sending, received == receiving else { return "a link is not the sum of its moves" }
        let leaving = departures.values.map { ($0.departure.source, $0.isForced) }
        return overdrawn(sending, moves.values.map { ($0.share.source, $0.isForced) } + leaving)
            ?? overdrawn(receiving, moves.values.map { ($0.share.target, $0.isForced) })
    }

    /// Says which card gives more than it has. What its host told of it may have changed since a move began.
    private func overdrawn(_ accounts: [Account], _ users: [(card: Card, isForced: Bool)]) -> String? {
        for host in accounts.indices where accounts[host].used > 0 {
            let here = users.filter { $0.card.host == host }
            let most = here.map(\.card.bytesPerSecond).max() ?? 0
            let ratedCount = here.count { $0.card.bytesPerSecond > 0 }
            guard accounts[host].used > most, ratedCount > 1, !here.contains(where: \.isForced) else {
                continue
            }
            return "the link of host \(host) is overdrawn"
        }
        return nil
    }
}
