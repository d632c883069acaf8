// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

@Suite("The trace of a report", .serialized)
struct TraceEventTests {
    /// The viewer is fetched from PyPI, which not every machine reaches: nothing requires it unless told to.
    private static let requires =
        ProcessInfo.processInfo.environment["SEALYARD_REQUIRE_TRACE_VIEWER"] == "1"
    private static let isPossible = requires || (ReportBrowser.path != nil && TraceViewer.path != nil)
    private static let why: Comment =
        "no Chromium, or no viewer of Perfetto, is installed: Scripts/bootstrap installs both"

    /// Eight lines, one breach each when one is replaced.
    private static let sound = """
        {"displayTimeUnit":"ms","traceEvents":[
        {"name":"process_name","ph":"M","pid":1,"tid":0,"args":{"name":"p1/0"}},
        {"name":"thread_name","ph":"M","pid":1,"tid":2,"args":{"name":"p1/0/pc1/0"}},
        {"name":"busy","ph":"C","ts":0,"pid":1,"args":{"PreCommit1":1,"PreCommit2":0.5}},
        {"name":"busy","ph":"C","ts":10,"pid":1,"args":{"PreCommit1":2,"PreCommit2":0}},
        {"name":"a","cat":"PreCommit1","ph":"X","ts":0,"dur":10,"pid":1,"tid":2,"args":{}},
        {"name":"b","cat":"PreCommit1","ph":"X","ts":10,"dur":20,"pid":1,"tid":2,"args":{}},
        {"name":"c","cat":"PreCommit1","ph":"X","ts":15,"dur":5,"pid":1,"tid":2,"args":{}}
        ]}
        """

    @Test("a report's trace breaks no rule of its format")
    func rules() throws {
        #expect(TraceRules(Self.sound).breaches.isEmpty)
        let files = try ReportPageTests.run().1
        let rules = TraceRules(files.perfetto)
        #expect(rules.breaches.isEmpty, "\(rules.breaches.prefix(5))")
        #expect(rules.counts["X"] == files.recorder.spans.count)
        // A day of pieces of a sixtieth of a day, and what the tasks that began or ended in it lie in beyond.
        #expect(try #require(rules.counts["C"]) >= 2 * 60)
    }

    /// Tasks that fail, end with their process, take no time or are cut off by the end of the run.
    @Test(
        "nor does that of a run full of faults, or of a short one",
        arguments: [("tournament/rolling-faults", 2 * 86_400.0), ("devnet", 7_200), ("devnet", 1)])
    func faults(name: String, seconds: Double) throws {
        let cluster = try SimulatedCluster(ShippedScenarios.load(name), options: .init(seed: 4))
        let end = Instant(seconds: seconds)
        let recorder = cluster.record(until: end)
        cluster.run(until: end)
        let rules = TraceRules(
            ReportFiles(report: cluster.report(), recorder: recorder, now: end).perfetto)
        #expect(rules.breaches.isEmpty, "\(rules.breaches.prefix(5))")
        #expect(rules.counts["X", default: 0] == recorder.spans.count)
        #expect(seconds == 1 || recorder.spans.count > 20)
    }

