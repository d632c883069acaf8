// SPDX-License-Identifier: Apache-2.0
import Kernel
import KernelJournal
import Logging
import Synchronization
import Testing

/// Keeps a journal in memory.
private final class MemoryJournal: JournalSink {
    private let storage = Mutex<[JournalRecord]>([])
    func record(_ record: JournalRecord) { storage.withLock { $0.append(record) } }
    var records: [JournalRecord] { storage.withLock { $0 } }
}

/// Adds up what it is told; every third time it says so, after a random while, and sometimes it fails.
private actor Adder: Component {
    nonisolated let home: Home
    private let listener: Ref<ProbeMessage>
    private let step: Int
    private var sum = 0
    private var timer: TimerID?

    init(home: Home, listener: Ref<ProbeMessage>, step: Int = 1) {
        self.home = home
        self.listener = listener
        self.step = step
    }

    func started(_ context: Context<ProbeMessage>) {
        context.watch(listener) { .ended("listener", $0) }
        listener.tell(.value(Int(context.random.next() & 0xff)))
    }

    func receive(_ message: ProbeMessage, _ context: Context<ProbeMessage>) throws {
        switch message {
        case .value(let value):
            sum += value * step
            if sum % 7 == 0 { throw ProbeError() }
            let wasWaiting = timer.map { context.cancel($0) } ?? false
            timer = context.schedule(
                after: .milliseconds(Int64(context.random.index(below: 20))),
                .word("say")
            )
            if listener.tell(.value(wasWaiting ? -sum : sum)) != .accepted { sum = 0 }
            if sum % 5 == 0 { context.me.tell(.word("again")) }
        case .word(let word):
            listener.tell(.word("\(word) \(sum) at \(context.now.nanoseconds)"))
        case .question(let asker, let value): asker.tell(.value(value + sum))
        case .pass(let other, let value): other.tell(.answer(value + sum))
        case .ended: listener.tell(.word("alone"))
        }
    }
}

private let adderOptions = SpawnOptions(supervision: .restart(max: 100_000, within: .seconds(1)))
private let listenerAddress = Address(node: "n", name: "listener")

@Suite("The replay of a journal")
struct ReplayTests {
    @Test(
        "every component of a chaotic cluster says the same again, through a file",
        arguments: [1, 7, 23]
    )
    func chaos(seed: UInt64) throws {
        let folder = try ScratchFolder()
        var options = JournalWriter.Options(folder: folder.url)
        options.whenFull = .write
        let writer = try JournalWriter(options)
        let world = try chaosWorld(seed: seed, journal: writer)
        world.record(into: nil)
        try writer.close()
        let supervision = SpawnOptions(supervision: .restart(max: 1_000, within: .seconds(60)))
        for node in ["a", "b", "c", "d"] {
            let peers = ["a", "b", "c", "d"].filter { $0 != node }.map {
                Address(node: $0, name: "chat")
            }
            let report = try Replay.run(
                journal: JournalReader(folder.url),
                component: Address(node: node, name: "chat"),
                options: supervision
            ) { home, _ in Chatterer(home: home, peers: peers) }
            #expect(report.isIdentical, "\(String(describing: report.firstDifference))")
            #expect(report.deliveryCount > 500)
            #expect(report.sentCount > 200)
            #expect(report.birthCount > 1)
        }
    }

    /// Records an adder in a simulated world.
    private func recordAdder() throws -> [JournalRecord] {
        let journal = MemoryJournal()
        let world = SimulatedWorld(options: .init(seed: 5))
        world.record(into: journal)
        try world.addNode("n") { node in
            let listener = try node.spawn(
                "listener",
                options: SpawnOptions(mailboxCountMax: 2),
                Notes().taker()
            )
            try node.spawn("adder", options: adderOptions) { Adder(home: $0, listener: listener) }
        }
        let adder = world.ref(at: Address(node: "n", name: "adder"), as: ProbeMessage.self)
        for value in 1...400 {
            for part in 0..<(value % 4) { adder.tell(.value(value + part)) }
            world.run(until: world.now + .milliseconds(7))
        }
        world.ref(at: listenerAddress, as: ProbeMessage.self).tell(.word("stop"))
        world.run(until: world.now + .seconds(1))
        return journal.records
    }

