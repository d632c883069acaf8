// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

/// What can be wrong with an input file.
enum FileDamage: String, CaseIterable, Sendable {
    case missing
    case shortByANode
    case longByAByte
    case directory
    case flippedBit
    case nodeOutsideTheField
    case anotherSectors

    /// Whether the content has the right form, so that only what is proven can tell.
    var looksRight: Bool {
        self == .flippedBit || self == .anotherSectors
    }

    func apply(to path: String, foreign: String) throws {
        var bytes = try Scratch.bytes(path)
        switch self {
        case .missing:
            try FileManager.default.removeItem(atPath: path)
            return
        case .directory:
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: false
            )
            return
        case .shortByANode: bytes.removeLast(32)
        case .longByAByte: bytes.append(0)
        case .flippedBit: bytes[bytes.count / 3] ^= 4
        case .nodeOutsideTheField:
            for index in 0..<32 {
                bytes[index] = 0xff
            }
        case .anotherSectors: bytes = try Scratch.bytes(foreign)
        }
        try Scratch.write(bytes, to: path)
    }
}

@Suite("Every input file of every step after pre-commit 1, damaged in every way")
struct BadInputTests {
    /// A sealed sector, and another one of the same kind.
    private struct Pair {
        let run: SealRun
        let foreign: SealRun
        let first: PreCommit1Output
        let output: PreCommit2Output
        let seed = Commitment(repeating: 5)

        init() throws {
            run = try SealRun(payload: SealRun.pattern(2032))
            foreign = try SealRun(number: 2, ticket: Commitment(repeating: 9))
            _ = try foreign.seal()
            first = try run.preCommit1()
            output = try run.pipeline.preCommit2(first)
        }

        /// The other sector's file in the same place.
        func foreign(_ path: String) -> String {
            let name = path.dropFirst(run.scratch.path.count).replacingOccurrences(
                of: "s-t01000-1",
                with: "s-t01000-2"
            )
            return foreign.scratch.path + name
        }
    }

