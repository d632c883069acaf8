// SPDX-License-Identifier: Apache-2.0
private import Foundation
private import Synchronization

/// A daemon started as a process of its own, which ends when this one does: its standard input is our pipe.
package final class ChildProcess: Sendable {
    package let name: String
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private let text = Mutex("")

    /// Starts the program with arguments; its log goes to `logPath`.
    ///
    /// - Throws: ``EngineError`` with `processFailed`.
    package init(name: String, program: String, arguments: [String], logPath: String) throws(EngineError) {
        self.name = name
        _ = FileManager.default.createFile(atPath: logPath, contents: nil)
        guard let log = FileHandle(forWritingAtPath: logPath) else {
            throw EngineError(code: .fileFailed, message: "\(logPath) cannot be written")
        }
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = output
        process.standardError = log
        do { try process.run() } catch {
            throw EngineError(code: .processFailed, message: "\(name) (\(program)) did not start: \(error)")
        }
        output.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let data = handle.availableData
            guard !data.isEmpty else {
                handle.readabilityHandler = nil
                return
            }
            // Only the first lines matter; a child that talks without end is cut off.
            self?.text.withLock { text in
                if text.utf8.count < 65_536 { text += String(decoding: data, as: UTF8.self) }
            }
        }
    }

    /// The process number.
    package var number: Int32 { process.processIdentifier }

    package var isRunning: Bool { process.isRunning }

    /// The value of the first complete line `key=value` that the child has printed.
    package func announced(_ key: String) -> String? {
        let lines = text.withLock { $0 }.split(separator: "\n", omittingEmptySubsequences: true)
        return lines.first { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.utf8.count + 1)) }
    }

    /// `kill -9`.
    package func killHard() { kill(process.processIdentifier, SIGKILL) }

    /// Asks the child to end.
    package func terminate() {
        if process.isRunning { process.terminate() }
        do { try input.fileHandleForWriting.close() } catch {
            // A pipe that is closed already is what is wanted.
        }
    }

    /// Waits for the child's end and collects it.
    package func waitForEnd() { process.waitUntilExit() }
}
