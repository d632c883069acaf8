// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sim
import Testing

@Suite("Scenarios made of several files and of values set on the command line")
struct ScenarioOverlayTests {
    private static func parse(_ sets: String...) throws -> Scenario {
        try Scenario.parse(
            text: ScenarioMistakeTests.sound, fileName: "tiny.yaml",
            overrides: sets.map { ScenarioOverride($0) })
    }

    @Test("a value is set by key, by the name of a list's element, by index, and where none was")
    func sets() throws {
        let scenario = try Self.parse(
            "hosts.w.count=30", "hosts.0.workers.all.count=5", "tasks.PreCommit2=12s",
            "tasks.PreCommit1.duration={uniform: {min: 1m, max: 2m}}", "miner.finalizeEarly=true", "faults=[]"
        )
        #expect(scenario.hosts[0].count == 30 && scenario.hosts[0].workers[0].count == 5)
        #expect(scenario.task(.preCommit2)?.duration.shape == .constant(.seconds(12)))
        #expect(
            scenario.task(.preCommit1)?.duration.shape == .uniform(low: .seconds(60), high: .seconds(120)))
        #expect(scenario.task(.preCommit1)?.failureRate == 0.01)
        #expect(scenario.miner.finalizeEarly && scenario.faults.isEmpty)
    }

    static let wrong: [(set: String, column: Int, fragment: String)] = [
        ("hosts.p9.count=3", 7, "nothing in the list is called \"p9\""),
        ("hosts.9.count=3", 7, "nothing in the list is called \"9\""),
        ("hosts.w.cuont=3", 9, "unknown key \"cuont\"; did you mean \"count\"?"),
        ("hsots.w.count=3", 1, "unknown key \"hsots\"; did you mean \"hosts\"?"),
        ("hosts.w.count=three", 15, "\"three\" is not a whole number"),
        ("hosts.w.memory=8Gi", 16, "hosts[0].memory"),
        ("hosts.w.count=0", 15, "out of range"),
        ("network.epochDuration=4s", 9, "network is \"devnet\", which has no \"epochDuration\""),
        ("tasks.Commit2=5 parsecs", 15, "parsecs"),
        ("policy", 1, "write a path and a value with ="),
        ("hosts..count=3", 7, "a name is missing"),
        ("=3", 1, "a name is missing"),
        ("policy=", 8, "a value is missing"),
        ("policy=[a", 8, "not YAML"),
        ("tasks.PreCommit1.duration={unifrom: 1s}", 28, "did you mean \"uniform\"?"),
        ("include=other.yaml", 9, "only a file can include"),
    ]

    @Test("what is wrong with it is said as for a file, with the column", arguments: wrong)
    func mistakes(_ set: String, _ column: Int, _ fragment: String) throws {
        let error = try #require(throws: ScenarioError.self) { try Self.parse(set) }
        let finding = try #require(error.diagnostics.first)
        #expect(finding.file.hasPrefix("--set \(set.prefix(20))"))
        #expect(finding.description.contains(fragment), "\(finding)")
        // The parser sees the end of an open list on the line after it.
        #expect(set == "policy=[a" || (finding.line == 1 && finding.column == column), "\(finding)")
    }

    private func folder(_ files: [String: String]) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("overlay-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (name, text) in files {
            try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
        return folder
    }

    @Test("a file is laid over the files that it includes")
    func includes() throws {
        let folder = try folder([
            "base.yaml": ScenarioMistakeTests.sound,
            "more.yaml": "tasks: {Commit2: 40s}\n",
            "top.yaml": """
            include: [base.yaml, more.yaml]
            name: larger
            hosts:
              - {name: w, count: 7}
            faults:
            """,
        ])
        defer { remove(folder) }
        let path = folder.appendingPathComponent("top.yaml").path
        let scenario = try Scenario.load(path: path, overrides: [ScenarioOverride("hosts.w.hugepages=2GiB")])
        #expect(scenario.name == "larger" && scenario.hosts[0].count == 7)
        #expect(scenario.hosts[0].hugepages.bytes == 2 << 30 && scenario.hosts[0].disks.count == 1)
        #expect(scenario.task(.commit2)?.duration.shape == .constant(.seconds(40)))
        #expect(scenario.faults.isEmpty)
    }

    @Test("an error points into the file that it comes from; circles and missing files are named")
    func places() throws {
        let folder = try folder([
            "base.yaml": ScenarioMistakeTests.sound.replacing("memory: 8GiB", with: "memory: 8GB?"),
            "top.yaml": "include: base.yaml\nname: larger\n",
            "a.yaml": "include: b.yaml\n", "b.yaml": "name: b\ninclude: [a.yaml]\n",
            "gone.yaml": "name: x\ninclude:\n  - nowhere.yaml\n",
        ])
        defer { remove(folder) }
        func failure(_ name: String) throws -> ScenarioDiagnostic {
            let path = folder.appendingPathComponent(name).path
            let error = try #require(throws: ScenarioError.self) { try Scenario.load(path: path) }
            return try #require(error.diagnostics.first)
        }
        let wrong = try failure("top.yaml")
        #expect(wrong.file.hasSuffix("base.yaml") && wrong.line == 7 && wrong.column == 13)
        let circle = try failure("a.yaml")
        #expect(
            circle.file.hasSuffix("b.yaml") && circle.line == 2 && circle.message.contains("includes itself"))
        let gone = try failure("gone.yaml")
        #expect(gone.file.hasSuffix("gone.yaml") && gone.line == 3 && gone.message.contains("nowhere.yaml"))
    }

    private func remove(_ folder: URL) {
        do { try FileManager.default.removeItem(at: folder) } catch { Issue.record("\(error)") }
    }

    @Test("a directory, a pipe and a device are refused at once; nothing waits for who would write into it")
    func noFile() throws {
        let folder = try folder([:])
        defer { remove(folder) }
        let pipe = folder.appendingPathComponent("pipe.yaml").path
        #expect(mkfifo(pipe, 0o600) == 0)
        for (path, words) in [
            (folder.path, "is a directory"), (pipe, "is a pipe or a device"),
            ("/dev/zero", "is a pipe or a device"), (folder.path + "/none.yaml", "No such file"),
        ] {
            let error = try #require(throws: ScenarioError.self) { try Scenario.load(path: path) }
            let finding = try #require(error.diagnostics.first)
            #expect(finding.description.contains(words), "\(finding)")
            #expect(finding.description.contains("give the path of a scenario file"), "\(finding)")
        }
    }
}
