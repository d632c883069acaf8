// SPDX-License-Identifier: Apache-2.0

/// Which nodes a proof of replication opens: numbers from 1 to the last node.
package enum PoRepChallenges {
    /// The challenges of one partition, by the rule of the proof's family.
    ///
    /// - Parameters:
    ///   - parameters: size and family of the proof.
    ///   - replicaID: the sector's replica identifier.
    ///   - commR: used by synthetic and non-interactive proofs.
    ///   - seed: the interactive randomness; non-interactive proofs ignore it.
    ///   - partition: 0 up to the partition count.
    /// - Returns: numbers of nodes, in order, repeats kept.
    /// - Throws: ``SealingError`` `.invalidArgument` for a partition that does not exist.
    package static func derive(
        parameters: SealParameters,
        replicaID: Commitment,
        commR: Commitment,
        seed: Commitment,
        partition: Int
    ) throws(SealingError) -> [UInt64] {
        guard (0..<parameters.partitionCount).contains(partition) else {
            throw SealingError(
                .invalidArgument,
                "partition \(partition) of \(parameters.partitionCount)"
            )
        }
        let count = parameters.challengesPerPartition
        let nodes = parameters.sectorSize.nodeCount
        let first = count * partition
        switch parameters.family {
        case .v1, .v1_1:
            return interactive(
                replicaID: replicaID,
                seed: seed,
                first: first,
                count: count,
                nodeCount: nodes
            )
        case .nonInteractive:
            return nonInteractive(
                replicaID: replicaID,
                commR: commR,
                first: first,
                count: count,
                nodeCount: nodes
            )
        case .synthetic:
            let set = SyntheticChallenges(
                replicaID: replicaID,
                commR: commR,
                nodeCount: nodes
            )
            return try set.select(seed: seed, first: first, count: count)
        }
    }

    /// Challenges `first ..< first + count` fixed by a seed that the chain gives after commitment.
    package static func interactive(
        replicaID: Commitment,
        seed: Commitment,
        first: Int,
        count: Int,
        nodeCount: UInt64
    ) -> [UInt64] {
        (first..<first + count).map { index in
            let digest = SHA256.hash(
                replicaID.bytes + seed.bytes + UInt32(index).littleEndianBytes
            )
            return reduce(digest, nodeCount: nodeCount)
        }
    }

    /// Challenges `first ..< first + count` fixed by the replica itself.
    package static func nonInteractive(
        replicaID: Commitment,
        commR: Commitment,
        first: Int,
        count: Int,
        nodeCount: UInt64
    ) -> [UInt64] {
        let tag = Array("filecoin.io|PoRep|1|NonInteractive|1".utf8)
        return (first..<first + count).map { index in
            let digest = SHA256.hash(
                tag + replicaID.bytes + commR.bytes + UInt32(index).littleEndianBytes
            )
            return reduce(digest, nodeCount: nodeCount)
        }
    }

    /// The 256-bit little-endian number modulo `nodeCount - 1`, plus 1.
    static func reduce(_ digest: Commitment, nodeCount: UInt64) -> UInt64 {
        let modulus = nodeCount - 1
        var rest: UInt64 = 0
        for word in [digest.words.3, digest.words.2, digest.words.1, digest.words.0] {
            rest = modulus.dividingFullWidth((rest, word)).remainder
        }
        return rest + 1
    }
}

/// The set of challenges that a replica fixes, from which a seed later chooses.
package struct SyntheticChallenges: Sendable {
    private static let countMax: UInt64 = 1 << 18
    private static let nonce = Array("synth-porep".utf8) + [0]

    let replicaID: Commitment
    let commR: Commitment
    let nodeCount: UInt64

    /// Size of the set.
    package let count: Int

    /// A set of `count` challenges; nil takes the protocol's count, one for each node up to 2^18.
    package init(
        replicaID: Commitment,
        commR: Commitment,
        nodeCount: UInt64,
        count: Int? = nil
    ) {
        let most = Int(min(nodeCount, SyntheticChallenges.countMax))
        precondition((1...most).contains(count ?? most), "the set has 1 to \(most) challenges")
        self.replicaID = replicaID
        self.commR = commR
        self.nodeCount = nodeCount
        self.count = count ?? most
    }

    /// The first `count` challenges of the set.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` for more than the set has.
    package func generate(count: Int) throws(SealingError) -> [UInt64] {
        guard (0...self.count).contains(count) else {
            throw SealingError(
                .invalidArgument,
                "\(count) synthetic challenges of a set of \(self.count)"
            )
        }
        let stream = try stream(
            purpose: "Generation",
            message: commR,
            blockCount: (count + 1) / 2
        )
        return (0..<count).map {
            PoRepChallenges.reduce(Commitment(in: stream, at: 32 * $0), nodeCount: nodeCount)
        }
    }

    /// Places in the set that `seed` chooses for challenges `first ..< first + count`.
    package func selectIndexes(
        seed: Commitment,
        first: Int,
        count: Int
    ) throws(SealingError) -> [Int] {
        let stream = try stream(
            purpose: "Selection",
            message: seed,
            blockCount: (first + count + 15) / 16
        )
        return (first..<first + count).map {
            Int(UInt32(littleEndian: stream, at: 4 * $0)) % self.count
        }
    }

    /// The challenges that `seed` chooses.
    package func select(seed: Commitment, first: Int, count: Int) throws(SealingError) -> [UInt64] {
        let set = try generate(count: self.count)
        return try selectIndexes(seed: seed, first: first, count: count).map { set[$0] }
    }

    private func stream(
        purpose: String,
        message: Commitment,
        blockCount: Int
    ) throws(SealingError) -> [UInt8] {
        let key = try BLAKE2b.hash(
            replicaID.bytes + message.bytes,
            key: Array("filecoin.io|PoRep|1|Synthetic|1|\(purpose)".utf8),
            digestCount: 32
        )
        return try ChaCha.stream20(
            key: Commitment(in: key),
            nonce: SyntheticChallenges.nonce,
            blockCount: blockCount
        )
    }
}
