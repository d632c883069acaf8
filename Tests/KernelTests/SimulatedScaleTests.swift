// SPDX-License-Identifier: Apache-2.0
import Kernel
import Testing

@Suite("Adapters, memory and idle time in a simulated world")
struct SimulatedScaleTests {
    private static let target = Address(node: "two", name: "taker")

    /// A component that opens the adapter `side`, hands it to `two/taker` and notes the answers.
    private func asker(_ notes: Notes, factor: Int = 10) -> @Sendable (Home) throws -> Probe {
        { home in
            Probe(
                home: home,
                start: { context in
                    let door = context.adapter("side", from: OtherMessage.self) { message in
                        if case .answer(let value) = message { return .value(value * factor) }
                        return .value(-1)
                    }
                    context.ref(at: Self.target, as: ProbeMessage.self).tell(.pass(door, 4))
                }
            ) { message, context in
                if case .value(let value) = message { notes.add("\(value)") }
                if case .word("stop") = message { context.stop() }
            }
        }
    }

    @Test(
        "an adapter translates answers, here, across nodes and across the wire",
        arguments: [false, true]
    )
    func adapters(encodes: Bool) throws {
        let notes = Notes()
        let world = SimulatedWorld(options: .init(encodesNetworkMessages: encodes))
        let two = try world.addNode("two") { try $0.spawn("taker", notes.taker()) }
        try two.spawn("here", asker(notes))
        let one = try world.addNode("one") { try $0.spawn("asker", asker(notes)) }
        world.runUntilIdle()
        #expect(notes.lines == ["40", "40"])
        let door = Address(node: "one", name: "asker#side")
        #expect(world.ref(at: door, as: OtherMessage.self).tell(.answer(5)) == .accepted)
        one.ref(at: Address(node: "one", name: "asker"), as: ProbeMessage.self).tell(.word("stop"))
        world.runUntilIdle()
        #expect(notes.lines.last == "50")
        #expect(
            world.ref(at: door, as: OtherMessage.self).tell(.answer(6)) == .rejected(.noRecipient)
        )
    }

    @Test(
        "an adapter's old reference is dead after a kill until the next incarnation opens it anew"
    )
    func adapterAfterRestart() throws {
        let notes = Notes()
        let world = SimulatedWorld()
        try world.addNode("two") { try $0.spawn("taker", notes.taker()) }
        let boots = Notes()
        let one = try world.addNode("one") { node in
            boots.add("")
            try node.spawn("asker", asker(notes, factor: boots.count == 1 ? 10 : 100))
        }
        world.runUntilIdle()
        let door = world.ref(at: Address(node: "one", name: "asker#side"), as: OtherMessage.self)
        world.kill(one)
        #expect(door.tell(.answer(1)) != .accepted)
        try world.restart(one)
        #expect(door.tell(.answer(1)) == .accepted)
        world.runUntilIdle()
        #expect(notes.lines.sorted() == ["100", "40", "400"])
    }

    @Test("two hundred thousand short lives leave no places behind")
    func indexReuse() throws {
        let notes = Notes()
        let world = SimulatedWorld(options: .init(traceDetail: .route))
        let node = try world.addNode("n")
        let watched = try node.spawn("watched", notes.taker())
        let parent = try node.spawn("parent", options: SpawnOptions(mailboxCountMax: .max)) {
            home in
            Probe(home: home) { message, context in
                guard case .value(let value) = message else { return }
                let child = try context.spawn("c\(value)") { home in
                    Probe(
                        home: home,
                        start: { context in
                            context.watch(watched) { .ended("", $0) }
                            context.schedule(after: .seconds(1_000_000), .value(0))
                        }
                    ) { _, context in context.stop() }
                }
                child.tell(.value(1))
            }
        }
        for value in 0..<200_000 {
            parent.tell(.value(value))
            if value % 100 == 99 { world.run(until: world.now + .seconds(1)) }
        }
        world.run(until: world.now + .seconds(1))
        #expect(world.statistics.stopped == 200_000)
        #expect(world.placeCount < 20_000)
        #expect(world.pendingEventCount < 20_000)
    }

    @Test("three hundred nodes that watch a scheduler spend an idle year without an event")
    func idleYear() throws {
        let notes = Notes()
        let world = SimulatedWorld(options: .init(lossDetection: .seconds(15)))
        let scheduler = Address(node: "miner", name: "scheduler")
        let miner = try world.addNode("miner") { try $0.spawn("scheduler", notes.taker()) }
        for index in 0..<300 {
            try world.addNode("worker-\(index)") {
                try $0.spawn("worker", notes.watcher("\(index)", [scheduler]))
            }
        }
        #expect(world.run(until: Instant(seconds: 365 * 86_400)) == 0)
        #expect(world.statistics.delivered == 0)
        world.kill(miner)
        world.run(until: world.now + .seconds(60))
        #expect(notes.count == 300)
        #expect(world.statistics.delivered == 300)
    }
}
