// SPDX-License-Identifier: Apache-2.0
internal import Kernel
internal import Logging
internal import NIOCore
private import NIOPosix
private import NIOSSL
internal import Synchronization

/// The part of a transport that lives on its event loop: links, handshakes and sessions.
// Safety: touched only on `eventLoop`, but for `directory` and `status`, which are locked.
final class TransportCore: @unchecked Sendable {
    let options: TransportOptions
    let limits: TransportLimits
    let nodeName: String
    let wireLimits: WireLimits
    let eventLoop: any EventLoop
    let receiver: any TransportReceiver
    let log: Logger
    let directory = Mutex(LinkDirectory())
    let status = Mutex(TransportStatus())
    private let tls: TLSContexts?
    private var handshakes: [ObjectIdentifier: Session] = [:]
    /// How many sessions have ended here.
    private(set) var epoch: UInt64 = 0
    private var listener: (any Channel)?
    private var isOpen = true

    init(
        options: TransportOptions, receiver: any TransportReceiver, eventLoop: any EventLoop,
        tls: TLSContexts?, log: Logger
    ) {
        self.options = options
        self.receiver = receiver
        self.eventLoop = eventLoop
        self.tls = tls
        self.log = log
        limits = options.limits
        nodeName = options.nodeName
        var wireLimits = WireLimits()
        wireLimits.itemBytesMax = options.limits.frameBytesMax
        wireLimits.totalBytesMax = options.limits.frameBytesMax
        self.wireLimits = wireLimits
    }

    // MARK: Links

    func addPeer(_ name: String, _ endpoint: Endpoint) {
        guard isOpen, let link = link(for: name, endpoint) else { return }
        link.endpoint = endpoint
        link.machine.hasAddress = true
    }

    func removePeer(_ name: String) {
        guard let link = directory.withLock({ $0.links[name] }) else { return }
        link.endpoint = nil
        link.machine.hasAddress = false
        let refusal = Refusal(code: .goodbye, message: "'\(name)' was removed from the address book")
        link.retry?.cancel()
        link.session?.leave(refusal)
        if link.dial != nil || link.machine.phase == .dialing {
            dropDial(link, refusal)
            _ = link.machine.dialFailed(.goodbye)
            lose(link)
        } else {
            _ = link.machine.retryDue()
        }
        follow(.rest, link)
    }

    /// The link of that name, made where there is room.
    private func link(for name: String, _ endpoint: Endpoint?) -> PeerLink? {
        let link = directory.withLock { directory -> PeerLink? in
            if let known = directory.links[name] { return known }
            guard directory.links.count < limits.peerCountMax else { return nil }
            let made = PeerLink(name: name, endpoint: endpoint, options: options)
            directory.links[name] = made
            return made
        }
        if link == nil {
            log.error("'\(name)' is one node more than the \(limits.peerCountMax) that may be known")
        }
        return link
    }

    /// Frames wait for the peer.
    func wake(_ link: PeerLink) {
        guard isOpen else { return }
        if let session = link.session { return session.flush() }
        follow(link.machine.wanted(), link)
    }

    /// Sends a frame of the transport's own; a peer that reads too slowly misses it.
    func tell(_ link: PeerLink, _ frame: Frame) {
        switch link.queue.withLock({ $0.append(frame) }) {
        case .accepted(wakes: true): eventLoop.execute { self.wake(link) }
        case .accepted(wakes: false): break
        case .rejected(let reason): log.debug("a notice for '\(link.name)' is lost: \(reason.rawValue)")
        }
    }

    private func follow(_ action: LinkStateMachine.Action, _ link: PeerLink) {
        switch action {
        case .dial: dial(link)
        case .retry(let delay):
            link.retry?.cancel()
            link.retry = eventLoop.scheduleTask(in: TimeAmount(delay)) { [weak self, weak link] in
                guard let self, let link, isOpen else { return }
                follow(link.machine.retryDue(), link)
            }
        case .rest:
            guard link.machine.phase == .idle, link.endpoint == nil else { return }
            // Without an address and without a session there is nothing to keep.
            directory.withLock { directory in
                if directory.links[link.name] === link { directory.links[link.name] = nil }
            }
        }
    }

    // MARK: Dialing

