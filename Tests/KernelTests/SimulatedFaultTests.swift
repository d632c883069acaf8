// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Testing

@Suite("Kills, restarts and pauses of simulated nodes")
struct SimulatedFaultTests {
    private func address(_ text: String) throws -> Address { try #require(Address(parsing: text)) }

    @Test("a kill loses the mailbox, the timers and what is under way, and counts them")
    func kill() throws {
        let notes = Notes()
        let world = SimulatedWorld()
        let node = try world.addNode("n") { node in
            try node.spawn("x") { home in
                Probe(home: home, start: { $0.schedule(after: .seconds(1), .value(99)) }) {
                    message,
                    _ in
                    if case .value(let value) = message { notes.add("\(value)") }
                }
            }
        }
        let other = try world.addNode("o")
        let target = try address("n/x")
        try other.spawn("sender") { home in
            Probe(home: home, start: { $0.ref(at: target, as: ProbeMessage.self).tell(.value(1)) }) { _, _ in
            }
        }
        for value in 0..<4 { node.ref(at: target, as: ProbeMessage.self).tell(.value(value)) }
        world.kill(node)
        world.run(until: Instant(seconds: 5))
        #expect(notes.lines.isEmpty)
        #expect(world.statistics.lost == 5)
        #expect(world.deadLetters.count(of: .nodeKilled) == 5)
        #expect(
            node.ref(at: target, as: ProbeMessage.self).tell(.value(1)) == .rejected(.nodeKilled)
        )
        #expect(throws: KernelError.self) { try node.spawn("y", notes.taker()) }
    }

