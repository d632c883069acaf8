// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

@Suite struct ChallengeTests {
    private static let seals = Vectors.all.full_seals.list.filter { $0.sector_size.exists }

    @Test("synthetic challenges equal the published ones")
    func synthetic() throws {
        let vector = Vectors.all.challenges[0]
        let set = SyntheticChallenges(
            replicaID: try vector.replica_id.node,
            commR: try vector.comm_r.node,
            nodeCount: vector.sector_nodes.uint,
            count: vector["count"].int
        )
        #expect(try set.generate(count: 21) == vector.expected.list.map(\.uint))
        #expect(
            try set.select(seed: vector.seed.node, first: 0, count: 10)
                == vector.selected10.list.map(\.uint)
        )
        #expect(sealingError { _ = try set.generate(count: 22) }?.code == .invalidArgument)
    }

    @Test("challenges of known seals are the known ones, in all three ways")
    func known() throws {
        #expect(ChallengeTests.seals.count == 9)
        for vector in ChallengeTests.seals {
            let replicaID = try vector.replica_id.node
            let commR = try vector.comm_r.node
            let nodes = vector.sector_size.uint / 32
            let seed = try vector.interactive_challenges.seed.node
            #expect(
                PoRepChallenges.interactive(
                    replicaID: replicaID,
                    seed: seed,
                    first: 0,
                    count: 2,
                    nodeCount: nodes
                )
                    == vector.interactive_challenges.challenges.list.map(\.uint)
            )
            for (partition, list) in vector.ni_challenges.challenges.list.enumerated() {
                #expect(
                    PoRepChallenges.nonInteractive(
                        replicaID: replicaID,
                        commR: commR,
                        first: 2 * partition,
                        count: 2,
                        nodeCount: nodes
                    ) == list.list.map(\.uint)
                )
            }
            let synthetic = vector.synthetic_challenges
            let set = SyntheticChallenges(
                replicaID: replicaID,
                commR: commR,
                nodeCount: nodes
            )
            #expect(set.count == synthetic.count.int)
            let all = try set.generate(count: set.count)
            #expect(Array(all.prefix(8)) == synthetic.first8.list.map(\.uint))
            let bytes = all.flatMap { value in
                (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
            }
            #expect(digest(bytes) == synthetic.all_sha256_of_u64le.string)
            #expect(
                try set.selectIndexes(seed: seed, first: 0, count: 2)
                    == synthetic.selected_indexes_partition0.list.map(\.int)
            )
            #expect(
                try set.select(seed: seed, first: 0, count: 2)
                    == synthetic.selected.list.map(\.uint)
            )
        }
    }

    @Test("proof of space-time challenges of known seals are the known ones")
    func spaceTime() throws {
        for vector in ChallengeTests.seals {
            for (kind, known) in [
                (PoStKind.winning, vector.winning_post_leaf_challenges),
                (.windowV1, vector.window_post_leaf_challenges),
                (.windowV1_2, vector.window_post_leaf_challenges),
            ] {
                let statement = try PoStStatement(
                    kind: kind,
                    sectorSize: #require(SectorSize(rawValue: vector.sector_size.uint)),
                    proverID: vector.prover_id.node,
                    randomness: known.randomness.node,
                    sectors: [
                        PoStSector(number: vector.sector_number.uint, commR: vector.comm_r.node)
                    ]
                )
                #expect(statement.challenges(at: 0) == known.challenges.list.map(\.uint))
            }
        }
    }

    @Test("every registered proof has the network's partitions and challenges")
    func counts() throws {
        let expected = [
            (SealProofFamily.v1, SectorSize.kib2, 1, 2), (.nonInteractive, .kib2, 13, 2),
            (.v1_1, .gib32, 10, 18), (.synthetic, .gib64, 10, 18),
            (.nonInteractive, .gib32, 126, 18),
        ]
        for (family, size, partitions, challenges) in expected {
            let parameters = try RegisteredSealProof.forSize(size, family: family).parameters
            #expect(parameters.partitionCount == partitions)
            #expect(parameters.challengesPerPartition == challenges)
        }
    }
}

@Suite struct PoStTests {
    private func known() throws -> (JSONValue, PoStVanillaProof, PoStStatement) {
        let vector = Vectors.all.post[0]
        let bytes = try #require(Data(base64Encoded: vector.proof_base64.string))
        let statement = try PoStStatement(
            kind: .windowV1,
            sectorSize: .gib32,
            proverID: Commitment(proverOf: 1000),
            randomness: vector.randomness.node,
            sectors: [PoStSector(number: vector.sector_id.uint, commR: vector.comm_r.node)]
        )
        return (vector, try PoStVanillaProof(binary: Array(bytes)), statement)
    }

    @Test("the published window proof of a 32 GiB sector verifies and keeps its bytes")
    func published() throws {
        let (vector, proof, statement) = try known()
        #expect(statement.challenges(at: 0) == vector.leaf_challenges.list.map(\.uint))
        #expect(proof.commC == (try vector.comm_c.node))
        #expect(proof.commRLast == (try vector.comm_r_last.node))
        try PoStVanilla.verify(proof, statement, sectorAt: 0)
        #expect(Data(proof.binary).base64EncodedString() == vector.proof_base64.string)
        #expect(proof.binary.count == 24_960)
    }

