// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

@Suite("A partition whose sectors cannot all be read")
struct PoStOpeningsTests {
    /// Three sealed sectors of 2 KiB.
    private func sectors() throws -> [(run: SealRun, sector: PoStSector)] {
        try [UInt64(3), 5, 9].map { number in
            let run = try SealRun(number: number)
            return (run, PoStSector(number: number, commR: try run.seal().commR))
        }
    }

    private func statement(_ kind: PoStKind, _ sectors: [PoStSector]) throws -> PoStStatement {
        try PoStStatement(
            kind: kind, sectorSize: try SectorSize(parsing: "2KiB"),
            proverID: Commitment(proverOf: 1000), randomness: SHA256.hash([4]), sectors: sectors)
    }

    @Test(
        "what can be read is opened and verifies; the rest is named",
        arguments: [PoStKind.windowV1, .windowV1_2])
    func skips(kind: PoStKind) throws {
        let all = try sectors()
        let wanted = try statement(kind, all.map(\.sector))
        let paths = { (number: UInt64) in all.first { $0.sector.number == number }?.run.paths }

        let whole = try PoStVanilla.proveReadable(wanted, paths: paths)
        #expect(whole.skipped == [] && whole.statement == wanted && whole.proofs.count == 3)

        // The middle one is cut off: later ones move up, and with them, for V1, their challenges.
        let file = URL(filePath: all[1].run.paths.sealed)
        try Data(contentsOf: file).dropLast(32).write(to: file)
        let partial = try PoStVanilla.proveReadable(wanted, paths: paths)
        #expect(partial.skipped.map(\.number) == [5])
        #expect(partial.skipped[0].reason.contains(file.lastPathComponent))
        #expect(partial.statement.sectors.map(\.number) == [3, 9])
        for (index, proof) in partial.proofs.enumerated() {
            try PoStVanilla.verify(proof, partial.statement, sectorAt: index)
        }
        let moved = partial.statement.challenges(at: 1) != whole.statement.challenges(at: 2)
        #expect(moved == (kind == .windowV1))
    }

    @Test("a sector of which nothing is known, or with another's CommR, is skipped as well")
    func foreign() throws {
        let all = try sectors()
        let claimed = [all[0].sector, PoStSector(number: 5, commR: all[2].sector.commR), all[2].sector]
        let openings = try PoStVanilla.proveReadable(try statement(.windowV1_2, claimed)) { number in
            number == 9 ? nil : all.first { $0.sector.number == number }?.run.paths
        }
        #expect(openings.statement.sectors.map(\.number) == [3])
        #expect(openings.skipped.map(\.number) == [5, 9])
        #expect(openings.skipped[0].reason.contains("CommR"))
    }

    @Test("no sector left is an error with the first reason; a cancel ends the work")
    func none() throws {
        let all = try sectors()
        let wanted = try statement(.windowV1_2, all.map(\.sector))
        let error = sealingError { _ = try PoStVanilla.proveReadable(wanted) { _ in nil } }
        #expect(error?.code == .missingFile && error?.message.contains("none of 3") == true)
        let observer = SealObserver(isCancelled: { true })
        let cancelled = sealingError {
            _ = try PoStVanilla.proveReadable(wanted, observer: observer) { number in
                all.first { $0.sector.number == number }?.run.paths
            }
        }
        #expect(cancelled?.code == .cancelled)
    }
}
