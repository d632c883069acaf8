// SPDX-License-Identifier: Apache-2.0

/// Which proof of space-time it is.
package enum PoStKind: String, Hashable, Sendable, Codable, CaseIterable {
    /// Shown with a block: 66 challenges of one sector.
    case winning
    /// Shown every proving period: 10 challenges of each sector, numbered over all sectors.
    case windowV1
    /// As before, but every sector's challenges are numbered from 0.
    case windowV1_2

    /// Challenges of one sector.
    package var challengeCount: Int {
        self == .winning ? 66 : 10
    }
}

/// A sector as a proof of space-time sees it.
package struct PoStSector: Hashable, Sendable, Codable {
    package let number: UInt64
    package let commR: Commitment

    package init(number: UInt64, commR: Commitment) {
        self.number = number
        self.commR = commR
    }
}

/// What a proof of space-time is about.
package struct PoStStatement: Hashable, Sendable {
    package let kind: PoStKind
    package let sectorSize: SectorSize
    package let proverID: Commitment
    /// The chain's randomness with its two top bits cleared.
    package let randomness: Commitment
    /// All sectors of the proof, ascending by number.
    package let sectors: [PoStSector]

    /// Takes randomness as drawn from the chain; two bits are cleared here, as provers and
    /// verifiers must.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` without sectors, with two of one number, or
    ///   with more than one for a winning proof.
    package init(
        kind: PoStKind,
        sectorSize: SectorSize,
        proverID: Commitment,
        randomness: Commitment,
        sectors: [PoStSector]
    ) throws(SealingError) {
        let sorted = sectors.sorted { $0.number < $1.number }
        guard !sorted.isEmpty, kind != .winning || sorted.count == 1 else {
            throw SealingError(
                .invalidArgument,
                "a \(kind) proof of space-time of \(sorted.count) sectors"
            )
        }
        for (left, right) in zip(sorted, sorted.dropFirst()) where left.number == right.number {
            throw SealingError(.invalidArgument, "sector \(left.number) is listed twice")
        }
        self.kind = kind
        self.sectorSize = sectorSize
        self.proverID = proverID
        self.randomness = randomness.truncated254
        self.sectors = sorted
    }

    /// Sectors that each partition proves; the last one may have fewer.
    package var sectorsPerPartition: Int {
        kind == .winning ? 1 : sectorSize.shape.windowSectorCount
    }

    package var partitionCount: Int {
        (sectors.count + sectorsPerPartition - 1) / sectorsPerPartition
    }

    /// The challenged nodes of the sector at a place in `sectors`.
    package func challenges(at index: Int) -> [UInt64] {
        challenges(of: sectors[index], at: index)
    }

    /// The challenged nodes of a sector that has `place` sectors before it.
    func challenges(of sector: PoStSector, at place: Int) -> [UInt64] {
        let first = kind == .windowV1 ? place * kind.challengeCount : 0
        return PoStChallenges.leaves(
            randomness: randomness,
            sectorNumber: sector.number,
            first: first,
            count: kind.challengeCount,
            nodeCount: sectorSize.nodeCount
        )
    }
}

/// Derivation of what a proof of space-time opens.
package enum PoStChallenges {
    /// Which of a miner's sectors a winning proof is about.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` when there are none.
    package static func winningSector(
        proverID: Commitment,
        randomness: Commitment,
        sectorCount: UInt64,
        draw: UInt64 = 0
    ) throws(SealingError) -> UInt64 {
        guard sectorCount > 0 else {
            throw SealingError(.invalidArgument, "there is no sector to prove")
        }
        let digest = SHA256.hash(
            proverID.bytes + randomness.truncated254.bytes + draw.littleEndianBytes
        )
        return digest.words.0 % sectorCount
    }

    /// Challenged nodes `first ..< first + count` of one sector; node 0 may be among them.
    package static func leaves(
        randomness: Commitment,
        sectorNumber: UInt64,
        first: Int,
        count: Int,
        nodeCount: UInt64
    ) -> [UInt64] {
        (first..<first + count).map { index in
            let digest = SHA256.hash(
                randomness.truncated254.bytes + sectorNumber.littleEndianBytes
                    + UInt64(index).littleEndianBytes
            )
            return digest.words.0 % nodeCount
        }
    }
}

/// The openings of one sector for a proof of space-time.
package struct PoStVanillaProof: Hashable, Sendable, Codable {
    package var sectorNumber: UInt64
    package var commR: Commitment
    /// One for each challenge.
    package var inclusionProofs: [MerkleProof]
    package var commC: Commitment
    package var commRLast: Commitment

    package init(
        sectorNumber: UInt64,
        commR: Commitment,
        inclusionProofs: [MerkleProof],
        commC: Commitment,
        commRLast: Commitment
    ) {
        self.sectorNumber = sectorNumber
        self.commR = commR
        self.inclusionProofs = inclusionProofs
        self.commC = commC
        self.commRLast = commRLast
    }
}