    private func replay(_ records: [JournalRecord], step: Int = 1) throws -> ReplayReport {
        try Replay.run(
            records: records,
            component: Address(node: "n", name: "adder"),
            options: adderOptions
        ) { home, world in
            Adder(
                home: home,
                listener: world.ref(at: listenerAddress, as: ProbeMessage.self),
                step: step
            )
        }
    }

    @Test("restarts, refusals, timers, own messages and watches are replayed; nothing is different")
    func identical() throws {
        let records = try recordAdder()
        #expect(records.contains { $0.rejection == .mailboxFull })
        let report = try replay(records)
        #expect(report.isIdentical, "\(String(describing: report.firstDifference))")
        #expect(report.birthCount > 10)
        #expect(report.deliveryCount > 600)
        #expect(report.sentCount == records.count { $0.kind == .sent && $0.from == "n/adder" })
    }

    @Test("changed logic is found at its first different word, and named")
    func changedLogic() throws {
        let records = try recordAdder()
        let own = records.filter { ($0.kind == .sent ? $0.from : $0.to) == "n/adder" }
        let difference = try #require(try replay(records, step: 2).firstDifference)
        #expect(own[difference.index].time == difference.time)
        #expect(difference.expected.contains("test.probe to n/listener"))
        #expect(difference.expected.contains("\"value\""))
        #expect(difference.got != difference.expected)
        #expect(difference.description.contains("expected test.probe to n/listener {"))
    }

    @Test("a word too many and a word too few are differences as well")
    func tooManyAndTooFew() throws {
        var records = try recordAdder()
        let index = try #require(
            records.firstIndex { $0.kind == .sent && $0.from == "n/adder" && $0.time > .zero }
        )
        let removed = records.remove(at: index)
        #expect(try replay(records).firstDifference?.time == removed.time)
        records.insert(removed, at: index)
        records.insert(removed, at: index)
        #expect(try replay(records).firstDifference != nil)
        let births = records.filter { $0.kind != .spawned }
        #expect { try replay(births) } throws: { ($0 as? JournalError)?.code == .noBirth }
    }

    @Test(
        "a journal of a live world is replayed in a simulated one, time, chance and questions included"
    )
    func live() async throws {
        let journal = MemoryJournal()
        let world = try LiveWorld(
            name: "n",
            options: .init(executorCount: 2, seed: 9),
            log: Logger(label: "test") { _ in SilentLog() }
        )
        world.record(into: journal)
        let listener = try world.spawn("listener", Notes().taker())
        let adder = try world.spawn("adder", options: adderOptions) {
            Adder(home: $0, listener: listener)
        }
        for value in 1...300 {
            adder.tell(.value(value))
            if value % 50 == 0 {
                let _: ProbeMessage = try await adder.ask(timeout: .seconds(30)) {
                    .question($0, value)
                }
                do { try await Task.sleep(for: .milliseconds(5)) } catch { return }
            }
        }
        world.stop(listener)
        #expect(
            await WaitABit.until {
                journal.records.contains { $0.kind == .ended && $0.to == "n/listener" }
            }
        )
        let _: ProbeMessage = try await adder.ask(timeout: .seconds(30)) { .question($0, 1) }
        world.shutDown()
        let report = try replay(journal.records)
        #expect(report.isIdentical, "\(String(describing: report.firstDifference))")
        #expect(report.deliveryCount > 306)
        #expect(report.birthCount > 5)
        #expect(try replay(journal.records, step: 3).firstDifference != nil)
    }
}
