// SPDX-License-Identifier: Apache-2.0
import Kernel
import Testing

/// Two nodes: on `one`, `sender` forwards what it is told to `two/taker`, which notes it with its time.
private struct Pair {
    let world: SimulatedWorld
    let one: SimulatedNode
    let two: SimulatedNode
    let notes = Notes()

    init(_ options: SimulatedWorld.Options) throws {
        world = SimulatedWorld(options: options)
        let notes = notes
        two = try world.addNode("two") { node in
            try node.spawn("taker") { home in
                Probe(home: home) { message, context in
                    if case .value(let value) = message {
                        notes.add("\(value)@\(context.now.nanoseconds)")
                    }
                    if case .question(let asker, let value) = message {
                        asker.tell(.value(value * 2))
                    }
                }
            }
        }
        one = try world.addNode("one") { node in
            try node.spawn("sender") { home in
                Probe(home: home) { message, context in
                    context.ref(at: Address(node: "two", name: "taker"), as: ProbeMessage.self)
                        .tell(message)
                }
            }
        }
    }

    var sender: Ref<ProbeMessage> {
        one.ref(at: Address(node: "one", name: "sender"), as: ProbeMessage.self)
    }
    func send(_ values: Range<Int>) { for value in values { sender.tell(.value(value)) } }
    var values: [String] { notes.lines.map { String($0.prefix { $0 != "@" }) } }
}

@Suite("The simulated network")
struct SimulatedNetworkTests {
    @Test("bandwidth queues messages behind each other, to the nanosecond")
    func bandwidth() throws {
        let link = LinkModel(latency: .milliseconds(1), bytesPerSecond: 256_000)
        let pair = try Pair(.init(link: link))
        pair.send(0..<3)
        pair.world.runUntilIdle()
        // 256 bytes at 256,000 bytes a second take a millisecond.
        #expect(pair.notes.lines == ["0@2000000", "1@3000000", "2@4000000"])
    }

    @Test("lost and doubled messages are counted, and chosen by the seed")
    func lossAndDuplication() throws {
        func run(_ seed: UInt64) throws -> Pair {
            let pair = try Pair(.init(seed: seed, link: LinkModel(loss: 0.2, duplication: 0.2)))
            pair.send(0..<1_000)
            pair.world.runUntilIdle()
            return pair
        }
        let pair = try run(4)
        let lost = pair.world.statistics.lost
        #expect((120...280).contains(lost))
        #expect(pair.world.deadLetters.count(of: .linkLost) == lost)
        #expect(Set(pair.values).count == 1_000 - lost)
        #expect(pair.world.statistics.crossings == pair.notes.count)
        #expect((100...240).contains(pair.notes.count - Set(pair.values).count))
        #expect(try run(4).notes.lines == pair.notes.lines)
        #expect(try run(5).values != pair.values)
    }

    @Test("a reordering link lets messages overtake; any other keeps their order")
    func reordering() throws {
        for (chance, keeps) in [(0.0, true), (0.5, false)] {
            let link = LinkModel(
                latency: .milliseconds(5),
                jitter: .milliseconds(20),
                reordering: chance
            )
            let pair = try Pair(.init(link: link))
            pair.send(0..<200)
            pair.world.runUntilIdle()
            #expect(pair.notes.count == 200)
            #expect((pair.values == (0..<200).map(String.init)) == keeps)
        }
    }

    @Test("a cut works one way only")
    func oneWayCut() throws {
        let pair = try Pair(.init())
        let answer: ProbeMessage = try pair.world.ask(pair.sender) { .question($0, 21) }
        guard case .value(42) = answer else { throw ProbeError() }
        pair.world.cut(from: pair.two, to: pair.one)
        pair.send(0..<3)
        pair.world.run(until: pair.world.now + .seconds(1))
        #expect(pair.values == ["0", "1", "2"])
        pair.world.cut(from: pair.one, to: pair.two)
        pair.send(3..<4)
        pair.world.run(until: pair.world.now + .seconds(1))
        #expect(pair.values == ["0", "1", "2"])
    }

    @Test("healed before the loss is found, what waited arrives in order; after it, it is lost")
    func healBeforeAndAfterDetection() throws {
        let pair = try Pair(.init(lossDetection: .seconds(15)))
        pair.world.partition([pair.one], from: [pair.two])
        pair.send(0..<5)
        pair.world.run(until: Instant(seconds: 14))
        #expect(pair.values.isEmpty)
        pair.world.heal([pair.one], and: [pair.two])
        pair.world.run(until: Instant(seconds: 15))
        #expect(pair.values == ["0", "1", "2", "3", "4"])
        pair.world.partition([pair.one], from: [pair.two])
        pair.send(5..<8)
        pair.world.run(until: Instant(seconds: 40))
        #expect(pair.world.deadLetters.count(of: .linkLost) == 3)
        // The session is dead: what is sent now is refused at once.
        pair.send(8..<9)
        pair.world.run(until: Instant(seconds: 41))
        #expect(pair.world.deadLetters.count(of: .linkLost) == 4)
        pair.world.heal([pair.one], and: [pair.two])
        pair.send(9..<10)
        pair.world.run(until: Instant(seconds: 42))
        #expect(pair.values.last == "9")
        #expect(pair.notes.count == 6)
    }

