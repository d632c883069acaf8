// SPDX-License-Identifier: Apache-2.0
import Kernel
import KernelTCP
import Synchronization
import Testing

@Suite("Peers that misbehave harm nobody else", .serialized, .timeLimit(.minutes(3)))
struct HostileTests {
    /// A node, and a good peer that must never notice anything.
    private static func pair(_ limits: TransportLimits = .quick) async throws -> (TestNode, TestNode) {
        let (node, good) = (
            try await TestNode("node", limits: limits), try await TestNode("good", listens: false)
        )
        try good.knows(node)
        #expect(try await good.echo(0, from: "node") == 0)
        return (node, good)
    }

    /// The good peer still has its first session, and it works.
    private static func check(_ node: TestNode, _ good: TestNode) async throws {
        #expect(try await good.echo(1, from: "node") == 1)
        #expect(good.transport.status.latestEndings.isEmpty)
    }

    private static func end(_ nodes: TestNode...) { for node in nodes { node.world.shutDown() } }

    @Test("random bytes are refused", arguments: 0..<UInt64(200)) func garbage(seed: UInt64) async throws {
        let (node, good) = try await Self.pair()
        defer { Self.end(node, good) }
        var random = RandomStream(seed: seed)
        let peer = try RawPeer(port: node.port)
        let isInSession = random.happens(0.5)
        if isInSession { #expect(try await peer.greet("node", as: "bad").isWelcome) }
        var bytes: [UInt8] = []
        for _ in 0...random.index(below: 3) {
            let body = (0..<random.index(below: 400)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            // Half of the bodies come in a frame of the right length, so that they reach the reader
            // of frames.
            if random.happens(0.5) { bytes += [0, 0, UInt8(body.count >> 8), UInt8(body.count & 0xff)] }
            bytes += body
        }
        peer.send(bytes)
        peer.close()
        try await eventually("the connection is given up") {
            node.transport.status.latestEndings.count == 1
                && node.transport.status.connected == ["good"]
        }
        try await Self.check(node, good)
    }

    @Test("frames with a few wrong bytes harm only their session", arguments: 0..<UInt64(40))
    func nearlyGood(seed: UInt64) async throws {
        let (node, good) = try await Self.pair()
        defer { Self.end(node, good) }
        var random = RandomStream(seed: seed)
        for round in 0..<5 {
            let peer = try RawPeer(port: node.port)
            #expect(try await peer.greet("node", as: "bad", incarnation: UInt64(round)).isWelcome)
            for _ in 0..<20 {
                let frames = FrameTests.frames
                var bytes = frames[random.index(below: frames.count)].framed
                for _ in 0..<random.index(below: 3) {
                    bytes[4 + random.index(below: bytes.count - 4)] = UInt8(truncatingIfNeeded: random.next())
                }
                peer.send(bytes)
            }
            peer.close()
        }
        try await Self.check(node, good)
    }

    @Test("a peer that says nothing is dropped in time") func halfOpen() async throws {
        var limits = TransportLimits.quick
        limits.handshakeTimeout = .milliseconds(300)
        let (node, good) = try await Self.pair(limits)
        defer { Self.end(node, good) }
        let peers = try (0..<5).map { _ in try RawPeer(port: node.port) }
        peers[1].send([0, 0])
        peers[2].send([0, 0, 1, 0, 0x89, 1])
        for peer in peers { #expect(try peer.ending().isRefusal(.handshakeTimeout)) }
        #expect(node.transport.status.endingCount(.handshakeTimeout) == 5)
        try await Self.check(node, good)
    }

    @Test("more handshakes than may be under way are turned away") func handshakeFlood() async throws {
        var limits = TransportLimits.quick
        limits.handshakesInFlightMax = 4
        let (node, good) = try await Self.pair(limits)
        defer { Self.end(node, good) }
        let waiting = try (0..<4).map { _ in try RawPeer(port: node.port) }
        // A fifth is closed at once, while the four still wait.
        let late = try RawPeer(port: node.port)
        #expect(try late.frame() == nil)
        #expect(node.transport.status.endingCount(.tooManyPeers) == 1)
        try await Self.check(node, good)
        for peer in waiting { peer.close() }
        try await eventually("there is room again") { node.transport.status.endingCount(.closed) == 4 }
        let next = try RawPeer(port: node.port)
        #expect(try await next.greet("node", as: "next").isWelcome)
    }

    @Test("more nodes than may be known are turned away") func peerFlood() async throws {
        var limits = TransportLimits.quick
        limits.peerCountMax = 2
        let (node, good) = try await Self.pair(limits)
        defer { Self.end(node, good) }
        let first = try RawPeer(port: node.port)
        #expect(try await first.greet("node", as: "first").isWelcome)
        let second = try RawPeer(port: node.port)
        #expect(try await second.greet("node", as: "second").isRefusal(.tooManyPeers))
        first.close()
        try await eventually("the place is free") { node.transport.status.connected == ["good"] }
        let third = try RawPeer(port: node.port)
        #expect(try await third.greet("node", as: "third").isWelcome)
        try await Self.check(node, good)
    }

    @Test("a frame that is too long is refused before and within a session", arguments: [false, true])
    func oversized(isInSession: Bool) async throws {
        let (node, good) = try await Self.pair()
        defer { Self.end(node, good) }
        let peer = try RawPeer(port: node.port)
        if isInSession { #expect(try await peer.greet("node", as: "bad").isWelcome) }
        peer.send(isInSession ? [0x7F, 0xFF, 0xFF, 0xFF] : [0, 2, 0, 0])
        let ending = try peer.ending()
        #expect(isInSession || ending.isRefusal(.frameTooLarge))
        #expect(node.transport.status.endingCount(.frameTooLarge) == 1)
        try await Self.check(node, good)
    }

    @Test("another protocol version is refused with the reason") func version() async throws {
        let (node, good) = try await Self.pair()
        defer { Self.end(node, good) }
        let peer = try RawPeer(port: node.port)
        #expect(try await peer.greet("node", as: "new", version: 99).isRefusal(.version))
        #expect(try peer.frame() == nil)
        try await Self.check(node, good)
    }

    @Test("a frame of an unknown kind is answered and the session goes on") func unknownKind() async throws {
        let (node, good) = try await Self.pair()
        defer { Self.end(node, good) }
        let peer = try RawPeer(port: node.port)
        #expect(try await peer.greet("node", as: "new").isWelcome)
        peer.send(.unknown(kind: 77))
        #expect(try peer.answer() == .unknownKind(77))
        peer.send(.envelope(to: "probe", from: nil, messageName: "test.unheard", payload: [0]))
        #expect(
            try peer.answer()
                == .undeliverable(
                    to: "probe", from: nil, messageName: "test.unheard", reason: .notUnderstood))
        try await Self.check(node, good)
    }

    @Test("a peer that falls silent within its session is lost") func silence() async throws {
        var limits = TransportLimits.quick
        limits.silenceMax = .milliseconds(300)
        let (node, good) = try await Self.pair(limits)
        defer { Self.end(node, good) }
        let endings = Record<Termination>()
        let watcher = try node.world.spawn("watcher", options: SpawnOptions()) {
            WatchComponent(home: $0, record: endings)
        }
        let peer = try RawPeer(port: node.port)
        #expect(try await peer.greet("node", as: "mute").isWelcome)
        watcher.tell(.watch(Address(node: "mute", name: "probe")))
        try await eventually("the watcher is told") { endings.all == [.peerLost] }
        #expect(node.transport.status.endingCount(.silent) == 1)
        try await Self.check(node, good)
    }

    @Test("a peer that comes anew ends its old session first, a copy is refused") func incarnations()
        async throws
    {
        let (node, good) = try await Self.pair()
        defer { Self.end(node, good) }
        let endings = Record<Termination>()
        let watcher = try node.world.spawn("watcher", options: SpawnOptions()) {
            WatchComponent(home: $0, record: endings)
        }
        let old = try RawPeer(port: node.port)
        #expect(try await old.greet("node", as: "twin").isWelcome)
        watcher.tell(.watch(Address(node: "twin", name: "probe")))
        guard case .envelope(_, _, "kernel.watch", _)? = try old.answer() else {
            Issue.record("no watch came")
            return
        }
        let copy = try RawPeer(port: node.port)
        #expect(try await copy.greet("node", as: "twin").isRefusal(.duplicate))
        #expect(endings.count == 0)
        let new = try RawPeer(port: node.port)
        #expect(try await new.greet("node", as: "twin", incarnation: 2).isWelcome)
        guard case .goodbye? = try old.ending() else {
            Issue.record("the old session was not told")
            return
        }
        try await eventually("the watcher is told") { endings.all == [.peerLost] }
        #expect(node.transport.status.connected == ["good", "twin"])
        try await Self.check(node, good)
    }

    @Test("a peer that does not read fills its own queue and no other") func slowReader() async throws {
        var limits = TransportLimits.quick
        limits.outboundBytesMax = 1 << 20
        let (node, good) = try await Self.pair(limits)
        defer { Self.end(node, good) }
        let peer = try RawPeer(port: node.port, receiveBytes: 16 << 10)
        #expect(try await peer.greet("node", as: "slow").isWelcome)
        let target = node.world.ref(at: Address(node: "slow", name: "probe"), as: Bulk.self)
        let bulk = Bulk(text: String(repeating: "x", count: 10_000))
        var sentBytes = 0
        while target.tell(bulk) == .accepted && sentBytes < 1 << 30 { sentBytes += 10_000 }
        #expect(target.tell(bulk) == .rejected(.congested))
        // What the system's socket buffers take comes on top of the bound.
        #expect(sentBytes < 64 << 20)
        try await Self.check(node, good)
        peer.close()
        try await eventually("the rest is given up") { node.transport.status.connected == ["good"] }
        #expect(target.tell(bulk) == .rejected(.noRecipient))
    }
}

/// A message of any length that is quick to code.
struct Bulk: Message {
    static var messageName: String { "test.bulk" }
    var text: String
    var permission: Permission { .read }
}

/// A component that waits in its first message until it is let go.
actor StuckComponent: Component {
    nonisolated let home: Home
    private let gate: Gate
    private let record: Record<Int>

    init(home: Home, gate: Gate, record: Record<Int>) {
        self.home = home
        self.gate = gate
        self.record = record
    }

    func receive(_ message: Bulk, _ context: Context<Bulk>) {
        gate.pass()
        record.append(message.text.utf8.count)
    }
}

/// Holds threads until it is opened.
final class Gate: Sendable {
    private let isOpen = Atomic(false)
    func open() { isOpen.store(true, ordering: .releasing) }
    func pass() { while !isOpen.load(ordering: .acquiring) { giveWay() } }
}

@Suite("Back-pressure", .serialized, .timeLimit(.minutes(3)))
struct BackPressureTests {
    @Test("a full mailbox stops the sender, and nothing that was accepted is lost") func endToEnd()
        async throws
    {
        var limits = TransportLimits.quick
        limits.outboundBytesMax = 1 << 20
        let (a, b) = (
            try await TestNode("a", limits: limits),
            try await TestNode("b", limits: limits)
        )
        let gate = Gate()
        defer {
            gate.open()
            for node in [a, b] { node.world.shutDown() }
        }
        let record = Record<Int>()
        try b.world.spawn("stuck", options: SpawnOptions(mailboxCountMax: 4_000)) {
            StuckComponent(home: $0, gate: gate, record: record)
        }
        try a.knows(b)
        let target = a.world.ref(at: Address(node: "b", name: "stuck"), as: Bulk.self)
        let bulk = Bulk(text: String(repeating: "x", count: 1_000))
        var accepted = 0
        var congestedInARow = 0
        // The system's buffers take a few megabytes; after that every further message must be refused.
        while congestedInARow < 50 && accepted < 200_000 {
            if target.tell(bulk) == .accepted {
                accepted += 1
                congestedInARow = 0
            } else {
                congestedInARow += 1
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        #expect(congestedInARow == 50)
        #expect(record.count == 0)
        #expect(b.transport.status.connected == ["a"])
        gate.open()
        try await eventually("all accepted messages arrive") { record.count == accepted }
        #expect(b.world.deadLetters.count == 0)
    }
}
