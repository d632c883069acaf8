// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Synchronization
import Testing

/// What happens when a step is interrupted, or its files are missing, damaged or another's.
@Suite struct FaultTests {
    /// Steps that a run went through, in order, without repeats.
    private final class Steps: Sendable {
        private let names = Mutex<[String]>([])

        func note(_ name: String) {
            names.withLock {
                if $0.last != name { $0.append(name) }
            }
        }

        var all: [String] { names.withLock { $0 } }
    }

    private func run(
        _ run: SealRun,
        _ observer: SealObserver
    ) -> SealPipeline {
        SealPipeline(
            SectorIdentity(minerID: 1000, number: 1, proof: RegisteredSealProof.all[5]),
            paths: run.paths,
            observer: observer
        )
    }

    /// What a fresh run of the same sector gives.
    private func expected() throws -> PreCommit2Output {
        try SealRun(payload: SealRun.pattern(2032)).seal()
    }

    @Test("a run stopped in any step goes on and gives the same CommR")
    func stopped() throws {
        let expected = try expected()
        for stopAt in 0..<200 {
            let run = try SealRun(payload: SealRun.pattern(2032))
            let calls = Atomic<Int>(0)
            let pipeline = self.run(
                run,
                SealObserver(isCancelled: {
                    calls.add(1, ordering: .relaxed).oldValue == stopAt
                })
            )
            func seal() throws -> PreCommit2Output {
                try pipeline.preCommit2(
                    pipeline.preCommit1(ticket: run.ticket, pieces: run.pieces)
                )
            }
            let before = try run.scratch.files()
            let stopped = sealingError { _ = try seal() }
            guard let stopped else {
                /* Every look at the observer has been the one that stops. */
                #expect(stopAt > 10)
                return
            }
            #expect(stopped.code == .cancelled)
            // The replica's partial file stays: the next run goes on with it.
            let after = try run.scratch.files()
            #expect(before.allSatisfy(after.contains))
            #expect(!after.contains { $0.hasSuffix(".tmp") })
            #expect(!after.contains { $0.hasSuffix("p_aux") || $0 == "sealed/s-t01000-1" })
            #expect(try seal() == expected, "stopped at look \(stopAt)")
            #expect(try run.scratch.files().allSatisfy { !$0.hasSuffix(".partial") })
        }
        Issue.record("the run never came to an end")
    }

    @Test("finished layers are kept and only what is damaged is made again")
    func resume() throws {
        let expected = try expected()
        let run = try SealRun(payload: SealRun.pattern(2032))
        _ = try run.preCommit1()
        func steps() throws -> [String] {
            let steps = Steps()
            let pipeline = self.run(run, SealObserver(progress: { steps.note($0.step) }))
            let first = try pipeline.preCommit1(ticket: run.ticket, pieces: run.pieces)
            #expect(try pipeline.preCommit2(first) == expected)
            return steps.all.filter { $0.hasPrefix("layer ") && !$0.contains("check") }
        }
        #expect(try steps() == [])

        let second = run.paths.layer(2)
        var bytes = try Scratch.bytes(second)
        try Scratch.write(Array(bytes.prefix(1000)), to: second)
        #expect(try steps() == ["layer 2"])
        bytes[700] ^= 1
        try Scratch.write(bytes, to: second)
        #expect(try steps() == ["layer 2"])
        let first = run.paths.layer(1)
        bytes = try Scratch.bytes(first)
        bytes[0] ^= 1
        try Scratch.write(bytes, to: first)
        #expect(try steps() == ["layer 1", "layer 2"])
        try FileManager.default.removeItem(atPath: first)
        #expect(try steps() == ["layer 1", "layer 2"])
        try Scratch.write([], to: run.paths.treeD)
        #expect(try steps() == [])
    }

