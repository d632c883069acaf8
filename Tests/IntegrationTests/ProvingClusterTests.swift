// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Scheduler
import Testing

/// Live processes that seal sectors, prove them deadline by deadline, and are killed meanwhile.
@Suite("Proving by a cluster of processes", .serialized)
struct ProvingClusterTests {
    private func with(
        _ cluster: RestartableCluster, _ body: (RestartableCluster) async throws -> Void
    ) async throws {
        do { try await body(cluster) } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
    }

    @Test("deadlines are proven; a damaged sector is skipped and declared, and recovers when it reads again")
    func faultAndRecovery() async throws {
        let cluster = try await RestartableCluster(workers: ["w1"])
        var isLate = false
        try await with(cluster) { isLate = try await faultAndRecovery($0) }
        let entries = try cluster.chainEntries()
        let declared = entries.contains {
            switch $0 {
            case .faultsDeclared(let record), .windowPoSt(let record):
                record.items.contains { $0.sectors == [1] }
            default: false
            }
        }
        #expect(declared || isLate, "the fault is on the chain by the miner's own word")
        let recovered = entries.contains {
            if case .recoveries(let record) = $0 {
                record.items.contains { $0.sectors == [1] }
            } else {
                false
            }
        }
        #expect(recovered)
        try cluster.expectNothingTwice(sectors: 3)
    }

    /// - Returns: whether the machine was too slow for the miner to say anything of the fault in time, which
    ///   its history tells: then the end of the deadline has told the chain.
    private func faultAndRecovery(_ cluster: RestartableCluster) async throws -> Bool {
        _ = try cluster.text("sectors", "pledge", "--count", "3")
        try await cluster.until("all sectors prove") {
            try await cluster.states() == ["Proving", "Proving", "Proving"]
        }
        try await cluster.untilAllProven()

        let file = cluster.folder.url("store/sealed/s-t01000-1")
        let whole = try Data(contentsOf: file)
        try Data(whole.map { ~$0 }).write(to: file)
        let place = try await cluster.deadline(of: 1).index
        let check = try cluster.text("proving", "check", "\(place)", "--only-bad")
        #expect(check.contains("s-t01000-1"), "\(check)")
        try await cluster.until("the chain has sector 1 as faulty", minutes: 2) {
            try await cluster.faulty() == [1]
        }
        try await cluster.until("its keeper has heard of it") {
            try await cluster.states()[0].hasPrefix("Fault")
        }

        let isLate = try await cluster.json([[String: Any]].self, ["proving", "history"]).contains {
            $0["deadline"] as? Int == place && ($0["missed"] as? [Int])?.isEmpty == false
        }
        try whole.write(to: file)
        try await cluster.until("the chain counts sector 1 again", minutes: 2) {
            try await cluster.faulty().isEmpty
        }
        try await cluster.until("all sectors prove") {
            try await cluster.states() == ["Proving", "Proving", "Proving"]
        }
        try await cluster.untilAllProven()
        return isLate
    }

    @Test("a worker that shares no disk has replicas opened where they lie; a host that is away is no fault")
    func otherHosts() async throws {
        let cluster = try await RestartableCluster(
            workers: ["w1", "w2"], slots: ["w1": ["AP", "PC1", "PC2", "C1", "FIN"], "w2": ["WDP"]])
        try await with(cluster) { cluster in
            _ = try cluster.text("sectors", "pledge", "--count", "2")
            try await cluster.until("both sectors prove") {
                try await cluster.states() == ["Proving", "Proving"]
            }
            try await cluster.untilAllProven()

            // Damage is told with its host and file, across.
            let file = cluster.folder.url("store/sealed/s-t01000-1")
            let whole = try Data(contentsOf: file)
            try Data(whole.map { ~$0 }).write(to: file)
            let place = try await cluster.deadline(of: 1).index
            let check = try cluster.text("proving", "check", "\(place)", "--only-bad")
            #expect(check.contains("sector 1: w1:") && check.contains("s-t01000-1"), "\(check)")
            #expect(!check.contains("sector 2"), "\(check)")
            try whole.write(to: file)
            try await cluster.untilAllProven()

            // Without its host nothing can be said of a sector, and nothing is.
            await cluster.kill("w1")
            let away = try cluster.text("proving", "check", "\(place)", "--timeout", "60s")
            #expect(away.contains("replicas is in reach, and none is called faulty"), "\(away)")
            try await cluster.start("w1")
            try await cluster.untilAllProven()
        }
        try cluster.expectNothingTwice(sectors: 2)
    }

    /// Which process is killed how long after a sector was begun, in milliseconds.
    private static let kills = [
        ("w1", 100), ("miner", 300), ("chain", 500), ("w2", 700), ("miner", 900), ("chain", 1300),
        ("w1", 1700), ("miner", 2100), ("chain", 2500),
    ]

    @Test("whoever is killed with -9 at whatever moment: no sector is lost, no message lands twice")
    func kills() async throws {
        let cluster = try await RestartableCluster(workers: ["w1", "w2"])
        try await with(cluster) { cluster in
            for (name, milliseconds) in Self.kills {
                _ = try cluster.text("sectors", "pledge")
                try await Task.sleep(for: .milliseconds(milliseconds))
                try await cluster.restart(name)
            }
            try await cluster.until("all sectors prove", minutes: 2) {
                try await cluster.states() == Array(repeating: "Proving", count: Self.kills.count)
            }
            // Each process once more while a deadline with sectors is open.
            for name in ["miner", "chain", "w1"] {
                try await cluster.until("a deadline with sectors is open") {
                    try await cluster.deadlines().contains(where: \.isCurrent)
                }
                try await cluster.restart(name)
            }
            try await cluster.untilAllProven()
        }
        try cluster.expectNothingTwice(sectors: Self.kills.count)
    }

    @Test("what a worker has finished while nobody listened is reported after its own death, not done again")
    func durableResults() async throws {
        let cluster = try await RestartableCluster(workers: ["w1"], sectorSize: "8MiB")
        try await with(cluster) { cluster in
            _ = try cluster.text("sectors", "pledge")
            try await cluster.until("PreCommit1 runs") {
                try cluster.text("sealing", "jobs").contains("PC1")
            }
            await cluster.kill("miner")
            let path = cluster.folder.path("w1/results.sqlite")
            try await cluster.until("the worker has noted its result") {
                try SQLiteResultStore(path: path).load().count == 1
            }
            await cluster.kill("w1")
            let kept = try SQLiteResultStore(path: path).load()
            #expect(kept.map(\.call.task.type) == [.preCommit1])
            try await cluster.start("w1")
            try await cluster.start("miner")
            try await cluster.until("the sector proves", minutes: 3) {
                try await cluster.states() == ["Proving"]
            }
            let sectors = try await cluster.json([[String: Any]].self, ["sectors", "list"])
            let tries = try #require(sectors.first?["tries"] as? [[String: Any]])
            let first = tries.first { $0["task"] as? String == "PC1" }
            #expect(first?["count"] as? Int == 1)
            #expect(try SQLiteResultStore(path: path).load().isEmpty, "all results are confirmed")
        }
    }
}
