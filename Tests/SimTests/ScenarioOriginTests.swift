// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sim
import Testing

@Suite("Where values are from that take the place of others")
struct ScenarioOriginTests {
    private static let reference = ShippedScenarios.folder.appendingPathComponent("reference-15x3h.yaml").path

    private func load(_ sets: String...) throws -> Scenario {
        try Scenario.load(path: Self.reference, overrides: sets.map { ScenarioOverride($0) })
    }

    private func origin(_ what: String, _ scenario: Scenario) throws -> SimulationReport.Origin {
        try #require(scenario.origins.first { $0.what == what })
    }

    @Test("a duration that is set is no longer published; one that is not still is")
    func duration() throws {
        let what = "tasks.PreCommit1"
        let plain = try origin(what, load())
        #expect(plain.provenance == .published && plain.source.contains("at 3 h"))
        for set in [
            "tasks.PreCommit1.duration=1h", "tasks.PreCommit1=1h", "tasks.PreCommit1={duration: 1h}",
            "tasks.PreCommit1.duration={constant: 1h}",
        ] {
            let scenario = try load(set)
            let found = try origin(what, scenario)
            #expect(found.provenance == .assumed && found.source == "set by --set", "\(set): \(found)")
            #expect(found.figure.contains("60 min"), "\(found)")
            #expect(try origin("tasks.PreCommit2", scenario).provenance == .published)
        }
        // A parameter deep in it, and the same value once more.
        let deep = try load("tasks.PreCommit2.duration.uniform.max=1h")
        #expect(try origin("tasks.PreCommit2", deep).provenance == .assumed)
        #expect(try origin(what, load("tasks.PreCommit1.duration=3h")) == plain)
        #expect(try origin(what, load("hosts.sealer.count=3")) == plain)
    }

    @Test("what is said of the origin along with the value stays, in whatever order")
    func given() throws {
        let (value, mark) = ("tasks.PreCommit1.duration=1h", "tasks.PreCommit1.provenance=measured")
        let source = "tasks.PreCommit1.source=our bench"
        for sets in [[value, mark, source], [source, mark, value]] {
            let scenario = try Scenario.load(
                path: Self.reference, overrides: sets.map { ScenarioOverride($0) })
            let found = try origin("tasks.PreCommit1", scenario)
            #expect(found.provenance == .measured && found.source == "our bench")
        }
        let half = try origin("tasks.PreCommit1", load(value, mark))
        #expect(half.provenance == .measured && half.source == "set by --set")
    }

    @Test("where one of several figures is set, the source says which, and what the others have")
    func several() throws {
        let found = try origin("tasks.PreCommit1", load("tasks.PreCommit1.failureRate=1%"))
        #expect(found.provenance == .assumed, "\(found)")
        #expect(found.source.hasPrefix("failureRate set by --set, else docs.filecoin.io"), "\(found)")
    }

    @Test("a disk that is set does not have what its host says; counts are no figures")
    func hardware() throws {
        let host = "hosts.sealer"
        func with(_ sets: String...) throws -> Scenario {
            // The marks of the file itself, not of the command line.
            let text = try String(contentsOfFile: Self.reference, encoding: .utf8)
                .replacing(
                    "    memory: 1TiB",
                    with: "    provenance: measured\n    source: counted\n    memory: 1TiB")
            return try Scenario.parse(
                text: text, fileName: "marked.yaml", overrides: sets.map { ScenarioOverride($0) })
        }
        let disk = "hosts.sealer.disks.nvme"
        #expect(try origin(disk, with()).source == "counted")
        let set = try with("hosts.sealer.disks.nvme.read=9GB/s", "hosts.sealer.count=2")
        #expect(try origin(host, set).source == "counted")
        let found = try origin(disk, set)
        #expect(found.provenance == .assumed && found.source == "read set by --set", "\(found)")
        let memory = try origin(host, with("hosts.sealer.memory=2TiB"))
        #expect(memory.provenance == .assumed)
        #expect(memory.source == "memory set by --set, else counted", "\(memory)")
    }

