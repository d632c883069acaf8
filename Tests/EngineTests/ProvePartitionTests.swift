// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import Scheduler
import Sealing
import Testing

/// The native runner proves partitions of sectors that it has sealed itself.
@Suite("Proving a partition natively")
struct ProvePartitionTests {
    /// Two finalized sectors in long-term storage; with their numbers and CommR.
    private struct Partition {
        let house: RunnerHouse
        let commitments: [[UInt8]]
        let sectors: [UInt64] = [1, 2]

        init(proof: Int = 5) async throws {
            house = try RunnerHouse(proof: proof)
            var commitments: [[UInt8]] = []
            for number in sectors {
                try await house.addPiece(number)
                _ = try await house.outcome(number, .preCommit1(ticket: RunnerHouse.ticket))
                commitments.append(try await house.commR(number))
                _ = try await house.outcome(number, .finalize(keepsUnsealed: true))
            }
            self.commitments = commitments
        }

        func challenge(isCheck: Bool = false) -> PartitionChallenge {
            PartitionChallenge(
                deadline: 4, partition: 0, randomness: [UInt8](repeating: 3, count: 32), sectors: sectors,
                commitments: commitments, isCheck: isCheck)
        }

        func prove(_ challenge: PartitionChallenge) async throws -> Outcome {
            let outcome = try await house.outcome(PartitionNames.task, .windowPoSt(challenge))
            guard case .windowPoSt(let proof, let skipped, let reasons) = outcome else {
                throw TaskFailure(cause: .computeFailed, message: "\(outcome)")
            }
            return Outcome(proof: proof, skipped: skipped, reasons: reasons)
        }

        /// What the chain says of a proof of those of the sectors.
        func refusal(_ proof: [UInt8], of numbers: [UInt64]) throws -> ChainRefusal? {
            let claim = WindowPoStClaim(
                miner: 1000, partition: "here", randomness: Commitment(repeating: 3))
            let named = try zip(sectors, commitments).filter { numbers.contains($0.0) }.map { number, bytes in
                WindowPoStClaim.Sector(
                    number: number,
                    record: PreCommitRecord(
                        proof: try RegisteredSealProof(number: 5), commR: try Commitment(bytes: bytes),
                        commD: .zero, ticketEpoch: 0, expiration: 0, epoch: 0))
            }
            return VanillaProofVerifier().verifyWindowPoSt(proof, form: .vanilla, claim: claim) { named }
        }

        /// A file of a sector, under its folder in long-term storage.
        func file(_ part: String, _ number: UInt64) -> URL {
            URL(filePath: "\(house.root)/long-term/\(part.replacing("*", with: "s-t01000-\(number)"))")
        }
    }

    private struct Outcome {
        let proof: [UInt8]
        let skipped: [UInt64]
        let reasons: [String]
    }

    private enum PartitionNames {
        /// Stands where a sector's number stands.
        static let task: UInt64 = 1 << 62
    }

    @Test("what is sound is proven as the chain wants it; a check says the same and gives no proof")
    func sound() async throws {
        let partition = try await Partition()
        let proven = try await partition.prove(partition.challenge())
        #expect(proven.skipped == [] && proven.reasons == [])
        #expect(try partition.refusal(proven.proof, of: [1, 2]) == nil)
        let check = try await partition.prove(partition.challenge(isCheck: true))
        #expect(check.proof == [] && check.skipped == [])
    }

