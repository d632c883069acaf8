// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// Troubles of the field, each a short story on a sketched cluster: the baseline shows the symptom, the
/// shipped policy does not. Numbers are those of the issues where operators reported them.
@Suite("Troubles of placement, as operators reported them")
struct ReenactmentPlacementTests {
    private typealias Lotus = LotusPolicy<LotusRules.Utilization>
    private static let hour = 3600.0

    @Test("lotus#8655, #7868: tasks are prepared and assigned on one worker while an equal one is idle")
    func pinned() {
        func startedByLatecomer(_ policy: any SchedulingPolicy) -> Int {
            var sketch = ClusterSketch(policy)
            sketch.addWorker("first", on: "a", [.commit2: 2])
            for sector in UInt64(1)...6 { sketch.submit(.commit2, sector: sector) }
            sketch.run(until: Instant(seconds: 10))
            #expect(sketch.runningCounts(.commit2) == ["first": 2])
            sketch.addWorker("second", on: "b", [.commit2: 2])
            sketch.run(until: Instant(seconds: 3600))
            return sketch.runningCounts(.commit2)["second"] ?? 0
        }
        #expect(startedByLatecomer(Lotus(PolicyContext())) == 0)
        #expect(startedByLatecomer(SealyardPolicy()) == 2)
    }

    @Test("lotus#8655: an operator is told at least where the task is bound to")
    func pinnedReason() throws {
        var sketch = ClusterSketch(Lotus(PolicyContext()))
        sketch.addWorker("first", on: "a", [.preCommit1: 1])
        for sector in UInt64(1)...4 { sketch.submit(.preCommit1, sector: sector, on: "a") }
        sketch.run(until: Instant(seconds: 10))
        let reasons = (2...4).compactMap { sketch.holds[ClusterSketch.id(.preCommit1, $0)] }
        #expect(reasons.filter { $0 == "prepared on first" }.count == 1)
        #expect(reasons.filter { $0.hasPrefix("assigned to window") }.count == 2)
    }

    @Test("lotus#2675, #2919: one worker has a queue of its own while others are idle")
    func uneven() {
        func idleSlots(_ policy: any SchedulingPolicy) -> Int {
            var sketch = ClusterSketch(policy)
            for index in 0..<10 { sketch.addWorker("w\(index)", on: "h\(index)", [.commit2: 2]) }
            for sector in UInt64(1)...20 { sketch.submit(.commit2, sector: sector) }
            sketch.run(until: Instant(seconds: 60))
            return 20 - sketch.starts.count
        }
        #expect(idleSlots(Lotus(PolicyContext(seed: 1))) > 0)
        #expect(idleSlots(SealyardPolicy()) == 0)
    }

    @Test("lotus#6838, #3410: PreCommit2 leaves the host of PreCommit1 although it could stay")
    func leavesHost() {
        func moved(_ policy: any SchedulingPolicy) -> UInt64 {
            let sketch = twoHosts(policy, sectors: 6)
            return sketch.movedBytes
        }
        #expect(moved(Lotus(PolicyContext(seed: 2))) > 480 << 30)
        #expect(moved(SealyardPolicy()) == 0)
    }

    @Test("lotus#2758, #3399: a sector travels there and back")
    func backAndForth() {
        func travels(_ policy: any SchedulingPolicy) -> Int {
            var counts: [UInt64: Int] = [:]
            for start in twoHosts(policy, sectors: 8).starts where start.movedBytes > 0 {
                counts[start.task.sector.number, default: 0] += 1
            }
            return counts.values.max() ?? 0
        }
        func hosts(_ policy: any SchedulingPolicy) -> Int {
            // A sector that was on one host, then another, then the first again.
            var places: [UInt64: [String]] = [:]
            for start in twoHosts(policy, sectors: 8).starts where start.task.type.needsFiles {
                let host = String(start.worker.prefix(1))
                if places[start.task.sector.number]?.last != host {
                    places[start.task.sector.number, default: []].append(host)
                }
            }
            return places.values.map(\.count).max() ?? 0
        }
        #expect((1...5).contains { hosts(Lotus(PolicyContext(seed: $0))) >= 3 })
        #expect(hosts(SealyardPolicy()) == 1)
        #expect(travels(SealyardPolicy()) == 0)
    }