    @Test(
        "each rule finds its breach",
        arguments: [
            (#""ph":"X","ts":0"#, #""ph":"B","ts":0"#, "unknown ph B"),
            (#""ts":0,"dur":10"#, #""ts":0,"dur":10.5"#, "dur is no whole number"),
            (#""ts":0,"dur":10"#, #""ts":-1,"dur":10"#, "ts is no whole number"),
            (#""ts":0,"dur":10"#, #""ts":0,"dur":11"#, "overlapping slices"),
            (#""ts":15,"dur":5"#, #""ts":15,"dur":16"#, "overlapping slices"),
            (#""ts":15,"dur":5"#, #""ts":9,"dur":1"#, "not in the order of time"),
            (#""ts":15,"dur":5"#, #""ts":15"#, "keys"),
            (#""tid":2,"args":{"name":"p1/0/pc1/0"}"#, #""tid":1,"args":{"name":"x"}"#, "main thread"),
            (#""args":{"name":"p1/0"}"#, #""args":{"name":""}"#, "args are not {name}"),
            (#""name":"process_name""#, #""name":"process_sort""#, "unknown metadata"),
            (#""name":"busy","ph":"C","ts":10"#, #""name":"busy","ph":"C","ts":0"#, "back in time"),
            (#"{"PreCommit1":2,"PreCommit2":0}"#, #"{"PreCommit1":2}"#, "changes its series"),
            (#"{"PreCommit1":2,"PreCommit2":0}"#, #"{"PreCommit1":2,"PreCommit2":"0"}"#, "no numbers"),
            (#""displayTimeUnit":"ms""#, #""displayTimeUnit":"s""#, "displayTimeUnit"),
            ("]}", "]", "no JSON"),
        ])
    func planted(good: String, bad: String, breach: String) throws {
        let place = try #require(Self.sound.range(of: good))
        let found = TraceRules(Self.sound.replacingCharacters(in: place, with: bad)).breaches
        #expect(found.contains { $0.contains(breach) }, "\(found)")
    }

    private func view(_ trace: String, name: String) throws -> TraceViewer.Findings {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("trace-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let kept = ProcessInfo.processInfo.environment["SEALYARD_REPORT_DIR"] ?? folder.path
        let findings = try TraceViewer(folder).open(
            trace, picture: URL(fileURLWithPath: "\(kept)/\(name).png"))
        try FileManager.default.removeItem(at: folder)
        return findings
    }

    @Test(
        "Perfetto's viewer opens it, complains of nothing and finds all of it",
        .enabled(if: isPossible, why))
    func viewer() throws {
        let files = try ReportPageTests.run().1
        let findings = try view(files.perfetto, name: "perfetto")
        #expect(findings.complaints.isEmpty && findings.dialogs.isEmpty, "\(findings.dialogs)")
        let spans = files.recorder.spans
        let hosts = Set(spans.map { $0.worker.split(separator: "/").prefix(2).joined(separator: "/") })
        #expect(
            findings.processes.count == hosts.count + 1 && Set(findings.processes) == hosts.union(["cluster"])
        )
        #expect(Set(findings.threads.map { $0[1] }) == Set(spans.map(\.worker)))
        #expect(findings.threads.allSatisfy { $0[1].hasPrefix($0[0] + "/") })
        #expect(findings.mainThreads.isEmpty)
        // Every task is there with its times, cut off to microseconds, and none lies below another.
        #expect(findings.slices.allSatisfy { $0.depth == 0 })
        func times(_ begin: Int64, _ end: Int64) -> [Int64] { [begin / 1000 * 1000, end / 1000 * 1000] }
        #expect(
            findings.slices.map { [Int64($0.nanoseconds), Int64($0.nanoseconds + $0.length)] }
                .sorted { $0.lexicographicallyPrecedes($1) }
                == spans.map { times($0.begin.nanoseconds, $0.end.nanoseconds) }
                .sorted { $0.lexicographicallyPrecedes($1) })
        // Two counters for each stage, with one value for each piece of time.
        let stages = files.report.stages.map(\.name)
        #expect(
            Set(findings.counters.map(\.name))
                == Set(stages.flatMap { ["busy slots \($0)", "waiting tasks \($0)"] }))
        let pieces = try #require(TraceRules(files.perfetto).counts["C"]) / 2
        #expect(findings.counters.allSatisfy { $0.process == "cluster" && $0.valueCount == pieces })
        let labels = try #require(findings.counters.first { $0.name == "busy slots PreCommit1" })
        #expect(abs(labels.mean / 14 - (files.report.stages[1].utilization ?? 0)) < 0.05)
        let shown = Set(findings.shown)
        #expect(shown.isSuperset(of: findings.counters.map(\.name)), "\(shown.sorted())")
    }

    /// The looks above must be able to fail.
    @Test("the viewer tells what it cannot place", .enabled(if: isPossible, why))
    func sabotage() throws {
        let place = try #require(Self.sound.range(of: #""ts":0,"dur":10"#))
        let planted = Self.sound.replacingCharacters(in: place, with: #""ts":0,"dur":11"#)
        let overlapping = try view(planted, name: "overlapping")
        #expect(overlapping.complaints.contains { $0.contains("overlapping") }, "\(overlapping.complaints)")
        #expect(overlapping.slices.count < 3)
        let cut = try view(String(Self.sound.dropLast(20)), name: "cut")
        #expect(!(cut.complaints + cut.dialogs).isEmpty)
    }
}
