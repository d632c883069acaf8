// SPDX-License-Identifier: Apache-2.0
import Kernel
import Logging
import Synchronization
import Testing

private func quietLog() -> Logger { Logger(label: "test") { _ in SilentLog() } }

/// Runs `body` with a live world of its own and shuts it down.
private func withWorld(
    _ options: LiveWorld.Options = .init(executorCount: 3, seed: 1),
    _ body: (LiveWorld) async throws -> Void
) async throws {
    let world = try LiveWorld(name: "live", options: options, log: quietLog())
    defer { world.shutDown() }
    try await body(world)
}

private func number(_ message: ProbeMessage) -> Int? {
    if case .value(let value) = message { return value }
    return nil
}

@Suite("A live world", .serialized)
struct LiveWorldTests {
    @Test("two components on two threads play ping-pong")
    func pingPong() async throws {
        try await withWorld { world in
            let done = Notes()
            let pong = try world.spawn("pong", Notes().taker())
            let ping = try world.spawn("ping") { home in
                Probe(home: home) { message, context in
                    guard case .value(let value) = message else { return }
                    if value >= 5_000 {
                        done.add("\(value)")
                    } else {
                        pong.tell(.question(context.me, value))
                    }
                }
            }
            ping.tell(.value(0))
            #expect(await WaitABit.until { done.count == 1 })
        }
    }

    @Test("ten thousand messages from each of eight threads arrive, each thread's in its order")
    func manyThreads() async throws {
        try await withWorld { world in
            let last = Mutex([Int](repeating: -1, count: 8))
            let wrong = Notes()
            let total = Mutex(0)
            let taker = try world.spawn("taker", options: SpawnOptions(mailboxCountMax: .max)) {
                home in
                Probe(home: home) { message, _ in
                    guard case .value(let value) = message else { return }
                    last.withLock { last in
                        if last[value / 10_000] != value % 10_000 - 1 { wrong.add("\(value)") }
                        last[value / 10_000] = value % 10_000
                    }
                    total.withLock { $0 += 1 }
                }
            }
            let pool = try WorkPool(name: "tellers", threadCount: 8)
            for thread in 0..<8 {
                pool.submit {
                    for value in 0..<10_000 { taker.tell(.value(thread * 10_000 + value)) }
                }
            }
            #expect(await WaitABit.until { total.withLock { $0 } == 80_000 })
            pool.shutDown()
            #expect(wrong.count == 0)
            #expect(world.deadLetters.count == 0)
        }
    }

