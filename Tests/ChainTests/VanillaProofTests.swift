// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Kernel
import Sealing
import Testing

/// A 2 KiB sector sealed with the chain's own ticket and opened for the chain's own seed.
private struct SealedSector: Sendable {
    let key = SectorKey(miner: 1000, number: 1)
    let claim: SealClaim
    let json: [UInt8]

    /// Pre-committed at head 0, the sector lands at epoch 1; its seed is that of epoch 11.
    static let shared = Result { try SealedSector() }

    init() throws {
        let miner = try ActorAddress(id: key.miner)
        let ticket = beacon.draw(.sealRandomness, epoch: 0, miner: miner)
        let seed = beacon.draw(.interactiveSeal, epoch: 11, miner: miner)
        let directory = FileManager.default.temporaryDirectory.appending(path: "chain-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let sector = SectorIdentity(minerID: key.miner, number: key.number, proof: proof2KiB)
        let pipeline = SealPipeline(sector, paths: SectorPaths(root: directory.path(), sector: sector))
        let payload = (0..<2032).map { UInt8(truncatingIfNeeded: $0 * 31 + 5) }
        let added = try pipeline.addPiece(.bytes(payload), paddedSize: 2048)
        let sealed = try pipeline.preCommit2(pipeline.preCommit1(ticket: ticket, pieces: added.pieces))
        let openings = try pipeline.commit1(ticket: ticket, seed: seed, commitments: sealed)
        json = Array(try JSONEncoder().encode(openings))
        claim = SealClaim(
            key: key, proof: proof2KiB, commD: sealed.commD, commR: sealed.commR, ticket: ticket, seed: seed)
        try FileManager.default.removeItem(at: directory)
    }

    /// The refusal of a proof for this sector's claim.
    func refusal(_ proof: [UInt8], form: ProofForm = .vanilla) -> ChainRefusal? {
        VanillaProofVerifier().verifyPoRep(proof, form: form, claim: claim)
    }

    /// The refusal of the openings after a change of one value.
    func refusal(_ change: (inout VanillaProofs) -> Void) throws -> ChainRefusal? {
        var openings = try JSONDecoder().decode(VanillaProofs.self, from: Data(json))
        let before = openings
        change(&openings)
        #expect(openings != before, "the change changes nothing")
        return refusal(Array(try JSONEncoder().encode(openings)))
    }
}

@Suite struct VanillaProofTests {
    @Test("a chain takes a real sector from pre-commitment to proof by its openings")
    func accepted() throws {
        let sector = try SealedSector.shared.get()
        let world = SimulatedWorld(options: .init(encodesNetworkMessages: true))
        let store = MemoryChainStore()
        let chain = try world.addNode("chain").spawn("node") { home in
            try ChainNode(
                home: home, parameters: devnet, beacon: beacon, verifier: VanillaProofVerifier(), store: store
            )
        }
        let drawn: ChainEvent = try world.ask(chain) { .ticket(sector.key, replyTo: $0) }
        #expect(drawn == .ticket(sector.key, randomness: sector.claim.ticket.bytes, epoch: 0, head: 0))
        let message = try preCommit(sector.key, head: 0) {
            $0.sealedCommitment = sector.claim.commR.bytes
            $0.unsealedCommitment = sector.claim.commD.bytes
        }
        let landed: ChainEvent = try world.ask(chain) { .preCommit(message, replyTo: $0) }
        #expect(landed == .preCommitted(sector.key, epoch: 1))
        let seed: ChainEvent = try world.ask(chain, timeout: .seconds(100)) { .seed(sector.key, replyTo: $0) }
        #expect(seed == .seed(sector.key, randomness: sector.claim.seed.bytes, epoch: 11))
        var broken = sector.json
        broken[broken.count / 2] ^= 4
        for (form, proof) in [(.modelled, sector.json), (.vanilla, broken)] as [(ProofForm, [UInt8])] {
            let bad = SectorProveCommit(key: sector.key, form: form, proof: proof)
            let answer: ChainEvent = try world.ask(chain) { .proveCommit(bad, replyTo: $0) }
            guard case .refused(sector.key, let refusal) = answer else {
                Issue.record("\(answer)")
                return
            }
            #expect(refusal.exitCode == 16)
        }
        let good = SectorProveCommit(key: sector.key, form: .vanilla, proof: sector.json)
        let proven: ChainEvent = try world.ask(chain) { .proveCommit(good, replyTo: $0) }
        #expect(proven == .proven(sector.key, epoch: 18))
        #expect(try ChainState.replayed(store, devnet).checkInvariants(head: 18) == [])
    }

    @Test("openings hold for their own claim and for no other")
    func claims() throws {
        let sector = try SealedSector.shared.get()
        #expect(sector.refusal(sector.json) == nil)
        let changes: [(inout SealClaim) -> Void] = [
            { $0.key = SectorKey(miner: 1001, number: 1) }, { $0.key = SectorKey(miner: 1000, number: 2) },
            { $0.proof = RegisteredSealProof.all[6] }, { $0.proof = RegisteredSealProof.all[10] },
            { $0.commD = Commitment(repeating: 1) }, { $0.commR = Commitment(repeating: 1) },
            { $0.ticket = Commitment(repeating: 1) }, { $0.seed = Commitment(repeating: 1) },
        ]
        for (index, change) in changes.enumerated() {
            var claim = sector.claim
            change(&claim)
            let refusal = VanillaProofVerifier().verifyPoRep(sector.json, form: .vanilla, claim: claim)
            #expect(refusal?.exitCode == 16, "change \(index)")
            #expect(refusal?.reason.hasPrefix("sector \(claim.key): ") == true)
        }
    }

