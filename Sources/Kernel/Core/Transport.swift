// SPDX-License-Identifier: Apache-2.0

/// A message between two nodes, as a transport carries it.
public struct Envelope: Sendable, Hashable {
    /// The recipient.
    public var to: Address
    /// The sender; `nil` where the message comes from outside all components.
    public var from: Address?
    /// The message type's wire name.
    public var messageName: String
    /// The message's wire form.
    public var payload: [UInt8]

    /// Makes an envelope of its parts.
    public init(to: Address, from: Address?, messageName: String, payload: [UInt8]) {
        self.to = to
        self.from = from
        self.messageName = messageName
        self.payload = payload
    }
}

/// Moves envelopes between nodes: at most once, in order within a session.
///
/// The other direction is ``TransportReceiver``, which the live world implements.
public protocol Transport: AnyObject, Sendable {
    /// Sends an envelope toward its node, connecting where needed; never waits.
    ///
    /// - Returns: `.accepted` where it is queued, or why not (`congested`, `noRecipient`, `linkLost`).
    func send(_ envelope: Envelope) -> Delivery

    /// Ends all sessions and gives all resources back.
    func shutDown()
}

/// What a transport tells its world. Calls for one peer come one after another.
public protocol TransportReceiver: AnyObject, Sendable {
    /// An envelope came from a peer of that name and permission.
    ///
    /// - Returns: `nil`, or why nobody handles it; the transport then answers the peer with an undeliverable
    ///   notice.
    func arrived(_ envelope: Envelope, peer: String, permission: Permission) -> DeadLetterReason?

    /// The peer could not deliver what this node sent to `to` on behalf of `from`.
    func bounced(to: Address, from: Address?, messageName: String, reason: DeadLetterReason)

    /// A session with a peer began.
    func peerConnected(_ peer: String)

    /// A session with a peer ended, or could not be made.
    func peerLost(_ peer: String)

    /// Tells whether mailboxes here are so full that the transport should stop reading for now.
    var isCongested: Bool { get }
}
