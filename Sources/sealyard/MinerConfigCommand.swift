// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Engine
import Foundation

/// `sealyard miner config`: the file of limits, batches and fees.
struct MinerConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "The miner's config.toml.",
        subcommands: [Default.self, Check.self], defaultSubcommand: Default.self)

    struct Default: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a file with every key, its usual value and what it does.")

        func run() { Console.write(MinerConfig.commentedDefault) }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read a file and the environment, and print what holds.",
            discussion: "Ends with status 1 where something in them is wrong, and says where.")

        @Argument(help: "The file.", completion: .file(extensions: ["toml"]))
        var file: String

        func run() throws {
            let config = try MinerConfigCommand.load(file) { Console.note($0) }
            Console.write(config.text)
        }
    }

    /// Reads a file, if there is one, and the environment; keys without effect are told.
    static func load(_ path: String?, warn: (String) -> Void) throws -> MinerConfig {
        do {
            let reading = try MinerConfig.load(path, environment: ProcessInfo.processInfo.environment)
            if !reading.unused.isEmpty {
                warn(
                    "\(path ?? "the environment") says what this miner has no use for: "
                        + reading.unused.joined(separator: ", "))
            }
            return reading.config
        } catch {
            throw CommandError.failure(error.message)
        }
    }
}
