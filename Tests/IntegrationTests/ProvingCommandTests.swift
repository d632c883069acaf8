// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// `sealyard proving` against a running miner.
@Suite("Proving commands", .serialized)
struct ProvingCommandTests {
    @Test(
        "the commands tell of deadlines and faults, read on demand, declare a recovery and refuse mistakes"
    )
    func day() async throws {
        let cluster = try await RestartableCluster(workers: ["w1"])
        do { try await day(cluster) } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
    }

    private func day(_ cluster: RestartableCluster) async throws {
        // Before there is any sector.
        let empty = try cluster.text("proving", "info")
        #expect(empty.contains("Miner:") && empty.contains("f01000") && empty.contains("0 (0.00%)"))
        #expect(
            try cluster.text("proving", "deadlines")
                == "Miner: f01000\ndeadline  open  partitions  sectors (faults)  proven partitions\n")
        #expect(try cluster.text("proving", "deadlines", "--all").split(separator: "\n").count == 6)
        #expect(try cluster.text("proving", "deadlines", "--all").contains(" (current)\n"))
        #expect(try cluster.text("proving", "check", "0").split(separator: "\n").count == 1)

        _ = try cluster.text("sectors", "pledge", "--count", "2")
        try await cluster.until("both sectors prove") {
            try await cluster.states() == ["Proving", "Proving"]
        }
        let views = try await cluster.json([[String: Any]].self, ["proving", "deadlines"])
        #expect(views.compactMap { $0["sectors"] as? Int }.reduce(0, +) == 2)
        let (index, sectors) = try await cluster.deadline(of: 2)
        let numbers = sectors.map(String.init).joined(separator: " ")
        #expect(
            try cluster.text("proving", "deadline", "\(index)", "--sector-nums").contains(
                "Sector Numbers:       [\(numbers)]\n"))
        #expect(try cluster.text("proving", "faults") == "Miner: f01000\ndeadline  partition  sectors\n")
        let goodLines = sectors.map { "\(index)         0          \($0)       good\n" }
        #expect(
            try cluster.text("proving", "check", "\(index)")
                == "deadline  partition  sector  status\n" + goodLines.joined())

        let file = cluster.folder.url("store/sealed/s-t01000-2")
        let away = cluster.folder.url("away")
        try FileManager.default.moveItem(at: file, to: away)
        let bad = try await cluster.json(
            [[String: Any]].self, ["proving", "check", "\(index)", "--only-bad"])
        #expect(bad.map { $0["sector"] as? Int } == [2])
        #expect((bad.first?["reason"] as? String)?.contains(file.path) == true)
        try await cluster.until("the chain has sector 2 as faulty", minutes: 2) {
            try await cluster.faulty() == [2]
        }
        try FileManager.default.moveItem(at: away, to: file)
        #expect(try cluster.text("proving", "check", "\(index)", "--faulty").contains("       good\n"))
        try await recover(cluster)
        try await cluster.untilAllProven()
        try await cluster.until("the deadline has closed, proven") {
            try await cluster.json([[String: Any]].self, ["proving", "history"]).contains {
                $0["proven"] as? Int == 1 && $0["deadline"] as? Int == index
            }
        }
        try await wrongWords(cluster)
    }

    /// The operator's declaration, unless the miner's own came first.
    private func recover(_ cluster: RestartableCluster) async throws {
        try await cluster.until("sector 2 is declared recovered", minutes: 2) {
            let outcome = try cluster.run(["proving", "recover-faults", "2"])
            if outcome.status == 0 {
                #expect(outcome.output.hasPrefix("recoveries f01000 deadline "), "\(outcome.output)")
                return true
            }
            // Between cutoff and close the chain takes none; and what is recovered is faulty no more.
            let isLate = outcome.complaint.contains("takes declarations before epoch")
            let isDone = outcome.complaint.contains("no faulty sector 2")
            #expect(isLate || isDone, "\(outcome.complaint)")
            return isDone
        }
    }

    private func wrongWords(_ cluster: RestartableCluster) async throws {
        func check(_ arguments: [String], _ status: Int32, _ fragment: String) throws {
            let outcome = try cluster.run(arguments)
            #expect(outcome.status == status, "\(arguments): \(outcome.complaint)")
            #expect(outcome.complaint.contains(fragment), "\(arguments): \(outcome.complaint)")
            #expect(outcome.output.isEmpty)
        }
        try check(["proving", "deadline", "4"], 1, "a proving period has deadlines 0 to 3")
        try check(["proving", "check", "4"], 1, "a proving period has deadlines 0 to 3")
        try check(["proving", "recover-faults", "1", "99"], 1, "no faulty sector 1, 99 in any deadline")
        try check(["proving", "recover-faults"], 2, "numbers")
        try check(["proving", "history", "--limit", "0"], 2, "--limit")
        await cluster.kill("chain")
        try check(["proving", "info"], 1, "the chain did not answer within")
    }

    @Test("without a worker that proves, the log says so in time, and the missed deadline is explained")
    func unattended() async throws {
        let cluster = try await RestartableCluster(
            workers: ["w1"], slots: ["w1": ["AP", "PC1", "PC2", "C1", "FIN"]])
        var log = ""
        do {
            _ = try cluster.text("sectors", "pledge")
            try await cluster.until("the deadline is missed", minutes: 2) {
                try await cluster.faulty() == [1]
            }
            try await cluster.until("and explained") {
                try cluster.text("proving", "history", "--missed").contains(
                    "no worker took it: it waited from")
            }
            log = await cluster.kill("miner")
        } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
        #expect(log.contains("start a worker with slots for WDP"), "\(log)")
        #expect(log.contains("missed 1 of 1 partitions"))
    }
}
