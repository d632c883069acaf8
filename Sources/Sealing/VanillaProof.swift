// SPDX-License-Identifier: Apache-2.0

/// The labels of one node in all layers.
package struct Column: Hashable, Sendable {
    package var index: UInt64
    package var rows: [Commitment]

    package init(index: UInt64, rows: [Commitment]) {
        self.index = index
        self.rows = rows
    }
}

/// A column and its place in tree-c.
package struct ColumnProof: Hashable, Sendable, Codable {
    package var column: Column
    package var inclusionProof: MerkleProof

    private enum CodingKeys: String, CodingKey {
        case column
        case inclusionProof = "inclusion_proof"
    }

    package init(column: Column, inclusionProof: MerkleProof) {
        self.column = column
        self.inclusionProof = inclusionProof
    }
}

/// The columns of a challenged node and of its parents.
package struct ReplicaColumnProofs: Hashable, Sendable, Codable {
    package var challenged: ColumnProof
    /// 6, in slot order.
    package var drgParents: [ColumnProof]
    /// 8, in slot order.
    package var expanderParents: [ColumnProof]

    private enum CodingKeys: String, CodingKey {
        case challenged = "c_x"
        case drgParents = "drg_parents"
        case expanderParents = "exp_parents"
    }

    package init(
        challenged: ColumnProof,
        drgParents: [ColumnProof],
        expanderParents: [ColumnProof]
    ) {
        self.challenged = challenged
        self.drgParents = drgParents
        self.expanderParents = expanderParents
    }
}

/// What a label was made from.
package struct LabelingProof: Hashable, Sendable, Codable {
    /// 37 labels, as they were hashed.
    package var parents: [Commitment]
    /// Counted from 1.
    package var layerIndex: Int
    package var node: UInt64

    package init(parents: [Commitment], layerIndex: Int, node: UInt64) {
        self.parents = parents
        self.layerIndex = layerIndex
        self.node = node
    }

    private enum CodingKeys: String, CodingKey {
        case parents
        case layerIndex = "layer_index"
        case node
    }
}

/// All that shows one challenged node to be sealed as it must.
package struct ChallengeProof: Hashable, Sendable, Codable {
    package var commDProof: MerkleProof
    package var commRLastProof: MerkleProof
    package var replicaColumnProofs: ReplicaColumnProofs
    /// One for each layer.
    package var labelingProofs: [LabelingProof]
    /// The last layer's labels once more.
    package var encodingProof: LabelingProof

    private enum CodingKeys: String, CodingKey {
        case commDProof = "comm_d_proofs"
        case commRLastProof = "comm_r_last_proof"
        case replicaColumnProofs = "replica_column_proofs"
        case labelingProofs = "labeling_proofs"
        case encodingProof = "encoding_proof"
    }

    package init(
        commDProof: MerkleProof,
        commRLastProof: MerkleProof,
        replicaColumnProofs: ReplicaColumnProofs,
        labelingProofs: [LabelingProof],
        encodingProof: LabelingProof
    ) {
        self.commDProof = commDProof
        self.commRLastProof = commRLastProof
        self.replicaColumnProofs = replicaColumnProofs
        self.labelingProofs = labelingProofs
        self.encodingProof = encodingProof
    }
}

/// What commit 1 gives and commit 2 takes, in the reference's JSON shape.
package struct VanillaProofs: Hashable, Sendable {
    /// `StackedDrg2KiBV1_1` and the like.
    package var proofName: String
    /// `StackedDrg2KiBV1` and the like: the JSON key of the proofs.
    package var shapeName: String
    /// A list of challenge proofs for each partition.
    package var partitions: [[ChallengeProof]]
    package var commR: Commitment
    package var commD: Commitment
    package var replicaID: Commitment
    package var seed: Commitment
    package var ticket: Commitment

    package init(
        proofName: String,
        shapeName: String,
        partitions: [[ChallengeProof]],
        commR: Commitment,
        commD: Commitment,
        replicaID: Commitment,
        seed: Commitment,
        ticket: Commitment
    ) {
        self.proofName = proofName
        self.shapeName = shapeName
        self.partitions = partitions
        self.commR = commR
        self.commD = commD
        self.replicaID = replicaID
        self.seed = seed
        self.ticket = ticket
    }
}
