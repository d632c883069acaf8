// SPDX-License-Identifier: Apache-2.0
import Sealing

/// Every node and every number of one challenge's proof, as places that can be written.
struct ProofPlaces {
    /// A place, and the part of the check that looks at it.
    struct Place<Value> {
        let name: String
        let path: WritableKeyPath<ChallengeProof, Value>
        let part: ChallengeCheck.Part
    }

    private(set) var nodes: [Place<Commitment>] = []
    /// Places among siblings and layers.
    private(set) var integers: [Place<Int>] = []
    /// Indexes of nodes.
    private(set) var indexes: [Place<UInt64>] = []

    init(of proof: ChallengeProof) {
        let columns: WritableKeyPath<ChallengeProof, ReplicaColumnProofs> = \.replicaColumnProofs
        merkle("data path", \.commDProof, proof, (.dataPath, .commitments, .encoding))
        merkle("replica path", \.commRLastProof, proof, (.replicaPath, .commitments, .encoding))
        column("column", columns.appending(path: \.challenged), 0, proof)
        for slot in proof.replicaColumnProofs.drgParents.indices {
            column("DRG parent \(slot)", columns.appending(path: \.drgParents[slot]), 1 + slot, proof)
        }
        for slot in proof.replicaColumnProofs.expanderParents.indices {
            let path = columns.appending(path: \.expanderParents[slot])
            column("expander parent \(slot)", path, 7 + slot, proof)
        }
        for layer in proof.labelingProofs.indices {
            labels("labels \(layer + 1)", \.labelingProofs[layer], proof)
        }
        labels("encoding", \.encodingProof, proof)
    }

    private mutating func merkle(
        _ name: String,
        _ path: WritableKeyPath<ChallengeProof, MerkleProof>,
        _ proof: ChallengeProof,
        _ parts: (path: ChallengeCheck.Part, root: ChallengeCheck.Part, leaf: ChallengeCheck.Part)
    ) {
        nodes.append(Place(name: "\(name), root", path: path.appending(path: \.root), part: parts.root))
        nodes.append(Place(name: "\(name), leaf", path: path.appending(path: \.leaf), part: parts.leaf))
        let value = proof[keyPath: path]
        elements("\(name), base", path.appending(path: \.base), value.base, parts.path)
        if let sub = value.sub {
            elements("\(name), sub", path.appending(path: \.sub!), sub, parts.path)
        }
        if let top = value.top {
            elements("\(name), top", path.appending(path: \.top!), top, parts.path)
        }
    }

    private mutating func elements(
        _ name: String,
        _ path: WritableKeyPath<ChallengeProof, [PathElement]>,
        _ values: [PathElement],
        _ part: ChallengeCheck.Part
    ) {
        for (level, element) in values.enumerated() {
            let place = path.appending(path: \.[level])
            integers.append(
                Place(name: "\(name) \(level), index", path: place.appending(path: \.index), part: part)
            )
            for sibling in element.hashes.indices {
                nodes.append(
                    Place(
                        name: "\(name) \(level), sibling \(sibling)",
                        path: place.appending(path: \.hashes[sibling]),
                        part: part
                    )
                )
            }
        }
    }

    private mutating func column(
        _ name: String,
        _ path: WritableKeyPath<ChallengeProof, ColumnProof>,
        _ slot: Int,
        _ proof: ChallengeProof
    ) {
        let part = ChallengeCheck.Part.column(slot)
        indexes.append(
            Place(name: "\(name), index", path: path.appending(path: \.column.index), part: part)
        )
        for row in proof[keyPath: path].column.rows.indices {
            nodes.append(
                Place(
                    name: "\(name), row \(row)",
                    path: path.appending(path: \.column.rows[row]),
                    part: part
                )
            )
        }
        let tree = path.appending(path: \.inclusionProof)
        // The root of the node's own column is CommC.
        merkle(name, tree, proof, (part, slot == 0 ? .commitments : part, part))
    }

    private mutating func labels(
        _ name: String,
        _ path: WritableKeyPath<ChallengeProof, LabelingProof>,
        _ proof: ChallengeProof
    ) {
        integers.append(
            Place(name: "\(name), layer", path: path.appending(path: \.layerIndex), part: .labels)
        )
        indexes.append(Place(name: "\(name), node", path: path.appending(path: \.node), part: .labels))
        for parent in proof[keyPath: path].parents.indices {
            nodes.append(
                Place(
                    name: "\(name), parent \(parent)",
                    path: path.appending(path: \.parents[parent]),
                    part: .labels
                )
            )
        }
    }
}

extension Commitment {
    /// The node with one of its 256 bits turned.
    func flipped(_ bit: Int) -> Commitment {
        var words = self.words
        let mask = UInt64(1) << UInt64(bit % 64)
        switch bit / 64 {
        case 0: words.0 ^= mask
        case 1: words.1 ^= mask
        case 2: words.2 ^= mask
        default: words.3 ^= mask
        }
        return Commitment(words: words)
    }
}