    @Test("a change of any digit of the openings is refused")
    func digits() throws {
        let sector = try SealedSector.shared.get()
        var random = RandomStream(seed: 1)
        let places = sector.json.indices.filter { isDigitOfNumber(sector.json, $0) }
        #expect(places.count > 10_000)
        for _ in 0..<60 {
            let place = places[random.index(below: places.count)]
            var copy = sector.json
            let digit = copy[place] - UInt8(ascii: "0")
            copy[place] = UInt8(ascii: "0") + (digit + 1 + UInt8(random.index(below: 9))) % 10
            let refusal = sector.refusal(copy)
            #expect(refusal?.exitCode == 16, "byte \(place)")
        }
    }

    /// Digits of texts, such as the proof's name, do not count.
    private func isDigitOfNumber(_ json: [UInt8], _ place: Int) -> Bool {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(json[place]) else { return false }
        var start = place
        while start > 0, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(json[start - 1]) { start -= 1 }
        return start > 0
            && [UInt8(ascii: "["), UInt8(ascii: ","), UInt8(ascii: ":")].contains(json[start - 1])
    }

    @Test("openings that lack, double or swap a part are refused")
    func shapes() throws {
        let sector = try SealedSector.shared.get()
        let changes: [(inout VanillaProofs) -> Void] = [
            { $0.partitions.removeLast() }, { $0.partitions.append($0.partitions[0]) },
            { $0.partitions[0].removeLast() }, { $0.partitions[0].append($0.partitions[0][0]) },
            { $0.partitions[0].swapAt(0, 1) }, { $0.partitions[0][1] = $0.partitions[0][0] },
            { $0.proofName = "StackedDrg2KiBV1" }, { $0.shapeName = "StackedDrg8MiBV1" },
            { $0.ticket = .zero }, { $0.seed = .zero }, { $0.replicaID = .zero }, { $0.commR = .zero },
        ]
        for (index, change) in changes.enumerated() {
            #expect(try sector.refusal(change)?.exitCode == 16, "change \(index)")
        }
    }

    @Test(
        "what is no JSON of openings, or too much of it, is refused in few words",
        arguments: [
            "", "{}", "null", "[[[[", "{\"vanilla_proofs\":{}}", String(repeating: "[", count: 200_000),
            String(repeating: " ", count: 2 << 20), "\u{0}", "nonsense",
        ])
    func malformed(_ text: String) throws {
        let refusal = try SealedSector.shared.get().refusal(Array(text.utf8))
        #expect(refusal?.exitCode == 16)
        #expect((refusal?.reason.utf8.count ?? .max) < 500)
    }

    @Test("openings cut anywhere are refused")
    func truncated() throws {
        let sector = try SealedSector.shared.get()
        for part in 1...20 {
            #expect(sector.refusal(Array(sector.json.prefix(sector.json.count * part / 21))) != nil)
        }
    }

    @Test("the size that is read is bounded for every proof, and is enough for a real one")
    func bounds() throws {
        for proof in RegisteredSealProof.all {
            let limit = VanillaProofVerifier.byteCountMax(proof.parameters)
            #expect((1 << 20...16 << 20).contains(limit))
        }
        let sector = try SealedSector.shared.get()
        #expect(sector.json.count < VanillaProofVerifier.byteCountMax(proof2KiB.parameters) / 4)
    }
}

@Suite struct ModelProofTests {
    private let claim = SealClaim(
        key: SectorKey(miner: 1000, number: 1), proof: proof2KiB, commD: Commitment(repeating: 1),
        commR: Commitment(repeating: 2), ticket: Commitment(repeating: 3), seed: Commitment(repeating: 4))

    @Test("neither verifier takes the other's form")
    func forms() {
        let bytes = ModelProofVerifier.proof(of: claim)
        let real = ModelProofVerifier().verifyPoRep(bytes, form: .vanilla, claim: claim)
        #expect(real?.reason.contains("takes modelled proofs only; this one is vanilla") == true)
        let fake = VanillaProofVerifier().verifyPoRep(bytes, form: .modelled, claim: claim)
        #expect(fake?.reason.contains("takes vanilla proofs only; this one is modelled") == true)
        // Nor do the bytes of one pass as the other.
        #expect(VanillaProofVerifier().verifyPoRep(bytes, form: .vanilla, claim: claim) != nil)
    }

    @Test("a bound modelled proof is of one claim only")
    func bound() {
        let strict = ModelProofVerifier(.bound)
        let bytes = ModelProofVerifier.proof(of: claim)
        #expect(strict.verifyPoRep(bytes, form: .modelled, claim: claim) == nil)
        let changes: [(inout SealClaim) -> Void] = [
            { $0.key = SectorKey(miner: 1000, number: 2) }, { $0.proof = RegisteredSealProof.all[6] },
            { $0.commD = .zero }, { $0.commR = .zero }, { $0.ticket = .zero }, { $0.seed = .zero },
        ]
        for change in changes {
            var other = claim
            change(&other)
            #expect(strict.verifyPoRep(bytes, form: .modelled, claim: other)?.exitCode == 16)
            #expect(ModelProofVerifier().verifyPoRep(bytes, form: .modelled, claim: other) == nil)
        }
        let long = [UInt8](repeating: 0, count: ModelProofVerifier.byteCountMax + 1)
        #expect(ModelProofVerifier().verifyPoRep(long, form: .modelled, claim: claim)?.exitCode == 16)
    }
}