    private func twoHosts(_ policy: any SchedulingPolicy, sectors: UInt64) -> ClusterSketch {
        var sketch = ClusterSketch(
            policy, sealingBytes: 483 << 30,
            durations: [
                .addPiece: .seconds(60), .preCommit1: .seconds(10_800), .preCommit2: .seconds(1200),
                .commit1: .seconds(60),
            ])
        sketch.followsPipeline = true
        for host in ["a", "b"] {
            let info = HostInfo(
                name: host, logicalCoreCount: 64, memoryBytes: 1 << 40, gpus: [.init(id: "0", name: "gpu")],
                nicBytesPerSecond: 1_250_000_000)
            sketch.addWorker(
                host, on: host, [.addPiece: 2, .preCommit1: 4, .preCommit2: 1, .commit1: 2], hostInfo: info,
                canFetch: true)
            sketch.addStore(on: host, bytes: 10 << 40)
        }
        for sector in 1...sectors { sketch.wish(sector: sector, bytes: 483 << 30) }
        sketch.run(until: Instant(seconds: 40 * Self.hour))
        return sketch
    }

    @Test("lotus#3498, curio PR#1519: labelling starts at once everywhere, and the next stage sees a burst")
    func convoy() {
        func longestQueue(_ policy: any SchedulingPolicy) -> Int {
            var sketch = ClusterSketch(
                policy, durations: [.preCommit1: .seconds(6 * 3600), .preCommit2: .seconds(1200)])
            sketch.followsPipeline = true
            sketch.addWorker("w", on: "h", [.preCommit1: 14, .preCommit2: 1])
            sketch.addStore(on: "h")
            for sector in UInt64(1)...14 { sketch.submit(.preCommit1, sector: sector, on: "h") }
            var most = 0
            for minute in 0..<720 {
                sketch.run(until: Instant(seconds: Double(minute) * 60 + 1))
                most = max(most, sketch.view.waitingCount(.preCommit2))
            }
            return most
        }
        #expect(longestQueue(Lotus(PolicyContext())) == 13)
        #expect(longestQueue(CurioEventPolicy(PolicyContext())) == 13)
        #expect(longestQueue(SealyardPolicy()) < 13)
    }

    @Test("lotus#5272: pieces that wait in the windows keep labelling from a slot that is free")
    func piecesBlock() {
        func labels(_ policy: any SchedulingPolicy) -> Bool {
            var sketch = ClusterSketch(policy)
            sketch.addWorker("w", on: "h", [.addPiece: 1, .preCommit1: 1])
            sketch.addStore(on: "h")
            for sector in UInt64(1)...4 { sketch.submit(.addPiece, sector: sector, on: "h", priority: 1024) }
            sketch.run(until: Instant(seconds: 10))
            let task = sketch.submit(.preCommit1, sector: 9, on: "h")
            sketch.run(until: Instant(seconds: 4 * Self.hour))
            return sketch.worker(of: task) != nil
        }
        #expect(!labels(Lotus(PolicyContext())))
        #expect(labels(SealyardPolicy()))
    }

    @Test("lotus#4012: what has waited longest is overtaken by what came later")
    func overtaken() {
        func first(_ policy: any SchedulingPolicy) -> UInt64? {
            var sketch = ClusterSketch(policy, durations: [.commit2: .seconds(600)])
            sketch.addWorker("w", on: "h", [.commit2: 1])
            for sector in UInt64(90)...93 { sketch.submit(.commit2, sector: sector) }
            sketch.run(until: Instant(seconds: 10))
            let old = sketch.submit(.commit2, sector: 200)
            sketch.run(until: Instant(seconds: 300))
            sketch.submit(.commit2, sector: 7)
            sketch.run(until: Instant(seconds: 5000))
            return sketch.starts.map(\.task.sector.number).first { $0 == old.sector.number || $0 == 7 }
        }
        #expect(first(Lotus(PolicyContext())) == 7)
        #expect(first(SealyardPolicy()) == 200)
    }

    @Test("lotus#4979: after a miner's restart a worker with room takes nothing until what it runs has ended")
    func quiet() {
        func takesNewWork(_ make: () -> any SchedulingPolicy) -> (before: Bool, after: Bool) {
            var sketch = ClusterSketch(make())
            sketch.addWorker("w", on: "h", [.commit2: 1, .preCommit1: 20])
            sketch.addStore(on: "h")
            let long = sketch.submit(.preCommit1, sector: 1, on: "h")
            sketch.run(until: Instant(seconds: 10))
            #expect(sketch.worker(of: long) == "w")
            sketch.restart(make())
            let proof = sketch.submit(.commit2, sector: 2)
            sketch.run(until: Instant(seconds: 4 * Self.hour))
            let before = sketch.worker(of: proof) != nil
            sketch.finish(long)
            sketch.run(until: Instant(seconds: 5 * Self.hour))
            return (before, sketch.worker(of: proof) != nil)
        }
        #expect(takesNewWork { Lotus(PolicyContext()) } == (false, true))
        #expect(takesNewWork { SealyardPolicy() } == (true, true))
    }

