// SPDX-License-Identifier: Apache-2.0
private import Chain

extension SimulationReport {
    /// The report as one JSON object; what was not modelled is null and named in `notModelled`.
    package var document: ScenarioDocument {
        .object([
            entry("scenario", .text(scenario)),
            entry("policy", .text(policy)),
            entry("seed", .seed(seed)),
            entry("simulatedSeconds", .rounded(simulatedSeconds)),
            entry("wallSeconds", .rounded(wallSeconds)),
            entry("messages", .integer(messages)),
            entry("messagesPerSecond", .rounded(messagesPerSecond, digits: 0)),
            entry("warmUpSeconds", .rounded(warmUpSeconds)),
            entry("sectorsPledged", .integer(sectorsPledged)),
            entry("sectorsProving", .integer(sectorsProving)),
            entry("sectorsProvingAtStart", .integer(sectorsProvingAtStart)),
            entry("sectorsSealing", .integer(sectorsSealing)),
            entry("sectorsFailed", .integer(sectorsFailed)),
            entry("latestFailure", latestFailure.map { .text($0) } ?? .null),
            entry("sectorsPerHour", .rounded(sectorsPerHour)),
            entry("tebibytesPerDay", .rounded(tebibytesPerDay, digits: 6)),
            entry("tebibytesPerDayInterval", precision?.document ?? .null),
            entry("sealing", sealingDocument),
            entry("moves", .integer(moveCount)),
            entry("movedBytesPerSector", .rounded(movedBytesPerSector, digits: 0)),
            entry("stages", .list(stages.map(\.document))),
            entry("limits", .list(limits.map(\.document))),
            entry("bottleneck", bottleneck?.document ?? .null),
            entry("gains", .list(whatIfs.map(\.document))),
            entry("preCommit1", preCommit1Diagnosis.map { .text($0) } ?? .null),
            entry("faults", .list(faults.map(\.document))),
            entry("fullStores", .list(fullStores.map(\.document))),
            entry("room", room?.document ?? .null),
            entry("growing", .list(growthWords.map { .text($0) })),
            entry("crossCheck", crossCheck?.document ?? .null),
            entry("laws", .list(laws.map(\.document))),
            entry("given", .list(origins.map(\.document))),
            entry(
                "hardware",
                .list(
                    hardwareUses.map {
                        .object([
                            entry("group", .text($0.group)), entry("what", .text($0.what)),
                            entry("utilisation", .rounded($0.utilization, digits: 6)),
                        ])
                    })),
            entry("traceHash", .text(traceHash)),
            entry("windowPoSt", windowPoSt.document),
            entry("provers", provers?.proverDocument ?? .null),
            entry(
                "deals",
                deals.map {
                    .object([
                        entry("offered", .integer($0.offered)), entry("active", .integer($0.active)),
                        entry("missed", .integer($0.missed)),
                    ])
                } ?? .null),
            entry("cost", cost?.document ?? .null),
            entry("chainCost", chainCost.document),
            entry("costLines", .list(costLines.map(\.document))),
            entry(
                "notModelled",
                .list(
                    notModelled.map {
                        .object([entry("what", .text($0.what)), entry("reason", .text($0.reason))])
                    })),
        ])
    }

    private var sealingDocument: ScenarioDocument {
        .object([
            entry("sectorsMean", .rounded(sealingMean)),
            entry("sojournMeanSeconds", .rounded(sojournMeanSeconds)),
            entry("sojournP50Seconds", .rounded(sojournP50Seconds)),
            entry("sojournP95Seconds", .rounded(sojournP95Seconds)),
            entry("states", .object(stateMeans.map { entry($0.state, .rounded($0.mean)) })),
        ])
    }
}

