// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// A live miner that heeds its config.toml: packing, batches, unsealed copies, limits and pledges of its own.
@Suite("A miner with a config file", .serialized)
struct MinerConfigClusterTests {
    @Test("pieces fill a sector, messages are gathered until they are sent, and only wanted copies stay")
    func pieces() async throws {
        let cluster = try await HandCluster(
            config: """
                [Sealing]
                MaxWaitDealsSectors = 2
                AlwaysKeepUnsealedCopy = false
                BatchPreCommits = true
                PreCommitBatchWait = "10h"
                PreCommitBatchSlack = "1s"
                BatchPreCommitAboveBaseFee = "0 FIL"
                AggregateCommits = false
                """)
        do { try await pieces(cluster) } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
    }

    private func pieces(_ cluster: HandCluster) async throws {
        func offer(_ name: String, _ options: String...) async throws -> [String: Any] {
            try await cluster.json(
                [String: Any].self,
                [
                    "sectors", "add-piece", cluster.folder.path(name), "--start-epoch", "50000",
                    "--end-epoch", "60000",
                ]
                    + options)
        }
        for (name, byte) in [("a", UInt8(1)), ("b", 2)] {
            let data = Data(repeating: byte, count: 1000)
            try data.write(to: URL(filePath: cluster.folder.path(name)))
        }
        let first = try await offer("a")
        #expect(first["sector"] as? Int == 1 && first["paddedBytes"] as? Int == 1024)
        // Offered again, it is where it was.
        #expect(try await offer("a")["sector"] as? Int == 1)
        try await cluster.until("the piece is written") { try await cluster.states() == ["WaitDeals"] }
        #expect(try cluster.text("sectors", "seal", "1").hasPrefix("sector 1 is in"))
        try await cluster.until("the pre-commitment is gathered") {
            let view = try await cluster.json([String: Any].self, ["sectors", "batching", "precommit"])
            return (view["sectors"] as? [Any])?.count == 1
        }
        let words = try cluster.text("sectors", "batching", "precommit")
        #expect(words.hasPrefix("pre-commit: ") && words.contains("f01000-1"), "\(words)")
        #expect(try cluster.text("sectors", "batching", "commit").hasPrefix("commit: nothing"))
        #expect(
            try cluster.text("sectors", "batching", "precommit", "--publish-now").hasPrefix(
                "sent: pre-commit"))
        try await cluster.until("the sector proves") { try await cluster.states() == ["Proving"] }

        let second = try await offer("b", "--no-keep-unsealed")
        #expect(second["sector"] as? Int == 2)
        _ = try cluster.text("sectors", "seal", "2")
        try await cluster.until("the second is gathered and sent") {
            try cluster.text("sectors", "batching", "precommit", "--publish-now").hasPrefix("sent:")
        }
        try await cluster.until("both prove") { try await cluster.states() == ["Proving", "Proving"] }
        func isKept(_ number: Int) -> Bool {
            FileManager.default.fileExists(atPath: cluster.folder.path("store/unsealed/s-t01000-\(number)"))
        }
        #expect(isKept(1) && !isKept(2), "one deal wants retrievals, the other none")
        #expect(try cluster.text("sectors", "pieces").split(separator: "\n").count == 1)
    }

    @Test("a miner that may pledges by itself, and keeps to the limit of sectors being sealed")
    func pledges() async throws {
        let cluster = try await HandCluster(
            config: """
                [Sealing]
                MaxSealingSectors = 2
                BatchPreCommits = false
                AggregateCommits = false
                [Sealyard]
                AutoPledgeInterval = "500ms"
                AutoPledgePacking = 2
                """)
        do {
            try await cluster.until("sectors begin and prove without a word") {
                let states = try await cluster.states()
                let proving = states.filter { $0 == "Proving" }
                #expect(states.count - proving.count <= 2, "\(states)")
                return proving.count >= 3
            }
            let gathered = try cluster.run(["sectors", "batching", "commit"])
            #expect(gathered.status == 1 && gathered.complaint.contains("gathers no messages"))
        } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
    }

    @Test("the file is written, checked, and refused with its place")
    func file() async throws {
        let folder = try ScratchFolder()
        let text = try await Program.run(["miner", "config", "default"]).standardOutput
        #expect(text.contains("#MaxSealingSectors = 0"))
        let path = folder.path("config.toml")
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let right = try await Program.run(["miner", "config", "check", path])
        #expect(right.status == 0 && right.standardOutput.contains("MaxSealingSectors = 0\n"))
        try "[Sealing]\nMaxSealingSectros = 3\n".write(toFile: path, atomically: true, encoding: .utf8)
        let wrong = try await Program.run(["miner", "config", "check", path])
        #expect(wrong.status == 1 && wrong.standardError.contains("config.toml:2: Sealing.MaxSealingSectros"))
    }
}
