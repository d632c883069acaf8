// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

@Suite("The report as files")
struct ReportPageTests {
    /// Prices of some hosts, and none of others, of stores or of space.
    static let prices =
        "costs={currency: EUR, electricityPerKilowattHour: 0.2, hosts: {p1: {price: 40000, power: 1200}}}"

    static let headings = [
        "handbook-f01021773", "What if a resource had no end?", "Stages",
        "What waiting tasks waited for", "Over time",
        "How long sectors stay in each state", "What the workers did", "Deadlines", "Costs",
        "What is not in these figures", "Where the figures are from",
    ]

    /// One P1 host of the handbook for three days, recorded.
    static func run(_ sets: [String] = []) throws -> (ReportPage, ReportFiles, Scenario) {
        let path = ShippedScenarios.folder.appendingPathComponent("handbook-f01021773.yaml").path
        let scenario = try Scenario.load(
            path: path,
            overrides: (["hosts.p1.count=1", "report.warmUp=1d"] + sets).map { ScenarioOverride($0) })
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 3))
        let end = Instant(seconds: 4 * 86_400)
        let recorder = cluster.record(until: end)
        cluster.run(until: end)
        let report = cluster.report()
        let page = ReportPage(
            report: report, scenario: scenario, recorder: recorder, now: end,
            sourceText: "name: <b>&\"x\"</b>", version: "0")
        return (page, ReportFiles(report: report, recorder: recorder, now: end), scenario)
    }

    @Test("the page is whole, small, needs nothing from elsewhere and escapes what it quotes")
    func page() throws {
        let html = try Self.run().0.html
        #expect(html.utf8.count < 2 << 20)
        for word in ["<script", "http:", "https:", "src=", "@import", "NaN", "inf ", "<b>&\"x\""] {
            #expect(!html.contains(word), "\(word)")
        }
        #expect(html.contains("name: &lt;b&gt;&amp;&quot;x&quot;&lt;/b&gt;"))
        for word in [
            "Limited by", "TiB/day", "What if a resource had no end?", "Over time", "What the workers did",
            "Where the figures are from", "Check by formula holds", "prefers-color-scheme:dark",
            "@media print",
            "PreCommit1: 14 slots", "18 to 20 min on this fleet", "measured",
            "partitions that were due were proven in time", "gas of prove-commitments",
        ] {
            #expect(html.contains(word), "\(word)")
        }
        // Every drawing has a name and a description, and every element ends.
        let drawings = html.components(separatedBy: "<svg ").count - 1
        #expect(drawings == 5 && html.components(separatedBy: "<desc ").count - 1 == drawings)
        for tag in ["section", "table", "svg", "figure", "ul", "p", "text", "div", "tr", "td", "th"] {
            let opened =
                html.components(separatedBy: "<\(tag)>").count
                + html.components(separatedBy: "<\(tag) ").count - 2
            #expect(opened == html.components(separatedBy: "</\(tag)>").count - 1, "\(tag)")
        }
    }

    @Test("with prices the page says what a TiB costs and which prices are missing")
    func costs() throws {
        let (page, files, scenario) = try Self.run([Self.prices])
        let missing = ["hosts c2", "hosts miner", "long-term storage", "space", "FIL"]
        #expect(scenario.missingPrices == missing)
        #expect(page.html.contains("one TiB sealed"))
        #expect(page.html.contains("No price was given for \(missing.joined(separator: ", "))."))
        // 36.5 and 5.76 EUR a day, by hand; what has no price is not nothing.
        let cost = try #require(page.report.cost)
        #expect(abs(cost.hostsPerDay - 40_000.0 / 1095) < 1e-9 && cost.capital == 40_000)
        #expect(abs(try #require(cost.electricityPerDay) - 1.2 * 24 * 0.2) < 1e-9)
        #expect(cost.spacePerDay == nil && cost.storagePerDay == nil && cost.gasPerTebibyte == nil)
        let rate = try #require(page.report.tebibytesPerDay)
        let each = try #require(cost.sealingPerTebibyte)
        #expect(abs(each - (40_000.0 / 1095 + 5.76) / rate) < 1e-9)
        #expect(page.report.text.contains("hosts c2: no price given"))
        let table = files.costsCSV.split(separator: "\n")
        #expect(table.contains { $0 == "cluster,hosts c2,,EUR,,1 host,," })
        #expect(table.contains { $0.hasPrefix("chain,gas of window PoSt,") })
    }

    // Goal: a cluster with more lanes than a picture holds is seen as a whole, not as its first hosts.
    @Test("of many lanes the picture has some of every class of processes, failed ones first, and says which")
    func lanes() throws {
        let path = ShippedScenarios.folder.appendingPathComponent("handbook-f01021773.yaml").path
        let scenario = try Scenario.load(
            path: path,
            overrides: ["report.warmUp=12h", "tasks.PreCommit2.failureRate=3%"].map {
                ScenarioOverride($0)
            })
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 3))
        let end = Instant(seconds: 36 * 3600)
        let recorder = cluster.record(until: end)
        cluster.run(until: end)
        let gantt = GanttLanes(recorder.spans)
        let classes = gantt.classes
        #expect(Set(classes.map(\.name)).isSuperset(of: ["p1/p1", "p1/p2", "p1/apx", "c2/c2"]))
        #expect(gantt.shown.count == GanttLanes.laneCountMax)
        #expect(classes.reduce(0) { $0 + $1.shownCount } == GanttLanes.laneCountMax)
        // Eight hosts with one process each for trees are all there; of 112 that label some are not.
        let labels = try #require(classes.first { $0.name == "p1/p1" })
        let trees = try #require(classes.first { $0.name == "p1/p2" })
        #expect(labels.laneCount == 112 && labels.shownCount < 112 && labels.shownCount > 10)
        #expect(trees.laneCount == 8 && trees.shownCount == 8)
        let words = try #require(gantt.omission(and: recorder.omittedSpanCount))
        #expect(words.contains("\(labels.shownCount) of 112 lanes of p1/p1"), "\(words)")
        #expect(!words.contains("p1/p2"))
        let html = ReportPage(
            report: cluster.report(), scenario: scenario, recorder: recorder, now: end, sourceText: "",
            version: "0"
        ).html
        #expect(html.contains(words) && html.contains("64 lanes with"))
        // No two tasks of a lane overlap, and nothing is shown that was not recorded.
        for lane in gantt.shown {
            for (one, next) in zip(lane.spans, lane.spans.dropFirst()) { #expect(one.end <= next.begin) }
        }
        let shown = gantt.shown.reduce(0) { $0 + $1.spans.count }
        #expect(shown + gantt.omittedSpanCount == recorder.spans.count)
    }

    @Test("lanes on which a task failed come before others of their class")
    func failedLanes() throws {
        let path = ShippedScenarios.folder.appendingPathComponent("handbook-f01021773.yaml").path
        let scenario = try Scenario.load(
            path: path,
            overrides: ["report.warmUp=12h", "tasks.PreCommit1.failureRate=2%"].map {
                ScenarioOverride($0)
            })
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 3))
        let end = Instant(seconds: 36 * 3600)
        let recorder = cluster.record(until: end)
        cluster.run(until: end)
        let failed = Set(recorder.spans.filter { $0.stage == 1 && !$0.isDone }.map(\.worker))
        let shown = Set(GanttLanes(recorder.spans).shown.map(\.worker))
        #expect(failed.count > 3 && failed.count < 20 && failed.isSubset(of: shown), "\(failed)")
    }

    @Test("equal runs give equal files")
    func equal() throws {
        let first = try Self.run()
        let second = try Self.run()
        #expect(first.0.html == second.0.html && first.1.perfetto == second.1.perfetto)
    }

    @Test("the trace is JSON, its tasks do not overlap in a lane, and its durations are the report's")
    func trace() throws {
        let files = try Self.run().1
        let object = try JSONSerialization.jsonObject(with: Data(files.perfetto.utf8)) as? [String: Any]
        let events = try #require(object?["traceEvents"] as? [[String: Any]])
        let tasks = events.filter { $0["ph"] as? String == "X" }
        #expect(tasks.count == files.recorder.spans.count && tasks.count > 100)
        var until: [Int: Int] = [:]
        for task in tasks {
            let lane = try #require(task["tid"] as? Int)
            let begin = try #require(task["ts"] as? Int)
            let length = try #require(task["dur"] as? Int)
            #expect(begin >= until[lane, default: 0])
            until[lane] = begin + length
            if task["cat"] as? String == "PreCommit1" {
                #expect((19_800_000_000...21_600_000_001).contains(length))
            }
        }
    }

    @Test("the tables have as many cells in each line as names, and agree with the report")
    func tables() throws {
        let files = try Self.run().1
        for text in [files.stagesCSV, files.levelsCSV, files.limitsCSV] {
            let lines = text.split(separator: "\n").map {
                $0.split(separator: ",", omittingEmptySubsequences: false)
            }
            #expect(lines.count > 3 && Set(lines.map(\.count)).count == 1)
        }
        // The mean of the recorded busy slots after the warm-up is the report's own utilization.
        let p1 = files.recorder.busy[1].means(until: 4 * 86_400)
        let after = p1.dropFirst(p1.count / 4)
        let mean = after.reduce(0, +) / Double(after.count) / 14
        #expect(abs(mean - (files.report.stages[1].utilization ?? 0)) < 0.005)
    }

    @Test("a run that disagrees with its formula is caught, with both numbers")
    func crossCheck() throws {
        var report = try Self.run().1.report
        #expect(report.crossCheck?.holds == true)
        report.sectorsPerHour = report.sectorsPerHour.map { $0 * 2 }
        let check = try #require(report.crossCheck)
        #expect(!check.holds && check.text.contains("by formula"))
    }

    @Test("the removal of a sector that was given up has a bar and a name of its own")
    func removal() throws {
        let path = ShippedScenarios.folder.appendingPathComponent("tournament/deals-with-deadlines.yaml").path
        let scenario = try Scenario.load(path: path)
        let cluster = try SimulatedCluster(scenario, options: .init(policy: "fork-groups"))
        let end = Instant(seconds: 3 * 86_400)
        let recorder = cluster.record(until: end)
        cluster.run(until: end)
        let report = cluster.report()
        let page = ReportPage(
            report: report, scenario: scenario, recorder: recorder, now: end, sourceText: "", version: "0")
        #expect(
            recorder.spans.contains { $0.stage >= report.stages.count }, "no removal: choose a longer run")
        let html = page.html
        #expect(html.contains("<span class=\"k k6\"></span>Remove</li>"))
        #expect(html.contains(".f6{fill:var(--c6)}") && html.contains("--c6:#"))
        #expect(html.contains("class=\"f6\""))
        let trace = ReportFiles(report: report, recorder: recorder, now: end).perfetto
        #expect(trace.contains("\"cat\":\"Remove\""))
    }
}
