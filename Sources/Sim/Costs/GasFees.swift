// SPDX-License-Identifier: Apache-2.0

/// What messages cost: gas, the base fee and its course, and what batches save.
package enum GasFees {
    /// Gas that a limit set too high gives back, and burns.
    package struct Overestimation: Sendable, Hashable {
        package var refund: Int
        package var burn: Int
    }

    /// What becomes of the gas that was allowed and not used.
    package static func overestimation(used: Int, limit: Int) -> Overestimation {
        guard used > 0 else { return Overestimation(refund: 0, burn: limit) }
        let over = min(limit - 11 * used / 10, used)
        guard over > 0 else { return Overestimation(refund: limit - used, burn: 0) }
        let burn = BigNumber(limit - used) * BigNumber(over) / BigNumber(used)
        let burned = Int(burn.double)
        return Overestimation(refund: limit - used - burned, burn: burned)
    }

    /// What the sender of a message pays in all, attoFIL: burnt for gas used and for a limit set too high,
    /// and the tip on the limit.
    package static func cost(
        used: Int, limit: Int, baseFee: BigNumber, feeCap: BigNumber, premium: BigNumber
    ) -> BigNumber {
        let base = min(baseFee, feeCap)
        let tip = min(premium, feeCap - base)
        let burn = overestimation(used: used, limit: limit).burn
        return base * BigNumber(used + burn) + tip * BigNumber(limit)
    }

    /// The next base fee by the rule up to network version 27.
    ///
    /// - Parameter gasLimit: of all distinct messages of the tipset.
    package static func nextBaseFee(_ base: BigNumber, gasLimit: Int, blocks: Int) -> BigNumber {
        let target = 5_000_000_000
        let delta = min(max(gasLimit / max(1, blocks) - target, -target), target)
        return max(100, base + (base * BigNumber(delta) / BigNumber(target)) / 8)
    }

    /// The next base fee from network version 28 on, from the premium at eighty percent of a block.
    package static func nextBaseFee(_ base: BigNumber, premium: BigNumber) -> BigNumber {
        let step = (base + 7) / 8
        return max(100, base + min(step, premium - step))
    }

    /// Gas that sealing one sector takes when its messages carry `batch` sectors each.
    ///
    /// A message has a part that is paid once and a part for each sector. Published are two figures for a
    /// message of one sector: what Lotus's message pool reckons with (`chain/messagepool/gasguess`: 22.9 M
    /// for a pre-commit, 142 M for a prove-commit), and what the built-in actors took it to be for the fee
    /// of aggregates (`ESTIMATED_SINGLE_PRE_COMMIT_GAS_USAGE`, 16.4 M, and 49.3 M for a prove-commit, until
    /// FIP-0100). That the latter is the part of each sector, and the difference what is paid once, is
    /// assumed: nobody published what a sector adds to a batch of today.
    package static func gasPerSector(preCommitBatch: Int, commitBatch: Int) -> Int {
        func share(_ alone: Int, _ inBatch: Int, _ count: Int) -> Int {
            inBatch + (alone - inBatch) / max(1, count)
        }
        return share(preCommitAlone, preCommitEach, preCommitBatch)
            + share(proveCommitAlone, proveCommitEach, commitBatch)
    }

    static let preCommitAlone = 22_900_000
    static let preCommitEach = 16_433_324
    static let proveCommitAlone = 142_000_000
    static let proveCommitEach = 49_299_973
}
