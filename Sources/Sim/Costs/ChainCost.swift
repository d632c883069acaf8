// SPDX-License-Identifier: Apache-2.0
package import Chain

/// What a run cost and earned on the chain: by the messages that really landed and the deadlines as they
/// really ended, at one state of the network. All money is exact, in attoFIL.
package struct ChainCost: Sendable, Hashable {
    /// All messages of one kind.
    package struct Messages: Sendable, Hashable {
        package var kind: ChainLedger.Kind
        package var messageCount: Int
        /// Sectors, or partitions where it proves or declares.
        package var itemCount: Int
        package var gasUsed: Int
        /// By the base fee, for gas used and for a limit set too high.
        package var burnt: BigNumber
        package var tips: BigNumber
    }

    /// Those that landed, in the order of their kinds.
    package var messages: [Messages]
    package var pledgePerSector: BigNumber
    /// Of the sectors that were proven in the run.
    package var pledgeLocked: BigNumber
    /// Of all sectors that live at the end.
    package var pledgeAtEnd: BigNumber
    package var depositPerSector: BigNumber
    /// Of sectors that are pre-committed at the end.
    package var depositsLocked: BigNumber
    /// Of sectors that were not proven in time.
    package var depositsBurnt: BigNumber
    package var expiredPreCommitCount: Int
    /// For sectors that were faulty when their deadline ended; those that missed their proof are first
    /// charged a period later.
    package var faultFees: BigNumber
    /// Faulty sectors, summed over the ends of their deadlines.
    package var faultySectorDays: Int
    package var terminationFees: BigNumber
    package var terminatedCount: Int
    /// What live sectors pay every day.
    package var dailyFees: BigNumber
    /// What the proven power may expect to win, a day for each proof of a sector.
    package var expectedReward: BigNumber
    /// Sectors with power, summed over the ends of their deadlines.
    package var provenSectorDays: Int
    /// Sectors that were live, proven or not, summed over the ends of all proving periods.
    package var liveSectorPeriods: Int

    /// Reckons.
    ///
    /// - Parameters:
    ///   - ledger: what landed.
    ///   - prices: the network's state; all of the run is reckoned by it.
    ///   - sectorBytes: a sector's size.
    ///   - countAtStart: sectors that were proven before the run.
    package init(
        _ ledger: ChainLedger.Snapshot, _ prices: Scenario.ChainPrices, sectorBytes: Int, countAtStart: Int
    ) {
        let state = prices.state
        let power = prices.power(of: sectorBytes)
        messages = ChainLedger.Kind.allCases.compactMap { kind in
            let groups = ledger.groups.filter { $0.kind == kind }
            return groups.isEmpty ? nil : Messages(kind, groups, prices)
        }
        let proven = messages.first { $0.kind == .proveCommit }?.itemCount ?? 0
        let charges = ledger.charges
        pledgePerSector = ChainEconomics.initialPledge(bytes: power, state)
        depositPerSector = ChainEconomics.preCommitDeposit(sectorBytes: sectorBytes, state)
        terminatedCount = charges.terminations.values.reduce(0, +)
        pledgeLocked = pledgePerSector * BigNumber(proven)
        let goneCount = terminatedCount + charges.keptToTheEnd
        pledgeAtEnd = pledgePerSector * BigNumber(max(0, countAtStart + proven - goneCount))
        depositsLocked = depositPerSector * BigNumber(ledger.openPreCommitCount)
        expiredPreCommitCount = ledger.expiredPreCommitCount
        depositsBurnt = depositPerSector * BigNumber(expiredPreCommitCount)
        faultySectorDays = charges.faultyEnds.reduce(0) { $0 + $1.key * $1.value }
        faultFees = charges.faultyEnds.sorted { $0.key < $1.key }.reduce(0) { sum, end in
            sum + ChainEconomics.faultFee(bytes: power * BigNumber(end.key), state) * BigNumber(end.value)
        }
        let faultFee = ChainEconomics.faultFee(bytes: power, state)
        let pledge = pledgePerSector
        terminationFees = charges.terminations.sorted { $0.key < $1.key }.reduce(0) { sum, ended in
            sum + BigNumber(ended.value)
                * ChainEconomics.terminationFee(
                    pledge: pledge, ageEpochs: Int(ended.key), faultFee: faultFee)
        }
        dailyFees = charges.liveEnds.sorted { $0.key < $1.key }.reduce(0) { sum, end in
            sum + BigNumber(end.value) * ChainEconomics.dailyFee(ofDeadline: end.key, power: power, state)
        }
        provenSectorDays = charges.provenEnds
        liveSectorPeriods = charges.liveEnds.reduce(0) { $0 + $1.key * $1.value }
        expectedReward = ChainEconomics.expectedReward(
            bytes: power * BigNumber(charges.provenEnds), epochs: ChainEconomics.epochsPerDay,
            reward: state.reward, power: state.power)
    }

    /// Burnt and tipped for all messages.
    package var gasCost: BigNumber { messages.reduce(0) { $0 + $1.burnt + $1.tips } }

    /// Fees for faults, endings and pre-commitments that ran out.
    package var penalties: BigNumber { faultFees + terminationFees + depositsBurnt }

    /// What the sealing messages cost for a sector that was proven; `nil` where none was.
    package var sealingGasPerSector: BigNumber? {
        let proven = messages.first { $0.kind == .proveCommit }?.itemCount ?? 0
        guard proven > 0 else { return nil }
        let sealing = messages.filter { $0.kind == .preCommit || $0.kind == .proveCommit }
        return sealing.reduce(BigNumber(0)) { $0 + $1.burnt + $1.tips } / BigNumber(proven)
    }
}

