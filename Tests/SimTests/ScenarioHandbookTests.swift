// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

/// Figures of the fleet handbook (nine clusters, lotus fork 1.11.1, mid 2021) that the shipped scenarios must
/// have, besides the counts of hosts in ``ScenarioShippedTests``.
@Suite("The handbook's figures")
struct ScenarioHandbookTests {
    typealias Kind = Scenario.Store.Kind

    @Test(
        "long-term stores are of the kinds that the table of clusters names",
        arguments: [
            ("f0494733", [Kind.nfs, .ceph]), ("f0822818", [.nfs, .ceph]), ("f0822441", [.nfs]),
            ("f0730670", [.ceph]), ("f01021773", [.ceph]), ("f01038389", [.ceph, .cloud]),
            ("f0469055", [.ceph, .cloud]), ("f0806904", [.ceph]), ("f01089422", [.ceph]),
        ])
    func stores(_ miner: String, _ kinds: [Kind]) throws {
        let scenario = try ShippedScenarios.load("handbook-" + miner)
        #expect(Set(scenario.stores.map(\.kind)) == Set(kinds))
    }

    static let sealing = ["f0494733", "f0730670", "f01021773", "f01038389", "f0469055", "f01089422"]

    /// Handbook, "Hosts": 2 TiB, RAID 0 of 30 TB, 14 × 128 GiB or 24 × 64 GiB of huge pages; 30 or 52
    /// sectors on the sealing disk; C2 hosts with four GPUs and four processes.
    @Test("hosts have the memory, pages, disks and processes of the table of hosts", arguments: sealing)
    func hosts(_ miner: String) throws {
        let scenario = try ShippedScenarios.load("handbook-" + miner)
        let isLarge = scenario.sectorSize.bytes == 64 << 30
        let p1 = try #require(scenario.hosts.first { $0.name == "p1" })
        #expect(p1.cpu.sockets == 2 && p1.cpu.coresPerSocket == 32 && p1.cpu.threadsPerCore == 1)
        #expect(p1.numaNodes == 8 && p1.memory.bytes == 2 << 40 && p1.gpusPerHost == 1)
        #expect(p1.hugepages.bytes >> 30 == (isLarge ? 14 * 128 : 24 * 64))
        #expect(p1.disks.map(\.capacity.bytes) == [30_000_000_000_000])
        #expect(p1.disks.map(\.maxSealing) == [isLarge ? 30 : 52])
        #expect(p1.workersPerHost == (isLarge ? 16 : 26))
        let c2 = try #require(scenario.hosts.first { $0.name == "c2" })
        #expect(c2.memory.bytes == 2 << 40 && c2.gpusPerHost == 4 && c2.workersPerHost == 4)
        let miner = try #require(scenario.hosts.first { $0.name == "miner" })
        #expect(miner.memory.bytes == 1 << 40)
    }

    /// Handbook, "Times".
    @Test("tasks take what was timed on the fleet", arguments: sealing)
    func times(_ miner: String) throws {
        let scenario = try ShippedScenarios.load("handbook-" + miner)
        let isLarge = scenario.sectorSize.bytes == 64 << 30
        let published: [(Scenario.TaskKind, ClosedRange<Double>)] =
            isLarge
            ? [(.preCommit1, 330...360), (.preCommit2, 18...20), (.commit2, 10...12)]
            : [(.preCommit1, 174...186), (.preCommit2, 8...10), (.commit2, 8...10)]
        for (kind, minutes) in published {
            let model = try #require(scenario.task(kind))
            guard case .uniform(let low, let high) = model.duration.shape else {
                Issue.record("\(kind.rawValue) is \(model.duration.shape)")
                continue
            }
            #expect(low == .seconds(Int(minutes.lowerBound * 60)), "\(kind.rawValue)")
            #expect(high == .seconds(Int(minutes.upperBound * 60)), "\(kind.rawValue)")
            #expect(model.provenance == .measured)
        }
    }

    /// Handbook, "How they run it": 28 pledges for each P1 host at the first start; two PreCommit1 go to a
    /// host every four minutes, so that 14 slots fill in 28 minutes.
    @Test("at the first start the fourteen slots of a host fill within 28 minutes, two every four")
    func firstStart() throws {
        let cluster = try SimulatedCluster(
            ShippedScenarios.load("handbook-f01021773"), options: .init(seed: 6))
        func begun(_ minutes: Int) throws -> Int {
            cluster.run(until: Instant(seconds: Double(minutes * 60)))
            return try #require(cluster.report().stages.first { $0.name == "PreCommit1" }).started
        }
        let hosts = 8
        #expect(try (1...2).contains(begun(1) / hosts))
        #expect(cluster.pledgedCount >= 28 * hosts)
        let half = try begun(14)
        #expect((6...8).contains(half / hosts), "\(half)")
        #expect(try begun(23) < 14 * hosts)
        #expect(try begun(28) == 14 * hosts)
    }

    /// Handbook, "What breaks": P2 should run without pause; a P1 host has one, and it keeps up.
    @Test("one P2 process keeps up with the fourteen P1 of its host, and C2 with all of them")
    func keepsUp() throws {
        for miner in Self.sealing where miner != "f01089422" {
            let limits = try SimulatedCluster(ShippedScenarios.load("handbook-" + miner)).report().limits
            func rate(_ name: String) throws -> Double {
                try #require(limits.first { $0.name == name }?.sectorsPerHour)
            }
            #expect(try rate("PreCommit2") > rate("PreCommit1") && rate("Commit2") > rate("PreCommit1"))
            #expect(limits.first?.name == "PreCommit1", "\(miner)")
        }
    }
}
