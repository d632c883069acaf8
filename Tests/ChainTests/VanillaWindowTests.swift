// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Sealing
import Testing

/// Two 2 KiB sectors, which fill a partition, sealed for real and kept with their files.
private final class SealedPartition: Sendable {
    static let shared = Result { try SealedPartition() }

    let miner: UInt64 = 1000
    let sectors: [WindowPoStClaim.Sector]
    private let root: String
    private let numbers: [UInt64] = [1, 2]

    init() throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "window-\(UUID().uuidString)").path
        self.root = root
        sectors = try numbers.map { number in
            let key = SectorKey(miner: 1000, number: number)
            let identity = SectorIdentity(minerID: 1000, number: number, proof: proof2KiB)
            let paths = SectorPaths(root: root, sector: identity)
            let pipeline = SealPipeline(identity, paths: paths)
            let ticket = try ticket(key, head: 1000).randomness
            let payload = (0..<2032).map { UInt8(truncatingIfNeeded: $0 * 31 + Int(number)) }
            let added = try pipeline.addPiece(.bytes(payload), paddedSize: 2048)
            let sealed = try pipeline.preCommit2(pipeline.preCommit1(ticket: ticket, pieces: added.pieces))
            return WindowPoStClaim.Sector(
                number: number,
                record: PreCommitRecord(
                    proof: proof2KiB, commR: sealed.commR, commD: sealed.commD, ticketEpoch: 100,
                    expiration: 2_000_000, epoch: 1001))
        }
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: root) } catch {
            Issue.record("\(root) stays behind: \(error)")
        }
    }

    /// The openings of some of the sectors.
    func openings(_ randomness: Commitment, of numbers: [UInt64] = [1, 2]) throws -> [PoStVanillaProof] {
        let statement = try PoStStatement(
            kind: .windowV1_2, sectorSize: proof2KiB.sectorSize, proverID: Commitment(proverOf: miner),
            randomness: randomness,
            sectors: sectors.filter { numbers.contains($0.number) }.map {
                PoStSector(number: $0.number, commR: $0.record.commR)
            })
        return try statement.sectors.indices.map { index in
            let identity = SectorIdentity(
                minerID: miner, number: statement.sectors[index].number, proof: proof2KiB)
            return try PoStVanilla.prove(
                statement, sectorAt: index, paths: SectorPaths(root: root, sector: identity))
        }
    }

    static let challenge = Commitment(repeating: 9)

    func claim(_ randomness: Commitment = challenge) -> WindowPoStClaim {
        WindowPoStClaim(miner: miner, partition: "deadline 3, partition 0", randomness: randomness)
    }

    func refusal(
        _ proof: [UInt8], _ claim: WindowPoStClaim? = nil, _ sectors: [WindowPoStClaim.Sector]? = nil
    ) -> ChainRefusal? {
        let named = sectors ?? self.sectors
        return VanillaProofVerifier().verifyWindowPoSt(proof, form: .vanilla, claim: claim ?? self.claim()) {
            named
        }
    }

    func refusal(_ openings: [PoStVanillaProof]) throws -> ChainRefusal? { refusal(try json(openings)) }
}

private func json(_ openings: [PoStVanillaProof]) throws -> [UInt8] {
    [UInt8](try JSONEncoder().encode(openings))
}

private func damage(_ commitment: inout Commitment) throws {
    var bytes = commitment.bytes
    bytes[0] ^= 1
    commitment = try Commitment(bytes: bytes)
}

@Suite("Window proofs of real sectors")
struct VanillaWindowTests {
    private func partition() throws -> SealedPartition { try SealedPartition.shared.get() }

