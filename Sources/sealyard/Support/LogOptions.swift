// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
private import Logging

/// How much of the log is shown; shared by commands that start something.
struct LogOptions: ParsableArguments {
    @Option(help: "Least level of the log on stderr: trace, debug, info, notice, warning, error, critical.")
    var logLevel = "warning"

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else {
            let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("'\(logLevel)' is not a log level; use one of \(names)")
        }
    }

    /// Sends the log of the whole process to stderr; call it once, before anything logs.
    func bootstrap() {
        let level = Logger.Level(rawValue: logLevel) ?? .warning
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
    }
}
