// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("sealyard explore")
struct ExploreCommandTests {
    let program: BuiltProgram
    private let devnet = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Scenarios/devnet.yaml").path

    init() throws { program = try BuiltProgram() }

    @Test("a sound cluster passes, and the search says the same on one thread and on two")
    func sound() throws {
        let arguments = ["explore", devnet, "--seeds", "3-6", "--json", "--no-progress", "--threads"]
        let outcome = try program.run(list: arguments + ["1"])
        #expect(outcome.status == 0, "\(outcome.complaint)")
        let document = try outcome.document()
        #expect(document["tried"] as? Int == 4 && document["firstSeed"] as? Int == 3)
        #expect((document["failures"] as? [Any])?.isEmpty == true && document["isComplete"] as? Bool == true)
        let other = try program.run(list: arguments + ["2"])
        #expect(try other.document() as NSDictionary == document as NSDictionary)
    }

    @Test("faults without an end break the cluster: status 1, findings, and a file that simulate takes")
    func failing() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("faults-\(UUID()).yaml")
        defer { do { try FileManager.default.removeItem(at: file) } catch { Issue.record(error) } }
        let outcome = try program.run(
            "explore", devnet, "--seed", "5", "--sectors", "2", "--no-progress", "--json", "--out", file.path,
            "--replay", "[{at: 1s, kind: chainDown, target: chain}]")
        #expect(outcome.status == 1)
        let failures = try #require(try outcome.document()["failures"] as? [[String: Any]])
        let findings = try #require(failures.first?["findings"] as? [[String: String]])
        #expect(findings.contains { $0["invariant"] == "every sector ends" })
        #expect((failures.first?["replay"] as? String)?.contains("--seed 5") == true)
        let again = try program.run(
            "explore", devnet, "--seed", "5", "--sectors", "2", "--no-progress", "--faults", file.path)
        #expect(again.status == 1)
        let simulated = try program.run(
            "simulate", devnet, "--faults", file.path, "--until", "1h", "--json", "--no-progress")
        #expect(simulated.status == 0, "\(simulated.complaint)")
        #expect(try simulated.document()["sectorsProving"] as? Int == 0)
    }

    @Test("a bug that is planted is found, and without it the same seeds hold")
    func planted() throws {
        let arguments = ["explore", devnet, "--seeds", "1-40", "--failures", "1", "--json", "--no-progress"]
        let found = try program.run(list: arguments + ["--seeded-bug", "sectorNeverRetries"])
        #expect(found.status == 1, "\(found.complaint)")
        #expect((try found.document()["failures"] as? [Any])?.count == 1)
        let sound = try program.run(list: arguments)
        #expect(sound.status == 0, "\(sound.complaint)")
    }

    @Test(
        "wrong arguments are refused by name",
        arguments: [
            (["--seeds", "9-3"], "--seeds"), (["--kinds", "gpuLst"], "gpuLst"),
            (["--seconds", "0"], "--seconds"),
            (["--policy", "none"], "--policy"), (["--replay", "[]", "--faults", "x"], "exclude"),
            (["--faults", "/nowhere/x.yaml"], "/nowhere/x.yaml"),
        ])
    func refusals(arguments: [String], word: String) throws {
        let outcome = try program.run(list: ["explore", devnet] + arguments)
        #expect(outcome.status != 0 && outcome.complaint.contains(word), "\(outcome.complaint)")
    }
}