    @Test(
        "a damaged file costs its own sector, which is named with the file; repaired, it is proven again",
        arguments: ["sealed/*", "cache/*/p_aux", "cache/*/sc-02-data-tree-r-last.dat"])
    func damaged(part: String) async throws {
        let partition = try await Partition()
        let file = partition.file(part, 2)
        let whole = try Data(contentsOf: file)
        let broken: [@Sendable () throws -> Void] = [
            { try Data(whole.map { ~$0 }).write(to: file) }, { try whole.dropLast().write(to: file) },
            { try FileManager.default.removeItem(at: file) },
        ]
        for change in broken {
            try change()
            for isCheck in [false, true] {
                let outcome = try await partition.prove(partition.challenge(isCheck: isCheck))
                #expect(outcome.skipped == [2])
                #expect(outcome.reasons.count == 1 && outcome.reasons[0].hasPrefix("sector 2: "))
                #expect(outcome.reasons[0].contains("s-t01000-2"), "\(outcome.reasons)")
                if !isCheck { #expect(try partition.refusal(outcome.proof, of: [1]) == nil) }
            }
        }
        try whole.write(to: file)
        let again = try await partition.prove(partition.challenge())
        #expect(again.skipped == [])
        #expect(try partition.refusal(again.proof, of: [1, 2]) == nil)
    }

    @Test("where no sector can be read, all are named; where the whole store is away, none is")
    func nothingLeft() async throws {
        let partition = try await Partition()
        for number in partition.sectors {
            try FileManager.default.removeItem(at: partition.file("sealed/*", number))
        }
        let outcome = try await partition.prove(partition.challenge())
        #expect(outcome.proof == [] && outcome.skipped == [1, 2])
        #expect(outcome.reasons.map { String($0.prefix(10)) } == ["sector 1: ", "sector 2: "])

        let store = "\(partition.house.root)/long-term/sealed"
        try FileManager.default.moveItem(atPath: store, toPath: store + "-away")
        let failure = await #expect(throws: TaskFailure.self) {
            _ = try await partition.prove(partition.challenge())
        }
        #expect(
            failure?.cause == .computeFailed && failure?.message.contains("/long-term is out of use") == true)
    }

    @Test("another sector's CommR is not proven; what was not finalized is read where it was sealed")
    func places() async throws {
        let partition = try await Partition()
        var swapped = partition.challenge()
        swapped.commitments[1] = swapped.commitments[0]
        #expect(try await partition.prove(swapped).skipped == [2])
        for part in ["sealed/*", "cache/*"] {
            let path = partition.file(part, 1).path
            try FileManager.default.moveItem(
                atPath: path, toPath: path.replacing("/long-term/", with: "/sealing/"))
        }
        #expect(try await partition.prove(partition.challenge()).skipped == [])
        // Of two copies one is enough, whichever is sound.
        for part in ["sealed/*", "cache/*"] {
            let path = partition.file(part, 1).path
            try FileManager.default.copyItem(
                atPath: path.replacing("/long-term/", with: "/sealing/"), toPath: path)
        }
        try Data([1]).write(to: partition.file("sealed/*", 1))
        #expect(try await partition.prove(partition.challenge()).skipped == [])
    }

    @Test("a request that makes no sense is refused with its deadline and partition")
    func wrongRequests() async throws {
        let partition = try await Partition()
        let changes: [@Sendable (inout PartitionChallenge) -> Void] = [
            { $0.sectors = [] }, { $0.commitments = [] }, { $0.sectors = [1, 1] },
            { $0.randomness = [1, 2] }, { $0.commitments[0] = [] },
            {
                $0.sectors += [3]
                $0.commitments += [$0.commitments[0]]
            },
        ]
        for (index, change) in changes.enumerated() {
            var challenge = partition.challenge()
            change(&challenge)
            let failure = await #expect(throws: TaskFailure.self, "change \(index)") {
                _ = try await partition.prove(challenge)
            }
            #expect(failure?.cause == .invalidRequest, "change \(index)")
            #expect(failure?.message.contains("deadline 4, partition 0") == true, "change \(index)")
        }
    }

    @Test("an abort before the first sector is read gives no outcome but the abort")
    func aborted() async throws {
        let partition = try await Partition()
        // The runner's threads are taken, so that the abort comes first.
        let call = partition.house.holdThreads {
            let call = partition.house.start(PartitionNames.task, .windowPoSt(partition.challenge()))
            partition.house.abort(call)
            return call
        }
        guard case .failed(let failure) = try await partition.house.result(of: call) else {
            Issue.record("it went on")
            return
        }
        #expect(failure.cause == .aborted)
    }
}
