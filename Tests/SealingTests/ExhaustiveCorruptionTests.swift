// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

/// Every byte of every node, and every number, changed one at a time.
///
/// A proof holds when all parts of its check do, so a change is shown to be refused by the part that
/// looks at its place; one change of each place is also given to the whole check.
@Suite("Every element of a proof counts")
struct ExhaustiveCorruptionTests {
    private static let sizes: [SectorSize] = [.kib2, .kib32]

    /// A sector of patterned data; of sizes that are not registered, too.
    private func run(_ size: SectorSize) throws -> SealRun {
        let scratch = try Scratch()
        let registered = RegisteredSealProof.all[5].parameters
        let parameters = SealParameters(
            sectorSize: size,
            porepID: registered.porepID,
            apiVersion: registered.apiVersion,
            family: registered.family
        )
        let name = "s-t01000-1"
        let pipeline = SealPipeline(
            parameters: parameters,
            proverID: Commitment(proverOf: 1000),
            sectorNumber: 1,
            paths: SectorPaths(
                unsealed: "\(scratch.path)/unsealed/\(name)",
                sealed: "\(scratch.path)/sealed/\(name)",
                cache: "\(scratch.path)/cache/\(name)"
            )
        )
        let payload = SealRun.pattern(Int(size.unpaddedBytes))
        return try SealRun(scratch, pipeline, ticket: Commitment(repeating: 3), payload: payload)
    }

    /// The proofs of a sector, with a check and its node for each challenge.
    private func proven(
        _ size: SectorSize
    ) throws -> (proofs: VanillaProofs, statement: PoRepStatement, checks: [ChallengeCheck]) {
        let run = try run(size)
        let seed = Commitment(repeating: 1)
        let output = try run.seal()
        let proofs = try run.pipeline.commit1(ticket: run.ticket, seed: seed, commitments: output)
        let statement = run.statement(output, seed: seed)
        try VanillaVerifier.verify(proofs, statement)
        let graph = try StackedGraph(statement.parameters)
        let challenges = try PoRepChallenges.derive(
            parameters: statement.parameters,
            replicaID: statement.replicaID,
            commR: output.commR,
            seed: seed,
            partition: 0
        )
        let checks = try challenges.map {
            try ChallengeCheck(statement: statement, graph: graph, node: $0)
        }
        return (proofs, statement, checks)
    }

    private func isRefused(_ body: () throws(VanillaRejection) -> Void) -> Bool {
        do throws(VanillaRejection) {
            try body()
            return false
        } catch {
            return true
        }
    }

    /// How many nodes, and how many other numbers, the JSON of a value has.
    private func leaves(_ value: JSONValue) -> (nodes: Int, numbers: Int) {
        switch value {
        case .number: return (0, 1)
        case .list(let list) where isNode(list): return (1, 0)
        case .list(let list):
            return list.map(leaves).reduce((0, 0)) { ($0.0 + $1.nodes, $0.1 + $1.numbers) }
        case .object:
            return leaves(.list(value.keys.map { value[$0] }))
        default: return (0, 0)
        }
    }

    private func isNode(_ list: [JSONValue]) -> Bool {
        list.count == 32
            && list.allSatisfy {
                if case .number(let number) = $0 { number < 256 } else { false }
            }
    }

    @Test("each byte of each node of each challenge is refused when it changes", arguments: sizes)
    func nodes(size: SectorSize) throws {
        let (proofs, _, checks) = try proven(size)
        var count = 0
        for (challenge, proof) in proofs.partitions[0].enumerated() {
            let places = ProofPlaces(of: proof).nodes
            count += places.count
            for (index, place) in places.enumerated() {
                let original = proof[keyPath: place.path]
                var changed = proof
                for byte in 0..<32 {
                    changed[keyPath: place.path] = original.flipped(8 * byte + (index + byte) % 8)
                    let isRefused = isRefused { () throws(VanillaRejection) in
                        try checks[challenge].check(place.part, of: changed)
                    }
                    #expect(isRefused, "\(place.name), byte \(byte) of challenge \(challenge)")
                }
                let isRefusedByAll = isRefused { () throws(VanillaRejection) in
                    try checks[challenge].run(changed)
                }
                #expect(isRefusedByAll, "\(place.name) of challenge \(challenge)")
            }
        }
        // No node of the JSON text is left out.
        let text = try JSONEncoder().encode(proofs.partitions)
        #expect(try leaves(JSONDecoder().decode(JSONValue.self, from: text)).nodes == count)
    }

    @Test("each number of each challenge is refused when it changes", arguments: sizes)
    func numbers(size: SectorSize) throws {
        let (proofs, _, checks) = try proven(size)
        var count = 0
        for (challenge, proof) in proofs.partitions[0].enumerated() {
            let places = ProofPlaces(of: proof)
            func demand(_ name: String, _ part: ChallengeCheck.Part, _ changed: ChallengeProof) {
                let isRefused = isRefused { () throws(VanillaRejection) in
                    try checks[challenge].check(part, of: changed)
                }
                #expect(isRefused, "\(name) of challenge \(challenge)")
            }
            for place in places.integers {
                let original = proof[keyPath: place.path]
                for value in [original ^ 1, original + 8, original - 1, -original - 1, .max, .min] {
                    var changed = proof
                    changed[keyPath: place.path] = value
                    demand("\(place.name): \(value)", place.part, changed)
                }
            }
            for place in places.indexes {
                let original = proof[keyPath: place.path]
                for value in (0..<64).map({ original ^ (1 << UInt64($0)) }) + [original &+ 1, .max] {
                    var changed = proof
                    changed[keyPath: place.path] = value
                    demand("\(place.name): \(value)", place.part, changed)
                }
            }
            count += places.integers.count + places.indexes.count
        }
        let text = try JSONEncoder().encode(proofs.partitions)
        #expect(try leaves(JSONDecoder().decode(JSONValue.self, from: text)).numbers == count)
    }

