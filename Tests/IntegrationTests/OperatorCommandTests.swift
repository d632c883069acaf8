// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The command line of operators against a running miner, over real sockets.
@Suite("Operator commands", .serialized)
struct OperatorCommandTests {
    @Test("pledge, list, pause, diagnosis, abort, resume, drain and removal, as an operator's day goes")
    func day() async throws {
        let cluster = try await HandCluster()
        do { try await day(cluster) } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
    }

    private func day(_ cluster: HandCluster) async throws {
        let workers = try cluster.text("sealing", "workers")
        #expect(workers.contains("core(s) in use") && workers.contains("\tRAM: "), "what its machine has")
        #expect(workers.hasPrefix("Worker w1, host w1\n\tTASK: AP(0/1) PC1(0/1)"), "\(workers)")

        // PreCommit1 is paused: the sector waits, and every worker says why.
        #expect(
            try cluster.text("sealing", "pause", "--worker", "w1", "--task", "pc1")
                == "pause: w1; 0 tasks run there\n")
        #expect(try cluster.text("sealing", "workers").contains("PAUSED: PC1\n"))
        #expect(
            try cluster.text("sectors", "pledge", "--count", "2")
                == "Created CC sector:  1\nCreated CC sector:  2\n")
        try await cluster.until("PC1 waits for the paused worker") {
            try cluster.text("sealing", "sched-diag").contains("f01000-1/PC1/1 waits")
        }
        let diagnosis = try await cluster.json([String: Any].self, ["sealing", "sched-diag"])
        let waiting = try #require(diagnosis["waiting"] as? [[String: Any]])
        let first = try #require(waiting.first { $0["id"] as? String == "f01000-1/PC1/1" })
        #expect((first["reason"] as? String)?.contains("paused") == true)
        let refusals = try #require(first["workers"] as? [[String: Any]])
        #expect(refusals.map { $0["worker"] as? String } == ["w1"])
        #expect(refusals.map { $0["code"] as? String } == ["paused"])

        // A waiting task is aborted; its sector tries again.
        let abort = try cluster.text("sealing", "abort", "f01000-1/PC1")
        #expect(abort == "aborting job f01000-1/PC1/1, task PC1, sector 1: it was waiting\n")
        let again = try cluster.run(["sealing", "abort", "f01000-1/PC1/1"])
        #expect(again.status == 1)
        #expect(again.complaint.contains("no such task is known"), "\(again.complaint)")

        #expect(try cluster.text("sealing", "resume").hasPrefix("resume: w1"))
        try await cluster.until("both sectors prove") {
            try await cluster.states() == ["Proving", "Proving"]
        }
        let sectors = try await cluster.json([[String: Any]].self, ["sectors", "list"])
        #expect(sectors.map { $0["number"] as? Int } == [1, 2])
        #expect(sectors.allSatisfy { $0["isOnChain"] as? Bool == true })
        #expect(sectors.allSatisfy { ($0["commR"] as? String)?.hasPrefix("bagboea4b5abc") == true })
        #expect(try cluster.text("sealing", "jobs") == "ID  Sector  Worker  Hostname  Task  State  Time\n")
        #expect(try cluster.text("sectors", "list", "--states", "WaitSeed").split(separator: "\n").count == 1)
        let decisions = try await cluster.json(
            [[String: Any]].self, ["sealing", "decisions", "--limit", "3"])
        #expect(decisions.count == 3)

        let status = try cluster.text("sectors", "status", "1", "--log")
        #expect(status.hasPrefix("SectorID:\t1\nStatus:\t\tProving\nCIDcommD:\tbaga"), "\(status)")
        #expect(status.contains("\nEvent Log:\n0.\t"))
        #expect(status.contains("FinalizeSector -> Proving"))

        #expect(try cluster.text("sealing", "drain") == "drain: w1; 0 tasks run there\n")
        #expect(try cluster.text("sealing", "workers").contains("Worker w1, host w1 (disabled)\n"))
        #expect(try cluster.text("sealing", "uncordon").hasPrefix("uncordon: w1"))

        // What cannot be taken back wants a word of consent.
        for command in ["terminate", "remove"] {
            let refused = try cluster.run(["sectors", command, "1"])
            #expect(refused.status == 2)
            #expect(refused.complaint.contains("--really-do-it"), "\(refused.complaint)")
        }
        #expect(
            try cluster.text("sectors", "remove", "1", "--really-do-it") == "sector 1 is in Removing\n")
        try await cluster.until("the sector's files and row are gone") {
            try await cluster.states() == ["Proving"]
        }
        for state in ["FaultReported", "Proving"] {
            let forced = try cluster.text("sectors", "update-state", "2", state, "--really-do-it")
            #expect(forced == "sector 2 is in \(state)\n")
        }
        // This build has no kernels for another replica, and says so before anything changes.
        let marked = try cluster.run(["sectors", "mark-for-upgrade", "2"])
        #expect(marked.status == 1 && marked.complaint.contains("another replica"), "\(marked)")
        // A sector that was forced into an upgrade all the same comes out of it.
        let forced = try cluster.text("sectors", "update-state", "2", "SnapDealsWaitDeals", "--really-do-it")
        #expect(forced == "sector 2 is in SnapDealsWaitDeals\n")
        _ = try cluster.text("sectors", "abort-upgrade", "2", "--really-do-it")
        try await cluster.until("the upgrade is given up") { try await cluster.states() == ["Proving"] }
        #expect(
            try cluster.text("sectors", "terminate", "2", "--really-do-it").hasPrefix("sector 2 is in Termi"))
        try await wrongWords(cluster)
    }

    /// Wrong words are refused with the reason, and the exit status says which kind of wrong it was.
    private func wrongWords(_ cluster: HandCluster) async throws {
        func check(_ arguments: [String], _ status: Int32, _ fragment: String) throws {
            let outcome = try cluster.run(arguments)
            #expect(outcome.status == status, "\(arguments): \(outcome.complaint)")
            #expect(outcome.complaint.contains(fragment), "\(arguments): \(outcome.complaint)")
            #expect(outcome.complaint.split(separator: "\n").count == 1, "\(outcome.complaint)")
            #expect(outcome.output.isEmpty)
        }
        try check(["sectors", "status", "99"], 1, "no sector f01000-99")
        try check(["sectors", "terminate", "99", "--really-do-it"], 1, "no sector f01000-99")
        try check(
            ["sectors", "update-state", "2", "Nonsense", "--really-do-it"], 1, "'Nonsense' is no state")
        try check(["sealing", "abort", "f01000-2/PC9"], 1, "runs or waits")
        try check(["sectors", "list", "--states", "Sleeping"], 2, "'Sleeping' is no state")
        try check(["sealing", "pause", "--task", "PC9"], 2, "--task")
        try check(["sectors", "pledge", "--count", "0"], 2, "--count")
        try check(["sealing", "jobs", "--miner-name", "other"], 1, "'other' was meant")
        try check(["sealing", "jobs", "--miner", "10.0.0.1:1"], 1, "use TLS")
        try check(["sealing", "jobs", "--secret", cluster.folder.path("none")], 1, "No such file")
        #expect(!cluster.folder.exists("none"), "a command never makes a secret")

        // Another cluster's secret.
        let other = try cluster.folder.file("other", Array(repeating: 7, count: 32))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: other)
        try check(["sealing", "jobs", "--secret", other], 1, "another secret")

        // The miner hangs, then it is gone.
        cluster.miner.pause()
        try check(["sealing", "jobs", "--timeout", "1s"], 75, "cannot be reached")
        cluster.miner.killHard()
        _ = await cluster.miner.finish()
        try check(["sealing", "jobs"], 75, "nobody listens there")
    }

    @Test("without a miner or a secret the command says what to give")
    func wrongUse() throws {
        let program = try BuiltProgram()
        let nowhere = try program.run("sealing", "jobs")
        #expect(nowhere.status == 2)
        #expect(nowhere.complaint.contains("SEALYARD_MINER"), "\(nowhere.complaint)")
        let open = try program.run("sealing", "jobs", "--miner", "127.0.0.1:1")
        #expect(open.status == 2)
        #expect(open.complaint.contains("SEALYARD_SECRET"), "\(open.complaint)")
        let odd = try program.run(list: ["sealing", "jobs"], environment: ["SEALYARD_MINER": "here"])
        #expect(odd.status == 2)
        #expect(odd.complaint.contains("HOST:PORT"), "\(odd.complaint)")
    }
}
