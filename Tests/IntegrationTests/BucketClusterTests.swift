// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import ObjectServer
import ObjectStore
import Testing

// Within the suite that is run one by one: each of these clusters wants a machine of its own.
extension ProvingClusterTests {
    /// Live clusters whose finished sectors lie in a bucket of an S3-compatible server.
    @Suite(
        "Sectors of a cluster in a bucket",
        .enabled(if: ObjectServer.isInstalled, "\(ObjectServer.why)"))
    struct BucketClusterTests {
        private func store(_ server: ObjectServer, _ prefix: String) throws -> ObjectStore {
            try ObjectStore(
                try ObjectLocation(parsing: server.location(prefix), environment: [:]),
                environment: server.environment)
        }

        @Test(
            "workers killed with -9 as they bring sectors there: all are kept, proven from there, and watched"
        )
        func kept() async throws {
            try await ObjectServer.with { server in
                let cluster = try await RestartableCluster(
                    workers: ["w1", "w2"], store: server.location("kept"), environment: server.environment)
                do { try await kept(cluster, try store(server, "kept")) } catch {
                    await cluster.stop()
                    throw error
                }
                await cluster.stop()
                try cluster.expectNothingTwice(sectors: 4)
            }
        }

        private func kept(_ cluster: RestartableCluster, _ store: ObjectStore) async throws {
            let states = Array(repeating: "Proving", count: 4)
            _ = try cluster.text("sectors", "pledge", "--count", "4")
            for name in ["w1", "w2"] {
                // A sector's first file is there and its list is not.
                try await cluster.until("a sector is on its way to the bucket") {
                    try !store.list("cache/").isEmpty
                }
                try await cluster.restart(name)
            }
            try await cluster.until("all sectors prove", minutes: 2) { try await cluster.states() == states }
            try await cluster.untilAllProven()
            #expect(try store.list("sectors/").map(\.key) == (1...4).map { "sectors/s-t01000-\($0).json" })
            try await cluster.until("no copy is left where it was sealed") {
                ["w1", "w2"].allSatisfy { name in
                    ["sealed", "cache"].allSatisfy { part in
                        let path = cluster.folder.path("\(name)/sealing/\(part)")
                        return (FileManager.default.subpaths(atPath: path) ?? []).isEmpty
                    }
                }
            }
            // A worker that was just started may not have told of its paths yet.
            try await cluster.until("the bucket is listed with all that lies in it") {
                let list = try cluster.text("storage", "list")
                return list.contains("Unsealed: 0; Sealed: 4; Caches: 4")
                    && list.contains("\tLocal: \(store.location.text) (w")
            }

            // What is damaged there is seen, declared, and recovers.
            let whole = try store.get("sealed/s-t01000-1", countMax: 2_048)
            try store.put("sealed/s-t01000-1", whole.map { ~$0 })
            try await cluster.until("the chain has sector 1 as faulty", minutes: 2) {
                try await cluster.faulty() == [1]
            }
            try store.put("sealed/s-t01000-1", whole)
            try await cluster.until("the chain counts sector 1 again", minutes: 2) {
                try await cluster.faulty().isEmpty
            }
        }

        @Test("an operator attaches a bucket to one worker: another's sectors go there through it")
        func attached() async throws {
            try await ObjectServer.with { server in
                let location = server.location("attached")
                try await RoleCluster().use { cluster in
                    try await cluster.startWorker("w1", slots: ["AP=1", "PC1=1", "PC2=1", "C1=1", "FIN=1"])
                    try await cluster.startWorker("w2", slots: ["RM=1"], environment: server.environment)
                    try await cluster.until("two workers are here") {
                        try cluster.json([[String: Any]].self, "sealing", "workers").count == 2
                    }
                    let bad = try cluster.run(
                        ["storage", "attach", location, "--worker", "w2", "--init", "--seal"])
                    #expect(bad.status == 1 && bad.complaint.contains("nothing can be sealed"), "\(bad)")
                    let keyless = try cluster.run(["storage", "attach", location, "--worker", "w1"])
                    #expect(
                        keyless.status == 1 && keyless.complaint.contains("AWS_ACCESS_KEY_ID"), "\(keyless)")
                    _ = try cluster.text(
                        "storage", "attach", location, "--worker", "w2", "--init", "--store", "--max-storage",
                        "1GiB")
                    _ = try cluster.text("sectors", "pledge", "--count", "2")
                    try await cluster.until("the sectors prove") {
                        try cluster.states() == ["Proving", "Proving"]
                    }
                    let store = try store(server, "attached")
                    #expect(try store.list("sectors/").count == 2)
                    try await cluster.until("nothing is left at either worker") {
                        ["w1/sealing/sealed", "w1/sealing/cache", "w2/spool/sealed", "w2/spool/cache"]
                            .allSatisfy { cluster.names($0).isEmpty }
                    }
                    #expect(cluster.said("w2").contains("bytes are in \(location)"))

                    // It is in use again after a restart, and found by what lies there.
                    await cluster.killWorker("w2")
                    try await cluster.startWorker("w2", slots: ["RM=1"], environment: server.environment)
                    try await cluster.until("the bucket's sectors are known") {
                        try cluster.text("storage", "find", "2").contains("\tLocal (\(location)) on w2\n")
                    }
                }
            }
        }
    }
}
