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
            try explains(folder, cluster)
        }
    }

    /// Every placement is told with its reason, and what waited with why.
    private func explains(_ folder: String, _ cluster: RoleCluster) throws {
        let all = try cluster.json([[String: Any]].self, "replay", folder, "--decisions")
        let events = Set(all.compactMap { $0["event"] as? String })
        #expect(events.isSuperset(of: ["admitted", "started", "waits"]), "\(events)")
        #expect(!events.isDisjoint(with: ["moved", "prefetched"]), "\(events)")
        let tasks = all.filter { $0["event"] as? String == "started" }.compactMap { $0["task"] as? String }
        #expect(tasks.contains("f01000-1/PC1/1") && tasks.contains("f01000-2/PC1/1"))
        #expect(all.allSatisfy { ($0["reason"] as? String)?.isEmpty == false })
        let one = try cluster.json([[String: Any]].self, "replay", folder, "--decisions", "--sector", "2")
        #expect(one.count < all.count && one.allSatisfy { $0["sector"] as? Int == 2 })
        let text = try cluster.text("replay", folder, "--decisions", "--sector", "2")
        #expect(text.contains("f01000-2/PC1/1 waits: ") || text.contains("f01000-2/PC2/1 waits: "), "\(text)")
        #expect(text.contains("f01000-2/PC1/1 started on w1: "))
    }

    @Test("settings of a policy are in the journal; one that is unknown, or a program, is refused by name")
    func policyOptions() async throws {
        let journal = try ScratchFolder()
        let folder = journal.path("journal")
        let options = [
            "--policy", "fork-groups", "--policy-option", "p1-tickets=1", "--policy-option",
            "p1-ticket-minutes=60",
        ]
        try await RoleCluster(minerOptions: options + ["--journal", folder]).use { cluster in
            try await cluster.startWorker("w1", slots: ["AP=2", "PC1=2"])
            _ = try cluster.text("sectors", "pledge", "--count", "2")
            try await cluster.until("the second sector waits for a ticket of its group") {
                try cluster.text("sealing", "sched-diag").contains("no PC1 ticket of group w1 is left")
            }
            await cluster.stopMiner()
            let replay = try cluster.run(["replay", folder])
            #expect(replay.status == 0, "\(replay.output)\(replay.complaint)")
            let started = try cluster.json([[String: Any]].self, "replay", folder, "--decisions")
                .filter { $0["event"] as? String == "started" }.compactMap { $0["task"] as? String }
            #expect(started.count { $0.contains("/PC1/") } == 1)
        }
        let miner = [
            "miner", "run", "--data", journal.path("m"), "--secret", journal.path("secret"), "--chain",
            "127.0.0.1:1", "--sector-size", "2KiB",
        ]
        for (wrong, fragment) in [
            (["--policy", "external"], "name it with --program"),
            (["--policy-option", "p1-tickets=1"], "'sealyard' has no option 'p1-tickets'"),
            (["--policy", "fork-groups", "--policy-option", "p1-tickets=some"], "'some' is no number"),
            (["--policy-option", "p1-tickets"], "NAME=VALUE"),
        ] {
            let outcome = try BuiltProgram().run(list: miner + wrong, environment: [:])
            #expect(outcome.status != 0 && outcome.complaint.contains(fragment), "\(outcome.complaint)")
        }
    }
}
