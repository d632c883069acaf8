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
            let one = StudyCase(name: scenario.name, scenario, policy: policy, until: until)
            return try Replications.run(one, count: count, seed: seed, control: control)
        }
        try StudyOptions.show(result, json ? result.document.json : result.text)
    }
}
