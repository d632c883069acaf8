// SPDX-License-Identifier: Apache-2.0

/// Why a vanilla proof does not hold.
package struct VanillaRejection: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong.
    package enum Reason: String, Hashable, Sendable, CaseIterable {
        /// It is for another kind of proof, sector or commitment than the one asked about.
        case wrongStatement
        /// The number of partitions, challenges, parents, rows or layers is not the right one.
        case wrongShape
        /// CommC and CommRLast do not hash to CommR.
        case wrongCommR
        /// A path does not lead from its leaf to its root, or its root is not the commitment.
        case wrongPath
        /// A path or column is that of another node.
        case wrongNode
        /// A column does not hash to its leaf in tree-c.
        case wrongColumn
        /// A label does not follow from its parents.
        case wrongLabel
        /// The replica node is not label plus data.
        case wrongEncoding
        /// A node is not below the field's modulus.
        case notCanonical
    }

    package let reason: Reason
    /// Which part, and what of it.
    package let detail: String
    /// Nil when the proof as a whole is meant.
    package var partition: Int?
    /// Place of the challenge in its partition.
    package var challenge: Int?

    init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }

    package var description: String {
        let place = partition.map { "partition \($0), challenge \(challenge ?? 0): " } ?? ""
        return "\(place)\(reason.rawValue): \(detail)"
    }
}

/// What a vanilla proof is about: all that a verifier needs to know.
package struct PoRepStatement: Hashable, Sendable {
    package let parameters: SealParameters
    package let replicaID: Commitment
    package let commD: Commitment
    package let commR: Commitment
    package let seed: Commitment

    package init(
        parameters: SealParameters,
        replicaID: Commitment,
        commD: Commitment,
        commR: Commitment,
        seed: Commitment
    ) {
        self.parameters = parameters
        self.replicaID = replicaID
        self.commD = commD
        self.commR = commR
        self.seed = seed
    }
}

/// Checks vanilla proofs from public values alone.
package enum VanillaVerifier {
    /// Returns when the proof holds.
    ///
    /// - Throws: ``VanillaRejection`` with the first thing that is wrong.
    package static func verify(
        _ proofs: VanillaProofs,
        _ statement: PoRepStatement
    ) throws(VanillaRejection) {
        let parameters = statement.parameters
        guard proofs.proofName == parameters.proofName,
            proofs.shapeName == parameters.shapeName, proofs.replicaID == statement.replicaID,
            proofs.commD == statement.commD, proofs.commR == statement.commR,
            proofs.seed == statement.seed
        else {
            throw VanillaRejection(
                .wrongStatement,
                "kind, replica, commitments or seed are not those asked about"
            )
        }
        guard proofs.partitions.count == parameters.partitionCount else {
            throw VanillaRejection(
                .wrongShape,
                "\(proofs.partitions.count) partitions, not "
                    + "\(parameters.partitionCount)"
            )
        }
        let graph: StackedGraph
        do {
            graph = try StackedGraph(parameters)
        } catch {
            throw VanillaRejection(.wrongStatement, error.message)
        }
        for (partition, list) in proofs.partitions.enumerated() {
            try verify(list, partition: partition, statement, graph)
        }
    }

    private static func verify(
        _ list: [ChallengeProof],
        partition: Int,
        _ statement: PoRepStatement,
        _ graph: StackedGraph
    ) throws(VanillaRejection) {
        let challenges: [UInt64]
        do {
            challenges = try PoRepChallenges.derive(
                parameters: statement.parameters,
                replicaID: statement.replicaID,
                commR: statement.commR,
                seed: statement.seed,
                partition: partition
            )
        } catch {
            throw VanillaRejection(.wrongStatement, error.message)
        }
        guard list.count == challenges.count else {
            var rejection = VanillaRejection(
                .wrongShape,
                "\(list.count) challenges, not \(challenges.count)"
            )
            rejection.partition = partition
            throw rejection
        }
        for (index, (proof, node)) in zip(list, challenges).enumerated() {
            do throws(VanillaRejection) {
                let check = ChallengeCheck(statement: statement, graph: graph, node: node)
                try check.run(proof)
            } catch {
                var rejection = error
                rejection.partition = partition
                rejection.challenge = index
                throw rejection
            }
        }
    }
}

/// Checks one challenge's proof.
struct ChallengeCheck {
    let statement: PoRepStatement
    let graph: StackedGraph
    let node: UInt64

    var size: SectorSize {
        statement.parameters.sectorSize
    }

