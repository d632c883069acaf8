// SPDX-License-Identifier: Apache-2.0
package import Kernel
package import Logging
private import NIOCore
private import NIOPosix
private import Synchronization

/// Moves envelopes between live worlds over TCP: one session a pair of nodes, framed,
/// authenticated, bounded.
///
/// A node dials the peers in its address book when something is first sent to them, and again, with
/// growing delays, whenever the session is lost. A node that nobody can dial is reached over the
/// session that it dialed itself. All of a transport's sockets live on one event loop.
package final class TCPTransport: Transport {
    /// The port that is listened on; `nil` for a node that only dials.
    package let boundPort: Int?

    private let core: TransportCore
    private let group: MultiThreadedEventLoopGroup
    private let eventLoop: any EventLoop
    private let log: Logger
    private let nodeName: String
    private let isOpen = Atomic(true)

    /// Opens the listening socket, where one is asked for; the peers are dialed when they are first
    /// needed.
    ///
    /// - Throws: ``TransportError`` with `badOption`, `notLoopback`, `tlsFailed` or `bindFailed`.
    package init(
        options: TransportOptions, receiver: any TransportReceiver,
        log: Logger = Logger(label: "sealyard.transport")
    ) throws(TransportError) {
        try options.limits.check()
        guard Address.isWellFormed(options.nodeName) else {
            throw TransportError(
                code: .badOption, message: "'\(options.nodeName.prefix(128))' is not a node name")
        }
        for peer in options.peers { try Self.check(peer.name, peer.endpoint, options) }
        var tls: TLSContexts?
        switch options.security {
        case .tls(let files): tls = try TLSContexts(files)
        case .plaintextLoopback:
            if let host = options.listen?.host, !Loopback.contains(host: host) {
                throw TransportError(code: .notLoopback, message: Loopback.refusal(host).message)
            }
        }
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        eventLoop = group.next()
        self.log = log
        nodeName = options.nodeName
        let core = TransportCore(
            options: options, receiver: receiver, eventLoop: eventLoop, tls: tls, log: log)
        self.core = core
        do {
            boundPort = try Self.listen(options.listen, core, group)
        } catch {
            TCPTransport.end(group, log)
            throw TransportError(
                code: .bindFailed,
                message: "\(options.listen?.description ?? "") cannot be listened on: \(error)")
        }
        for peer in options.peers { try addPeer(peer.name, at: peer.endpoint) }
    }

    /// Makes a transport for a live world and attaches it.
    ///
    /// - Throws: ``TransportError`` as the initializer does.
    package convenience init(
        options: TransportOptions, attachedTo world: LiveWorld
    ) throws(TransportError) {
        try self.init(options: options, receiver: world, log: world.log)
        world.attach(self)
    }

    private static func check(
        _ name: String, _ endpoint: Endpoint, _ options: TransportOptions
    ) throws(TransportError) {
        guard Address.isWellFormed(name), name != options.nodeName else {
            throw TransportError(
                code: .badOption,
                message: "'\(name.prefix(128))' is not the name of a peer of '\(options.nodeName)'")
        }
        guard (1...65_535).contains(endpoint.port) else {
            throw TransportError(
                code: .badOption, message: "'\(name)' cannot be at port \(endpoint.port)")
        }
        if options.security == .plaintextLoopback && !Loopback.contains(host: endpoint.host) {
            throw TransportError(code: .notLoopback, message: Loopback.refusal(endpoint.host).message)
        }
    }

    private static func listen(
        _ endpoint: Endpoint?, _ core: TransportCore, _ group: MultiThreadedEventLoopGroup
    ) throws -> Int? {
        guard let endpoint else { return nil }
        let channel = try ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try core.accept(channel) }
            }
            .bind(host: endpoint.host, port: endpoint.port).wait()
        try core.eventLoop.submit { core.listens(on: channel) }.wait()
        return channel.localAddress?.port
    }

    /// Enters a peer in the address book, or changes where it is.
    ///
    /// Nothing is dialed before something is sent to it. A session that exists stays.
    ///
    /// - Throws: ``TransportError`` with `badOption` or `notLoopback`.
    package func addPeer(_ name: String, at endpoint: Endpoint) throws(TransportError) {
        try Self.check(name, endpoint, core.options)
        // Entered before this returns, so that a message may follow at once.
        do { try onEventLoop { $0.addPeer(name, endpoint) } } catch {
            log.error("'\(name)' was not entered: \(error)")
        }
    }

    /// Takes a peer out of the address book and ends its session.
    package func removePeer(_ name: String) {
        do { try onEventLoop { $0.removePeer(name) } } catch {
            log.error("'\(name)' was not removed: \(error)")
        }
    }

    /// Who is connected, and what was refused.
    package var status: TransportStatus { core.status.withLock { $0 } }

    /// Sends an envelope toward its node; see `Transport`.
    package func send(_ envelope: Envelope) -> Delivery {
        let (link, isOpen) = core.directory.withLock { ($0.links[envelope.to.node], $0.isOpen) }
        guard let link else { return .rejected(isOpen ? .noRecipient : .linkLost) }
        let from = envelope.from.flatMap { $0.node == nodeName ? $0.name : nil }
        switch link.queue.withLock({ $0.append(envelope, from: from) }) {
        case .rejected(let reason): return .rejected(reason)
        case .accepted(let wakes):
            if wakes {
                let core = core
                eventLoop.execute { core.wake(link) }
            }
            return .accepted
        }
    }

    /// Says goodbye to all peers and gives the sockets and the thread back; returns when they are gone.
    package func shutDown() {
        guard isOpen.exchange(false, ordering: .acquiringAndReleasing) else { return }
        do { try onEventLoop { $0.shutDown() } } catch { log.error("shutting down: \(error)") }
        Self.end(group, log)
    }

    private func onEventLoop(_ body: @escaping @Sendable (TransportCore) -> Void) throws {
        let core = core
        if eventLoop.inEventLoop { return body(core) }
        try eventLoop.submit { body(core) }.wait()
    }

    private static func end(_ group: MultiThreadedEventLoopGroup, _ log: Logger) {
        do { try group.syncShutdownGracefully() } catch { log.error("event loop: \(error)") }
    }
}
