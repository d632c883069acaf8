// SPDX-License-Identifier: Apache-2.0
import Engine
import Foundation
import Kernel
import KernelJournal
import Scheduler
import Sim

/// `replay --simulate` and `replay --what-if`: what simulation says of a recorded run.
struct ReplayForecast {
    let journal: String
    /// `key=value` as for `--set`; `policy=` names another policy.
    let changes: [[String]]
    let replications: Int
    let study: StudyOptions

    /// Reads the journal, simulates the run as it was and with each set of changes.
    func perform() throws -> RecordedForecast {
        let (run, facts) = try RecordedRun.read(journal: journal)
        let known = RecordedFacts(
            policy: facts.policy, lease: facts.lease, network: facts.network, sectorBytes: facts.sectorBytes)
        var (scenario, conditions) = try run.scenario(name: "recorded", known)
        scenario.policyOptions = facts.policyOptions
        guard let figures = RecordedForecast.Figures(run) else {
            throw CommandError.failure("\(journal): no sector was sealed to its end")
        }
        var simulated = [
            try study.run {
                try RecordedForecast.simulate(
                    scenario, conditions, title: "as it was", replications: replications, seed: study.seed,
                    control: $0)
            }
        ]
        for set in changes {
            let title = set.joined(separator: " ")
            var changed: ChangedScenario
            do {
                changed = try scenario.changed(set)
                if changed.scenario.policyOptions == scenario.policyOptions {
                    changed.scenario.policyOptions = PolicyCatalog.options(
                        changed.scenario.policyOptions, for: changed.scenario.policy)
                }
            } catch {
                let groups = scenario.hosts.map { "\($0.name) (\($0.count))" }.joined(separator: ", ")
                throw CommandError.usage("--what-if \(title): \(error)\nthe recorded hosts are: \(groups)")
            }
            var side = try study.run {
                try RecordedForecast.simulate(
                    changed.scenario, conditions, title: title, replications: replications, seed: study.seed,
                    control: $0)
            }
            side.omittedFaults = changed.omittedFaults
            simulated.append(side)
        }
        var forecast = RecordedForecast(
            recorded: figures, simulated: simulated, replications: replications)
        forecast.fits = RecordedForecast.fits(run)
        return forecast
    }
}

extension RecordedRun {
    /// Reads a miner's journal, and what it says of the miner.
    ///
    /// - Throws: `JournalError`, `EngineError` for a journal that no miner wrote, or `SimulationError`.
    static func read(journal: String) throws -> (run: RecordedRun, facts: MinerJournal.Facts) {
        let reader = try JournalReader(URL(fileURLWithPath: journal))
        let facts = try MinerJournal.facts(of: reader, folder: journal)
        var builder = RecordedRunReader(node: facts.node)
        var cursor = reader.records()
        while let record = try cursor.next() { try builder.take(record) }
        return (builder.result, facts)
    }
}

extension MinerJournal {
    /// Whether a path is a folder, or a file of the form that journals have.
    static func isJournal(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return false }
        if isFolder.boolValue { return true }
        guard FileText.isRegular(path), let file = FileHandle(forReadingAtPath: path) else { return false }
        defer { file.closeFile() }
        return file.readData(ofLength: 16) == Data("SQLite format 3\0".utf8)
    }
}