    func run(_ proof: ChallengeProof) throws(VanillaRejection) {
        let columns = proof.replicaColumnProofs
        let commC = columns.challenged.inclusionProof.root
        let commRLast = proof.commRLastProof.root
        let commR = try field("CommR") { () throws(SealingError) in
            try Poseidon.arity2.hash([commC, commRLast])
        }
        guard commR == statement.commR else {
            throw VanillaRejection(.wrongCommR, "CommC and CommRLast hash to \(commR)")
        }
        guard proof.commDProof.root == statement.commD else {
            throw VanillaRejection(.wrongPath, "the data path ends at another CommD")
        }
        try path(proof.commDProof, .data(size), .sha256, at: node, "data path")
        try path(proof.commRLastProof, .replica(size), .poseidon8, at: node, "replica path")
        try verify(columns, commC: commC)
        try verifyLabels(proof)
        let key = columns.challenged.column.rows[size.shape.layerCount - 1]
        let replica = try field("encoding") { () throws(SealingError) in
            try Field.encode(key: key.bytes, data: proof.commDProof.leaf.bytes)
        }
        guard Commitment(in: replica) == proof.commRLastProof.leaf else {
            throw VanillaRejection(.wrongEncoding, "the replica node is not label plus data")
        }
    }

    private func verify(
        _ columns: ReplicaColumnProofs,
        commC: Commitment
    ) throws(VanillaRejection) {
        let parents: [UInt32]
        do {
            parents = try graph.parents(first: node, count: 1)
        } catch {
            throw VanillaRejection(.wrongNode, error.message)
        }
        guard columns.drgParents.count == 6, columns.expanderParents.count == 8 else {
            throw VanillaRejection(.wrongShape, "a node has 6 and 8 parents")
        }
        try column(columns.challenged, at: node, commC: commC, "column of the node")
        let given = columns.drgParents + columns.expanderParents
        for (slot, (proof, parent)) in zip(given, parents).enumerated() {
            try column(proof, at: UInt64(parent), commC: commC, "column of parent \(slot)")
        }
    }

    private func column(
        _ proof: ColumnProof,
        at index: UInt64,
        commC: Commitment,
        _ name: String
    ) throws(VanillaRejection) {
        guard proof.column.rows.count == size.shape.layerCount else {
            throw VanillaRejection(.wrongShape, "\(name) has \(proof.column.rows.count) rows")
        }
        guard proof.column.index == index else {
            throw VanillaRejection(
                .wrongNode,
                "\(name) is that of node \(proof.column.index), not \(index)"
            )
        }
        guard proof.inclusionProof.root == commC else {
            throw VanillaRejection(.wrongPath, "\(name) ends at another CommC")
        }
        let leaf = try field(name) { () throws(SealingError) in
            try Poseidon.instance(arity: size.shape.layerCount).hash(proof.column.rows)
        }
        guard leaf == proof.inclusionProof.leaf else {
            throw VanillaRejection(.wrongColumn, "\(name) does not hash to its leaf")
        }
        try path(proof.inclusionProof, .replica(size), .poseidon8, at: index, name)
    }

    private func verifyLabels(_ proof: ChallengeProof) throws(VanillaRejection) {
        let columns = proof.replicaColumnProofs
        let count = size.shape.layerCount
        guard proof.labelingProofs.count == count else {
            throw VanillaRejection(.wrongShape, "\(proof.labelingProofs.count) layers of labels")
        }
        for layer in 1...count {
            let parents = columns.parentLabels(layer: layer)
            let expected = LabelingProof(
                parents: Label.repeated(parents),
                layerIndex: layer,
                node: node
            )
            guard proof.labelingProofs[layer - 1] == expected else {
                throw VanillaRejection(
                    .wrongLabel,
                    "the parents given for layer \(layer) are not the node's"
                )
            }
            let label = try field("label") { () throws(SealingError) in
                try Label.compute(
                    replicaID: statement.replicaID,
                    layer: layer,
                    node: node,
                    parents: parents
                )
            }
            guard label == columns.challenged.column.rows[layer - 1] else {
                throw VanillaRejection(
                    .wrongLabel,
                    "the label of layer \(layer) does not follow from its parents"
                )
            }
        }
        guard proof.encodingProof == proof.labelingProofs[count - 1] else {
            throw VanillaRejection(.wrongLabel, "the encoding's parents are not the last layer's")
        }
    }

    private func path(
        _ proof: MerkleProof,
        _ shape: PathShape,
        _ hasher: TreeHasher,
        at index: UInt64,
        _ name: String
    ) throws(VanillaRejection) {
        let found = try field(name) { () throws(SealingError) in
            try proof.verifiedIndex(shape, hasher)
        }
        guard let found else {
            throw VanillaRejection(.wrongPath, "\(name) does not lead to its root")
        }
        guard found == index else {
            throw VanillaRejection(.wrongNode, "\(name) is that of node \(found), not \(index)")
        }
    }

    /// Runs hashing that fails only for nodes outside the field.
    private func field<Value>(
        _ name: String,
        _ body: () throws(SealingError) -> Value
    ) throws(VanillaRejection) -> Value {
        do throws(SealingError) {
            return try body()
        } catch {
            throw VanillaRejection(
                error.code == .notCanonical ? .notCanonical : .wrongShape,
                "\(name): \(error.message)"
            )
        }
    }
}
