// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Kernel
import Sim
import Testing

/// Method: a bug that is seeded into the statistics, which forgets the time of tasks that are lost with their
/// host. It breaks the utilization law where a host falls, and nothing where none does.
@Suite("No study hides a run that is not to be trusted")
struct TrustTests {
    private static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Scenarios/stress.yaml").path
    private static let until = Duration.seconds(9000)
    private static let falls = "faults=[{at: 2h, kind: hostDown, target: worker/1, duration: 20m}]"
    private static let control = StudyControl(threadCount: 2, bug: .statisticsForgetLostTasks)

    private static func source(_ more: String...) -> ScenarioSource {
        let overrides = ["hosts.worker.count=3", "report.warmUp=30m"] + more
        return .file(path, overrides: overrides.map { ScenarioOverride($0) })
    }

    private static func study(_ name: String, _ faults: String) throws -> StudyCase {
        StudyCase(name: name, try source(faults).scenario(), until: until)
    }

    /// All that is said of one such run, in every form.
    private func check(
        _ result: some StudyResult, _ run: String, seed: UInt64? = nil, count: Int = 1, json: String? = nil,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        #expect(result.distrusted.count == count, "\(result.distrusted)", sourceLocation: location)
        let first = try #require(result.distrusted.first, sourceLocation: location)
        #expect(first.run == run && first.seed == seed ?? first.seed, "\(first)", sourceLocation: location)
        #expect(first.distrust.law == "utilization law", sourceLocation: location)
        #expect(first.distrust.place.hasSuffix(" slots"), "\(first)", sourceLocation: location)
        #expect(first.distrust.measured > first.distrust.expected, "\(first)", sourceLocation: location)
        let words = try #require(result.distrustText, sourceLocation: location)
        for part in [
            run, "seed \(first.seed)", first.distrust.place, "utilization law", "\(first.distrust.measured)",
            "\(first.distrust.expected)",
        ] { #expect(words.contains(part), "\(part): \(words)", sourceLocation: location) }
        guard let json else { return }
        #expect(json.contains("\"distrusted\": [\n"), "\(json)", sourceLocation: location)
        #expect(json.contains("\"place\": \"\(first.distrust.place)\""), sourceLocation: location)
    }

    @Test("replications name the seed")
    func replications() throws {
        let study = try Self.study("falling", Self.falls)
        let result = try Replications.run(study, count: 2, seed: 9, control: Self.control)
        try check(result, "falling", seed: 9, count: 2, json: result.document.json)
        let sound = try Replications.run(study, count: 2, seed: 9, control: .init(threadCount: 2))
        #expect(sound.distrusted.isEmpty && sound.distrustText == nil)
        #expect(sound.document.json.contains("\"distrusted\": []"))
        #expect(sound.summaries() != [] && sound.runs == result.runs)
    }

    @Test("a comparison names the one scenario in which a host falls")
    func comparison() throws {
        let cases = [try Self.study("calm", "faults=[]"), try Self.study("falling", Self.falls)]
        let result = try Comparison.run(cases, count: 1, seed: 3, control: Self.control)
        try check(result, "falling", seed: 3, json: result.document.json)
        #expect(!result.rows().isEmpty)
    }

    @Test("a sweep names the point, and its file keeps that through --resume, shards and a merge")
    func sweep() throws {
        let sweep = try Sweep(
            Self.source(Self.falls), axes: [SweepAxis("faults=[],\(Self.falls.dropFirst(7))")], seed: 3,
            until: Self.until)
        let whole = try sweep.run(control: Self.control)
        try check(whole, Self.falls, seed: 3)
        #expect(whole.isWhole && whole.text.contains("\"distrusted\":{\"run\":"))
        // Nothing is run again, and what was found is not forgotten.
        let known = try sweep.lines(of: whole.text, "whole", .whole)
        #expect(try sweep.run(keeping: known).distrusted == whole.distrusted)
        let parts = try (0..<2).map { index in
            (name: "\(index)", text: try sweep.run(SweepShard("\(index)/2"), control: Self.control).text)
        }
        #expect(Sweep.distrusted(in: parts[0].text).isEmpty)
        let merged = try Sweep.merge(parts)
        #expect(merged == whole && merged.distrusted == whole.distrusted)
        let sound = try sweep.run()
        #expect(sound.distrusted.isEmpty && !sound.text.contains("distrusted"))
    }

    @Test("tornado names the end of the input")
    func tornado() throws {
        var options = Tornado.Options()
        options.ranges = [try ScenarioRange("workload.pledge.packingMax=1..2", usual: 0.1)]
        options.replications = 1
        options.until = Self.until
        let tornado = try Tornado(Self.source(Self.falls), options)
        let result = try tornado.run(control: Self.control)
        let runs = result.distrusted.map(\.run)
        #expect(runs.contains { $0.hasPrefix("workload.pledge.packingMax=") }, "\(runs)")
        try check(result, runs[0], count: runs.count, json: result.document.json)
        #expect(try tornado.run(control: .init(threadCount: 2)).distrusted.isEmpty)
    }

    @Test("regret names the candidate and its world")
    func regret() throws {
        var options = RegretStudy.Options()
        options.replications = 1
        options.until = Self.until
        let fallen = String(Self.falls.dropFirst(7))
        let study = try RegretStudy(
            sources: [(Self.source(), 1)], choices: [SweepAxis("workload.pledge.packingMax=3,4")],
            uncertain: [UncertainAxis("faults=[],\(fallen)")], options)
        let result = try study.run(control: Self.control)
        let runs = result.distrusted.map(\.run)
        #expect(
            runs.allSatisfy {
                $0.hasPrefix("workload.pledge.packingMax=") && $0.hasSuffix(" in faults=\(fallen)")
            },
            "\(runs)")
        try check(result, runs.first ?? "", count: runs.count, json: result.document.json)
    }

    @Test("the optimizer names the candidate's hosts")
    func optimizer() throws {
        var options = Optimizer.Options(target: 1e-9, ranges: [try HostRange("worker=2..3")])
        options.replications = 1
        options.simulatedCount = 2
        options.spread = 0
        options.until = Self.until
        let result = try Optimizer(try Self.source(Self.falls).scenario(), options).run(control: Self.control)
        #expect(!result.simulated.isEmpty)
        let runs = result.distrusted.map(\.run)
        #expect(!runs.isEmpty && runs.allSatisfy { $0.hasPrefix("worker=") }, "\(runs)")
        try check(result, runs[0], count: runs.count, json: result.document.json)
    }

    @Test("a tournament names scenario, policy and seed")
    func tournament() throws {
        let tournament = try Tournament(
            [try Self.source(Self.falls).scenario()],
            .init(policies: ["sealyard", "fork-groups"], seeds: [5], until: Self.until))
        let result = try tournament.run(Self.control)
        let names = result.distrusted.map(\.run)
        #expect(names.contains("stress, policy sealyard"), "\(names)")
        try check(result, names[0], seed: 5, count: names.count, json: result.document.json)
        #expect(try tournament.run(.init(threadCount: 2)).distrusted.isEmpty)
    }
}
