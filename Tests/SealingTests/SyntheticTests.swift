// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

/// Openings of all synthetic challenges, made before the seed is known.
@Suite struct SyntheticTests {
    private static let proof = RegisteredSealProof.all[10]

    private func sealed() throws -> (run: SealRun, output: PreCommit2Output) {
        let run = try SealRun(SyntheticTests.proof, payload: SealRun.pattern(2032))
        return (run, try run.seal())
    }

    private func file(_ run: SealRun) -> String {
        "\(run.paths.cache)/syn-porep-vanilla-proofs.dat"
    }

    private func commit1(
        _ run: SealRun,
        _ output: PreCommit2Output,
        seed: UInt8 = 1
    ) throws -> VanillaProofs {
        try run.pipeline.commit1(
            ticket: run.ticket,
            seed: Commitment(repeating: seed),
            commitments: output
        )
    }

    @Test("proofs picked from the file equal those opened from layers and trees, and verify")
    func picked() throws {
        let (run, output) = try sealed()
        let direct = try (0..<20).map { try commit1(run, output, seed: $0) }
        try run.pipeline.synthesize(ticket: run.ticket, commitments: output)
        try run.pipeline.clearLayers()
        let names = ["p_aux", "sc-02-data-tree-r-last.dat", "syn-porep-vanilla-proofs.dat", "t_aux"]
        #expect(
            try run.scratch.files()
                == names.map { "cache/s-t01000-1/\($0)" } + ["sealed/s-t01000-1", "unsealed/s-t01000-1"]
        )
        for (seed, expected) in direct.enumerated() {
            let proofs = try commit1(run, output, seed: UInt8(seed))
            #expect(proofs == expected)
            try VanillaVerifier.verify(
                proofs,
                run.statement(output, seed: Commitment(repeating: UInt8(seed)))
            )
        }
        try run.pipeline.finalize(keepUnsealed: false)
        #expect(try run.scratch.files().count == 4)
        #expect(!FileManager.default.fileExists(atPath: file(run)))
        try run.pipeline.verifySector(commR: output.commR, everything: true)
    }

    @Test("the file has the reference's layout, byte for byte")
    func layout() throws {
        let (run, output) = try sealed()
        try run.pipeline.synthesize(ticket: run.ticket, commitments: output)
        let bytes = try Scratch.bytes(file(run))
        // Written out here: 15 numbers, 7 nodes of data, 15 columns of 2 with a leaf and 14 siblings,
        // and 15 nodes of replica, for each of 64 challenges.
        let record = 8 * 15 + 32 * (7 + 15 * (2 + 15) + 15)
        #expect(bytes.count == 96 + 64 * record)
        #expect(Commitment(in: bytes) == output.commD)
        #expect(Commitment(in: bytes, at: 32) == output.commC)
        #expect(Commitment(in: bytes, at: 64) == output.commRLast)
        let set = SyntheticChallenges(
            replicaID: run.pipeline.replicaID(ticket: run.ticket, commD: output.commD),
            commR: output.commR,
            nodeCount: 64
        )
        let challenges = try set.generate(count: 64)
        let graph = try StackedGraph(run.pipeline.parameters)
        let data = try Scratch.bytes(run.paths.treeD)
        let replica = try Scratch.bytes(run.paths.sealed)
        let layers = try (1...2).map { try Scratch.bytes(run.paths.layer($0)) }
        let treeC = try Scratch.bytes(run.paths.cacheFile("tree-c"))
        func node(_ bytes: [UInt8], _ index: UInt64) -> [UInt8] {
            Array(bytes[Int(32 * index)..<Int(32 * index) + 32])
        }
        func siblings(_ bytes: [UInt8], _ index: UInt64, _ arity: UInt64) -> [UInt8] {
            var out: [UInt8] = []
            var (start, count, place) = (UInt64(0), UInt64(64), index)
            while count > 1 {
                let first = place / arity * arity
                for one in first..<first + arity where one != place {
                    out += node(bytes, start + one)
                }
                (start, count, place) = (start + count, count / arity, place / arity)
            }
            return out
        }
        // The rows of tree-r-last that are not stored, made anew.
        let lower = try Poseidon.arity8.hash(replica)
        let treeR = replica + lower + (try Poseidon.arity8.hash(lower))
        for (index, challenge) in challenges.enumerated() {
            let parents = try graph.parents(first: challenge, count: 1).map(UInt64.init)
            var expected = ([challenge] + parents).flatMap { value in
                (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
            }
            expected += node(data, challenge) + siblings(data, challenge, 2)
            for one in [challenge] + parents {
                expected += node(layers[0], one) + node(layers[1], one)
                expected += node(treeC, one) + siblings(treeC, one, 8)
            }
            expected += node(replica, challenge) + siblings(treeR, challenge, 8)
            let start = 96 + index * record
            #expect(Array(bytes[start..<start + record]) == expected, "challenge \(index)")
        }
    }

    @Test("openings of every tree shape survive the file's layout", arguments: [0, 6, 7, 8])
    func compound(index: Int) throws {
        let run = try SealRun(vector: Vectors.all.full_seals[index])
        let output = try run.seal()
        let layout = SyntheticProofLayout(size: run.pipeline.parameters.sectorSize)
        let aux = PersistentAux(commC: output.commC, commRLast: output.commRLast)
        for proof in try commit1(run, output).partitions[0] {
            let bytes = layout.encode(proof)
            #expect(bytes.count == layout.recordByteCount)
            #expect(try layout.decode(bytes, commD: output.commD, aux: aux) == proof)
            for broken in [[], Array(bytes.dropLast()), bytes + [0]] {
                #expect(
                    sealingError {
                        _ = try layout.decode(broken, commD: output.commD, aux: aux)
                    }?.code == .malformed
                )
            }
        }
        // As the network's largest sectors have it: 42,744 bytes a challenge.
        #expect(SyntheticProofLayout(size: .gib32).recordByteCount == 42_744)
    }

    @Test("a truncated, changed or foreign file of openings is a named error, never a wrong proof")
    func damaged() throws {
        let (run, output) = try sealed()
        try run.pipeline.synthesize(ticket: run.ticket, commitments: output)
        let expected = try commit1(run, output)
        let path = file(run)
        let bytes = try Scratch.bytes(path)
        func code(_ bytes: [UInt8]) throws -> SealingError.Code? {
            try Scratch.write(bytes, to: path)
            let error = sealingError { _ = try commit1(run, output) }
            #expect(error?.message.contains(path) ?? true)
            return error?.code
        }
        for count in [0, 95, 96, bytes.count - 1] {
            #expect(try code(Array(bytes.prefix(count))) == .wrongFileSize)
        }
        #expect(try code(bytes + [0]) == .wrongFileSize)
        for place in [0, 32, 95] {
            var changed = bytes
            changed[place] ^= 1
            #expect(try code(changed) == .commitmentMismatch)
        }
        // The record that the seed chooses first: all its numbers, and every third node.
        let set = SyntheticChallenges(
            replicaID: expected.replicaID,
            commR: output.commR,
            nodeCount: 64
        )
        let chosen = try set.selectIndexes(seed: Commitment(repeating: 1), first: 0, count: 1)[0]
        let record = (bytes.count - 96) / 64
        let start = 96 + chosen * record
        let numbers = Array(stride(from: 0, to: 120, by: 8))
        for place in numbers + Array(stride(from: 120, to: record, by: 3 * 32)) {
            var changed = bytes
            changed[start + place] ^= 1
            #expect(try code(changed) == .commitmentMismatch, "byte \(place) of the record")
        }
        #expect(try code(bytes) == nil)

        let other = try SealRun(SyntheticTests.proof, number: 2, payload: SealRun.pattern(2032))
        let foreign = try other.seal()
        try other.pipeline.synthesize(ticket: other.ticket, commitments: foreign)
        #expect(try code(try Scratch.bytes(file(other))) == .commitmentMismatch)
        // Made again, it replaces what is there; pre-commit 2 removes it.
        try run.pipeline.synthesize(ticket: run.ticket, commitments: output)
        #expect(try Scratch.bytes(path) == bytes)
        _ = try run.seal()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("openings are not made from damaged files, by other kinds of proofs, or left half done")
    func refused() throws {
        let plain = try SealRun()
        let plainOutput = try plain.seal()
        for step in [
            { try plain.pipeline.synthesize(ticket: .zero, commitments: plainOutput) },
            { try plain.pipeline.clearLayers() },
        ] {
            #expect(sealingError(step)?.code == .invalidArgument)
        }
        let (run, output) = try sealed()
        #expect(sealingError { try run.pipeline.clearLayers() }?.code == .missingFile)
        let before = try run.scratch.files()
        for (path, code) in [
            (run.paths.layer(1), SealingError.Code.commitmentMismatch),
            (run.paths.sealed, .commitmentMismatch), (run.paths.treeD, .commitmentMismatch),
            (run.paths.cacheFile("tree-c"), .commitmentMismatch),
        ] {
            let bytes = try Scratch.bytes(path)
            var changed = bytes
            changed[32 * 7] ^= 1
            try Scratch.write(changed, to: path)
            let error = sealingError {
                try run.pipeline.synthesize(ticket: run.ticket, commitments: output)
            }
            #expect(error?.code == code, "\(path)")
            #expect(try run.scratch.files() == before)
            try Scratch.write(bytes, to: path)
        }
        let stopped = run.pipeline(observer: SealObserver(isCancelled: { true }))
        #expect(
            sealingError { try stopped.synthesize(ticket: run.ticket, commitments: output) }?.code
                == .cancelled
        )
        #expect(try run.scratch.files() == before)
    }

    @Test("a sector prepared for its seed has no layers, and proves; repeated, nothing changes")
    func prepared() throws {
        let (run, output) = try sealed()
        let expected = try commit1(run, output)
        for _ in 0..<2 {
            try run.pipeline.prepareForSeed(ticket: run.ticket, commitments: output)
            #expect(try run.pipeline.hasSyntheticProofs(output))
            #expect(!FileManager.default.fileExists(atPath: run.paths.layer(1)))
            #expect(try commit1(run, output) == expected)
        }
        // A known answer: the graph is that of the proof's number, the labels those of api 1.1.
        let vector = Vectors.all.full_seals[3]
        #expect(try vector.porep_id.node == SyntheticTests.proof.parameters.porepID)
        let known = try SealRun(SyntheticTests.proof, ticket: try vector.ticket.node)
        #expect(try known.seal().commR == (try vector.comm_r.node))

        let plain = try SealRun()
        let plainOutput = try plain.seal()
        let before = try plain.scratch.files()
        try plain.pipeline.prepareForSeed(ticket: plain.ticket, commitments: plainOutput)
        #expect(try plain.scratch.files() == before)
        #expect(try !plain.pipeline.hasSyntheticProofs(plainOutput))
    }

    @Test("preparing goes on after a stop at any challenge, and after a kill between any two removals")
    func preparedAfterStops() throws {
        let (run, output) = try sealed()
        let expected = try commit1(run, output)
        let before = try run.scratch.files()
        for stop in [0, 1, 31, 63] as [UInt64] {
            let steps = StepLog()
            let stopped = run.pipeline(
                observer: SealObserver(
                    progress: steps.note,
                    isCancelled: { (steps.last("synthetic proofs") ?? 0) >= stop }
                )
            )
            let error = sealingError {
                try stopped.prepareForSeed(ticket: run.ticket, commitments: output)
            }
            #expect(error?.code == .cancelled)
            #expect(try run.scratch.files() == before)
            #expect(try !run.pipeline.hasSyntheticProofs(output))
        }
        // What was killed while it wrote left a temporary file, which is no complete one.
        try Scratch.write([1, 2, 3], to: file(run) + ".tmp")
        try run.pipeline.synthesize(ticket: run.ticket, commitments: output)
        let removed = [
            run.paths.layer(1), run.paths.layer(2), run.paths.treeD, run.paths.cacheFile("tree-c"),
        ]
        for path in removed {
            try FileManager.default.removeItem(atPath: path)
            #expect(try commit1(run, output) == expected, "\(path) is gone")
        }
        try run.pipeline.prepareForSeed(ticket: run.ticket, commitments: output)
        #expect(try commit1(run, output) == expected)
        // Openings of another sector are made again, which damaged ones cannot be without layers.
        var bytes = try Scratch.bytes(file(run))
        bytes[0] ^= 1
        try Scratch.write(bytes, to: file(run))
        #expect(try !run.pipeline.hasSyntheticProofs(output))
        let error = sealingError {
            try run.pipeline.prepareForSeed(ticket: run.ticket, commitments: output)
        }
        #expect(error?.code == .missingFile)
    }
}
