// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

@main
struct Sealyard: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sealyard",
        abstract: "A sealing cluster: a simulator and a real engine in one.",
        subcommands: [
            ClusterCommand.self, ChainCommand.self, MinerCommand.self, WorkerCommand.self, Simulate.self,
            ScenarioCommand.self,
        ])
}