    private func dial(_ link: PeerLink) {
        guard let endpoint = link.endpoint else { return }
        link.dialCount += 1
        let number = link.dialCount
        link.queue.withLock { $0.hold() }
        if options.security == .plaintextLoopback && !Loopback.contains(host: endpoint.host) {
            return dialFailed(link, Loopback.refusal(endpoint.host))
        }
        log.debug("dialing '\(link.name)' at \(endpoint)")
        ClientBootstrap(group: eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connectTimeout(TimeAmount(limits.handshakeTimeout))
            .channelInitializer { [weak self, weak link] channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let self, let link, link.dialCount == number, self.isOpen else {
                        throw ChannelError.ioOnClosedChannel
                    }
                    let session = Session(
                        core: self, link: link,
                        handshake: HandshakeStateMachine(role: .dialer(target: link.name), local: self.local))
                    link.dial = session
                    try self.addHandlers(session, to: channel) { tls in
                        try tls.clientHandler(host: endpoint.host)
                    }
                }
            }
            .connect(host: endpoint.host, port: endpoint.port)
            .whenFailure { [weak self, weak link] error in
                guard let self, let link, link.dialCount == number else { return }
                dialFailed(link, describe(error))
            }
    }

    private func addHandlers(
        _ session: Session, to channel: any Channel,
        tlsHandler: (TLSContexts) throws -> any ChannelHandler & RemovableChannelHandler
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(tlsHandler(tls)) }
        try pipeline.addHandler(
            ByteToMessageHandler(session.decoder, maximumBufferSize: limits.frameBytesMax + 4 + (1 << 20)))
        try pipeline.addHandler(session)
    }

    private var local: HandshakeStateMachine.Local {
        .init(
            nodeName: nodeName, incarnation: options.incarnation, epoch: epoch, token: options.token,
            frameBytesMax: limits.frameBytesMax)
    }

    /// The connection of a dial is up, its hello goes out.
    func greeted(_ link: PeerLink, _ session: Session) {
        if link.dial === session { link.machine.greeted() }
    }

    private func dialFailed(_ link: PeerLink, _ refusal: Refusal) {
        link.dial = nil
        link.dialCount += 1
        let (action, isLoss) = link.machine.dialFailed(refusal.code)
        if isLoss {
            log.info("'\(link.name)' cannot be reached: \(refusal)")
            lose(link)
        }
        follow(action, link)
    }

    private func dropDial(_ link: PeerLink, _ refusal: Refusal) {
        link.dialCount += 1
        let session = link.dial
        link.dial = nil
        session?.end(refusal)
    }

    // MARK: Handshakes

    /// Takes an incoming connection.
    func accept(_ channel: any Channel) throws {
        guard isOpen, handshakes.count < limits.handshakesInFlightMax else {
            let refusal = Refusal(
                code: .tooManyPeers, message: "\(handshakes.count) handshakes are under way already")
            note(refusal, "\(channel.remoteAddress.map { "\($0)" } ?? "an unknown address")")
            throw refusal
        }
        let session = Session(
            core: self, link: nil, handshake: HandshakeStateMachine(role: .acceptor, local: local))
        try addHandlers(session, to: channel) { $0.serverHandler() }
        handshakes[ObjectIdentifier(session)] = session
    }

    /// Says whether a peer that has shown its token gets a session.
    func judge(
        _ peer: HandshakeStateMachine.Peer, _ session: Session
    ) -> Result<Permission, Refusal> {
        let permission: Permission
        do { permission = try options.authority.verify(peer.token) } catch {
            return .failure(Refusal(code: .badToken, message: error.message))
        }
        if session.link != nil { return .success(permission) }
        guard let link = link(for: peer.name, nil) else {
            return .failure(
                Refusal(code: .tooManyPeers, message: "\(limits.peerCountMax) nodes are known already"))
        }
        switch link.machine.judge(incarnation: peer.incarnation, epoch: peer.epoch) {
        case .duplicate:
            return .failure(
                Refusal(code: .duplicate, message: "'\(nodeName)' has a session with '\(peer.name)'"))
        case .accept(let endsSession, let dropsDial):
            if endsSession {
                link.session?.leave(
                    Refusal(code: .replaced, message: "'\(peer.name)' came with a new session"))
                // The end may have forgotten the link, because it has no address.
                directory.withLock { $0.links[peer.name] = link }
            }
            if dropsDial {
                dropDial(link, Refusal(code: .duplicate, message: "'\(peer.name)' was faster to dial"))
            }
            link.retry?.cancel()
            return .success(permission)
        }
    }

    /// A session begins.
    ///
    /// - Returns: its link.
    func established(_ session: Session, _ peer: HandshakeStateMachine.Peer) -> PeerLink? {
        handshakes[ObjectIdentifier(session)] = nil
        guard let link = session.link ?? link(for: peer.name, nil) else { return nil }
        link.dial = nil
        link.retry?.cancel()
        link.session = session
        link.machine.sessionBegan(incarnation: peer.incarnation, epoch: peer.epoch)
        let tooLong = link.queue.withLock { $0.open(frameBytesMax: peer.frameBytesMax) }
        status.withLock { $0.begin(peer.name) }
        receiver.peerConnected(peer.name)
        bounce(tooLong, link, .notEncodable)
        return link
    }

    /// A connection ended, in whatever state it was.
    func ended(_ session: Session, _ refusal: Refusal) {
        handshakes[ObjectIdentifier(session)] = nil
        if session.isEstablished { epoch += 1 }
        note(refusal, session)
        guard let link = session.link else { return }
        if link.session === session {
            link.session = nil
            let began = session.began ?? eventLoop.now
            let isStable = eventLoop.now - began > TimeAmount(limits.heartbeatInterval)
            let action = link.machine.sessionEnded(wasStable: isStable)
            lose(link)
            follow(isOpen ? action : .rest, link)
        } else if link.dial === session {
            dialFailed(link, refusal)
        }
    }

    /// The peer is out of reach: what waited for it is lost, and the world is told.
    private func lose(_ link: PeerLink) {
        let waiting = link.queue.withLock { $0.close(frameBytesMax: limits.frameBytesMax) }
        status.withLock { $0.end(link.name) }
        bounce(waiting, link, .linkLost)
        receiver.peerLost(link.name)
    }

    private func bounce(_ frames: [UInt8], _ link: PeerLink, _ reason: DeadLetterReason) {
        for range in FrameRanges(bytes: frames) {
            do throws(WireError) {
                guard
                    case .envelope(let to, let from, let messageName, _) =
                        try Frame(decoding: Array(frames[range.dropFirst(4)]))
                else { continue }
                receiver.bounced(
                    to: Address(node: link.name, name: to),
                    from: from.map { Address(node: nodeName, name: $0) }, messageName: messageName,
                    reason: reason)
            } catch {
                log.error("a frame that waited for '\(link.name)' cannot be read: \(error)")
            }
        }
    }

    // MARK: Reasons

    func note(_ refusal: Refusal, _ session: Session) { note(refusal, session.peerDescription) }

    private func note(_ refusal: Refusal, _ peer: String) {
        status.withLock { $0.count(refusal, peer) }
        switch refusal.code {
        case .closed, .goodbye, .duplicate, .replaced: log.info("connection with \(peer) ended: \(refusal)")
        default: log.warning("connection with \(peer) refused or broken: \(refusal)")
        }
    }

    func describe(_ error: any Error) -> Refusal {
        if let refusal = error as? Refusal { return refusal }
        if case .uncleanShutdown? = error as? NIOSSLError {
            return Refusal(code: .closed, message: "the peer closed the connection")
        }
        if error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError {
            return Refusal(
                code: .tls,
                message: "TLS failed: \(error); both nodes need certificates of one authority")
        }
        return Refusal(code: .closed, message: "\(error)")
    }

    func checkAddress(_ address: SocketAddress?) -> Refusal? {
        guard options.security == .plaintextLoopback else { return nil }
        guard let address, Loopback.contains(address) else {
            return Loopback.refusal(address.map { "\($0)" } ?? "an unknown address")
        }
        return nil
    }

    // MARK: Begin and end

    func listens(on channel: any Channel) { listener = channel }

    func shutDown() {
        isOpen = false
        let links = directory.withLock { directory in
            directory.isOpen = false
            return directory.links.values.sorted { $0.name < $1.name }
        }
        listener?.close(promise: nil)
        let refusal = Refusal(code: .goodbye, message: "'\(nodeName)' shuts down")
        for link in links {
            link.retry?.cancel()
            link.session?.leave(refusal)
            if link.dial != nil {
                dropDial(link, refusal)
                lose(link)
            }
        }
        for session in Array(handshakes.values) { session.end(refusal) }
        directory.withLock { $0.links = [:] }
    }
}
