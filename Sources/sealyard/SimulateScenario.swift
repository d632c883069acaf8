// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Scheduler
import Sim

/// `sealyard scenario`: looks at scenario files.
struct ScenarioCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scenario", abstract: "Make scenario files, check them, and print their schema.",
        subcommands: [New.self, Validate.self, Durations.self, Schema.self])

    struct Validate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read scenario files and say what is wrong with them, with line and column.")

        @Argument(help: "Scenario files.", completion: .file(extensions: ["yaml", "yml", "json"]))
        var files: [String]

        @Option(
            help: ArgumentHelp(
                "Set a value over the files', such as hosts.p1.count=30.", valueName: "path=value"))
        var set: [String] = []

        @Flag(
            help: """
                Print the whole scenario with all defaults as JSON, or what is wrong with it: file, line, \
                column, message and what is allowed; for one file.
                """)
        var json = false

        func validate() throws {
            if files.isEmpty { throw ValidationError("name a scenario file") }
            if json, files.count != 1 { throw ValidationError("--json takes one file") }
        }

        func run() throws {
            var wrongCount = 0
            for file in files {
                do {
                    let scenario = try Scenario.load(
                        path: file, overrides: set.map { ScenarioOverride($0) }, measurements: .withJournals)
                    // Building the cluster finds what no look at the file can.
                    _ = try SimulatedCluster(scenario)
                    Console.write(
                        json ? scenario.normalized.json : "\(file): sound: \(Self.summary(of: scenario))")
                } catch let error as ScenarioError {
                    wrongCount += 1
                    if json { Console.write(error.document.json) }
                    for line in error.lines where !json { Console.note(line) }
                } catch let error as SimulationError {
                    wrongCount += 1
                    if json {
                        Console.write(ScenarioError.document(file: file, error.message).json)
                    } else {
                        Console.note("\(file): \(error.message)")
                    }
                }
            }
            if wrongCount > 0 { throw ExitCode(1) }
        }

        private static func summary(of scenario: Scenario) -> String {
            "\(scenario.hostCount) hosts, \(scenario.workerCount) workers, \(scenario.sectorSize) sectors, "
                + "\(scenario.slotCount(of: .preCommit1)) PreCommit1 slots, policy \(scenario.policy)"
        }
    }

    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the JSON Schema of scenario files.")

        func run() { Console.write(Scenario.schema.json) }
    }
}
