// SPDX-License-Identifier: Apache-2.0
import Kernel
import Scheduler
import Testing

/// Processes that have directories of their own, and so are hosts of their own, may share a machine.
@Suite("Processes of one machine")
struct SharedMachineTests {
    private func info(_ machine: String, cores: Int = 64, gpus: [String] = []) -> HostInfo {
        HostInfo(
            name: machine, logicalCoreCount: cores, memoryBytes: 256 << 30,
            gpus: gpus.map { .init(id: $0, name: $0) }, nicBytesPerSecond: 1 << 30)
    }

    @Test("what one process takes of the machine is gone for the other, and for no other machine")
    func memory() {
        var sketch = ClusterSketch(OldestLocalPolicy())
        for (name, machine) in [("a", "box"), ("b", "box"), ("c", "shed")] {
            sketch.addWorker(name, on: name, [.commit2: 2], hostInfo: info(machine))
        }
        // A Commit2 of 32 GiB takes up to 182 GiB: one in each machine.
        for sector in UInt64(1)...3 { sketch.submit(.commit2, sector: sector) }
        sketch.decide()
        #expect(sketch.starts.map(\.worker) == ["a", "c"])
        let machines = sketch.view.hosts.map(\.machine)
        #expect(machines[0] == machines[1] && machines[0] != machines[2])
        #expect(sketch.view.brokenInvariant() == nil)
        sketch.finish(ClusterSketch.id(.commit2, 1))
        sketch.decide()
        #expect(sketch.starts.count == 3 && sketch.view.brokenInvariant() == nil)
    }

    @Test("a process that says another machine than before leaves the first one's account as it is")
    func moved() {
        var sketch = ClusterSketch(OldestLocalPolicy())
        sketch.addWorker("a", on: "a", [.commit2: 2], hostInfo: info("box"))
        sketch.submit(.commit2, sector: 1)
        sketch.decide()
        sketch.addWorker("a2", on: "a", [.commit2: 2], hostInfo: info("shed"))
        sketch.submit(.commit2, sector: 2)
        sketch.decide()
        #expect(sketch.starts.count == 2)
        for sector in UInt64(1)...2 { sketch.finish(ClusterSketch.id(.commit2, sector)) }
        #expect(sketch.view.brokenInvariant() == nil)
        let free = (0..<8).compactMap { sketch.view.ledger.account($0)?.memoryFree }
        #expect(free == [256 << 30, 256 << 30])
    }

