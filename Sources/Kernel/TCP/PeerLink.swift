// SPDX-License-Identifier: Apache-2.0
internal import Kernel
internal import NIOCore
internal import Synchronization

/// One peer: the frames that wait for it, and its session or the attempt to get one.
// Safety: `queue` is locked; everything else is touched only on the transport's event loop.
final class PeerLink: @unchecked Sendable {
    let name: String
    let queue: Mutex<OutboundQueue>
    var machine: LinkStateMachine
    var endpoint: Endpoint?
    /// The session.
    var session: Session?
    /// The handshake of the dial that is under way.
    var dial: Session?
    /// Tells the present dial from earlier ones, whose news is stale.
    var dialCount = 0
    var retry: Scheduled<Void>?

    init(name: String, endpoint: Endpoint?, options: TransportOptions) {
        self.name = name
        self.endpoint = endpoint
        queue = Mutex(OutboundQueue(limits: options.limits))
        machine = LinkStateMachine(
            localName: options.nodeName, peerName: name, hasAddress: endpoint != nil,
            limits: options.limits, seed: options.seed)
    }
}

/// The links by their peers' names; read by every sender.
struct LinkDirectory {
    var links: [String: PeerLink] = [:]
    var isOpen = true
}
