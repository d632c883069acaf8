// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sim
import Testing

/// `duration: {measured: FILE}`: a scenario that goes by measurements without a copy of their figures.
@Suite("Measured files named by a scenario")
struct MeasuredDurationTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("measured-\(UUID())")
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("benches"), withIntermediateDirectories: true)
        try write("benches/one.json", Self.bench(2_048, preCommit1: 20, 22, 24, 26))
        try write("benches/two.json", Self.bench(2_048, preCommit1: 21, 23, 25, 27))
        try write("benches/large.json", Self.bench(34_359_738_368, preCommit1: 10_800))
        try write("benches/broken.json", "{\"SealingResults\": [{\"PreCommit1\": \"long\"}]}")
        try write("notes.txt", "it took a while\n")
    }

    private static func bench(_ size: Int, preCommit1 seconds: Int...) -> String {
        let steps = seconds.map { "{\"PreCommit1\": \($0)000000000}" }.joined(separator: ",\n  ")
        return "{\"SectorSize\": \(size), \"SealingResults\": [\n  \(steps)]}\n"
    }

    private func write(_ name: String, _ text: String) throws {
        try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }

    private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    /// The sound scenario with one line of PreCommit1, as a file beside the benches.
    private func load(_ line: String, sets: [String] = []) throws -> Scenario {
        let old = "PreCommit1: {duration: {uniform: {min: 20s, max: 30s}}, failureRate: 1%}"
        try write("top.yaml", ScenarioMistakeTests.sound.replacing(old, with: "PreCommit1: \(line)"))
        return try Scenario.load(path: path("top.yaml"), overrides: sets.map { ScenarioOverride($0) })
    }

    @Test("the file is found from the scenario's folder; model, origin and the fit's quality come of it")
    func bench() throws {
        let task = try #require(
            try load("{duration: {measured: benches/one.json}, failureRate: 1%}").task(.preCommit1))
        #expect(task.duration.shape == .uniform(low: .seconds(20), high: .seconds(26)))
        #expect(task.provenance == .measured && task.failureRate == 0.01)
        #expect(task.source.hasPrefix("uniform, 4 samples from 20"), "\(task.source)")
        #expect(task.source.contains("Kolmogorov-Smirnov distance"))
        #expect(task.source.contains("lotus-bench \(path("benches/one.json"))"), "\(task.source)")
    }

    @Test("several files are one sample; words of one's own stand before the fit's")
    func several() throws {
        let line = "{duration: {measured: [benches/one.json, benches/two.json]}, source: rack 7}"
        let task = try #require(try load(line).task(.preCommit1))
        #expect(task.source.hasPrefix("rack 7; ") && task.source.contains(", 8 samples"), "\(task.source)")
        #expect(task.source.contains("one.json") && task.source.contains("two.json"))
    }

    @Test("set on the command line it takes the place of what was said of the earlier value")
    func set() throws {
        let given = "{duration: 3h, provenance: published, source: a page}"
        for set in ["tasks.PreCommit1.duration={measured: F}", "tasks.PreCommit1={duration: {measured: F}}"] {
            let scenario = try load(given, sets: [set.replacing("F", with: path("benches/one.json"))])
            let task = try #require(scenario.task(.preCommit1))
            #expect(task.provenance == .measured && task.source.hasPrefix("uniform, 4 samples"), "\(task)")
        }
        // And the other way about: a figure that is set is not measured.
        let task = try #require(
            try load("{duration: {measured: benches/one.json}}", sets: ["tasks.PreCommit1.duration=1h"])
                .task(.preCommit1))
        #expect(task.provenance == .assumed && task.source == "set by --set")
    }

    @Test("what is written out of it holds the fitted model, and reads back as the same scenario")
    func normalized() throws {
        let scenario = try load("{duration: {measured: benches/one.json}}")
        let again = try Scenario.parse(text: scenario.normalized.json, fileName: "again.json")
        #expect(again.task(.preCommit1)?.duration == scenario.task(.preCommit1)?.duration)
        #expect(again.task(.preCommit1)?.source == scenario.task(.preCommit1)?.source)
    }

    static let wrong: [(line: String, fragment: String)] = [
        ("{duration: {measured: gone.json}}", "there is no such file"),
        ("{duration: {measured: benches}}", "a folder, and not that of a miner's journal"),
        ("{duration: {measured: notes.txt}}", "not a known form"),
        ("{duration: {measured: benches/broken.json}}", "broken.json:1:36: PreCommit1 is"),
        (
            "{duration: {measured: benches/large.json}}",
            "measured with sectors of 32GiB, where the scenario's are of 2KiB"
        ),
        ("{duration: {measured: []}}", "files"),
        ("{duration: {measured: [benches/one.json, benches/one.json]}}", "would count twice"),
        ("{duration: {measured: benches/one.json}, provenance: published}", "leave provenance away"),
        ("{duration: {measured: {file: x}}}", "expected a file's path"),
        ("{duration: {mesured: benches/one.json}}", "did you mean \"measured\"?"),
        ("{duration: {measured: benches/one.json, constant: 3s}}", "unknown key \"constant\""),
    ]

    @Test("what is wrong is said at the line of the scenario", arguments: wrong)
    func mistakes(_ line: String, _ fragment: String) throws {
        let error = try #require(throws: ScenarioError.self) { try load(line) }
        let finding = try #require(error.diagnostics.first)
        #expect(finding.description.contains(fragment), "\(finding)")
        #expect(finding.line == 17 && finding.file.hasSuffix("top.yaml"), "\(finding)")
    }

    @Test("a file without durations of the task says whose it has; a text can name no file")
    func absent() throws {
        let error = try #require(throws: ScenarioError.self) {
            try load("3s", sets: ["tasks.Commit2={duration: {measured: \(path("benches/one.json"))}}"])
        }
        let words = error.diagnostics.map(\.description).joined()
        #expect(words.contains("has no duration of Commit2; it has those of PreCommit1"), "\(words)")
        let text = try #require(throws: ScenarioError.self) {
            try Scenario.parse(
                text: ScenarioMistakeTests.sound, fileName: "text",
                overrides: [ScenarioOverride("tasks.Commit2={duration: {measured: x.json}}")])
        }
        #expect(text.diagnostics.first?.message.contains("only a scenario in a file") == true)
    }

    @Test("a study goes by what was read at first, whatever becomes of the file meanwhile")
    func once() throws {
        let reader = MeasurementReader { _ in nil }
        try write("top.yaml", ScenarioMistakeTests.sound)
        let source = ScenarioSource.file(
            path("top.yaml"),
            overrides: [ScenarioOverride("tasks.Commit1={duration: {measured: \(path("c1.json"))}}")],
            measurements: reader)
        try write("c1.json", "{\"SealingResults\": [{\"Commit1\": 4000000000}]}")
        let first = try source.scenario()
        try write("c1.json", "{\"SealingResults\": [{\"Commit1\": 9000000000}]}")
        #expect(try source.scenario() == first)
        #expect(first.task(.commit1)?.duration.shape == .constant(.seconds(4)))
    }
}
