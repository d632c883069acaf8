// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

/// Workers that share no disk: the files of a sector follow its tasks from host to host.
@Suite("Files between workers", .serialized)
struct FetchTests {
    private func with(_ cluster: RoleCluster, _ body: (RoleCluster) async throws -> Void) async throws {
        do { try await body(cluster) } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
    }

    /// Hashes a kept sector from the replica up and compares it with what the miner knows of it.
    private func check(_ number: UInt64, in store: String, _ cluster: RoleCluster) throws {
        let root = cluster.folder.path(store)
        let notes = try JSONSerialization.jsonObject(
            with: Data(contentsOf: URL(filePath: "\(root)/notes/s-t01000-\(number).json")))
        let table = try #require(notes as? [String: Any])
        let output = try #require(table["preCommit2"])
        let commitments = try JSONDecoder().decode(
            PreCommit2Output.self, from: JSONSerialization.data(withJSONObject: output))
        let status = try cluster.json([String: Any].self, "sectors", "status", "\(number)")
        #expect(status["commR"] as? String == commitments.commR.sealedCID)
        let sector = SectorIdentity(
            minerID: 1000, number: number, proof: try .forSize(SectorSize(parsing: "2KiB"), family: .v1_1))
        try SealPipeline(sector, paths: SectorPaths(root: root, sector: sector))
            .verifySector(commR: commitments.commR, everything: true)
    }

    @Test(
        "disjoint roles on three hosts, one killed with -9 amid a fetch: all sectors prove and lie in the store"
    )
    func roles() async throws {
        try await with(try await RoleCluster()) { cluster in
            try await cluster.startWorker("w1", slots: ["AP=1", "PC1=1"])
            // Slow enough to be caught: a sector's files take seconds.
            let slots = ["PC2=1"]
            try await cluster.startWorker(
                "w2", slots: slots, ["--fetch-rate", "2KiB/s", "--fetch-chunk", "1KiB"])
            try await cluster.startWorker(
                "w3", slots: ["C1=1", "FIN=1", "RM=1"], ["--long-term", cluster.folder.path("store")])
            try await cluster.until("three workers are here") {
                try cluster.json([[String: Any]].self, "sealing", "workers").count == 3
            }
            _ = try cluster.text("sectors", "pledge", "--count", "3")
            try await cluster.until("part of a sector was fetched and recorded") {
                cluster.names("w2/sealing/fetching").contains { name in
                    let log = cluster.folder.path("w2/sealing/fetching/\(name)/fetch.log")
                    guard let bytes = FileManager.default.contents(atPath: log),
                        let end = bytes.firstIndex(of: UInt8(ascii: "\n"))
                    else { return false }
                    return bytes.count - end > 2 * 48
                }
            }
            await cluster.killWorker("w2")
            try await cluster.startWorker("w2", slots: slots, ["--fetch-chunk", "1KiB"])
            try await cluster.until("the killed worker goes on with what it had") {
                cluster.said("w2").contains("bytes are here already")
            }
            try await cluster.until("all sectors prove") {
                try cluster.states() == Array(repeating: "Proving", count: 3)
            }
            for part in ["sealed", "cache", "unsealed"] {
                #expect(cluster.names("store/\(part)") == (1...3).map { "s-t01000-\($0)" })
                try await cluster.until("no copy of \(part) is left where it was sealed") {
                    ["w1", "w2", "w3"].allSatisfy { cluster.names("\($0)/sealing/\(part)").isEmpty }
                }
            }
            for number in 1...3 as ClosedRange<UInt64> { try check(number, in: "store", cluster) }
            let tries = try cluster.json([[String: Any]].self, "sectors", "list").map { sector in
                (sector["tries"] as? [[String: Any]])?.first { $0["task"] as? String == "PC1" }?["count"]
                    as? Int
            }
            #expect(tries == [1, 1, 1], "nothing was sealed twice")
        }
    }
}
