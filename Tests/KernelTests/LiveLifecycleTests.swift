// SPDX-License-Identifier: Apache-2.0
import Kernel
import Logging
import Synchronization
import Testing

private func makeWorld(_ executorCount: Int = 3) throws -> LiveWorld {
    try LiveWorld(
        name: "live",
        options: .init(executorCount: executorCount, seed: 1),
        log: Logger(label: "test") { _ in SilentLog() }
    )
}

@Suite("Life and death in a live world", .serialized)
struct LiveLifecycleTests {
    @Test(
        "a failing component starts anew, its children too, until it failed too often; watchers learn why"
    )
    func supervision() async throws {
        let world = try makeWorld()
        defer { world.shutDown() }
        let notes = Notes()
        let options = SpawnOptions(supervision: .restart(max: 2, within: .seconds(60)))
        let x = try world.spawn("x", options: options) { home in
            // Safety: only the one component that captures it, on its world's thread, touches it.
            nonisolated(unsafe) var count = 0
            return Probe(
                home: home,
                start: { context in
                    try context.spawn("child", notes.taker("child "))
                }
            ) { message, _ in
                count += 1
                notes.add("count \(count)")
                if case .word = message { throw ProbeError() }
            }
        }
        try world.spawn("w", notes.watcher("w", [x.address]))
        for _ in 0..<3 {
            x.tell(.value(1))
            x.tell(.word("fail"))
        }
        #expect(await WaitABit.until { notes.lines.last?.hasPrefix("w ") == true })
        #expect(
            notes.lines.dropLast() == [
                "count 1", "count 2", "count 1", "count 2", "count 1", "count 2",
            ]
        )
        #expect(notes.lines.last?.hasPrefix("w live/x failed") == true)
        #expect(world.metrics.value("kernel.restarts") == 2)
        #expect(await WaitABit.until { x.tell(.value(1)) == .rejected(.stopped) })
        #expect(world.deadLetters.count(of: .failed) == 3)
    }

    @Test(
        "resume keeps the state, escalate restarts the parent, a failing start is thrown and frees the name"
    )
    func otherSupervisions() async throws {
        let world = try makeWorld()
        defer { world.shutDown() }
        let notes = Notes()
        let resumed = try world.spawn(
            "resumed",
            options: SpawnOptions(supervision: .resume),
            notes.taker()
        )
        resumed.tell(.word("fail"))
        resumed.tell(.value(1))
        #expect(await WaitABit.until { notes.lines == ["1"] })
        try world.spawn("parent") { home in
            Probe(
                home: home,
                start: { context in
                    notes.add("parent starts")
                    try context.spawn(
                        "child",
                        options: SpawnOptions(supervision: .escalate),
                        notes.taker()
                    )
                }
            ) { _, _ in }
        }
        world.ref(at: Address(node: "live", name: "child"), as: ProbeMessage.self).tell(
            .word("fail")
        )
        #expect(await WaitABit.until { notes.lines == ["1", "parent starts", "parent starts"] })
        for _ in 0..<50 {
            #expect {
                try world.spawn("bad") {
                    Probe(home: $0, start: { _ in throw ProbeError() }) { _, _ in }
                }
            } throws: {
                ($0 as? KernelError)?.code == .startFailed
            }
        }
        try world.spawn("bad", notes.taker())
        #expect { try world.spawn("bad", notes.taker()) } throws: {
            ($0 as? KernelError)?.code == .nameTaken
        }
    }

    @Test("nothing overtakes started(), however early it is told")
    func startedIsFirst() async throws {
        let world = try makeWorld()
        defer { world.shutDown() }
        let pool = try WorkPool(name: "eager", threadCount: 1)
        defer { pool.shutDown() }
        for round in 0..<200 {
            let notes = Notes()
            let ref = world.ref(at: Address(node: "live", name: "x\(round)"), as: ProbeMessage.self)
            let isOver = Mutex(false)
            pool.submit { while !isOver.withLock({ $0 }) && ref.tell(.value(1)) != .accepted {} }
            try world.spawn("x\(round)") { home in
                Probe(home: home, start: { _ in notes.add("started") }) { _, _ in notes.add("value")
                }
            }
            #expect(await WaitABit.until { notes.count == 2 })
            isOver.withLock { $0 = true }
            #expect(notes.lines == ["started", "value"])
        }
    }

    @Test(
        "components spawn children and neighbors on every thread, without waiting for each other"
    )
    func spawnFromComponents() async throws {
        let world = try makeWorld()
        defer { world.shutDown() }
        let notes = Notes()
        let spawners = try (0..<6).map { index in
            try world.spawn("spawner-\(index)") { home in
                Probe(home: home) { message, context in
                    guard case .value(let value) = message else { return }
                    try context.spawn("child-\(index)-\(value)", notes.taker()).tell(.value(1))
                    try world.spawn("beside-\(index)-\(value)", notes.taker()).tell(.value(1))
                }
            }
        }
        for value in 0..<50 { for spawner in spawners { spawner.tell(.value(value)) } }
        #expect(await WaitABit.until { notes.count == 600 })
        for spawner in spawners { world.stop(spawner) }
        let child = world.ref(at: Address(node: "live", name: "child-0-0"), as: ProbeMessage.self)
        #expect(await WaitABit.until { child.tell(.value(1)) != .accepted })
        let beside = world.ref(at: Address(node: "live", name: "beside-0-0"), as: ProbeMessage.self)
        #expect(beside.tell(.value(1)) == .accepted)
    }

    @Test("stops are told to watchers once; watching nobody is told at once; an unwatch is heeded")
    func watching() async throws {
        let world = try makeWorld()
        defer { world.shutDown() }
        let notes = Notes()
        let x = try world.spawn("x", notes.taker())
        let y = try world.spawn("y", notes.taker())
        try world.spawn(
            "w",
            notes.watcher("w", [x.address, Address(node: "live", name: "nobody")])
        )
        try world.spawn("u") { home in
            Probe(
                home: home,
                start: { context in
                    context.watch(x) { .ended("unwatched", $0) }
                    context.unwatch(x)
                    context.watch(y) { .ended("y", $0) }
                }
            ) { message, _ in
                if case .ended(let name, let reason) = message {
                    notes.add("u \(name) \(reason.rawValue)")
                }
            }
        }
        x.tell(.word("stop"))
        world.stop(x)
        y.tell(.word("stop"))
        #expect(await WaitABit.until { notes.count == 3 })
        let firsts = notes.lines.map { $0.split(separator: " ").prefix(3).joined(separator: " ") }
            .sorted()
        #expect(firsts == ["u y stopped", "w live/nobody unknown", "w live/x stopped"])
        #expect(x.tell(.value(1)) == .rejected(.stopped))
        try world.spawn("x", notes.taker("new "))
        #expect(x.tell(.value(2)) == .accepted)
        #expect(await WaitABit.until { notes.lines.last == "new 2" })
    }

    @Test("a busy world shuts down; its references stay harmless, and what waited is counted")
    func shutDown() async throws {
        for round in 0..<20 {
            let world = try makeWorld(2)
            let notes = Notes()
            let x = try world.spawn("x") { home in
                Probe(
                    home: home,
                    start: { context in
                        context.me.tell(.value(0))
                        context.schedule(after: .seconds(100), .value(1))
                    }
                ) { message, context in
                    context.me.tell(message)
                    if notes.count < 3 { notes.add("") }
                }
            }
            let door = world.ref(at: Address(node: "live", name: "later"), as: ProbeMessage.self)
            let pool = try WorkPool(name: "late", threadCount: 2)
            for thread in 0..<2 {
                pool.submit {
                    for value in 0..<300 {
                        x.tell(.value(value))
                        door.tell(.value(value))
                        do { try world.spawn("s-\(thread)-\(value)", Notes().taker()) } catch {
                            break
                        }
                    }
                }
            }
            #expect(await WaitABit.until { notes.count == 3 })
            if round % 2 == 0 { WaitABit.now() }
            world.shutDown()
            world.shutDown()
            pool.shutDown()
            #expect(x.tell(.value(1)) == .rejected(.stopped))
            #expect(door.tell(.value(1)) != .accepted)
            #expect(world.deadLetters.count(of: .stopped) > 0)
            #expect { try world.spawn("y", notes.taker()) } throws: {
                ($0 as? KernelError)?.code == .shutDown
            }
        }
    }

    @Test("references outlive their world")
    func referencesOutlive() throws {
        let notes = Notes()
        func orphan() throws -> (Ref<ProbeMessage>, Ref<ProbeMessage>) {
            let world = try makeWorld(1)
            let ref = try world.spawn("x", notes.taker())
            let byName = world.ref(at: Address(node: "live", name: "z"), as: ProbeMessage.self)
            world.shutDown()
            return (ref, byName)
        }
        let (ref, byName) = try orphan()
        #expect(ref.tell(.value(1)) == .rejected(.stopped))
        #expect(byName.tell(.value(1)) != .accepted)
    }

    @Test("adapters translate on a live node, also for those who know only their address")
    func adapters() async throws {
        let world = try makeWorld()
        defer { world.shutDown() }
        let notes = Notes()
        let taker = try world.spawn("taker", notes.taker())
        let asker = try world.spawn("asker") { home in
            Probe(
                home: home,
                start: { context in
                    let door = context.adapter("side", from: OtherMessage.self) { message in
                        if case .answer(let value) = message { return .value(value * 10) }
                        return .value(0)
                    }
                    taker.tell(.pass(door, 4))
                }
            ) { message, context in
                if case .value(let value) = message { notes.add("\(value)") }
                if case .word = message { context.stop() }
            }
        }
        #expect(await WaitABit.until { notes.lines == ["40"] })
        let door = world.ref(at: Address(node: "live", name: "asker#side"), as: OtherMessage.self)
        #expect(door.tell(.answer(7)) == .accepted)
        #expect(await WaitABit.until { notes.lines == ["40", "70"] })
        asker.tell(.word("stop"))
        #expect(await WaitABit.until { door.tell(.answer(7)) != .accepted })
    }

    @Test("work that is shared by threads comes back in order, each number once", arguments: [1, 2, 3, 16])
    func each(threadCount: Int) throws {
        let seen = Mutex<[Int: Int]>([:])
        for count in [0, 1, 2, 500] {
            seen.withLock { $0 = [:] }
            let squares = try WorkPool.each(count, threadCount: threadCount) { number in
                seen.withLock { $0[number, default: 0] += 1 }
                return number * number
            }
            #expect(squares == (0..<count).map { $0 * $0 })
            #expect(seen.withLock { $0.count } == count && seen.withLock { $0.values.allSatisfy { $0 == 1 } })
        }
    }
}
