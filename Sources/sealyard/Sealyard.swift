// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
private import Glibc

@main
struct Sealyard: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sealyard",
        abstract: "A Filecoin sealing cluster, its simulator and its planner.",
        version: "0.1.0",
        subcommands: [SectorCommand.self, BenchCommand.self])

    static func main() async {
        exit(await CommandRunner.run(Sealyard.self))
    }
}
