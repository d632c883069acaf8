// SPDX-License-Identifier: Apache-2.0
private import Chain
internal import Kernel
internal import Scheduler

extension SimulatedCluster {
    /// What the run found up to now.
    ///
    /// - Parameter wallSeconds: the real time that it took, where the caller measured it.
    package func report(wallSeconds: Double? = nil) -> SimulationReport {
        let now = world.now
        let warmUp = metrics.warmUp
        let seconds = now > warmUp ? (now - warmUp).inSeconds : nil
        let (chain, problem) = chainSnapshot()
        let perHour = seconds.map { Double(metrics.sojourns.count) * 3600 / $0 }
        var report = SimulationReport(
            scenario: scenario.name, policy: policy, seed: options.seed, simulatedSeconds: now.seconds,
            wallSeconds: wallSeconds, messages: world.statistics.delivered, warmUpSeconds: warmUp.seconds,
            sectorsPledged: metrics.pledgedCount,
            sectorsProving: scenario.workload.provingAtStart + metrics.provingCount,
            sectorsProvingAtStart: scenario.workload.provingAtStart, sectorsSealing: metrics.sealingCount,
            sectorsFailed: metrics.failedCount, latestFailure: metrics.latestFailure, sectorsPerHour: perHour,
            tebibytesPerDay: perHour.map(tebibytesPerDay),
            sealingMean: seconds.map { metrics.sealing.integral(until: now) / $0 }, stateNames: [],
            stateLevels: [], sojournMeanSeconds: metrics.sojourns.meanSeconds,
            sojournP50Seconds: metrics.sojourns.quantile(0.5),
            sojournP95Seconds: metrics.sojourns.quantile(0.95), moveCount: stores.moveCount,
            movedBytesPerSector: metrics.provingCount > 0
                ? Double(stores.movedBytes) / Double(metrics.provingCount) : nil, stages: [], limits: [],
            bottleneck: nil,
            cost: nil, chainCost: chainCost(chain), prices: prices,
            notModelled: omissions(seconds)
                + (problem.map { [.init(what: "chainOutlook", reason: $0)] } ?? []),
            traceHash: traceHash)
        if let seconds {
            for state in SectorState.allCases where state.isSealing {
                let mean = metrics.states[state.position].integral(until: now) / seconds
                guard mean > 0 else { continue }
                report.stateNames.append(state.rawValue)
                report.stateLevels.append(mean)
            }
        }
        let tallies = metrics.stages(until: now)
        report.stages = TaskType.sealing.map { stage($0, tallies[$0.stage], seconds, now) }
        if let seconds {
            report.precision = precision(seconds)
            report.laws = laws(tallies, seconds, now)
        }
        report.origins = scenario.origins
        report.hardwareUses = hardwareUses()
        report.room = room(report)
        report.fullStores = stores.stores.compactMap { store in
            store.lackedRoomAt.map {
                .init(name: store.name, capacityBytes: store.capacityBytes, sinceSeconds: $0.seconds)
            }
        }
        report.faults = faultLog.tallies(until: now)
        report.faultMarks = faultLog.marks(until: now)
        report.limits = limits(report)
        report.bottleneck = bottleneck(report)
        report.windowPoSt = windowPoSt(chain.charges)
        if plan.provesDeadlines {
            report.provers = stage(.windowPoSt, tallies[TaskType.windowPoSt.stage], seconds, now)
        }
        report.deals = deals(now)
        report.cost = cost(report)
        return report
    }

