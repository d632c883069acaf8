// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// A cluster of real processes over real sockets, started and judged as a person would.
@Suite("Cluster of processes", .serialized)
struct ClusterUpTests {
    private struct Report: Decodable {
        struct Row: Decodable {
            var sector: String
            var state: String
            var commR: String
            var tries: [String]
        }
        var killedWorker: String?
        var isSNARK: Bool
        var proofForm: String
        var sectors: [Row]
    }

    private static let scenario = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Scenarios/devnet.yaml").path

    private func temporaryDirectory() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "sealyard-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    /// Processes whose command line names `directory`: what a cluster that did not clean up would leave.
    private func processes(naming directory: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
            guard Int(name) != nil else { return false }
            guard let data = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else {
                return false
            }
            let line = String(decoding: data, as: UTF8.self)
            return line.contains(directory.path) && line.contains("sealyard")
        }
    }

    @Test(
        "three workers, one killed with -9: all sectors reach Proving, the file comes back, nothing is left"
    )
    func killedWorker() async throws {
        let directory = try temporaryDirectory()
        defer { removeQuietly(directory) }
        let file = directory.appendingPathComponent("payload.bin")
        try Data((0..<2032).map { UInt8(truncatingIfNeeded: $0 &* 31) }).write(to: file)
        let data = directory.appendingPathComponent("cluster")
        let result = try await Program.run([
            "cluster", "up", "--workers", "3", "--sectors", "5", "--file", file.path, "--kill-worker-at",
            "1500ms",
            "--data", data.path, "--json",
        ])
        #expect(result.status == 0, "\(result.standardError)")
        #expect(result.standardError.contains("gives back"), "\(result.standardError)")
        let report = try JSONDecoder().decode(Report.self, from: Data(result.standardOutput.utf8))
        #expect(report.killedWorker == "worker-1")
        #expect(report.proofForm == "vanilla")
        #expect(!report.isSNARK)
        #expect(
            report.sectors.contains { $0.tries.contains("AP 2") },
            "the killed worker held sectors, which were begun anew")
        #expect(report.sectors.map(\.sector) == (1...5).map { "f01000-\($0)" })
        #expect(report.sectors.allSatisfy { $0.state == "Proving" && $0.commR.hasPrefix("bagboea4b5abc") })
        #expect(Set(report.sectors.map(\.commR)).count == 5, "each sector has a replica of its own")
        #expect(try processes(naming: data).isEmpty)
        // Of sectors of committed capacity nothing unsealed stays; the first holds the file.
        for (part, numbers) in [("sealed", 1...5), ("cache", 1...5), ("unsealed", 1...1)] {
            let held = try FileManager.default.contentsOfDirectory(
                atPath: data.appendingPathComponent("store/\(part)").path)
            #expect(held.sorted() == numbers.map { "s-t01000-\($0)" })
        }
        let journal = data.appendingPathComponent("miner/journal").path
        let replay = try await Program.run(["replay", journal])
        #expect(replay.status == 0, "\(replay.standardOutput)\(replay.standardError)")
        #expect(replay.standardOutput.contains("miner/scheduler"))
        #expect(replay.standardOutput.components(separatedBy: "says the same").count == 3)
        try await forecasts(journal)
    }

    private struct Forecast: Decodable {
        struct Side: Decodable {
            struct Stage: Decodable {
                var name: String
                var calls: Double
            }
            var title: String
            var makespanSeconds: Double
            var sectors: Double
            var stages: [Stage]
        }
        var recorded: Side
        var simulated: [Side]
    }

    /// The journal of the real run becomes a scenario; how close it comes is the benchmark's to say.
    private func forecasts(_ journal: String) async throws {
        let result = try await Program.run([
            "replay", journal, "--simulate", "--what-if", "hosts.worker.count=4,policy=lotus-random",
            "--replications", "3", "--json", "--no-progress",
        ])
        #expect(result.status == 0, "\(result.standardError)")
        let both = try JSONDecoder().decode(Forecast.self, from: Data(result.standardOutput.utf8))
        #expect(both.recorded.sectors == 5)
        #expect(both.recorded.makespanSeconds > 0)
        #expect(both.simulated.map(\.title) == ["as it was", "hosts.worker.count=4 policy=lotus-random"])
        #expect(both.simulated.first?.sectors == 5)
        let names = ["AddPiece", "PreCommit1", "PreCommit2", "Commit1", "Finalize"]
        #expect(both.recorded.stages.map(\.name) == names)
        #expect(both.recorded.stages.allSatisfy { $0.calls >= 5 })
        let samples = try await Program.run(["scenario", "durations", journal])
        #expect(samples.status == 0, "\(samples.standardError)")
        for words in ["  PreCommit1:", "Kolmogorov-Smirnov distance", "source: 'journal \(journal)'"] {
            #expect(samples.standardOutput.contains(words), "\(words)")
        }
        let named = try await Program.run([
            "simulate", Self.scenario, "--until", "2h", "--json", "--no-progress",
            "--set", "tasks.PreCommit1.duration={measured: \(journal)}",
        ])
        #expect(named.status == 0, "\(named.standardError)")
        #expect(named.standardOutput.contains("Kolmogorov-Smirnov distance"))
        let wrong = try await Program.run(["replay", journal, "--what-if", "hosts.wroker.count=4"])
        #expect(wrong.status == 2)
        #expect(wrong.standardError.contains("worker (3)"), "\(wrong.standardError)")
    }

    @Test("Ctrl-C ends all processes and says so")
    func interrupted() async throws {
        let directory = try temporaryDirectory()
        defer { removeQuietly(directory) }
        let data = directory.appendingPathComponent("cluster")
        let running = try Program.start([
            "cluster", "up", "--workers", "2", "--sectors", "3", "--epoch", "30s", "--data", data.path,
        ])
        running.waitUntil(standardErrorContains: "WaitSeed", or: "PreCommitBatchWait")
        #expect(try processes(naming: data).count == 5, "operator, chain, miner and two workers")
        running.interrupt()
        let result = await running.finish()
        #expect(result.status == 130)
        #expect(result.standardError.contains("interrupted"))
        #expect(try processes(naming: data).isEmpty)
    }

    @Test("when the operator itself is killed with -9, the daemons end by themselves")
    func orphaned() async throws {
        let directory = try temporaryDirectory()
        defer { removeQuietly(directory) }
        let data = directory.appendingPathComponent("cluster")
        let running = try Program.start([
            "cluster", "up", "--workers", "1", "--sectors", "1", "--epoch", "30s", "--data", data.path,
        ])
        running.waitUntil(standardErrorContains: "WaitSeed", or: "PreCommitBatchWait")
        running.killHard()
        _ = await running.finish()
        var left = try processes(naming: data)
        for _ in 0..<200 where !left.isEmpty {
            try await Task.sleep(for: .milliseconds(50))
            left = try processes(naming: data)
        }
        #expect(left.isEmpty)
    }

    @Test(
        "wrong options are refused with the reason and exit code 2, before anything starts",
        arguments: [
            (["--workers", "0"], "--workers"), (["--sectors", "100000"], "--sectors"),
            (["--workers", "1", "--kill-worker-at", "1s"], "--workers 2"), (["--epoch", "1ms"], "--epoch"),
            (["--size", "3KiB"], "--size"), (["--kill-worker-at", "soon"], "--kill-worker-at"),
        ])
    func wrongOptions(arguments: [String], fragment: String) async throws {
        let result = try await Program.run(["cluster", "up"] + arguments)
        #expect(result.status == 2)
        #expect(result.standardError.contains(fragment), "\(result.standardError)")
        #expect(result.standardOutput.isEmpty)
    }

    @Test("a file that is missing or too large is refused with its size and the sector's")
    func wrongFile() async throws {
        let directory = try temporaryDirectory()
        defer { removeQuietly(directory) }
        let file = directory.appendingPathComponent("large.bin")
        try Data(count: 2033).write(to: file)
        let large = try await Program.run(["cluster", "up", "--file", file.path])
        #expect(large.status == 1)
        #expect(large.standardError.contains("2033 bytes"))
        #expect(large.standardError.contains("2032"))
        let missing = try await Program.run(["cluster", "up", "--file", directory.path + "/none"])
        #expect(missing.status == 1)
        #expect(missing.standardError.contains("no such file"))
    }
}
