// SPDX-License-Identifier: Apache-2.0
private import Kernel
private import Scheduler

/// What bounds the throughput: each limit by a formula that fits on a slip of paper, and which of
/// them the run met.
extension SimulatedCluster {
    /// A stage is held saturated from this share of taken slot seconds on.
    private static var saturation: Double { 0.95 }

    func limits(_ report: SimulationReport) -> [SimulationReport.Limit] {
        guard !scenario.workload.provesOnly else { return [] }
        var limits: [SimulationReport.Limit] = []
        let hardware = sharedHardwareLimits()
        for (stage, type) in zip(report.stages, TaskType.sealing) {
            guard let perHour = stageLimit(stage, type, hardware.map(\.perHour).min()) else { continue }
            let mean = Double(stage.slots) * 3600 / perHour
            limits.append(limit(stage.name, "\(stage.slots) slots × \(Self.span(mean))", perHour))
        }
        let rule = scenario.workload.pledge
        if rule.packingMax > 0 {
            limits.append(
                limit(
                    "pledge rule", "\(rule.packingMax) sectors every \(rule.every.scenarioText)",
                    Double(rule.packingMax) * 3600 / rule.every.inSeconds))
        }
        for rule in plan.pacing {
            let hosts = plan.hosts.count
            limits.append(
                limit(
                    "\(rule.type.kind.rawValue) tickets",
                    "\(hosts) hosts × \(rule.count) every \(rule.interval.scenarioText)",
                    Double(hosts * rule.count) * 3600 / rule.interval.inSeconds))
        }
        let bytes = draws.transferBytes(.finalize)
        if bytes > 0 {
            let rate = scenario.stores.reduce(0.0) { $0 + $1.write.bytesPerSecond }
            limits.append(
                limit(
                    "store writes",
                    "\(Self.figure(rate / 1e9)) GB/s ÷ \(Self.figure(Double(bytes) / 1e9)) GB",
                    rate * 3600 / Double(bytes)))
        }
        if let moves = moveLimit() { limits.append(moves) }
        if let room = roomLimit(report) { limits.append(room) }
        limits += hardware.map { limit($0.name, $0.formula, $0.perHour) }
        return limits.enumerated()
            .sorted { ($0.element.sectorsPerHour, $0.offset) < ($1.element.sectorsPerHour, $1.offset) }
            .map(\.element)
    }

    /// What the cards carry where every sector has to be moved: no host that labels makes trees.
    func moveLimit() -> SimulationReport.Limit? {
        let makesTrees = { (group: Scenario.HostGroup) in group.slotsPerHost(of: .preCommit2) > 0 }
        let sources = scenario.hosts.filter { $0.slotsPerHost(of: .preCommit1) > 0 }
        guard !sources.isEmpty, !sources.contains(where: makesTrees) else { return nil }
        let link = scenario.links.bandwidth.bytesPerSecond
        // From each host to each other the link carries so much.
        let targetCount = Double(scenario.hosts.filter(makesTrees).reduce(0) { $0 + $1.count })
        let sourceCount = Double(sources.reduce(0) { $0 + $1.count })
        let sent = sources.reduce(0.0) { sum, group in
            sum + Double(group.count) * min(group.nic.bytesPerSecond, link * targetCount)
        }
        let received = scenario.hosts.filter(makesTrees).reduce(0.0) { sum, group in
            sum + Double(group.count) * min(group.nic.bytesPerSecond, link * sourceCount)
        }
        let (rate, bytes) = (min(sent, received), Double(scenario.sealingFootprint.bytes))
        return limit(
            "moves between hosts", "\(Self.figure(rate / 1e9)) GB/s ÷ \(Self.figure(bytes / 1e9)) GB",
            rate * 3600 / bytes)
    }

    func bottleneck(_ report: SimulationReport) -> SimulationReport.Bottleneck? {
        guard let measured = report.sectorsPerHour, let lowest = report.limits.first else { return nil }
        let reached = measured / lowest.sectorsPerHour
        let next = report.limits.dropFirst().first.map {
            "; the next limit is \($0.name) with \(Self.figure($0.sectorsPerHour)) sectors/h"
        }
        let busiest = report.stages.filter { $0.utilization != nil }
            .max { ($0.utilization ?? 0) < ($1.utilization ?? 0) }
        // Slots that wait for memory or disks are taken as well: these come first.
        if let held = report.limits.first(where: {
            Self.sharedLimits.contains($0.name) && $0.sectorsPerHour <= lowest.sectorsPerHour * 1.001
        }), reached >= Self.saturation {
            let how = busiest.map { "; \($0.name): \(utilizationText($0))" } ?? ""
            return named(held, report, throughput(of: measured, held) + how)
        }
        if let busiest, let utilization = busiest.utilization, utilization >= Self.saturation,
            let limit = report.limits.first(where: { $0.name == busiest.name })
        {
            return named(
                limit, report,
                "\(utilizationText(busiest)); \(throughput(of: measured, limit))" + (next ?? "")
                    + away(report))
        }
        if reached < Self.saturation, let other = hindrance(report, measured, lowest) { return other }
        let how = busiest.map { "; the busiest stage is \($0.name): \(utilizationText($0))" } ?? ""
        return named(lowest, report, throughput(of: measured, lowest) + how + waiting(report, for: lowest))
    }

