// SPDX-License-Identifier: Apache-2.0
import Sealing
import Synchronization
import Testing

@Suite struct BatchTests {
    @Test(
        "labels of sectors side by side equal those of each alone",
        arguments: 1...SealPipeline.batchCountMax,
        InstructionPath.allCases.filter(\.isAvailable)
    )
    func labels(width: Int, implementation: InstructionPath) throws {
        var random = Seeded(state: UInt64(width))
        let graph = try StackedGraph(RegisteredSealProof.all[5].parameters)
        let identifiers = (0..<width).map { _ in random.node() }
        let together = try StackedLabels.computeBatch(
            graph: graph,
            replicaIDs: identifiers,
            layerCount: 3,
            implementation
        )
        for (sector, identifier) in identifiers.enumerated() {
            let alone = try StackedLabels.compute(
                graph: graph,
                replicaID: identifier,
                layerCount: 3,
                .portable
            )
            #expect(together.map { $0[sector] } == alone)
        }
    }

    private func runs(_ count: Int) throws -> [SealRun] {
        try (0..<count).map {
            try SealRun(
                number: UInt64($0 + 1),
                ticket: Commitment(repeating: UInt8($0)),
                payload: SealRun.pattern(2000 - 7 * $0)
            )
        }
    }

    private func jobs(_ runs: [SealRun]) -> [PreCommit1Job] {
        runs.map { PreCommit1Job(pipeline: $0.pipeline, ticket: $0.ticket, pieces: $0.pieces) }
    }

    @Test(
        "sectors of a batch get the files and commitments that they get alone",
        arguments: [1, 2, 4, 5, 9, 16])
    func files(width: Int) throws {
        let together = try runs(width)
        let outputs = try SealPipeline.preCommit1Batch(jobs(together))
        for (index, alone) in try runs(width).enumerated() {
            let expected = try alone.seal()
            #expect(try together[index].pipeline.preCommit2(outputs[index]) == expected)
            for layer in 1...2 {
                #expect(
                    try Scratch.bytes(together[index].paths.layer(layer))
                        == (try Scratch.bytes(alone.paths.layer(layer)))
                )
            }
            #expect(
                try Scratch.bytes(together[index].paths.cache + "/sealyard-precommit1.json")
                    == (try Scratch.bytes(alone.paths.cache + "/sealyard-precommit1.json"))
            )
        }
    }

    @Test(
        "a batch that was stopped goes on behind the layers that all its sectors have",
        arguments: [3, 11]
    )
    func resume(width: Int) throws {
        let expected = try runs(width).map { try $0.seal() }
        let together = try runs(width)
        let names = Mutex<[String]>([])
        let stopping = together.map { run in
            PreCommit1Job(
                pipeline: SealPipeline(
                    parameters: run.pipeline.parameters,
                    proverID: run.pipeline.proverID,
                    sectorNumber: run.pipeline.sectorNumber,
                    paths: run.paths,
                    observer: SealObserver(
                        progress: { seen in names.withLock { $0.append(seen.step) } },
                        isCancelled: { names.withLock { $0.last == "layer 2" } }
                    )
                ),
                ticket: run.ticket,
                pieces: run.pieces
            )
        }
        #expect(
            sealingError { _ = try SealPipeline.preCommit1Batch(stopping) }?.code == .cancelled
        )
        // One sector runs ahead alone; the others still lack layer 2.
        let first = try Scratch.bytes(together[1].paths.layer(1))
        _ = try together[0].preCommit1()
        let outputs = try SealPipeline.preCommit1Batch(jobs(together))
        #expect(try Scratch.bytes(together[1].paths.layer(1)) == first)
        for (index, run) in together.enumerated() {
            #expect(try run.pipeline.preCommit2(outputs[index]) == expected[index])
        }
        #expect(names.withLock { $0.contains("layer 1") && $0.contains("layer 2") })
    }

    @Test("batches that cannot be are named errors")
    func badInput() throws {
        let runs = try runs(2)
        let larger = try SealRun(try RegisteredSealProof.forSize(.mib8))
        for jobs in [
            [], jobs([runs[0], runs[0]]), jobs([runs[0], larger]),
            [PreCommit1Job](repeating: jobs(runs)[0], count: 17),
        ] {
            #expect(
                sealingError { _ = try SealPipeline.preCommit1Batch(jobs) }?.code
                    == .invalidArgument
            )
        }
        var options = SealingOptions()
        options.memoryBytesMax = 2 * 2 * 2048 - 1
        let tight = runs.map {
            PreCommit1Job(
                pipeline: SealPipeline(
                    parameters: $0.pipeline.parameters,
                    proverID: $0.pipeline.proverID,
                    sectorNumber: $0.pipeline.sectorNumber,
                    paths: $0.paths,
                    options: options
                ),
                ticket: $0.ticket,
                pieces: $0.pieces
            )
        }
        #expect(
            sealingError { _ = try SealPipeline.preCommit1Batch(tight) }?.code
                == .insufficientMemory
        )
    }
}
