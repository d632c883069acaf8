// SPDX-License-Identifier: Apache-2.0
private import Kernel
private import Scheduler

extension ReportPage {
    /// The color of a stage: one for each on a sector's way to proving, one for all that follows.
    private static func style(of stage: Int) -> Int { min(stage, TaskType.sealing.count) }

    private func tag(_ name: String, _ body: String) -> String { "<\(name)>\(body)</\(name)>" }

    /// Lanes of every class of processes, a bar for each task of the window.
    var ganttSection: String {
        let spans = recorder.spans
        guard !spans.isEmpty else { return "" }
        let gantt = GanttLanes(spans)
        let lanes = gantt.shown
        let shown = lanes.reduce(0) { $0 + $1.spans.count }
        let from = recorder.window.from.seconds
        let length = max(1, min(recorder.window.to.seconds, now.seconds) - from)
        let box = (x: 150.0, y: 10.0, width: 728.0, height: Double(lanes.count) * 13)
        var body =
            Picture.axes(
                box, days: (from / 86_400)...((from + length) / 86_400), high: 0, unit: ""
            ).replacingFirstTick + shades(box, from: from, to: from + length)
        for (index, lane) in lanes.enumerated() {
            let y = box.y + Double(index) * 13
            body += Picture.text(box.x - 6, y + 9, lane.worker, anchor: "end")
            var bars: [Int: String] = [:]
            for span in lane.spans {
                let left = max(0, span.begin.seconds - from) / length
                let right = min(1, (span.end.seconds - from) / length)
                let style = span.isDone ? Self.style(of: span.stage) : 9
                bars[style, default: ""] +=
                    "M\(Picture.at(box.x + box.width * left)) \(Picture.at(y + 1))"
                    + "h\(Picture.at(max(0.5, box.width * (right - left) - 0.4)))v10"
                    + "H\(Picture.at(box.x + box.width * left))z"
            }
            for style in bars.keys.sorted() {
                body += "<path class=\"f\(style)\" d=\"\(bars[style] ?? "")\"/>"
            }
        }
        let rest = gantt.omission(and: recorder.omittedSpanCount).map { tag("p", Picture.escaped($0)) } ?? ""
        let used = Set(spans.map(\.stage)).sorted()
        let items =
            Set(used.map(Self.style)).sorted().map { style -> String in
                let names = used.filter { Self.style(of: $0) == style }.map { TaskType.allCases[$0].title }
                return
                    "<li><span class=\"k k\(style)\"></span>\(Picture.escaped(names.joined(separator: ", ")))"
                    + "</li>"
            } + ["<li><span class=\"k k9\"></span>failed</li>"]
        return "<section><h2>What the workers did</h2><p>From day "
            + "\(SimulatedCluster.figure(from / 86_400)) on, a lane for each task at a time.</p>"
            + "<ul class=\"legend\">\(items.joined())</ul><figure class=\"gantt\">"
            + Picture.svg(
                "gantt", 900, Int(box.height) + 34, title: "Tasks on the workers",
                about: "\(lanes.count) lanes with \(shown) tasks; each bar is one task.", body)
            + "</figure>\(rest)</section>"
    }

    var omissionsSection: String {
        guard !report.notModelled.isEmpty else { return "" }
        let items = report.notModelled.map {
            "<li><strong>\(Picture.escaped($0.what))</strong>: \(Picture.escaped($0.reason))</li>"
        }
        return "<section><h2>What is not in these figures</h2><ul>\(items.joined())</ul></section>"
    }

    var provenanceSection: String {
        let rows = scenario.tasks.map { task in
            "<tr><th scope=\"row\">\(task.kind.rawValue)</th><td>\(Picture.escaped(task.duration.words))</td>"
                + "<td>\(task.provenance.rawValue)</td>"
                + "<td class=\"prose\">\(Picture.escaped(task.source))</td></tr>"
        }
        let hardware = report.origins.filter { !$0.what.hasPrefix("tasks.") }
        let source = Self.shown(sourceText)
        let run = [
            "policy \(report.policy)", "seed \(report.seed)",
            "\(SimulatedCluster.figure(report.simulatedSeconds / 86_400)) days simulated",
            "\(report.messages) messages", "trace \(report.traceHash)", "sealyard \(version)",
        ].map { "<li>\(Picture.escaped($0))</li>" }
        return "<section><h2>Where the figures are from</h2><ul>\(run.joined())</ul>"
            + "<p>The same scenario, policy and seed give this run again on every machine.</p>"
            + "<div class=\"scroll\"><table><caption>Durations</caption><thead><tr><th "
            + "scope=\"col\">task</th>"
            + "<th scope=\"col\">duration</th><th scope=\"col\">kind</th><th "
            + "scope=\"col\" class=\"prose\">source</th></tr></thead>"
            + "<tbody>\(rows.joined())</tbody></table></div>"
            + Self.originTable(hardware, caption: "Hardware")
            + "<details><summary>The scenario's file, and what was set over it</summary>"
            + "<pre>\(Picture.escaped(source))</pre></details>"
            + "<details><summary>The scenario as it ran, with all that it includes, its faults and its "
            + "policy; saved as a file it runs again</summary>"
            + "<pre>\(Picture.escaped(resolved))</pre></details>"
            + "</section>"
    }

