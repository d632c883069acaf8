// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Kernel
import Sim

extension Simulate {
    /// Runs several replications on all cores and prints means with their intervals.
    func replicate(_ count: Int, until: Duration?) throws {
        let study = StudyOptions.own(noProgress: noProgress, seededBug: seededBug)
        let result = try study.run { control in
            let scenario = try Scenario.load(
                path: self.scenario, overrides: set.map { ScenarioOverride($0) }, faultsPath: faults,
                measurements: .withJournals)
            Self.warnOfWarmUp(scenario, .zero + (until ?? scenario.report.until))
            let one = StudyCase(name: scenario.name, scenario, policy: policy, until: until)
            return try Replications.run(one, count: count, seed: seed, control: control)
        }
        if let out { try write(result, to: out) }
        try StudyOptions.show(result, json ? result.document.json : result.text)
    }

    private func write(_ result: Replications, to folder: String) throws {
        let page = result.html(sourceText: try sourceText(), version: Sealyard.configuration.version)
        let written = [
            ("replications.html", page), ("replications.json", result.document.json + "\n"),
            ("runs.csv", result.runsCSV), ("scenario.json", result.resolved.json + "\n"),
        ]
        try ReportFolder(folder).write(written)
    }
}
