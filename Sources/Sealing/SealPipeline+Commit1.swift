// SPDX-License-Identifier: Apache-2.0

extension SealPipeline {
    /// Opens what the challenges ask for, and checks it: the vanilla proof.
    ///
    /// A synthetic proof whose openings are on the disk, see ``synthesize(ticket:commitments:)``, is
    /// picked from them and needs no layers and no trees.
    ///
    /// - Parameters:
    ///   - ticket: the sealing randomness of pre-commit 1.
    ///   - seed: the interactive randomness; non-interactive proofs ignore it.
    ///   - commitments: what pre-commit 2 gave.
    /// - Returns: the openings of all partitions.
    /// - Throws: ``SealingError`` `.missingFile`, `.wrongFileSize`, `.commitmentMismatch` when the
    ///   files are not those of the commitments, `.inputOutput`, `.cancelled`.
    package func commit1(
        ticket: Commitment,
        seed: Commitment,
        commitments: PreCommit2Output
    ) throws(SealingError) -> VanillaProofs {
        let replicaID = replicaID(ticket: ticket, commD: commitments.commD)
        if parameters.family == .synthetic, try Files.size(paths.syntheticProofs) != nil {
            return try pickSynthetic(
                ticket: ticket,
                replicaID: replicaID,
                seed: seed,
                commitments: commitments
            )
        }
        let opener = try openSector(commitments)
        let total = UInt64(parameters.partitionCount * parameters.challengesPerPartition)
        var done: UInt64 = 0
        var partitions: [[ChallengeProof]] = []
        for partition in 0..<parameters.partitionCount {
            let challenges = try PoRepChallenges.derive(
                parameters: parameters,
                replicaID: replicaID,
                commR: commitments.commR,
                seed: seed,
                partition: partition
            )
            var proofs: [ChallengeProof] = []
            for challenge in challenges {
                try observer.step("vanilla proofs", done, total)
                proofs.append(try opener.proof(challenge))
                done += 1
            }
            partitions.append(proofs)
        }
        return try checked(
            partitions,
            ticket: ticket,
            replicaID: replicaID,
            seed: seed,
            commitments: commitments
        ) {
            "the files in \(paths.cache) or \(paths.sealed) do not prove the sector, \($0); "
                + "they are damaged or of another ticket"
        }
    }

    /// Opens the trees, whose roots must be those of the commitments.
    func openSector(_ commitments: PreCommit2Output) throws(SealingError) -> SectorOpener {
        let aux = try requireAux(commitments)
        let opener = try SectorOpener(self)
        guard opener.commC == aux.commC, opener.commRLast == aux.commRLast else {
            throw SealingError(
                .commitmentMismatch,
                "the trees in \(paths.cache) are not those of CommR "
                    + "\(commitments.commR); run pre-commit 2 again"
            )
        }
        guard opener.commD == commitments.commD else {
            throw SealingError(
                .commitmentMismatch,
                "\(paths.treeD) has the root \(opener.commD), not \(commitments.commD)"
            )
        }
        return opener
    }

    /// CommC and CommRLast on the disk, which must make CommR.
    func requireAux(_ commitments: PreCommit2Output) throws(SealingError) -> PersistentAux {
        let aux = try PersistentAux(file: paths.persistentAux)
        guard try aux.commR() == commitments.commR else {
            throw SealingError(
                .commitmentMismatch,
                "\(paths.persistentAux) is not that of CommR \(commitments.commR); "
                    + "run pre-commit 2 again"
            )
        }
        return aux
    }

    /// The openings as one proof, which holds.
    ///
    /// - Parameter complaint: what to say where it does not.
    /// - Throws: ``SealingError`` `.commitmentMismatch`.
    func checked(
        _ partitions: [[ChallengeProof]],
        ticket: Commitment,
        replicaID: Commitment,
        seed: Commitment,
        commitments: PreCommit2Output,
        complaint: (VanillaRejection) -> String
    ) throws(SealingError) -> VanillaProofs {
        let proofs = VanillaProofs(
            proofName: parameters.proofName,
            shapeName: parameters.shapeName,
            partitions: partitions,
            commR: commitments.commR,
            commD: commitments.commD,
            replicaID: replicaID,
            seed: seed,
            ticket: ticket
        )
        do throws(VanillaRejection) {
            try VanillaVerifier.verify(proofs, statement(replicaID, commitments, seed: seed))
        } catch {
            throw SealingError(.commitmentMismatch, complaint(error))
        }
        return proofs
    }
}

/// Opens nodes of a sealed sector whose cache directory is complete.
struct SectorOpener {
    private let inputs: SealInputs
    private let treeD: TreeReader
    private let treeC: ColumnTreeReader
    private let treeR: ReplicaTreeReader
    private let graph: StackedGraph
    let commD: Commitment

    init(_ pipeline: SealPipeline) throws(SealingError) {
        let size = pipeline.size
        for layer in 1...pipeline.shape.layerCount {
            try Files.require(pipeline.paths.layer(layer), size: size.bytes, "layer \(layer)")
        }
        treeD = try TreeReader(pipeline.paths.treeD, hasher: .sha256, leafCount: size.nodeCount)
        commD = try treeD.root()
        treeC = try ColumnTreeReader(pipeline.paths, size: size)
        treeR = try ReplicaTreeReader(pipeline.paths, size: size)
        inputs = try SealInputs(pipeline)
        graph = try StackedGraph(pipeline.parameters)
    }

    var commC: Commitment {
        treeC.root
    }

    var commRLast: Commitment {
        treeR.root
    }

    private func column(_ node: UInt64) throws(SealingError) -> ColumnProof {
        ColumnProof(
            column: Column(index: node, rows: try inputs.column(node)),
            inclusionProof: try treeC.proof(node)
        )
    }

    func proof(_ challenge: UInt64) throws(SealingError) -> ChallengeProof {
        var columns = [try column(challenge)]
        for parent in try graph.parents(first: challenge, count: 1) {
            columns.append(try column(UInt64(parent)))
        }
        let (path, leaf) = try treeD.path(challenge)
        return ChallengeProof(
            node: challenge,
            commDProof: MerkleProof(base: path, root: commD, leaf: leaf),
            commRLastProof: try treeR.proof(challenge),
            columns: columns
        )
    }
}

extension ReplicaColumnProofs {
    /// The labels that the challenged node's label in `layer` (1, 2, …) hashes: 6 of the same
    /// layer, and above layer 1 also 8 of the layer before.
    func parentLabels(layer: Int) -> [Commitment] {
        let same = drgParents.map { $0.column.rows[layer - 1] }
        return layer == 1 ? same : same + expanderParents.map { $0.column.rows[layer - 2] }
    }
}
