// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Engine
import Kernel
import KernelJournal

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Play a miner's journal back to a fresh component and show the first difference.",
        discussion: """
            A miner that runs with --journal records every message that its components hear and say. Equal \
            code says equal words; exit status 1 means that this build would have said something else.
            """)

    @Argument(help: "The journal's folder, or one of its files.", completion: .directory)
    var journal: String

    @Option(
        help: "The component: \(MinerJournal.components.joined(separator: ", ")); all of them unless given.")
    var component: String?

    @Flag(help: "Print one JSON document.")
    var json = false

    private struct Row: Encodable {
        var component: String
        var births: Int
        var deliveries: Int
        var messagesSent: Int
        var firstDifference: String?
    }

    func run() throws {
        var rows: [Row] = []
        for name in component.map({ [$0] }) ?? MinerJournal.components {
            let report = try MinerJournal.replay(folder: journal, component: name)
            rows.append(
                Row(
                    component: report.component.description, births: report.birthCount,
                    deliveries: report.deliveryCount, messagesSent: report.sentCount,
                    firstDifference: report.firstDifference?.description))
        }
        if json {
            try Console.write(json: rows)
        } else {
            for row in rows {
                let verdict = row.firstDifference.map { "differs: \($0)" } ?? "says the same"
                Console.write(
                    "\(row.component): \(row.deliveries) messages heard, \(row.messagesSent) said: \(verdict)"
                )
            }
        }
        if rows.contains(where: { $0.firstDifference != nil }) { throw ExitCode(1) }
    }
}