    @Test(
        "each process tells of the GPU that its kernels use: the machine has all, also while something runs")
    func gpus() throws {
        let ledger = ResourceLedger()
        let need = ResourceNeed(gpuUnits: 1)
        func worker(_ gpu: String) -> WorkerInfo {
            WorkerInfo(name: gpu, host: gpu, store: gpu, slots: [], gpus: [gpu])
        }
        ledger.setHost(0, info("box", cores: 8, gpus: ["one"]))
        let first = try ledger.lease(
            1, need, stage: 2, host: 0, worker: worker("one"), workerIndex: 0)
        ledger.setHost(0, info("box", cores: 12, gpus: ["two"]))
        let second = try ledger.lease(
            2, need, stage: 2, host: 0, worker: worker("two"), workerIndex: 1)
        #expect(first.gpus == ["one"] && second.gpus == ["two"])
        #expect(ledger.account(0)?.info.logicalCoreCount == 12)
        #expect(throws: Refusal.self) {
            try ledger.lease(3, need, stage: 2, host: 0, worker: worker("one"), workerIndex: 0)
        }
        #expect(ledger.brokenAccount() == nil)
        ledger.release(1)
        ledger.release(2)
        #expect(ledger.account(0)?.gpuFreeCount == 2)
    }

    @Test("processes that are bound to processors add up, as far as these are not the same")
    func bound() throws {
        func told(_ processes: (cores: Int, of: [Int]?)...) throws -> Int {
            let ledger = ResourceLedger()
            for process in processes {
                var info = info("box", cores: process.cores)
                info.processors = process.of
                ledger.setHost(0, info)
                if ledger.leaseCount == 0 {
                    // Something runs, so that what others tell is added.
                    let worker = WorkerInfo(name: "w", host: "h", store: "h", slots: [])
                    _ = try ledger.lease(1, ResourceNeed(), stage: 2, host: 0, worker: worker, workerIndex: 0)
                }
            }
            return try #require(ledger.account(0)?.info.logicalCoreCount)
        }
        let (low, high, all) = (Array(0..<8), Array(8..<16), Array(0..<16))
        #expect(try told((8, low), (8, high)) == 16)
        #expect(try told((8, low), (8, low)) == 8)
        #expect(try told((8, low), (8, high), (8, low), (16, all)) == 16)
        #expect(try told((8, low), (12, Array(4..<16))) == 16)
        // Slots beyond the processors of one are no slots beyond those of the other.
        #expect(try told((20, low), (8, high)) == 28)
        #expect(try told((8, low), (64, nil)) == 64 && told((64, nil), (8, low)) == 64)
    }

    @Test("each process that is bound to cores is leased groups of its own, whichever told first")
    func groups() throws {
        func told(_ groups: [String: [Int]]) -> HostInfo {
            var info = info("box", cores: 8)
            info.processors = groups.values.flatMap(\.self).sorted()
            info.coreGroups = groups.sorted { $0.key < $1.key }.map {
                .init(id: $0.key, numaNode: 0, cores: $0.value)
            }
            return info
        }
        let parts = [["L3#0": [0, 1, 2, 3], "L3#1": [4, 5]], ["L3#1": [6, 7], "L3#2": [8, 9, 10, 11]]]
        let ledger = ResourceLedger()
        let need = ResourceNeed(wantsCoreGroup: true)
        func lease(_ id: UInt64, _ process: Int) throws(Refusal) -> DeviceGrant {
            let worker = WorkerInfo(
                name: "\(process)", host: "h", store: "h", slots: [], hostInfo: told(parts[process]))
            return try ledger.lease(id, need, stage: 1, host: 0, worker: worker, workerIndex: process)
        }
        ledger.setHost(0, told(parts[0]))
        #expect(try lease(1, 0).cores == [0, 1, 2, 3])
        ledger.setHost(0, told(parts[1]))
        // The second may use one that the first does not know, and its own cores of the one that both have.
        #expect(try lease(2, 1).cores == [6, 7])
        #expect(try lease(3, 1).cores == [8, 9, 10, 11])
        // Nothing is left of the groups that either may use.
        for process in [0, 1] {
            let refusal = #expect(throws: Refusal.self) { try lease(9, process) }
            #expect(refusal?.code == .coreGroup)
        }
        ledger.release(2)
        #expect(try lease(4, 0).cores == [4, 5])
        #expect(ledger.brokenAccount() == nil)
        for id in UInt64(1)...4 where id != 2 { ledger.release(id) }
        #expect(ledger.account(0)?.coreGroupFreeCount == 3)
    }

    @Test("of processes that share a machine the one whose task has waited longest goes first")
    func fairness() {
        var sketch = ClusterSketch(SealyardPolicy(PolicyContext()))
        var box = info("box")
        // Memory for one PreCommit2 at a time.
        box.memoryBytes = 40 << 30
        for name in ["a", "b", "c"] { sketch.addWorker(name, on: name, [.preCommit2: 1], hostInfo: box) }
        for sector in UInt64(1)...9 {
            sketch.submit(.preCommit2, sector: sector, on: ["a", "b", "c"][Int(sector - 1) % 3])
        }
        for sector in UInt64(1)...9 {
            sketch.decide()
            #expect(sketch.starts.count == Int(sector), "one at a time")
            sketch.finish(ClusterSketch.id(.preCommit2, sector))
        }
        #expect(sketch.starts.map(\.worker) == ["a", "b", "c", "a", "b", "c", "a", "b", "c"])
    }

    @Test("files that move within a machine take nothing of its card's rate")
    func withinMachine() {
        func moved(to machine: String) -> UInt64 {
            var sketch = ClusterSketch(Mover(PolicyContext()), sealingBytes: 1 << 39)
            sketch.addWorker("a", on: "a", [.addPiece: 1], hostInfo: info("box"))
            sketch.addWorker("b", on: "b", [.commit1: 8], hostInfo: info(machine), canFetch: true)
            for host in ["a", "b"] { sketch.addStore(on: host) }
            for sector in UInt64(1)...8 { sketch.submit(.commit1, sector: sector, on: "a") }
            sketch.decide()
            return sketch.movedBytes >> 39
        }
        // A move takes a quarter of a card: over the wire the fifth has to wait.
        #expect(moved(to: "shed") == 4)
        #expect(moved(to: "box") == 8)
    }

    /// Wants everything on the second worker.
    private struct Mover: SchedulingPolicy {
        static let name = "mover"
        static let summary = "moves everything"
        static let movesSectors = true

        init(_ context: PolicyContext) {}

        mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision] {
            view.waiting(.commit1).map { .prefetch($0.id, worker: 1) }
        }
    }
}
