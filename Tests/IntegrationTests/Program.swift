// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The program under test, as built beside these tests.
enum Program {
    struct Result: Sendable {
        var status: Int32
        var standardOutput: String
        var standardError: String
    }

    /// Runs the program to its end.
    static func run(_ arguments: [String]) async throws -> Result {
        let running = try start(arguments)
        return await running.finish()
    }

    /// Starts the program; one that `holdsInput` has a standard input that ends with this process.
    static func start(
        _ arguments: [String], holdsInput: Bool = false, environment: [String: String] = [:]
    ) throws -> RunningProgram {
        try RunningProgram(
            path: try BuiltProgram().url.path, arguments: arguments, holdsInput: holdsInput,
            environment: environment)
    }
}

/// The program while it runs; what it writes is collected in files, so that no pipe can fill up.
final class RunningProgram: Sendable {
    private let process = Process()
    private let output: URL
    private let error: URL
    private let input = Pipe()

    init(
        path: String, arguments: [String], holdsInput: Bool = false, environment: [String: String] = [:]
    ) throws {
        let base = FileManager.default.temporaryDirectory.appendingPathComponent(
            "sealyard-run-\(UUID().uuidString)")
        output = base.appendingPathExtension("out")
        error = base.appendingPathExtension("err")
        for url in [output, error] { _ = FileManager.default.createFile(atPath: url.path, contents: nil) }
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = holdsInput ? input : FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: error)
        try process.run()
    }

    private func text(_ url: URL) -> String {
        FileManager.default.contents(atPath: url.path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Waits until standard error holds one of two texts; gives up after a minute or with the process.
    ///
    /// It holds its thread, as ``hearsInterrupts()`` does: a test that gave it up would get it back only when
    /// others are through with long work, while the program that it is to interrupt takes a processor.
    func waitUntil(standardErrorContains one: String, or other: String) {
        for _ in 0..<1200 {
            let said = text(error)
            if said.contains(one) || said.contains(other) { return }
            guard process.isRunning else { break }
            Self.rest(milliseconds: 50)
        }
        Issue.record("neither '\(one)' nor '\(other)' was said:\n\(text(error))")
    }

    static func rest(milliseconds: UInt32) { usleep(milliseconds * 1000) }

    /// Waits until the program has announced a value as `key=value` on a line of its own.
    func announced(_ key: String) async throws -> String {
        for _ in 0..<1200 {
            let line = text(output).split(separator: "\n").first { $0.hasPrefix("\(key)=") }
            if let line { return String(line.dropFirst(key.count + 1)) }
            guard process.isRunning else { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("\(key) was not announced:\n\(text(output))\(text(error))")
        throw CancellationError()
    }

    /// Waits until the program has a handler for interrupts; gives up after a minute or with the process.
    func hearsInterrupts() {
        let path = "/proc/\(process.processIdentifier)/status"
        for _ in 0..<1200 {
            let status = FileManager.default.contents(atPath: path).map {
                String(decoding: $0, as: UTF8.self)
            }
            let line = status?.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }
            let caught = line?.split(whereSeparator: \.isWhitespace).last.flatMap { UInt64($0, radix: 16) }
            if let caught, caught & 1 << UInt64(SIGINT - 1) != 0 { return }
            guard process.isRunning else { break }
            Self.rest(milliseconds: 50)
        }
        Issue.record("it has no handler for interrupts:\n\(text(error))")
    }

    /// What standard error holds so far.
    var complaints: String { text(error) }

    func interrupt() { process.interrupt() }

    /// Stops it without ending it: what it listens on stays open.
    func pause() { kill(process.processIdentifier, SIGSTOP) }

    func killHard() { kill(process.processIdentifier, SIGKILL) }

    /// Waits for the end, at most two minutes; then the process is killed and counts as failed.
    func finish() async -> Program.Result {
        for _ in 0..<2400 where process.isRunning {
            do { try await Task.sleep(for: .milliseconds(50)) } catch { break }
        }
        if process.isRunning { killHard() }
        process.waitUntilExit()
        let result = Program.Result(
            status: process.terminationStatus, standardOutput: text(output), standardError: text(error))
        for url in [output, error] { removeQuietly(url) }
        return result
    }
}

/// Removes what a test has made; a failure to do so is no failure of the test.
func removeQuietly(_ url: URL) {
    do { try FileManager.default.removeItem(at: url) } catch {
        // Something else has removed it, or will be removed with the machine.
    }
}