    @Test("openings hold for their own partition, challenge and miner, and for no other")
    func claims() throws {
        let partition = try partition()
        let proof = try json(partition.openings(SealedPartition.challenge))
        #expect(partition.refusal(proof) == nil)

        let other = partition.refusal(proof, partition.claim(Commitment(repeating: 10)))
        #expect(
            other?.exitCode == 16 && other?.reason.contains("wrongNode") == true,
            "\(String(describing: other))")
        var renumbered = partition.sectors
        renumbered[1].number = 3
        var resealed = partition.sectors
        resealed[0].record.commR = resealed[1].record.commR
        let fewer = Array(partition.sectors.prefix(1))
        var strangers = partition.sectors
        strangers[1].number = 7
        strangers += [partition.sectors[1]]
        for sectors in [renumbered, resealed, fewer, strangers] {
            let refusal = partition.refusal(proof, nil, sectors)
            #expect(refusal?.exitCode == 16, "\(sectors.map(\.number))")
            #expect(refusal?.reason.hasPrefix("deadline 3, partition 0: ") == true)
        }
        #expect(partition.refusal(proof, nil, [])?.exitCode == 20)
    }

    @Test("every field of every opening counts: none can be changed")
    func fields() throws {
        let partition = try partition()
        let good = try partition.openings(SealedPartition.challenge)
        var count = 0
        func check(_ what: String, _ change: (inout [PoStVanillaProof]) throws -> Void) throws {
            var copy = good
            try change(&copy)
            #expect(copy != good, "\(what) is no change")
            let refusal = try partition.refusal(copy)
            #expect(refusal?.exitCode == 16, "\(what)")
            count += 1
        }
        for sector in good.indices {
            try check("number of \(sector)") { $0[sector].sectorNumber += 1 }
            try check("CommR of \(sector)") { try damage(&$0[sector].commR) }
            try check("CommC of \(sector)") { try damage(&$0[sector].commC) }
            try check("CommRLast of \(sector)") { try damage(&$0[sector].commRLast) }
            try check("one opening less in \(sector)") { $0[sector].inclusionProofs.removeLast() }
            try check("one more in \(sector)") {
                $0[sector].inclusionProofs.append($0[sector].inclusionProofs[0])
            }
            for (place, path) in good[sector].inclusionProofs.enumerated() {
                let name = "opening \(place) of \(sector)"
                try check("leaf, \(name)") { try damage(&$0[sector].inclusionProofs[place].leaf) }
                try check("root, \(name)") { try damage(&$0[sector].inclusionProofs[place].root) }
                try check("a level too many, \(name)") {
                    $0[sector].inclusionProofs[place].base.append(path.base[0])
                }
                try check("a level too few, \(name)") {
                    $0[sector].inclusionProofs[place].base.removeLast()
                }
                try check("a level above, \(name)") { $0[sector].inclusionProofs[place].sub = path.base }
                for level in path.base.indices {
                    try check("index of level \(level), \(name)") {
                        $0[sector].inclusionProofs[place].base[level].index ^= 1
                    }
                    for hash in path.base[level].hashes.indices {
                        try check("hash \(hash) of level \(level), \(name)") {
                            try damage(&$0[sector].inclusionProofs[place].base[level].hashes[hash])
                        }
                    }
                    try check("a sibling too few in level \(level), \(name)") {
                        $0[sector].inclusionProofs[place].base[level].hashes.removeLast()
                    }
                }
            }
        }
        try check("the sectors' order") { $0.swapAt(0, 1) }
        try check("one sector twice") { $0[1] = $0[0] }
        try check("a sector less") { $0.removeLast() }
        try check("a sector more") { $0.append($0[1]) }
        #expect(count > 300)
    }

    @Test("openings that are cut, no JSON, or too long are refused in few words")
    func malformed() throws {
        let partition = try partition()
        let proof = try json(partition.openings(SealedPartition.challenge))
        for part in 1...20 {
            #expect(partition.refusal(Array(proof.prefix(proof.count * part / 21)))?.exitCode == 16)
        }
        let long = [UInt8](repeating: UInt8(ascii: " "), count: VanillaProofVerifier.windowByteCountMax + 1)
        for bad in [[], Array("{}".utf8), Array("[{}]".utf8), Array("[]".utf8), [0], long] {
            let refusal = partition.refusal(bad)
            #expect(refusal?.exitCode == 16)
            #expect((refusal?.reason.utf8.count ?? .max) < 500)
        }
        let modelled = VanillaProofVerifier().verifyWindowPoSt(
            proof, form: .modelled, claim: partition.claim()
        ) { partition.sectors }
        #expect(modelled?.reason.contains("vanilla proofs only; this one is modelled") == true)
    }

    // MARK: On a chain

    /// A chain on which the two sectors are proven and share a partition.
    private func chain(_ partition: SealedPartition) throws -> (ChainState, DeadlineStatus) {
        var state = try ChainState(parameters: devnet, beacon: beacon)
        for sector in partition.sectors {
            let message = try preCommit(SectorKey(miner: 1000, number: sector.number), head: 1000) {
                $0.sealedCommitment = sector.record.commR.bytes
                $0.unsealedCommitment = sector.record.commD.bytes
            }
            _ = try state.land(message, head: 1000)
        }
        for number in [1, 2] as [UInt64] {
            let key = SectorKey(miner: 1000, number: number)
            #expect(try state.land(modelled(key), head: 1030).isNew)
        }
        let place = try #require(state.place(of: SectorKey(miner: 1000, number: 1)))
        let ahead = try state.deadlineStatus(of: 1000, deadline: place.deadline, head: 1031)
        state.advance(to: ahead.times.open)
        return (
            state, try state.deadlineStatus(of: 1000, deadline: place.deadline, head: ahead.times.open)
        )
    }

    private func submission(
        _ status: DeadlineStatus, _ proof: [UInt8], skipped: SectorNumbers = []
    ) -> WindowPoStSubmission {
        WindowPoStSubmission(
            miner: 1000, deadline: status.times.index, open: status.times.open,
            partitions: [.init(index: 0, skipped: skipped, proof: proof)], form: .vanilla)
    }

    @Test("a chain takes a real proof while the deadline is open, and without a sector that is skipped")
    func accepted() throws {
        let partition = try partition()
        let (state, status) = try chain(partition)
        let challenge = try Commitment(bytes: #require(status.randomness))
        let whole = submission(status, try json(partition.openings(challenge)))
        let head = status.times.open
        #expect(state.consider(whole, head: head, verifier: VanillaProofVerifier()).landing == head + 1)
        let one = try json(partition.openings(challenge, of: [1]))
        let partial = submission(status, one, skipped: [2])
        #expect(state.consider(partial, head: head, verifier: VanillaProofVerifier()).landing == head + 1)
    }

    @Test("a wrong partition, challenge or time is refused with the reason")
    func refused() throws {
        let partition = try partition()
        let (state, status) = try chain(partition)
        let challenge = try Commitment(bytes: #require(status.randomness))
        let proof = try json(partition.openings(challenge))
        let head = status.times.open
        func refusal(_ message: WindowPoStSubmission, head: Int64) -> ChainRefusal? {
            state.consider(message, head: head, verifier: VanillaProofVerifier()).refusal
        }
        var other = submission(status, proof)
        other.partitions[0].index = 1
        #expect(refusal(other, head: head)?.reason.contains("no such partitions") == true)
        // The challenge of the period before.
        let miner = try ActorAddress(id: 1000)
        let stale = beacon.draw(.windowPoStChallenge, epoch: status.times.challenge - 2880, miner: miner)
        let old = refusal(submission(status, try json(partition.openings(stale))), head: head)
        #expect(
            old?.exitCode == 16 && old?.reason.contains("is opened, not") == true,
            "\(String(describing: old))")
        let late = refusal(submission(status, proof), head: status.times.close - 1)
        #expect(late?.exitCode == 18 && late?.reason.contains("would land at epoch") == true)
        let early = refusal(submission(status, proof), head: status.times.open - 2)
        #expect(early?.exitCode == 18)
        // A proof of both does not pass where one is said to be skipped, nor one of one for both.
        let tooMuch = refusal(submission(status, proof, skipped: [2]), head: head)
        #expect(tooMuch?.reason.contains("openings of 2 sectors, not 1") == true)
        let tooLittle = refusal(
            submission(status, try json(partition.openings(challenge, of: [1]))), head: head)
        #expect(tooLittle?.reason.contains("openings of 1 sectors, not 2") == true)
    }
}
