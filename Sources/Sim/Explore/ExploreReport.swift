// SPDX-License-Identifier: Apache-2.0

/// What a search says of itself, as text and as JSON.
package struct ExploreReport: Sendable {
    package var result: Explorer.Result
    package var scenario: String
    package var firstSeed: UInt64
    package var trial: ClusterTrial

    package init(_ result: Explorer.Result, scenario: String, firstSeed: UInt64, trial: ClusterTrial) {
        self.result = result
        self.scenario = scenario
        self.firstSeed = firstSeed
        self.trial = trial
    }

    /// The command line that runs a shrunk case again.
    package func replay(_ failure: Explorer.Failure) -> String {
        var line = "sealyard explore \(scenario) --seed \(failure.shrunk.seed) --sectors \(trial.sectorCount)"
        if let policy = trial.policy { line += " --policy \(policy)" }
        if trial.drawsMemory { line += " --draw-memory" }
        line += " --until-faults-end \(trial.faultsEnd.scenarioText)"
        return line + " --replay '\(failure.shrunk.faults.yaml)'"
    }

    private var seeds: String {
        let last = firstSeed &+ UInt64(max(1, result.triedCount)) &- 1
        return result.triedCount == 1 ? "seed \(firstSeed)" : "seeds \(firstSeed) to \(last)"
    }

    package var text: String {
        var lines: [String] = []
        for failure in result.failures {
            lines.append(
                "seed \(failure.shrunk.seed) fails; \(failure.original.faults.count) faults shrunk to "
                    + "\(failure.shrunk.faults.count) in \(failure.shrinkCount) runs")
            lines += failure.shrunkFindings.map { "  \($0)" }
            lines += failure.shrunk.faults.map { "  \($0)" }
            if failure.shrunk.faults.isEmpty {
                lines.append(
                    "  it fails without any fault: look at the scenario and its policy first, with simulate")
            }
            lines.append("replay: \(replay(failure))")
        }
        let verdict =
            result.failures.isEmpty ? "every invariant holds" : "\(result.failures.count) failures are shown"
        lines.append(
            "\(result.triedCount) runs (\(seeds)): \(result.triedCount == 0 ? "nothing was tried" : verdict)")
        return lines.joined(separator: "\n")
    }

    package var document: ScenarioDocument {
        .object([
            .init(key: "scenario", value: .text(scenario)),
            .init(key: "firstSeed", value: .integer(Int(clamping: firstSeed))),
            .init(key: "tried", value: .integer(result.triedCount)),
            .init(key: "isComplete", value: .flag(result.isComplete)),
            .init(key: "failures", value: .list(result.failures.map(document(of:)))),
        ])
    }

    private func document(of failure: Explorer.Failure) -> ScenarioDocument {
        .object([
            .init(key: "seed", value: .integer(Int(clamping: failure.shrunk.seed))),
            .init(
                key: "findings",
                value: .list(
                    failure.shrunkFindings.map {
                        .object([
                            .init(key: "invariant", value: .text($0.invariant)),
                            .init(key: "detail", value: .text($0.detail)),
                        ])
                    })),
            .init(key: "drawnFaults", value: .integer(failure.original.faults.count)),
            .init(key: "shrinkRuns", value: .integer(failure.shrinkCount)),
            .init(key: "faults", value: .list(failure.shrunk.faults.map(\.normalized))),
            .init(key: "replay", value: .text(replay(failure))),
        ])
    }
}

extension [Scenario.Fault] {
    /// The list as a file of its own, as `simulate --faults` and `explore --faults` read it.
    package var file: String { "faults:\n" + map { "  - \($0)\n" }.joined() }
}