    @Test("a price has its own origin, and loses it when it is set")
    func prices() throws {
        let plain = try #require(load().costs)
        let costs = try #require(load("costs.electricityPerKilowattHour=0.3").costs)
        #expect(plain.mark("electricityPerKilowattHour").provenance == .published)
        let mark = costs.mark("electricityPerKilowattHour")
        #expect(mark.provenance == .assumed && mark.source == "set by --set")
        #expect(costs.mark("storePerTebibyteMonth").provenance == .published)
        let host = try #require(load("costs.hosts.sealer.price=1").costs?.hosts.first)
        #expect(host.source.hasPrefix("price set by --set, else authors of this file"))
    }

    @Test("a file that is laid over another is named as the source of what it replaces")
    func overlays() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("origins-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(at: folder) } catch { Issue.record("\(error)") }
        }
        func laid(_ text: String) throws -> Scenario {
            let file = folder.appendingPathComponent("over.yaml")
            try "include: \(Self.reference)\n\(text)".write(to: file, atomically: true, encoding: .utf8)
            return try Scenario.load(path: file.path)
        }
        let path = folder.appendingPathComponent("over.yaml").path
        for text in ["tasks: {PreCommit1: 1h}", "tasks: {PreCommit1: {duration: 1h}}"] {
            let found = try origin("tasks.PreCommit1", laid(text))
            #expect(found.provenance == .assumed && found.source == "set by \(path)", "\(found)")
        }
        let own = try origin(
            "tasks.PreCommit1",
            laid("tasks: {PreCommit1: {duration: 1h, provenance: measured, source: our bench}}"))
        #expect(own.provenance == .measured && own.source == "our bench")
        let costs = try #require(laid("costs: {electricityPerKilowattHour: 0.3}").costs)
        #expect(costs.mark("electricityPerKilowattHour").source == "set by \(path)")
        // A distribution of another family takes the whole place of the earlier one.
        let normal = try laid("tasks: {PreCommit2: {duration: {normal: {mean: 9m, deviation: 1m}}}}")
        guard case .normal = try #require(normal.task(.preCommit2)).duration.shape else {
            Issue.record("not normal")
            return
        }
        #expect(throws: ScenarioError.self) {
            try laid("tasks: {PreCommit2: {duration: {uniform: {max: 1h}}}}")
        }
    }
}

@Suite("Mistakes in scenarios, for programs")
struct ScenarioErrorDocumentTests {
    @Test("each finding has its file, line, column, section, message and what is allowed")
    func document() throws {
        let text = ScenarioMistakeTests.sound.replacing("memory: 8GiB", with: "memroy: 8GiB")
        let error = try #require(throws: ScenarioError.self) {
            try Scenario.parse(
                text: text, fileName: "tiny.yaml", overrides: [ScenarioOverride("hosts.w.count=0")])
        }
        #expect(error.lines.count == error.diagnostics.count && error.lines.count >= 3)
        #expect(error.lines.allSatisfy { !$0.contains(where: \.isNewline) })
        let json = Data(error.document.json.utf8)
        let document = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
        #expect(document["code"] as? String == "invalid" && document["sound"] as? Bool == false)
        let errors = try #require(document["errors"] as? [[String: Any]])
        let key = try #require(errors.first { ($0["message"] as? String ?? "").contains("memroy") })
        #expect(key["file"] as? String == "tiny.yaml" && key["line"] as? Int == 7)
        #expect(key["path"] as? String == "hosts[0]")
        #expect((key["allowed"] as? [String])?.contains("memory") == true)
        let range = try #require(errors.first { ($0["message"] as? String ?? "").contains("out of range") })
        #expect(range["allowed"] as? [String] == ["1 to 100000"])
    }
}
