// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// A Chromium without a window, as `Scripts/bootstrap` installs it.
struct ReportBrowser {
    static let path: String? = [
        "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome",
    ].first { FileManager.default.isExecutableFile(atPath: $0) }

    /// What the browser found in a page that it laid out.
    struct Layout: Codable {
        /// Pixels.
        var height: Int
        var width: Int
        /// Everything that the page fetched besides itself, `data:` left out.
        var resources: [String]
        /// The headings that can be seen, in order.
        var headings: [String]
        /// Drawings with an area, and all drawings.
        var drawn: Int
        var drawings: Int
        /// Texts of drawings whose box leaves their drawing.
        var cut: [String]
    }

    /// What a picture holds.
    struct Pixels: Codable {
        var width: Int
        var height: Int
        var colors: Int
        /// For each 400 rows from above, the share of pixels that differ from the corner's color.
        var inked: [Double]
    }

    let folder: URL
    let path: String

    init(_ folder: URL) throws {
        self.folder = folder
        path = try #require(
            Self.path,
            """
            no Chromium is installed, and SEALYARD_REQUIRE_BROWSER=1 requires one: run Scripts/bootstrap as \
            root, or leave these tests out with SEALYARD_REQUIRE_BROWSER=0
            """)
    }

    /// Runs it over a page.
    ///
    /// - Returns: standard output, and what it logged of the page's console.
    func run(_ page: URL, _ options: [String], name: String) throws -> (output: String, console: [Substring])
    {
        let (out, log) = (
            folder.appendingPathComponent("\(name).out"), folder.appendingPathComponent("\(name).log")
        )
        try Data().write(to: out)
        try Data().write(to: log)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments =
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
                "--disable-background-networking", "--virtual-time-budget=5000",
                "--user-data-dir=\(folder.path)/profile-\(name)",
            ] + options + [page.absoluteString]
        process.standardOutput = try FileHandle(forWritingTo: out)
        process.standardError = try FileHandle(forWritingTo: log)
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let lines = try String(contentsOf: log, encoding: .utf8).split(separator: "\n")
        return (try String(contentsOf: out, encoding: .utf8), lines.filter { $0.contains("CONSOLE") })
    }

    /// Lays a page out and looks at it from within, through a script that is added to a copy.
    func layout(_ html: String, name: String) throws -> (layout: Layout, console: [Substring]) {
        let script = """
            <script>addEventListener('load', () => setTimeout(() => {
            const seen = e => { const b = e.getBoundingClientRect(); return b.width > 0 && b.height > 0; };
            const svgs = [...document.querySelectorAll('svg')];
            const cut = svgs.flatMap(s => { const o = s.getBoundingClientRect();
              return [...s.querySelectorAll('text')].filter(t => { const b = t.getBoundingClientRect();
                return b.left < o.left - 1 || b.right > o.right + 1 || b.bottom > o.bottom + 1; })
                .map(t => t.textContent); });
            const facts = {height: document.documentElement.scrollHeight,
              width: document.documentElement.scrollWidth,
              resources: performance.getEntriesByType('resource').map(r => r.name)
                .filter(n => !n.startsWith('data:')),
              headings: [...document.querySelectorAll('h1,h2')].filter(seen).map(e => e.textContent),
              drawn: svgs.filter(seen).length, drawings: svgs.length, cut};
            const e = document.createElement('output'); e.id = 'facts';
            e.textContent = 'FACTS' + btoa(unescape(encodeURIComponent(JSON.stringify(facts)))) + 'END';
            document.body.append(e); }, 100));</script></body>
            """
        let page = folder.appendingPathComponent("\(name).html")
        try html.replacingOccurrences(of: "</body>", with: script)
            .write(to: page, atomically: true, encoding: .utf8)
        let answer = try run(page, ["--window-size=1000,800", "--dump-dom"], name: name)
        return (try facts(answer.output), answer.console)
    }

    /// Takes a picture of a page.
    func screenshot(
        _ page: URL, height: Int, dark: Bool, name: String
    ) throws -> (
        picture: URL, console: [Substring]
    ) {
        let picture = folder.appendingPathComponent("\(name).png")
        let answer = try run(
            page,
            [
                "--window-size=1000,\(height)", "--blink-settings=preferredColorScheme=\(dark ? 0 : 1)",
                "--screenshot=\(picture.path)",
            ], name: name)
        return (picture, answer.console)
    }

    /// Reads a picture's pixels, in the browser as well.
    func pixels(of picture: URL, name: String) throws -> Pixels {
        let data = try Data(contentsOf: picture).base64EncodedString()
        let html = """
            <!DOCTYPE html><html><body><img id="p" src="data:image/png;base64,\(data)"><script>
            const look = () => { const p = document.getElementById('p');
            const c = document.createElement('canvas'); c.width = p.naturalWidth; c.height = p.naturalHeight;
            const g = c.getContext('2d'); g.drawImage(p, 0, 0);
            const d = new Uint32Array(g.getImageData(0, 0, c.width, c.height).data.buffer);
            const inked = []; const colors = new Set();
            for (let y = 0; y < c.height; y += 400) { let n = 0, all = 0;
              for (let i = y * c.width; i < Math.min(y + 400, c.height) * c.width; i++) {
                all++; if (d[i] !== d[0]) n++; if (i % 7 === 0) colors.add(d[i]); }
              inked.push(n / all); }
            const facts = {width: c.width, height: c.height, colors: colors.size, inked};
            document.body.textContent = 'FACTS' + btoa(JSON.stringify(facts)) + 'END'; };
            addEventListener('load', look);</script></body></html>
            """
        let page = folder.appendingPathComponent("\(name)-pixels.html")
        try html.write(to: page, atomically: true, encoding: .utf8)
        return try facts(try run(page, ["--dump-dom"], name: "\(name)-pixels").output)
    }

    private func facts<Facts: Decodable>(_ output: String) throws -> Facts {
        let from = try #require(output.range(of: "FACTS", options: .backwards)).upperBound
        let to = try #require(output.range(of: "END", range: from..<output.endIndex)).lowerBound
        let data = try #require(Data(base64Encoded: String(output[from..<to])))
        return try JSONDecoder().decode(Facts.self, from: data)
    }
}
