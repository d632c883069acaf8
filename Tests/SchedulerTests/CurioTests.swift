// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

@Suite("Claims as Curio's nodes make them")
struct CurioTests {
    private static let host = HostInfo(
        name: "h", logicalCoreCount: 64, memoryBytes: 512 << 30, gpus: [.init(id: "0", name: "gpu")])

    private func info(_ name: String) -> HostInfo {
        var info = Self.host
        info.name = name
        return info
    }

    @Test("costs are those of 32 GiB, whatever the size")
    func costs() {
        #expect(
            CurioCost.of(.preCommit1)
                == CurioCost(processors: 4, memoryBytes: 68_987_912_192, failureCountMax: 2))
        #expect(CurioCost.of(.commit2).memoryBytes == 128 << 30)
        #expect(CurioCost.of(.preCommit2).gpus == 1)
        #expect(CurioCost.of(.finalize).processors == 0)
    }

    @Test(
        "a node takes what its own account has room for: 7 of labelling in 512 GiB, or 16 on 64 cores"
    )
    func node() {
        var node = CurioNode(processors: 64, memoryBytes: 512 << 30, gpus: 1)
        var count = 0
        while node.fits(CurioCost.of(.preCommit1)) {
            node.take(CurioCost.of(.preCommit1))
            count += 1
        }
        #expect(count == 7)
        node = CurioNode(processors: 64, memoryBytes: 1 << 50, gpus: 1)
        count = 0
        while node.fits(CurioCost.of(.preCommit1)) {
            node.take(CurioCost.of(.preCommit1))
            count += 1
        }
        #expect(count == 16)
        // A proof of 128 GiB never runs on a smaller node.
        #expect(!CurioNode(processors: 64, memoryBytes: 127 << 30, gpus: 1).fits(CurioCost.of(.commit2)))
    }

    @Test("every node polls every three seconds in its own phase")
    func phases() {
        let polls = CurioPolls(seed: 4)
        for name in ["a", "b", "c"] {
            let first = polls.next(name, from: Instant(seconds: 100))
            #expect(first >= Instant(seconds: 100) && first < Instant(seconds: 103))
            #expect(polls.next(name, from: first) == first)
            #expect(polls.next(name, from: first + .nanoseconds(1)) == first + .seconds(3))
        }
        #expect(polls.next("a", from: .zero) != polls.next("b", from: .zero))
    }

    @Test("one task a look, and the next look a tenth of a second later")
    func pollSpacing() {
        var sketch = ClusterSketch(CurioPollPolicy(PolicyContext(seed: 7)))
        sketch.addWorker("n", on: "h", [.preCommit1: 8], hostInfo: info("h"))
        for sector in UInt64(1)...4 { sketch.submit(.preCommit1, sector: sector, on: "h") }
        let first = CurioPolls(seed: 7).next("h", from: .zero)
        sketch.run(until: Instant(seconds: 10))
        #expect(sketch.starts.map(\.at) == (0..<4).map { first + .milliseconds(100) * $0 })
        #expect(sketch.starts.map(\.task.sector.number) == [1, 2, 3, 4])
    }

    @Test("with events the same four start together, ten milliseconds after the news")
    func event() {
        var sketch = ClusterSketch(CurioEventPolicy(PolicyContext(seed: 7)))
        sketch.addWorker("n", on: "h", [.preCommit1: 8], hostInfo: info("h"))
        for sector in UInt64(1)...4 { sketch.submit(.preCommit1, sector: sector, on: "h") }
        sketch.run(until: Instant(seconds: 10))
        #expect(sketch.starts.map(\.at) == Array(repeating: .zero + .milliseconds(10), count: 4))
    }

    @Test("both take what is nearest to the end of the pipeline first")
    func order() {
        func first(_ policy: any SchedulingPolicy) -> TaskType? {
            var sketch = ClusterSketch(policy)
            var small = info("h")
            small.memoryBytes = 200 << 30
            sketch.addWorker("n", on: "h", [.preCommit1: 1, .commit2: 1], hostInfo: small)
            sketch.submit(.preCommit1, sector: 1, on: "h")
            sketch.submit(.commit2, sector: 2)
            sketch.run(until: Instant(seconds: 10))
            return sketch.starts.first?.task.type
        }
        #expect(first(CurioPollPolicy()) == .commit2)
        #expect(first(CurioEventPolicy()) == .commit2)
    }

    @Test("a node takes in what it has room to label, and the common queue ahead of that")
    func takesInWhatItLabels() {
        var sketch = ClusterSketch(CurioEventPolicy())
        for name in ["a", "b"] {
            sketch.addWorker(name, on: name, [.addPiece: 2, .preCommit1: 3], hostInfo: info(name))
            sketch.addStore(on: name)
        }
        for sector in UInt64(1)...20 { sketch.wish(sector: sector, bytes: 1 << 39) }
        sketch.run(until: Instant(seconds: 1))
        // Three that it labels and two whose pieces are written meanwhile, on each: nobody takes another's.
        for name in ["a", "b"] { #expect(sketch.admitted.count { $0.store == name } == 5) }
    }

    @Test("a full node's queue keeps no sector from a node that has room")
    func freeNode() {
        var sketch = ClusterSketch(CurioPollPolicy())
        sketch.addWorker("full", on: "full", [.addPiece: 2], hostInfo: info("full"))
        for sector in UInt64(1)...12 { sketch.submit(.preCommit1, sector: sector, on: "full") }
        sketch.addWorker("free", on: "free", [.addPiece: 2, .preCommit1: 3], hostInfo: info("free"))
        sketch.addStore(on: "free")
        for sector in UInt64(20)...29 { sketch.wish(sector: sector, bytes: 1 << 39) }
        sketch.run(until: Instant(seconds: 9))
        #expect(sketch.admitted.count == 3)
    }

    @Test("beyond the nodes' room none is taken in while more than eight wait for labelling")
    func backpressure() {
        func admitted(waiting: UInt64, _ options: [String: String] = [:]) -> Int {
            var sketch = ClusterSketch(CurioEventPolicy(PolicyContext(options: options)))
            sketch.addWorker("n", on: "h", [.addPiece: 4, .preCommit1: 1], hostInfo: info("h"))
            sketch.addStore(on: "h")
            sketch.submit(.preCommit1, sector: 1, on: "h")
            sketch.run(until: Instant(seconds: 1))
            sketch.addWorker("m", on: "g", [.addPiece: 4], hostInfo: info("g"))
            for sector in 0..<waiting { sketch.submit(.preCommit1, sector: 100 + sector, on: "g") }
            sketch.wish(sector: 20, bytes: 1 << 39)
            sketch.run(until: Instant(seconds: 10))
            return sketch.admitted.count
        }
        #expect(admitted(waiting: 8) == 1)
        #expect(admitted(waiting: 9) == 0)
        #expect(admitted(waiting: 9, ["max-queue-sdr": "0"]) == 1)
    }

    @Test("both wait as long for a lost machine as Curio does, and Lotus waits for ever")
    func leases() {
        #expect(CurioPollPolicy.leaseOfLostWorker == .seconds(720))
        #expect(CurioEventPolicy.leaseOfLostWorker == .seconds(720))
        #expect(OldestLocalPolicy.leaseOfLostWorker == nil)
        #expect(LotusPolicy<LotusRules.Spread>.leaseOfLostWorker.map { $0 > .seconds(86_400 * 365) } == true)
    }
}