    @Test(
        "a partition is told to the watchers on both sides, once, when heartbeats would have found it"
    )
    func partitionIsTold() throws {
        let notes = Notes()
        let world = SimulatedWorld(options: .init(lossDetection: .seconds(15)))
        let left = Address(node: "l", name: "w")
        let one = try world.addNode("l")
        let two = try world.addNode("r")
        try one.spawn("x", notes.taker())
        try two.spawn("x", notes.taker())
        try one.spawn("w", notes.watcher("l", [Address(node: "r", name: "x")]))
        try two.spawn("w", notes.watcher("r", [Address(node: "l", name: "x"), left]))
        world.partition([one], from: [two])
        world.run(until: Instant(seconds: 14))
        #expect(notes.count == 0)
        world.run(until: Instant(seconds: 100))
        #expect(
            notes.lines.sorted() == [
                "l r/x peerLost 15000000000", "r l/w peerLost 15000000000",
                "r l/x peerLost 15000000000",
            ]
        )
    }

    @Test("a watch set across a cut link ends when the loss would be found")
    func watchAcrossCut() throws {
        let notes = Notes()
        let world = SimulatedWorld(options: .init(lossDetection: .seconds(15)))
        let one = try world.addNode("l")
        let two = try world.addNode("r")
        try two.spawn("x", notes.taker())
        world.cut(from: two, to: one)
        world.run(until: Instant(seconds: 60))
        try one.spawn("w", notes.watcher("l", [Address(node: "r", name: "x")]))
        world.run(until: Instant(seconds: 100))
        #expect(notes.lines == ["l r/x peerLost 75000000000"])
    }

    @Test("a clogged link holds messages back, in order")
    func clog() throws {
        let pair = try Pair(.init())
        pair.world.clog(from: pair.one, to: pair.two, for: .seconds(3))
        pair.send(0..<20)
        pair.world.run(until: Instant(seconds: 2.9))
        #expect(pair.notes.count == 0)
        pair.world.run(until: Instant(seconds: 3.1))
        #expect(pair.values == (0..<20).map(String.init))
    }

    @Test("extreme delays and sizes saturate at the end of time")
    func extremes() throws {
        let forever = Duration.seconds(Int64.max)
        let pair = try Pair(
            .init(link: LinkModel(latency: forever, bytesPerSecond: 1e-300), lossDetection: forever)
        )
        pair.world.clog(from: pair.one, to: pair.two, for: forever)
        pair.send(0..<3)
        pair.world.cut(from: pair.one, to: pair.two)
        pair.world.runUntilIdle()
        #expect(pair.notes.count == 0)
        #expect(pair.world.nextEvent == .distantFuture)
    }

    @Test("a full link refuses and the sender learns it")
    func congestion() throws {
        let pair = try Pair(.init())
        let outcomes = Notes()
        pair.world.cut(from: pair.one, to: pair.two)
        try pair.one.spawn("flood") { home in
            Probe(
                home: home,
                start: { context in
                    let ref = context.ref(
                        at: Address(node: "two", name: "taker"),
                        as: ProbeMessage.self
                    )
                    for value in 0..<65_540 {
                        if case .rejected(let reason) = ref.tell(.value(value)) {
                            outcomes.add(reason.rawValue)
                        }
                    }
                }
            ) { _, _ in }
        }
        #expect(outcomes.lines == ["congested", "congested", "congested", "congested"])
        #expect(pair.world.deadLetters.count(of: .congested) == 4)
    }

    @Test(
        "an answer comes back through a decoded reference, to a component or to the outside"
    )
    func referencesCross() throws {
        let pair = try Pair(.init(encodesNetworkMessages: true))
        let answer: ProbeMessage = try pair.world.ask(pair.sender) { .question($0, 5) }
        guard case .value(10) = answer else { throw ProbeError() }
        let notes = pair.notes
        try pair.one.spawn("asker") { home in
            Probe(
                home: home,
                start: { context in
                    context.ref(at: Address(node: "two", name: "taker"), as: ProbeMessage.self)
                        .tell(.question(context.me, 4))
                }
            ) { message, _ in
                if case .value(let value) = message { notes.add("answer \(value)") }
            }
        }
        pair.world.runUntilIdle()
        #expect(notes.lines == ["answer 8"])
    }

    @Test("a degraded link goes back to its own model, not to the default one")
    func degradeEnds() throws {
        let pair = try Pair(.init())
        pair.world.setLink(
            from: pair.one,
            to: pair.two,
            LinkModel(latency: .seconds(1), bytesPerSecond: 1e18)
        )
        try pair.world.apply(
            FaultSchedule([
                .init(
                    at: .zero,
                    .degrade(from: "one", to: "two", model: LinkModel(latency: .seconds(9)))
                ),
                .init(at: Instant(seconds: 20), .degrade(from: "one", to: "two", model: nil)),
            ])
        )
        pair.world.run(until: Instant(seconds: 30))
        pair.send(0..<1)
        pair.world.runUntilIdle()
        #expect(pair.notes.lines == ["0@31000000000"])
    }
}
