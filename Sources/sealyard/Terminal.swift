// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Logging

/// Makes what was printed visible now, also through a pipe.
func flushOutput() { fflush(nil) }

/// Ends the process without any cleaning up.
func exitAtOnce(_ status: Int32) -> Never { _exit(status) }

/// Deletes a directory with all that is in it; says so where that fails.
func removeTree(_ path: String) {
    guard FileManager.default.fileExists(atPath: path) else { return }
    do { try FileManager.default.removeItem(atPath: path) } catch {
        Console.note("\(path) could not be removed: \(error)")
    }
}

/// Seconds with one digit after the point, right-aligned.
func secondsText(_ duration: Duration) -> String {
    let tenths = Int((duration.inSeconds * 10).rounded())
    let text = "\(tenths / 10).\(tenths % 10)s"
    return String(repeating: " ", count: max(0, 7 - text.count)) + text
}

/// A log to standard error: warnings and above, unless SEALYARD_LOG names another level.
func daemonLog(_ name: String) -> Logger {
    var log = Logger(label: name) { StreamLogHandler.standardError(label: $0) }
    let wanted = ProcessInfo.processInfo.environment["SEALYARD_LOG"].flatMap { Logger.Level(rawValue: $0) }
    log.logLevel = wanted ?? .warning
    return log
}

extension FileManager {
    /// The attributes of a readable file; `nil` where there is none.
    func attributes(_ path: String) -> [FileAttributeKey: Any]? {
        do { return isReadableFile(atPath: path) ? try attributesOfItem(atPath: path) : nil } catch {
            return nil
        }
    }
}

extension CommandLine {
    /// The path of this program's own file.
    static var executablePath: String {
        do { return try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") } catch {
            return Bundle.main.executablePath ?? arguments[0]
        }
    }
}
