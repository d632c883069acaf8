// SPDX-License-Identifier: Apache-2.0
import Kernel
import KernelTCP
import Testing

@Suite("Sessions between live worlds", .serialized, .timeLimit(.minutes(3)))
struct SessionTests {
    @Test("messages cross in the order in which they were sent") func order() async throws {
        let (a, b) = (try await TestNode("a", listens: false), try await TestNode("b"))
        defer { for node in [a, b] { node.world.shutDown() } }
        try a.knows(b)
        for number in 0..<10_000 { #expect(a.probe(of: "b").tell(.say(number)) == .accepted) }
        try await eventually("all arrive") { b.probes.count == 10_000 }
        #expect(b.probes.all == Array(0..<10_000))
    }

    @Test("a question is answered, also toward a node that only dials") func ask() async throws {
        let (a, b) = (try await TestNode("a", listens: false), try await TestNode("b"))
        defer { for node in [a, b] { node.world.shutDown() } }
        try a.knows(b)
        #expect(try await a.echo(42, from: "b") == 42)
        #expect(try await b.echo(43, from: "a") == 43)
        #expect(b.transport.status.connected == ["a"])
    }

    @Test("a reference that travels in a message works where it arrives") func references() async throws {
        let (a, b) = (try await TestNode("a"), try await TestNode("b"))
        defer { for node in [a, b] { node.world.shutDown() } }
        try a.knows(b)
        let mine = a.world.ref(at: Address(node: "a", name: "probe"), as: Probe.self)
        a.probe(of: "b").tell(.relay(5, mine))
        try await eventually("the relayed number comes back") { a.probes.all == [5] }
    }

    @Test("nodes that dial each other at once end with one session") func simultaneous() async throws {
        for _ in 0..<10 {
            let (a, b) = (try await TestNode("a"), try await TestNode("b"))
            defer { for node in [a, b] { node.world.shutDown() } }
            try a.knows(b)
            try b.knows(a)
            a.probe(of: "b").tell(.say(1))
            b.probe(of: "a").tell(.say(2))
            try await eventually("both arrive") { a.probes.all == [2] && b.probes.all == [1] }
            #expect(try await a.echo(3, from: "b") == 3)
            #expect(try await b.echo(4, from: "a") == 4)
        }
    }

    @Test("a restarted server is found again and its watchers were told") func restart() async throws {
        let a = try await TestNode("a", listens: false)
        var b = try await TestNode("b")
        defer { for node in [a, b] { node.world.shutDown() } }
        try a.knows(b)
        let endings = Record<Termination>()
        let watcher = try a.world.spawn("watcher", options: SpawnOptions()) {
            WatchComponent(home: $0, record: endings)
        }
        watcher.tell(.watch(Address(node: "b", name: "probe")))
        #expect(try await a.echo(1, from: "b") == 1)
        let port = b.port
        b.world.shutDown()
        try await eventually("the watcher is told") { endings.all == [.peerLost] }
        #expect(a.transport.status.connected.isEmpty)
        b = try await TestNode("b", port: port)
        try await eventually("a dials again by itself") { a.transport.status.connected == ["b"] }
        #expect(try await a.echo(2, from: "b") == 2)
    }

    @Test("watching a node that cannot be reached tells its loss") func unreachable() async throws {
        let (a, b) = (try await TestNode("a"), try await TestNode("b"))
        defer { a.world.shutDown() }
        try a.knows(b)
        b.world.shutDown()
        let endings = Record<Termination>()
        let watcher = try a.world.spawn("watcher", options: SpawnOptions()) {
            WatchComponent(home: $0, record: endings)
        }
        watcher.tell(.watch(Address(node: "b", name: "probe")))
        try await eventually("the watcher is told") { endings.all == [.peerLost] }
    }

    @Test("a component that stops on a peer is told to its watcher") func stopped() async throws {
        let (a, b) = (try await TestNode("a"), try await TestNode("b"))
        defer { for node in [a, b] { node.world.shutDown() } }
        try a.knows(b)
        let endings = Record<Termination>()
        let watcher = try a.world.spawn("watcher", options: SpawnOptions()) {
            WatchComponent(home: $0, record: endings)
        }
        watcher.tell(.watch(Address(node: "b", name: "probe")))
        #expect(try await a.echo(1, from: "b") == 1)
        b.world.stop(b.world.ref(at: Address(node: "b", name: "probe"), as: Probe.self))
        try await eventually("the watcher is told") { endings.all == [.stopped] }
    }

    @Test("a node that is not in the address book is no recipient") func unknownNode() async throws {
        let a = try await TestNode("a")
        defer { a.world.shutDown() }
        #expect(a.probe(of: "nobody").tell(.say(1)) == .rejected(.noRecipient))
    }

    @Test("an unknown recipient and an unknown kind of message are answered") func bounced() async throws {
        let (a, b) = (try await TestNode("a"), try await TestNode("b"))
        defer { for node in [a, b] { node.world.shutDown() } }
        try a.knows(b)
        a.world.ref(at: Address(node: "b", name: "probe"), as: Stranger.self).tell(Stranger())
        try await eventually("the sender learns it") { a.world.deadLetters.count(of: .notUnderstood) == 1 }
        #expect(a.world.deadLetters.latest.last?.to == "b/probe")
        a.world.ref(at: Address(node: "b", name: "nothing"), as: Probe.self).tell(.say(1))
        try await eventually("the sender learns it") { a.world.deadLetters.count(of: .noRecipient) == 1 }
        await #expect(throws: KernelError.self) {
            let _: ProbeReply = try await a.world.ask(
                a.world.ref(at: Address(node: "b", name: "nothing"), as: Probe.self),
                timeout: .seconds(20)
            ) { .echo(1, $0) }
        }
    }

    @Test("a message larger than a frame is refused where it is sent") func tooLarge() async throws {
        var small = TransportLimits.quick
        small.frameBytesMax = 64 << 10
        let a = try await TestNode("a")
        let b = try await TestNode("b", limits: small)
        defer { for node in [a, b] { node.world.shutDown() } }
        try a.knows(b)
        let stranger = a.world.ref(at: Address(node: "b", name: "probe"), as: Stranger.self)
        // Before the session begins the peer's bound is not known yet.
        #expect(stranger.tell(Stranger(bytes: Array(repeating: 200, count: 80_000))) == .accepted)
        try await eventually("it is bounced") { a.world.deadLetters.count(of: .notEncodable) == 1 }
        #expect(
            stranger.tell(Stranger(bytes: Array(repeating: 200, count: 80_000)))
                == .rejected(.notEncodable))
        #expect(try await a.echo(1, from: "b") == 1)
    }

    @Test("a removed peer is no recipient any more") func removed() async throws {
        let (a, b) = (try await TestNode("a"), try await TestNode("b"))
        defer { for node in [a, b] { node.world.shutDown() } }
        try a.knows(b)
        #expect(try await a.echo(1, from: "b") == 1)
        a.transport.removePeer("b")
        #expect(a.probe(of: "b").tell(.say(1)) == .rejected(.noRecipient))
        try await eventually("b sees the end") { b.transport.status.connected.isEmpty }
        try a.knows(b)
        #expect(try await a.echo(2, from: "b") == 2)
    }
}