    /// Figures with their kinds and sources.
    static func originTable(_ origins: [SimulationReport.Origin], caption: String = "Figures") -> String {
        let rows = origins.map { origin in
            "<tr><th scope=\"row\">\(Picture.escaped(origin.what))</th>"
                + "<td>\(Picture.escaped(origin.figure))</td>"
                + "<td>\(origin.provenance.rawValue)</td>"
                + "<td class=\"prose\">\(Picture.escaped(origin.source))</td></tr>"
        }
        return "<div class=\"scroll\"><table><caption>\(caption)</caption>"
            + "<thead><tr><th scope=\"col\">what</th><th scope=\"col\">figure</th><th scope=\"col\">kind</th>"
            + "<th scope=\"col\" class=\"prose\">source</th></tr></thead>"
            + "<tbody>\(rows.joined())</tbody></table></div>"
    }

    /// Colors with a contrast of at least 3 to 1 against their ground, in both schemes.
    static var style: String {
        let light = ["#7a5c00", "#1f5fbf", "#a03a86", "#3c7a1e", "#c2410c", "#0f766e", "#57606a"]
        let dark = ["#e3b341", "#79b0ff", "#f08bd2", "#8fd46a", "#ff9b62", "#4fd1c5", "#a3adb8"]
        func colors(_ list: [String], _ failed: String) -> String {
            list.enumerated().map { "--c\($0.offset):\($0.element);" }.joined() + "--c9:\(failed);"
        }
        let lightSet =
            "--bg:#fff;--fg:#1b1f24;--soft:#57606a;--edge:#d0d7de;--card:#f6f8fa;"
            + "--good:#14652f;--bad:#b42318;" + colors(light, "#d1242f")
        let darkSet =
            "--bg:#14181d;--fg:#e6edf3;--soft:#a3adb8;--edge:#3a424b;--card:#1d232a;"
            + "--good:#6bd18b;--bad:#ff8b80;" + colors(dark, "#ff6b6b")
        let stages = [0, 1, 2, 3, 4, 5, 6, 9].map {
            ".s\($0){stroke:var(--c\($0))}.f\($0){fill:var(--c\($0))}.k\($0){background:var(--c\($0))}"
        }.joined()
        return """
            :root{\(lightSet)}@media(prefers-color-scheme:dark){:root{\(darkSet)}}
            @media print{:root{\(lightSet)}section,figure{break-inside:avoid}details{display:none}}
            *{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);\
            font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
            main{max-width:980px;margin:0 auto;padding:24px 20px 48px}h1{margin:0 0 4px;font-size:30px}
            h2{font-size:20px;margin:36px 0 8px;border-bottom:1px solid var(--edge);padding-bottom:4px}
            .kind,footer,small,caption{color:var(--soft)}.kind{margin:0;font-size:14px}footer{margin-top:40px}
            \
            .cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr))}
            .cards{gap:12px;margin:20px 0}
            .card{background:var(--card);border:1px solid var(--edge);border-radius:8px;padding:12px 14px}
            dt{color:var(--soft);font-size:14px}dd{margin:2px 0 0;font-size:22px;font-weight:600}
            dd small{display:block;font-size:13px;font-weight:400}
            table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
            caption{text-align:left;font-size:13px;padding:4px 0}
            th,td{padding:5px 8px;border-bottom:1px solid var(--edge);text-align:right}
            th:first-child,.prose{text-align:left}td:not(.prose){white-space:nowrap}
            thead th{color:var(--soft);font-weight:600}
            .scroll{overflow-x:auto}figure{margin:12px 0}figcaption{font-size:14px;color:var(--soft)}
            svg{width:100%;height:auto;display:block}svg text{font-size:12px;fill:var(--fg)}
            .gantt svg text{font-size:10px}.grid{stroke:var(--edge);stroke-width:1;fill:none}
            .line{fill:none;stroke-width:1.8}.bar{fill:var(--c1);opacity:.55}
            .mid{stroke:var(--fg);stroke-width:2}.fault{fill:var(--c9);opacity:.18}\(stages)
            .legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 16px;padding:0;margin:8px \
            0;font-size:14px}
            .k{display:inline-block;width:12px;height:12px;border-radius:2px;margin-right:6px}
            .good{color:var(--good)}.bad{color:var(--bad);font-weight:700}
            pre{background:var(--card);border:1px solid var(--edge);border-radius:8px;padding:12px;\
            overflow-x:auto;\
            font-size:13px}
            """
    }
}

extension String {
    /// A frame without values at its left: drops the first tick's grid line and text.
    fileprivate var replacingFirstTick: String {
        guard let end = range(ofFirst: "</text>") else { return self }
        return String(self[end...])
    }

    private func range(ofFirst text: String) -> String.Index? {
        firstRange(of: text)?.upperBound
    }
}

extension DurationModel {
    /// The model in words.
    package var words: String {
        let span = { (value: Duration) in SimulatedCluster.span(value.inSeconds) }
        switch shape {
        case .constant(let value): return span(value)
        case .uniform(let low, let high): return "\(span(low)) to \(span(high)), uniform"
        case .normal(let mean, let deviation, let low, let high):
            return "\(span(mean)) ± \(span(deviation)), normal, \(span(low)) to \(span(high))"
        case .lognormal(let median, let sigma):
            return "median \(span(median)), lognormal, sigma \(SimulatedCluster.figure(sigma))"
        case .exponential(let mean): return "mean \(span(mean)), exponential"
        case .triangular(let low, let mode, let high):
            return "\(span(low)) to \(span(high)), mostly \(span(mode))"
        case .empirical(let values): return "one of \(values.count) measured"
        }
    }
}
