// SPDX-License-Identifier: Apache-2.0

extension SimulationReport {
    /// What the throughput would gain by formula if one resource had no end.
    package struct WhatIf: Sendable, Hashable {
        package var name: String
        /// TiB a day that this resource allows.
        package var limit: Double
        /// TiB a day gained if it alone had no end.
        package var gain: Double
        /// What the next limit would be.
        package var next: String?
    }

    /// The limits in their order, each with what lies between it and the next.
    ///
    /// Only the lowest limit gives anything by itself; `gain` of a later one is what it adds once all before
    /// it have no end, because that is the order in which money is spent.
    package var whatIfs: [WhatIf] {
        limits.indices.map { index in
            let next = limits.indices.contains(index + 1) ? limits[index + 1] : nil
            return WhatIf(
                name: limits[index].name, limit: limits[index].tebibytesPerDay,
                gain: next.map { $0.tebibytesPerDay - limits[index].tebibytesPerDay } ?? .infinity,
                next: next?.name)
        }
    }

    /// The measured throughput beside the formula that it cannot exceed.
    package struct CrossCheck: Sendable, Hashable {
        package var stage: String
        /// Sectors an hour.
        package var measured: Double
        package var formula: Double
        /// The share by which the two may differ: 3 % and the noise of the sectors counted.
        package var tolerance: Double
        /// A saturated stage must reach its formula; any other must only not exceed it.
        package var isSaturated: Bool

        package var holds: Bool {
            let ratio = measured / formula
            return ratio <= 1 + tolerance && (!isSaturated || ratio >= 1 - tolerance)
        }

        /// Both numbers, in words.
        package var text: String {
            let figure = SimulatedCluster.figure
            let relation = isSaturated ? "must be near" : "must not exceed"
            return
                "\(stage): measured \(figure(measured)) sectors/h \(relation) \(figure(formula)) by formula "
                + "(within \(figure(tolerance * 100)) %)"
        }
    }

    /// The check of the run against its closed form; `nil` where nothing was measured.
    ///
    /// A model that seals more than its slots can is wrong, and so is one that seals less while all slots
    /// are taken.
    package var crossCheck: CrossCheck? {
        let sealing = stages.filter { $0.capacityPerHour != nil }
        guard let measured = sectorsPerHour, simulatedSeconds > warmUpSeconds,
            let lowest = sealing.min(by: { ($0.capacityPerHour ?? 0) < ($1.capacityPerHour ?? 0) }),
            let formula = lowest.capacityPerHour
        else { return nil }
        let count = max(1, measured * (simulatedSeconds - warmUpSeconds) / 3600)
        // What runs in this stage or waits behind it when the warm-up ends is counted as well.
        let after = sealing.drop { $0.name != lowest.name }.dropFirst()
        let behind = after.reduce(0) { $0 + ($1.queueMean ?? 0) }
        let early = (Double(lowest.slots) + behind) / count
        let isSaturated =
            (lowest.utilization ?? 0) >= 0.98 && lowest.failed == 0 && lowest.abandoned == 0
            && !lowest.sharesWithOthers
        return CrossCheck(
            stage: lowest.name, measured: measured, formula: formula,
            tolerance: 0.03 + 1 / count.squareRoot() + early, isSaturated: isSaturated && count >= 50)
    }

    /// Why sectors go slowly through PreCommit1, in words; `nil` where the cluster seals nothing.
    package var preCommit1Diagnosis: String? {
        let figure = SimulatedCluster.figure
        guard let stage = stages.first(where: { $0.name == "PreCommit1" }), stage.slots > 0,
            let busy = stage.utilization
        else { return nil }
        let taken = "\(figure(busy * 100)) % of the PreCommit1 slots are taken"
        if busy >= 0.95 {
            if let name = bottleneck?.name, SimulatedCluster.sharedLimits.contains(name) {
                return "\(taken), and they slow each other: more slots seal nothing more, \(name) does"
            }
            return "\(taken): nothing blocks them, there are too few or they are slow"
        }
        let away = min(1, (stage.awaySlots ?? 0) / Double(stage.slots))
        // What was there was full: the share of slots that are gone is what is missing.
        if away > 0, away < 1, busy / (1 - away) >= 0.95 {
            return
                "\(taken); \(figure(away * 100)) % were on hosts or processes that were down, stood still or "
                + "were cut off, and what was there was full"
        }
        let later = stages.drop { $0.name != "PreCommit1" }.dropFirst()
        if let blocker = later.filter({ ($0.utilization ?? 0) >= 0.95 }).max(by: {
            ($0.queueMean ?? 0) < ($1.queueMean ?? 0)
        }) {
            return
                "\(taken), because \(blocker.name) does not keep "
                + "up (\(figure((blocker.utilization ?? 0) * 100))"
                + " % busy, \(figure(blocker.queueMean ?? 0)) sectors wait for "
                + "it) and what waits keeps its room "
                + "on the sealing disks"
        }
        if let first = stages.first, let load = first.utilization, load >= 0.95 {
            return
                "\(taken), because \(first.name) does not keep up (\(figure(load * 100)) % busy, "
                + "\(figure(first.queueMean ?? 0)) sectors wait for it)"
        }
        let packing = stateMeans.first { $0.state == "Packing" }?.mean ?? 0
        if packing >= 1, let stage = stages.first, (stage.utilization ?? 0) < 0.95 {
            if (stages.first { $0.name == "PreCommit1" }?.queueMean ?? 0) >= 1 {
                return "\(taken), while sectors wait for them: tickets or the policy hold them back"
            }
            return
                "\(taken), while \(figure(packing)) sectors wait in Packing: the sealing disks have no "
                + "room, or "
                + "AddPiece has too few slots"
        }
        if let name = bottleneck?.name, name.hasPrefix("pledge") {
            return "\(taken): too little is pledged"
        }
        if away >= 0.05 {
            return
                "\(taken), and \(figure(away * 100)) % were on hosts or processes that were down, stood "
                + "still or were cut off"
        }
        return "\(taken): no work was held back by them"
    }
}
