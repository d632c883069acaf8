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

    /// What the cluster would gain by formula without what holds it back now, and what would hold it then;
    /// `nil` where another limit allows no more than it.
    package var bottleneckGain: (tebibytesPerDay: Double, next: String)? {
        guard let bottleneck, let next = limits.first(where: { $0.name != bottleneck.name }) else {
            return nil
        }
        let gain = next.tebibytesPerDay - bottleneck.tebibytesPerDay
        return gain > 0 ? (gain, next.name) : nil
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
}
