// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The policy that a Python user wrote for simulations decides in a real cluster too.
@Suite("A miner whose policy is a program")
struct ExternalPolicyClusterTests {
    private static let example = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Examples/policies/shortest_queue.py").path

    /// The processes that run a program.
    private func processes(of program: String) throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.filter { id in
            // A process may end between the two looks.
            do {
                let line = try Data(contentsOf: URL(filePath: "/proc/\(id)/cmdline"))
                let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
                return words.contains(program) && !words.contains("miner")
            } catch { return false }
        }
    }

    @Test("it places tasks and lets sectors in; killed, it is started anew and the next sector proves")
    func killed() async throws {
        let home = try ScratchFolder()
        let program = home.path("policy.py")
        try FileManager.default.copyItem(atPath: Self.example, toPath: program)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        let options = ["--policy", "external", "--program", program]
        try await RoleCluster(minerOptions: options).use { cluster in
            let store = ["--long-term", cluster.folder.path("store")]
            try await cluster.startWorker(
                "w1", slots: ["AP=1", "PC1=1", "PC2=1", "C1=1", "FIN=1"], store)
            _ = try cluster.text("sectors", "pledge", "--count", "1")
            try await cluster.until("the sector proves") { try cluster.states() == ["Proving"] }
            let first = try processes(of: program)
            try #require(first.count == 1)
            kill(first[0], SIGKILL)
            _ = try cluster.text("sectors", "pledge", "--count", "1")
            try await cluster.until("the next proves too") {
                try cluster.states() == ["Proving", "Proving"]
            }
            let second = try processes(of: program)
            #expect(second.count == 1 && second != first)
            await cluster.stopMiner()
            #expect(try processes(of: program).isEmpty, "the program ends with its miner")
        }
    }

    @Test("a program that is not there, or for no policy, ends the start with words")
    func wrong() throws {
        let home = try ScratchFolder()
        let miner = [
            "miner", "run", "--data", home.path("m"), "--secret", home.path("secret"), "--chain",
            "127.0.0.1:1", "--sector-size", "2KiB",
        ]
        for (wrong, fragment) in [
            (["--policy", "external", "--program", "/nonesuch/policy"], "cannot start /nonesuch/policy"),
            (["--program", "/bin/cat"], "--program decides for --policy external"),
            (["--policy", "external", "--program", "/bin/cat", "--program-patience", "1ms"], "50ms to 60s"),
        ] {
            let outcome = try BuiltProgram().run(list: miner + wrong, environment: [:])
            #expect(outcome.status != 0 && outcome.complaint.contains(fragment), "\(outcome.complaint)")
        }
    }
}
