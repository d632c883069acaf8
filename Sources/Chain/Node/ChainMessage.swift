// SPDX-License-Identifier: Apache-2.0
public import Kernel

/// What the cluster asks of the chain: the inbox of ``ChainNode``, whether built in or in front of a real
/// node.
///
/// Every request may be repeated: an actor that was restarted asks again and gets the same answer, and
/// nothing is done twice on the chain. Answers come as ``ChainEvent``.
package enum ChainMessage: Message {
    /// What the head's epoch is.
    case head(replyTo: Ref<ChainEvent>)
    /// A ticket for sealing: randomness `sealLookback` epochs behind the head.
    case ticket(SectorKey, replyTo: Ref<ChainEvent>)
    /// Puts a pre-commitment on the chain; answered when it has landed with confidence, or was refused.
    // Behind a reference, as all that is large: every message is as large as the largest.
    indirect case preCommit(SectorPreCommit, replyTo: Ref<ChainEvent>)
    /// The interactive seed of a pre-committed sector; answered when the chain has reached it.
    case seed(SectorKey, replyTo: Ref<ChainEvent>)
    /// Proves a pre-committed sector; answered when it has landed with confidence, or was refused.
    indirect case proveCommit(SectorProveCommit, replyTo: Ref<ChainEvent>)
    /// Puts many pre-commitments on the chain in one message: all land or none. Answered with `accepted`, and
    /// with `landed` when it has landed with confidence; or with `rejected`.
    case preCommitBatch(ChainBatch, [SectorPreCommit], replyTo: Ref<ChainEvent>)
    /// Proves many sectors in one message, answered as ``preCommitBatch(_:_:replyTo:)``.
    case proveCommitBatch(ChainBatch, [SectorProveCommit], replyTo: Ref<ChainEvent>)
    /// Ends many sectors before their time in one message, answered as ``preCommitBatch(_:_:replyTo:)``.
    case terminateBatch(ChainBatch, [SectorKey], replyTo: Ref<ChainEvent>)
    /// Puts new data into a proven sector; answered with `accepted` and `updated`, or `refused`.
    indirect case replicaUpdate(SectorReplicaUpdate, replyTo: Ref<ChainEvent>)
    /// What a unit of gas costs at the head.
    case baseFee(replyTo: Ref<ChainEvent>)
    /// What the chain knows of each of these sectors, what is about to land included.
    case standings([SectorKey], replyTo: Ref<ChainEvent>)
    /// Answered when the chain has reached the epoch; one such wait a sector.
    case reach(SectorKey, epoch: Int64, replyTo: Ref<ChainEvent>)
    /// Proves partitions of the deadline that is open. Answered with `accepted`, and with `landed` when it
    /// has landed with confidence; or with `rejected`.
    indirect case submitWindowPoSt(WindowPoStSubmission, replyTo: Ref<ChainEvent>)
    /// Declares sectors faulty, or that they read again; answered as
    /// ``submitWindowPoSt(_:replyTo:)``.
    indirect case declare(FaultDeclaration, replyTo: Ref<ChainEvent>)
    /// When a miner's deadlines are, and how much is in them.
    case proving(miner: UInt64, replyTo: Ref<ChainEvent>)
    /// What is known of a deadline: the one that is open, or the next of that index.
    case deadline(miner: UInt64, index: Int, replyTo: Ref<ChainEvent>)
    /// What the chain knows of a sector.
    case sector(SectorKey, replyTo: Ref<ChainEvent>)
    /// All sectors of a miner, in order of number; at most `limit`.
    case sectors(miner: UInt64, limit: Int, replyTo: Ref<ChainEvent>)
    /// The node's own alarm: the chain has reached an epoch that somebody waits for.
    case epochReached(Int64)

    package static var messageName: String { "chain.node" }
}

/// What the chain answers.
package enum ChainEvent: Message, Hashable {
    /// The head's epoch.
    case head(epoch: Int64)
    /// A ticket, the epoch it was drawn at, and the chain's head.
    case ticket(SectorKey, randomness: [UInt8], epoch: Int64, head: Int64)
    /// The pre-commitment is on the chain since `epoch`.
    case preCommitted(SectorKey, epoch: Int64)
    /// The interactive seed and the epoch it was drawn at.
    case seed(SectorKey, randomness: [UInt8], epoch: Int64)
    /// The sector is proven since `epoch`.
    case proven(SectorKey, epoch: Int64)
    /// The chain refused the latest request for this sector.
    case refused(SectorKey, ChainRefusal)
    /// A message of that name is on its way and will land.
    case accepted(String)
    /// The message of that name landed at `epoch`.
    case landed(String, epoch: Int64)
    /// Nothing of the message of that name lands.
    case rejected(String, ChainRefusal)
    /// The sector has new data since `epoch`.
    case updated(SectorKey, epoch: Int64)
    /// The sector's deadline is open or next; it may be changed from `until` on.
    case deadlineImmutable(SectorKey, until: Int64)
    /// attoFIL for a unit of gas.
    case baseFee(UInt64, head: Int64)
    case standings([ChainStanding])
    // Behind a reference, as all that is large: every event is as large as the largest.
    indirect case proving(ProvingStatus)
    indirect case deadline(DeadlineStatus)
    /// The chain has reached the epoch.
    case reached(SectorKey, epoch: Int64)
    /// What the chain knows of a sector.
    case sector(SectorKey, ChainSectorState)
    /// Sectors in order of number.
    case sectors([ChainSectorRecord])

    package static var messageName: String { "chain.event" }
}

