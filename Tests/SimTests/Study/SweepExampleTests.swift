// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sim
import Testing

@Suite("The examples of sharded sweeps")
struct SweepExampleTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func text(_ name: String) throws -> String {
        try String(contentsOf: Self.root.appendingPathComponent("Examples/sweeps/" + name), encoding: .utf8)
    }

    /// The `--vary` of an example, as the program reads them.
    private func axes(_ text: String) throws -> [SweepAxis] {
        try text.split(whereSeparator: \.isWhitespace).filter { $0.contains("=") && $0.hasPrefix("hosts.") }
            .map { try SweepAxis(String($0)) }
    }

    @Test(
        "both sweep a grid that the shipped scenario knows",
        arguments: ["slurm-array.sh", "kubernetes-job.yaml"])
    func grids(name: String) throws {
        let axes = try axes(text(name))
        #expect(axes.count == 2)
        let path = Self.root.appendingPathComponent("Scenarios/handbook-f0494733.yaml")
        let sweep = try Sweep(
            .file(path.path), axes: axes, replications: 10)
        #expect(sweep.runCount == 160)
    }

    @Test(
        "both make the folder that they write to, and go on with what an interrupted task has done",
        arguments: ["slurm-array.sh", "kubernetes-job.yaml"])
    func resumes(name: String) throws {
        let text = try text(name)
        let folder = try #require(text.firstRange(of: "mkdir -p"))
        let run = try #require(text.firstRange(of: "exec sealyard sweep run"))
        #expect(folder.lowerBound < run.lowerBound)
        #expect(text[run.lowerBound...].contains("--resume"))
        #expect(!text.contains("appears when the shard is complete"))
    }

    @Test("the Slurm script is sound to the shell")
    func slurm() throws {
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/bash")
        shell.arguments = ["-n", Self.root.appendingPathComponent("Examples/sweeps/slurm-array.sh").path]
        try shell.run()
        shell.waitUntilExit()
        #expect(shell.terminationStatus == 0)
    }

    @Test("the Kubernetes job is YAML, and counts as many shards as it has completions")
    func kubernetes() throws {
        let text = try text("kubernetes-job.yaml")
        // The reader of scenarios finds no fault with the YAML itself, only keys that no scenario has.
        let refusal = #expect(throws: ScenarioError.self) {
            _ = try Scenario.parse(text: text, fileName: "kubernetes-job.yaml")
        }
        #expect(refusal?.code == .invalid)
        #expect(refusal?.diagnostics.contains { $0.message.contains("apiVersion") } == true)
        let lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(lines.contains("kind: Job") && lines.contains("apiVersion: batch/v1"))
        #expect(lines.contains("completionMode: Indexed"))
        let key = "completions: "
        let count = try #require(lines.first { $0.hasPrefix(key) }).dropFirst(key.count)
        #expect(lines.contains("parallelism: \(count)"))
        #expect(text.contains("--shard \"${JOB_COMPLETION_INDEX}/\(count)\""))
    }
}
