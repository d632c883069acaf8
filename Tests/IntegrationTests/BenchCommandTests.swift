// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("sealyard bench")
struct BenchCommandTests {
    let program: BuiltProgram

    init() throws { program = try BuiltProgram() }

    private func number(_ document: [String: Any], _ key: String) throws -> Double {
        try #require(document[key] as? Double, "no number under \(key)")
    }

    @Test("simulation prints the known results of the model and counts every timed event")
    func simulation() throws {
        let outcome = try program.run(
            "bench", "simulation", "--sectors", "10000", "--seed", "1", "--runs", "2", "--json")
        #expect(outcome.status == 0, "\(outcome.complaint)")
        let document = try outcome.document()
        #expect(document["timedEvents"] as? Int == 60_000)
        #expect(document["sectors"] as? Int == 10_000 && document["seed"] as? Int == 1)
        #expect(abs(try number(document, "meanSojournSeconds") - 15067.618776) < 1e-6)
        #expect(abs(try number(document, "makespanSeconds") - 715173.417497) < 1e-6)
        #expect(try number(document, "timedEventsPerSecond") > 0)
        #expect(try number(document, "peakMebibytes") > 1)
        #expect(try outcome.text("model").isEmpty == false)
        let other = try program.run(
            "bench", "simulation", "--sectors", "10000", "--seed", "2", "--runs", "1", "--json")
        #expect(try other.text("traceHash") != outcome.text("traceHash"))
    }

    @Test("explore finds a seeded bug, and names those there are where one is not known")
    func explore() throws {
        let scenario = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Scenarios/devnet.yaml").path
        let outcome = try program.run(
            "bench", "explore", "--scenario", scenario, "--bugs", "schedulerForgetsDeadCalls", "--json")
        #expect(outcome.status == 0, "\(outcome.complaint)")
        let document = try outcome.document()
        #expect(document["foundCount"] as? Int == 1)
        let bug = try #require((document["bugs"] as? [[String: Any]])?.first)
        #expect(bug["bug"] as? String == "schedulerForgetsDeadCalls")
        #expect(try #require(bug["runs"] as? Int) >= 1)
        let wrong = try program.run("bench", "explore", "--bugs", "none")
        #expect(wrong.status == 2 && wrong.complaint.contains("workerStartsTwice"), "\(wrong)")
    }

    @Test("transfer fetches a file between two nodes, removes it, and tells the rate")
    func transfer() throws {
        let folder = try ScratchFolder()
        let outcome = try program.run(
            "bench", "transfer", "--size", "5MiB", "--chunk", "64KiB", "--directory", folder.root.path,
            "--json")
        #expect(outcome.status == 0, "\(outcome.complaint)")
        let document = try outcome.document()
        #expect(document["bytes"] as? Int == 5 << 20 && document["chunkBytes"] as? Int == 64 << 10)
        #expect(try number(document, "mebibytesPerSecond") > 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.root.path).isEmpty)
        #expect(try program.run("bench", "transfer", "--chunk", "4MiB").status == 2)
    }

    @Test("decision times our policy beside the one of Lotus on one cluster")
    func decision() throws {
        let outcome = try program.run(
            "bench", "decision", "--workers", "8", "--tasks", "200", "--decisions", "10", "--json")
        #expect(outcome.status == 0, "\(outcome.complaint)")
        let document = try outcome.document()
        #expect(document["workers"] as? Int == 8 && document["tasks"] as? Int == 200)
        let policies = try #require(document["policies"] as? [[String: Any]])
        #expect(policies.map { $0["policy"] as? String } == ["sealyard", "lotus-utilization"])
        for policy in policies {
            #expect(try number(policy, "medianMicroseconds") > 0)
            #expect(try number(policy, "medianMicroseconds") <= number(policy, "maxMicroseconds"))
        }
        let unknown = try program.run("bench", "decision", "--policies", "nonsense")
        #expect(unknown.status == 1 && unknown.complaint.contains("lotus-utilization"))
    }

    @Test("messages prints speeds of both worlds and counts every message")
    func messages() throws {
        let outcome = try program.run(
            "bench", "messages", "--round-trips", "2000", "--runs", "1", "--threads", "2", "--json")
        #expect(outcome.status == 0, "\(outcome.complaint)")
        let document = try outcome.document()
        // The message that starts the pair counts as well.
        #expect(document["simulatedMessages"] as? Int == 4_001)
        #expect(document["liveMessages"] as? Int == 8_000)
        for key in [
            "simulatedMessagesPerSecond", "simulatedRingMessagesPerSecond", "liveMessagesPerSecond",
            "liveOneThreadMessagesPerSecond", "liveAcrossThreadsMessagesPerSecond",
        ] {
            #expect(try number(document, key) > 0)
        }
    }