    @Test(
        "a restart boots anew: state is lost, references work, chance differs, watchers are told"
    )
    func restart() throws {
        let notes = Notes()
        let world = SimulatedWorld()
        let node = try world.addNode("n") { node in
            let count = Notes()
            try node.spawn("x") { home in
                Probe(home: home, start: { notes.add("draw \($0.random.next())") }) { _, _ in
                    count.add("")
                    notes.add("count \(count.count)")
                }
            }
        }
        let watching = try world.addNode("w")
        try watching.spawn("w", notes.watcher("w", [try address("n/x")]))
        let ref = node.ref(at: try address("n/x"), as: ProbeMessage.self)
        ref.tell(.value(0))
        ref.tell(.value(0))
        world.runUntilIdle()
        world.kill(node)
        world.run(until: Instant(seconds: 1))
        try world.restart(node)
        ref.tell(.value(0))
        world.run(until: Instant(seconds: 100))
        let lines = notes.lines.filter { !$0.hasPrefix("draw") }
        #expect(
            lines == ["count 1", "count 2", "w n/x peerLost 1000000000", "count 1"]
                || lines == ["count 1", "count 2", "count 1", "w n/x peerLost 1000000000"]
        )
        #expect(Set(notes.lines.filter { $0.hasPrefix("draw") }).count == 2)
        #expect(node.incarnation == 2)
    }

    @Test("a killed node that stays down is told to watchers once, after the detection")
    func killIsDetected() throws {
        let notes = Notes()
        let world = SimulatedWorld(options: .init(lossDetection: .seconds(15)))
        let node = try world.addNode("n") { try $0.spawn("x", notes.taker()) }
        let watching = try world.addNode("w")
        try watching.spawn("w", notes.watcher("w", [try address("n/x")]))
        world.kill(node)
        world.run(until: Instant(seconds: 100))
        try world.restart(node)
        world.run(until: Instant(seconds: 200))
        #expect(notes.lines == ["w n/x peerLost 15000000000"])
    }

    @Test("a watch set while the node is down ends when it boots without the component")
    func watchOfDownNode() throws {
        let notes = Notes()
        let world = SimulatedWorld(options: .init(lossDetection: .seconds(15)))
        let boots = Notes()
        let node = try world.addNode("n") { node in
            boots.add("")
            if boots.count == 1 { try node.spawn("x", notes.taker()) }
        }
        let watching = try world.addNode("w")
        world.kill(node)
        try watching.spawn("w", notes.watcher("w", [try address("n/x")]))
        world.run(until: Instant(seconds: 1))
        try world.restart(node)
        world.run(until: Instant(seconds: 100))
        #expect(notes.count == 1)
        #expect(notes.lines.first?.hasPrefix("w n/x unknown") == true)
    }

    @Test("watchers that stopped are forgotten, and later losses do not touch them")
    func stoppedWatchers() throws {
        let notes = Notes()
        let world = SimulatedWorld(options: .init(lossDetection: .seconds(1)))
        let node = try world.addNode("n") { try $0.spawn("x", notes.taker()) }
        let watching = try world.addNode("w")
        for index in 0..<100 {
            try watching.spawn("w\(index)", notes.watcher("w", [try address("n/x")]))
            if index % 2 == 0 {
                watching.ref(at: Address(node: "w", name: "w\(index)"), as: ProbeMessage.self).tell(
                    .word("x")
                )
            }
        }
        let stopper = try watching.spawn("s") { home in
            Probe(home: home) { message, context in
                let child = try context.spawn(
                    "child",
                    notes.watcher("child", [Address(node: "n", name: "x")])
                )
                context.unwatch(child)
                context.stop()
            }
        }
        stopper.tell(.value(1))
        world.run(until: Instant(seconds: 1))
        world.partition([node], from: [watching])
        world.run(until: Instant(seconds: 10))
        #expect(notes.count == 100)
        #expect(!notes.lines.contains { $0.hasPrefix("child") })
    }

    @Test("after a pause, messages and timers come in their old order", arguments: 1...10)
    func pause(seed: UInt64) throws {
        let notes = Notes()
        let world = SimulatedWorld(options: .init(seed: seed))
        let node = try world.addNode("n") { node in
            try node.spawn("x") { home in
                Probe(
                    home: home,
                    start: { context in
                        for value in 1...20 {
                            context.schedule(after: .milliseconds(Int64(value)), .value(value))
                        }
                    }
                ) { message, _ in
                    if case .value(let value) = message { notes.add("timer \(value)") }
                    if case .word(let word) = message { notes.add(word) }
                }
            }
        }
        let other = try world.addNode("o")
        let target = try address("n/x")
        world.pause(node)
        try other.spawn("sender") { home in
            Probe(
                home: home,
                start: { context in
                    for value in 1...20 {
                        context.ref(at: target, as: ProbeMessage.self).tell(
                            .word("message \(value)")
                        )
                    }
                }
            ) { _, _ in }
        }
        world.run(until: Instant(seconds: 10))
        #expect(notes.count == 0)
        world.resume(node)
        world.run(until: Instant(seconds: 11))
        #expect(notes.lines.filter { $0.hasPrefix("timer") } == (1...20).map { "timer \($0)" })
        #expect(notes.lines.filter { $0.hasPrefix("message") } == (1...20).map { "message \($0)" })
    }

    @Test("a node killed while paused loses what was held back, and works after its restart")
    func killWhilePaused() throws {
        let notes = Notes()
        let world = SimulatedWorld()
        let node = try world.addNode("n") { try $0.spawn("x", notes.taker()) }
        let other = try world.addNode("o")
        let target = try address("n/x")
        world.pause(node)
        for value in 0..<3 { node.ref(at: target, as: ProbeMessage.self).tell(.value(value)) }
        try other.spawn("sender") { home in
            Probe(home: home, start: { $0.ref(at: target, as: ProbeMessage.self).tell(.value(7)) }) { _, _ in
            }
        }
        world.run(until: Instant(seconds: 1))
        world.kill(node)
        #expect(world.statistics.lost == 4)
        world.resume(node)
        try world.restart(node)
        node.ref(at: target, as: ProbeMessage.self).tell(.value(5))
        world.run(until: Instant(seconds: 2))
        #expect(notes.lines == ["5"])
    }

    @Test("a boot that throws leaves the node down")
    func failedBoot() throws {
        let world = SimulatedWorld()
        #expect(throws: ProbeError.self) {
            try world.addNode("n") { node in
                try node.spawn("x", Notes().taker())
                throw ProbeError()
            }
        }
        #expect(world.node("n")?.isUp == false)
    }

    @Test("nodes and references that outlive their world are harmless")
    func afterTheWorld() throws {
        let notes = Notes()
        var world: SimulatedWorld? = SimulatedWorld()
        let node = try #require(try world?.addNode("n") { try $0.spawn("x", notes.taker()) })
        let ref = node.ref(at: try address("n/x"), as: ProbeMessage.self)
        ref.tell(.value(1))
        world = nil
        #expect(ref.tell(.value(2)) != .accepted)
        #expect(throws: KernelError.self) { try node.spawn("y", notes.taker()) }
        #expect(notes.count == 0)
    }

    @Test("schedules survive JSON, refuse bad values, and name unknown nodes")
    func schedules() throws {
        var random = RandomStream(seed: 8)
        let drawn = FaultSchedule.drawn(
            nodes: ["a", "b", "c"],
            count: 60,
            until: Instant(seconds: 100),
            from: &random
        )
        let data = try JSONEncoder().encode(drawn)
        #expect(try JSONDecoder().decode(FaultSchedule.self, from: data) == drawn)
        #expect(drawn.entries.allSatisfy { $0.at <= Instant(seconds: 100) })
        let world = SimulatedWorld()
        try world.addNode("a")
        try world.addNode("b")
        #expect { try world.apply(drawn) } throws: { error in
            let error = error as? KernelError
            return error?.code == .unknownNode && error?.message.contains("'c'") == true
        }
        try world.addNode("c")
        try world.apply(drawn)
        world.runUntilIdle()
        for name in ["a", "b", "c"] {
            #expect(world.node(name)?.isUp == true)
            #expect(world.node(name)?.isPaused == false)
        }
        for field in ["\"bytesPerSecond\":0", "\"loss\":2", "\"latency\":[-1,0]"] {
            let good = String(decoding: try JSONEncoder().encode(LinkModel()), as: UTF8.self)
            let name = String(field.prefix { $0 != ":" })
            let start = try #require(good.range(of: name + ":"))
            let rest = good[start.upperBound...]
            let end =
                rest.first == "["
                ? rest.index(after: try #require(rest.firstIndex(of: "]")))
                : (rest.firstIndex { $0 == "," || $0 == "}" } ?? rest.endIndex)
            let bad = good[..<start.lowerBound] + field + good[end...]
            #expect(throws: DecodingError.self) {
                try JSONDecoder().decode(LinkModel.self, from: Data(bad.utf8))
            }
        }
    }
}
