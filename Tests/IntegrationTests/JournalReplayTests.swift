// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Journals of real runs, played back by the same build.
@Suite("Journals of miners", .serialized)
struct JournalReplayTests {
    @Test(
        "where files moved and a worker was lost, the replay says the same, whatever the policy",
        arguments: ["sealyard", "lotus-utilization"])
    func moves(policy: String) async throws {
        let journal = try ScratchFolder()
        let folder = journal.path("journal")
        try await RoleCluster(lease: "1s", minerOptions: ["--policy", policy, "--journal", folder]).use {
            cluster in
            try await cluster.startWorker("w1", slots: ["AP=1", "PC1=1"])
            let slots = ["PC2=1", "C1=1", "FIN=1"]
            let store = ["--long-term", cluster.folder.path("store")]
            try await cluster.startWorker("w2", slots: slots, store)
            _ = try cluster.text("sectors", "pledge", "--count", "2")
            try await cluster.until("a sector's files have moved") {
                try cluster.states().contains { !["Packing", "GetTicket", "PreCommit1"].contains($0) }
            }
            await cluster.killWorker("w2")
            try await cluster.until("the worker is missed") {
                try cluster.text("sealing", "workers").contains("lost")
            }
            try await cluster.startWorker("w2", slots: slots, store)
            try await cluster.until("all sectors prove") {
                try cluster.states() == Array(repeating: "Proving", count: 2)
            }
            await cluster.stopMiner()
            let replay = try cluster.run(["replay", folder])
            #expect(replay.status == 0, "\(replay.output)\(replay.complaint)")
            #expect(replay.output.components(separatedBy: "says the same").count == 3)
        }
    }
}
