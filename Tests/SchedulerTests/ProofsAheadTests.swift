// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// A window proof is due at a time that is known a day ahead. A task that runs for hours must not hold then
/// what the proof needs.
@Suite("Room for proofs that are known ahead")
struct ProofsAheadTests {
    /// A proof of 32 GiB sectors may take 128 GiB and PreCommit1 64 GiB: with this much it fits beside one
    /// PreCommit1 and a PreCommit2, and not beside two.
    private let small: UInt64 = 230 << 30

    private func machine(_ name: String, memory: UInt64) -> HostInfo {
        HostInfo(
            name: name, logicalCoreCount: 64, memoryBytes: memory, gpus: [.init(id: name, name: name)],
            nicBytesPerSecond: 0)
    }

    private func proofs(
        _ deadline: Int, begin: Double, due: Double, count: Int = 1
    ) -> ProofsAhead {
        ProofsAhead(
            deadline: deadline, begin: Instant(seconds: begin), due: Instant(seconds: due), count: count,
            proof: 8)
    }

    private func sketch(_ hosts: [(name: String, memory: UInt64)]) -> ClusterSketch {
        var sketch = ClusterSketch(
            OldestLocalPolicy(),
            durations: [
                .preCommit1: .seconds(10_000), .preCommit2: .seconds(600), .windowPoSt: .seconds(300),
            ])
        for host in hosts {
            sketch.addWorker(
                host.name, on: host.name, [.preCommit1: 4, .preCommit2: 1, .windowPoSt: 1],
                hostInfo: machine(host.name, memory: host.memory))
        }
        return sketch
    }

    @Test("what would still run when a proof must begin waits; what ends before starts")
    func long() throws {
        var sketch = sketch([("a", small)])
        sketch.expectProofs([proofs(7, begin: 3_000, due: 4_500)])
        sketch.submit(.preCommit1, sector: 1, on: "a")
        sketch.submit(.preCommit1, sector: 2, on: "a")
        sketch.submit(.preCommit2, sector: 3, on: "a")
        sketch.decide()
        // The first PreCommit1 leaves room for a proof, the second would not; PreCommit2 is over by then.
        #expect(sketch.starts.map(\.task.sector.number).sorted() == [1, 3])
        let task = try #require(sketch.view.task(ClusterSketch.id(.preCommit1, 2)))
        let refusal = try #require(sketch.view.canStart(task, on: 0, at: sketch.now))
        #expect(refusal.code == .poStAhead && refusal.until == Instant(seconds: 4_500))
        #expect(refusal.description.contains("a needs for the proofs of a deadline"))
        #expect(sketch.view.brokenInvariant() == nil)
        // The proof was asked for: it goes ahead of all else from now on by itself.
        sketch.expectProofs([])
        sketch.decide()
        #expect(sketch.starts.count == 3)
    }

    @Test("where another machine keeps the room, none waits; the last one that has it does")
    func others() {
        var sketch = sketch([("a", small), ("b", small)])
        sketch.expectProofs([proofs(7, begin: 3_000, due: 4_500)])
        for sector in UInt64(1)...2 { sketch.submit(.preCommit1, sector: sector, on: "a") }
        for sector in UInt64(3)...4 { sketch.submit(.preCommit1, sector: sector, on: "b") }
        sketch.decide()
        #expect(sketch.starts.count == 3, "two on one machine and one on the other")
        // As many partitions as both can prove in the time need both.
        var two = self.sketch([("a", small), ("b", small)])
        two.expectProofs([proofs(7, begin: 3_000, due: 3_800, count: 4)])
        for sector in UInt64(1)...2 { two.submit(.preCommit1, sector: sector, on: "a") }
        for sector in UInt64(3)...4 { two.submit(.preCommit1, sector: sector, on: "b") }
        two.decide()
        #expect(two.starts.count == 2)
    }

    @Test("a machine with room for both, one that proves nothing, and a deadline that is over hold nobody up")
    func free() {
        for (memory, due) in [(UInt64(1) << 40, 4_500.0), (small, 0)] {
            var sketch = sketch([("a", memory)])
            sketch.expectProofs([proofs(7, begin: 0, due: due)])
            for sector in UInt64(1)...2 { sketch.submit(.preCommit1, sector: sector, on: "a") }
            sketch.decide()
            #expect(sketch.starts.count == 2)
        }
        var sketch = sketch([("a", small)])
        sketch.addWorker("b", on: "b", [.preCommit1: 4], hostInfo: machine("b", memory: small))
        sketch.expectProofs([proofs(7, begin: 3_000, due: 4_500)])
        for sector in UInt64(1)...2 { sketch.submit(.preCommit1, sector: sector, on: "b") }
        sketch.decide()
        #expect(sketch.starts.count == 2)
    }
}

