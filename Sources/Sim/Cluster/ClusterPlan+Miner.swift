// SPDX-License-Identifier: Apache-2.0
private import Chain
private import Kernel
internal import Scheduler

/// What a scenario says of the miner, in the terms of its components.
extension ClusterPlan {
    /// How messages to the chain are gathered; `nil` where each sector sends its own. The simulated chain has
    /// no market of fees, so that counts and waits alone decide.
    static func batching(_ miner: Scenario.Miner) -> [BatchKind: BatchPolicy]? {
        guard miner.batchPreCommits || miner.aggregateCommits else { return nil }
        var policies: [BatchKind: BatchPolicy] = [.preCommit: BatchPolicy(), .commit: BatchPolicy()]
        if miner.batchPreCommits {
            policies[.preCommit] = BatchPolicy(
                countMax: miner.maxPreCommitBatch, wait: miner.preCommitBatchWait,
                slack: BatchPolicy.usual(.preCommit).slack)
        }
        if miner.aggregateCommits {
            policies[.commit] = BatchPolicy(
                countMin: miner.minCommitBatch, countMax: miner.maxCommitBatch, wait: miner.commitBatchWait,
                slack: BatchPolicy.usual(.commit).slack)
        }
        return policies
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
