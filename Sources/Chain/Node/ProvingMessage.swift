// SPDX-License-Identifier: Apache-2.0

/// Proofs of some partitions of a deadline, as a miner sends them.
package struct WindowPoStSubmission: Sendable, Hashable, Codable {
    package struct Partition: Sendable, Hashable, Codable {
        package var index: Int
        /// Sectors that could not be read and are left out; they become faulty.
        package var skipped: SectorNumbers
        package var proof: [UInt8]

        package init(index: Int, skipped: SectorNumbers = [], proof: [UInt8]) {
            self.index = index
            self.skipped = skipped
            self.proof = proof
        }
    }

    package var miner: UInt64
    package var deadline: Int
    /// The epoch at which the deadline opens that is meant.
    package var open: Int64
    package var partitions: [Partition]
    /// What the proofs hold.
    package var form: ProofForm

    package init(miner: UInt64, deadline: Int, open: Int64, partitions: [Partition], form: ProofForm) {
        self.miner = miner
        self.deadline = deadline
        self.open = open
        self.partitions = partitions
        self.form = form
    }

    /// The name under which the chain answers; equal for the same partitions of the same deadline.
    package var name: String {
        let indices = partitions.map { String($0.index) }.joined(separator: "+")
        return "window PoSt f0\(miner) deadline \(deadline) from \(open) partitions \(indices)"
    }
}

/// Sectors that a miner knows to be unreadable, or to read again.
package struct FaultDeclaration: Sendable, Hashable, Codable {
    package enum Kind: String, Sendable, Hashable, Codable {
        case faults
        case recoveries
    }

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

    package var kind: Kind
    package var miner: UInt64
    /// The sender's own name for it.
    package var name: String
    package var items: [Item]

    package init(_ kind: Kind, miner: UInt64, name: String, items: [Item]) {
        self.kind = kind
        self.miner = miner
        self.name = name
        self.items = items
    }
}

/// When a miner's deadlines are, and how much is in them.
package struct ProvingStatus: Sendable, Hashable, Codable {
    package var miner: UInt64
    package var period: ProvingPeriod
    /// The epoch that the chain has reached.
    package var head: Int64
    /// By deadline.
    package var partitionCounts: [Int]
    package var liveCount: Int
    package var faultyCount: Int

    package init(
        miner: UInt64, period: ProvingPeriod, head: Int64, partitionCounts: [Int], liveCount: Int,
        faultyCount: Int
    ) {
        self.miner = miner
        self.period = period
        self.head = head
        self.partitionCounts = partitionCounts
        self.liveCount = liveCount
        self.faultyCount = faultyCount
    }
}

/// What the chain knows of a deadline.
package struct DeadlineStatus: Sendable, Hashable, Codable {
    package struct Partition: Sendable, Hashable, Codable {
        package var live: SectorNumbers
        /// Among the live ones.
        package var faulty: SectorNumbers
        /// Among the faulty ones.
        package var recovering: SectorNumbers
        /// Given up because they were faulty for too long.
        package var expired: SectorNumbers
        /// Gone because their time was over.
        package var ended: SectorNumbers
        /// The opening of the deadline that it was proven in last.
        package var provenOpen: Int64?
        package var provenEpoch: Int64?

        package init(
            live: SectorNumbers, faulty: SectorNumbers = [], recovering: SectorNumbers = [],
            expired: SectorNumbers = [], ended: SectorNumbers = [], provenOpen: Int64? = nil,
            provenEpoch: Int64? = nil
        ) {
            self.live = live
            self.faulty = faulty
            self.recovering = recovering
            self.expired = expired
            self.ended = ended
            self.provenOpen = provenOpen
            self.provenEpoch = provenEpoch
        }

        /// What a proof must be about.
        package var toProve: SectorNumbers { live.subtracting(faulty.subtracting(recovering)) }
    }

    package var miner: UInt64
    package var head: Int64
    /// The deadline that is open, or the next of that index.
    package var times: DeadlineTimes
    package var partitions: [Partition]
    /// The challenge, 32 bytes; `nil` before its epoch.
    package var randomness: [UInt8]?

    package init(
        miner: UInt64, head: Int64, times: DeadlineTimes, partitions: [Partition], randomness: [UInt8]?
    ) {
        self.miner = miner
        self.head = head
        self.times = times
        self.partitions = partitions
        self.randomness = randomness
    }
}