    /// Digests of all files under their final names, by path; our notes left out.
    private func state(_ scratch: Scratch) throws -> [String: String] {
        var found: [String: String] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: scratch.path).sorted()
        where !name.hasSuffix(".partial") && !name.contains("sealyard-") {
            var isDirectory: ObjCBool = false
            _ = FileManager.default.fileExists(
                atPath: "\(scratch.path)/\(name)",
                isDirectory: &isDirectory
            )
            found[name] =
                isDirectory.boolValue
                ? "directory" : digest(try Scratch.bytes("\(scratch.path)/\(name)"))
        }
        return found
    }

    /// Damages each input in each way, runs the step, and restores it.
    ///
    /// - Parameters:
    ///   - pair: the sectors.
    ///   - inputs: files that the step reads.
    ///   - outputs: files that it may remove before it makes them anew.
    ///   - before: brings the sector to where the step begins.
    ///   - unseen: asked when a step took a file that looks right; must find it out, or say that the
    ///     result is the same as with the sound file.
    ///   - step: the step; its result tells whether a later run gives the same.
    private func sweep<Result: Equatable>(
        _ pair: Pair,
        inputs: [String],
        outputs: [String] = [],
        before: () throws -> Void = {},
        unseen: (FileDamage, String, Result, Result) throws -> Void,
        step: () throws -> Result
    ) throws {
        try before()
        let expected = try step()
        for path in inputs {
            for damage in FileDamage.allCases {
                try before()
                let sound = try Scratch.bytes(path)
                let name = "\(damage) \(URL(filePath: path).lastPathComponent)"
                try damage.apply(to: path, foreign: pair.foreign(path))
                let start = try state(pair.run.scratch)
                do {
                    let result = try step()
                    #expect(damage.looksRight || damage == .nodeOutsideTheField, "\(name) is taken")
                    try unseen(damage, path, result, expected)
                } catch let error as SealingError {
                    let codes: [SealingError.Code] =
                        switch damage {
                        case .missing: [.missingFile]
                        case .shortByANode, .longByAByte: [.wrongFileSize, .malformed]
                        case .directory: [.inputOutput]
                        case .nodeOutsideTheField: [.notCanonical, .commitmentMismatch, .malformed]
                        case .flippedBit: [.commitmentMismatch, .notCanonical]
                        case .anotherSectors: [.commitmentMismatch]
                        }
                    #expect(codes.contains(error.code), "\(name): \(error)")
                    #expect(error.message.contains(pair.run.scratch.path), "\(name): \(error)")
                    let after = try state(pair.run.scratch)
                    for (file, digest) in after {
                        #expect(start[file] == digest, "\(name): \(file) is new or changed")
                    }
                    for file in start.keys where after[file] == nil {
                        #expect(outputs.contains { $0.hasSuffix(file) }, "\(name): \(file) is gone")
                    }
                }
                var isDirectory: ObjCBool = false
                if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
                    isDirectory.boolValue
                {
                    try FileManager.default.removeItem(atPath: path)
                }
                try before()
                try Scratch.write(sound, to: path)
                #expect(try step() == expected, "after \(name)")
            }
        }
    }

    /// Opens with seeds until the damage shows.
    private func isFound(_ pair: Pair, _ output: PreCommit2Output) -> Bool {
        (UInt8(0)..<250).contains { seed in
            sealingError {
                _ = try pair.run.pipeline.commit1(
                    ticket: pair.run.ticket,
                    seed: Commitment(repeating: seed),
                    commitments: output
                )
            }?.code == .commitmentMismatch
        }
    }

    @Test("pre-commit 2")
    func preCommit2() throws {
        let pair = try Pair()
        let run = pair.run
        try sweep(
            pair,
            inputs: [run.paths.layer(1), run.paths.layer(2), run.paths.treeD],
            outputs: [run.paths.persistentAux],
            before: { try run.forgetReplica() },
            unseen: { damage, path, result, expected in
                // Sealed wrongly, but commit 1 refuses to open what does not follow.
                #expect(isFound(pair, result), "\(damage) \(path)")
            },
            step: { try run.pipeline.preCommit2(pair.first) }
        )
    }

    @Test("commit 1")
    func commit1() throws {
        let pair = try Pair()
        let paths = pair.run.paths
        try sweep(
            pair,
            inputs: [
                paths.layer(1), paths.layer(2), paths.treeD, paths.cacheFile("tree-c"),
                paths.cacheFile("tree-r-last"), paths.sealed, paths.persistentAux,
            ],
            // What is not opened does not matter; what is opened is checked.
            unseen: { damage, path, result, expected in
                #expect(result == expected, "\(damage) \(path)")
            },
            step: {
                try pair.run.pipeline.commit1(
                    ticket: pair.run.ticket,
                    seed: pair.seed,
                    commitments: pair.output
                )
            }
        )
    }

    @Test("finalize")
    func finalize() throws {
        let pair = try Pair()
        let run = pair.run
        let kept = [run.paths.sealed, run.paths.cacheFile("tree-r-last"), run.paths.persistentAux]
        let cleared = [
            run.paths.layer(1), run.paths.layer(2), run.paths.treeD, run.paths.cacheFile("tree-c"),
        ]
        let bytes = try (kept + cleared).map { ($0, try Scratch.bytes($0)) }
        try sweep(
            pair,
            inputs: kept,
            before: {
                for (path, bytes) in bytes {
                    try Scratch.write(bytes, to: path)
                }
            },
            unseen: { damage, path, _, _ in
                // Finalize does not hash the replica; the check of everything does.
                // Of p_aux it knows only CommRLast, which tree-r-last must have.
                #expect(path != run.paths.persistentAux || damage == .flippedBit)
                let found = sealingError {
                    try run.pipeline.verifySector(commR: pair.output.commR, everything: true)
                }
                #expect(
                    found?.code == .commitmentMismatch || found?.code == .notCanonical,
                    "\(damage) \(path)"
                )
            },
            step: {
                try run.pipeline.finalize()
                return cleared.filter { FileManager.default.fileExists(atPath: $0) }
            }
        )
    }

    @Test("unsealing of all and of a part")
    func unseal() throws {
        let pair = try Pair()
        let run = pair.run
        let ticket = run.ticket
        let commD = pair.output.commD
        let unsealed = run.paths.unsealed
        let data = try Scratch.bytes(unsealed)
        let remove = {
            if FileManager.default.fileExists(atPath: unsealed) {
                try FileManager.default.removeItem(atPath: unsealed)
            }
        }
        try sweep(
            pair,
            inputs: [run.paths.sealed],
            before: remove,
            unseen: { damage, _, _, _ in Issue.record("\(damage) is taken") },
            step: {
                try run.pipeline.unseal(ticket: ticket, commD: commD)
                let bytes = try Scratch.bytes(unsealed)
                #expect(bytes == data)
                return bytes
            }
        )
        try sweep(
            pair,
            inputs: [run.paths.sealed],
            unseen: { damage, path, _, _ in
                // A part cannot be compared with CommD, so the whole has to be asked.
                try remove()
                let whole = sealingError { try run.pipeline.unseal(ticket: ticket, commD: commD) }
                #expect(whole?.code == .commitmentMismatch || whole?.code == .notCanonical)
                let found = sealingError {
                    try run.pipeline.verifySector(commR: pair.output.commR, everything: true)
                }
                #expect(
                    found?.code == .commitmentMismatch || found?.code == .notCanonical,
                    "\(damage) \(path)"
                )
            },
            step: {
                try run.pipeline.unseal(ticket: ticket, commD: commD, offset: 254, count: 1016)
            }
        )
    }

    @Test("proof of space-time")
    func spaceTime() throws {
        let pair = try Pair()
        let paths = pair.run.paths
        let statement = try PoStStatement(
            kind: .winning,
            sectorSize: .kib2,
            proverID: Commitment(proverOf: 1000),
            randomness: SHA256.hash([3]),
            sectors: [PoStSector(number: 1, commR: pair.output.commR)]
        )
        try sweep(
            pair,
            inputs: [paths.sealed, paths.cacheFile("tree-r-last"), paths.persistentAux],
            unseen: { damage, path, result, expected in
                #expect(result == expected, "\(damage) \(path)")
            },
            step: { try PoStVanilla.prove(statement, sectorAt: 0, paths: paths) }
        )
    }
}
