// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

/// Sector directories as other software of the network has them.
@Suite struct InterchangeTests {
    @Test("a sealed sector has the reference's files and sizes", arguments: [0, 6, 7, 8])
    func sizes(index: Int) throws {
        // Written out from the layout: layers, tree-d, each tree-c, each tree-r-last.
        let bytes = [
            0: (2048, 4064, 2336, 32), 6: (4096, 8160, 2336, 32), 7: (16384, 32736, 2336, 32),
            8: (32768, 65504, 2336, 32),
        ]
        let (sector, treeD, treeC, treeR) = try #require(bytes[index])
        let run = try SealRun(vector: Vectors.all.full_seals[index])
        _ = try run.seal()
        let trees = [0: [""], 6: ["-0", "-1"]][index] ?? (0..<(index == 7 ? 8 : 16)).map { "-\($0)" }
        let prefix = "sc-02-data-"
        var expected = [
            "p_aux": 64, "\(prefix)layer-1.dat": sector, "\(prefix)layer-2.dat": sector,
            "\(prefix)tree-d.dat": treeD,
        ]
        var kept = ["p_aux": 64]
        for tree in trees {
            expected["\(prefix)tree-c\(tree).dat"] = treeC
            expected["\(prefix)tree-r-last\(tree).dat"] = treeR
            kept["\(prefix)tree-r-last\(tree).dat"] = treeR
        }
        func listed() throws -> [String: Int] {
            var found: [String: Int] = [:]
            for name in try FileManager.default.contentsOfDirectory(atPath: run.paths.cache)
            where !name.hasPrefix("sealyard-") && name != "t_aux" {
                found[name] = try Scratch.bytes("\(run.paths.cache)/\(name)").count
            }
            return found
        }
        #expect(try listed() == expected)
        #expect(try Scratch.bytes(run.paths.sealed).count == sector)
        #expect(try Scratch.bytes(run.paths.unsealed).count == sector)
        try run.pipeline.finalize()
        #expect(try listed() == kept)
        #expect(!(try run.scratch.files()).contains { $0.contains("sealyard-") })
    }

    @Test("a sector without notes of ours goes on at every step", arguments: [0, 6])
    func imported(index: Int) throws {
        let run = try SealRun(vector: Vectors.all.full_seals[index])
        func forget() throws {
            for name in try FileManager.default.contentsOfDirectory(atPath: run.paths.cache)
            where name.hasPrefix("sealyard-") {
                try FileManager.default.removeItem(atPath: "\(run.paths.cache)/\(name)")
            }
        }
        let first = try run.preCommit1()
        try forget()
        let output = try run.pipeline.preCommit2(first)
        #expect(output.commR == (try Vectors.all.full_seals[index].comm_r.node))
        try forget()
        let seed = Commitment(repeating: 1)
        let proofs = try run.pipeline.commit1(ticket: run.ticket, seed: seed, commitments: output)
        try VanillaVerifier.verify(proofs, run.statement(output, seed: seed))
        try run.pipeline.finalize()
        let data = try Scratch.bytes(run.paths.unsealed)
        try FileManager.default.removeItem(atPath: run.paths.unsealed)
        try run.pipeline.unseal(ticket: run.ticket, commD: output.commD)
        #expect(try Scratch.bytes(run.paths.unsealed) == data)
        let statement = try PoStStatement(
            kind: .winning,
            sectorSize: run.pipeline.parameters.sectorSize,
            proverID: run.pipeline.proverID,
            randomness: seed,
            sectors: [PoStSector(number: 1, commR: output.commR)]
        )
        let proof = try PoStVanilla.prove(statement, sectorAt: 0, paths: run.paths)
        try PoStVanilla.verify(proof, statement, sectorAt: 0)
    }
}