/// Sectors that are labelled on one host and replicated on another must travel. A slot that waits for files
/// does nothing.
@Suite("Files on their way before a slot is free")
struct LookAheadTests {
    private static let sector: UInt64 = 1 << 39

    /// A host that only labels, and others with a slot for PreCommit2 each.
    private func sketch(_ others: [String], seconds: Int = 600) -> ClusterSketch {
        var sketch = ClusterSketch(
            SealyardPolicy(), sealingBytes: Self.sector, durations: [.preCommit2: .seconds(seconds)])
        func info(_ name: String) -> HostInfo {
            // 512 GiB take five minutes.
            HostInfo(
                name: name, logicalCoreCount: 64, memoryBytes: 1 << 41, gpus: [.init(id: name, name: name)],
                nicBytesPerSecond: Self.sector / 300)
        }
        sketch.addWorker("p1", on: "p1", [.preCommit1: 8], hostInfo: info("p1"))
        sketch.addStore(on: "p1")
        for name in others {
            sketch.addWorker(name, on: name, [.preCommit2: 1], hostInfo: info(name), canFetch: true)
            sketch.addStore(on: name)
        }
        return sketch
    }

    @Test("the next sector's files come while the slot is busy, and the slot waits for none after the first")
    func overlaps() {
        var sketch = sketch(["p2"])
        for number in UInt64(1)...4 { sketch.submit(.preCommit2, sector: number, on: "p1") }
        sketch.run(until: Instant(seconds: 10_000))
        // One move of 300 s ahead of the first, and then tasks of 600 s without a gap.
        #expect(sketch.ends.map { $0.at.seconds.rounded() } == [900, 1_500, 2_100, 2_700])
        #expect(sketch.movedBytes == 4 * Self.sector, "every sector travels once")
    }

    @Test("sectors of several hosts travel in the order in which they came, whatever their host")
    func fair() {
        for seconds in [600, 6_100] {
            var sketch = sketch(["p2"], seconds: seconds)
            sketch.addWorker(
                "q1", on: "q1", [.preCommit1: 8],
                hostInfo: HostInfo(
                    name: "q1", logicalCoreCount: 64, memoryBytes: 1 << 41,
                    nicBytesPerSecond: Self.sector / 300))
            sketch.addStore(on: "q1")
            for number in UInt64(1)...8 {
                sketch.submit(.preCommit2, sector: number, on: number % 2 == 0 ? "p1" : "q1")
            }
            sketch.run(until: Instant(seconds: 100_000))
            // With the long task nothing sets out ahead: the move is too short for that.
            #expect(sketch.ends.map(\.task.sector.number) == Array(1...8), "\(seconds) s")
        }
    }

    @Test("one sector a slot is on its way; the others stay free for whoever has a slot first")
    func oneASlot() {
        var sketch = sketch(["p2", "p3"])
        for number in UInt64(1)...8 { sketch.submit(.preCommit2, sector: number, on: "p1") }
        sketch.run(until: Instant(seconds: 100))
        #expect(sketch.starts.count == 2)
        #expect(sketch.movedBytes == 4 * Self.sector, "two that began, and one ahead for each")
        sketch.run(until: Instant(seconds: 20_000))
        #expect(sketch.ends.count == 8 && sketch.movedBytes == 8 * Self.sector)
        #expect(Dictionary(grouping: sketch.starts, by: \.worker).mapValues(\.count) == ["p2": 4, "p3": 4])
    }

    @Test(
        "what is over in no time is not looked ahead for, and a host with slots of its own keeps its sectors")
    func notWorthIt() {
        var slow = sketch(["p2"], seconds: 30_000)
        for number in UInt64(1)...2 { slow.submit(.preCommit2, sector: number, on: "p1") }
        slow.run(until: Instant(seconds: 10_000))
        #expect(slow.movedBytes == Self.sector)
        var local = sketch(["p2"])
        local.addWorker("own", on: "p1", [.preCommit2: 1], canFetch: true)
        for number in UInt64(1)...2 { local.submit(.preCommit2, sector: number, on: "p1") }
        local.run(until: Instant(seconds: 1))
        #expect(local.starts.map(\.worker).contains("own") && local.view.movesAhead.isEmpty)
    }

    @Test("a host that is lost while files travel to it: they go to another")
    func lost() {
        var sketch = sketch(["p2", "p3"])
        for number in UInt64(1)...4 { sketch.submit(.preCommit2, sector: number, on: "p1") }
        sketch.run(until: Instant(seconds: 100))
        sketch.setAvailable("p2", false)
        sketch.run(until: Instant(seconds: 20_000))
        #expect(sketch.ends.count == 4)
        #expect(sketch.view.movesAhead.isEmpty && sketch.view.brokenInvariant() == nil)
    }
}