    @Test("the published base roots of a 32 GiB sector join to CommRLast")
    func baseRoots() throws {
        let vector = Vectors.all.post[1]
        let root = try Poseidon.arity8.hash(vector.base_roots.nodeList)
        #expect(root == (try vector.comm_r_last.node))
        let aux = try PersistentAux(bytes: vector.p_aux.byteList)
        #expect(aux.commRLast == root)
        #expect(try aux.commR() == (try Vectors.all.post[0].comm_r.node))
    }

    @Test("a changed window proof is rejected and truncated bytes are a named error")
    func changed() throws {
        let (_, proof, statement) = try known()
        func reason(_ change: (inout PoStVanillaProof) -> Void) -> VanillaRejection.Reason? {
            var changed = proof
            change(&changed)
            do throws(VanillaRejection) {
                try PoStVanilla.verify(changed, statement, sectorAt: 0)
                return nil
            } catch {
                return error.reason
            }
        }
        #expect(reason { $0.sectorNumber = 2 } == .wrongStatement)
        #expect(reason { $0.commR = .zero } == .wrongStatement)
        #expect(reason { $0.commC = .zero } == .wrongCommR)
        #expect(reason { $0.commRLast = .zero } == .wrongCommR)
        #expect(reason { $0.commC = Commitment(repeating: 0xff) } == .notCanonical)
        #expect(reason { $0.inclusionProofs.removeLast() } == .wrongShape)
        #expect(reason { $0.inclusionProofs.swapAt(0, 1) } == .wrongNode)
        #expect(reason { $0.inclusionProofs[3].leaf = .zero } == .wrongPath)
        #expect(reason { $0.inclusionProofs[3].base[4].hashes[2] = .zero } == .wrongPath)
        #expect(reason { $0.inclusionProofs[9].sub?[0].index = 8 } == .wrongPath)
        #expect(reason { $0.inclusionProofs[9].top = [] } == .wrongPath)
        let bytes = proof.binary
        for count in [0, 7, 48, 56, 57, 100, bytes.count - 1] {
            #expect(
                sealingError { _ = try PoStVanillaProof(binary: Array(bytes.prefix(count))) }?.code
                    == .malformed
            )
        }
        #expect(sealingError { _ = try PoStVanillaProof(binary: bytes + [0]) }?.code == .malformed)
        var huge = bytes
        huge.replaceSubrange(48..<56, with: [UInt8](repeating: 0xff, count: 8))
        #expect(sealingError { _ = try PoStVanillaProof(binary: huge) }?.code == .malformed)
    }

    @Test("sealed sectors of every tree shape are opened and verified", arguments: [0, 6, 7, 8])
    func sealed(index: Int) throws {
        let run = try SealRun(vector: Vectors.all.full_seals[index])
        let output = try run.seal()
        try run.pipeline.finalize()
        for kind in PoStKind.allCases {
            let statement = try PoStStatement(
                kind: kind,
                sectorSize: run.pipeline.parameters.sectorSize,
                proverID: run.pipeline.proverID,
                randomness: Commitment(repeating: 0xee),
                sectors: [PoStSector(number: 1, commR: output.commR)]
            )
            let proof = try PoStVanilla.prove(statement, sectorAt: 0, paths: run.paths)
            try PoStVanilla.verify(proof, statement, sectorAt: 0)
            #expect(try PoStVanillaProof(binary: proof.binary) == proof)
            let encoded = try JSONEncoder().encode(proof)
            #expect(try JSONDecoder().decode(PoStVanillaProof.self, from: encoded) == proof)
        }
    }

    @Test("window challenges number all sectors in version 1 and each sector in version 1.2")
    func numbering() throws {
        func statement(_ kind: PoStKind) throws -> PoStStatement {
            try PoStStatement(
                kind: kind,
                sectorSize: .kib2,
                proverID: .zero,
                randomness: .zero,
                sectors: [
                    PoStSector(number: 7, commR: .zero), PoStSector(number: 3, commR: .zero),
                    PoStSector(number: 5, commR: .zero),
                ]
            )
        }
        let old = try statement(.windowV1)
        let new = try statement(.windowV1_2)
        #expect(old.sectors.map(\.number) == [3, 5, 7])
        #expect(old.partitionCount == 2)
        #expect(old.challenges(at: 0) == new.challenges(at: 0))
        #expect(old.challenges(at: 1) != new.challenges(at: 1))
        #expect(
            new.challenges(at: 1)
                == PoStChallenges.leaves(
                    randomness: .zero,
                    sectorNumber: 5,
                    first: 0,
                    count: 10,
                    nodeCount: 64
                )
        )
        #expect(
            old.challenges(at: 1)
                == PoStChallenges.leaves(
                    randomness: .zero,
                    sectorNumber: 5,
                    first: 10,
                    count: 10,
                    nodeCount: 64
                )
        )
        #expect(sealingError { _ = try statement(.winning) }?.code == .invalidArgument)
    }

    @Test("the winning sector is drawn from prover and randomness")
    func winning() throws {
        let index = try PoStChallenges.winningSector(
            proverID: Commitment(proverOf: 1000),
            randomness: Commitment(repeating: 0xff),
            sectorCount: 10
        )
        let message =
            Commitment(proverOf: 1000).bytes + [UInt8](repeating: 0xff, count: 31)
            + [0x3f] + [UInt8](repeating: 0, count: 8)
        #expect(index == SHA256.hash(message, .portable).words.0 % 10)
        #expect(
            sealingError {
                _ = try PoStChallenges.winningSector(
                    proverID: .zero,
                    randomness: .zero,
                    sectorCount: 0
                )
            }?.code == .invalidArgument
        )
    }
}
