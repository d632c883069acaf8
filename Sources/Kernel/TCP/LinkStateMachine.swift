// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// When to connect to one peer, and which of two connections to it becomes the session.
///
/// Two nodes that dial each other at once would have two sessions. The one that the node with the
/// smaller name dialed stays: that node refuses the other's hello as a duplicate while its own is
/// under way, and the other node drops its own dial when the hello comes. A hello that was sent
/// before a session began may arrive after it did; the epoch, which grows whenever a process sees a
/// session end, tells it from the hello of a peer that has lost the session while this node has not
/// noticed yet.
///
/// The machine holds no socket and no clock.
package struct LinkStateMachine: Sendable {
    /// What the owner does next.
    package enum Action: Sendable, Hashable {
        /// Connect.
        case dial
        /// Call ``retryDue()`` after this time.
        case retry(after: Duration)
        /// Nothing; there is no address to connect to.
        case rest
    }

    /// What a peer's hello leads to.
    package enum Verdict: Sendable, Hashable {
        /// Take it; end the present session first, and drop a dial that is under way.
        case accept(endsSession: Bool, dropsDial: Bool)
        /// Refuse it as a duplicate.
        case duplicate
    }

    /// Where a link stands.
    package enum Phase: Sendable, Hashable {
        /// No session, and nobody has asked for one.
        case idle
        /// A connection is being made.
        case dialing
        /// The connection is made, the hello is sent.
        case greeting
        /// The last attempt failed; the next one waits.
        case backingOff
        /// A session with that process of the peer, begun when it had seen so many sessions end.
        case up(incarnation: UInt64, epoch: UInt64)
    }

    /// Refusals as a duplicate in a row that are believed; further ones count as failures.
    static let duplicateCountMax = 8

    private let localName: String
    private let peerName: String
    private let delayMin: Duration
    private let delayMax: Duration
    private var random: RandomStream
    private var failureCount = 0
    private var duplicateCount = 0

    /// Whether the peer can be dialed.
    package var hasAddress: Bool
    /// Where the link stands.
    package private(set) var phase = Phase.idle

    /// Makes the machine of one peer.
    package init(
        localName: String, peerName: String, hasAddress: Bool, limits: TransportLimits, seed: UInt64
    ) {
        self.localName = localName
        self.peerName = peerName
        self.hasAddress = hasAddress
        delayMin = limits.reconnectDelayMin
        delayMax = limits.reconnectDelayMax
        random = RandomStream(seed: seed, name: peerName)
    }

    /// Someone sends to the peer.
    package mutating func wanted() -> Action {
        guard phase == .idle, hasAddress else { return .rest }
        phase = .dialing
        return .dial
    }

    /// The connection is made, the hello goes out.
    package mutating func greeted() {
        if phase == .dialing { phase = .greeting }
    }

    /// The dial led to no session; tells what follows and whether the peer counts as lost.
    package mutating func dialFailed(_ code: Refusal.Code) -> (Action, isLoss: Bool) {
        guard phase == .dialing || phase == .greeting else { return (.rest, false) }
        if code == .duplicate, duplicateCount < Self.duplicateCountMax {
            duplicateCount += 1
            return (backOff(), false)
        }
        duplicateCount = 0
        failureCount += 1
        return (backOff(), true)
    }

    /// The session ended; `wasStable` where it lasted long enough to forget earlier failures.
    package mutating func sessionEnded(wasStable: Bool) -> Action {
        guard case .up = phase else { return .rest }
        failureCount = wasStable ? 0 : failureCount + 1
        return backOff()
    }

    /// The time of a ``Action/retry(after:)`` is over.
    package mutating func retryDue() -> Action {
        guard phase == .backingOff else { return .rest }
        guard hasAddress else {
            phase = .idle
            return .rest
        }
        phase = .dialing
        return .dial
    }

    /// The peer says hello on a connection that it made.
    package func judge(incarnation: UInt64, epoch: UInt64) -> Verdict {
        switch phase {
        case .idle, .backingOff: return .accept(endsSession: false, dropsDial: false)
        case .dialing: return .accept(endsSession: false, dropsDial: true)
        case .greeting:
            return localName < peerName ? .duplicate : .accept(endsSession: false, dropsDial: true)
        case .up(let known, let since):
            return known != incarnation || epoch > since
                ? .accept(endsSession: true, dropsDial: false) : .duplicate
        }
    }

    /// A session begins.
    package mutating func sessionBegan(incarnation: UInt64, epoch: UInt64) {
        duplicateCount = 0
        phase = .up(incarnation: incarnation, epoch: epoch)
    }

    private mutating func backOff() -> Action {
        guard hasAddress else {
            phase = .idle
            return .rest
        }
        phase = .backingOff
        var delay = delayMin
        var doublings = failureCount - 1
        while doublings > 0 && delay < delayMax {
            delay *= 2
            doublings -= 1
        }
        // Half of the delay is chance, so that nodes that lost the same peer do not come back as one.
        return .retry(after: min(delay, delayMax) * (0.5 + 0.5 * random.uniform()))
    }
}
