// SPDX-License-Identifier: Apache-2.0

/// A recorded cluster with something changed.
package struct ChangedScenario: Sendable {
    package var scenario: Scenario
    /// Recorded losses of hosts or processes that the changed cluster does not have.
    package var omittedFaults: [Scenario.Fault]
}

extension Scenario {
    /// Sets values over a recorded run's scenario. Losses of what is no more, such as of the last of three
    /// hosts where two are left, are omitted.
    ///
    /// - Throws: ``ScenarioError`` for what no scenario allows.
    package func changed(_ sets: [String]) throws(ScenarioError) -> ChangedScenario {
        let overrides = sets.map { ScenarioOverride($0) }
        let name = "the recorded cluster"
        let refusal: ScenarioError
        do {
            let whole = try Scenario.parse(text: normalized.json, fileName: name, overrides: overrides)
            return ChangedScenario(scenario: whole, omittedFaults: [])
        } catch {
            refusal = error
        }
        var base = self
        base.faults = []
        var changed: Scenario
        do {
            changed = try Scenario.parse(text: base.normalized.json, fileName: name, overrides: overrides)
        } catch {
            // More is wrong than the losses: what was found with them has the better places.
            throw refusal
        }
        let omitted = faults.filter { changed.problem(of: $0.target) != nil }
        guard !omitted.isEmpty else { throw refusal }
        changed.faults += faults.filter { changed.problem(of: $0.target) == nil }
        try changed.validate()
        return ChangedScenario(scenario: changed, omittedFaults: omitted)
    }
}