extension SimulationReport.Stage {
    fileprivate var document: ScenarioDocument {
        .object([
            entry("name", .text(name)),
            entry("type", .text(identifier)),
            entry("slots", .integer(slots)),
            entry("started", .integer(started)),
            entry("finished", .integer(finished)),
            entry("failed", .integer(failed)),
            entry("abandoned", .integer(abandoned)),
            entry("meanSeconds", .rounded(meanSeconds)),
            entry("p50Seconds", .rounded(p50Seconds)),
            entry("p95Seconds", .rounded(p95Seconds)),
            entry("utilisation", .rounded(utilization, digits: 6)),
            entry("queueMean", .rounded(queueMean)),
            entry("queueMax", .integer(queueMax)),
            entry("queuePerDay", .rounded(queueTrend?.perDay)),
            entry("queueGrows", .flag(queueTrend?.isGrowing ?? false)),
            entry("waitP50Seconds", .rounded(waitP50Seconds)),
            entry("waitP95Seconds", .rounded(waitP95Seconds)),
            entry("waitsFor", .list(waitsFor.map(\.document))),
            entry("awaySlots", .rounded(awaySlots)),
            entry("capacitySectorsPerHour", .rounded(capacityPerHour)),
        ])
    }
}

extension SimulationReport.Limit {
    fileprivate var document: ScenarioDocument {
        .object([
            entry("name", .text(name)),
            entry("formula", .text(formula)),
            entry("sectorsPerHour", .rounded(sectorsPerHour)),
            entry("tebibytesPerDay", .rounded(tebibytesPerDay)),
        ])
    }
}

extension SimulationReport.Bottleneck {
    fileprivate var document: ScenarioDocument {
        .object([
            entry("name", .text(name)),
            entry("evidence", .text(evidence)),
            entry("sectorsPerHour", .rounded(sectorsPerHour)),
            entry("tebibytesPerDay", .rounded(tebibytesPerDay)),
            entry("reached", .rounded(reached)),
        ])
    }
}

extension SimulationReport.Precision {
    fileprivate var document: ScenarioDocument {
        switch self {
        case .interval(let half, let count, let seconds):
            .object([
                entry("halfWidth", .rounded(half, digits: 6)), entry("confidence", .number(0.95)),
                entry("batches", .integer(count)), entry("batchSeconds", .rounded(seconds)),
            ])
        case .tooShort(let needed):
            .object([
                entry("halfWidth", .null), entry("neededSeconds", .rounded(needed)),
                entry("reason", .text(text)),
            ])
        }
    }
}

extension SimulationReport.WhatIf {
    fileprivate var document: ScenarioDocument {
        .object([
            entry("name", .text(name)), entry("tebibytesPerDay", .rounded(gain)),
            entry("next", next.map { .text($0) } ?? .null),
        ])
    }
}

extension SimulationReport.CrossCheck {
    fileprivate var document: ScenarioDocument {
        .object([
            entry("stage", .text(stage)), entry("measured", .rounded(measured)),
            entry("formula", .rounded(formula)), entry("tolerance", .rounded(tolerance, digits: 6)),
            entry("isSaturated", .flag(isSaturated)), entry("holds", .flag(holds)),
        ])
    }
}

extension SimulationReport.LawCheck {
    fileprivate var document: ScenarioDocument {
        .object([
            entry("law", .text(law.rawValue)), entry("place", .text(place)),
            entry("measured", .rounded(measured, digits: 9)),
            entry("expected", .rounded(expected, digits: 9)),
            entry("ratePerSecond", .rounded(rate, digits: 9)), entry("staySeconds", .rounded(staySeconds)),
            entry("servers", servers.map { .integer($0) } ?? .null), entry("holds", .flag(violation == nil)),
        ])
    }
}

extension SimulationReport.Origin {
    fileprivate var document: ScenarioDocument {
        .object([
            entry("what", .text(what)), entry("figure", .text(figure)),
            entry("provenance", .text(provenance.rawValue)), entry("source", .text(source)),
        ])
    }
}

extension SimulationReport.Stage {
    /// The slots that prove deadlines: what they take and pass are partitions.
    fileprivate var proverDocument: ScenarioDocument {
        .object([
            entry("slots", .integer(slots)),
            entry("finished", .integer(finished)), entry("failed", .integer(failed)),
            entry("utilization", .rounded(utilization, digits: 6)),
            entry("queueMean", .rounded(queueMean)), entry("queueMax", .integer(queueMax)),
            entry("partitionsPerHour", .rounded(capacityPerHour)),
        ])
    }
}

