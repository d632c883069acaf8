// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Sim
import Testing

@Suite("Troubles that no policy can make here, because the scheduler's own accounts rule them out")
struct ReenactmentRulesTests {
    /// Every shipped policy that decides by itself.
    static let names = PolicyCatalog.names.filter { $0 != ExternalPolicy.name }

    private func policy(_ name: String) throws -> any SchedulingPolicy {
        try #require(PolicyCatalog.make(name, PolicyContext(seed: 2)))
    }

    @Test(
        "lotus#7598, #3897, #3124, #4356: several pass the check for room before any of them takes it",
        arguments: names)
    func atomicRoom(name: String) throws {
        var sketch = ClusterSketch(try policy(name), sealingBytes: 100)
        sketch.addWorker("w", on: "h", [.addPiece: 9, .preCommit1: 9])
        sketch.addStore(on: "h", bytes: 250)
        for sector in UInt64(1)...5 { sketch.wish(sector: sector, bytes: 100) }
        sketch.run(until: Instant(seconds: 60))
        #expect(sketch.admitted.count == 2)
    }

    @Test("lotus#9089, #11013: two stores on one file system promise its room twice", arguments: names)
    func sharedFileSystem(name: String) throws {
        let disk = HostInfo.FileSystem(id: "pool", capacityBytes: 350, freeBytes: 350)
        var sketch = ClusterSketch(try policy(name), sealingBytes: 100)
        sketch.addWorker("w", on: "h", [.addPiece: 9, .preCommit1: 9])
        sketch.addStore(on: "h", bytes: 350, fileSystem: disk)
        sketch.addStore(on: "h", name: "h-second", bytes: 350, fileSystem: disk)
        for sector in UInt64(1)...7 { sketch.wish(sector: sector, bytes: 100) }
        sketch.run(until: Instant(seconds: 60))
        #expect(sketch.admitted.count == 3)
    }

    @Test(
        "lotus#4015: files are fetched to a disk that has no room for the rest of the sector's life",
        arguments: names)
    func fetchWithoutRoom(name: String) throws {
        var sketch = ClusterSketch(try policy(name), sealingBytes: 483 << 30)
        sketch.addWorker("busy", on: "a", [.preCommit1: 1])
        sketch.addWorker("idle", on: "b", [.preCommit2: 4], canFetch: true)
        sketch.addStore(on: "a")
        sketch.addStore(on: "b", bytes: 400 << 30)
        sketch.submit(.preCommit2, sector: 1, on: "a")
        sketch.run(until: Instant(seconds: 86_400))
        #expect(sketch.movedBytes == 0 && sketch.starts.isEmpty)
    }

    @Test("lotus#2960, #2451: on a host with two GPUs both tasks use the first", arguments: names)
    func gpus(name: String) throws {
        var sketch = ClusterSketch(try policy(name))
        let info = HostInfo(
            name: "h", logicalCoreCount: 64, memoryBytes: 1 << 40,
            gpus: [.init(id: "01:00.0", name: "gpu"), .init(id: "02:00.0", name: "gpu")])
        sketch.addWorker("w", on: "h", [.preCommit2: 4], hostInfo: info)
        sketch.addStore(on: "h")
        for sector in UInt64(1)...3 { sketch.submit(.preCommit2, sector: sector, on: "h") }
        sketch.run(until: Instant(seconds: 60))
        #expect(sketch.starts.count == 2)
        let used = sketch.starts.compactMap { sketch.devices(of: $0.task)?.gpus }
        #expect(Set(used.flatMap { $0 }) == ["01:00.0", "02:00.0"])
    }

    @Test("lotus#6049: a worker that is to become quiet goes on taking tasks", arguments: names)
    func drain(name: String) throws {
        var sketch = ClusterSketch(try policy(name), durations: [.commit2: .seconds(600)])
        sketch.addWorker("w", on: "h", [.commit2: 2])
        for sector in UInt64(1)...9 { sketch.submit(.commit2, sector: sector) }
        sketch.run(until: Instant(seconds: 30))
        #expect(sketch.runningCounts(.commit2) == ["w": 2])
        sketch.setCordoned("w", true)
        for sector in UInt64(10)...19 { sketch.submit(.commit2, sector: sector) }
        sketch.run(until: Instant(seconds: 7200))
        #expect(sketch.ends.count == 2 && sketch.runningCounts(.commit2).isEmpty)
        sketch.setCordoned("w", false)
        sketch.run(until: Instant(seconds: 7300))
        #expect(sketch.runningCounts(.commit2) == ["w": 2])
    }
}

@Suite("Troubles of loss, in the simulator")
struct ReenactmentLossTests {
    /// The devnet with hosts that Curio would take, of which one dies for good while its sectors are
    /// labelled.
    private func scenario() throws -> Scenario {
        var scenario = try Clusters.devnet(sectorCount: 24)
        var fault = try #require(Clusters.shipped("devnet").faults.first { $0.kind == .hostDown })
        fault.at = .seconds(20)
        fault.duration = nil
        scenario.faults = [fault]
        // Curio wants a GPU for trees and 128 GiB for a proof, whatever the sector's size.
        let large = try Clusters.shipped("handbook-f0494733").hosts[0]
        scenario.hosts[0].memory = large.memory
        scenario.hosts[0].gpus = large.gpus
        return scenario
    }

    private func outcome(_ policy: String) throws -> SimulationReport {
        let cluster = try SimulatedCluster(scenario(), options: .init(seed: 4, policy: policy))
        cluster.run(until: Clusters.days(0.5))
        return cluster.report()
    }

    @Test("lotus#4844, #5014, #5064: a worker that never comes back leaves its jobs waiting for ever")
    func retWait() throws {
        let lotus = try outcome("lotus-utilization")
        #expect(lotus.sectorsSealing > 0)
        let ours = try outcome("sealyard")
        #expect(ours.sectorsSealing == 0 && ours.sectorsProving == 24, "\(ours.text)")
    }

    @Test("curio: a node is thought alive for ten minutes and more, and its tasks wait as long")
    func tenMinutes() throws {
        var scenario = try self.scenario()
        scenario.report.warmUp = .seconds(1)
        let result = try Tournament(
            [scenario],
            .init(policies: ["sealyard", "curio-event"], seeds: Array(1...12), until: .seconds(43_200))
        ).run()
        let waits = [0, 1].compactMap { result.estimate(.redispatch, scenario: 0, policy: $0)?.mean }
        try #require(waits.count == 2, "\(result.csv)")
        #expect(waits[1] > 700 && waits[1] - waits[0] > 600, "\(waits)")
    }
}
