// SPDX-License-Identifier: Apache-2.0
import Sealing
import Testing

/// Which known answers there are, and who looks at them.
@Suite struct VectorGroupTests {
    /// The test of each group, or why there is none.
    private static let groups: [String: String] = [
        "about": "no answers: says what the file is",
        "c1_vanilla_proof": "VanillaProofTests.known",
        "chacha8": "GraphAndLabelTests.draws",
        "challenges": "ChallengeTests.synthetic",
        "cids": "PieceTests.cids",
        "comm_d_from_pieces": "PieceTests.commD",
        "comm_p": "PieceTests.commP",
        "comm_p_go_random": "VectorGroupTests.goRandom",
        "encode": "PieceTests.encode",
        "fr32": "PieceTests.fr32, PieceTests.acceptance",
        "full_seals": "FullSealTests.small, FullSealTests.mib8, ChallengeTests.known",
        "graph_parents": "GraphAndLabelTests.parents",
        "parameter_files": "none: files of a SNARK prover, which this module does not have",
        "parent_cache": "GraphAndLabelTests.cacheNames, GraphAndLabelTests.cacheFiles",
        "piece_alignment": "PieceTests.alignment",
        "poseidon": "PoseidonTests.digests",
        "poseidon_constants": "PoseidonTests.constants",
        "post": "PoStTests.published, PoStTests.baseRoots",
        "replica_id": "PieceTests.replicaID",
        "sdr_labels": "GraphAndLabelTests.labels",
        "seal_regression_records": "VectorGroupTests.regressionRecords",
        "t_aux": "FullSealTests.temporaryAux",
        "zero_piece_commitments": "PieceTests.zeros",
    ]

    @Test("every group of known answers has a test, or a reason why not")
    func groups() {
        #expect(Vectors.all.keys == VectorGroupTests.groups.keys.sorted())
    }

    @Test("pieces of a seeded random payload get the published CIDs")
    func goRandom() throws {
        let cases = Vectors.all.comm_p_go_random.cases.list
        #expect(cases.count == 11)
        // All payloads have the same seed: each is the beginning of the longest one.
        let scratch = try Scratch()
        let file = "\(scratch.path)/payload"
        let longest = try #require(cases.map(\.payload.int).max())
        #expect(longest == 532_676_608)
        var random = GoRandom(seed: 1337)
        try random.write(longest, to: file)
        for one in cases {
            let info = try CommP.compute(.file(path: file, offset: 0, count: one.payload.uint))
            #expect(info.size == one.padded.uint)
            #expect(info.commP.pieceCID == one.cid.string, "\(one.payload.int) bytes")
        }
    }

    @Test("replica identifiers and challenges of published proofs are those derived elsewhere")
    func regressionRecords() throws {
        let records = Vectors.all.seal_regression_records.records.list
        #expect(records.count == 38)
        var challenged = 0
        for record in records {
            let porepID = try record.porep_id.node
            let family: SealProofFamily =
                switch record.api_features.list.first?.string {
                case "SyntheticPoRep": .synthetic
                case "NonInteractivePoRep": .nonInteractive
                default: record.api_version.string == "V1_0_0" ? .v1 : .v1_1
                }
            let size = try #require(SectorSize(rawValue: record.sector_size.uint))
            let registered = try RegisteredSealProof.forSize(size, family: family).parameters
            let parameters = SealParameters(
                sectorSize: size,
                porepID: porepID,
                apiVersion: registered.apiVersion,
                family: family
            )
            let replicaID = ReplicaID.compute(
                proverID: try record.prover_id.node,
                sectorNumber: record.sector_id.uint,
                ticket: try record.ticket.node,
                commD: try record.comm_d.node,
                porepID: porepID
            )
            #expect(replicaID == (try record.derived_replica_id.node), "\(record.name.string)")
            let expected = record.derived_challenges_partition0
            if expected.exists {
                let found = try PoRepChallenges.derive(
                    parameters: parameters,
                    replicaID: replicaID,
                    commR: record.comm_r.node,
                    seed: record.seed.node,
                    partition: 0
                )
                #expect(found == expected.list.map(\.uint), "\(record.name.string)")
                challenged += 1
            }
        }
        #expect(challenged > 20)
    }
}
