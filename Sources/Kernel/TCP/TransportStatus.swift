// SPDX-License-Identifier: Apache-2.0
internal import OrderedCollections

/// What a transport tells about itself: who is connected, and what was refused.
package struct TransportStatus: Sendable {
    /// The latest refusals that are kept.
    package static let keptCountMax = 64

    /// A connection that was refused, or a session that ended.
    package struct Ending: Sendable, Hashable {
        /// The other end, as the log names it.
        package var peer: String
        /// Why.
        package var refusal: Refusal
    }

    /// The peers with a session, in the order in which the sessions began.
    package var connected: [String] { Array(sessions) }
    private var sessions: OrderedSet<String> = []
    private var endingCounts: OrderedDictionary<String, Int> = [:]
    /// The latest of them, oldest first.
    package private(set) var latestEndings: [Ending] = []

    /// Connections that ended for that reason.
    package func endingCount(_ code: Refusal.Code) -> Int { endingCounts[code.rawValue] ?? 0 }

    mutating func begin(_ peer: String) { sessions.append(peer) }

    mutating func end(_ peer: String) { sessions.remove(peer) }

    mutating func count(_ refusal: Refusal, _ peer: String) {
        // Codes that a peer made up share one counter, so that it cannot make this table grow.
        let isKnown = endingCounts[refusal.code.rawValue] != nil || endingCounts.count < 32
        endingCounts[isKnown ? refusal.code.rawValue : "other", default: 0] += 1
        if latestEndings.count == Self.keptCountMax { latestEndings.removeFirst() }
        latestEndings.append(Ending(peer: peer, refusal: refusal))
    }
}
