// SPDX-License-Identifier: Apache-2.0

/// The envelope of a message for many sectors.
package struct ChainBatch: Sendable, Hashable, Codable {
    /// The sender's own name for it, by which a repeat is recognized.
    package var name: String
    /// The most that it may cost, attoFIL; `nil` for no limit.
    package var feeMax: UInt64?

    package init(name: String, feeMax: UInt64? = nil) {
        self.name = name
        self.feeMax = feeMax
    }

    /// Gas that a message costs for each of its sectors, in the mean of the field's chain.
    package enum Gas {
        package static let preCommit: UInt64 = 16_400_000
        package static let proveCommit: UInt64 = 49_300_000
        package static let terminate: UInt64 = 30_000_000
        package static let replicaUpdate: UInt64 = 60_000_000
        package static let windowPoSt: UInt64 = 50_000_000
        /// Of a declaration, for each of its partitions.
        package static let declaration: UInt64 = 21_000_000
    }

    /// What gas costs at a base fee, attoFIL; as much as can be said where it overflows.
    package static func fee(gas: UInt64, count: Int, baseFee: UInt64) -> UInt64 {
        let (total, overflow) = gas.multipliedReportingOverflow(by: UInt64(max(0, count)))
        let (fee, more) = total.multipliedReportingOverflow(by: baseFee)
        return overflow || more ? .max : fee
    }
}

/// New data for a proven sector.
package struct SectorReplicaUpdate: Sendable, Hashable, Codable {
    package var key: SectorKey
    /// 32 bytes each, of the new replica.
    package var sealedCommitment: [UInt8]
    package var unsealedCommitment: [UInt8]
    package var proof: [UInt8]

    package init(key: SectorKey, sealedCommitment: [UInt8], unsealedCommitment: [UInt8], proof: [UInt8]) {
        self.key = key
        self.sealedCommitment = sealedCommitment
        self.unsealedCommitment = unsealedCommitment
        self.proof = proof
    }

    /// The name under which the chain accepts it.
    package var messageName: String { "update \(key)" }
}

/// What the chain knows of a sector, what is about to land included.
package struct ChainStanding: Sendable, Hashable, Codable {
    package var key: SectorKey
    /// The epoch at which its pre-commitment landed or will.
    package var preCommitEpoch: Int64?
    /// 32 bytes, of the pre-commitment.
    package var sealedCommitment: [UInt8]?
    /// The epoch at which its proof landed or will.
    package var provenEpoch: Int64?
    /// The pre-commitment ran out before a proof came.
    package var isExpired: Bool
    package var terminatedEpoch: Int64?
    /// The epoch that the chain has reached.
    package var head: Int64

    package init(
        key: SectorKey, preCommitEpoch: Int64? = nil, sealedCommitment: [UInt8]? = nil,
        provenEpoch: Int64? = nil, isExpired: Bool = false, terminatedEpoch: Int64? = nil, head: Int64
    ) {
        self.key = key
        self.preCommitEpoch = preCommitEpoch
        self.sealedCommitment = sealedCommitment
        self.provenEpoch = provenEpoch
        self.isExpired = isExpired
        self.terminatedEpoch = terminatedEpoch
        self.head = head
    }
}

/// How the price of gas moves on a chain of ours.
package enum BaseFeeModel: Sendable, Hashable, Codable {
    /// Always the same, attoFIL.
    case constant(UInt64)
    /// Rises evenly from `low` to `high` and falls back within a period of epochs.
    case wave(low: UInt64, high: UInt64, period: Int64)

    /// attoFIL for a unit of gas at an epoch.
    package func fee(at epoch: Int64) -> UInt64 {
        switch self {
        case .constant(let fee): return fee
        case .wave(let low, let high, let period):
            guard period > 1, high > low else { return low }
            let half = UInt64(period / 2)
            let phase = UInt64(max(0, epoch)) % UInt64(period)
            let rise = phase <= half ? phase : UInt64(period) - phase
            let (whole, part) = (high - low).quotientAndRemainder(dividingBy: max(1, half))
            return min(high, low + whole * rise + part * rise / max(1, half))
        }
    }
}
