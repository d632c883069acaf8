// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("What a worker's machine has limits what runs there")
struct ResourceClusterTests {
    @Test("a task that does not fit the memory waits and says so, until the worker has more")
    func memory() async throws {
        try await RoleCluster().use { cluster in
            let slots = ["AP=1", "PC1=1", "PC2=1", "C1=1", "FIN=1", "RM=1"]
            let store = ["--long-term", cluster.folder.path("store")]
            try await cluster.startWorker("w1", slots: slots, ["--host-memory", "3KiB"] + store)
            _ = try cluster.text("sectors", "pledge", "--count", "1")
            try await cluster.until("the piece waits for memory") {
                try cluster.text("sealing", "sched-diag")
                    .contains("w1: needs 4.0 KiB of memory and w1 has 3.0 KiB left")
            }
            #expect(try cluster.text("sealing", "workers").contains("AP(0/1) PC1(0/1)"))
            await cluster.killWorker("w1")
            // The environment's word holds for as long as the process that had it.
            try await cluster.startWorker(
                "w1", slots: slots, ["--host-memory", "1MiB"] + store,
                environment: ["AP_2K_MIN_MEMORY": "2000000"])
            try await cluster.until("the piece waits for what the environment says") {
                try cluster.text("sealing", "sched-diag")
                    .contains("w1: needs 1.9 MiB of memory and w1 has 1.0 MiB left")
            }
            await cluster.killWorker("w1")
            try await cluster.startWorker("w1", slots: slots, ["--host-memory", "1MiB"] + store)
            try await cluster.until("the sector proves") { try cluster.states() == ["Proving"] }
        }
    }

    @Test(
        "a worker measures what tasks take; a stopped one's figures are the next one's, a killed one's not"
    )
    func measured() async throws {
        try await RoleCluster().use { cluster in
            let slots = ["AP=1", "PC1=1", "PC2=1", "C1=1", "FIN=1", "RM=1"]
            let more = ["--host-memory", "8GiB", "--long-term", cluster.folder.path("store")]
            func kinds() throws -> [String] {
                let workers = try cluster.json([[String: Any]].self, "sealing", "workers")
                let measured = workers.first?["measured"] as? [[String: Any]] ?? []
                for one in measured {
                    let bytes = try #require(one["bytes"] as? Int)
                    #expect(bytes > 0 && bytes < 1 << 30 && one["sectorBytes"] as? Int == 2_048, "\(one)")
                }
                return measured.compactMap { $0["task"] as? String }.sorted()
            }
            // What the environment says of a kind is not measured.
            try await cluster.startWorker(
                "w1", slots: slots, more, environment: ["PC2_2K_MIN_MEMORY": "4096"])
            _ = try cluster.text("sectors", "pledge", "--count", "4")
            try await cluster.until("four sectors prove") {
                try cluster.states() == Array(repeating: "Proving", count: 4)
            }
            try await cluster.until("four kinds are measured") {
                try kinds() == ["AP", "C1", "FIN", "PC1"]
            }
            #expect(try cluster.text("sealing", "workers").contains("by measurement, "))
            let file = cluster.folder.path("w1/memory.json")
            try await cluster.stopWorker("w1")
            #expect(FileManager.default.fileExists(atPath: file))
            try await cluster.startWorker("w1", slots: slots, more)
            try await cluster.until("the next process has them") {
                try kinds() == ["AP", "C1", "FIN", "PC1", "PC2"]
            }
            #expect(!FileManager.default.fileExists(atPath: file))
            await cluster.killWorker("w1")
            try await cluster.startWorker("w1", slots: slots, more)
            try await cluster.until("the one after that has none") { try kinds().isEmpty }
        }
    }

    @Test("processes of one machine share what it has, and a group is paused as one")
    func sharedMachine() async throws {
        try await RoleCluster().use { cluster in
            // A piece takes 2 KiB and what all share: two at once do not fit, though each process has a slot.
            let more = ["--host", "box", "--host-memory", "5KiB", "--group", "entry", "--stretch", "AP=20s"]
            for name in ["w1", "w2"] { try await cluster.startWorker(name, slots: ["AP=1"], more) }
            try await cluster.startWorker("w3", slots: ["PC1=1"])
            try await cluster.until("three workers are here") {
                try cluster.json([[String: Any]].self, "sealing", "workers").count == 3
            }
            let workers = try cluster.json([[String: Any]].self, "sealing", "workers")
            let machines = workers.compactMap { ($0["resources"] as? [String: Any])?["machine"] as? String }
            #expect(machines.count == 3 && machines[0] == "box" && machines[1] == "box")
            #expect(machines[2] != "box" && machines[2] != "w3", "the kernel's own name: \(machines)")
            #expect(workers.map { $0["group"] as? String } == ["entry", "entry", "w3"])
            #expect(try cluster.text("sealing", "workers").contains("\tMACHINE: box"))
            _ = try cluster.text("sectors", "pledge", "--count", "2")
            try await cluster.until("one runs and the other waits for memory of the machine") {
                try cluster.text("sealing", "sched-diag")
                    .contains("needs 2.0 KiB of memory and box has 1.0 KiB left")
            }
            #expect(try cluster.json([[String: Any]].self, "sealing", "jobs").count == 1)
            let paused = try cluster.text("sealing", "cordon", "--group", "entry", "--task", "ap")
            #expect(paused.hasPrefix("cordon: w1, w2; "))
            let shown = try cluster.text("sealing", "workers")
            #expect(shown.components(separatedBy: "\tCORDONED: AP").count == 3, "\(shown)")
            try await cluster.restartMiner()
            try await cluster.until("the order has outlived the miner") {
                try cluster.text("sealing", "workers").components(separatedBy: "\tCORDONED: AP").count == 3
            }
        }
    }