    /// What holds a cluster back that reaches none of its limits.
    private func hindrance(
        _ report: SimulationReport, _ measured: Double, _ lowest: SimulationReport.Limit
    ) -> SimulationReport.Bottleneck? {
        let failing = report.stateMeans.contains { $0.state.hasSuffix("Failed") && $0.mean >= 1 }
        if failing, let full = report.fullStores.first {
            let fitting = full.capacityBytes / max(1, draws.transferBytes(.finalize))
            let none = limit(
                "room on long-term stores", "\(full.name) takes \(fitting) sectors", measured)
            return named(
                none, report, full.text + "; " + throughput(of: measured, lowest, "of \(lowest.name)"))
        }
        let hit = report.stages.max { $0.awayShare < $1.awayShare }
        if let hit, hit.awayShare >= SimulationReport.notableAway, hit.awayShare < 1,
            let worst = report.faults.max(by: { $0.hours(of: hit.name) < $1.hours(of: hit.name) }),
            worst.hours(of: hit.name) > 0
        {
            let left = lowest.sectorsPerHour * (1 - hit.awayShare)
            // What was away explains most of what is missing; where more was sealed it was not needed.
            if measured >= 0.7 * left, measured <= 1.05 * left {
                let share = Self.figure((1 - hit.awayShare) * 100)
                return named(
                    limit(
                        worst.kind.rawValue,
                        "\(Self.figure(lowest.sectorsPerHour)) sectors/h by \(lowest.name) × \(share) % of "
                            + "the \(hit.name) slots", left),
                    report,
                    report.awayWords(hit) + "; " + throughput(of: measured, lowest, "of \(lowest.name)"))
            }
        }
        guard let room = report.room, room.isFull, room.waiting >= 1,
            let held = report.limits.first(where: { $0.name == Self.roomLimit })
        else { return nil }
        return named(
            held, report, throughput(of: measured, held) + waiting(report, for: held) + away(report))
    }

    /// Who waits for room, where that is the limit.
    private func waiting(_ report: SimulationReport, for limit: SimulationReport.Limit) -> String {
        guard limit.name == Self.roomLimit, let room = report.room else { return "" }
        return "; \(Self.figure(room.waiting)) sectors wait for room in the mean, "
            + "\(Self.figure(room.taken)) have it"
    }

    /// What was down of the stage that lost most; empty where that was little.
    private func away(_ report: SimulationReport) -> String {
        guard let hit = report.stages.max(by: { $0.awayShare < $1.awayShare }),
            hit.awayShare >= SimulationReport.notableAway
        else { return "" }
        return "; " + report.awayWords(hit)
    }

    private func named(
        _ limit: SimulationReport.Limit, _ report: SimulationReport, _ why: String
    ) -> SimulationReport.Bottleneck {
        SimulationReport.Bottleneck(
            name: limit.name,
            evidence: "\(limit.name): \(limit.formula) → \(Self.figure(limit.sectorsPerHour)) sectors/h "
                + "(\(Self.figure(limit.tebibytesPerDay)) TiB/day); \(why)",
            sectorsPerHour: limit.sectorsPerHour, tebibytesPerDay: limit.tebibytesPerDay,
            reached: limit.sectorsPerHour > 0 ? (report.sectorsPerHour ?? 0) / limit.sectorsPerHour : 1)
    }

    private func throughput(
        of measured: Double, _ limit: SimulationReport.Limit, _ what: String = "of it"
    ) -> String {
        "measured \(Self.figure(measured)) sectors/h (\(Self.figure(tebibytesPerDay(measured))) TiB/day), "
            + "\(Self.figure(measured / limit.sectorsPerHour * 100)) % \(what)"
    }

    private func utilizationText(_ stage: SimulationReport.Stage) -> String {
        "utilization \(Self.figure((stage.utilization ?? 0) * 100)) %, "
            + "queue \(Self.figure(stage.queueMean ?? 0)) in the mean, \(stage.queueMax) at most"
    }

    func limit(_ name: String, _ formula: String, _ perHour: Double) -> SimulationReport.Limit {
        SimulationReport.Limit(
            name: name, formula: formula, sectorsPerHour: perHour, tebibytesPerDay: tebibytesPerDay(perHour))
    }

    /// A figure for people: three significant digits or so, without exponent.
    package static func figure(_ value: Double) -> String {
        var digits: Double = value.magnitude >= 100 ? 1 : (value.magnitude >= 10 ? 10 : 100)
        // What is small has three digits, too; below a billionth it is nothing.
        while value.magnitude >= 1e-9, value.magnitude < 0.01, value.magnitude * digits < 100 { digits *= 10 }
        let rounded = (value * digits).rounded() / digits
        return ScenarioDocument.decimalText(rounded)
    }

    /// A span of time for people: `5.75 h`, `19 min`, `30 s`.
    package static func span(_ seconds: Double) -> String {
        if seconds >= 5400 { return "\(figure(seconds / 3600)) h" }
        if seconds >= 90 { return "\(figure(seconds / 60)) min" }
        if seconds > 0, seconds < 0.1 { return "\(figure(seconds * 1000)) ms" }
        return "\(figure(seconds)) s"
    }
}