    @Test(
        "the kernels use the path of the option, else that of the environment; one that is unknown is refused"
    )
    func paths() throws {
        func rates(_ extra: [String], _ environment: [String: String] = [:]) throws -> [String: Any] {
            let outcome = try program.run(
                list: ["bench", "sealing", "--skip-unseal", "--skip-post", "--json"] + extra,
                environment: environment)
            #expect(outcome.status == 0, "\(outcome.complaint)")
            return try #require(try outcome.document()["sealyard"] as? [String: Any])
        }
        let forced = ["SEALYARD_PATH": "portable"]
        #expect(try rates([], forced)["sha256Path"] as? String == "portable")
        #expect(try rates(["--path", "portable"])["poseidonPath"] as? String == "portable")
        let unknown = try program.run(list: ["bench", "sealing"], environment: ["SEALYARD_PATH": "avx1024"])
        #expect(unknown.status == 2 && unknown.complaint.contains("avx1024"))
    }

    @Test("sealing times the layers of the sector itself, where they are long enough, of any size")
    func layers() throws {
        func sealed(_ size: String) throws -> (own: [String: Any], notes: [String]) {
            let outcome = try program.run(
                "bench", "sealing", "--sector-size", size, "--skip-unseal", "--skip-post", "--json")
            #expect(outcome.status == 0, "\(outcome.complaint)")
            let document = try outcome.document()
            return (
                try #require(document["sealyard"] as? [String: Any]),
                try #require(document["Notes"] as? [String])
            )
        }
        let large = try sealed("8MiB")
        let layers = try #require(large.own["preCommit1Layers"] as? [[String: Any]])
        #expect(layers.map { $0["layer"] as? Int } == [1, 2])
        // The clock is looked at before the first and before the last 2^13 nodes, of 20 compressions each.
        #expect(layers.allSatisfy { $0["compressions"] as? Int == 20 * ((1 << 18) - (1 << 13)) })
        #expect(try number(large.own, "preCommit1FractionOfBound") > 0)

        let small = try sealed("4KiB")
        #expect((small.own["preCommit1Layers"] as? [Any])?.isEmpty == true)
        #expect(
            try number(small.own, "preCommit1FractionOfBound") == number(small.own, "labelFractionOfBound"))
        #expect(small.notes.contains { $0.contains("too short to be timed") })
        #expect(small.notes.contains { $0.contains("No seal proof is registered for 4KiB") })
    }

    @Test("transport prints rates and round trips of the size that was asked for")
    func transport() throws {
        let outcome = try program.run(
            "bench", "transport", "--messages", "2000", "--round-trips", "100", "--payload", "128", "--json")
        #expect(outcome.status == 0, "\(outcome.complaint)")
        let document = try outcome.document()
        #expect(document["payloadBytes"] as? Int == 128)
        #expect(try number(document, "oneWayMessagesPerSecond") > 0)
        let half = try number(document, "roundTripMicrosecondsP50")
        let most = try number(document, "roundTripMicrosecondsP99")
        #expect(half > 0 && half <= most)
    }

    @Test("sealing has the keys of lotus-bench, sums its sectors and leaves nothing behind")
    func sealing() throws {
        let scratch = try ScratchFolder()
        let outcome = try program.run(
            "bench", "sealing", "--sector-size", "2KiB", "--num-sectors", "2", "--storage-dir",
            scratch.path("store"), "--json-out", scratch.path("times.json"), "--json")
        #expect(outcome.status == 0, "\(outcome.complaint)")
        let document = try outcome.document()
        #expect(document["SectorSize"] as? Int == 2_048 && document["SectorNumber"] as? Int == 2)
        let sum = try #require(document["SealingSum"] as? [String: Int])
        let sectors = try #require(document["SealingResults"] as? [[String: Int]])
        #expect(sectors.count == 2)
        for step in ["AddPiece", "PreCommit1", "PreCommit2", "Commit1", "Verify", "Unseal"] {
            #expect(try #require(sum[step]) > 0)
            #expect(sectors.reduce(0) { $0 + ($1[step] ?? 0) } == sum[step])
        }
        #expect(sum["Commit2"] == 0)
        #expect(String(decoding: try scratch.bytes("times.json"), as: UTF8.self) + "\n" == outcome.output)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path("store")).isEmpty)
    }
}
