// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Kernel
package import Scheduler

/// What a miner's `config.toml` says, by the names and with the defaults that operators know from Lotus.
///
/// Limits, packing and unsealed copies hold without a file as well; messages are gathered only where a file
/// or the environment says so, since the usual waits are a day.
package struct MinerConfig: Sendable, Hashable {
    package var maxWaitDealsSectors = 2
    package var maxSealingSectors = 0
    package var maxSealingSectorsForDeals = 0
    package var makesNewSectorsForDeals = true
    package var waitDealsDelay: Duration = .seconds(6 * 3600)
    package var alwaysKeepsUnsealedCopy = true
    package var finalizesEarly = false
    /// Zero takes the network's usual lifetime.
    package var sectorLifetime: Duration = .zero
    package var startEpochSealingBuffer = 480

    package var batchesPreCommits = true
    package var preCommit = BatchPolicy.usual(.preCommit)
    package var aggregatesCommits = true
    package var commit = BatchPolicy.usual(.commit)
    package var terminate = BatchPolicy.usual(.terminate)

    /// Zero pledges nothing.
    package var autoPledgeInterval: Duration = .zero
    package var autoPledgePacking = 4
    package var maxFailedSectors = 0

    package init() {}

    /// What holds without a file: each sector sends its own messages, at once.
    package static var withoutFile: MinerConfig {
        var config = MinerConfig()
        config.batchesPreCommits = false
        config.aggregatesCommits = false
        return config
    }

    /// What cannot be together.
    ///
    /// - Throws: ``EngineError`` with `badOption`.
    func check() throws(EngineError) {
        guard commit.countMin <= commit.countMax else {
            throw EngineError(
                code: .badOption,
                message: "Sealing.MinCommitBatch is \(commit.countMin), more than MaxCommitBatch "
                    + "\(commit.countMax)")
        }
        guard terminate.countMin <= terminate.countMax else {
            throw EngineError(
                code: .badOption,
                message: "Sealing.TerminateBatchMin is \(terminate.countMin), more than TerminateBatchMax "
                    + "\(terminate.countMax)")
        }
    }

    // MARK: In the terms of the components

    /// How messages to the chain are gathered; `nil` where each sector sends its own.
    package var batching: [BatchKind: BatchPolicy]? {
        guard batchesPreCommits || aggregatesCommits else { return nil }
        return [
            .preCommit: batchesPreCommits ? preCommit : alone(preCommit),
            .commit: aggregatesCommits ? commit : alone(commit), .terminate: terminate,
        ]
    }

    /// Each at once, with the fees of before.
    private func alone(_ policy: BatchPolicy) -> BatchPolicy {
        BatchPolicy(feeBase: policy.feeBase, feePerSector: policy.feePerSector)
    }

    /// The manager of a miner's sectors.
    package func manager(miner: UInt64, proof: UInt64, sectorBytes: UInt64) -> SectorManager.Options {
        var options = SectorManager.Options(
            miner: miner, proof: proof, makesSNARK: false,
            limits: SectorLimits(
                sealing: maxSealingSectors, sealingForDeals: maxSealingSectorsForDeals,
                waitDeals: maxWaitDealsSectors, failed: maxFailedSectors),
            autoPledge: autoPledgeInterval > .zero
                ? AutoPledge(interval: autoPledgeInterval, packingCountMax: autoPledgePacking) : nil,
            packing: PackingQueue.Options(
                sectorBytes: sectorBytes, waitDealsDelay: waitDealsDelay,
                startEpochSealingBuffer: Int64(startEpochSealingBuffer)))
        options.alwaysKeepsUnsealed = alwaysKeepsUnsealedCopy
        options.makesSectorsForDeals = makesNewSectorsForDeals
        // No worker of this build makes another replica: a piece would come back from it as if it were bad.
        options.takesUpdates = false
        return options
    }

    /// Epochs that a new sector lasts.
    ///
    /// - Throws: ``EngineError`` with `badOption` where the network allows no such sector.
    package func lifetimeEpochs(_ network: NetworkParameters) throws(EngineError) -> Int64 {
        guard sectorLifetime > .zero else { return network.defaultSectorLifetime }
        let epochs = Int64((sectorLifetime / network.epochDuration).rounded())
        let most = network.maxExpirationAhead - network.maxTicketAge
        guard epochs <= most else {
            throw EngineError(
                code: .badOption,
                message: "Sealing.CommittedCapacitySectorLifetime is \(epochs) epochs of "
                    + "\(network.epochDuration); no sector of this network lasts beyond \(most)")
        }
        return epochs
    }
}