extension SimulationReport.WindowPoSt {
    fileprivate var document: ScenarioDocument {
        .object([
            entry("due", .integer(due)),
            entry("submitted", .integer(submitted)),
            entry("missed", .integer(missed)),
            entry("skippedSectors", .integer(skippedSectors)),
            entry("latestMiss", latestMiss.map { .text($0) } ?? .null),
        ])
    }
}

extension SimulationReport.Cost {
    fileprivate var document: ScenarioDocument {
        .object([
            entry("currency", .text(currency)),
            entry("capital", .rounded(capital)),
            entry("depreciationDays", .rounded(depreciationDays)),
            entry("hostsPerDay", .rounded(hostsPerDay)),
            entry("watts", .integer(watts)),
            entry("electricityPerDay", .rounded(electricityPerDay)),
            entry("rackUnits", .integer(rackUnits)),
            entry("spacePerDay", .rounded(spacePerDay)),
            entry("storagePerDay", .rounded(storagePerDay)),
            entry("operatingPerMonth", .rounded(operating.total)),
            entry("sealingPerTebibyte", .rounded(sealingPerTebibyte)),
            entry("gasPerTebibyte", .rounded(gasPerTebibyte)),
            entry("locked", .rounded(balance?.locked)),
            entry("earned", .rounded(balance?.rewards)),
            entry("spentOnChain", .rounded(balance?.spentOnChain)),
            entry("spentOnCluster", .rounded(balance?.spentOnCluster)),
            entry("net", .rounded(balance?.net)),
            entry("missing", .list(missing.map { .text($0) })),
        ])
    }
}

extension ChainCost {
    /// Amounts in attoFIL, as texts: they exceed what readers of JSON take as numbers.
    fileprivate var document: ScenarioDocument {
        func amount(_ key: String, _ value: BigNumber) -> ScenarioDocument.Entry {
            entry(key, .text(value.description))
        }
        return .object([
            entry("unit", .text("attoFIL")),
            entry(
                "messages",
                .list(
                    messages.map { sent in
                        .object([
                            entry("kind", .text(sent.kind.rawValue)),
                            entry("messages", .integer(sent.messageCount)),
                            entry("\(sent.kind.item)s", .integer(sent.itemCount)),
                            entry("gasUsed", .integer(sent.gasUsed)),
                            amount("burnt", sent.burnt), amount("tips", sent.tips),
                        ])
                    })),
            amount("pledgePerSector", pledgePerSector), amount("pledgeLocked", pledgeLocked),
            amount("pledgeAtEnd", pledgeAtEnd), amount("depositPerSector", depositPerSector),
            amount("depositsLocked", depositsLocked), amount("depositsBurnt", depositsBurnt),
            entry("faultySectorDays", .integer(faultySectorDays)), amount("faultFees", faultFees),
            entry("terminatedSectors", .integer(terminatedCount)),
            amount("terminationFees", terminationFees), amount("dailyFees", dailyFees),
            entry("provenSectorDays", .integer(provenSectorDays)),
            amount("expectedReward", expectedReward),
        ])
    }
}

extension CostLine {
    fileprivate var document: ScenarioDocument {
        .object([
            entry("area", .text(area)), entry("name", .text(name)), entry("basis", .text(basis)),
            entry("amount", .rounded(amount, digits: 6)), entry("unit", .text(unit)),
            entry("provenance", provenance.map { .text($0.rawValue) } ?? .null),
            entry("source", .text(source)),
        ])
    }
}

private func entry(_ key: String, _ value: ScenarioDocument) -> ScenarioDocument.Entry {
    ScenarioDocument.Entry(key: key, value: value)
}

extension ScenarioDocument {
    /// A number as a report shows it; null where there is none.
    static func rounded(_ value: Double?, digits: Int = 3) -> ScenarioDocument {
        guard let value, value.isFinite else { return .null }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        return .number((value * scale).rounded() / scale)
    }

    /// A seed may exceed what JSON readers take as a number; within 2^53 it is one.
    static func seed(_ seed: UInt64) -> ScenarioDocument {
        seed < 1 << 53 ? .integer(Int(seed)) : .text(String(seed))
    }
}
