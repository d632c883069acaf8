// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

/// Looks at the page in a real browser, where one is installed.
@Suite("The report in a browser")
struct ReportScreenshotTests {
    static let browser: String? = [
        "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome",
    ]
    .first { FileManager.default.isExecutableFile(atPath: $0) }

    /// Where pages and pictures are kept for a person; a temporary folder that is removed otherwise.
    private static let kept = ProcessInfo.processInfo.environment["SEALYARD_REPORT_DIR"]

    @Test(
        "it draws in both schemes and logs no error",
        .enabled(if: browser != nil, "no Chromium is installed: the page is checked as text only"))
    func screenshot() throws {
        let browser = try #require(Self.browser)
        let folder = URL(
            fileURLWithPath: Self.kept ?? FileManager.default.temporaryDirectory.path + "/report-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let (page, files, _) = try ReportPageTests.run([
            "costs={currency: EUR, electricityPerKilowattHour: 0.2, hosts: {p1: {price: 40000, power: 1200}}}"
        ])
        let html = folder.appendingPathComponent("report.html")
        try page.html.write(to: html, atomically: true, encoding: .utf8)
        try files.perfetto.write(
            to: folder.appendingPathComponent("trace.json"), atomically: true, encoding: .utf8)
        for scheme in ["light", "dark"] {
            let picture = folder.appendingPathComponent("\(scheme).png")
            let process = Process()
            process.executableURL = URL(fileURLWithPath: browser)
            process.arguments = [
                "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
                "--window-size=1000,2900", "--virtual-time-budget=2000",
                "--blink-settings=preferredColorScheme=\(scheme == "dark" ? 0 : 1)",
                "--user-data-dir=\(folder.path)/profile-\(scheme)", "--screenshot=\(picture.path)",
                html.absoluteString,
            ]
            let log = folder.appendingPathComponent("\(scheme).log")
            try Data().write(to: log)
            let handle = try FileHandle(forWritingTo: log)
            process.standardError = handle
            process.standardOutput = handle
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            #expect(!(try String(contentsOf: log, encoding: .utf8)).contains("CONSOLE"))
            // A blank page compresses to far less.
            #expect(try Data(contentsOf: picture).count > 100_000)
        }
        if Self.kept == nil { try FileManager.default.removeItem(at: folder) }
    }
}
