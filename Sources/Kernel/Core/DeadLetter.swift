// SPDX-License-Identifier: Apache-2.0

/// Why a message was not handled.
public enum DeadLetterReason: String, Sendable, Hashable, Codable, CaseIterable {
    /// Nothing lives at the address.
    case noRecipient
    /// The recipient was stopped before its turn came.
    case stopped
    /// The recipient's mailbox was full.
    case mailboxFull
    /// The recipient threw while handling it.
    case failed
    /// The node was killed while the message waited there.
    case nodeKilled
    /// The link lost it, or its session ended while it was under way.
    case linkLost
    /// The queue toward the peer was full: the peer or the path is slower than the sender.
    case congested
    /// The recipient does not understand this kind of message.
    case notUnderstood
    /// The peer is not allowed to send it.
    case forbidden
    /// The message has no wire form or is larger than a frame.
    case notEncodable
}

/// A message that nobody handled, as the log and the tests see it.
public struct DeadLetter: Sendable, Hashable {
    /// When it was given up.
    public let time: Instant
    /// The sender, where known.
    public let from: String
    /// The place it was meant for.
    public let to: String
    /// Its type's wire name.
    public let messageName: String
    /// Why it was given up.
    public let reason: DeadLetterReason
}

/// Counts dead letters by reason and keeps the latest ones.
public struct DeadLetterLog: Sendable {
    /// The latest letters that are kept.
    public static let keptCountMax = 256

    private var counts: [Int] = Array(repeating: 0, count: DeadLetterReason.allCases.count)
    private var ring: [DeadLetter] = []
    private var next = 0

    /// All dead letters so far.
    public var count: Int { counts.reduce(0, +) }

    /// Dead letters so far for one reason.
    public func count(of reason: DeadLetterReason) -> Int {
        DeadLetterReason.allCases.firstIndex(of: reason).map { counts[$0] } ?? 0
    }

    /// The latest letters, oldest first.
    public var latest: [DeadLetter] { Array(ring[next...] + ring[..<next]) }

    mutating func record(_ letter: DeadLetter) {
        if let index = DeadLetterReason.allCases.firstIndex(of: letter.reason) { counts[index] += 1 }
        if ring.count < Self.keptCountMax {
            ring.append(letter)
        } else {
            ring[next] = letter
            next = (next + 1) % Self.keptCountMax
        }
    }

    init() {}
}
