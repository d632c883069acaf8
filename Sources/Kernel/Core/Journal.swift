// SPDX-License-Identifier: Apache-2.0

/// One entry of a journal: a message delivered to a component, a message it sent, or its birth.
public struct JournalRecord: Sendable, Hashable {
    /// What the entry is about.
    public enum Kind: Int, Sendable, Hashable, Codable, CaseIterable {
        /// A component came to life at `to`; the bytes are the CBOR array [world's seed, incarnation] from
        /// which its stream of chance derives.
        case spawned = 0
        /// A message was delivered to `to`.
        case delivered = 1
        /// `from` told a message to `to` while it handled the delivery before.
        case sent = 2
        /// A component at `to` stopped or was made anew.
        case ended = 3
    }

    /// When it happened.
    public let time: Instant
    /// What happened.
    public let kind: Kind
    /// The sender's address, empty where unknown.
    public let from: String
    /// The recipient's address.
    public let to: String
    /// The message type's wire name.
    public let messageName: String
    /// The message's wire form.
    public let bytes: [UInt8]
    /// Of a message sent: why it was refused on the spot; `nil` where it was accepted.
    public let rejection: DeadLetterReason?

    /// Makes a record of its parts.
    public init(
        time: Instant, kind: Kind, from: String, to: String, messageName: String, bytes: [UInt8],
        rejection: DeadLetterReason? = nil
    ) {
        self.time = time
        self.kind = kind
        self.from = from
        self.to = to
        self.messageName = messageName
        self.bytes = bytes
        self.rejection = rejection
    }

    /// Makes the record of a birth.
    static func spawned(
        _ address: Address, at time: Instant, messageName: String, seed: UInt64, incarnation: UInt64
    ) -> JournalRecord {
        var writer = WireWriter()
        writer.writeArrayHead(count: 2)
        writer.write(seed)
        writer.write(incarnation)
        return JournalRecord(
            time: time, kind: .spawned, from: "", to: address.description, messageName: messageName,
            bytes: writer.bytes)
    }
}

/// Where a world writes its journal; called on the world's own threads, so it must be quick or buffer.
public protocol JournalSink: AnyObject, Sendable {
    /// Takes one record.
    func record(_ record: JournalRecord)
}
