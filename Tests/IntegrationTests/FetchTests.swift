// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

/// Workers that share no disk: the files of a sector follow its tasks from host to host.
@Suite("Files between workers", .serialized)
struct FetchTests {
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
        "roles on three hosts, one killed with -9 amid a fetch: all sectors prove and lie in the store"
    )
    func roles() async throws {
        try await RoleCluster().use { cluster in
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
            try await untilFetching("w2", cluster)
            await cluster.killWorker("w2")
            try await cluster.startWorker("w2", slots: slots, ["--fetch-chunk", "1KiB"])
            try await cluster.until("the killed worker goes on with what it had") {
                cluster.said("w2").contains("bytes are here already")
            }
            try await cluster.until("all sectors prove") {
                try cluster.states() == Array(repeating: "Proving", count: 3)
            }
            for part in ["sealed", "cache", "unsealed"] {
                // Nothing unsealed stays of sectors without data.
                let kept = part == "unsealed" ? [] : (1...3).map { "s-t01000-\($0)" }
                #expect(cluster.names("store/\(part)") == kept)
                try await cluster.until("no copy of \(part) is left where it was sealed") {
                    ["w1", "w2", "w3"].allSatisfy { cluster.names("\($0)/sealing/\(part)").isEmpty }
                }
            }
            for number in 1...3 as ClosedRange<UInt64> { try check(number, in: "store", cluster) }
            #expect(try tries("PC1", cluster) == [1, 1, 1], "nothing was sealed twice")
        }
    }

    /// Waits until part of a sector is in a worker's directory, and more is to come.
    private func untilFetching(_ worker: String, _ cluster: RoleCluster) async throws {
        try await cluster.until("part of a sector was fetched and recorded") {
            cluster.names("\(worker)/sealing/fetching").contains { name in
                let log = cluster.folder.path("\(worker)/sealing/fetching/\(name)/fetch.log")
                guard let bytes = FileManager.default.contents(atPath: log),
                    let end = bytes.firstIndex(of: UInt8(ascii: "\n"))
                else { return false }
                return bytes.count - end > 2 * 48
            }
        }
    }

    @Test("the source, then the miner, killed with -9 amid a fetch: it goes on, and nothing is sealed twice")
    func sourceKilled() async throws {
        try await RoleCluster().use { cluster in
            try await cluster.startWorker("w1", slots: ["AP=1", "PC1=1"])
            try await cluster.startWorker(
                "w2", slots: ["PC2=1", "C1=1", "FIN=1"],
                [
                    "--fetch-rate", "1KiB/s", "--fetch-chunk", "1KiB", "--long-term",
                    cluster.folder.path("store"),
                ])
            _ = try cluster.text("sectors", "pledge", "--count", "1")
            try await untilFetching("w2", cluster)
            await cluster.killWorker("w1")
            try await cluster.startWorker("w1", slots: ["AP=1", "PC1=1"])
            try await untilFetching("w2", cluster)
            try await cluster.restartMiner()
            try await cluster.until("the sector proves") { try cluster.states() == ["Proving"] }
            try check(1, in: "store", cluster)
            #expect(try tries("PC1", cluster) == [1], "nothing was sealed twice")
        }
    }

    @Test("while the only host with a sector's files is away its tasks wait, and are not tried over and over")
    func sourceAway() async throws {
        try await RoleCluster(lease: "120s").use { cluster in
            try await cluster.startWorker("w1", slots: ["AP=1", "PC1=1", "PC2=1"])
            try await cluster.startWorker(
                "w2", slots: ["C1=1", "FIN=1"], ["--long-term", cluster.folder.path("store")])
            _ = try cluster.text("sectors", "pledge", "--count", "1")
            try await cluster.until("the sector waits for its seed") {
                try cluster.states() == ["WaitSeed"]
            }
            await cluster.killWorker("w1")
            func waits() throws -> Bool {
                try cluster.text("sealing", "sched-diag").contains("which is out of reach for now")
            }
            try await cluster.until("Commit1 waits for the files") { try waits() }
            // Each question is a process of its own: time for hundreds of tries.
            for _ in 0..<5 { #expect(try waits()) }
            #expect(try tries("C1", cluster) == [1])
            try await cluster.startWorker("w1", slots: ["AP=1", "PC1=1", "PC2=1"])
            try await cluster.until("the sector proves") { try cluster.states() == ["Proving"] }
            try check(1, in: "store", cluster)
            #expect(try tries("PC1", cluster) == [1], "nothing was sealed twice")
            #expect(try tries("C1", cluster) == [1])
        }
    }

    /// How often a kind of task was begun for each sector.
    private func tries(_ task: String, _ cluster: RoleCluster) throws -> [Int?] {
        try cluster.json([[String: Any]].self, "sectors", "list").map { sector in
            let tries = sector["tries"] as? [[String: Any]]
            return tries?.first { $0["task"] as? String == task }?["count"] as? Int
        }
    }

    @Test("an operator attaches a path to another worker: finished sectors go there, over its restart too")
    func attached() async throws {
        try await RoleCluster().use { cluster in
            try await cluster.startWorker("w1", slots: ["AP=1", "PC1=1", "PC2=1", "C1=1", "FIN=1", "RM=1"])
            try await cluster.startWorker("w2", slots: ["RM=1"])
            let path = cluster.folder.path("kept")
            // A client's piece, of which an unsealed copy stays.
            let file = cluster.folder.path("piece")
            try Data(repeating: 7, count: 1500).write(to: URL(filePath: file))
            let offer = ["sectors", "add-piece", file, "--start-epoch", "50000", "--end-epoch", "60000"]
            #expect(try cluster.run(offer).status == 0)
            try await cluster.until("a finished sector finds no path to go to") {
                let status = try cluster.text("sectors", "status", "1")
                return status.contains("FinalizeFailed")
                    || status.contains("no path takes the finished f01000-1")
            }
            #expect(
                try cluster.text(
                    "storage", "attach", path, "--worker", "w2", "--init", "--store", "--weight", "20",
                    "--max-storage", "1GiB", "--groups", "cold") == "")
            let again = try cluster.run(["storage", "attach", path, "--worker", "w2"])
            #expect(again.status == 1 && again.complaint.contains("in use here"), "\(again.complaint)")
            try await cluster.until("the sector proves") { try cluster.states() == ["Proving"] }
            #expect(cluster.names("kept/sealed") == ["s-t01000-1"])
            try check(1, in: "kept", cluster)
            try await cluster.until("nothing is left where it was sealed") {
                cluster.names("w1/sealing/cache").isEmpty
            }
            let find = try cluster.text("storage", "find", "1")
            #expect(find.contains(" (Unsealed, Sealed, Cache)\n\tSealing: false; Storage: true\n"), "\(find)")
            #expect(find.contains("\tLocal (\(path)) on w2\n\tURL: sealyard://w2@127.0.0.1:"), "\(find)")
            let list = try cluster.text("storage", "list")
            #expect(
                list.contains("\tWeight: 20; Use: Store\n\tGroups: cold\n\tLocal: \(path) (w2)\n"), "\(list)")
            #expect(
                list.contains("\tUnsealed: 1; Sealed: 1; Caches: 1; Updated: 0; Update-caches: 0; Reserved: ")
            )
            #expect(list.contains("/1 GiB 0% (limit)\n"), "\(list)")

            await cluster.killWorker("w2")
            try await cluster.until("its paths are out of reach") {
                try cluster.text("storage", "list").contains("\tError: no worker that serves it is in reach:")
            }
            try await cluster.startWorker("w2", slots: ["RM=1"])
            func kept() throws -> [String: Any]? {
                try cluster.json([[String: Any]].self, "storage", "list").first {
                    $0["canStore"] as? Bool == true
                }
            }
            try await cluster.until("the attached path is there again") {
                try kept()?["isOnline"] as? Bool == true
            }
            #expect(try kept()?["sealed"] as? Int == 1)

            // What is gone is forgotten when the worker is told to look.
            try FileManager.default.removeItem(atPath: "\(path)/unsealed/s-t01000-1")
            #expect(
                try cluster.text("storage", "redeclare", path, "--worker", "w2")
                    == "1 sectors in 1 paths\n")
            try await cluster.until("the unsealed file is not counted") {
                try kept()?["unsealed"] as? Int == 0
            }
            #expect(try kept()?["sealed"] as? Int == 1)

            #expect(try cluster.run(["storage", "detach", path, "--worker", "w2"]).status == 2)
            _ = try cluster.text("storage", "detach", path, "--worker", "w2", "--really-do-it")
            try await cluster.until("the path is out of use") { try kept()?["isOnline"] as? Bool == false }
            #expect(FileManager.default.fileExists(atPath: "\(path)/sealed/s-t01000-1"))
            let unknown = try cluster.run(["storage", "redeclare", "--worker", "w7"])
            #expect(unknown.status == 1 && unknown.complaint.contains("w1, w2"), "\(unknown.complaint)")
        }
    }
}
