// SPDX-License-Identifier: Apache-2.0
import Kernel
import Synchronization
import Testing

@Suite("A simulated world repeats itself exactly")
struct DeterminismTests {
    @Test("ten runs of one seed, with faults, spawns and restarts, give one hash")
    func tenRuns() throws {
        let first = try chaosWorld(seed: 5)
        #expect(first.statistics.restarts > 0)
        #expect(first.statistics.spawned > 20)
        #expect(first.statistics.lost > 0)
        for _ in 1..<10 { #expect(try chaosWorld(seed: 5).traceHash == first.traceHash) }
    }

    @Test("different seeds give different hashes")
    func seedsDiffer() throws {
        let hashes = try Set((1...12).map { try chaosWorld(seed: $0).traceHash })
        #expect(hashes.count == 12)
    }

    @Test("the chaotic cluster of a seed has a known hash in every build mode and on every machine")
    func golden() throws {
        let hex = try chaosWorld(seed: 2026).traceHash.hex
        #expect(hex == "42a11bd7dd80e6404f9f731320f34b70")
    }

    @Test("eight worlds on threads of their own equal the same worlds one after another")
    func parallelWorlds() throws {
        let sequential = try (1...8).map { try chaosWorld(seed: $0).traceHash.hex }
        let parallel = Mutex([String](repeating: "", count: 8))
        let pool = try WorkPool(name: "worlds", threadCount: 4)
        let done = Mutex(0)
        for index in 0..<8 {
            pool.submit {
                let hex: String
                do { hex = try chaosWorld(seed: UInt64(index + 1)).traceHash.hex } catch {
                    hex = "\(error)"
                }
                parallel.withLock { $0[index] = hex }
                done.withLock { $0 += 1 }
            }
        }
        while done.withLock({ $0 }) < 8 { WaitABit.now() }
        pool.shutDown()
        #expect(parallel.withLock { $0 } == sequential)
    }

    @Test(
        "a journal that listens does not change the hash",
        arguments: [TraceDetail.route, .content]
    )
    func recordingIsSilent(detail: TraceDetail) throws {
        final class Sink: JournalSink { func record(_ record: JournalRecord) {} }
        func run(_ sink: Sink?) throws -> TraceHash {
            let notes = Notes()
            let world = SimulatedWorld(options: .init(seed: 3, traceDetail: detail))
            world.record(into: sink)
            let node = try world.addNode("n") { node in try node.spawn("x", notes.taker()) }
            for value in 0..<10 {
                node.ref(at: Address(node: "n", name: "x"), as: ProbeMessage.self).tell(
                    .value(value)
                )
            }
            world.runUntilIdle()
            return world.traceHash
        }
        #expect(try run(nil) == run(Sink()))
    }

    @Test(
        "messages of one component to another keep their order under seeded choice",
        arguments: 1...20
    )
    func pairOrder(seed: UInt64) throws {
        let notes = Notes()
        let jittery = LinkModel(latency: .milliseconds(1), jitter: .milliseconds(30))
        let world = SimulatedWorld(options: .init(seed: seed, link: jittery))
        for name in ["far", "near"] {
            try world.addNode(name) { try $0.spawn("taker", notes.taker("\(name) ")) }
        }
        let near = try #require(world.node("near"))
        try near.spawn("sender") { home in
            Probe(
                home: home,
                start: { context in
                    for node in ["far", "near"] {
                        let ref = context.ref(
                            at: Address(node: node, name: "taker"),
                            as: ProbeMessage.self
                        )
                        for value in 0..<50 { ref.tell(.value(value)) }
                    }
                }
            ) { _, _ in }
        }
        world.runUntilIdle()
        for name in ["far", "near"] {
            #expect(notes.lines.filter { $0.hasPrefix(name) } == (0..<50).map { "\(name) \($0)" })
        }
    }

    @Test("a content trace tells two messages apart that a route trace does not")
    func traceDetails() throws {
        func hash(_ detail: TraceDetail, _ value: Int) throws -> TraceHash {
            let notes = Notes()
            let world = SimulatedWorld(options: .init(seed: 1, traceDetail: detail))
            let node = try world.addNode("n")
            try node.spawn("x", notes.taker()).tell(.value(value))
            world.runUntilIdle()
            return world.traceHash
        }
        #expect(try hash(.content, 1) != hash(.content, 2))
        #expect(try hash(.route, 1) == hash(.route, 2))
    }
}
