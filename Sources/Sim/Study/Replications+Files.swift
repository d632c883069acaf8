// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// The replications as files: a page for people, and tables.
extension Replications {
    /// One row a run, its figures in columns.
    package var runsCSV: String {
        let names = runs.first?.figures.map(\.name) ?? []
        let head = Self.row(["run", "seed", "traceHash"] + names)
        let rows = runs.enumerated().map { index, run in
            Self.row(
                [String(index + 1), String(run.seed), run.traceHash]
                    + run.figures.map { $0.value.map(ScenarioDocument.decimalText) ?? "" })
        }
        return ([head] + rows).joined(separator: "\n") + "\n"
    }

    private static func row(_ cells: [String]) -> String {
        cells.map(StudyText.csv).joined(separator: ",")
    }

    /// One offline page: the means with their intervals, how the runs lie about them, and each run.
    ///
    /// - Parameters:
    ///   - sourceText: the scenario as it was given.
    ///   - version: the program's.
    package func html(sourceText: String, version: String) -> String {
        let summaries = summaries()
        let found = distrusted.map { "<p class=\"bad\">\(Picture.escaped($0.text))</p>" }.joined()
        return ReportPage.document(
            name, kind: "Simulated sealing cluster, \(runs.count) of \(requestedCount) replications",
            about: "Each run has draws of its own. A mean and its interval say what the cluster does; the "
                + "spread says how much one run can be off.", version: version,
            """
            \(found)
            \(warmUp.map { "<p>\(Picture.escaped($0.text))</p>" } ?? "")
            <section><h2>Figures</h2>\(figureTable(summaries))</section>
            <section><h2>How the runs lie</h2>\(strips(summaries))</section>
            <section><h2>Each run</h2>\(runTable)</section>
            <section><h2>Where the figures are from</h2>\(origins(sourceText, version))</section>
            """)
    }

    private func origins(_ sourceText: String, _ version: String) -> String {
        let days = SimulatedCluster.figure(study.end.seconds / 86_400)
        let facts = ["policy \(policy)", "\(days) days simulated", "sealyard \(version)"]
            .map { "<li>\(Picture.escaped($0))</li>" }
        return "<ul>\(facts.joined())</ul>"
            + "<p>The same scenario, policy and length with a run's seed give that run again.</p>"
            + ReportPage.originTable(study.scenario.origins)
            + "<details><summary>The scenario's file, and what was set over it</summary><pre>"
            + "\(Picture.escaped(ReportPage.shown(sourceText)))</pre></details>"
            + "<details><summary>The scenario as it ran, with all that it includes, its faults and its "
            + "policy; saved as a file it runs again</summary><pre>"
            + "\(Picture.escaped(resolved.json))</pre></details>"
    }

    private func figureTable(_ summaries: [Summary]) -> String {
        let rows = summaries.map { summary -> [String] in
            let values = self.values(summary.name)
            return [
                summary.name, StudyText.figure(summary.interval.mean),
                summary.interval.halfWidth.map(StudyText.figure) ?? "–",
                values.min().map(StudyText.figure) ?? "–", values.max().map(StudyText.figure) ?? "–",
                String(values.count),
            ]
        }
        return ReportPage.table(
            "Means over all runs, warm-up removed", ["figure", "mean", "± 95 %", "least", "most", "runs"],
            rows)
    }

    private func values(_ name: String) -> [Double] { runs.compactMap { $0.value(name) } }

    /// The most runs that the page shows one by one; the table has all.
    private static let shownMax = 500

    private var runTable: String {
        let names = [
            RunFigures.throughput, "sojournMeanSeconds", RunFigures.latencyP95, "sectorsProving",
            RunFigures.missedPoSt,
        ]
        let rows = runs.prefix(Self.shownMax).enumerated().map { index, run in
            [String(index + 1), String(run.seed)]
                + names.map { name in run.value(name).map(StudyText.figure) ?? "–" } + [run.traceHash]
        }
        let caption =
            runs.count > Self.shownMax
            ? "The first \(Self.shownMax) of \(runs.count) runs; runs.csv has all"
            : "A run again: simulate with its seed, the same policy and length"
        return ReportPage.table(caption, ["run", "seed"] + names + ["trace"], Array(rows))
    }

    // MARK: Strips

    /// A dot for each run, the mean with its interval over them.
    private func strips(_ summaries: [Summary]) -> String {
        let names = [RunFigures.throughput, "sojournMeanSeconds", RunFigures.latencyP95]
        return names.compactMap { name in summaries.first { $0.name == name } }.map(strip).joined()
    }

    private func strip(_ summary: Summary) -> String {
        let values = values(summary.name)
        guard let low = values.min(), let high = values.max() else { return "" }
        let (left, width) = (30.0, 660.0)
        func place(_ value: Double) -> Double {
            left + (high > low ? (min(max(value, low), high) - low) / (high - low) : 0.5) * width
        }
        // Runs of one value lie beside each other, up to what the strip holds.
        var body = values.prefix(Self.shownMax).enumerated().map { index, value in
            let y = 24 + Double(index % 5) * 6
            return "<circle class=\"f1\" cx=\"\(Picture.at(place(value)))\" cy=\"\(Picture.at(y))\" r=\"3\"/>"
        }.joined()
        let mean = summary.interval.mean
        let half = summary.interval.halfWidth ?? 0
        body +=
            "<path class=\"mid\" d=\"M\(Picture.at(place(mean - half))) 62H\(Picture.at(place(mean + half)))"
            + "M\(Picture.at(place(mean))) 16V66\"/>"
        body += Picture.text(left, 84, StudyText.figure(low))
        body += Picture.text(left + width, 84, StudyText.figure(high), anchor: "end")
        let words =
            "\(summary.name): mean \(StudyText.figure(mean)), runs from \(StudyText.figure(low)) to "
            + StudyText.figure(high)
        return "<h3>\(Picture.escaped(summary.name))</h3>"
            + Picture.svg("strip-\(summary.name)", 720, 92, title: summary.name, about: words, body)
    }
}