extension ChainCost.Messages {
    fileprivate init(
        _ kind: ChainLedger.Kind, _ groups: [ChainLedger.Group], _ prices: Scenario.ChainPrices
    ) {
        self.kind = kind
        messageCount = 0
        itemCount = 0
        gasUsed = 0
        burnt = 0
        tips = 0
        for group in groups {
            let used = GasFees.gas(kind, count: group.itemCount)
            // The node's estimate, a quarter above what is used.
            let limit = used + used / 4
            let over = GasFees.overestimation(used: used, limit: limit).burn
            let count = BigNumber(group.messageCount)
            messageCount += group.messageCount
            itemCount += group.messageCount * group.itemCount
            gasUsed += group.messageCount * used
            burnt = burnt + BigNumber(Int128(group.baseFee)) * BigNumber(used + over) * count
            tips = tips + BigNumber(prices.premium.atto) * BigNumber(limit) * count
        }
    }
}

extension Scenario.ChainPrices {
    /// The network as the formulas take it, at rest.
    package var state: ChainEconomics.NetworkState {
        ChainEconomics.NetworkState(
            reward: .init(position: BigNumber(rewardPerEpoch.atto)),
            power: .init(position: BigNumber(networkPower.bytes)),
            baselinePower: BigNumber(baselinePower.bytes),
            circulatingSupply: BigNumber(circulatingSupply.atto))
    }

    /// The quality-adjusted power of a sector, bytes: ten times for the part that verified deals fill.
    package func power(of sectorBytes: Int) -> BigNumber {
        let verified = Int((Double(sectorBytes) * verifiedShare).rounded())
        return ChainEconomics.power(sectorBytes: sectorBytes, verifiedBytes: verified)
    }
}

extension ChainEconomics {
    /// The quality-adjusted power of a sector whose deals last as long as it does, bytes.
    package static func power(sectorBytes: Int, verifiedBytes: Int) -> BigNumber {
        let weighted = BigNumber(sectorBytes - verifiedBytes) * 10 + BigNumber(verifiedBytes) * 100
        let quality = ((weighted << 20) / BigNumber(sectorBytes)) / 10
        return (BigNumber(sectorBytes) * quality) >> 20
    }

    /// The daily fee of a deadline with `count` sectors: at most half of what they may expect to win.
    static func dailyFee(ofDeadline count: Int, power: BigNumber, _ state: NetworkState) -> BigNumber {
        let fee = dailyFee(bytes: power, circulatingSupply: state.circulatingSupply) * BigNumber(count)
        let won = expectedReward(
            bytes: power * BigNumber(count), epochs: epochsPerDay, reward: state.reward, power: state.power)
        return min(fee, won / 2)
    }
}

extension GasFees {
    /// Gas that a message about `count` sectors or partitions takes.
    ///
    /// Pre-commitments and proofs of one sector are published averages, and so are declarations; what each
    /// further sector adds is assumed, as ``gasPerSector(preCommitBatch:commitBatch:)`` says. Window proofs
    /// (30 to 60 M after optimistic acceptance), endings and updates are assumed.
    package static func gas(_ kind: ChainLedger.Kind, count: Int) -> Int {
        switch kind {
        case .preCommit: preCommitAlone + preCommitEach * (count - 1)
        case .proveCommit: proveCommitAlone + proveCommitEach * (count - 1)
        case .windowPoSt: Int(ChainBatch.Gas.windowPoSt) * count
        case .faults: 23_000_000 * count
        case .recoveries: 19_300_000 * count
        case .terminate: Int(ChainBatch.Gas.terminate) * count
        case .replicaUpdate: Int(ChainBatch.Gas.replicaUpdate) * count
        }
    }
}
