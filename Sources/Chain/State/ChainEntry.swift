// SPDX-License-Identifier: Apache-2.0
private import Kernel
package import Sealing

/// One accepted change of the chain's state, as it is stored.
package enum ChainEntry: Sendable, Hashable, Codable {
    /// The first entry of a store: whose chain it is.
    case genesis(ChainIdentity)
    /// A pre-commitment landed.
    case preCommitted(SectorKey, PreCommitRecord)
    /// A proof landed at an epoch.
    case proven(SectorKey, epoch: Int64)
    /// New data landed in a proven sector; 32 bytes each.
    case updated(SectorKey, commR: Commitment, commD: Commitment, epoch: Int64)
    /// A sector was ended before its time.
    case terminated(SectorKey, epoch: Int64)
    /// Partitions were proven, without some sectors.
    case windowPoSt(WindowPoStRecord)
    /// A miner declared sectors faulty.
    case faultsDeclared(WindowPoStRecord)
    /// A miner declared that faulty sectors read again.
    case recoveries(WindowPoStRecord)

    /// The epoch at which it landed; 0 for the genesis.
    var epoch: Int64 {
        switch self {
        case .genesis: 0
        case .preCommitted(_, let record): record.epoch
        case .proven(_, let epoch), .updated(_, _, _, let epoch), .terminated(_, let epoch): epoch
        case .windowPoSt(let record), .faultsDeclared(let record), .recoveries(let record): record.epoch
        }
    }

    /// The stored form.
    ///
    /// - Throws: ``ChainError`` with `storeFailed`.
    package func storedBytes() throws(ChainError) -> [UInt8] {
        do {
            return try WireEncoder.encode(self)
        } catch {
            throw ChainError(.storeFailed, "an entry has no stored form: \(error)")
        }
    }

    /// Reads the stored form.
    ///
    /// - Throws: ``ChainError`` with `corruptStore`.
    package init(stored bytes: [UInt8]) throws(ChainError) {
        do {
            self = try WireDecoder.decode(ChainEntry.self, from: bytes)
        } catch {
            throw ChainError(.corruptStore, "not an entry of a chain: \(error)")
        }
    }
}

/// Some sectors of some partitions: skipped in a proof, faulty, or readable again.
package struct WindowPoStRecord: Sendable, Hashable, Codable {
    package struct Item: Sendable, Hashable, Codable {
        package var deadline: Int
        package var partition: Int
        package var sectors: SectorNumbers

        package init(deadline: Int, partition: Int, sectors: SectorNumbers) {
            self.deadline = deadline
            self.partition = partition
            self.sectors = sectors
        }
    }

    package var miner: UInt64
    package var items: [Item]
    /// The epoch at which it landed.
    package var epoch: Int64

    package init(miner: UInt64, items: [Item], epoch: Int64) {
        self.miner = miner
        self.items = items
        self.epoch = epoch
    }
}

/// What must agree for a chain to go on from a store.
package struct ChainIdentity: Sendable, Hashable, Codable {
    package var parameters: NetworkParameters
    /// ``DevnetBeacon/fingerprint``.
    package var beacon: String
    /// The form of proof by which the sectors were proven.
    package var form: ProofForm

    package init(parameters: NetworkParameters, beacon: String, form: ProofForm) {
        self.parameters = parameters
        self.beacon = beacon
        self.form = form
    }
}

/// A pre-commitment as the chain keeps it.
package struct PreCommitRecord: Sendable, Hashable, Codable {
    package var proof: RegisteredSealProof
    package var commR: Commitment
    package var commD: Commitment
    /// The epoch of the ticket; its bytes follow from the beacon.
    package var ticketEpoch: Int64
    package var expiration: Int64
    /// The epoch at which it landed.
    package var epoch: Int64

    package init(
        proof: RegisteredSealProof, commR: Commitment, commD: Commitment, ticketEpoch: Int64,
        expiration: Int64, epoch: Int64
    ) {
        self.proof = proof
        self.commR = commR
        self.commD = commD
        self.ticketEpoch = ticketEpoch
        self.expiration = expiration
        self.epoch = epoch
    }
}
