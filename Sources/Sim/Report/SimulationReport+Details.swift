// SPDX-License-Identifier: Apache-2.0
private import Scheduler

extension SimulationReport {
    /// What the summary adds when the run was recorded: waits, what each limit is worth, and words.
    package func details(_ recorder: RunRecorder, _ scenario: Scenario) -> String {
        let figure = SimulatedCluster.figure
        let span = SimulatedCluster.span
        var lines: [String] = []
        let waits = stages.indices.compactMap { index -> String? in
            guard let median = recorder.waits[index].quantile(0.5),
                let late = recorder.waits[index].quantile(0.95), late >= 1
            else { return nil }
            return "\(stages[index].name) \(span(median)) (p95 \(span(late)))"
        }
        if !waits.isEmpty { lines.append("waits         " + waits.joined(separator: ", ")) }
        let dwells = SectorState.allCases.compactMap { state -> String? in
            guard let median = recorder.dwells[state.position].quantile(0.5), median >= 1 else { return nil }
            return "\(state.rawValue) \(span(median))"
        }
        if !dwells.isEmpty { lines.append("in states     " + dwells.joined(separator: ", ")) }
        for (index, whatIf) in whatIfs.prefix(3).enumerated() where whatIf.gain.isFinite {
            let gain = "\(figure(whatIf.gain)) TiB/day more"
            lines.append(
                index == 0
                    ? "if infinite   \(whatIf.name): \(gain), then \(whatIf.next ?? "")"
                    : "and then      \(whatIf.name) as well, once those above are: \(gain) on top, "
                        + "then \(whatIf.next ?? "")")
        }
        if let why = preCommit1Diagnosis { lines.append("PreCommit1    \(why)") }
        if let cost, !cost.missing.isEmpty {
            lines.append("no price for  " + cost.missing.joined(separator: ", "))
        }
        if let check = crossCheck {
            lines.append("cross-check   \(check.holds ? "holds" : "FAILS"): \(check.text)")
        }
        if let lawsText { lines.append("laws          \(lawsText)") }
        return lines.joined(separator: "\n")
    }
}
