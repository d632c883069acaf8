// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// How a connection becomes a session: the dialer says hello, the acceptor answers with welcome or
/// refuses.
///
///     dialer                            acceptor
///       | hello(version, names, token) ->  |
///       |                                  | judge the token and the other sessions
///       | <- welcome(version, name, token) |
///     judge the token                      | session
///     session
///
/// Each side shows a token, because messages flow both ways. The machine holds no socket and no
/// clock: its owner hands it frames and does what the returned action says. After `refuse` or
/// `establish` it wants no more events.
package struct HandshakeStateMachine: Sendable {
    /// The newest protocol version that this build speaks.
    package static let version: UInt64 = 1
    /// The oldest one.
    package static let versionMin: UInt64 = 1

    /// What this node says about itself.
    package struct Local: Sendable, Hashable {
        /// This node's name.
        package var nodeName: String
        /// Tells this process from an earlier one of the same name.
        package var incarnation: UInt64
        /// How many sessions this process has seen end.
        package var epoch: UInt64
        /// The token to show.
        package var token: String
        /// The longest frame that is read here, in bytes.
        package var frameBytesMax: Int
        /// The newest protocol version to offer.
        package var version = HandshakeStateMachine.version
        /// The oldest protocol version to offer.
        package var versionMin = HandshakeStateMachine.versionMin

        /// Gathers what this node says.
        package init(
            nodeName: String, incarnation: UInt64, epoch: UInt64, token: String, frameBytesMax: Int
        ) {
            self.nodeName = nodeName
            self.incarnation = incarnation
            self.epoch = epoch
            self.token = token
            self.frameBytesMax = frameBytesMax
        }
    }

    /// What the other node has said about itself.
    package struct Peer: Sendable, Hashable {
        /// Its name.
        package var name: String
        /// Tells its process from an earlier one of the same name.
        package var incarnation: UInt64
        /// How many sessions its process had seen end.
        package var epoch: UInt64
        /// The token that it showed; not judged yet.
        package var token: String
        /// The protocol version of the session.
        package var version: UInt64
        /// The longest frame that it reads, in bytes.
        package var frameBytesMax: Int
    }

    /// Which side this node is.
    package enum Role: Sendable, Hashable {
        /// It connected, in order to reach the node of that name.
        case dialer(target: String)
        /// It was connected to.
        case acceptor
    }

    /// What the owner does next.
    package enum Action: Sendable, Hashable {
        /// Send the frame and wait for the peer's next one.
        case send(Frame)
        /// Check the peer's token and whether a session with it is wanted, then call ``judged(_:)``.
        case judge(Peer)
        /// The session begins; send `answer` first.
        case establish(Peer, Permission, answer: Frame?)
        /// The connection ends; send `answer` first.
        case refuse(Refusal, answer: Frame?)
        /// Nothing.
        case wait
    }

    private enum State: Sendable {
        case initial
        case awaitsHello
        case awaitsWelcome
        case judges(Peer)
        case ended
    }

    /// Which side this node is.
    package let role: Role
    private var local: Local
    private var state = State.initial

    /// Makes the machine of one connection.
    package init(role: Role, local: Local) {
        self.role = role
        self.local = local
    }

    /// How many sessions this process has seen end; kept up to date by the owner.
    package var epoch: UInt64 {
        get { local.epoch }
        set { local.epoch = newValue }
    }

    /// The connection is up.
    package mutating func began() -> Action {
        guard case .initial = state else { return .wait }
        guard case .dialer(let target) = role else {
            state = .awaitsHello
            return .wait
        }
        state = .awaitsWelcome
        return .send(
            .hello(
                .init(
                    version: local.version, versionMin: local.versionMin, nodeName: local.nodeName,
                    target: target, incarnation: local.incarnation, epoch: local.epoch,
                    token: local.token, frameBytesMax: UInt64(local.frameBytesMax))))
    }

    /// A frame came.
    package mutating func received(_ frame: Frame) -> Action {
        switch (state, frame) {
        case (.awaitsHello, .hello(let hello)): return consider(hello)
        case (.awaitsWelcome, .welcome(let welcome)): return consider(welcome)
        case (.awaitsWelcome, .refuse(let refusal)):
            state = .ended
            return .refuse(refusal, answer: nil)
        case (.ended, _): return .wait
        default: return refuse(.malformed, "a frame came that has no place in a handshake")
        }
    }

    /// The owner has judged the peer: it may do so much, or it is refused.
    package mutating func judged(_ verdict: Result<Permission, Refusal>) -> Action {
        guard case .judges(let peer) = state else { return .wait }
        state = .ended
        switch verdict {
        case .failure(let refusal): return .refuse(refusal, answer: answer(refusal))
        case .success(let permission):
            guard role == .acceptor else { return .establish(peer, permission, answer: nil) }
            return .establish(
                peer, permission,
                answer: .welcome(
                    .init(
                        version: peer.version, nodeName: local.nodeName, incarnation: local.incarnation,
                        epoch: local.epoch, token: local.token,
                        frameBytesMax: UInt64(local.frameBytesMax))))
        }
    }

    /// The bytes that came are no frame.
    package mutating func failed(_ refusal: Refusal) -> Action {
        if case .ended = state { return .wait }
        state = .ended
        return .refuse(refusal, answer: answer(refusal))
    }

    /// The handshake took too long.
    package mutating func timedOut() -> Action {
        if case .ended = state { return .wait }
        return refuse(.handshakeTimeout, "the handshake did not end in time")
    }

    private mutating func consider(_ hello: Frame.Hello) -> Action {
        guard hello.version >= hello.versionMin, hello.version >= local.versionMin,
            hello.versionMin <= local.version
        else {
            return refuse(
                .version,
                "'\(hello.nodeName)' speaks protocol \(hello.versionMin) to \(hello.version), this node "
                    + "\(local.versionMin) to \(local.version); bring both to one release")
        }
        guard hello.target == local.nodeName else {
            return refuse(
                .wrongNode, "'\(hello.target)' was meant, this is '\(local.nodeName)'; mend the address book")
        }
        return judge(
            name: hello.nodeName, incarnation: hello.incarnation, epoch: hello.epoch, token: hello.token,
            version: min(hello.version, local.version), frameBytesMax: hello.frameBytesMax)
    }

    private mutating func consider(_ welcome: Frame.Welcome) -> Action {
        guard (local.versionMin...local.version).contains(welcome.version) else {
            return refuse(.version, "the peer chose protocol \(welcome.version), which was not offered")
        }
        guard role == .dialer(target: welcome.nodeName) else {
            return refuse(.wrongNode, "'\(welcome.nodeName)' answered; mend the address book")
        }
        return judge(
            name: welcome.nodeName, incarnation: welcome.incarnation, epoch: welcome.epoch,
            token: welcome.token, version: welcome.version, frameBytesMax: welcome.frameBytesMax)
    }

    private mutating func judge(
        name: String, incarnation: UInt64, epoch: UInt64, token: String, version: UInt64,
        frameBytesMax: UInt64
    ) -> Action {
        guard name != local.nodeName else {
            return refuse(.wrongNode, "the peer is called '\(name)' as this node is; names must differ")
        }
        guard frameBytesMax >= 1_024 else {
            return refuse(.malformed, "the peer reads frames of only \(frameBytesMax) bytes")
        }
        let peer = Peer(
            name: name, incarnation: incarnation, epoch: epoch, token: token, version: version,
            frameBytesMax: Int(min(frameBytesMax, UInt64(local.frameBytesMax))))
        state = .judges(peer)
        return .judge(peer)
    }

    private mutating func refuse(_ code: Refusal.Code, _ message: String) -> Action {
        state = .ended
        let refusal = Refusal(code: code, message: message)
        return .refuse(refusal, answer: answer(refusal))
    }

    /// Only an acceptor explains itself; a dialer just goes.
    private func answer(_ refusal: Refusal) -> Frame? { role == .acceptor ? .refuse(refusal) : nil }
}
