// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sim
import Testing

/// The folder of the shipped scenarios, found from this file's own place.
enum ShippedScenarios {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Scenarios")

    static func load(_ name: String) throws -> Scenario {
        try Scenario.load(path: folder.appendingPathComponent(name + ".yaml").path)
    }
}

@Suite("Shipped scenarios")
struct ScenarioShippedTests {
    @Test("the handbook's cluster f0494733 has its hosts, slots and rules")
    func handbook() throws {
        let scenario = try ShippedScenarios.load("handbook-f0494733")
        #expect(scenario.name == "handbook-f0494733")
        #expect(scenario.sectorSize.bytes == 64 << 30)
        #expect(scenario.network == .mainnet)
        #expect(scenario.hostCount == 28)
        #expect(scenario.workerCount == 24 * 16 + 3 * 4 + 1)
        #expect(scenario.slotCount(of: .preCommit1) == 336)
        #expect(scenario.slotCount(of: .preCommit2) == 24)
        #expect(scenario.slotCount(of: .commit2) == 12)
        #expect(scenario.slotCount(of: .addPiece) == 24)
        let host = try #require(scenario.hosts.first)
        #expect(host.cpu.coreCount == 64)
        #expect(host.numaNodes == 8)
        #expect(host.hugepages.bytes == 14 * scenario.preCommit1MemoryBytes.bytes)
        #expect(host.disks.map(\.maxSealing) == [30])
        let p1 = try #require(scenario.task(.preCommit1))
        #expect(p1.duration.shape == .uniform(low: .seconds(19_800), high: .seconds(21_600)))
        #expect(p1.provenance == .measured)
        #expect(scenario.task(.commit1)?.duration.shape == .constant(.milliseconds(88_567)))
        #expect(scenario.workload.pledge.every == .seconds(240))
        #expect(scenario.workload.pledge.packingMax == 14)
        #expect(scenario.workload.pledge.initialPerHost == 28)
        let ticket = try #require(scenario.workload.tickets.first)
        #expect(ticket.task == .preCommit1 && ticket.scope == .host)
        #expect(ticket.rate == EventRate(count: 2, period: .seconds(240)))
        #expect(scenario.miner.finalizeEarly && !scenario.miner.batchPreCommits)
        #expect(scenario.report.until == .seconds(30 * 86_400))
    }

    @Test("the devnet has three workers that do everything and faults that hit them")
    func devnet() throws {
        let scenario = try ShippedScenarios.load("devnet")
        #expect(scenario.network == .devnet)
        #expect(scenario.workerCount == 3)
        #expect(Scenario.TaskKind.allCases.allSatisfy { scenario.slotCount(of: $0) >= 3 })
        #expect(scenario.task(.commit2)?.failureRate == 0.01)
        #expect(scenario.faults.count == 5)
        #expect(scenario.faults.last?.target == .store("disk"))
        #expect(scenario.faults.map(\.factor) == [1, 1, 1, 20, 1])
    }

    @Test("the normalized form says all and reads back as the same scenario", arguments: names)
    func normalized(_ name: String) throws {
        let scenario = try ShippedScenarios.load(name)
        let json = scenario.normalized.json
        #expect(try Scenario.parse(text: json, fileName: "normalized.json") == scenario)
        #expect(scenario.normalized.json == json)
        // The text is JSON in the eyes of another reader, and the encoder agrees with it.
        let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? NSDictionary
        let encoded = try JSONEncoder().encode(scenario.normalized)
        #expect(try JSONSerialization.jsonObject(with: encoded) as? NSDictionary == object)
        #expect(json.contains("\"packingMax\": \(scenario.workload.pledge.packingMax)"))
    }

    @Test(
        "every shipped file bears its own name and says where each duration is from",
        arguments: names
    )
    func honest(_ name: String) throws {
        let scenario = try ShippedScenarios.load(name)
        #expect(scenario.name == name)
        #expect(scenario.tasks.allSatisfy { !$0.source.isEmpty })
        #expect(!scenario.description.isEmpty)
    }

    static let names: [String] = {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: ShippedScenarios.folder.path)
                .filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
        } catch {
            return []
        }
    }()

    @Test(
        "all nine clusters of the handbook are shipped with their hosts",
        arguments: [
            ("f0494733", 24, 3, 14), ("f0822818", 0, 0, 14), ("f0822441", 0, 0, 14),
            ("f0730670", 32, 4, 14), ("f01021773", 8, 1, 14), ("f01038389", 26, 3, 14),
            ("f0469055", 26, 3, 14), ("f0806904", 0, 0, 14), ("f01089422", 1, 1, 24),
        ]
    )
    func nine(_ miner: String, _ p1Hosts: Int, _ c2Hosts: Int, _ slotsPerHost: Int) throws {
        let scenario = try ShippedScenarios.load("handbook-" + miner)
        #expect(scenario.slotCount(of: .preCommit1) == p1Hosts * slotsPerHost)
        #expect(scenario.slotCount(of: .commit2) == c2Hosts * 4)
        #expect(scenario.sectorSize.bytes == (slotsPerHost == 24 ? 32 << 30 : 64 << 30))
        #expect(scenario.workload.provesOnly == (p1Hosts == 0))
        #expect(scenario.slotCount(of: .windowPoSt) == 1)
    }

    @Test("every shipped file, those of the tournament included, is sound and its cluster can be built")
    func sound() throws {
        let tournament = ShippedScenarios.folder.appendingPathComponent("tournament")
        let more = try FileManager.default.contentsOfDirectory(atPath: tournament.path)
            .filter { $0.hasSuffix(".yaml") }.map { "tournament/" + String($0.dropLast(5)) }.sorted()
        #expect(more.count == 11 && Self.names.count == 18)
        for name in Self.names + more {
            let scenario = try ShippedScenarios.load(name)
            #expect(try SimulatedCluster(scenario).policy == scenario.policy, "\(name)")
        }
    }

    @Test("the folder holds the nine clusters and the devnet")
    func present() {
        #expect(Self.names.contains("devnet"))
        #expect(Self.names.count { $0.hasPrefix("handbook-") } == 9)
    }
}
