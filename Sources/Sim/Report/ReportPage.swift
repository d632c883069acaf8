// SPDX-License-Identifier: Apache-2.0
package import Kernel
private import Scheduler

/// The report as one HTML file that needs nothing else: no script, no font, no picture from elsewhere. For
/// someone who was not there: what was found, what limits it, how it went over time, and where each figure is
/// from.
package struct ReportPage {
    package let report: SimulationReport
    let scenario: Scenario
    let recorder: RunRecorder
    let now: Instant
    /// The scenario as it was read, and what was set over it.
    let sourceText: String
    let version: String

    /// The most bytes of the scenario's text that are shown.
    static let sourceBytesMax = 200_000

    /// A scenario's text as a page shows it.
    static func shown(_ text: String) -> String {
        String(decoding: text.utf8.prefix(sourceBytesMax), as: UTF8.self)
    }

    /// Takes a run's findings.
    ///
    /// - Parameters:
    ///   - sourceText: the scenario as it was given, for whoever wants to run it again.
    ///   - version: the program's.
    package init(
        report: SimulationReport, scenario: Scenario, recorder: RunRecorder, now: Instant, sourceText: String,
        version: String
    ) {
        self.report = report
        self.scenario = scenario
        self.recorder = recorder
        self.now = now
        self.sourceText = sourceText
        self.version = version
    }

    /// The scenario as it ran, as one file that needs no other: what it includes, what was set over it, its
    /// faults and its policy.
    package var resolved: String {
        var whole = scenario
        whole.policy = report.policy
        return whole.normalized.json + "\n"
    }

    /// The whole page; equal for equal runs, the wall time aside.
    package var html: String {
        Self.document(
            report.scenario, kind: "Simulated sealing cluster", about: scenario.description, version: version,
            """
            \(headline)
            \(limitsSection)
            \(stagesSection)
            \(obstaclesSection)
            \(faultsSection)
            \(timeSection)
            \(latencySection)
            \(ganttSection)
            \(deadlineSection)
            \(costSection)
            \(omissionsSection)
            \(provenanceSection)
            """)
    }

    /// A page that needs nothing else.
    ///
    /// - Parameters:
    ///   - name: its heading.
    ///   - kind: what it is, above the heading and in the title.
    ///   - about: a sentence below the heading.
    ///   - body: HTML.
    static func document(
        _ name: String, kind: String, about: String, version: String, _ body: String
    ) -> String {
        let (name, kind) = (Picture.escaped(name), Picture.escaped(kind))
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <link rel="icon" href="data:,">
            <title>\(name): \(kind)</title>
            <style>\(style)</style></head><body><main>
            <header><p class="kind">\(kind)</p><h1>\(name)</h1>
            <p>\(Picture.escaped(about))</p></header>
            \(body)
            <footer>Made by sealyard \(Picture.escaped(version)). This page needs no network.</footer>
            </main></body></html>

            """
    }

    private func figure(_ value: Double?) -> String { value.map(SimulatedCluster.figure) ?? "–" }
    private func span(_ seconds: Double?) -> String { seconds.map(SimulatedCluster.span) ?? "–" }

    private var headline: String {
        var cards = [
            (
                "Throughput", "\(figure(report.tebibytesPerDay)) TiB/day",
                report.precision?.text ?? "after the warm-up"
            ),
            ("Limited by", report.bottleneck?.name ?? "not known", "see the evidence below"),
            (
                "From pledge to proving", span(report.sojournMeanSeconds),
                "in the mean; median \(span(report.sojournP50Seconds)), p95 \(span(report.sojournP95Seconds))"
            ),
            ("Sectors proving", String(report.sectorsProving), "\(report.sectorsFailed) given up"),
        ]
        if let cost = report.cost, let sealing = cost.sealingPerTebibyte {
            let whole = sealing + (cost.gasPerTebibyte ?? 0)
            cards.append(("Cost", "\(figure(whole)) \(cost.currency)/TiB", costNote(cost)))
        }
        let items = cards.map { title, value, note in
            "<div class=\"card\"><dt>\(Picture.escaped(title))</dt><dd>\(Picture.escaped(value))"
                + "<small>\(Picture.escaped(note))</small></dd></div>"
        }
        var words: [String] = []
        if let bottleneck = report.bottleneck { words.append(bottleneck.evidence + ".") }
        if let gain = report.bottleneckGain {
            words.append(
                "Without this limit the cluster could seal \(figure(gain.tebibytesPerDay)) TiB/day more, "
                    + "until \(gain.next) holds it back.")
        }
        words += report.growthWords.map { "Mind that \($0)." }
        if let why = report.preCommit1Diagnosis { words.append("Why PreCommit1 is no faster: \(why).") }
        let paragraphs = words.map { "<p>\(Picture.escaped($0))</p>" }.joined()
        var check = report.warmUpText.map { "<p class=\"bad\">\(Picture.escaped($0)).</p>" } ?? ""
        if let cross = report.crossCheck {
            let mark =
                cross.holds ? "Check by formula holds" : "CHECK BY FORMULA FAILS: do not trust this run"
            check =
                "<p class=\"\(cross.holds ? "good" : "bad")\">\(mark): \(Picture.escaped(cross.text)).</p>"
        }
        if let laws = report.lawsText {
            let holds = report.laws.allSatisfy { $0.violation == nil }
            check += "<p class=\"\(holds ? "good" : "bad")\">\(Picture.escaped(laws)).</p>"
        }
        return
            "<section aria-label=\"Summary\"><dl class=\"cards\">\(items.joined())</dl>\(paragraphs)\(check)"
            + "</section>"
    }

    private func costNote(_ cost: SimulationReport.Cost) -> String {
        let isWhole = cost.missing.allSatisfy { $0 == "FIL" || $0 == "long-term storage" }
        let gas = cost.gasPerTebibyte.map { ", and \(figure($0)) of gas" } ?? "; gas has no price here"
        return "hosts, power and space\(gas)" + (isWhole ? "" : "; some prices are missing")
    }

    static func table(_ caption: String, _ head: [String], _ rows: [[String]]) -> String {
        let top = head.map { "<th scope=\"col\">\(Picture.escaped($0))</th>" }.joined()
        let body = rows.map { row in
            "<tr><th scope=\"row\">\(Picture.escaped(row[0]))</th>"
                + row.dropFirst().map { "<td>\(Picture.escaped($0))</td>" }.joined() + "</tr>"
        }.joined(separator: "\n")
        return "<div class=\"scroll\"><table><caption>\(Picture.escaped(caption))</caption>"
            + "<thead><tr>\(top)</tr></thead><tbody>\(body)</tbody></table></div>"
    }

    private var limitsSection: String {
        let rows = zip(report.limits, report.whatIfs).map { limit, whatIf in
            [
                limit.name, limit.formula, figure(limit.tebibytesPerDay),
                whatIf.gain.isFinite ? "+\(figure(whatIf.gain))" : "no further limit",
            ]
        }
        guard !rows.isEmpty else { return "" }
        return
            "<section><h2>What if a resource had no end?</h2><p>Each limit by a formula that fits on a "
            + "slip of "
            + "paper, the lowest first. The gain of a row is what it adds once every limit above it is "
            + "gone: that "
            + "is the order in which to spend.</p>"
            + Self.table(
                "Limits and gains", ["limit", "formula", "TiB/day", "gain, TiB/day"], rows) + "</section>"
    }

    private var stagesSection: String {
        let rows = (report.stages + [report.provers].compactMap(\.self)).map { stage in
            [
                stage.name, String(stage.slots), String(stage.finished), String(stage.failed),
                span(stage.p50Seconds), span(stage.p95Seconds), span(stage.waitP50Seconds),
                span(stage.waitP95Seconds), figure(stage.utilization.map { $0 * 100 }),
                figure(stage.queueMean), String(stage.queueMax),
                stage.queueTrend.map { SimulationReport.signed($0.perDay) } ?? "–",
            ]
        }
        return "<section><h2>Stages</h2>"
            + Self.table(
                "Work, waits and load of each stage",
                [
                    "stage", "slots", "finished", "failed", "work p50", "work p95", "wait p50", "wait p95",
                    "busy %",
                    "queue mean", "queue max", "queue per day",
                ], rows) + "</section>"
    }

    private var timeSection: String {
        let days = 0...max(1e-6, recorder.end.seconds / 86_400)
        let stages = report.stages.indices.filter { report.stages[$0].slots > 0 }
        let box = (x: 56.0, y: 10.0, width: 830.0, height: 170.0)
        let busy = stages.map { index -> (Int, [Double]) in
            let slots = Double(report.stages[index].slots)
            return (index, recorder.busy[index].means(until: now.seconds).map { $0 / slots * 100 })
        }
        let waiting = stages.map { ($0, recorder.waiting[$0].means(until: now.seconds)) }
        let high = max(1, waiting.flatMap(\.1).max() ?? 1) * 1.05
        func plot(
            _ id: String, _ title: String, _ about: String, _ lines: [(Int, [Double])], _ high: Double,
            _ unit: String
        ) -> String {
            let drawn = lines.map {
                Picture.line($0.1, box, high: high, of: RunRecorder.pieceCount, style: "s\($0.0)")
            }
            return "<figure><figcaption>\(title)</figcaption>"
                + Picture.svg(
                    id, 900, 204, title: title, about: about,
                    Picture.axes(box, days: days, high: high, unit: unit)
                        + shades(box, from: 0, to: recorder.end.seconds) + drawn.joined()) + "</figure>"
        }
        let most =
            waiting.max { ($0.1.max() ?? 0) < ($1.1.max() ?? 0) }.map { report.stages[$0.0].name } ?? ""
        return "<section><h2>Over time</h2>\(legend(stages))"
            + plot(
                "busy", "Slots taken, percent", "Share of taken slots of each stage over the run.", busy, 105,
                " %")
            + plot(
                "queue", "Tasks that wait for a slot",
                "Waiting tasks of each stage over the run; the longest queue is that of \(most).", waiting,
                high, "")
            + "</section>"
    }

    private func legend(_ stages: [Int]) -> String {
        "<ul class=\"legend\">"
            + stages.map {
                "<li><span class=\"k k\($0)\"></span>\(Picture.escaped(report.stages[$0].name))</li>"
            }
            .joined() + "</ul>"
    }

    private var latencySection: String {
        let rows = SectorState.allCases.filter { recorder.dwells[$0.position].count > 0 }
        guard !rows.isEmpty else { return "" }
        let longest = rows.compactMap { recorder.dwells[$0.position].quantile(0.95) }.max() ?? 1
        var body = ""
        let box = (x: 160.0, width: 640.0)
        for (index, state) in rows.enumerated() {
            let histogram = recorder.dwells[state.position]
            let y = Double(index) * 26 + 14
            body += Picture.text(box.x - 8, y + 5, state.rawValue, anchor: "end")
            // The ten, fifty and ninety-five percent points: a thin bar, and a mark at the middle.
            let points = [0.1, 0.5, 0.95].map {
                box.x + box.width * (histogram.quantile($0) ?? 0) / max(longest, 1e-9)
            }
            body += "<rect class=\"bar\" x=\"\(Picture.at(points[0]))\" y=\"\(Picture.at(y - 6))\" "
            body += "width=\"\(Picture.at(max(1, points[2] - points[0])))\" height=\"12\"/>"
            body += "<path class=\"mid\" d=\"M\(Picture.at(points[1])) \(Picture.at(y - 8))v16\"/>"
            body += Picture.text(points[2] + 6, y + 5, span(histogram.quantile(0.5)))
        }
        let listed = rows.map { state -> [String] in
            let histogram = recorder.dwells[state.position]
            return [state.rawValue, String(histogram.count)]
                + [0.1, 0.5, 0.95].map { span(histogram.quantile($0)) } + [span(histogram.meanSeconds)]
        }
        return "<section><h2>How long sectors stay in each state</h2>"
            + "<p>Waits on the chain and for slots included. Bars reach from the 10 % to "
            + "the 95 % point; the mark "
            + "and the figure are the median.</p><figure>"
            + Picture.svg(
                "dwell", 900, rows.count * 26 + 10, title: "Time in each state",
                about: "The table below has the same figures.", body) + "</figure>"
            + Self.table("Time in each state", ["state", "sectors", "p10", "median", "p95", "mean"], listed)
            + "</section>"
    }
}
