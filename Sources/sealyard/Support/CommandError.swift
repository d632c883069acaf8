// SPDX-License-Identifier: Apache-2.0

/// The exit statuses of every command.
enum ExitStatus: Int32 {
    case success = 0
    /// The command could not do what it was asked to.
    case failure = 1
    /// The command line makes no sense.
    case usage = 2
    /// It may well work when it is tried again.
    case temporary = 75
}

/// Why a command ends without success: a status and one line that names what, where and what to do; several
/// lines where a file has several mistakes.
struct CommandError: Error, Hashable, CustomStringConvertible {
    let status: ExitStatus
    let lines: [String]

    private init(status: ExitStatus, message: String) {
        self.status = status
        lines = [message]
    }

    private init(failures: [String]) {
        status = .failure
        lines = failures
    }

    var message: String { lines.joined(separator: "\n") }

    /// The command could not do what it was asked to.
    static func failure(_ message: String) -> CommandError {
        CommandError(status: .failure, message: message)
    }

    /// Several findings, each with a line of its own.
    static func failures(_ lines: [String]) -> CommandError { CommandError(failures: lines) }

    /// The command line makes no sense.
    static func usage(_ message: String) -> CommandError {
        CommandError(status: .usage, message: message)
    }

    /// It may well work when it is tried again.
    static func temporary(_ message: String) -> CommandError {
        CommandError(status: .temporary, message: message)
    }

    var description: String { message }
}