    @Test("a node's JSON text is another node when any of its integers changes")
    func text() throws {
        var random = Seeded(state: 5)
        let node = random.node()
        let list = node.bytes.map(Int.init)
        for place in 0..<32 {
            for value in 0..<256 where value != list[place] {
                var changed = list
                changed[place] = value
                let read = try JSONDecoder().decode(Commitment.self, from: Data("\(changed)".utf8))
                #expect(read != node && read.bytes.map(Int.init) == changed)
            }
            for value in [-1, 256, Int.max] {
                var changed = list
                changed[place] = value
                #expect(throws: DecodingError.self) {
                    try JSONDecoder().decode(Commitment.self, from: Data("\(changed)".utf8))
                }
            }
        }
    }

    @Test("each byte around the openings is refused, and of the ticket by whoever knows the sector")
    func envelope() throws {
        let (proofs, statement, _) = try proven(.kib2)
        let places: [(String, WritableKeyPath<VanillaProofs, Commitment>)] = [
            ("CommR", \.commR), ("CommD", \.commD), ("replica", \.replicaID), ("seed", \.seed),
        ]
        for byte in 0..<32 {
            for (name, place) in places {
                var changed = proofs
                changed[keyPath: place] = proofs[keyPath: place].flipped(8 * byte + byte % 8)
                #expect(throws: VanillaRejection.self, "\(name), byte \(byte)") {
                    try VanillaVerifier.verify(changed, statement)
                }
            }
            // A verifier is told the replica identifier and neither prover nor sector, with which the
            // ticket would have to be hashed. So a changed ticket passes it; the identifier tells.
            var changed = proofs
            changed.ticket = proofs.ticket.flipped(8 * byte + byte % 8)
            let isRefused = isRefused { () throws(VanillaRejection) in
                try VanillaVerifier.verify(changed, statement)
            }
            func replicaID(_ ticket: Commitment) -> Commitment {
                ReplicaID.compute(
                    proverID: Commitment(proverOf: 1000),
                    sectorNumber: 1,
                    ticket: ticket,
                    commD: proofs.commD,
                    porepID: statement.parameters.porepID
                )
            }
            #expect(!isRefused)
            #expect(replicaID(proofs.ticket) == proofs.replicaID)
            #expect(replicaID(changed.ticket) != proofs.replicaID, "ticket, byte \(byte)")
        }
    }

    @Test("each byte of the binary form of a proof of space-time is refused", arguments: sizes)
    func binary(size: SectorSize) throws {
        let run = try run(size)
        let statement = try PoStStatement(
            kind: .windowV1_2,
            sectorSize: size,
            proverID: Commitment(proverOf: 1000),
            randomness: SHA256.hash([8]),
            sectors: [PoStSector(number: 1, commR: try run.seal().commR)]
        )
        let proof = try PoStVanilla.prove(statement, sectorAt: 0, paths: run.paths)
        try PoStVanilla.verify(proof, statement, sectorAt: 0)
        let challenges = statement.challenges(at: 0)
        let binary = proof.binary
        #expect(try PoStVanillaProof(binary: binary) == proof)
        var unread = 0
        for at in binary.indices {
            var changed = binary
            changed[at] ^= 1 << UInt8(at % 8)
            let read: PoStVanillaProof
            do throws(SealingError) {
                read = try PoStVanillaProof(binary: changed)
            } catch {
                #expect(error.code == .malformed)
                unread += 1
                continue
            }
            let isRefused = isRefused { () throws(VanillaRejection) in
                try verify(read, proof, statement, challenges)
            }
            #expect(isRefused, "byte \(at)")
        }
        // Counts and variants above all: eight bytes each, of which most must be zero.
        #expect(unread > 300 && unread < binary.count / 2)
    }

    /// Checks a changed proof: where one opening differs that one, which the whole check verifies, too.
    private func verify(
        _ read: PoStVanillaProof,
        _ proof: PoStVanillaProof,
        _ statement: PoStStatement,
        _ challenges: [UInt64]
    ) throws(VanillaRejection) {
        let differing = read.inclusionProofs.indices.filter {
            $0 < challenges.count && read.inclusionProofs[$0] != proof.inclusionProofs[$0]
        }
        var mended = read
        mended.inclusionProofs = proof.inclusionProofs
        guard differing.count == 1, mended == proof, read.inclusionProofs.count == challenges.count else {
            return try PoStVanilla.verify(read, statement, sectorAt: 0)
        }
        let index = differing[0]
        try PoStVanilla.verify(
            read.inclusionProofs[index],
            challenges[index],
            root: read.commRLast,
            statement.sectorSize
        )
    }
}
