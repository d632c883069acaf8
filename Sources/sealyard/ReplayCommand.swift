// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Engine
import Kernel
import KernelJournal
import Sim
import Synchronization

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Play a miner's journal back to fresh components, or simulate what would have been.",
        discussion: """
            A miner that runs with --journal records every message that its components hear and say. Equal \
            code says equal words; exit status 1 means that this build would have said something else.

            With --simulate or --what-if the journal becomes a scenario: its workers, the durations that \
            were measured, the sectors as they were pledged and the workers that were lost. It is simulated \
            as it was and with each change, and stands beside what was recorded:

              sealyard replay miner/journal --what-if policy=lotus-random --what-if hosts.worker.count=4

            With --decisions the scheduler says of everything that it placed why there, what the other \
            workers said, and of what waited why.
            """)

    @Argument(help: "The journal's folder, or one of its files.", completion: .directory)
    var journal: String

    @Option(
        help: "The component: \(MinerJournal.components.joined(separator: ", ")); all of them unless given.")
    var component: String?

    @Flag(help: "Tell every decision of the scheduler, in the order of time, with its reasons.")
    var decisions = false

    @Option(help: "With --decisions: those about the sector of that number only.")
    var sector: UInt64?

    @Flag(help: "Simulate the run as it was, beside what was recorded.")
    var simulate = false

    @Option(
        help: ArgumentHelp(
            "Simulate it with a change as well: policy=NAME, or a scenario's path=value, several of one case "
                + "with commas between; may be given several times.",
            valueName: "path=value"))
    var whatIf: [String] = []

    @Option(help: "Simulated runs of each case, under different seeds.")
    var replications = 20

    @OptionGroup var study: StudyOptions

    @Flag(help: "Print one JSON document.")
    var json = false

    func validate() throws {
        guard (1...10_000).contains(replications) else {
            throw ValidationError("--replications: 1 to 10000")
        }
        if component != nil, simulate || !whatIf.isEmpty {
            throw ValidationError("--component plays one back; a simulation is of the whole run")
        }
        if decisions, component != nil || simulate || !whatIf.isEmpty {
            throw ValidationError("--decisions tells of the scheduler as it was, and goes with no other mode")
        }
        if sector != nil, !decisions { throw ValidationError("--sector goes with --decisions") }
    }

    private func explain() throws {
        let kept = Mutex<[RecordedDecision]>([])
        let isJSON = json
        let report = try MinerJournal.decisions(folder: journal, sector: sector) { decision in
            if isJSON { kept.withLock { $0.append(decision) } } else { Console.write(decision.text) }
        }
        if isJSON { try Console.write(json: kept.withLock { $0 }) }
        guard let difference = report.firstDifference else { return }
        Console.note("this build differs from the one that recorded: what follows is not told: \(difference)")
        throw ExitCode(1)
    }

    private func forecast() throws {
        let changes = whatIf.map { $0.split(separator: ",").map(String.init) }
        let result = try ReplayForecast(
            journal: journal, changes: changes, replications: replications, study: study
        ).perform()
        try StudyOptions.show(result, json ? result.document.json : result.text)
    }

    private struct Row: Encodable {
        var component: String
        var births: Int
        var deliveries: Int
        var messagesSent: Int
        var firstDifference: String?
    }

    func run() throws {
        if decisions { return try explain() }
        if simulate || !whatIf.isEmpty { return try forecast() }
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