    /// The hash of the run: the world's own trace, and every step of every task and sector.
    package var traceHash: String {
        var high = stableHash(world.traceHash.hex)
        var low = mixed(high ^ metrics.digest.low)
        high = mixed(high ^ metrics.digest.high)
        low = mixed(low ^ high)
        return [high, low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    func tebibytesPerDay(_ sectorsPerHour: Double) -> Double {
        sectorsPerHour * 24 * Double(scenario.sectorSize.bytes) / 0x1p40
    }

    private func stage(
        _ type: TaskType, _ tally: StageTally, _ seconds: Double?, _ now: Instant
    ) -> SimulationReport.Stage {
        let slots = plan.slotCount(type)
        let slotSeconds = seconds.map { $0 * Double(slots) } ?? 0
        return SimulationReport.Stage(
            name: type.kind.rawValue, identifier: type.rawValue, slots: slots, started: tally.started,
            finished: tally.finished, failed: tally.failed, abandoned: tally.abandoned,
            meanSeconds: tally.durations.meanSeconds, p50Seconds: tally.durations.quantile(0.5),
            p95Seconds: tally.durations.quantile(0.95),
            utilization: slotSeconds > 0 ? tally.busy.integral(until: now) / slotSeconds : nil,
            queueMean: seconds.map { tally.queue.integral(until: now) / $0 }, queueMax: tally.queue.max,
            queueTrend: tally.queue.trend(until: now), waitP50Seconds: tally.waits.quantile(0.5),
            waitP95Seconds: tally.waits.quantile(0.95),
            awaySlots: seconds.map { tally.away.integral(until: now) / $0 },
            capacityPerHour: capacity(type, slots), waitsFor: metrics.obstacles.shares(stage: type.stage),
            sharesWithOthers: sharesWithOthers(type))
    }

    /// Sectors an hour by formula: the mean of the model, the move to the store included, and tries
    /// that fail.
    ///
    /// - Parameter alone: as if memory and disks had no end.
    func capacity(_ type: TaskType, _ slots: Int, alone: Bool = false) -> Double? {
        guard slots > 0, let model = scenario.task(type.kind) else { return nil }
        var mean = model.duration.meanSeconds
        if type == .finalize { mean += Double(model.transfer.bytes) / slowestWay }
        guard mean > 0 else { return nil }
        let count = alone ? Double(slots) : effectiveSlots(type, slots)
        return count * 3600 / mean * (1 - model.failureRate)
    }

    /// Bytes a second from a sealing host to a long-term store that nobody else uses.
    private var slowestWay: Double {
        let out = plan.hosts.map(\.outBytesPerSecond).min() ?? .infinity
        return max(1, min(out, scenario.stores.map(\.write.bytesPerSecond).max() ?? .infinity))
    }

    private func omissions(_ seconds: Double?) -> [SimulationReport.Omission] {
        var list: [SimulationReport.Omission] = []
        if !plan.provesDeadlines {
            let seconds = Int(TaskDraws.assumedProof(scenario).inSeconds)
            list.append(
                .init(
                    what: "postWorkers",
                    reason: "no worker of the scenario has slots for WindowPoSt: assumed is that each "
                        + "partition takes \(seconds) s elsewhere and never waits"))
        }
        if scenario.costs == nil {
            list.append(
                .init(what: "cost", reason: "the scenario has no costs section: no price was given"))
        }
        if seconds == nil {
            list.append(
                .init(
                    what: "tebibytesPerDay",
                    reason: "the run ended within the warm-up of \(Self.warmUp(of: scenario).scenarioText)"))
        }
        if !scenario.miner.dataTemplate {
            list.append(
                .init(what: "dataTemplate", reason: "AddPiece takes the duration that the file gives it"))
        }
        if !shared.isModelled {
            list.append(
                .init(
                    what: "contention",
                    reason: "tasks of one host share no memory bandwidth; durations are those of the file"))
        }
        list += oversubscriptions() + absentFaults
        for kind in [Scenario.TaskKind.winningPoSt, .unseal] where scenario.task(kind) != nil {
            list.append(
                .init(
                    what: "tasks.\(kind.rawValue)",
                    reason: "no such task comes up in a run: its duration and its slots change nothing"))
        }
        if scenario.diskBytes(.reads, of: .windowPoSt) == 0 {
            list.append(
                .init(
                    what: "storeReads",
                    reason:
                        "tasks.WindowPoSt says no reads: proofs take no bandwidth of the stores, and the "
                        + "stores' read changes nothing; what lies on a store that is gone is left out of "
                        + "proofs all the same"))
        }
        if losesProvingCards {
            list.append(
                .init(
                    what: "proofsWithoutCard",
                    reason: "a process that proves deadlines stands still while a card that it uses is gone; "
                        + "proving on processors alone, as Lotus falls back to, has no figure here"))
        }
        return list
    }

    /// Faults of the scenario that did not come, since the run ended before or none was drawn.
    private var absentFaults: [SimulationReport.Omission] {
        let now = world.now
        guard options.appliesFaults, now > .zero else { return [] }
        let came = Set(faultLog.tallies(until: now).map(\.kind))
        var words = scenario.faults.filter { $0.rhythm == nil && .zero + $0.at > now }.map {
            "\($0.kind.rawValue) of \($0.target) at \($0.at.scenarioText) comes after the run's end"
        }
        words += scenario.faults.compactMap { fault in
            guard let rhythm = fault.rhythm, !came.contains(fault.kind) else { return nil }
            return
                "\(fault.kind.rawValue) of \(fault.target), every \(rhythm.between.scenarioText) in the "
                + "mean, did not come up"
        }
        guard !words.isEmpty else { return [] }
        let more = words.count > 5 ? "; and \(words.count - 5) more" : ""
        return [.init(what: "faults", reason: words.prefix(5).joined(separator: "; ") + more)]
    }

    private func deals(_ now: Instant) -> SimulationReport.Deals? {
        guard !scenario.workload.deals.isEmpty else { return nil }
        return SimulationReport.Deals(
            offered: metrics.deals.offeredCount, active: metrics.deals.activeCount,
            missed: metrics.deals.missedCount(at: now))
    }
}