/// Makes and checks openings.
package enum PoStVanilla {
    /// Opens a sector at the statement's challenges.
    ///
    /// - Parameters:
    ///   - statement: what is to be proven.
    ///   - index: place of the sector in the statement.
    ///   - paths: its files; sealed file, tree-r-last and `p_aux` are read.
    ///   - files: where these paths are.
    /// - Returns: the openings, each of which leads to CommRLast.
    /// - Throws: ``SealingError`` for files that are missing or damaged.
    package static func prove(
        _ statement: PoStStatement,
        sectorAt index: Int,
        paths: SectorPaths,
        in files: any ReplicaFiles = LocalFiles()
    ) throws(SealingError) -> PoStVanillaProof {
        guard statement.sectors.indices.contains(index) else {
            throw SealingError(
                .invalidArgument,
                "sector \(index) of \(statement.sectors.count)"
            )
        }
        return try open(
            statement.sectors[index],
            at: statement.challenges(at: index),
            statement.sectorSize,
            paths,
            in: files
        )
    }

    /// Opens a sector at some nodes, and checks the openings: a damaged row of tree-r-last would else
    /// spoil the proof of all sectors.
    static func open(
        _ sector: PoStSector,
        at challenges: [UInt64],
        _ size: SectorSize,
        _ paths: SectorPaths,
        in files: any ReplicaFiles = LocalFiles()
    ) throws(SealingError) -> PoStVanillaProof {
        let aux = try PersistentAux(file: paths.persistentAux, in: files)
        guard try aux.commR() == sector.commR else {
            throw SealingError(
                .commitmentMismatch,
                "\(paths.persistentAux) is not that of CommR \(sector.commR)"
            )
        }
        let reader = try ReplicaTreeReader(paths, size: size, in: files)
        guard reader.root == aux.commRLast else {
            throw SealingError(
                .commitmentMismatch,
                "tree-r-last in \(paths.cache) does not have p_aux's root"
            )
        }
        var proofs: [MerkleProof] = []
        for challenge in challenges {
            let proof = try reader.proof(challenge)
            do throws(VanillaRejection) {
                try verify(proof, challenge, root: aux.commRLast, size)
            } catch {
                throw SealingError(
                    .commitmentMismatch,
                    "tree-r-last in \(paths.cache) does not open node \(challenge), \(error); "
                        + "it is damaged"
                )
            }
            proofs.append(proof)
        }
        return PoStVanillaProof(
            sectorNumber: sector.number,
            commR: sector.commR,
            inclusionProofs: proofs,
            commC: aux.commC,
            commRLast: aux.commRLast
        )
    }

    /// Returns when the proof opens the statement's sector at its challenges.
    ///
    /// - Throws: ``VanillaRejection``.
    package static func verify(
        _ proof: PoStVanillaProof,
        _ statement: PoStStatement,
        sectorAt index: Int
    ) throws(VanillaRejection) {
        guard statement.sectors.indices.contains(index),
            statement.sectors[index]
                == PoStSector(number: proof.sectorNumber, commR: proof.commR)
        else {
            throw VanillaRejection(.wrongStatement, "the proof is that of another sector")
        }
        let commR: Commitment
        do throws(SealingError) {
            commR = try PersistentAux(commC: proof.commC, commRLast: proof.commRLast).commR()
        } catch {
            throw VanillaRejection(.notCanonical, error.message)
        }
        guard commR == proof.commR else {
            throw VanillaRejection(.wrongCommR, "CommC and CommRLast do not hash to CommR")
        }
        let challenges = statement.challenges(at: index)
        guard proof.inclusionProofs.count == challenges.count else {
            throw VanillaRejection(
                .wrongShape,
                "\(proof.inclusionProofs.count) openings, not \(challenges.count)"
            )
        }
        for (path, node) in zip(proof.inclusionProofs, challenges) {
            try verify(path, node, root: proof.commRLast, statement.sectorSize)
        }
    }

    /// Returns when one opening leads from a node of the replica to its root.
    ///
    /// - Throws: ``VanillaRejection``.
    package static func verify(
        _ path: MerkleProof,
        _ node: UInt64,
        root: Commitment,
        _ size: SectorSize
    ) throws(VanillaRejection) {
        let found: UInt64?
        do throws(SealingError) {
            found = try path.verifiedIndex(.replica(size), .poseidon8)
        } catch {
            throw VanillaRejection(.notCanonical, error.message)
        }
        guard path.root == root, let found else {
            throw VanillaRejection(.wrongPath, "an opening does not lead to CommRLast")
        }
        guard found == node else {
            throw VanillaRejection(.wrongNode, "node \(found) is opened, not \(node)")
        }
    }
}
