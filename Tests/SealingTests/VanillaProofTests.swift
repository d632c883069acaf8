// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

@Suite struct VanillaProofTests {
    private static let seed = Commitment(repeating: 1)

    private func proofs(
        _ run: SealRun
    ) throws -> (proofs: VanillaProofs, statement: PoRepStatement) {
        let output = try run.seal()
        let proofs = try run.pipeline.commit1(
            ticket: run.ticket,
            seed: VanillaProofTests.seed,
            commitments: output
        )
        return (proofs, run.statement(output, seed: VanillaProofTests.seed))
    }

    @Test("the first challenge of the first known seal opens to the known proof")
    func known() throws {
        let vector = Vectors.all.c1_vanilla_proof[0]
        let run = try SealRun(vector: Vectors.all.full_seals[0])
        let (proofs, statement) = try proofs(run)
        try VanillaVerifier.verify(proofs, statement)
        let proof = proofs.partitions[0][0]
        func path(_ value: JSONValue) throws -> [PathElement] {
            try value.list.map {
                PathElement(hashes: try $0.hashes.nodeList, index: $0.index.int)
            }
        }
        #expect(proof.commDProof.elements == (try path(vector.comm_d_path)))
        #expect(proof.commDProof.leaf == (try vector.data_leaf.node))
        #expect(proof.commRLastProof.elements == (try path(vector.comm_r_last_path)))
        #expect(proof.commRLastProof.leaf == (try vector.replica_leaf.node))
        let columns = proof.replicaColumnProofs
        #expect(columns.challenged.column.index == vector.challenge.uint)
        #expect(columns.challenged.column.rows == (try vector.column.nodeList))
        #expect(columns.challenged.inclusionProof.leaf == (try vector.column_hash.node))
        #expect(columns.challenged.inclusionProof.elements == (try path(vector.comm_c_path)))
        #expect(columns.drgParents.map(\.column.index) == vector.drg_parents.list.map(\.uint))
        #expect(
            columns.expanderParents.map(\.column.index) == vector.exp_parents.list.map(\.uint)
        )
        #expect(
            proof.labelingProofs.map { digest($0.parents.flatMap(\.bytes)) }
                == vector.labeling_parents_sha256.list.map(\.string)
        )
    }

    @Test("proofs of every tree shape and family verify and survive JSON", arguments: 0..<9)
    func roundTrip(index: Int) throws {
        let run = try SealRun(vector: Vectors.all.full_seals[index])
        let (proofs, statement) = try proofs(run)
        #expect(proofs.partitions.count == run.pipeline.parameters.partitionCount)
        try VanillaVerifier.verify(proofs, statement)
        guard [0, 6, 8].contains(index) else {
            return
        }
        /* One sector of each tree shape is enough for the text. */
        let data = try JSONEncoder().encode(proofs)
        #expect(try JSONDecoder().decode(VanillaProofs.self, from: data) == proofs)
        let json = try JSONDecoder().decode(JSONValue.self, from: data)
        #expect(
            json.keys == [
                "comm_d", "comm_r", "registered_proof", "replica_id", "seed", "ticket",
                "vanilla_proofs",
            ]
        )
        let kind = "StackedDrg\(run.pipeline.parameters.sectorSize)V1"
        #expect(json.vanilla_proofs.keys == [kind])
        let first = json.vanilla_proofs[kind][0][0]
        #expect(
            first.keys == [
                "comm_d_proofs", "comm_r_last_proof", "encoding_proof", "labeling_proofs",
                "replica_column_proofs",
            ]
        )
        let shape = run.pipeline.parameters.shape
        let variant = shape.topArity > 0 ? "Top" : shape.subArity > 0 ? "Sub" : "Single"
        #expect(first.comm_r_last_proof.data.keys == [variant])
        #expect(first.comm_d_proofs.data.keys == ["Single"])
        #expect(first.comm_d_proofs.data.Single.path.path[0].keys == ["hashes", "index"])
        #expect(first.replica_column_proofs.keys == ["c_x", "drg_parents", "exp_parents"])
        #expect(first.replica_column_proofs.c_x.column.keys == ["_h", "index", "rows"])
        #expect(first.encoding_proof.keys == ["layer_index", "node", "parents"])
        #expect(first.encoding_proof.parents.list.count == 37)
        #expect(json.comm_r.list.count == 32)
    }

    @Test("pre-commit 1 output has the reference's JSON shape and reads back")
    func preCommit1JSON() throws {
        let run = try SealRun(ticket: Commitment(repeating: 7))
        let output = try run.preCommit1()
        let data = try JSONEncoder().encode(output)
        #expect(try JSONDecoder().decode(PreCommit1Output.self, from: data) == output)
        let json = try JSONDecoder().decode(JSONValue.self, from: data)
        #expect(
            json.keys == [
                "_lotus_SealRandomness", "comm_d", "config", "labels", "registered_proof",
            ]
        )
        #expect(json.registered_proof.string == "StackedDrg2KiBV1_1")
        #expect(json.labels.StackedDrg2KiBV1.labels[1]["id"].string == "layer-2")
        #expect(json.config.keys == ["id", "path", "rows_to_discard", "size"])
        #expect(json._lotus_SealRandomness.string == "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=")
    }

    /// A named change to one field of a challenge's proof.
    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let reasons: Set<VanillaRejection.Reason>
        let apply: @Sendable (inout ChallengeProof) -> Void

        init(
            _ name: String,
            _ reasons: Set<VanillaRejection.Reason>,
            _ apply: @escaping @Sendable (inout ChallengeProof) -> Void
        ) {
            testDescription = name
            self.reasons = reasons
            self.apply = apply
        }
    }

    private static func flip(_ node: inout Commitment) {
        let words = node.words
        node = Commitment(words: (words.0 ^ 1, words.1, words.2, words.3))
    }

    static let changes: [Change] = [
        Change("data root", [.wrongPath]) { flip(&$0.commDProof.root) },
        Change("data leaf", [.wrongPath]) { flip(&$0.commDProof.leaf) },
        Change("data sibling", [.wrongPath]) { flip(&$0.commDProof.base[3].hashes[0]) },
        Change("data index", [.wrongPath]) { $0.commDProof.base[0].index ^= 1 },
        Change("data index out of range", [.wrongPath]) { $0.commDProof.base[0].index = 2 },
        Change("data index negative", [.wrongPath]) { $0.commDProof.base[0].index = -1 },
        Change("data path shorter", [.wrongPath]) { $0.commDProof.base.removeLast() },
        Change("data path with a sub level", [.wrongPath]) { $0.commDProof.sub = [] },
        Change("replica root", [.wrongCommR]) { flip(&$0.commRLastProof.root) },
        Change("replica leaf", [.wrongPath]) { flip(&$0.commRLastProof.leaf) },
        Change("replica sibling", [.wrongPath]) { flip(&$0.commRLastProof.base[1].hashes[6]) },
        Change("replica index", [.wrongPath]) {
            $0.commRLastProof.base[0].index = ($0.commRLastProof.base[0].index + 1) % 8
        },
        Change("replica sibling outside the field", [.notCanonical]) {
            $0.commRLastProof.base[0].hashes[0] = Commitment(repeating: 0xff)
        },
        Change("replica siblings missing", [.wrongPath]) {
            $0.commRLastProof.base[0].hashes.removeLast()
        },
        Change("column root", [.wrongCommR]) {
            flip(&$0.replicaColumnProofs.challenged.inclusionProof.root)
        },
        Change("column leaf", [.wrongColumn]) {
            flip(&$0.replicaColumnProofs.challenged.inclusionProof.leaf)
        },
        Change("column sibling", [.wrongPath]) {
            flip(&$0.replicaColumnProofs.challenged.inclusionProof.base[0].hashes[0])
        },
        Change("column row", [.wrongColumn]) {
            flip(&$0.replicaColumnProofs.challenged.column.rows[0])
        },
        Change("column rows missing", [.wrongShape]) {
            $0.replicaColumnProofs.challenged.column.rows.removeLast()
        },
        Change("column index", [.wrongNode]) {
            $0.replicaColumnProofs.challenged.column.index += 1
        },
        Change("DRG parent's row", [.wrongColumn]) {
            flip(&$0.replicaColumnProofs.drgParents[4].column.rows[1])
        },
        Change("DRG parent's root", [.wrongPath]) {
            flip(&$0.replicaColumnProofs.drgParents[0].inclusionProof.root)
        },
        Change("DRG parent of another node", [.wrongNode]) {
            $0.replicaColumnProofs.drgParents[0] = $0.replicaColumnProofs.challenged
        },
        Change("DRG parent missing", [.wrongShape]) {
            $0.replicaColumnProofs.drgParents.removeLast()
        },
        Change("expander parent's row", [.wrongColumn]) {
            flip(&$0.replicaColumnProofs.expanderParents[7].column.rows[0])
        },
        Change("expander parent's path index", [.wrongPath]) {
            let element = $0.replicaColumnProofs.expanderParents[2].inclusionProof.base[1]
            $0.replicaColumnProofs.expanderParents[2].inclusionProof.base[1].index =
                (element.index + 1) % 8
        },
        Change("expander parent missing", [.wrongShape]) {
            $0.replicaColumnProofs.expanderParents.removeFirst()
        },
        Change("label parent", [.wrongLabel]) { flip(&$0.labelingProofs[0].parents[36]) },
        Change("label parent missing", [.wrongLabel]) { $0.labelingProofs[1].parents.removeLast() },
        Change("label layer", [.wrongLabel]) { $0.labelingProofs[0].layerIndex = 2 },
        Change("label node", [.wrongLabel]) { $0.labelingProofs[1].node ^= 1 },
        Change("label layers missing", [.wrongShape]) { $0.labelingProofs.removeLast() },
        Change("encoding parent", [.wrongLabel]) { flip(&$0.encodingProof.parents[0]) },
        Change("encoding layer", [.wrongLabel]) { $0.encodingProof.layerIndex = 1 },
        Change("encoding node", [.wrongLabel]) { $0.encodingProof.node += 1 },
    ]

    @Test("a proof with one changed field is rejected for that field")
    func changedFields() throws {
        let run = try SealRun(vector: Vectors.all.full_seals[5])
        let (proofs, statement) = try proofs(run)
        try VanillaVerifier.verify(proofs, statement)
        for change in VanillaProofTests.changes {
            for challenge in 0..<2 {
                var changed = proofs
                change.apply(&changed.partitions[0][challenge])
                let rejection = #expect(throws: VanillaRejection.self, "\(change.testDescription)") {
                    try VanillaVerifier.verify(changed, statement)
                }
                let reason = try #require(rejection?.reason)
                #expect(change.reasons.contains(reason), "\(change.testDescription): \(reason)")
                #expect(rejection?.partition == 0 && rejection?.challenge == challenge)
            }
        }
    }

    @Test("a proof of another statement, or of too few challenges, is rejected")
    func changedStatement() throws {
        let run = try SealRun(vector: Vectors.all.full_seals[5])
        let (proofs, statement) = try proofs(run)
        func reason(
            _ change: (inout VanillaProofs) -> Void,
            _ about: PoRepStatement
        ) -> VanillaRejection.Reason? {
            var changed = proofs
            change(&changed)
            do throws(VanillaRejection) {
                try VanillaVerifier.verify(changed, about)
                return nil
            } catch {
                return error.reason
            }
        }
        #expect(reason({ _ in }, statement) == nil)
        #expect(reason({ $0.proofName = "StackedDrg2KiBV1" }, statement) == .wrongStatement)
        #expect(reason({ $0.commR = .zero }, statement) == .wrongStatement)
        #expect(reason({ $0.commD = .zero }, statement) == .wrongStatement)
        #expect(reason({ $0.replicaID = .zero }, statement) == .wrongStatement)
        #expect(reason({ $0.seed = .zero }, statement) == .wrongStatement)
        #expect(reason({ $0.partitions.removeAll() }, statement) == .wrongShape)
        #expect(reason({ $0.partitions[0].removeLast() }, statement) == .wrongShape)
        #expect(reason({ $0.partitions[0].swapAt(0, 1) }, statement) == .wrongNode)
        /* The prover claims another seed consistently: its challenges then differ. */
        let other = Commitment(repeating: 9)
        let moved = PoRepStatement(
            parameters: statement.parameters,
            replicaID: statement.replicaID,
            commD: statement.commD,
            commR: statement.commR,
            seed: other
        )
        #expect(reason({ $0.seed = other }, moved) == .wrongNode)
        /* And another replica: the labels no longer follow, whatever the challenges. */
        let foreign = PoRepStatement(
            parameters: statement.parameters,
            replicaID: other,
            commD: statement.commD,
            commR: statement.commR,
            seed: statement.seed
        )
        let found = reason({ $0.replicaID = other }, foreign)
        #expect(found == .wrongNode || found == .wrongLabel)
    }

    @Test("JSON that is not a proof is an error, not a crash")
    func malformedJSON() throws {
        let run = try SealRun()
        let (proofs, _) = try proofs(run)
        let text = String(decoding: try JSONEncoder().encode(proofs), as: UTF8.self)
        let broken = [
            "", "{}", "[]", text.replacingOccurrences(of: "Single", with: "Double"),
            text.replacingOccurrences(of: "\"index\":1", with: "\"index\":-1.5"),
            text.replacingOccurrences(of: "\"comm_r\":[", with: "\"comm_r\":[1,"),
            String(text.dropLast(9)),
        ]
        for one in broken {
            #expect(throws: (any Error).self) {
                try JSONDecoder().decode(VanillaProofs.self, from: Data(one.utf8))
            }
        }
    }
}
