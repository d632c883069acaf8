// SPDX-License-Identifier: Apache-2.0

extension SimulationReport {
    /// The report for people.
    package var text: String {
        var lines: [String] = []
        let figure = SimulatedCluster.figure
        lines.append("\(scenario), policy \(policy), seed \(seed)")
        var head = "simulated     \(Self.days(simulatedSeconds)), \(messages) messages"
        if let wallSeconds, let messagesPerSecond {
            head += " in \(figure(wallSeconds)) s (\(figure(messagesPerSecond / 1e6)) M/s)"
        }
        lines.append(head)
        if let warmUpText { lines.append("warm-up       \(warmUpText)") }
        var sectors =
            "sectors       \(sectorsPledged) pledged, \(sectorsProving) proving, \(sectorsSealing) sealing"
        sectors += ", \(sectorsFailed) given up"
        lines.append(sectors)
        if let latestFailure { lines.append("              the latest: \(latestFailure)") }
        if let tebibytesPerDay, let sectorsPerHour {
            lines.append(
                "throughput    \(figure(tebibytesPerDay)) TiB/day, \(figure(sectorsPerHour)) sectors/h "
                    + "(after \(Self.days(warmUpSeconds)) of warm-up)")
            if let precision { lines.append("              \(precision.text)") }
        }
        if let sealingMean, let sojournMeanSeconds {
            lines.append(
                "pipeline      \(figure(sealingMean)) sectors in the mean, "
                    + latencyWords(sojournMeanSeconds))
            lines.append(
                "              "
                    + stateMeans.map { "\($0.state) \(figure($0.mean))" }.joined(separator: ", "))
        }
        lines.append("")
        lines += table
        for words in growthWords { lines.append("growing       \(words)") }
        lines.append("")
        if let bottleneck {
            lines.append("bottleneck    \(bottleneck.name)")
            lines.append("              \(bottleneck.evidence)")
        }
        for limit in limits.prefix(4) {
            lines.append(
                "limit         \(limit.name): \(limit.formula) → \(figure(limit.sectorsPerHour)) sectors/h "
                    + "(\(figure(limit.tebibytesPerDay)) TiB/day)")
        }
        lines += faults.map { "faults        \($0.text)" }
        if !hardwareUses.isEmpty {
            lines.append(
                "in use        "
                    + hardwareUses.map { "\($0.what) of \($0.group) \(figure($0.utilization * 100)) %" }
                    .joined(separator: ", "))
        }
        lines.append(
            "window PoSt   \(windowPoSt.due) partitions due, \(windowPoSt.submitted) proven in time, "
                + "\(windowPoSt.missed) missed"
                + (windowPoSt.skippedSectors > 0
                    ? "; \(windowPoSt.skippedSectors) sectors left out of proofs" : "")
                + (chainCost.faultySectorDays > 0
                    // A partition that is faulty as a whole is not due any more.
                    ? "; \(chainCost.faultySectorDays) sector days without proof, partitions not due included"
                    : ""))
        if let provers, let busy = provers.utilization, let queue = provers.queueMean {
            let passed = provers.capacityPerHour.map { ", \(figure($0)) partitions/h by formula" } ?? ""
            lines.append(
                "              \(provers.slots) slot\(provers.slots == 1 ? "" : "s"), "
                    + "\(figure(busy * 100)) % busy, \(figure(queue)) tasks waiting "
                    + "in the mean and \(provers.queueMax) at most"
                    + passed)
        }
        if let miss = windowPoSt.latestMiss {
            // The steps follow in the JSON.
            for line in miss.split(separator: "\n").prefix(2) { lines.append("              \(line)") }
        }
        if let deals {
            lines.append(
                "deals         \(deals.offered) offered, \(deals.active) active by their start, "
                    + "\(deals.missed) missed")
        }
        lines += costLines.map { line in
            let mark = line.provenance.map { " [\($0.rawValue)]" } ?? ""
            let area = line.area == "chain" ? "chain         " : "cost          "
            return "\(area)\(line.name): \(line.shown), \(line.basis)\(mark)"
        }
        for origin in origins {
            let source = origin.source.isEmpty ? "" : " \(origin.source)"
            lines.append(
                "given         \(origin.what): \(origin.figure) [\(origin.provenance.rawValue)]\(source)")
        }
        for omission in notModelled { lines.append("not modelled  \(omission.what): \(omission.reason)") }
        lines.append("trace         \(traceHash)")
        return lines.joined(separator: "\n")
    }

    private func latencyWords(_ mean: Double) -> String {
        let span = SimulatedCluster.span
        let spread = sojournP50Seconds.flatMap { median in
            sojournP95Seconds.map { " (median \(span(median)), p95 \(span($0)))" }
        }
        return "\(span(mean)) from pledge to proving in the mean" + (spread ?? "")
    }

    private var table: [String] {
        let figure = SimulatedCluster.figure
        let span = SimulatedCluster.span
        func shown(_ value: Double?, _ form: (Double) -> String) -> String { value.map(form) ?? "–" }
        var rows = [
            [
                "stage", "slots", "started", "finished", "failed", "p50", "p95", "busy", "queue", "max",
                "per day", "sectors/h",
            ]
        ]
        for stage in stages {
            rows.append([
                stage.name, String(stage.slots), String(stage.started), String(stage.finished),
                String(stage.failed), shown(stage.p50Seconds, span), shown(stage.p95Seconds, span),
                shown(stage.utilization) { "\(figure($0 * 100)) %" }, shown(stage.queueMean, figure),
                String(stage.queueMax), shown(stage.queueTrend?.perDay, Self.signed),
                shown(stage.capacityPerHour, figure),
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }
    }

    /// Queues that grow, in words.
    package var growthWords: [String] {
        stages.compactMap { stage in
            guard let trend = stage.queueTrend, trend.isGrowing else { return nil }
            let figure = SimulatedCluster.figure
            return
                "the queue of \(stage.name) grows by \(figure(trend.perDay)) tasks a day: more comes "
                + "than the stage passes"
        }
    }

    /// With a sign, and none for what rounds to nothing.
    static func signed(_ value: Double) -> String {
        let text = SimulatedCluster.figure(value)
        return value > 0 && text != "0" ? "+\(text)" : text
    }

    static func days(_ seconds: Double) -> String {
        seconds >= 86_400 ? "\(SimulatedCluster.figure(seconds / 86_400)) d" : SimulatedCluster.span(seconds)
    }
}
