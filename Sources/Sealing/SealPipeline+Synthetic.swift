// SPDX-License-Identifier: Apache-2.0

extension SealPipeline {
    /// Opens all synthetic challenges and writes them to `syn-porep-vanilla-proofs.dat`.
    ///
    /// CommR fixes which they are, so this follows pre-commit 2; afterwards ``clearLayers()`` may
    /// free the room of layers and trees while the seed is waited for. A challenge is written as it is
    /// opened, so that memory does not grow with their number; the file appears when it is complete.
    ///
    /// - Parameters:
    ///   - ticket: the sealing randomness of pre-commit 1.
    ///   - commitments: what pre-commit 2 gave.
    /// - Throws: ``SealingError`` `.invalidArgument` for another family of proofs, and as
    ///   ``commit1(ticket:seed:commitments:)``.
    package func synthesize(
        ticket: Commitment,
        commitments: PreCommit2Output
    ) throws(SealingError) {
        try requireSynthetic()
        let opener = try openSector(commitments)
        let replicaID = replicaID(ticket: ticket, commD: commitments.commD)
        let challenges = try syntheticChallenges(replicaID, commitments)
        let layout = SyntheticProofLayout(size: size)
        let statement = statement(replicaID, commitments)
        let graph = try StackedGraph(parameters)
        let file = try OutputFile(paths.syntheticProofs)
        try file.append(opener.commD.bytes + opener.commC.bytes + opener.commRLast.bytes)
        for (index, node) in challenges.enumerated() {
            try observer.step("synthetic proofs", UInt64(index), UInt64(challenges.count))
            let proof = try opener.proof(node)
            do throws(VanillaRejection) {
                try ChallengeCheck(statement: statement, graph: graph, node: node).run(proof)
            } catch {
                throw SealingError(
                    .commitmentMismatch,
                    "the files in \(paths.cache) do not prove node \(node): \(error); "
                        + "they are damaged or of another ticket"
                )
            }
            try file.append(layout.encode(proof))
        }
        try file.commit()
    }

    /// Makes a sector ready to wait for its seed: to be called between pre-commit 2 and commit 1.
    ///
    /// A synthetic proof's openings are made, and then layers, tree-d and tree-c removed. Called again,
    /// after an interruption too, it keeps openings that are complete and removes what is still there.
    /// Sectors of other families are left as they are: commit 1 reads their layers and trees.
    ///
    /// - Parameters:
    ///   - ticket: the sealing randomness of pre-commit 1.
    ///   - commitments: what pre-commit 2 gave.
    /// - Throws: as ``synthesize(ticket:commitments:)`` and ``clearLayers()``.
    package func prepareForSeed(
        ticket: Commitment,
        commitments: PreCommit2Output
    ) throws(SealingError) {
        guard parameters.family == .synthetic else {
            return
        }
        if try !hasSyntheticProofs(commitments) {
            try synthesize(ticket: ticket, commitments: commitments)
        }
        try clearLayers()
    }

    /// Whether the synthetic openings of the sector with these commitments are on the disk, complete.
    ///
    /// Size and roots are looked at; commit 1 verifies what it picks.
    ///
    /// - Throws: ``SealingError`` `.inputOutput`.
    package func hasSyntheticProofs(
        _ commitments: PreCommit2Output
    ) throws(SealingError) -> Bool {
        guard parameters.family == .synthetic,
            try Files.size(paths.syntheticProofs) == syntheticFileByteCount
        else {
            return false
        }
        let roots = commitments.commD.bytes + commitments.commC.bytes + commitments.commRLast.bytes
        return try InputFile(paths.syntheticProofs).read(at: 0, count: roots.count) == roots
    }

    /// Removes layers, tree-d and tree-c of a sector whose synthetic openings are on the disk.
    ///
    /// - Throws: ``SealingError`` `.missingFile` or `.wrongFileSize` for the openings, which are looked
    ///   at first; `.invalidArgument` for another family of proofs, `.inputOutput`.
    package func clearLayers() throws(SealingError) {
        try requireSynthetic()
        try Files.require(
            paths.syntheticProofs,
            size: syntheticFileByteCount,
            "the synthetic proofs"
        )
        try requireProvable()
        try removeSealingFiles()
        try Files.synchronizeParent(of: paths.persistentAux)
    }

    /// Picks the openings that the seed chooses, and checks them.
    func pickSynthetic(
        ticket: Commitment,
        replicaID: Commitment,
        seed: Commitment,
        commitments: PreCommit2Output
    ) throws(SealingError) -> VanillaProofs {
        let aux = try requireAux(commitments)
        let layout = SyntheticProofLayout(size: size)
        let header = SyntheticProofLayout.headerByteCount
        let set = syntheticSet(replicaID, commitments)
        let path = paths.syntheticProofs
        try Files.require(path, size: syntheticFileByteCount, "the synthetic proofs")
        let file = try InputFile(path)
        let expected = commitments.commD.bytes + aux.bytes
        guard try file.read(at: 0, count: Int(header)) == expected else {
            throw SealingError(
                .commitmentMismatch,
                "\(path) is not of this sector: its roots are other ones; remove it and open again"
            )
        }
        let perPartition = parameters.challengesPerPartition
        var partitions: [[ChallengeProof]] = []
        for partition in 0..<parameters.partitionCount {
            let indexes = try set.selectIndexes(
                seed: seed,
                first: partition * perPartition,
                count: perPartition
            )
            var proofs: [ChallengeProof] = []
            for index in indexes {
                try observer.step("vanilla proofs", UInt64(index), UInt64(set.count))
                let bytes = try file.read(
                    at: header + UInt64(index) * UInt64(layout.recordByteCount),
                    count: layout.recordByteCount
                )
                proofs.append(try layout.decode(bytes, commD: commitments.commD, aux: aux))
            }
            partitions.append(proofs)
        }
        return try checked(
            partitions,
            ticket: ticket,
            replicaID: replicaID,
            seed: seed,
            commitments: commitments
        ) { "\(path) does not prove the sector, \($0); remove it and open again" }
    }

    private func requireSynthetic() throws(SealingError) {
        guard parameters.family == .synthetic else {
            throw SealingError(
                .invalidArgument,
                "\(parameters.proofName) has no synthetic challenges"
            )
        }
    }

    /// Bytes of the complete file of openings.
    private var syntheticFileByteCount: UInt64 {
        // How many challenges there are follows from the size alone.
        let set = SyntheticChallenges(replicaID: .zero, commR: .zero, nodeCount: size.nodeCount)
        let record = SyntheticProofLayout(size: size).recordByteCount
        return SyntheticProofLayout.headerByteCount + UInt64(set.count) * UInt64(record)
    }

    private func syntheticSet(
        _ replicaID: Commitment,
        _ commitments: PreCommit2Output
    ) -> SyntheticChallenges {
        SyntheticChallenges(
            replicaID: replicaID,
            commR: commitments.commR,
            nodeCount: size.nodeCount
        )
    }

    private func syntheticChallenges(
        _ replicaID: Commitment,
        _ commitments: PreCommit2Output
    ) throws(SealingError) -> [UInt64] {
        let set = syntheticSet(replicaID, commitments)
        return try set.generate(count: set.count)
    }

    func statement(
        _ replicaID: Commitment,
        _ commitments: PreCommit2Output,
        seed: Commitment = .zero
    ) -> PoRepStatement {
        PoRepStatement(
            parameters: parameters,
            replicaID: replicaID,
            commD: commitments.commD,
            commR: commitments.commR,
            seed: seed
        )
    }
}
