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
                try ChallengeCheck(statement: statement, graph: graph, node: node).run(proof)
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
package struct ChallengeCheck {
    /// What is checked by itself; a proof holds when all parts do.
    package enum Part: Hashable, Sendable {
        /// CommC and CommRLast hash to CommR, and CommD is the statement's.
        case commitments
        case dataPath
        case replicaPath
        /// The column of the node (0) or of a parent (1 to 14), and its place in tree-c.
        case column(Int)
        /// The labels of the node in all layers, from those of its parents.
        case labels
        /// The replica node is label plus data.
        case encoding

        /// All parts, in the order in which a proof is checked.
        package static let all: [Part] =
            [.commitments, .dataPath, .replicaPath] + (0..<15).map(column) + [.labels, .encoding]
    }

    private let statement: PoRepStatement
    private let node: UInt64
    /// The node's 14 parents, in slot order.
    private let parents: [UInt32]

    private var size: SectorSize {
        statement.parameters.sectorSize
    }

    /// - Throws: ``VanillaRejection`` `.wrongNode` for a node that the graph does not have.
    package init(
        statement: PoRepStatement,
        graph: StackedGraph,
        node: UInt64
    ) throws(VanillaRejection) {
        self.statement = statement
        self.node = node
        do {
            parents = try graph.parents(first: node, count: 1)
        } catch {
            throw VanillaRejection(.wrongNode, error.message)
        }
    }

    /// Returns when all parts of the proof hold.
    ///
    /// - Throws: ``VanillaRejection`` with the first thing that is wrong.
    package func run(_ proof: ChallengeProof) throws(VanillaRejection) {
        for part in Part.all {
            try check(part, of: proof)
        }
    }

    /// Returns when one part of the proof holds.
    ///
    /// - Throws: ``VanillaRejection``.
    package func check(_ part: Part, of proof: ChallengeProof) throws(VanillaRejection) {
        switch part {
        case .commitments: try verifyCommitments(proof)
        case .dataPath: try path(proof.commDProof, .data(size), .sha256, at: node, "data path")
        case .replicaPath:
            try path(proof.commRLastProof, .replica(size), .poseidon8, at: node, "replica path")
        case .column(let slot): try verifyColumn(slot, of: proof.replicaColumnProofs)
        case .labels: try verifyLabels(proof)
        case .encoding: try verifyEncoding(proof)
        }
    }

    private func verifyCommitments(_ proof: ChallengeProof) throws(VanillaRejection) {
        let commC = proof.replicaColumnProofs.challenged.inclusionProof.root
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
    }

    private func verifyEncoding(_ proof: ChallengeProof) throws(VanillaRejection) {
        let rows = proof.replicaColumnProofs.challenged.column.rows
        guard rows.count == size.shape.layerCount else {
            throw VanillaRejection(.wrongShape, "the column of the node has \(rows.count) rows")
        }
        let replica = try field("encoding") { () throws(SealingError) in
            try Field.encode(key: rows[rows.count - 1].bytes, data: proof.commDProof.leaf.bytes)
        }
        guard Commitment(in: replica) == proof.commRLastProof.leaf else {
            throw VanillaRejection(.wrongEncoding, "the replica node is not label plus data")
        }
    }

    private func verifyColumn(
        _ slot: Int,
        of columns: ReplicaColumnProofs
    ) throws(VanillaRejection) {
        let drgCount = StackedGraph.baseDegree
        guard columns.drgParents.count == drgCount,
            columns.expanderParents.count == parents.count - drgCount
        else {
            throw VanillaRejection(.wrongShape, "a node has 6 and 8 parents")
        }
        let commC = columns.challenged.inclusionProof.root
        guard slot > 0 else {
            return try column(columns.challenged, at: node, commC: commC, "column of the node")
        }
        let given =
            slot <= drgCount
            ? columns.drgParents[slot - 1] : columns.expanderParents[slot - 1 - drgCount]
        try column(given, at: UInt64(parents[slot - 1]), commC: commC, "column of parent \(slot - 1)")
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
        let all = [columns.challenged] + columns.drgParents + columns.expanderParents
        guard all.allSatisfy({ $0.column.rows.count == count }) else {
            throw VanillaRejection(.wrongShape, "a column has another number of rows than \(count)")
        }
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
