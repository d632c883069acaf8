// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Synchronization
import Testing

@Suite("Replications, comparisons and sweeps")
struct StudyTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func devnetText() throws -> String {
        try String(contentsOf: folder.appendingPathComponent("Scenarios/devnet.yaml"), encoding: .utf8)
    }

    private static func devnet(_ overrides: [String] = []) throws -> StudyCase {
        let scenario = try Scenario.parse(
            text: devnetText(), fileName: "devnet", overrides: overrides.map { ScenarioOverride($0) })
        return StudyCase(name: "devnet", scenario, until: .seconds(5 * 3600))
    }

    @Test("replications are the same whatever the number of threads, and the first is the plain run")
    func threads() throws {
        let study = try Self.devnet()
        let one = try Replications.run(study, count: 4, seed: 7)
        let three = try Replications.run(study, count: 4, seed: 7, control: .init(threadCount: 3))
        #expect(one == three && one.isComplete)
        #expect(Set(one.runs.map(\.traceHash)).count == 4)
        let plain = try SimulatedCluster(study.scenario, options: .init(seed: 7))
        plain.run(until: .zero + .seconds(5 * 3600))
        #expect(one.runs[0].traceHash == plain.report().traceHash)
        // The devnet's pledge rule sets its throughput, whatever the luck; how long PreCommit1 takes is luck.
        let throughput = try #require(one.summaries().first { $0.name == RunFigures.throughput })
        #expect(throughput.interval.count == 4 && throughput.interval.halfWidth != nil)
        let slow = try #require(one.summaries().first { $0.name == "PreCommit1.p95Seconds" })
        #expect(slow.interval.count == 4 && (slow.interval.halfWidth ?? -1) > 0)
        #expect(one.text.contains("4 of 4 replications"))
    }

    @Test("a stop leaves what is done so far")
    func stopped() throws {
        let stops = Atomic(false)
        let control = StudyControl(
            shouldStop: { stops.load(ordering: .relaxed) },
            progress: { if $0.done == 2 { stops.store(true, ordering: .relaxed) } })
        let result = try Replications.run(Self.devnet(), count: 5, seed: 1, control: control)
        #expect(result.runs.count == 2 && !result.isComplete)
    }

    @Test("the time left counts what all threads have done")
    func timeLeft() throws {
        let time = Mutex<Int64>(0)
        let seen = Mutex<[StudyProgress]>([])
        let control = StudyControl(
            progress: { progress in seen.withLock { $0.append(progress) } },
            clock: { time.withLock { $0 } })
        _ = try StudyRunner.each(4, control) { index, goesOn in
            time.withLock { $0 += 5_000_000_000 }
            _ = goesOn(0.5)
            time.withLock { $0 += 5_000_000_000 }
            return index
        }
        let told = seen.withLock { $0 }
        // Ten seconds a run: half of the first after five leaves 35; after two runs 20 are left.
        #expect(told[0].done == 0 && told[0].total == 4 && told[0].secondsLeft == 35)
        #expect(told[3].done == 2 && told[3].secondsLeft == 20)
        #expect(told.last?.secondsLeft == 0)
    }

    @Test("replications say where their throughput is steady, and that too short a warm-up shows the start")
    func warmUp() throws {
        let study = try Self.devnet(["faults=[]", "report.warmUp=1s"])
        let result = try Replications.run(study, count: 3, seed: 1, control: .init(threadCount: 3))
        let finding = try #require(result.warmUp)
        // A sector takes some five minutes, and four are pledged every twenty: nothing lands before.
        #expect(finding.usedSeconds == 1 && finding.runCount == 3)
        #expect(try #require(finding.foundSeconds) <= 3600)
        #expect(result.text.contains("by MSER-5") && result.document.json.contains("steadyFromSeconds"))
    }

    @Test("a start that grows is cut where it ends; a series without a steady state has no cut")
    func warmUpOfSeries() throws {
        // Nothing for 60 of 320 pieces, then two or three in each.
        let series = (0..<4).map { run in
            (0..<320).map { $0 < 60 ? 0 : 2 + ($0 * 7 + run * 3) % 2 }
        }
        let finding = try #require(WarmUpFinding(series: series, endSeconds: 3200, usedSeconds: 100))
        #expect(
            finding.foundSeconds == 600 && finding.isTooShort && finding.text.contains("raise report.warmUp"))
        let enough = try #require(WarmUpFinding(series: series, endSeconds: 3200, usedSeconds: 700))
        #expect(!enough.isTooShort && !enough.text.contains("raise"))
        let endless = [(0..<320).map { $0 }]
        let none = try #require(WarmUpFinding(series: endless, endSeconds: 3200, usedSeconds: 100))
        #expect(none.foundSeconds == nil && none.isTooShort && none.text.contains("not steady"))
        #expect(WarmUpFinding(series: [], endSeconds: 1, usedSeconds: 0) == nil)
        #expect(
            WarmUpFinding(series: [Array(repeating: 0, count: 320)], endSeconds: 1, usedSeconds: 0) == nil)
    }

    @Test("a comparison sees a slower PreCommit1 through the noise, and nothing where nothing differs")
    func comparison() throws {
        let base = try Self.devnet()
        let same = StudyCase(name: "same", base.scenario, until: base.until)
        var slower = try Self.devnet([
            "tasks.PreCommit1.duration={lognormal: {median: 33s, sigma: 0.35}}"
        ])
        slower.name = "slower"
        let result = try Comparison.run(
            [base, same, slower], count: 4, seed: 3, control: .init(threadCount: 2))
        let rows = result.rows()
        #expect(rows.filter { $0.index == 1 }.allSatisfy { $0.difference.mean == 0 && !$0.isSignificant })
        let way = try #require(rows.first { $0.index == 2 && $0.figure == "PreCommit1.p95Seconds" })
        #expect(way.isSignificant && abs(way.difference.mean / way.base - 0.1) < 0.02)
        #expect(result.text.contains("slower") && result.csv.split(separator: "\n").count == rows.count + 1)
        #expect(result.document.json.contains("\"differences\""))
    }

    @Test("a sweep in shards, merged in any order, is the whole sweep byte for byte")
    func shards() throws {
        let sweep = try Sweep(
            .text(Self.devnetText(), fileName: "devnet"),
            axes: [SweepAxis("hosts.worker.count=3,4"), SweepAxis("workload.pledge.packingMax=2,4")],
            replications: 2, seed: 5, until: .seconds(2 * 3600))
        #expect(sweep.points.count == 4 && sweep.runCount == 8)
        #expect(sweep.points[1].study.scenario.hosts[0].count == 3)
        #expect(sweep.points[1].study.scenario.workload.pledge.packingMax == 4)
        let done = try sweep.run(control: .init(threadCount: 2))
        #expect(done.isWhole && done.runCount == 8)
        let whole = done.text
        var files = try (0..<3).map { index in
            (name: "\(index)", text: try sweep.run(SweepShard("\(index)/3")).text)
        }
        files.reverse()
        #expect(try Sweep.merge(files).text == whole)
        #expect(throws: StudyError.self) { try Sweep.merge(Array(files.dropLast())) }
        #expect(throws: StudyError.self) { try Sweep.merge(files + [files[0]]) }
        let cut = files.map { (name: $0.name, text: String($0.text.dropLast(10))) }
        #expect(throws: StudyError.self) { try Sweep.merge(cut) }
        // Counts that no sweep has are refused before anything is done with them.
        for (runs, shard, of) in [(1, 0, 0), (1, 0, -1), (-1, 0, 1), (1, 5, 2), (1, 0, Int.max)] {
            let text = "{\"sweep\":\"x\",\"runs\":\(runs),\"shard\":\(shard),\"of\":\(of)}\n"
            #expect(throws: StudyError.self) { try Sweep.merge([("forged", text)]) }
        }
        let stopped = try sweep.run(control: .init(shouldStop: { true }))
        #expect(!stopped.isWhole && stopped.doneCount == 0)
    }

    @Test("what was done of a sweep is kept and gone on with; what is missing is named")
    func resumed() throws {
        let source = ScenarioSource.text(try Self.devnetText(), fileName: "devnet")
        func sweep(seed: UInt64 = 5) throws -> Sweep {
            try Sweep(
                source, axes: [SweepAxis("hosts.worker.count=3,4")], replications: 2, seed: seed,
                until: .seconds(3600))
        }
        let whole = try sweep().run()
        let rows = whole.text.split(separator: "\n")
        let part = rows.enumerated().filter { $0.offset != 2 }.map { $0.element + "\n" }.joined()
        let known = try sweep().lines(of: part, "part.jsonl", .whole)
        #expect(known.keys.sorted() == [0, 2, 3])
        #expect(try sweep().run(keeping: known) == whole)
        // Nothing is left to do.
        let all = try sweep().lines(of: whole.text, "whole.jsonl", .whole)
        #expect(try sweep().run(keeping: all, control: .init(shouldStop: { true })) == whole)
        #expect {
            try Sweep.merge([("part.jsonl", part)])
        } throws: {
            "\($0)".contains("1 of 4 runs are missing, such as 1 of part.jsonl")
                && "\($0)".contains("--resume")
        }
        #expect("the seed is another") {
            _ = try sweep(seed: 6).lines(of: part, "part.jsonl", .whole)
        } throws: { "\($0)".contains("part.jsonl is of another sweep: its seed is 5, not 6; give the same") }
        #expect("the shard is another") {
            _ = try sweep().lines(of: part, "part.jsonl", SweepShard("1/2"))
        } throws: { "\($0)".contains("its number of shards is 1, not 2") }
    }

    /// Everything by which a file may be of another sweep, and the words for it.
    private static let strangers: [(version: String, change: Change, words: String)] = [
        ("2.0", .none, "its version is 2.0, not 1.0"),
        ("1.0", .name, "its scenario is other, not devnet"),
        ("1.0", .file, "something in the scenario, in what it includes"),
        ("1.0", .seed, "its seed is 6, not 5"),
        ("1.0", .until, "its --until is 2h, not 1h"),
        ("1.0", .axis, "its --vary is hosts.worker.count=3,5, not hosts.worker.count=3,4"),
        ("1.0", .shards, "its number of shards is 3, not 2"),
        ("2.0", .seed, "its version is 2.0, not 1.0, its seed is 6, not 5"),
    ]

    enum Change: Sendable { case none, name, file, seed, until, axis, shards }

    @Test("a file of another version or sweep is not merged: it is named, with what differs and what to do")
    func strangers() throws {
        func sweep(_ version: String, _ change: Change = .none) throws -> Sweep {
            var text = try Self.devnetText()
            if change == .name { text.replace("name: devnet\n", with: "name: other\n") }
            if change == .file { text.replace("packingMax: 4", with: "packingMax: 3") }
            return try Sweep(
                .text(text, fileName: "devnet"),
                axes: [SweepAxis("hosts.worker.count=3," + (change == .axis ? "5" : "4"))],
                seed: change == .seed ? 6 : 5, until: .seconds(change == .until ? 7200 : 3600),
                version: version)
        }
        // What tells them apart is in their first lines; nothing needs to run.
        func file(_ sweep: Sweep, _ shard: String) throws -> (name: String, text: String) {
            (shard, try sweep.run(SweepShard(shard), control: .init(shouldStop: { true })).text)
        }
        let first = try file(sweep("1.0"), "0/2")
        for stranger in Self.strangers {
            let shard = stranger.change == .shards ? "1/3" : "1/2"
            let other = try file(sweep(stranger.version, stranger.change), shard)
            #expect("\(stranger.words)") {
                try Sweep.merge([first, other])
            } throws: {
                let text = "\($0)"
                return text.contains("\(shard) is of another sweep than 0/2") && text.contains(stranger.words)
                    && text.contains("name the files of one sweep, or run one of these shards again")
            }
        }
        // Files from before versions were named go together, and with none that names one.
        let old = first.text.replacing(#/"given":\{.*?\},/#, with: "")
        #expect(old != first.text)
        #expect { try Sweep.merge([first, ("old", old)]) } throws: {
            "\($0)".contains("old is of another sweep than 0/2") && "\($0)".contains("early version")
        }
        #expect { try Sweep.merge([("old", old)]) } throws: { "\($0)".contains("these are missing: 1") }
    }

    @Test("what a sweep cannot read is refused before its first run, by name")
    func refusals() throws {
        let text = try Self.devnetText()
        for (axis, word) in [
            ("hosts.nobody.count=1", "worker"), ("name.x=1", "as a whole"), ("nosuch=1", "nosuch"),
            ("hosts.worker.count=0", "count"),
        ] {
            #expect("\(axis)") {
                _ = try Sweep(.text(text, fileName: "devnet"), axes: [SweepAxis(axis)])
            } throws: { "\($0)".contains(word) }
        }
        for bad in ["a", "=1", "a=1,,2"] { #expect(throws: StudyError.self) { try SweepAxis(bad) } }
        for bad in ["3/3", "-1/2", "1", "0/0", "a/b"] {
            #expect(throws: StudyError.self) { try SweepShard(bad) }
        }
        #expect(try SweepAxis("a={b: [1,2]},3").values == ["{b: [1,2]}", "3"])
        let many = try (0..<7).map { try SweepAxis("k\($0)=1,2,3,4,5,6,7,8,9") }
        #expect(throws: StudyError.self) { try Sweep(.text(text, fileName: "devnet"), axes: many) }
    }
}
