// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The built program as a real process; the tests of `sector` and `bench` use it.
struct BuiltProgram {
    /// What one run left.
    struct Outcome {
        let status: Int32
        let output: String
        let complaint: String

        /// The output as one JSON document.
        func document() throws -> [String: Any] {
            let value = try JSONSerialization.jsonObject(with: Data(output.utf8))
            return try #require(value as? [String: Any], "not one JSON object: \(output)")
        }

        func text(_ key: String) throws -> String {
            try #require(try document()[key] as? String, "no text under \(key) in \(output)")
        }
    }

    let url: URL

    /// Finds the program that was built with these tests: beside the test bundle, or above it.
    init() throws {
        let starts =
            [Bundle.main.executableURL, Bundle.main.bundleURL]
            + CommandLine.arguments.map { URL(filePath: $0) }
        for start in starts.compactMap({ $0 }) {
            var folder = start
            while folder.pathComponents.count > 1 {
                let candidate = folder.appending(path: "sealyard")
                var isDirectory: ObjCBool = false
                if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isDirectory),
                    !isDirectory.boolValue, FileManager.default.isExecutableFile(atPath: candidate.path)
                {
                    url = candidate
                    return
                }
                folder = folder.deletingLastPathComponent()
            }
        }
        Issue.record("the program is not built: run swift build --product sealyard")
        throw CocoaError(.fileNoSuchFile)
    }

    /// Runs the program to its end.
    func run(_ arguments: String...) throws -> Outcome { try run(list: arguments) }

    /// Runs the program to its end, with variables besides those of the tests.
    func run(list arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
        let process = Process()
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.executableURL = url
        process.arguments = arguments
        let scratch = try ScratchFolder()
        // Files, not pipes: nothing can fill up while the process runs.
        let (output, complaint) = (scratch.url("stdout"), scratch.url("stderr"))
        try Data().write(to: output)
        try Data().write(to: complaint)
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: complaint)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit, "the program crashed: \(arguments)")
        return Outcome(
            status: process.terminationStatus, output: try String(contentsOf: output, encoding: .utf8),
            complaint: try String(contentsOf: complaint, encoding: .utf8))
    }
}

/// A folder that is gone after the test.
final class ScratchFolder: Sendable {
    let root: URL

    init() throws {
        root = FileManager.default.temporaryDirectory.appending(path: "sealyard-test-\(UUID())")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    }

    deinit {
        do { try FileManager.default.removeItem(at: root) } catch {
            Issue.record("the folder \(root.path) stays behind: \(error)")
        }
    }

    func url(_ name: String) -> URL { root.appending(path: name) }

    func path(_ name: String) -> String { url(name).path }

    /// Writes a file and gives its path.
    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: url(name))
        return path(name)
    }

    func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: url(name))) }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }
}
