// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
private import Engine
private import Kernel
private import Sealing

/// Parses, runs and ends a command with the exit statuses of the house.
enum CommandRunner {
    /// Runs `root` for `arguments` (the program's own by default).
    ///
    /// - Returns: the status that the process shall end with.
    static func run(
        _ root: any AsyncParsableCommand.Type, arguments: [String]? = nil
    ) async -> Int32 {
        do {
            var command = try root.parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            return ExitStatus.success.rawValue
        } catch {
            return report(error, of: root)
        }
    }

    /// Prints what an error has to say, on the stream where it belongs.
    private static func report(_ error: any Error, of root: any AsyncParsableCommand.Type) -> Int32 {
        if let error = error as? CommandError {
            for line in error.lines { Console.complain(line) }
            return error.status.rawValue
        }
        if let error = error as? SealingError {
            let isStopped = error.code == .cancelled
            let hint = isStopped ? "; run the command again" : ""
            Console.complain(error.message + hint)
            return (isStopped ? ExitStatus.temporary : .failure).rawValue
        }
        if let error = error as? ExitCode { return error.rawValue }
        switch root.exitCode(for: error) {
        case .success:
            // A request for help, the version or a completion script.
            Console.write(root.fullMessage(for: error))
            return ExitStatus.success.rawValue
        case .validationFailure:
            let help = helpCommand(in: root.fullMessage(for: error))
            Console.complain("\(root.message(for: error)); see '\(help ?? "sealyard --help")'")
            return ExitStatus.usage.rawValue
        default:
            Console.complain(text(of: error))
            return ExitStatus.failure.rawValue
        }
    }

    private static func text(of error: any Error) -> String {
        if let error = error as? KernelError { return error.message }
        if let error = error as? EngineError { return error.message }
        return "\(error)"
    }

    /// The command named in the parser's last line, `See 'sealyard … --help' for more information.`
    private static func helpCommand(in message: String) -> String? {
        guard let line = message.split(separator: "\n").last(where: { $0.contains("See '") }) else {
            return nil
        }
        let parts = line.split(separator: "'", omittingEmptySubsequences: false)
        return parts.count > 2 ? String(parts[1]) : nil
    }
}
