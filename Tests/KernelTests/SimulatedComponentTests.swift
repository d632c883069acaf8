// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Synchronization
import Testing

@Suite("Timers, mailboxes, supervision and adapters in a simulated world")
struct SimulatedComponentTests {
    private let notes = Notes()
    private let world = SimulatedWorld()

    private func ref(_ text: String) throws -> Ref<ProbeMessage> {
        world.ref(at: try #require(Address(parsing: text)), as: ProbeMessage.self)
    }

    @Test("timers of hours and of microseconds fire in one order, whenever they were set", arguments: 1...4)
    func timersNearAndFar(seed: UInt64) throws {
        let fired = Fired()
        let world = SimulatedWorld(options: .init(seed: seed))
        let node = try world.addNode("n")
        try node.spawn("x") { home in
            Probe(home: home, start: { context in fired.setSome(8_000, context) }) { message, context in
                guard case .value(let value) = message else { return }
                fired.note(value, at: context.now)
                // Some more from here on, some of them sooner than what waits already.
                if value % 4 == 0, fired.setCount < 30_000 { fired.setSome(5, context) }
            }
        }
        world.runUntilIdle()
        #expect(fired.problems == [])
        #expect(fired.setCount > 10_000 && fired.missing == 0)
    }

    @Test(
        "timers fire at their time, once, unless cancelled; a slot used again obeys only its own timer"
    )
    func timers() throws {
        let notes = notes
        let node = try world.addNode("n")
        try node.spawn("x") { home in
            Probe(
                home: home,
                start: { context in
                    let first = context.schedule(after: .seconds(1), .value(1))
                    notes.add("\(context.cancel(first)) \(context.cancel(first))")
                    context.schedule(after: .seconds(2), .value(2))
                    let past = context.schedule(at: Instant(nanoseconds: -5), .value(3))
                    context.schedule(after: .seconds(3), .value(4))
                    context.schedule(at: .distantFuture, .value(5))
                    _ = past
                }
            ) { message, context in
                if case .value(let value) = message { notes.add("\(value)@\(context.now.seconds)") }
            }
        }
        world.runUntilIdle()
        #expect(notes.lines == ["true false", "3@0.0", "2@2.0", "4@3.0"])
    }

    @Test("a timer that fired cannot be cancelled, nor does its number cancel its successor")
    func staleTimers() throws {
        let notes = notes
        let node = try world.addNode("n")
        try node.spawn("x") { home in
            // Safety: only the one component that captures it, on its world's thread, touches it.
            nonisolated(unsafe) var old: TimerID?
            return Probe(home: home, start: { old = $0.schedule(after: .seconds(1), .value(1)) }) {
                message,
                context in
                guard case .value(let value) = message else { return }
                notes.add("\(value)")
                if value == 1, let old {
                    context.schedule(after: .seconds(1), .value(2))
                    notes.add("\(context.cancel(old))")
                }
            }
        }
        world.runUntilIdle()
        #expect(notes.lines == ["1", "false", "2"])
    }

    @Test("a storm of cancelled timers keeps the heap small")
    func cancelStorm() throws {
        let node = try world.addNode("n")
        let notes = notes
        let x = try node.spawn("x") { home in
            Probe(home: home) { message, context in
                for _ in 0..<100 {
                    context.cancel(context.schedule(after: .seconds(3_600), message))
                }
                notes.add("")
            }
        }
        for value in 0..<2_000 {
            x.tell(.value(value))
            world.run(until: world.now + .milliseconds(1))
            #expect(world.pendingEventCount < 10_000)
        }
        #expect(notes.count == 2_000)
    }

    @Test("a full mailbox refuses the newest or drops the oldest, as its options say")
    func overflow() throws {
        let node = try world.addNode("n")
        let newest = try node.spawn(
            "newest",
            options: SpawnOptions(mailboxCountMax: 3),
            notes.taker("n")
        )
        let oldest = try node.spawn(
            "oldest",
            options: SpawnOptions(mailboxCountMax: 3, overflow: .dropOldest),
            notes.taker("o")
        )
        #expect(
            (0..<5).map { newest.tell(.value($0)) == .accepted } == [
                true, true, true, false, false,
            ]
        )
        #expect(
            (0..<5).map { oldest.tell(.value($0)) == .accepted } == [true, true, true, true, true]
        )
        world.runUntilIdle()
        #expect(notes.lines.filter { $0.hasPrefix("n") } == ["n0", "n1", "n2"])
        #expect(notes.lines.filter { $0.hasPrefix("o") } == ["o2", "o3", "o4"])
        #expect(world.deadLetters.count(of: .mailboxFull) == 4)
    }

    @Test("dead letters are counted by reason and name sender and place")
    func deadLetters() throws {
        let node = try world.addNode("n")
        try node.spawn("x", notes.taker())
        #expect(try ref("n/none").tell(.value(1)) == .rejected(.noRecipient))
        #expect(try ref("m/none").tell(.value(1)) == .rejected(.noRecipient))
        let wrong = world.ref(at: Address(node: "n", name: "x"), as: OtherMessage.self)
        #expect(wrong.tell(.answer(1)) == .rejected(.notUnderstood))
        let x = try ref("n/x")
        x.tell(.word("fail"))
        world.runUntilIdle()
        x.tell(.word("stop"))
        x.tell(.value(3))
        world.runUntilIdle()
        #expect(x.tell(.value(4)) == .rejected(.stopped))
        let letters = world.deadLetters
        let counts: [DeadLetterReason: Int] = [
            .noRecipient: 2, .notUnderstood: 1, .failed: 1, .stopped: 2,
        ]
        for (reason, count) in counts { #expect(letters.count(of: reason) == count) }
        #expect(letters.count == 6)
        #expect(letters.latest.last?.to == "n/x")
        #expect(letters.latest.last?.messageName == "test.probe")
    }

    @Test(
        "a failing component starts anew without its state, until it failed too often; then its watchers know"
    )
    func restartLimit() throws {
        let notes = notes
        let node = try world.addNode("n")
        let x = try node.spawn(
            "x",
            options: SpawnOptions(supervision: .restart(max: 2, within: .seconds(60)))
        ) { home in
            // Safety: only the one component that captures it, on its world's thread, touches it.
            nonisolated(unsafe) var count = 0
            return Probe(home: home, start: { _ in notes.add("start") }) { message, _ in
                count += 1
                notes.add("count \(count)")
                if case .word = message { throw ProbeError() }
            }
        }
        try node.spawn("w", notes.watcher("w", [x.address]))
        for _ in 0..<2 {
            x.tell(.value(0))
            x.tell(.word("fail"))
        }
        world.run(until: Instant(seconds: 1))
        #expect(
            notes.lines == ["start", "count 1", "count 2", "start", "count 1", "count 2", "start"]
        )
        x.tell(.word("fail"))
        world.run(until: Instant(seconds: 2))
        #expect(notes.lines.last == "w n/x failed 1000000000")
        #expect(world.statistics.restarts == 2)
        #expect(world.statistics.failures == 3)
    }

    @Test("restarts spread over time never reach the limit")
    func restartWindow() throws {
        let node = try world.addNode("n")
        let x = try node.spawn(
            "x",
            options: SpawnOptions(supervision: .restart(max: 1, within: .seconds(10))),
            notes.taker()
        )
        for round in 1...5 {
            x.tell(.word("fail"))
            world.run(until: Instant(seconds: Double(round) * 11))
        }
        x.tell(.value(1))
        world.runUntilIdle()
        #expect(notes.lines == ["1"])
    }

    @Test("resume keeps the state, stop ends, escalate makes the parent decide")
    func otherSupervisions() throws {
        let notes = notes
        let node = try world.addNode("n")
        let resumed = try node.spawn(
            "resumed",
            options: SpawnOptions(supervision: .resume),
            notes.taker("r")
        )
        resumed.tell(.word("fail"))
        resumed.tell(.value(1))
        let ended = try node.spawn(
            "ended",
            options: SpawnOptions(supervision: .stop),
            notes.taker("e")
        )
        ended.tell(.word("fail"))
        ended.tell(.value(1))
        let parent = try node.spawn("parent") { home in
            Probe(
                home: home,
                start: { context in
                    notes.add("parent starts")
                    let child = try context.spawn(
                        "child",
                        options: SpawnOptions(supervision: .escalate),
                        notes.taker("c")
                    )
                    child.tell(.value(0))
                }
            ) { _, _ in }
        }
        _ = parent
        world.runUntilIdle()
        try ref("n/child").tell(.word("fail"))
        world.runUntilIdle()
        #expect(notes.lines.filter { $0.hasPrefix("r") } == ["r1"])
        #expect(!notes.lines.contains("e1"))
        #expect(notes.lines.filter { $0 == "parent starts" }.count == 2)
        #expect(notes.lines.filter { $0 == "c0" }.count == 2)
    }

    @Test(
        "a component whose started() throws does not start, or stops after its restarts are used up",
        arguments: [3, 100_000]
    )
    func failingStart(restartCountMax: Int) throws {
        let notes = notes
        let node = try world.addNode("n")
        #expect {
            try node.spawn("x") { Probe(home: $0, start: { _ in throw ProbeError() }) { _, _ in } }
        } throws: {
            ($0 as? KernelError)?.code == .startFailed
        }
        let options = SpawnOptions(
            supervision: .restart(max: restartCountMax, within: .seconds(60))
        )
        let x = try node.spawn("x", options: options) { home in
            Probe(
                home: home,
                start: { _ in
                    notes.add("")
                    if notes.count > 1 { throw ProbeError() }
                }
            ) { _, _ in throw ProbeError() }
        }
        x.tell(.value(1))
        world.runUntilIdle()
        #expect(notes.count == restartCountMax + 1)
        #expect(x.tell(.value(1)) == .rejected(.stopped))
    }

    @Test("children end with their parent, deepest first; a component may stop in started()")
    func children() throws {
        let notes = notes
        let node = try world.addNode("n")
        let parent = try node.spawn("parent") { home in
            Probe(
                home: home,
                start: { context in
                    try context.spawn("child") { home in
                        Probe(home: home, start: { try $0.spawn("grandchild", notes.taker()) }) {
                            _,
                            _ in
                        }
                    }
                }
            ) { _, context in context.stop() }
        }
        try node.spawn(
            "w",
            notes.watcher(
                "w",
                ["parent", "child", "grandchild"].map { Address(node: "n", name: $0) }
            )
        )
        parent.tell(.value(1))
        world.runUntilIdle()
        #expect(
            notes.lines == [
                "w n/grandchild stopped 0", "w n/child stopped 0", "w n/parent stopped 0",
            ]
        )
        let brief = try node.spawn("brief") { Probe(home: $0, start: { $0.stop() }) { _, _ in } }
        #expect(brief.tell(.value(1)) == .rejected(.stopped))
    }

    @Test("what is told to a stopped component's reference reaches the one that took its name")
    func addressNamesAPlace() throws {
        let node = try world.addNode("n")
        let old = try node.spawn("x", notes.taker("old "))
        old.tell(.word("stop"))
        world.runUntilIdle()
        #expect(old.tell(.value(1)) == .rejected(.stopped))
        try node.spawn("x", notes.taker("new "))
        #expect(old.tell(.value(2)) == .accepted)
        world.runUntilIdle()
        #expect(notes.lines == ["new 2"])
    }

    @Test("a wrong guess of an address's vocabulary neither takes the name nor stays wrong")
    func wrongVocabulary() throws {
        let node = try world.addNode("n")
        let wrong = world.ref(at: Address(node: "n", name: "x"), as: OtherMessage.self)
        let early = try ref("n/x")
        #expect(early.tell(.value(0)) == .rejected(.notUnderstood))
        try node.spawn("x", notes.taker())
        #expect(wrong.tell(.answer(1)) != .accepted)
        #expect(early.tell(.value(1)) == .accepted)
        world.runUntilIdle()
        #expect(notes.lines == ["1"])
        #expect { try node.spawn("x", Notes().taker()) } throws: {
            ($0 as? KernelError)?.code == .nameTaken
        }
    }
}

