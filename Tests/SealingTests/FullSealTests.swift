// SPDX-License-Identifier: Apache-2.0
import Sealing
import Testing

@Suite struct FullSealTests {
    private static let small = Vectors.all.full_seals.list.filter { $0.sector_size.exists }

    @Test("a small sector seals to the known files and commitments", arguments: 0..<9)
    func small(index: Int) throws {
        #expect(FullSealTests.small.count == 9)
        let vector = FullSealTests.small[index]
        let run = try SealRun(vector: vector)
        let first = try run.preCommit1()
        let paths = run.paths
        #expect(first.commD == (try vector.comm_d.node))
        #expect(
            run.pipeline.replicaID(ticket: run.ticket, commD: first.commD)
                == (try vector.replica_id.node)
        )
        #expect(try run.digestOf(paths.treeD) == vector.tree_d_file_sha256.string)
        for layer in 1...2 {
            #expect(
                try run.digestOf(paths.layer(layer)) == vector.layer_sha256[layer - 1].string
            )
        }
        let second = try run.pipeline.preCommit2(first)
        #expect(second.commC == (try vector.comm_c.node))
        #expect(second.commRLast == (try vector.comm_r_last.node))
        #expect(second.commR == (try vector.comm_r.node), "\(vector.name.string)")
        #expect(second.commD.unsealedCID == vector.comm_d_cid.string)
        #expect(second.commR.sealedCID == vector.comm_r_cid.string)
        #expect(try run.digestOf(paths.sealed) == vector.replica_sha256.string)
        #expect(try Scratch.bytes(paths.persistentAux) == (try vector.p_aux.byteList))
        let shape = run.pipeline.parameters.shape
        let treeC = paths.trees("tree-c", baseTreeCount: shape.baseTreeCount)
        #expect(try treeC.map(run.digestOf) == vector.tree_c_file_sha256.list.map(\.string))
        let treeR = paths.trees("tree-r-last", baseTreeCount: shape.baseTreeCount)
        let roots = try treeR.map { try Scratch.bytes($0) }
        #expect(roots == (try vector.base_tree_r_last_roots.list.map { try $0.byteList }))
    }

    @Test("an 8 MiB sector seals to the known commitments, proves, verifies and unseals")
    func mib8() throws {
        let vector = try #require(Vectors.all.full_seals.list.first { $0["size"].exists })
        let run = try SealRun(vector: vector)
        let first = try run.preCommit1()
        #expect(first.commD == (try vector.comm_d.node))
        #expect(try run.digestOf(run.paths.layer(1)) == vector.layer1_sha256.string)
        #expect(try run.digestOf(run.paths.layer(2)) == vector.layer2_sha256.string)
        let second = try sealWithStops(run, first)
        #expect(second.commC == (try vector.comm_c.node))
        #expect(second.commRLast == (try vector.comm_r_last.node))
        #expect(second.commR == (try vector.comm_r.node))
        #expect(second.commR.sealedCID == vector.comm_r_cid.string)
        #expect(try Scratch.bytes(run.paths.cacheFile("tree-r-last")).count == 585 * 32)
        let seed = Commitment(repeating: 1)
        let proofs = try run.pipeline.commit1(
            ticket: run.ticket,
            seed: seed,
            commitments: second
        )
        try VanillaVerifier.verify(proofs, run.statement(second, seed: seed))
        try run.pipeline.finalize()
        try run.pipeline.verifySector(commR: second.commR, everything: true)
        let range = try run.pipeline.unseal(
            ticket: run.ticket,
            commD: second.commD,
            offset: 127 * 1000,
            count: 127 * 8
        )
        #expect(range == [UInt8](repeating: 0, count: 127 * 8))
    }

    /// Pre-commit 2 in three runs with small batches of other sizes, the first two of which are
    /// stopped in the midst of the one base tree; each goes on where the one before had noted.
    private func sealWithStops(
        _ run: SealRun,
        _ first: PreCommit1Output
    ) throws -> PreCommit2Output {
        var options = SealingOptions()
        options.checkpointNodeCount = 1 << 15
        for (batch, stop, from) in [(1 << 12, 90_000, 0), (1 << 9, 150_000, 65_536)] {
            options.columnBatchNodeCount = batch
            let steps = StepLog()
            let hasher = LargestBatch()
            let pipeline = run.pipeline(
                options: options,
                observer: SealObserver(
                    progress: steps.note,
                    isCancelled: { (steps.last("columns and replica") ?? 0) >= stop }
                ),
                hasher: hasher
            )
            #expect(sealingError { _ = try pipeline.preCommit2(first) }?.code == .cancelled)
            #expect(steps.first("columns and replica") == UInt64(from))
            #expect(hasher.inputCount == batch * 2 * 32)
        }
        let steps = StepLog()
        let hasher = LargestBatch()
        options.columnBatchNodeCount = 1 << 15
        let output = try run.pipeline(
            options: options,
            observer: SealObserver(progress: steps.note),
            hasher: hasher
        ).preCommit2(first)
        #expect(steps.first("columns and replica") == 131_072)
        #expect(hasher.inputCount == (1 << 15) * 2 * 32)
        // Called once more, as after a crash, it only looks at what is there.
        let again = LargestBatch()
        #expect(try run.pipeline(hasher: again).preCommit2(first) == output)
        #expect(again.inputCount == 0)
        return output
    }

    @Test("the file t_aux equals the published one")
    func temporaryAux() throws {
        let vector = Vectors.all.t_aux[0]
        let stores = TemporaryAux(
            cachePath: "/data/1/store/cache/s-t02620-2010",
            sectorSize: .gib32
        )
        #expect(stores.bytes == (try vector.hex.byteList))
    }

    @Test("the files of a sector are those of the reference, before and after finalize")
    func layout() throws {
        let run = try SealRun()
        _ = try run.seal()
        let kept = [
            "cache/s-t01000-1/p_aux", "cache/s-t01000-1/sc-02-data-tree-r-last.dat",
            "cache/s-t01000-1/t_aux", "sealed/s-t01000-1",
        ]
        let cleared = [
            "cache/s-t01000-1/sc-02-data-layer-1.dat", "cache/s-t01000-1/sc-02-data-layer-2.dat",
            "cache/s-t01000-1/sc-02-data-tree-c.dat", "cache/s-t01000-1/sc-02-data-tree-d.dat",
            "cache/s-t01000-1/sealyard-precommit1.json",
            "cache/s-t01000-1/sealyard-precommit2.json", "unsealed/s-t01000-1",
        ]
        #expect(try run.scratch.files() == (kept + cleared).sorted())
        try run.pipeline.finalize(keepUnsealed: false)
        #expect(try run.scratch.files() == kept.sorted())
        /* A caller that died before it noted the end does it once more. */
        try run.pipeline.finalize(keepUnsealed: false)
        #expect(try run.scratch.files() == kept.sorted())
    }

    @Test("sectors made of several pieces get the piece list's CommD and unseal to the payloads")
    func pieces() throws {
        let sector = SectorIdentity(
            minerID: 1000,
            number: 9,
            proof: try .forSize(.kib2)
        )
        let scratch = try Scratch()
        let pipeline = SealPipeline(
            sector,
            paths: SectorPaths(root: scratch.path, sector: sector)
        )
        let first = [UInt8](repeating: 5, count: 100)
        let second = SealRun.pattern(500)
        var state = try pipeline.addPiece(.bytes(first))
        #expect(state.pieces.map(\.size) == [128] && !state.isSectorFull)
        state = try pipeline.addPiece(.bytes(second), existing: state.pieces)
        #expect(state.pieces.map(\.size) == [128, 128, 256, 512])
        #expect(try scratch.files() == ["unsealed/s-t01000-9.staging"])
        let filler = try pipeline.fillWithZeros(existing: state.pieces)
        #expect(filler.map(\.size) == [1024])
        #expect(try scratch.files() == ["unsealed/s-t01000-9"])
        let ticket = Commitment(repeating: 3)
        let output = try pipeline.preCommit2(
            pipeline.preCommit1(ticket: ticket, pieces: state.pieces + filler)
        )
        let half = try CommD.compute(pieces: state.pieces, sectorSize: .kib2)
        #expect(output.commD == SHA256.node(half, try CommP.zero(paddedSize: 1024)))
        let whole = try Scratch.bytes(pipeline.paths.unsealed)
        try pipeline.finalize(keepUnsealed: false)
        try pipeline.unseal(ticket: ticket, commD: output.commD)
        #expect(try Scratch.bytes(pipeline.paths.unsealed) == whole)
        let range = try pipeline.unseal(
            ticket: ticket,
            commD: output.commD,
            offset: 508,
            count: 508
        )
        #expect(range == second + [UInt8](repeating: 0, count: 8))
        let head = try pipeline.unseal(ticket: ticket, commD: output.commD, offset: 0, count: 127)
        #expect(head == first + [UInt8](repeating: 0, count: 27))
    }

    @Test(
        "portable and fast kernels make the same labels",
        .enabled(if: InstructionPath.shaNI.isAvailable)
    )
    func portable() throws {
        let parameters = RegisteredSealProof.all[5].parameters
        let graph = try StackedGraph(parameters)
        let fast = try StackedLabels.compute(
            graph: graph,
            replicaID: .zero,
            layerCount: 2,
            .shaNI
        )
        let slow = try StackedLabels.compute(
            graph: graph,
            replicaID: .zero,
            layerCount: 2,
            .portable
        )
        #expect(fast == slow)
    }
}
