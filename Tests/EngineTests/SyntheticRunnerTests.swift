// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Scheduler
import Sealing
import Testing

@Suite("Synthetic proofs of a worker")
struct SyntheticRunnerTests {
    private let ticket = Commitment(repeating: 7)
    private let seed = Commitment(repeating: 9)

    private func prove(_ house: RunnerHouse, _ sealed: TaskOutcome) async throws {
        guard case .preCommit2(let commD, let commR) = sealed else {
            Issue.record("\(sealed)")
            return
        }
        let proven = try await house.outcome(1, .commit1(ticket: ticket.bytes, seed: seed.bytes))
        guard case .commit1(.vanilla, let proof) = proven else {
            Issue.record("\(proven)")
            return
        }
        let claim = SealClaim(
            key: SectorKey(miner: 1000, number: 1), proof: try RegisteredSealProof(number: 10),
            commD: try Commitment(bytes: commD), commR: try Commitment(bytes: commR), ticket: ticket,
            seed: seed)
        let refusal = VanillaProofVerifier().verifyPoRep(proof, form: .vanilla, claim: claim)
        #expect(refusal == nil, "\(String(describing: refusal))")
    }

    @Test("PreCommit2 leaves the openings and no layers, Commit1 proves from them, a repeated call too")
    func openings() async throws {
        let house = try RunnerHouse(proof: 10)
        try await house.addPiece(1)
        _ = try await house.outcome(1, .preCommit1(ticket: ticket.bytes))
        let paths = house.paths(1)
        #expect(FileManager.default.fileExists(atPath: paths.layer(1)))
        let sealed = try await house.outcome(1, .preCommit2)
        for path in [paths.layer(1), paths.layer(2), paths.treeD, paths.cacheFile("tree-c")] {
            #expect(!FileManager.default.fileExists(atPath: path), "\(path)")
        }
        #expect(FileManager.default.fileExists(atPath: paths.syntheticProofs))
        try await prove(house, sealed)
        // A worker that was killed before it reported does it again, in a process of its own.
        let again = try RunnerHouse(proof: 10, after: house)
        #expect(try await again.outcome(1, .preCommit2) == sealed)
        try await prove(again, sealed)
        guard case .finalize = try await again.outcome(1, .finalize(keepsUnsealed: true)) else {
            return #expect(Bool(false))
        }
        #expect(!FileManager.default.fileExists(atPath: paths.syntheticProofs))
    }

    @Test("a worker killed between the replica and its openings goes on, and so does a sector begun anew")
    func resumed() async throws {
        let house = try RunnerHouse(proof: 10)
        try await house.addPiece(1)
        _ = try await house.outcome(1, .preCommit1(ticket: ticket.bytes))
        let copy = "\(house.root)/copy"
        let cache = house.paths(1).cache
        try FileManager.default.copyItem(atPath: cache, toPath: copy)
        let sealed = try await house.outcome(1, .preCommit2)
        // As it was before the openings were complete: notes of PreCommit2, layers, and a part of the file.
        try FileManager.default.removeItem(atPath: cache)
        try FileManager.default.moveItem(atPath: copy, toPath: cache)
        try Data([1]).write(to: URL(filePath: house.paths(1).syntheticProofs + ".tmp"))
        let again = try RunnerHouse(proof: 10, after: house)
        #expect(try await again.outcome(1, .preCommit2) == sealed)
        try await prove(again, sealed)
        // Lost files lead back to PreCommit1, which needs no layers that were there.
        _ = try await again.outcome(1, .preCommit1(ticket: ticket.bytes))
        #expect(try await again.outcome(1, .preCommit2) == sealed)
        try await prove(again, sealed)
    }
}
