// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// The kinds of frames by their numbers on the wire; a number is never used again for another kind.
package enum FrameKind {
    /// The number of ``Frame/hello(_:)``.
    package static let hello: UInt64 = 1
    /// The number of ``Frame/welcome(_:)``.
    package static let welcome: UInt64 = 2
    /// The number of ``Frame/refuse(_:)``.
    package static let refuse: UInt64 = 3
    /// The number of ``Frame/envelope(to:from:messageName:payload:)``.
    package static let envelope: UInt64 = 4
    /// The number of ``Frame/undeliverable(to:from:messageName:reason:)``.
    package static let undeliverable: UInt64 = 5
    /// The number of ``Frame/ping(_:)``.
    package static let ping: UInt64 = 6
    /// The number of ``Frame/pong(_:)``.
    package static let pong: UInt64 = 7
    /// The number of ``Frame/goodbye(_:)``.
    package static let goodbye: UInt64 = 8
    /// The number of ``Frame/unknownKind(_:)``.
    package static let unknownKind: UInt64 = 9
}

/// What two nodes say to each other: a CBOR array of the kind's number and the kind's fields,
/// behind its length as four bytes, big end first.
///
/// Addresses are only names here: a session joins two nodes whose names the handshake has settled,
/// so nobody can write a message in a third node's name.
package enum Frame: Sendable, Hashable {
    /// The dialer's first frame. Its leading fields keep their places in all versions.
    case hello(Hello)
    /// The acceptor's answer to a hello that it likes.
    case welcome(Welcome)
    /// The acceptor's answer to a hello that it does not like; it then closes.
    case refuse(Refusal)
    /// A message for a component.
    case envelope(to: String, from: String?, messageName: String, payload: [UInt8])
    /// An envelope came, but nobody handles it.
    case undeliverable(to: String, from: String?, messageName: String, reason: DeadLetterReason)
    /// A sign of life that wants an answer.
    case ping(UInt64)
    /// The answer, with the ping's number.
    case pong(UInt64)
    /// The sender ends the session on purpose.
    case goodbye(String)
    /// The answer to a frame of a kind that the sender does not know.
    case unknownKind(UInt64)
    /// A frame of a kind that is not known here.
    case unknown(kind: UInt64)

    /// Who dials, and what it speaks.
    package struct Hello: Sendable, Hashable {
        /// The newest protocol version that the dialer speaks.
        package var version: UInt64
        /// The oldest one.
        package var versionMin: UInt64
        /// The dialer's node name.
        package var nodeName: String
        /// The node that the dialer thinks it reached.
        package var target: String
        /// Tells the dialer's process from an earlier one of the same name.
        package var incarnation: UInt64
        /// How many sessions the dialer's process has seen end.
        package var epoch: UInt64
        /// The dialer's token.
        package var token: String
        /// The longest frame that the dialer reads, in bytes.
        package var frameBytesMax: UInt64

        /// Makes a hello of its fields.
        package init(
            version: UInt64, versionMin: UInt64, nodeName: String, target: String, incarnation: UInt64,
            epoch: UInt64, token: String, frameBytesMax: UInt64
        ) {
            self.version = version
            self.versionMin = versionMin
            self.nodeName = nodeName
            self.target = target
            self.incarnation = incarnation
            self.epoch = epoch
            self.token = token
            self.frameBytesMax = frameBytesMax
        }
    }

    /// Who was reached.
    package struct Welcome: Sendable, Hashable {
        /// The protocol version of the session.
        package var version: UInt64
        /// The acceptor's node name.
        package var nodeName: String
        /// Tells the acceptor's process from an earlier one of the same name.
        package var incarnation: UInt64
        /// How many sessions the acceptor's process has seen end.
        package var epoch: UInt64
        /// The acceptor's token.
        package var token: String
        /// The longest frame that the acceptor reads, in bytes.
        package var frameBytesMax: UInt64

        /// Makes a welcome of its fields.
        package init(
            version: UInt64, nodeName: String, incarnation: UInt64, epoch: UInt64, token: String,
            frameBytesMax: UInt64
        ) {
            self.version = version
            self.nodeName = nodeName
            self.incarnation = incarnation
            self.epoch = epoch
            self.token = token
            self.frameBytesMax = frameBytesMax
        }
    }

    // Longest texts that frames carry, in bytes.
    static let messageNameBytesMax = 256
    static let tokenBytesMax = 4_096
    static let reasonBytesMax = 1_024
}

/// Why a connection was not made a session, or why a session ended badly.
package struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// A kind of refusal; an open set, so that newer peers may have more.
    package struct Code: RawRepresentable, Sendable, Hashable {
        /// The code's name on the wire.
        package let rawValue: String
        /// Makes a code of its name.
        package init(rawValue: String) { self.rawValue = rawValue }

        /// The two nodes have no protocol version in common.
        package static let version = Code(rawValue: "version")
        /// The token is not one of this cluster's.
        package static let badToken = Code(rawValue: "badToken")
        /// Another node was meant, or another one answered.
        package static let wrongNode = Code(rawValue: "wrongNode")
        /// The two nodes have, or are about to have, another session.
        package static let duplicate = Code(rawValue: "duplicate")
        /// As many nodes are known, or as many handshakes under way, as may be.
        package static let tooManyPeers = Code(rawValue: "tooManyPeers")
        /// The bytes are no frame, or not the frame that was due.
        package static let malformed = Code(rawValue: "malformed")
        /// A frame is longer than its bound.
        package static let frameTooLarge = Code(rawValue: "frameTooLarge")
        /// The handshake did not end in time.
        package static let handshakeTimeout = Code(rawValue: "handshakeTimeout")
        /// TLS failed.
        package static let tls = Code(rawValue: "tls")
        /// The address is not this machine's own and there is no TLS.
        package static let notLoopback = Code(rawValue: "notLoopback")
        /// The peer was silent for too long.
        package static let silent = Code(rawValue: "silent")
        /// The connection failed or was closed.
        package static let closed = Code(rawValue: "closed")
        /// A newer session of the same peer took the place.
        package static let replaced = Code(rawValue: "replaced")
        /// One of the nodes ends the session on purpose.
        package static let goodbye = Code(rawValue: "goodbye")
    }

    /// The kind of refusal.
    package var code: Code
    /// What was wrong, for a person.
    package var message: String

    /// Makes a refusal.
    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    /// The message with its code.
    package var description: String { "\(message) [\(code.rawValue)]" }
}