    @Test(
        "lotus#3500, #8918, #3709, #3056, #2109: a proof never runs on 128 GiB and nobody says why"
    )
    func silent() throws {
        var sketch = ClusterSketch(Lotus(PolicyContext()))
        let info = HostInfo(
            name: "h", logicalCoreCount: 32, memoryBytes: 128 << 30, gpus: [.init(id: "0", name: "gpu")])
        let worker = sketch.addWorker("w", on: "h", [.commit2: 1], hostInfo: info)
        let id = sketch.submit(.commit2, sector: 1)
        sketch.run(until: Instant(seconds: 24 * Self.hour))
        #expect(sketch.starts.isEmpty && sketch.holds.isEmpty)
        let task = try #require(sketch.view.task(id))
        let refusal = try #require(sketch.view.canStart(task, on: worker, at: sketch.now))
        #expect(refusal.code == .virtualMemory && refusal.description.contains("182"))
    }

    @Test("lotus#5848: two workers of one host both count all of it; the host's own account does not")
    func numa() {
        let info = HostInfo(name: "h", logicalCoreCount: 8, memoryBytes: 256 << 30)
        var sketch = ClusterSketch(Lotus(PolicyContext()))
        sketch.addStore(on: "h")
        for node in 0..<2 {
            sketch.addWorker(
                "w\(node)", on: "h", [.preCommit1: WorkerInfo.SlotCount.asResourcesAllow], hostInfo: info)
        }
        for sector in UInt64(1)...12 { sketch.submit(.preCommit1, sector: sector, on: "h") }
        sketch.run(until: Instant(seconds: 60))
        // 56 GiB each, 64 GiB with what may be swapped: 3 fit the host. Lotus believes that twice as many
        // run.
        #expect(sketch.starts.count == 3)
        let believed = sketch.holds.values.filter { $0.hasPrefix("bound to") }.count
        #expect(believed == 3)
    }

    @Test("lotus#7864, #5501: work whose ticket runs out waits behind work that has time")
    func ticketRunsOut() {
        func start(_ policy: any SchedulingPolicy) -> Double? {
            var sketch = ClusterSketch(policy, durations: [.preCommit2: .seconds(1200)])
            sketch.addWorker("w", on: "h", [.preCommit2: 1])
            sketch.addStore(on: "h")
            for sector in UInt64(1)...6 { sketch.submit(.preCommit2, sector: sector, on: "h") }
            sketch.run(until: Instant(seconds: 10))
            let pressed = sketch.submit(
                .preCommit2, sector: 99, on: "h", deadline: Instant(seconds: Self.hour))
            sketch.run(until: Instant(seconds: 4 * Self.hour))
            return sketch.starts.first { $0.task == pressed }?.at.seconds
        }
        // It takes twenty minutes and has an hour.
        for late in [start(Lotus(PolicyContext())), start(CurioEventPolicy(PolicyContext()))] {
            #expect(late.map { $0 + 1200 > Self.hour } == true)
        }
        #expect(start(SealyardPolicy()).map { $0 + 1200 <= Self.hour } == true)
    }

    @Test("curio#300: the path with the most room gets every sector, however much is under way there")
    func fullestPath() {
        func besideTheLargest(_ policy: any SchedulingPolicy) -> Int {
            var sketch = ClusterSketch(policy, sealingBytes: 100)
            sketch.addWorker("w", on: "h", [.addPiece: 4, .preCommit1: 20])
            sketch.addStore(on: "h", name: "h-large", bytes: 4000)
            sketch.addStore(on: "h", name: "h-small", bytes: 1000)
            for sector in UInt64(1)...10 { sketch.wish(sector: sector, bytes: 100) }
            sketch.run(until: Instant(seconds: 60))
            #expect(sketch.admitted.count == 10)
            return sketch.admitted.filter { $0.store == "h-small" }.count
        }
        #expect(besideTheLargest(CurioEventPolicy(PolicyContext())) == 0)
        #expect(besideTheLargest(SealyardPolicy()) == 2)
    }

    @Test("curio PR#1295: labelling is counted with four processors whatever it takes, and cores stay idle")
    func fourProcessors() {
        func labelled(_ policy: any SchedulingPolicy) -> Int {
            var sketch = ClusterSketch(policy)
            let info = HostInfo(name: "h", logicalCoreCount: 16, memoryBytes: 2 << 40)
            sketch.addWorker("w", on: "h", [.preCommit1: 14], hostInfo: info)
            sketch.addStore(on: "h")
            for sector in UInt64(1)...14 { sketch.submit(.preCommit1, sector: sector, on: "h") }
            sketch.run(until: Instant(seconds: 60))
            return sketch.starts.count
        }
        #expect(labelled(CurioEventPolicy(PolicyContext())) == 4)
        #expect(labelled(SealyardPolicy()) == 14)
    }
}
