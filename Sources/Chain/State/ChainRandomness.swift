// SPDX-License-Identifier: Apache-2.0
private import Kernel
package import Sealing
private import Synchronization

/// How randomness for a purpose is drawn from a base: the network's own rule.
package enum ChainRandomness {
    /// What a draw is for; different purposes never share a value.
    package enum Purpose: UInt64, Sendable, Hashable, CaseIterable {
        case ticketProduction = 1
        case electionProof = 2
        case winningPoStChallenge = 3
        case windowPoStChallenge = 4
        /// The ticket that goes into a sector's replica identifier.
        case sealRandomness = 5
        /// The seed from which a pre-committed sector's challenges follow.
        case interactiveSeal = 6

        /// The value is used as an element of the proofs' field, so its two top bits must be zero.
        var isFieldElement: Bool { self == .winningPoStChallenge || self == .windowPoStChallenge }
    }

    /// Draws 32 bytes: BLAKE2b-256 of the purpose's tag, the base's digest, the epoch and the entropy.
    ///
    /// Tickets and interactive seeds are used as they are; PoSt challenges have their two top bits cleared.
    package static func draw(
        base: [UInt8], purpose: Purpose, epoch: Int64, entropy: [UInt8]
    ) -> Commitment {
        // One buffer: each sector has several draws made, and checked again.
        var message: [UInt8] = []
        message.reserveCapacity(48 + entropy.count)
        append(bigEndian: purpose.rawValue, to: &message)
        message.append(contentsOf: blake(base))
        append(bigEndian: UInt64(bitPattern: epoch), to: &message)
        message.append(contentsOf: entropy)
        let digest = blake(message)
        let drawn = Commitment(in: digest)
        return purpose.isFieldElement ? drawn.truncated254 : drawn
    }

    /// The entropy of a miner's draws: its address as a CBOR byte string.
    package static func entropy(of miner: ActorAddress) -> [UInt8] {
        var writer = WireWriter(capacity: 16)
        writer.write(bytes: miner.bytes)
        return writer.bytes
    }

    private static func blake(_ bytes: [UInt8]) -> [UInt8] {
        do {
            return try BLAKE2b.hash(bytes, digestCount: 32)
        } catch {
            preconditionFailure("a digest of 32 bytes without a key was refused: \(error)")
        }
    }

    static func bigEndian(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        append(bigEndian: value, to: &bytes)
        return bytes
    }

    static func append(bigEndian value: UInt64, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}

/// Where a chain of ours takes its randomness from: a hash chain over a seed that is known from the start.
///
/// It is a beacon for devnets and simulations. Anyone who knows the seed knows all values in advance, so
/// it gives none of the protection of the public randomness beacon that the main network uses.
package struct DevnetBeacon: Sendable, Hashable {
    /// What all values derive from.
    private let root: Commitment
    /// What is hashed before the number of an epoch.
    private let prefix: [UInt8]
    /// The latest draws: each is asked for by its sector, and again with each message that names its epoch.
    private let memo = DrawMemo()

    /// Makes the beacon of a network; equal names and seeds give equal beacons everywhere.
    package init(network: String, seed: UInt64) {
        var hasher = SHA256()
        hasher.update(Array("sealyard devnet beacon, genesis".utf8) + [0])
        hasher.update(Array(network.utf8) + [0])
        hasher.update(ChainRandomness.bigEndian(seed))
        root = hasher.finalize()
        prefix = Array("sealyard devnet beacon, epoch".utf8) + [0] + root.bytes
    }

    /// A name by which a store tells one beacon from another; says nothing about the values.
    package var fingerprint: String {
        let digest = SHA256.hash(Array("sealyard devnet beacon, fingerprint".utf8) + [0] + root.bytes)
        return String(digest.hex.prefix(16))
    }

    /// The beacon's 32 bytes of an epoch.
    package func value(at epoch: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(prefix.count + 8)
        bytes.append(contentsOf: prefix)
        ChainRandomness.append(bigEndian: UInt64(bitPattern: epoch), to: &bytes)
        return SHA256.hash(bytes).bytes
    }

    /// A miner's draw for a purpose at an epoch.
    package func draw(_ purpose: ChainRandomness.Purpose, epoch: Int64, miner: ActorAddress) -> Commitment {
        let key = DrawMemo.Key(purpose: purpose, epoch: epoch, miner: miner)
        if let known = memo.find(key) { return known }
        let drawn = ChainRandomness.draw(
            base: value(at: epoch), purpose: purpose, epoch: epoch,
            entropy: ChainRandomness.entropy(of: miner))
        memo.keep(drawn, key)
        return drawn
    }

    /// Beacons are equal where their values are.
    package static func == (lhs: DevnetBeacon, rhs: DevnetBeacon) -> Bool { lhs.root == rhs.root }

    /// Hashes what all values derive from.
    package func hash(into hasher: inout Hasher) { hasher.combine(root) }
}

/// Draws that were made lately, each in the place that its key gives it.
private final class DrawMemo: Sendable {
    struct Key: Sendable, Hashable {
        let purpose: ChainRandomness.Purpose
        let epoch: Int64
        let miner: ActorAddress
    }

    private struct Entry: Sendable {
        let key: Key
        let drawn: Commitment
    }

    /// The draws of some hours of a large miner; 0.4 MiB when all are taken.
    private static let count = 4_096
    /// Empty until the first draw.
    private let entries = Mutex<[Entry?]>([])

    private static func place(_ key: Key) -> Int {
        Int(mixed(UInt64(bitPattern: key.epoch) &* 8 &+ key.purpose.rawValue) % UInt64(count))
    }

    func find(_ key: Key) -> Commitment? {
        entries.withLock { entries in
            guard !entries.isEmpty, let entry = entries[Self.place(key)], entry.key == key else { return nil }
            return entry.drawn
        }
    }

    func keep(_ drawn: Commitment, _ key: Key) {
        entries.withLock { entries in
            if entries.isEmpty { entries = Array(repeating: nil, count: Self.count) }
            entries[Self.place(key)] = Entry(key: key, drawn: drawn)
        }
    }
}
