// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// The files of a run besides its page: tables and a trace. All are made from the report and what was
/// recorded.
package struct ReportFiles {
    package let report: SimulationReport
    package let recorder: RunRecorder
    /// How far the run came.
    package let now: Instant

    /// Takes a run's findings.
    package init(report: SimulationReport, recorder: RunRecorder, now: Instant) {
        self.report = report
        self.recorder = recorder
        self.now = now
    }

    /// Every stage with its counts, latencies, waits, utilization and queue; a header line first.
    package var stagesCSV: String {
        var lines = [
            "stage,slots,started,finished,failed,abandoned,p50_seconds,p95_seconds,wait_p50_seconds,"
                + "wait_p95_seconds,utilization,queue_mean,queue_max,queue_per_day,capacity_sectors_per_hour"
        ]
        // What provers pass is no sectors.
        var provers = report.provers
        provers?.capacityPerHour = nil
        for stage in report.stages + [provers].compactMap(\.self) {
            let figures: [Double?] = [
                stage.p50Seconds, stage.p95Seconds, stage.waitP50Seconds, stage.waitP95Seconds,
                stage.utilization, stage.queueMean,
            ]
            let counts = [stage.slots, stage.started, stage.finished, stage.failed, stage.abandoned]
            lines.append(
                ([stage.name] + counts.map(String.init) + figures.map(Self.cell)
                    + [
                        String(stage.queueMax), Self.cell(stage.queueTrend?.perDay),
                        Self.cell(stage.capacityPerHour),
                    ]).joined(separator: ","))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Busy slots and waiting tasks of each stage over time; seconds are those of each piece's beginning.
    package var levelsCSV: String {
        // The recorder knows every kind of task, the report the stages of sealing, in the same order.
        let busy = recorder.busy.prefix(report.stages.count).map { $0.means(until: now.seconds) }
        let waiting = recorder.waiting.prefix(report.stages.count).map { $0.means(until: now.seconds) }
        let names = report.stages.map(\.name)
        var lines = [
            (["seconds"] + names.map { "\($0)_busy" } + names.map { "\($0)_waiting" }).joined(separator: ",")
        ]
        let width = recorder.end.seconds / Double(RunRecorder.pieceCount)
        for index in 0..<(busy.first?.count ?? 0) {
            let row = [Double(index) * width] + (busy + waiting).map { $0[index] }
            lines.append(row.map { Self.cell($0) }.joined(separator: ","))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The limits in their order, with what each gains.
    package var limitsCSV: String {
        var lines = ["limit,sectors_per_hour,tebibytes_per_day,gain_tebibytes_per_day"]
        for (limit, whatIf) in zip(report.limits, report.whatIfs) {
            let gain = whatIf.gain.isFinite ? Self.cell(whatIf.gain) : ""
            lines.append(
                [limit.name, Self.cell(limit.sectorsPerHour), Self.cell(limit.tebibytesPerDay), gain]
                    .joined(separator: ","))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What broke, a line for each kind; a column for the slot hours that each stage lost.
    package var faultsCSV: String {
        let stages = report.stages.map(\.name)
        let lost = stages.map { "\($0)_slot_hours_lost" }
        var lines = [
            (["fault", "targets", "count", "first_seconds", "seconds"] + lost).joined(separator: ",")
        ]
        for fault in report.faults {
            let cells =
                [
                    fault.kind.rawValue, fault.targets.joined(separator: " "), String(fault.count),
                    Self.cell(fault.firstSeconds), Self.cell(fault.seconds),
                ] + stages.map { Self.cell(fault.hours(of: $0)) }
            lines.append(cells.map(Self.quoted).joined(separator: ","))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What the run cost, line by line; the amount is empty where no price was given.
    package var costsCSV: String {
        var lines = ["area,what,amount,unit,atto_fil,made_of,provenance,source"]
        for line in report.costLines {
            let cells = [
                line.area, line.name, Self.cell(line.amount), line.unit, line.attoFIL?.description ?? "",
                line.basis, line.provenance?.rawValue ?? "", line.source,
            ]
            lines.append(cells.map(Self.quoted).joined(separator: ","))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A cell of words: in quotes where a comma, a quote or a line's end would be taken for the table's own.
    private static func quoted(_ text: String) -> String {
        guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
            + "\""
    }

    /// `group/host` of `group/host/workers/instance`; names hold nothing that JSON would have to escape.
    static func host(_ worker: String) -> String {
        worker.split(separator: "/").prefix(2).joined(separator: "/")
    }

    static func cell(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "" }
        return ScenarioDocument.decimalText((value * 1e6).rounded() / 1e6)
    }
}