    @Test("questions are answered from many tasks at once, whatever thread the component lives on")
    func asks() async throws {
        try await withWorld { world in
            let refs = try (0..<6).map { try world.spawn("answerer-\($0)", Notes().taker()) }
            try await withThrowingTaskGroup(of: Int.self) { group in
                for value in 0..<600 {
                    group.addTask {
                        let answer: ProbeMessage = try await refs[value % 6].ask(
                            timeout: .seconds(30)
                        ) {
                            .question($0, value)
                        }
                        return (number(answer) ?? -1) - value
                    }
                }
                for try await difference in group { #expect(difference == 1) }
            }
            let byAddress = world.ref(at: refs[0].address, as: ProbeMessage.self)
            let late = world.ref(at: Address(node: "live", name: "late"), as: ProbeMessage.self)
            try world.spawn("late", Notes().taker())
            for ref in [byAddress, late] {
                let answer: ProbeMessage = try await ref.ask(timeout: .seconds(30)) {
                    .question($0, 1)
                }
                #expect(number(answer) == 2)
            }
        }
    }

    @Test(
        "a question fails by timeout, by cancellation, without a recipient, beyond the limit, and at the end"
    )
    func failedAsks() async throws {
        let world = try LiveWorld(
            name: "live",
            options: .init(executorCount: 1, seed: 1, asksInFlightMax: 2),
            log: quietLog()
        )
        let mute = try world.spawn("mute") { Probe(home: $0) { _, _ in } }
        func code(_ body: () async throws -> ProbeMessage) async -> String {
            do {
                return "\(try await body())"
            } catch let error as KernelError { return error.code.rawValue } catch {
                return "\(type(of: error))"
            }
        }
        #expect(
            await code { try await mute.ask(timeout: .milliseconds(20)) { .question($0, 1) } }
                == "timedOut"
        )
        let nobody = world.ref(at: Address(node: "live", name: "nobody"), as: ProbeMessage.self)
        #expect(
            await code { try await nobody.ask(timeout: .seconds(9)) { .question($0, 1) } }
                == "undeliverable"
        )
        let abroad = world.ref(at: Address(node: "abroad", name: "x"), as: ProbeMessage.self)
        #expect(
            await code { try await abroad.ask(timeout: .seconds(9)) { .question($0, 1) } }
                == "undeliverable"
        )
        let asked = Notes()
        let waiting = (0..<2).map { _ in
            Task {
                await code {
                    try await mute.ask(timeout: .seconds(60)) {
                        asked.add("")
                        return .question($0, 1)
                    }
                }
            }
        }
        #expect(await WaitABit.until { asked.count == 2 })
        #expect(
            await code { try await mute.ask(timeout: .seconds(9)) { .question($0, 1) } }
                == "tooManyAsks"
        )
        waiting[0].cancel()
        #expect(await waiting[0].value == "CancellationError")
        world.shutDown()
        #expect(await waiting[1].value == "shutDown")
        #expect(
            await code { try await mute.ask(timeout: .seconds(9)) { .question($0, 1) } }
                == "shutDown"
        )
    }

    @Test("timers fire in order and at most once; cancelled ones do not")
    func timers() async throws {
        try await withWorld { world in
            let notes = Notes()
            try world.spawn("x") { home in
                Probe(
                    home: home,
                    start: { context in
                        context.schedule(after: .milliseconds(30), .value(3))
                        context.schedule(after: .milliseconds(10), .value(1))
                        let never = context.schedule(after: .milliseconds(20), .value(2))
                        notes.add("\(context.cancel(never)) \(context.cancel(never))")
                        for _ in 0..<5_000 {
                            context.cancel(context.schedule(after: .seconds(100), .value(9)))
                        }
                        context.schedule(at: .distantFuture, .value(8))
                    }
                ) { message, context in
                    if let value = number(message) { notes.add("\(value)") }
                    if number(message) == 3 { context.schedule(at: .zero, .value(4)) }
                }
            }
            #expect(await WaitABit.until { notes.lines.last == "4" })
            #expect(notes.lines == ["true false", "1", "3", "4"])
        }
    }

    @Test("a cancelled timer never comes, even where it ran out while its component was busy")
    func cancelAfterRunningOut() async throws {
        try await withWorld { world in
            let notes = Notes()
            try world.spawn("x") { home in
                Probe(
                    home: home,
                    start: { context in
                        let timer = context.schedule(after: .milliseconds(1), .value(1))
                        for _ in 0..<30 { WaitABit.now() }
                        notes.add("\(context.cancel(timer))")
                        context.schedule(after: .milliseconds(1), .value(2))
                    }
                ) { message, _ in notes.add("\(number(message) ?? 0)") }
            }
            #expect(await WaitABit.until { notes.count == 2 })
            #expect(notes.lines == ["true", "2"])
        }
    }

    @Test("a full mailbox refuses the newest or drops the oldest, and both are counted")
    func overflow() async throws {
        try await withWorld { world in
            for (overflow, expected) in [
                (Overflow.rejectNewest, [0, 1, 2]), (.dropOldest, [3, 4, 5]),
            ] {
                let notes = Notes()
                let gate = Mutex(false)
                let before = world.deadLetters.count(of: .mailboxFull)
                let options = SpawnOptions(mailboxCountMax: 3, overflow: overflow)
                let x = try world.spawn("x-\(overflow)", options: options) { home in
                    Probe(home: home) { message, _ in
                        if case .word = message {
                            notes.add("in")
                            while !gate.withLock({ $0 }) { WaitABit.now() }
                        }
                        if let value = number(message) { notes.add("\(value)") }
                    }
                }
                x.tell(.word("block"))
                #expect(await WaitABit.until { notes.count == 1 })
                for value in 0..<6 { x.tell(.value(value)) }
                gate.withLock { $0 = true }
                #expect(await WaitABit.until { notes.count == 4 })
                #expect(notes.lines == ["in"] + expected.map(String.init))
                #expect(world.deadLetters.count(of: .mailboxFull) - before == 3)
                #expect(!world.isCongested)
            }
        }
    }
}
