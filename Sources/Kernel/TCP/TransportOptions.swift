// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// A host and a port.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// A host name or an IP address.
    package var host: String
    /// A TCP port; 0 lets the system choose one to listen on.
    package var port: Int

    /// Makes an endpoint of its parts.
    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Parses `host:port` or `[IPv6]:port`; `nil` where the text is neither.
    package init?(parsing text: String) {
        guard text.utf8.count <= 300, let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: port)
    }

    /// The text form, with an IPv6 address in brackets.
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// How the bytes between two nodes are protected.
package enum TransportSecurity: Sendable, Hashable {
    /// Not at all; refused for any address but this machine's own.
    case plaintextLoopback
    /// TLS 1.3 with certificates on both sides, all signed by the cluster's authority.
    case tls(TLSFiles)
}

/// The PEM files that a node needs for TLS, as ``ClusterCertificates`` writes them.
package struct TLSFiles: Sendable, Hashable {
    /// The node's certificate.
    package var certificatePath: String
    /// The certificate's private key.
    package var keyPath: String
    /// The authorities that a peer's certificate may be signed by.
    package var trustRootsPath: String

    /// Names the three files.
    package init(certificatePath: String, keyPath: String, trustRootsPath: String) {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.trustRootsPath = trustRootsPath
    }
}

/// Bounds on everything that a peer or a slow path could make grow, and the transport's times.
package struct TransportLimits: Sendable, Hashable {
    /// The longest frame, in bytes, that is sent or received.
    package var frameBytesMax = 16 << 20
    /// The longest frame, in bytes, before a peer has proved who it is.
    package var handshakeFrameBytesMax = 64 << 10
    /// Nodes that may be known at once.
    package var peerCountMax = 1_024
    /// Accepted connections that have not finished their handshake.
    package var handshakesInFlightMax = 128
    /// Bytes that may wait for one peer, in the queue and in the channel together.
    package var outboundBytesMax = 32 << 20
    /// Time from connection to the end of the handshake.
    package var handshakeTimeout = Duration.seconds(5)
    /// Time between two signs of life.
    package var heartbeatInterval = Duration.seconds(2)
    /// Time without any byte from a peer after which it counts as lost.
    package var silenceMax = Duration.seconds(10)
    /// Time before the first new attempt to connect.
    package var reconnectDelayMin = Duration.milliseconds(100)
    /// Time between two attempts to connect that is never exceeded.
    package var reconnectDelayMax = Duration.seconds(10)
    /// Time between two looks at a congested world, while its sockets are not read.
    package var congestionPause = Duration.milliseconds(5)

    /// Makes the default limits; assign the fields to change them.
    package init() {}

    func check() throws(TransportError) {
        func demand(_ holds: Bool, _ what: String) throws(TransportError) {
            if !holds { throw TransportError(code: .badOption, message: "transport limits: \(what)") }
        }
        try demand((1_024...(1 << 30)).contains(frameBytesMax), "frameBytesMax must be 1 KiB to 1 GiB")
        try demand(
            (1_024...frameBytesMax).contains(handshakeFrameBytesMax),
            "handshakeFrameBytesMax must be 1 KiB to frameBytesMax")
        try demand(peerCountMax > 0, "peerCountMax must be positive")
        try demand(handshakesInFlightMax > 0, "handshakesInFlightMax must be positive")
        try demand(outboundBytesMax >= 4_096, "outboundBytesMax must be at least 4 KiB")
        try demand(handshakeTimeout > .zero, "handshakeTimeout must be positive")
        try demand(heartbeatInterval > .zero, "heartbeatInterval must be positive")
        try demand(silenceMax > heartbeatInterval, "silenceMax must exceed heartbeatInterval")
        try demand(
            reconnectDelayMin > .zero && reconnectDelayMax >= reconnectDelayMin,
            "reconnectDelayMin must be positive and not above reconnectDelayMax")
        try demand(congestionPause > .zero, "congestionPause must be positive")
    }
}

/// What a ``TCPTransport`` is made with.
package struct TransportOptions: Sendable {
    /// A node and where it listens.
    package struct Peer: Sendable, Hashable {
        /// The node's name.
        package var name: String
        /// Where it listens.
        package var endpoint: Endpoint

        /// Makes an entry of the address book.
        package init(name: String, endpoint: Endpoint) {
            self.name = name
            self.endpoint = endpoint
        }
    }

    /// This node's name, unique in the cluster.
    package var nodeName: String
    /// Where to listen; `nil` for a node that only dials.
    package var listen: Endpoint?
    /// The address book at the start.
    package var peers: [Peer]
    /// The token that this node shows to its peers.
    package var token: String
    /// Checks the tokens that peers show.
    package var authority: TokenAuthority
    /// How the bytes are protected.
    package var security: TransportSecurity
    /// Bounds and times.
    package var limits: TransportLimits
    /// Seeds the jitter of attempts to connect.
    package var seed: UInt64
    /// Tells this process from an earlier one of the same name; the wall clock unless given.
    package var incarnation: UInt64

    /// Makes options; the node listens nowhere and knows nobody unless told.
    package init(
        nodeName: String, listen: Endpoint? = nil, peers: [Peer] = [], token: String,
        authority: TokenAuthority, security: TransportSecurity = .plaintextLoopback,
        limits: TransportLimits = TransportLimits(), seed: UInt64? = nil, incarnation: UInt64? = nil
    ) {
        let incarnation = incarnation ?? UInt64(bitPattern: SystemClock.wallNanoseconds)
        self.nodeName = nodeName
        self.listen = listen
        self.peers = peers
        self.token = token
        self.authority = authority
        self.security = security
        self.limits = limits
        self.incarnation = incarnation
        self.seed = seed ?? mixed(incarnation)
    }
}
