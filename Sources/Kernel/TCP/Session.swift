// SPDX-License-Identifier: Apache-2.0
internal import Kernel
private import Logging
internal import NIOCore
private import Synchronization

/// One connection: first its handshake, then the frames of its session.
// Safety: touched only on the transport's event loop.
final class Session: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The dialed peer; `nil` for an accepted connection until its handshake is over.
    private(set) var link: PeerLink?
    /// What the peer may do; meaningless before the session begins.
    private(set) var permission = Permission.read
    private(set) var isEstablished = false
    private(set) var isEnded = false
    private(set) var began: NIODeadline?
    let decoder: BoundedFrameDecoder

    private let core: TransportCore
    private var handshake: HandshakeStateMachine
    private var context: ChannelHandlerContext?
    private var timeout: Scheduled<Void>?
    private var heartbeat: RepeatedTask?
    private var lastHeard: NIODeadline
    private var pingCount: UInt64 = 0
    private var isPaused = false
    private var remote = "an unknown address"
    private var toAddresses = InternTable<Address>()
    private var fromAddresses = InternTable<Address>()
    private var messageNames = InternTable<String>()

    init(core: TransportCore, link: PeerLink?, handshake: HandshakeStateMachine) {
        self.core = core
        self.link = link
        self.handshake = handshake
        decoder = BoundedFrameDecoder(frameBytesMax: core.limits.handshakeFrameBytesMax)
        lastHeard = core.eventLoop.now
    }

    /// What a log line calls the other end.
    var peerDescription: String {
        link.map { "'\($0.name)' at \(remote)" } ?? remote
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) { begin(context) }

    func channelInactive(context: ChannelHandlerContext) {
        end(Refusal(code: .closed, message: "the peer closed the connection"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let refusal = error as? Refusal ?? core.describe(error)
        if isEstablished || isEnded { return end(refusal) }
        perform(handshake.failed(refusal))
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { flush() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isEnded else { return }
        var frame = unwrapInboundIn(data)
        guard let bytes = frame.readBytes(length: frame.readableBytes) else { return }
        do throws(WireError) {
            var reader = try WireReader(bytes, limits: core.wireLimits)
            let (kind, fieldCount) = try reader.readFrameHead()
            if kind == FrameKind.envelope && isEstablished {
                return try receiveEnvelope(&reader, fieldCount: fieldCount)
            }
            let frame = try Frame.read(kind, fieldCount: fieldCount, from: &reader)
            if isEstablished { receive(frame) } else { perform(handshake.received(frame)) }
        } catch {
            let refusal = Refusal(code: .malformed, message: "a frame cannot be read: \(error)")
            if isEstablished { end(refusal) } else { perform(handshake.failed(refusal)) }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isEstablished && !isPaused && core.receiver.isCongested { pause() }
        context.fireChannelReadComplete()
    }

    // MARK: Handshake

    private func begin(_ context: ChannelHandlerContext) {
        guard timeout == nil else { return }
        timeout = core.eventLoop.scheduleTask(in: TimeAmount(core.limits.handshakeTimeout)) { [weak self] in
            guard let self else { return }
            perform(handshake.timedOut())
        }
        if let address = context.remoteAddress { remote = "\(address)" }
        if let refusal = core.checkAddress(context.remoteAddress) { return end(refusal) }
        if let link { core.greeted(link, self) }
        perform(handshake.began())
    }

    private func perform(_ action: HandshakeStateMachine.Action) {
        guard !isEnded else { return }
        switch action {
        case .wait: return
        case .send(let frame): write(frame)
        case .judge(let peer):
            let verdict = core.judge(peer, self)
            // Judging may have ended an older session, which counts.
            handshake.epoch = core.epoch
            perform(handshake.judged(verdict))
        case .refuse(let refusal, let answer):
            if let answer { write(answer) }
            end(refusal)
        case .establish(let peer, let permission, let answer):
            establish(peer, permission, answer)
        }
    }

    private func establish(
        _ peer: HandshakeStateMachine.Peer, _ permission: Permission, _ answer: Frame?
    ) {
        timeout?.cancel()
        self.permission = permission
        isEstablished = true
        let now = core.eventLoop.now
        began = now
        lastHeard = now
        decoder.frameBytesMax = core.limits.frameBytesMax
        let interval = TimeAmount(core.limits.heartbeatInterval)
        heartbeat = core.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) {
            [weak self] _ in
            self?.beat()
        }
        // Until `link` is set nothing is flushed, so the answer comes before what waited for the peer.
        let link = core.established(self, peer)
        if let answer { write(answer) }
        self.link = link
        flush()
    }

    // MARK: Session

    private func receiveEnvelope(_ reader: inout WireReader, fieldCount: Int) throws(WireError) {
        guard fieldCount == 4, let link else {
            throw WireError(code: .valueOutOfRange, message: "an envelope has 4 fields", offset: 0)
        }
        let to = toAddresses.value(of: reader.bytes, in: try reader.readTextRange()) { name in
            Address.isWellFormed(name) ? Address(node: core.nodeName, name: name) : nil
        }
        var from: Address?
        let isAnonymous = reader.readNullIfPresent()
        if !isAnonymous {
            from = fromAddresses.value(of: reader.bytes, in: try reader.readTextRange()) { name in
                Address.isWellFormed(name) ? Address(node: link.name, name: name) : nil
            }
        }
        let messageName = messageNames.value(of: reader.bytes, in: try reader.readTextRange()) { name in
            name.utf8.count <= Frame.messageNameBytesMax ? name : nil
        }
        let payload = try reader.readBytes()
        try reader.finish()
        guard let to, let messageName, isAnonymous || from != nil else {
            throw WireError(code: .valueOutOfRange, message: "a malformed name in an envelope", offset: 0)
        }
        let envelope = Envelope(to: to, from: from, messageName: messageName, payload: payload)
        guard let reason = core.receiver.arrived(envelope, peer: link.name, permission: permission)
        else { return }
        core.log.debug(
            "a \(messageName) from \(link.name) for \(to) was not handled: \(reason.rawValue)")
        core.tell(
            link, .undeliverable(to: to.name, from: from?.name, messageName: messageName, reason: reason))
    }

    private func receive(_ frame: Frame) {
        guard let link else { return }
        switch frame {
        case .ping(let number): core.tell(link, .pong(number))
        case .pong: break
        case .undeliverable(let to, let from, let messageName, let reason):
            core.receiver.bounced(
                to: Address(node: link.name, name: to),
                from: from.map { Address(node: core.nodeName, name: $0) }, messageName: messageName,
                reason: reason)
        case .goodbye(let reason):
            end(Refusal(code: .goodbye, message: "the peer said goodbye: \(reason)"))
        case .unknown(let kind):
            core.note(Refusal(code: .malformed, message: "a frame of unknown kind \(kind)"), self)
            core.tell(link, .unknownKind(kind))
        case .unknownKind(let kind):
            core.log.warning("\(peerDescription) does not know frames of kind \(kind)")
        case .refuse(let refusal): end(refusal)
        case .hello, .welcome, .envelope:
            end(Refusal(code: .malformed, message: "a frame of the handshake came within the session"))
        }
    }

    private func beat() {
        guard let link, !isEnded else { return }
        let now = core.eventLoop.now
        // While this node does not read, it cannot tell whether the peer is silent.
        if decoder.hasHeard || isPaused {
            decoder.hasHeard = false
            lastHeard = now
        } else if now - lastHeard > TimeAmount(core.limits.silenceMax) {
            return end(
                Refusal(code: .silent, message: "nothing was heard for \(core.limits.silenceMax)"))
        }
        pingCount += 1
        core.tell(link, .ping(pingCount))
    }

    /// Stops reading until the world has caught up; the peer's sender feels it through TCP.
    private func pause() {
        guard let context else { return }
        isPaused = true
        context.channel.setOption(.autoRead, value: false).whenFailure { [weak self] error in
            self?.core.log.debug("reading could not be stopped: \(error)")
        }
        scheduleResume()
    }

    private func scheduleResume() {
        core.eventLoop.scheduleTask(in: TimeAmount(core.limits.congestionPause)) { [weak self] in
            guard let self, !isEnded, let context else { return }
            if core.receiver.isCongested { return scheduleResume() }
            isPaused = false
            context.channel.setOption(.autoRead, value: true).whenFailure { [weak self] error in
                self?.end(Refusal(code: .closed, message: "reading could not be resumed: \(error)"))
            }
        }
    }

    /// Hands what waits for the peer to the channel, as one buffer, unless the channel is full.
    func flush() {
        guard isEstablished, !isEnded, let link, let context, context.channel.isWritable,
            let batch = link.queue.withLock({ $0.take() })
        else { return }
        let promise = core.eventLoop.makePromise(of: Void.self)
        let count = batch.count
        promise.futureResult.whenComplete { _ in link.queue.withLock { $0.written(count) } }
        context.writeAndFlush(
            wrapOutboundOut(context.channel.allocator.buffer(bytes: batch)), promise: promise)
    }

    private func write(_ frame: Frame) {
        guard let context else { return }
        context.writeAndFlush(
            wrapOutboundOut(context.channel.allocator.buffer(bytes: frame.framed)), promise: nil)
    }

    /// Says goodbye and ends.
    func leave(_ refusal: Refusal) {
        if isEstablished && !isEnded {
            flush()
            write(.goodbye(refusal.message))
        }
        end(refusal)
    }

    /// Ends the connection, once.
    func end(_ refusal: Refusal) {
        guard !isEnded else { return }
        isEnded = true
        timeout?.cancel()
        heartbeat?.cancel()
        core.ended(self, refusal)
        context?.close(promise: nil)
    }
}
