// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc

@main
struct Sealyard: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sealyard",
        abstract: "A sealing cluster: a simulator and a real engine in one.",
        version: "0.1.0",
        subcommands: [
            ClusterCommand.self, ChainCommand.self, MinerCommand.self, WorkerCommand.self,
            SealingCommand.self, ProvingCommand.self, SectorsCommand.self, StorageCommand.self,
            SectorCommand.self, Simulate.self,
            ScenarioCommand.self,
            PolicyCommand.self, BenchCommand.self,
            ReplayCommand.self, Compare.self, SweepCommand.self, Optimize.self, TornadoCommand.self,
            Regret.self, Explore.self,
        ])

    static func main() async {
        let status = await CommandRunner.run(Sealyard.self)
        flushOutput()
        Glibc.exit(status)
    }
}
