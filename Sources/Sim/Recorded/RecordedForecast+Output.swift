// SPDX-License-Identifier: Apache-2.0

extension RecordedForecast {
    /// One measured figure on every side.
    private struct Row {
        var name: String
        var unit = "s"
        var recorded: Double
        var simulated: [Double?]
    }

    private var rows: [Row] {
        func row(_ name: String, _ value: (Figures) -> Double) -> Row {
            Row(name: name, recorded: value(recorded), simulated: simulated.map { value($0.figures) })
        }
        var sealed = row("sectors", \.sectors)
        sealed.unit = ""
        var rows = [
            sealed, row("makespan", \.makespan), row("sector p50", \.sectorP50),
            row("sector p95", \.sectorP95),
        ]
        for stage in recorded.stages {
            func stageRow(_ name: String, _ unit: String, _ value: (Figures.Stage) -> Double) -> Row {
                Row(
                    name: "\(stage.name) \(name)", unit: unit, recorded: value(stage),
                    simulated: simulated.map { side in
                        side.figures.stages.first { $0.name == stage.name }.map(value)
                    })
            }
            rows.append(stageRow("calls", "", \.count))
            rows.append(stageRow("p50", "s", \.p50))
            rows.append(stageRow("p95", "s", \.p95))
        }
        return rows
    }

    /// The table for people: each simulated figure with its distance from what was recorded.
    package var text: String {
        var table = [["", "recorded"] + simulated.map(\.title)]
        for row in rows {
            let own = StudyText.figure(row.recorded) + (row.unit.isEmpty ? "" : " \(row.unit)")
            table.append(
                [row.name, own]
                    + row.simulated.map { value in
                        guard let value else { return "–" }
                        return StudyText.figure(value)
                            + (Self.distance(value, row.recorded).map { " (\($0))" } ?? "")
                    })
        }
        var lines = StudyText.table(table)
        let intervals = simulated.compactMap { side in
            side.makespan?.halfWidth.map { "\(side.title) ± \(StudyText.figure($0)) s" }
        }
        lines.append("")
        if simulated.contains(where: { $0.figures.sectors < recorded.sectors - 0.01 }) {
            lines.append(
                "Where fewer sectors ended, the makespan is of those; the rest is stuck after 20 times it.")
        }
        for side in simulated where !side.omittedFaults.isEmpty {
            let lost = side.omittedFaults.map { "\($0.kind.rawValue) of \($0.target)" }
            lines.append(
                "\(side.title): without the recorded \(lost.joined(separator: ", ")), which this cluster "
                    + "does not have")
        }
        for (kind, fit) in fits { lines.append("\(kind.rawValue): \(fit.quality)") }
        lines.append(
            "Durations are taken as they were measured: a host that would do more at once is not slowed.")
        lines.append(
            "Simulated figures are means of \(replications) runs; slots are held from grant to result.")
        if !intervals.isEmpty {
            lines.append("Makespan, 95 % intervals of the means: " + intervals.joined(separator: "; "))
        }
        return lines.joined(separator: "\n")
    }

    private static func distance(_ value: Double, _ reference: Double) -> String? {
        guard reference > 0 else { return nil }
        let percent = ((value / reference - 1) * 1000).rounded() / 10
        return percent > 0 ? "+\(percent) %" : "\(percent) %"
    }

    package var document: ScenarioDocument {
        func side(
            _ title: String, _ figures: Figures, _ makespan: Interval?, omitting faults: [Scenario.Fault] = []
        ) -> ScenarioDocument {
            var entries: [ScenarioDocument.Entry] = [
                .init(key: "title", value: .text(title)),
                .init(key: "makespanSeconds", value: .number(figures.makespan)),
                .init(key: "sectorP50Seconds", value: .number(figures.sectorP50)),
                .init(key: "sectorP95Seconds", value: .number(figures.sectorP95)),
                .init(key: "sectors", value: .number(figures.sectors)),
            ]
            if let half = makespan?.halfWidth {
                entries.append(.init(key: "makespanHalfWidth", value: .number(half)))
            }
            entries.append(
                .init(
                    key: "stages",
                    value: .list(
                        figures.stages.map { stage in
                            .object([
                                .init(key: "name", value: .text(stage.name)),
                                .init(key: "calls", value: .number(stage.count)),
                                .init(key: "p50Seconds", value: .number(stage.p50)),
                                .init(key: "p95Seconds", value: .number(stage.p95)),
                            ])
                        })))
            if !faults.isEmpty {
                entries.append(.init(key: "omittedFaults", value: .list(faults.map(\.normalized))))
            }
            return .object(entries)
        }
        return object([
            .init(key: "replications", value: .integer(replications)),
            .init(
                key: "fits",
                value: .list(
                    fits.map { kind, fit in
                        .object([
                            .init(key: "task", value: .text(kind.rawValue)),
                            .init(key: "family", value: .text(fit.family)),
                            .init(key: "duration", value: .text(fit.yaml)),
                            .init(key: "samples", value: .integer(fit.sampleCount)),
                            .init(key: "distance", value: .number(fit.distance)),
                        ])
                    })),
            .init(key: "recorded", value: side("recorded", recorded, nil)),
            .init(
                key: "simulated",
                value: .list(
                    simulated.map {
                        side($0.title, $0.figures, $0.makespan, omitting: $0.omittedFaults)
                    })),
        ])
    }
}