/// A miner and one of its sectors.
@usableFromInline
package struct SectorKey: Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
    /// The miner's actor number, 1000 for f01000.
    @usableFromInline package let miner: UInt64
    /// The sector's number.
    @usableFromInline package let number: UInt64

    package init(miner: UInt64, number: UInt64) {
        self.miner = miner
        self.number = number
    }

    // Inlinable, since sectors are looked up with every message about them, in every module.
    @inlinable
    package static func == (lhs: SectorKey, rhs: SectorKey) -> Bool {
        lhs.number == rhs.number && lhs.miner == rhs.miner
    }

    /// Hashes both numbers as one word.
    @inlinable
    package func hash(into hasher: inout Hasher) { hasher.combine(hashWord) }

    /// A few multiplications in place of SipHash: numbers are a miner's own, and nobody can choose them so
    /// that they collide.
    @inlinable
    package func _rawHashValue(seed: Int) -> Int {
        Int(truncatingIfNeeded: mixed(hashWord ^ UInt64(truncatingIfNeeded: seed)))
    }

    /// Differs for the sectors of one miner.
    @inlinable package var hashWord: UInt64 { number ^ miner &* 0x9e37_79b9_7f4a_7c15 }

    /// As people write it: `f01000-42`.
    @usableFromInline package var description: String { "f0\(miner)-\(number)" }

    @inlinable
    package static func < (lhs: SectorKey, rhs: SectorKey) -> Bool {
        (lhs.miner, lhs.number) < (rhs.miner, rhs.number)
    }
}

/// A pre-commitment as a miner sends it.
package struct SectorPreCommit: Sendable, Hashable, Codable {
    package var key: SectorKey
    /// The registered seal proof's number.
    package var proof: UInt64
    /// 32 bytes each.
    package var sealedCommitment: [UInt8]
    package var unsealedCommitment: [UInt8]
    /// The ticket's bytes and the epoch it was drawn at.
    package var ticket: [UInt8]
    package var ticketEpoch: Int64
    /// The epoch at which the sector is to end.
    package var expiration: Int64

    package init(
        key: SectorKey, proof: UInt64, sealedCommitment: [UInt8], unsealedCommitment: [UInt8],
        ticket: [UInt8], ticketEpoch: Int64, expiration: Int64
    ) {
        self.key = key
        self.proof = proof
        self.sealedCommitment = sealedCommitment
        self.unsealedCommitment = unsealedCommitment
        self.ticket = ticket
        self.ticketEpoch = ticketEpoch
        self.expiration = expiration
    }
}

/// A proof of a pre-committed sector as a miner sends it.
package struct SectorProveCommit: Sendable, Hashable, Codable {
    package var key: SectorKey
    /// What `proof` holds.
    package var form: ProofForm
    /// The proof's bytes; for ``ProofForm/vanilla`` the reference's JSON of all challenged openings.
    package var proof: [UInt8]

    package init(key: SectorKey, form: ProofForm, proof: [UInt8]) {
        self.key = key
        self.form = form
        self.proof = proof
    }
}

/// How a sector is proven to the chain.
package enum ProofForm: String, Sendable, Hashable, Codable {
    /// The challenged openings themselves, checked one by one: large, and no SNARK.
    case vanilla
    /// A modelled proof of a simulated cluster; a chain that checks real proofs refuses it.
    case modelled
}

/// Why the chain refused a message.
package struct ChainRefusal: Sendable, Hashable, Codable, CustomStringConvertible {
    /// The exit code: 16 illegal argument, 17 not found, 18 forbidden, 20 illegal state.
    package var exitCode: Int
    /// What was wrong.
    package var reason: String

    package init(exitCode: Int, reason: String) {
        self.exitCode = exitCode
        self.reason = reason
    }

    package var description: String { "exit code \(exitCode): \(reason)" }
}

/// What the chain knows of a sector.
package enum ChainSectorState: Sendable, Hashable, Codable {
    /// Nothing.
    case unknown
    /// Pre-committed at an epoch.
    case preCommitted(epoch: Int64)
    /// Proven at an epoch.
    case active(epoch: Int64, expiration: Int64)
    /// Pre-committed and not proven in time.
    case expired(epoch: Int64)
    /// Ended before its time.
    case terminated(epoch: Int64)
    /// Kept until its time was over, at the end of its deadline.
    case ended(epoch: Int64)
}

/// One sector in a list.
package struct ChainSectorRecord: Sendable, Hashable, Codable {
    package var key: SectorKey
    package var state: ChainSectorState
    /// 32 bytes.
    package var sealedCommitment: [UInt8]

    package init(key: SectorKey, state: ChainSectorState, sealedCommitment: [UInt8]) {
        self.key = key
        self.state = state
        self.sealedCommitment = sealedCommitment
    }
}
