// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A proof of many sectors of which some are damaged where only a hash can tell.
@Suite("Damaged sectors do not spoil the proof of the others")
struct PoStDamageTests {
    private func statement(_ kind: PoStKind, _ runs: [(SealRun, Commitment)]) throws -> PoStStatement {
        try PoStStatement(
            kind: kind,
            sectorSize: .kib2,
            proverID: Commitment(proverOf: 1000),
            randomness: SHA256.hash([6]),
            sectors: runs.map { PoStSector(number: $0.0.pipeline.sectorNumber, commR: $0.1) }
        )
    }

    @Test(
        "whatever bit of whatever file is flipped, what is given back verifies",
        arguments: [PoStKind.windowV1]
    )
    func flips(kind: PoStKind) throws {
        let runs = try [UInt64(1), 2, 3].map { number in
            let run = try SealRun(number: number)
            return (run, try run.seal().commR)
        }
        let wanted = try statement(kind, runs)
        let paths = Dictionary(uniqueKeysWithValues: runs.map { ($0.0.pipeline.sectorNumber, $0.0.paths) })
        let damaged = runs[0].0.paths
        var skips = 0
        for path in [damaged.sealed, damaged.cacheFile("tree-r-last"), damaged.persistentAux] {
            let sound = try Scratch.bytes(path)
            // Some nodes of the replica and all others, once at the lowest bit and once beyond the field.
            for node in stride(from: 0, to: sound.count / 32, by: sound.count > 1024 ? 7 : 1) {
                for (byte, value) in [(0, sound[32 * node] ^ 1), (31, 0xff)] {
                    var bytes = sound
                    bytes[32 * node + byte] = value
                    try Scratch.write(bytes, to: path)
                    let openings = try PoStVanilla.proveReadable(wanted) { paths[$0] }
                    #expect(openings.proofs.count == openings.statement.sectors.count)
                    for (index, proof) in openings.proofs.enumerated() {
                        try PoStVanilla.verify(proof, openings.statement, sectorAt: index)
                    }
                    let names = openings.statement.sectors.map(\.number) + openings.skipped.map(\.number)
                    #expect(names.sorted() == [1, 2, 3])
                    #expect(openings.statement.sectors.suffix(2).map(\.number) == [2, 3])
                    for skipped in openings.skipped {
                        #expect(skipped.reason.contains(runs[0].0.scratch.path), "\(skipped)")
                    }
                    skips += openings.skipped.count
                }
            }
            try Scratch.write(sound, to: path)
        }
        #expect(skips > 10)
        #expect(try PoStVanilla.proveReadable(wanted) { paths[$0] }.skipped == [])
    }

    @Test("a directory, a pipe and a link to nothing in place of a file are skipped and named")
    func oddFiles() throws {
        for odd in ["directory", "pipe", "link", "link to itself"] {
            let bad = try SealRun(number: 1)
            let good = try SealRun(number: 2)
            let wanted = try statement(
                .windowV1,
                [(bad, bad.seal().commR), (good, good.seal().commR)]
            )
            for path in [bad.paths.sealed, bad.paths.persistentAux] {
                let sound = try Scratch.bytes(path)
                try FileManager.default.removeItem(atPath: path)
                switch odd {
                case "directory":
                    try FileManager.default.createDirectory(
                        atPath: path,
                        withIntermediateDirectories: false
                    )
                case "pipe": #expect(mkfifo(path, 0o600) == 0)
                case "link":
                    try FileManager.default.createSymbolicLink(
                        atPath: path,
                        withDestinationPath: "/nonexistent/file"
                    )
                default:
                    try FileManager.default.createSymbolicLink(
                        atPath: path,
                        withDestinationPath: path
                    )
                }
                let openings = try PoStVanilla.proveReadable(wanted) { number in
                    number == 1 ? bad.paths : good.paths
                }
                #expect(openings.skipped.map(\.number) == [1], "\(odd)")
                #expect(openings.skipped.first?.reason.contains(path) == true, "\(odd)")
                try PoStVanilla.verify(openings.proofs[0], openings.statement, sectorAt: 0)
                try FileManager.default.removeItem(atPath: path)
                try Scratch.write(sound, to: path)
            }
        }
    }

    @Test("a thousand sectors of which every other is gone are asked for once each")
    func many() throws {
        let run = try SealRun(number: 1)
        let commR = try run.seal().commR
        let statement = try PoStStatement(
            kind: .windowV1,
            sectorSize: .kib2,
            proverID: Commitment(proverOf: 1000),
            randomness: SHA256.hash([7]),
            sectors: (0..<1000).map { PoStSector(number: $0, commR: commR) }
        )
        let asked = Mutex<[UInt64]>([])
        let looks = Atomic<Int>(0)
        let observer = SealObserver(progress: { _ in looks.add(1, ordering: .relaxed) })
        let openings = try PoStVanilla.proveReadable(statement, observer: observer) { number in
            asked.withLock { $0.append(number) }
            return number % 100 == 50 ? run.paths : nil
        }
        #expect(asked.withLock { $0 } == Array(0..<1000))
        #expect(looks.load(ordering: .relaxed) == 1000)
        #expect(openings.statement.sectors.map(\.number) == (0..<10).map { 100 * $0 + 50 })
        #expect(openings.skipped.count == 990)
        for index in 0..<10 {
            try PoStVanilla.verify(openings.proofs[index], openings.statement, sectorAt: index)
        }
    }
}