    @Test("without our checkpoint layers are sampled: good ones are kept, foreign ones are not")
    func sampled() throws {
        let expected = try expected()
        let run = try SealRun(payload: SealRun.pattern(2032))
        let note = "\(run.paths.cache)/sealyard-precommit1.json"
        for damage in ["removed", "not JSON"] {
            _ = try run.preCommit1()
            if damage == "removed" {
                try FileManager.default.removeItem(atPath: note)
            } else {
                try Scratch.write(Array("{".utf8), to: note)
            }
            let steps = Steps()
            let pipeline = self.run(run, SealObserver(progress: { steps.note($0.step) }))
            _ = try pipeline.preCommit1(ticket: run.ticket, pieces: run.pieces)
            #expect(!steps.all.contains("layer 1") && !steps.all.contains("layer 2"))
            #expect(steps.all.contains("layer 1 digest"))
        }
        /* Another ticket makes another replica: nothing may be kept. */
        let other = try run.pipeline.preCommit1(
            ticket: Commitment(repeating: 4),
            pieces: run.pieces
        )
        let foreign = try run.pipeline.preCommit2(other)
        #expect(foreign.commR != expected.commR)
        #expect(try run.seal() == expected)
    }

    @Test("a truncated, oversized or missing unsealed file is a named error and makes nothing")
    func unsealedFile() throws {
        let run = try SealRun()
        let path = run.paths.unsealed
        for count in [0, 1, 2047, 2049, 4096] {
            try Scratch.write([UInt8](repeating: 0, count: count), to: path)
            let error = sealingError { _ = try run.preCommit1() }
            #expect(error?.code == .wrongFileSize)
            #expect(error?.message.contains(path) == true)
        }
        try FileManager.default.removeItem(atPath: path)
        #expect(sealingError { _ = try run.preCommit1() }?.code == .missingFile)
        #expect(try run.scratch.files() == [])
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: false
        )
        #expect(sealingError { _ = try run.preCommit1() }?.code == .inputOutput)
    }

    @Test("data outside the field or of other pieces is a named error and makes no tree")
    func foreignData() throws {
        let run = try SealRun()
        var data = [UInt8](repeating: 0, count: 2048)
        data[63] = 0xff
        try Scratch.write(data, to: run.paths.unsealed)
        let error = sealingError { _ = try run.preCommit1() }
        #expect(error?.code == .notCanonical)
        #expect(error?.message.contains("node 1 ") == true)
        data[63] = 1
        try Scratch.write(data, to: run.paths.unsealed)
        #expect(sealingError { _ = try run.preCommit1() }?.code == .commitmentMismatch)
        #expect(try run.scratch.files() == ["unsealed/s-t01000-1"])
    }

    @Test("pieces that do not fill the sector, overfill it or have no valid size are refused")
    func pieces() throws {
        let run = try SealRun()
        func code(_ sizes: [UInt64]) -> SealingError.Code? {
            sealingError {
                _ = try run.pipeline.preCommit1(
                    ticket: .zero,
                    pieces: sizes.map { PieceInfo(size: $0, commP: .zero) }
                )
            }?.code
        }
        #expect(code([1024]) == .piecesDoNotFit)
        #expect(code([2048, 128]) == .piecesDoNotFit)
        #expect(code([100]) == .invalidArgument)
        #expect(code([0]) == .invalidArgument)
        #expect(code([UInt64.max, UInt64.max]) == .invalidArgument)
        func adding(_ source: PieceSource, size: UInt64?, to held: [PieceInfo]) -> SealingError? {
            sealingError {
                _ = try run.pipeline.addPiece(source, paddedSize: size, existing: held)
            }
        }
        let half = try PieceInfo.zero(size: 1024)
        #expect(adding(.zeros, size: 2048, to: [half])?.code == .piecesDoNotFit)
        #expect(adding(.zeros, size: 4096, to: [])?.code == .piecesDoNotFit)
        #expect(
            adding(.bytes([UInt8](repeating: 0, count: 128)), size: 128, to: [])?.code
                == .invalidArgument
        )
        #expect(adding(.zeros, size: 128, to: [half])?.code == .wrongFileSize)
        #expect(
            adding(.file(path: "/nonexistent/payload", offset: 0, count: 5), size: nil, to: [])?
                .code == .missingFile
        )
    }

    @Test("a payload that ends early leaves the sector's data as it was")
    func shortPayload() throws {
        let sector = SectorIdentity(minerID: 1000, number: 1, proof: try .forSize(.kib2))
        let scratch = try Scratch()
        let pipeline = SealPipeline(
            sector,
            paths: SectorPaths(root: scratch.path, sector: sector)
        )
        let state = try pipeline.addPiece(.bytes([1, 2, 3]))
        let staging = "\(pipeline.paths.unsealed).staging"
        let before = try Scratch.bytes(staging)
        let payload = "\(scratch.path)/payload"
        try Scratch.write([1, 2, 3], to: payload)
        for (offset, count) in [(0, 4), (4, 0), (2, 2), (Int.max, 1)] {
            let error = sealingError {
                _ = try pipeline.addPiece(
                    .file(path: payload, offset: UInt64(offset), count: UInt64(count)),
                    existing: state.pieces
                )
            }
            #expect(
                error?.code == .wrongFileSize,
                "\(offset), \(count): \(String(describing: error))"
            )
        }
        #expect(try Scratch.bytes(staging) == before)
        /* Bytes of an interrupted call are cut off by the next one. */
        try Scratch.write(before + [9, 9, 9], to: staging)
        let more = try pipeline.addPiece(.bytes([4]), existing: state.pieces)
        #expect(more.pieces.map(\.size) == [128, 128])
        #expect(try Scratch.bytes(staging).count == 256)
    }

    @Test("adding the last piece again, as after a crash, gives the same file")
    func repeatedPiece() throws {
        let sector = SectorIdentity(minerID: 1000, number: 1, proof: try .forSize(.kib2))
        let scratch = try Scratch()
        let pipeline = SealPipeline(
            sector,
            paths: SectorPaths(root: scratch.path, sector: sector)
        )
        let first = try pipeline.addPiece(.bytes(SealRun.pattern(1016)))
        let once = try pipeline.addPiece(.bytes(SealRun.pattern(900)), existing: first.pieces)
        #expect(once.isSectorFull)
        let bytes = try Scratch.bytes(pipeline.paths.unsealed)
        let again = try pipeline.addPiece(.bytes(SealRun.pattern(900)), existing: first.pieces)
        #expect(again == once)
        #expect(try Scratch.bytes(pipeline.paths.unsealed) == bytes)
        #expect(try pipeline.fillWithZeros(existing: first.pieces).map(\.size) == [1024])
        let filled = try Scratch.bytes(pipeline.paths.unsealed)
        #expect(filled == Array(bytes.prefix(1024)) + [UInt8](repeating: 0, count: 1024))
        #expect(try scratch.files() == ["unsealed/s-t01000-1"])
    }

    @Test("pre-commit 2, commit 1 and finalize name the file that is missing or another's")
    func laterSteps() throws {
        let run = try SealRun()
        let first = try run.preCommit1()
        #expect(sealingError { try run.pipeline.finalize() }?.code == .missingFile)
        let other = try SealRun(RegisteredSealProof.all[0])
        let foreign = try other.preCommit1()
        #expect(sealingError { _ = try run.pipeline.preCommit2(foreign) }?.code == .invalidArgument)
        let second = try run.pipeline.preCommit2(first)
        for path in [
            run.paths.layer(2), run.paths.treeD, run.paths.trees("tree-c", baseTreeCount: 1)[0],
            run.paths.sealed, run.paths.persistentAux,
        ] {
            let bytes = try Scratch.bytes(path)
            func opening() -> SealingError? {
                sealingError {
                    _ = try run.pipeline.commit1(
                        ticket: .zero,
                        seed: .zero,
                        commitments: second
                    )
                }
            }
            try FileManager.default.removeItem(atPath: path)
            #expect(opening()?.code == .missingFile, "\(path)")
            try Scratch.write(Array(bytes.dropLast()), to: path)
            let code = opening()?.code
            #expect(code == .wrongFileSize || code == .malformed, "\(path)")
            try Scratch.write(bytes, to: path)
        }
        let wrong = PreCommit2Output(
            commD: second.commD,
            commR: .zero,
            commC: second.commC,
            commRLast: second.commRLast
        )
        #expect(
            sealingError {
                _ = try run.pipeline.commit1(ticket: .zero, seed: .zero, commitments: wrong)
            }?.code == .commitmentMismatch
        )
        var tree = try Scratch.bytes(run.paths.treeD)
        tree[tree.count - 1] ^= 1
        try Scratch.write(tree, to: run.paths.treeD)
        #expect(
            sealingError { _ = try run.pipeline.preCommit2(first) }?.code == .commitmentMismatch
        )
    }

    @Test("one changed byte in a sealed sector is found")
    func damagedReplica() throws {
        let run = try SealRun()
        let output = try run.seal()
        try run.pipeline.finalize()
        let commR = output.commR
        try run.pipeline.verifySector(commR: commR, everything: true)
        func code() -> SealingError.Code? {
            sealingError { try run.pipeline.verifySector(commR: commR, everything: true) }?.code
        }
        for path in [run.paths.sealed, run.paths.persistentAux, run.paths.cacheFile("tree-r-last")] {
            let bytes = try Scratch.bytes(path)
            for place in [0, bytes.count / 2 + 3, bytes.count - 32] {
                var changed = bytes
                changed[place] ^= 1
                try Scratch.write(changed, to: path)
                #expect(code() == .commitmentMismatch, "\(path) at \(place)")
            }
            try Scratch.write(bytes, to: path)
        }
        #expect(
            sealingError { try run.pipeline.verifySector(commR: .zero) }?.code
                == .commitmentMismatch
        )
        /* Unsealing with a wrong ticket must not leave a file that looks right. */
        try FileManager.default.removeItem(atPath: run.paths.unsealed)
        #expect(
            sealingError {
                try run.pipeline.unseal(ticket: Commitment(repeating: 1), commD: output.commD)
            }?.code == .commitmentMismatch
        )
        #expect(!FileManager.default.fileExists(atPath: run.paths.unsealed))
        for (offset, count) in [(1, 127), (0, 126), (2032, 127), (0, 2159)] as [(UInt64, UInt64)] {
            #expect(
                sealingError {
                    _ = try run.pipeline.unseal(
                        ticket: .zero,
                        commD: output.commD,
                        offset: offset,
                        count: count
                    )
                }?.code == .invalidArgument
            )
        }
    }

    @Test("labeling refuses to pass its memory limit, before it starts")
    func memory() throws {
        var options = SealingOptions()
        options.memoryBytesMax = 4095
        let run = try SealRun(options: options)
        #expect(sealingError { _ = try run.preCommit1() }?.code == .insufficientMemory)
        #expect(try run.scratch.files() == ["unsealed/s-t01000-1"])
    }

    @Test("a shared parent cache gives the same sector, and a short one is made again")
    func parentCache() throws {
        let cache = try Scratch()
        var options = SealingOptions()
        options.parentCache = .directory("\(cache.path)/parents")
        let expected = try SealRun().seal()
        #expect(try SealRun(options: options).seal() == expected)
        let file = try #require(try cache.files().first)
        #expect(file == "parents/" + Vectors.all.parent_cache[5].file_name.string)
        try Scratch.write([1, 2, 3], to: "\(cache.path)/\(file)")
        #expect(try SealRun(options: options).seal() == expected)
    }

    @Test("a parent cache made by several at once is whole")
    func sharedParentCache() async throws {
        let scratch = try Scratch()
        let graph = try StackedGraph(RegisteredSealProof.all[5].parameters)
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try ParentCache.ensure(graph: graph, directory: scratch.path)
                }
            }
            for try await path in group {
                #expect(
                    digest(try Scratch.bytes(path)) == Vectors.all.parent_cache[5].sha256.string
                )
            }
        }
        #expect(
            try scratch.files() == [graph.cacheFileName, "\(graph.cacheFileName).sealyard.json"]
        )
    }
}