/// Timers that one component set, with the order in which they must fire.
private final class Fired: Sendable {
    private struct Book {
        var random: RandomStream
        var due: [Int: Instant] = [:]
        var set = 0
        var latest = Instant.zero
        var problems: [String] = []
        var kept: [(id: TimerID, number: Int)] = []
    }

    private let book = Mutex(Book(random: RandomStream(seed: 11)))

    var setCount: Int { book.withLock { $0.set } }
    var missing: Int { book.withLock { $0.due.count } }
    var problems: [String] { book.withLock { $0.problems } }

    /// Sets timers between a nanosecond and a day ahead, and cancels about half of those set before.
    func setSome(_ count: Int, _ context: Context<ProbeMessage>) {
        book.withLock { book in
            for _ in 0..<count {
                let ahead = Int64(exp(book.random.uniform() * log(86_400e9)))
                let number = book.set
                book.set += 1
                book.due[number] = context.now + .nanoseconds(ahead)
                book.kept.append((context.schedule(after: .nanoseconds(ahead), .value(number)), number))
            }
            for _ in 0..<count / 2 {
                let known = book.kept.remove(at: Int(book.random.next() % UInt64(book.kept.count)))
                let isTaken = context.cancel(known.id)
                let wasDue = book.due.removeValue(forKey: known.number) != nil
                if isTaken != wasDue { book.problems.append("\(known.number): cancelled \(isTaken)") }
            }
        }
    }

    func note(_ number: Int, at now: Instant) {
        book.withLock { book in
            let due = book.due.removeValue(forKey: number)
            if due != now { book.problems.append("\(number) fired at \(now), due at \(due ?? .zero)") }
            if now < book.latest { book.problems.append("\(number) fired after a later one") }
            book.latest = now
        }
    }
}
