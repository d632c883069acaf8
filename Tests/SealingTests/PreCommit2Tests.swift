// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Synchronization
import Testing

/// How pre-commit 2 holds little, and goes on after it was stopped or killed.
@Suite struct PreCommit2Tests {
    /// Files of a sector that must not depend on how it came about, with their digests.
    private func files(_ paths: SectorPaths, _ shape: SectorShape) throws -> [String] {
        let count = shape.baseTreeCount
        let names =
            [paths.sealed, paths.persistentAux] + paths.trees("tree-c", baseTreeCount: count)
            + paths.trees("tree-r-last", baseTreeCount: count)
        return try names.map { digest(try Scratch.bytes($0)) }
    }

    /// Every name below the directory, so that nothing that is left over goes unseen.
    private func leftOver(_ root: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: root).filter {
            $0.hasSuffix(".partial") || $0.hasSuffix(".tmp")
        }
    }

    @Test(
        "a run killed at any moment goes on behind its last complete tree, with the same files",
        arguments: [6, 7]
    )
    func killed(index: Int) throws {
        let run = try SealRun(vector: Vectors.all.full_seals[index])
        let shape = run.pipeline.parameters.shape
        let first = try run.preCommit1()
        let snapshots = Mutex<[(path: String, tree: UInt64)]>([])
        let steps = StepLog()
        let manager = FileManager.default
        let copies = try Scratch()
        let watched = run.pipeline(
            observer: SealObserver(progress: { seen in
                steps.note(seen)
                // What a kill would leave on the disk just now.
                let tree = (steps.last("columns and replica") ?? 0) / 64
                let name = "\(copies.path)/\(snapshots.withLock { $0.count })"
                do {
                    try manager.copyItem(atPath: run.scratch.path, toPath: name)
                } catch {
                    Issue.record("copy: \(error)")
                }
                snapshots.withLock { $0.append((name, tree)) }
            })
        )
        let output = try watched.preCommit2(first)
        let expected = try files(run.paths, shape)
        let looks = snapshots.withLock { $0 }
        #expect(looks.count >= 3 * shape.baseTreeCount)
        // Every look of the smaller sector, and some of the larger one in each kind of step.
        for (path, tree) in looks.enumerated().filter({ index == 6 || $0.offset % 3 == 0 }).map(\.1) {
            let name = "s-t01000-\(run.pipeline.sectorNumber)"
            let paths = SectorPaths(
                unsealed: "\(path)/unsealed/\(name)",
                sealed: "\(path)/sealed/\(name)",
                cache: "\(path)/cache/\(name)"
            )
            #expect(!manager.fileExists(atPath: paths.persistentAux))
            #expect(!manager.fileExists(atPath: paths.sealed))
            let steps = StepLog()
            let resumed = run.pipeline(observer: SealObserver(progress: steps.note), paths: paths)
            #expect(try resumed.preCommit2(first) == output)
            #expect(try files(paths, shape) == expected)
            #expect(try leftOver(path) == [])
            // At most the tree that was being made is made again.
            let from = steps.first("columns and replica") ?? 64 * UInt64(shape.baseTreeCount)
            #expect(from >= 64 * tree, "tree \(tree)")
            try manager.removeItem(atPath: path)
        }
    }

    @Test("what a checkpoint does not confirm is made again, whatever has happened to the files")
    func damaged() throws {
        let run = try SealRun(vector: Vectors.all.full_seals[7])
        let shape = run.pipeline.parameters.shape
        let first = try run.preCommit1()
        let stopping = StepLog()
        let stopped = run.pipeline(
            observer: SealObserver(
                progress: stopping.note,
                isCancelled: { (stopping.last("columns and replica") ?? 0) >= 5 * 64 }
            )
        )
        #expect(sealingError { _ = try stopped.preCommit2(first) }?.code == .cancelled)
        let state = try Scratch()
        let manager = FileManager.default
        try manager.removeItem(atPath: state.path)
        try manager.copyItem(atPath: run.scratch.path, toPath: state.path)
        let output = try run.pipeline.preCommit2(first)
        let expected = try files(run.paths, shape)

        let name = "s-t01000-\(run.pipeline.sectorNumber)"
        let note = "cache/\(name)/sealyard-precommit2.json"
        let targets = try state.files().filter {
            $0.hasSuffix(".partial") || $0 == note || $0.contains("tree-c-2")
                || $0.contains("tree-r-last-0")
        }
        #expect(targets.count >= 4 && targets.contains("sealed/\(name).partial"))
        for target in targets {
            let original = try Scratch.bytes("\(state.path)/\(target)")
            var damages: [[UInt8]?] = [nil, [], Array(original.dropLast(min(33, original.count)))]
            for place in [0, original.count / 3, original.count - 1] where !original.isEmpty {
                var changed = original
                changed[place] ^= 1
                damages.append(changed)
            }
            for (number, damage) in damages.enumerated() {
                try manager.removeItem(atPath: run.scratch.path)
                try manager.copyItem(atPath: state.path, toPath: run.scratch.path)
                let path = "\(run.scratch.path)/\(target)"
                try manager.removeItem(atPath: path)
                if let damage {
                    try Scratch.write(damage, to: path)
                }
                #expect(try run.pipeline.preCommit2(first) == output, "\(target), \(number)")
                #expect(try files(run.paths, shape) == expected, "\(target), \(number)")
                #expect(try leftOver(run.scratch.path) == [])
            }
        }
    }

    @Test("a note that cannot be is not believed", arguments: 0..<6)
    func foreignNotes(kind: Int) throws {
        let run = try SealRun(vector: Vectors.all.full_seals[6])
        let first = try run.preCommit1()
        let output = try run.pipeline.preCommit2(first)
        let expected = try files(run.paths, run.pipeline.parameters.shape)
        var text = String(decoding: try Scratch.bytes(run.replicaNote), as: UTF8.self)
        #expect(text.contains("\"nodeCount\":64"))
        switch kind {
        case 0: text = text.replacingOccurrences(of: "\"nodeCount\":64", with: "\"nodeCount\":0")
        case 1: text = text.replacingOccurrences(of: "\"nodeCount\":64", with: "\"nodeCount\":128")
        case 2:
            let huge = "\"nodeCount\":18446744073709551615"
            text = text.replacingOccurrences(of: "\"nodeCount\":64", with: huge)
        case 3: text = text.replacingOccurrences(of: "\"trees\":[", with: "\"trees\":[{\"segments\":[]},")
        case 4: text = String(repeating: " ", count: 1 << 22) + text
        default:
            // Another sector's: its ticket is another one.
            let other = try run.pipeline.preCommit1(
                ticket: Commitment(repeating: 3),
                pieces: run.pieces
            )
            #expect(try run.pipeline.preCommit2(other).commR != output.commR)
            text = String(decoding: try Scratch.bytes(run.replicaNote), as: UTF8.self)
            _ = try run.preCommit1()
        }
        try Scratch.write(Array(text.utf8), to: run.replicaNote)
        let steps = StepLog()
        let again = run.pipeline(observer: SealObserver(progress: steps.note))
        #expect(try again.preCommit2(first) == output)
        #expect(steps.first("columns and replica") == 0)
        #expect(try files(run.paths, run.pipeline.parameters.shape) == expected)
    }

    @Test("a finished sector that was damaged is made whole from its last good tree")
    func repaired() throws {
        let run = try SealRun(vector: Vectors.all.full_seals[7])
        let first = try run.preCommit1()
        let output = try run.pipeline.preCommit2(first)
        let expected = try files(run.paths, run.pipeline.parameters.shape)
        var bytes = try Scratch.bytes(run.paths.sealed)
        bytes[32 * 64 * 3 + 5] ^= 1
        try Scratch.write(bytes, to: run.paths.sealed)
        let steps = StepLog()
        let again = run.pipeline(observer: SealObserver(progress: steps.note))
        #expect(try again.preCommit2(first) == output)
        #expect(steps.first("columns and replica") == 3 * 64)
        #expect(try files(run.paths, run.pipeline.parameters.shape) == expected)
    }

    @Test("batches that cannot be, or that exceed the memory limit, are named errors")
    func options() throws {
        let run = try SealRun()
        let first = try run.preCommit1()
        func code(_ change: (inout SealingOptions) -> Void) -> SealingError.Code? {
            var options = SealingOptions()
            change(&options)
            return sealingError { _ = try run.pipeline(options: options).preCommit2(first) }?.code
        }
        for count in [-8, 0, 1, 64, 511, 513, 1024, 1 << 20, 1 << 24] {
            #expect(code { $0.columnBatchNodeCount = count } == .invalidArgument, "\(count)")
        }
        #expect(code { $0.checkpointNodeCount = 0 } == .invalidArgument)
        #expect(code { $0.memoryBytesMax = 36 * 512 - 1 } == .insufficientMemory)
        #expect(
            code {
                $0.columnBatchNodeCount = 512
                $0.memoryBytesMax = 36 * 512
            } == nil
        )
        #expect(code { $0.checkpointNodeCount = .max } == nil)
    }

    @Test("a node outside the field is a named error, with file and node, and no replica appears")
    func notCanonical() throws {
        let run = try SealRun()
        let first = try run.preCommit1()
        for (path, node) in [(run.paths.layer(1), 0), (run.paths.layer(2), 63), (run.paths.treeD, 17)] {
            let original = try Scratch.bytes(path)
            var changed = original
            changed[32 * node + 31] = 0xff
            try Scratch.write(changed, to: path)
            let error = sealingError { _ = try run.pipeline.preCommit2(first) }
            #expect(error?.code == .notCanonical)
            #expect(error?.message.contains("node \(node) of \(path) ") == true)
            #expect(!FileManager.default.fileExists(atPath: run.paths.sealed))
            #expect(!FileManager.default.fileExists(atPath: run.paths.persistentAux))
            try Scratch.write(original, to: path)
        }
        _ = try run.pipeline.preCommit2(first)
    }
}
