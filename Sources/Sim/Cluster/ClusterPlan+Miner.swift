// SPDX-License-Identifier: Apache-2.0
private import Chain
private import Kernel
internal import Scheduler

/// What a scenario says of the miner, in the terms of its components.
extension ClusterPlan {
    /// How messages to the chain are gathered; `nil` where each sector sends its own. The base fee is that of
    /// the scenario's chain prices and of its spikes; it decides where a threshold or a limit is given.
    static func batching(_ miner: Scenario.Miner) -> [BatchKind: BatchPolicy]? {
        guard miner.batchPreCommits || miner.aggregateCommits else { return nil }
        var policies: [BatchKind: BatchPolicy] = [.preCommit: BatchPolicy(), .commit: BatchPolicy()]
        if miner.batchPreCommits {
            policies[.preCommit] = BatchPolicy(
                countMax: miner.maxPreCommitBatch, wait: miner.preCommitBatchWait,
                slack: BatchPolicy.usual(.preCommit).slack,
                baseFeeThreshold: fee(miner.batchPreCommitAboveBaseFee),
                feePerSector: fee(miner.preCommitFeePerSector))
        }
        if miner.aggregateCommits {
            policies[.commit] = BatchPolicy(
                countMin: miner.minCommitBatch, countMax: miner.maxCommitBatch, wait: miner.commitBatchWait,
                slack: BatchPolicy.usual(.commit).slack, baseFeeThreshold: fee(miner.aggregateAboveBaseFee),
                feePerSector: fee(miner.commitFeePerSector))
        }
        return policies
    }

    /// The decoder has seen that it fits.
    private static func fee(_ amount: AttoFIL?) -> UInt64? { amount.map { UInt64(clamping: $0.atto) } }

    /// How long sealing takes, by the scenario's own durations: it tells whether an old ticket is of use.
    func hints(_ durations: [TaskType: Duration], _ scenario: Scenario) -> StageHints {
        let sealing = (durations[.preCommit1] ?? .zero) + (durations[.preCommit2] ?? .zero)
        let slack = Self.batching(scenario.miner)?[.preCommit]?.slack ?? .zero
        return StageHints(preCommit: [.init(UInt64(scenario.sectorSize.bytes), sealing)], batchWait: slack)
    }

    /// A sector must outlast its deals.
    func checkDeals(_ scenario: Scenario) throws(SimulationError) {
        let epochMax = network.maxExpirationAhead - network.maxTicketAge
        for (index, deal) in scenario.workload.deals.enumerated() {
            let seconds = deal.startAfter.meanSeconds + deal.lasts.inSeconds
            guard seconds > Double(epochMax) * network.epochDuration.inSeconds else { continue }
            throw SimulationError(
                .impossible,
                "workload.deals[\(index)].lasts: no sector lasts longer than \(epochMax) epochs of "
                    + "\(network.epochDuration.scenarioText); shorten the deals")
        }
    }

    /// How many sectors may be where.
    func sectorLimits(_ miner: Scenario.Miner) -> SectorLimits {
        SectorLimits(
            sealing: sealingCountMax, sealingForDeals: miner.maxSealingSectorsForDeals,
            waitDeals: miner.maxWaitDealsSectors)
    }

    /// How pieces are packed; `nil` where no client offers any.
    static func packing(_ scenario: Scenario) -> PackingQueue.Options? {
        guard !scenario.workload.deals.isEmpty else { return nil }
        return PackingQueue.Options(
            sectorBytes: UInt64(scenario.sectorSize.bytes), waitDealsDelay: scenario.miner.waitDealsDelay,
            startEpochSealingBuffer: Int64(scenario.miner.startEpochSealingBuffer))
    }
}
