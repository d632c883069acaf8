// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

/// Looks at the page in a real browser. Where `Scripts/bootstrap` could not install one, the tests are
/// skipped and say so; `SEALYARD_REQUIRE_BROWSER=1` makes that a failure, and `make test` sets it wherever
/// `Scripts/bootstrap` installs one.
@Suite("The report in a browser")
struct ReportScreenshotTests {
    private static let environment = ProcessInfo.processInfo.environment

    /// Where pages and pictures are kept for a person; a temporary folder that is removed otherwise.
    private static let kept = environment["SEALYARD_REPORT_DIR"]
    private static let isPossible =
        ReportBrowser.path != nil || environment["SEALYARD_REQUIRE_BROWSER"] == "1"
    private static let why: Comment = "no Chromium is installed: Scripts/bootstrap installs it"

    private func within(_ look: (ReportBrowser) throws -> Void) throws {
        let folder = URL(
            fileURLWithPath: Self.kept ?? FileManager.default.temporaryDirectory.path + "/report-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try look(ReportBrowser(folder))
        if Self.kept == nil { try FileManager.default.removeItem(at: folder) }
    }

    @Test(
        "it draws all of it in both schemes, fetches nothing and logs nothing",
        .enabled(if: isPossible, why))
    func screenshot() throws {
        try within { browser in
            let (page, files, _) = try ReportPageTests.run([ReportPageTests.prices])
            let html = browser.folder.appendingPathComponent("report.html")
            try page.html.write(to: html, atomically: true, encoding: .utf8)
            try files.perfetto.write(
                to: browser.folder.appendingPathComponent("trace.json"), atomically: true, encoding: .utf8)
            let size = try FileManager.default.attributesOfItem(atPath: html.path)[.size] as? Int
            #expect(try #require(size) < 2 << 20)

            let (layout, console) = try browser.layout(page.html, name: "layout")
            #expect(console.isEmpty, "\(console)")
            #expect(layout.resources.isEmpty, "\(layout.resources)")
            #expect(layout.headings == ReportPageTests.headings)
            #expect(layout.drawings == 5 && layout.drawn == layout.drawings)
            #expect(layout.cut.isEmpty, "texts leave their drawing: \(layout.cut)")
            #expect(layout.width <= 1000 && layout.height > 2000)

            for scheme in ["light", "dark"] {
                let isDark = scheme == "dark"
                let shot = try browser.screenshot(html, height: layout.height, dark: isDark, name: scheme)
                #expect(shot.console.isEmpty, "\(shot.console)")
                let pixels = try browser.pixels(of: shot.picture, name: scheme)
                #expect(pixels.width == 1000 && pixels.height == layout.height)
                #expect(pixels.colors > 50)
                // There is something on every part of the page, and the ground is most of it.
                #expect(pixels.inked.dropLast().allSatisfy { $0 > 0.01 && $0 < 0.6 }, "\(pixels.inked)")
            }
        }
    }

    @Test("the page of many runs is as clean, and its pictures show every run", .enabled(if: isPossible, why))
    func replications() throws {
        let scenario = try Scenario.load(
            path: ShippedScenarios.folder.appendingPathComponent("devnet.yaml").path,
            overrides: [ScenarioOverride("report.warmUp=30m")])
        let runs = try Replications.run(
            StudyCase(
                name: "devnet <runs>", scenario, policy: "lotus-random", until: .seconds(3 * 3_600)),
            count: 6, seed: 3)
        let html = runs.html(sourceText: "name: devnet & more\n", version: "0")
        try within { browser in
            let (layout, console) = try browser.layout(html, name: "replications")
            #expect(console.isEmpty && layout.resources.isEmpty, "\(console) \(layout.resources)")
            #expect(
                layout.headings.dropFirst() == [
                    "Figures", "How the runs lie", "Each run", "Where the figures are from",
                ])
            #expect(layout.drawings == 3 && layout.drawn == 3 && layout.cut.isEmpty, "\(layout.cut)")
            #expect(layout.width <= 1000)
        }
        #expect(html.split(separator: "<circle").count - 1 == 18)
        #expect(runs.runs.allSatisfy { html.contains($0.traceHash) && html.contains(String($0.seed)) })
        #expect(html.contains("devnet &lt;runs&gt;") && html.contains("devnet &amp; more"))
        #expect(html.contains("policy lotus-random") && html.contains("0.13 days simulated"))
        #expect(html.contains("tasks.PreCommit1") && html.contains("<td>assumed</td>"))
        #expect(runs.resolved.json.contains("\"policy\": \"lotus-random\""))
        let rows = runs.runsCSV.split(separator: "\n")
        #expect(rows.count == 7 && rows[0].hasPrefix("run,seed,traceHash,tebibytesPerDay,"))
    }

    /// The looks above must be able to fail.
    @Test(
        "a page that logs, fetches, is blank or is too wide is told apart", .enabled(if: isPossible, why))
    func sabotage() throws {
        try within { browser in
            let html = """
                <!DOCTYPE html><html><head><link rel="icon" href="data:,"></head><body><h2>seen</h2>
                <h2 style="display:none">hidden</h2><div style="width:3000px">wide</div>
                <svg width="50" height="20"><text x="40" y="10">leaves it</text></svg>
                <img src="http://127.0.0.1:9/missing.png"><script>console.error('planted')</script>
                </body></html>
                """
            let (layout, console) = try browser.layout(html, name: "planted")
            #expect(console.contains { $0.contains("planted") })
            #expect(layout.resources.count == 1 && layout.resources[0].hasSuffix("missing.png"))
            #expect(layout.headings == ["seen"] && layout.width > 1000 && layout.cut == ["leaves it"])

            let blank = browser.folder.appendingPathComponent("blank.html")
            try "<!DOCTYPE html><body>".write(to: blank, atomically: true, encoding: .utf8)
            let shot = try browser.screenshot(blank, height: 800, dark: false, name: "blank")
            let pixels = try browser.pixels(of: shot.picture, name: "blank")
            #expect(pixels.colors == 1 && pixels.inked.allSatisfy { $0 == 0 })
        }
    }
}
