// SPDX-License-Identifier: Apache-2.0

/// The layout of the reference's file of synthetic openings, `syn-porep-vanilla-proofs.dat`.
///
///     CommD, CommC, CommRLast                          32 bytes each
///     for each synthetic challenge, in order:
///       node, 6 and 8 parents                          8 bytes each, little-endian
///       data leaf, its siblings in tree-d              32 bytes each, lowest first
///       column, its hash, its siblings in tree-c
///       the same of each parent
///       replica leaf, its siblings in tree-r-last
///
/// What a reader can compute is left out: indexes of paths, and the labels as they were hashed.
package struct SyntheticProofLayout: Sendable {
    private static let parentCount = StackedGraph.baseDegree + 8

    package let size: SectorSize

    /// Bytes before the first challenge's openings.
    package static let headerByteCount: UInt64 = 96

    package init(size: SectorSize) {
        self.size = size
    }

    /// Bytes of the openings of one challenge.
    package var recordByteCount: Int {
        let data = 1 + size.nodeCount.trailingZeroBitCount
        let path = 1 + arities.reduce(0) { $0 + $1 - 1 }
        let columns = (1 + SyntheticProofLayout.parentCount) * (size.shape.layerCount + path)
        return 8 * (1 + SyntheticProofLayout.parentCount) + 32 * (data + columns + path)
    }

    /// Arities of the levels of tree-c and tree-r-last, lowest first.
    private var arities: [Int] {
        let shape = PathShape.replica(size)
        return shape.base + (shape.sub ?? []) + (shape.top ?? [])
    }

    /// The bytes of one challenge's openings.
    package func encode(_ proof: ChallengeProof) -> [UInt8] {
        let columns = proof.replicaColumnProofs
        let parents = columns.drgParents + columns.expanderParents
        var bytes: [UInt8] = []
        bytes.reserveCapacity(recordByteCount)
        for column in [columns.challenged] + parents {
            bytes += column.column.index.littleEndianBytes
        }
        append(proof.commDProof, to: &bytes)
        for column in [columns.challenged] + parents {
            for row in column.column.rows {
                bytes += row.bytes
            }
            append(column.inclusionProof, to: &bytes)
        }
        append(proof.commRLastProof, to: &bytes)
        return bytes
    }

    private func append(_ proof: MerkleProof, to bytes: inout [UInt8]) {
        bytes += proof.leaf.bytes
        for element in proof.elements {
            for hash in element.hashes {
                bytes += hash.bytes
            }
        }
    }

    /// Reads one challenge's openings; they prove nothing until they are checked.
    ///
    /// - Throws: ``SealingError`` `.malformed` for a wrong length.
    package func decode(
        _ bytes: [UInt8],
        commD: Commitment,
        aux: PersistentAux
    ) throws(SealingError) -> ChallengeProof {
        var reader = BinaryReader(bytes)
        let node = try reader.integer()
        var parents: [UInt64] = []
        for _ in 0..<SyntheticProofLayout.parentCount {
            parents.append(try reader.integer())
        }
        let data = try path(
            &reader,
            [Int](repeating: 2, count: size.nodeCount.trailingZeroBitCount),
            at: node
        )
        var columns: [ColumnProof] = []
        for index in [node] + parents {
            var rows: [Commitment] = []
            for _ in 0..<size.shape.layerCount {
                rows.append(try reader.node())
            }
            let (leaf, elements) = try path(&reader, arities, at: index)
            columns.append(
                ColumnProof(
                    column: Column(index: index, rows: rows),
                    inclusionProof: merkleProof(elements, root: aux.commC, leaf: leaf)
                )
            )
        }
        let replica = try path(&reader, arities, at: node)
        guard reader.isAtEnd else {
            throw SealingError(.malformed, "bytes follow the openings")
        }
        return ChallengeProof(
            node: node,
            commDProof: MerkleProof(base: data.elements, root: commD, leaf: data.leaf),
            commRLastProof: merkleProof(
                replica.elements,
                root: aux.commRLast,
                leaf: replica.leaf
            ),
            columns: columns
        )
    }

    /// A leaf and its siblings; the places follow from the leaf's own.
    private func path(
        _ reader: inout BinaryReader,
        _ arities: [Int],
        at node: UInt64
    ) throws(SealingError) -> (leaf: Commitment, elements: [PathElement]) {
        let leaf = try reader.node()
        var elements: [PathElement] = []
        var rest = node
        for arity in arities {
            var hashes: [Commitment] = []
            for _ in 1..<arity {
                hashes.append(try reader.node())
            }
            elements.append(PathElement(hashes: hashes, index: Int(rest % UInt64(arity))))
            rest /= UInt64(arity)
        }
        return (leaf, elements)
    }

    private func merkleProof(
        _ elements: [PathElement],
        root: Commitment,
        leaf: Commitment
    ) -> MerkleProof {
        let shape = PathShape.replica(size)
        let base = shape.base.count
        let sub = shape.sub?.count ?? 0
        return MerkleProof(
            base: Array(elements[..<base]),
            sub: shape.sub == nil ? nil : Array(elements[base..<base + sub]),
            top: shape.top == nil ? nil : Array(elements[(base + sub)...]),
            root: root,
            leaf: leaf
        )
    }
}

extension ChallengeProof {
    /// The proof of a node from the columns of the node and of its 14 parents.
    init(
        node: UInt64,
        commDProof: MerkleProof,
        commRLastProof: MerkleProof,
        columns: [ColumnProof]
    ) {
        let drgEnd = 1 + StackedGraph.baseDegree
        let proofs = ReplicaColumnProofs(
            challenged: columns[0],
            drgParents: Array(columns[1..<drgEnd]),
            expanderParents: Array(columns[drgEnd...])
        )
        let labels = (1...columns[0].column.rows.count).map { layer in
            LabelingProof(
                parents: Label.repeated(proofs.parentLabels(layer: layer)),
                layerIndex: layer,
                node: node
            )
        }
        self.init(
            commDProof: commDProof,
            commRLastProof: commRLastProof,
            replicaColumnProofs: proofs,
            labelingProofs: labels,
            encodingProof: labels[labels.count - 1]
        )
    }
}