    @Test("a pause and a drain outlive a miner that was killed, and so does their end")
    func standingOrders() async throws {
        try await RoleCluster().use { cluster in
            let slots = ["AP=1", "PC1=1", "PC2=1", "C1=1", "FIN=1", "RM=1"]
            try await cluster.startWorker("w1", slots: slots, ["--long-term", cluster.folder.path("store")])
            try await cluster.until("the worker is here") {
                try cluster.text("sealing", "workers").contains("Worker w1")
            }
            _ = try cluster.text("sealing", "pause", "--worker", "w1", "--task", "pc1")
            _ = try cluster.text("sealing", "drain", "--worker", "w2")
            try await cluster.restartMiner()
            _ = try cluster.text("sectors", "pledge", "--count", "1")
            try await cluster.until("PC1 waits for the paused worker") {
                try cluster.text("sealing", "sched-diag").contains("w1: is paused for it")
            }
            _ = try cluster.text("sealing", "resume", "--worker", "w1")
            try await cluster.restartMiner()
            try await cluster.until("the sector proves") { try cluster.states() == ["Proving"] }
            // A worker that comes is drained by the order that was said for it before.
            try await cluster.startWorker("w2", slots: ["C1=1"])
            try await cluster.until("the second is drained") {
                try cluster.text("sealing", "workers").contains("Worker w2, host w2 (disabled)")
            }
        }
    }

    @Test("an operator hears when a restart does no harm")
    func restartCheck() async throws {
        try await RoleCluster().use { cluster in
            try await cluster.startWorker(
                "w1", slots: ["AP=1", "PC1=1", "PC2=1", "C1=1", "FIN=1", "RM=1"],
                ["--long-term", cluster.folder.path("store")])
            try await cluster.until("the worker is here") {
                try cluster.text("sealing", "workers").contains("Worker w1")
            }
            #expect(try cluster.text("sealing", "restart-check") == "miner: safe to restart\n")
            #expect(try cluster.text("sealing", "restart-check", "--worker", "w1") == "w1: safe to restart\n")
            let nobody = try cluster.run(["sealing", "restart-check", "--worker", "w9"])
            #expect(nobody.status == 1 && nobody.complaint.contains("no worker 'w9'"), "\(nobody)")
            _ = try cluster.text("sectors", "pledge", "--count", "1")
            try await cluster.until("the sector proves") { try cluster.states() == ["Proving"] }
            // The sector's deadline comes within a day, whichever it is.
            let soon = try cluster.run(["sealing", "restart-check", "--within", "24h", "--json"])
            #expect(soon.status == 1)
            let view = try #require(
                try JSONSerialization.jsonObject(with: Data(soon.output.utf8)) as? [String: Any])
            #expect(view["isSafe"] as? Bool == false)
            #expect((view["obstacles"] as? [[String: Any]])?.isEmpty == false)
            let late = try cluster.run(["sealing", "restart-check", "--within", "24h", "--wait", "1s"])
            #expect(late.status == 75 && late.complaint.contains("still not safe"), "\(late)")
        }
    }

    @Test("a variable that is no number, and options that say the opposite, end the worker by name")
    func badValues() throws {
        let folder = try ScratchFolder()
        let arguments = [
            "worker", "run", "--data", folder.path("w"), "--name", "w", "--miner", "127.0.0.1:1", "--secret",
            folder.path("secret"),
        ]
        let variable = try BuiltProgram().run(list: arguments, environment: ["PC1_MIN_MEMORY": "much"])
        #expect(variable.status == 1)
        #expect(variable.complaint.contains("PC1_MIN_MEMORY=much is no value"), "\(variable.complaint)")
        let options = try BuiltProgram().run(
            list: arguments + ["--ignore-resources", "--host-memory", "1GiB"], environment: [:])
        let names = try BuiltProgram().run(list: arguments + ["--group", "two words"], environment: [:])
        #expect(names.status == 2 || names.status == 64)
        #expect(names.complaint.contains("--group takes a name"), "\(names.complaint)")
        #expect(options.status == 2 || options.status == 64, "\(options.status)")
        #expect(options.complaint.contains("--ignore-resources"), "\(options.complaint)")
    }
}
