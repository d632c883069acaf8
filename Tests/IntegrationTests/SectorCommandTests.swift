// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("sealyard sector")
struct SectorCommandTests {
    static let sealedFile = "sector/sealed/s-t01000-1"
    static let pattern = (0..<2_000).map { UInt8(truncatingIfNeeded: 7 * $0 + 3) }

    let program: BuiltProgram
    let scratch: ScratchFolder

    init() throws {
        program = try BuiltProgram()
        scratch = try ScratchFolder()
    }

    private func seal(_ payload: [UInt8]) throws -> BuiltProgram.Outcome {
        let file = try scratch.file("payload", payload)
        return try program.run(
            "sector", "seal", file, "--size", "2KiB", "--out", scratch.path("sector"), "--json")
    }

    @Test("a 2 KiB sector of zeros has the commitments that the reference gives it")
    func knownAnswer() throws {
        let outcome = try seal([UInt8](repeating: 0, count: 2_032))
        #expect(outcome.status == 0, "\(outcome.complaint)")
        #expect(outcome.complaint.isEmpty)
        #expect(
            try outcome.text("commR") == "c647b998c78282296cfd1160714228d43f3b054dfbbb77172b68115ba3c3b762")
        #expect(try outcome.text("sealedCID").hasPrefix("bagboea4b5abc"))
        #expect(
            try outcome.text("unsealedCID")
                == "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy")
        for key in ["commD", "commC", "commRLast", "commR", "replicaID"] {
            #expect(try outcome.text(key).count == 64)
        }
        // An empty file is the same data: zeros fill the sector.
        let empty = try scratch.file("empty", [])
        let other = try program.run(
            "sector", "seal", empty, "--registered-proof", "5", "--out", scratch.path("other"), "--json")
        #expect(try other.text("commR") == outcome.text("commR"))
    }

    @Test("a synthetic proof leaves openings in place of layers, and is made and verified from them")
    func synthetic() throws {
        let payload = try scratch.file("payload", [UInt8](repeating: 0, count: 2_032))
        let command = [
            "sector", "seal", payload, "--registered-proof", "10", "--out", scratch.path("sector"), "--json",
        ]
        let outcome = try program.run(list: command)
        #expect(outcome.status == 0, "\(outcome.complaint)")
        #expect(
            try outcome.text("commR") == "40e5dd08e5bd066e4d3c4a17bcef02b45b8a82488f986b64d19da77b1b92ca19")
        let cache = "sector/cache/s-t01000-1"
        let gone = ["layer-1", "layer-2", "tree-c", "tree-d"].map { "\(cache)/sc-02-data-\($0).dat" }
        let openings = "\(cache)/syn-porep-vanilla-proofs.dat"
        #expect(!gone.contains(where: scratch.exists) && scratch.exists(openings))
        for seed in ["01", "02"] {
            let proof = try program.run(
                "sector", "commit1", scratch.path("sector"), "--seed", String(repeating: seed, count: 32),
                "--out", scratch.path("proof-\(seed)"), "--json")
            #expect(proof.status == 0, "\(proof.complaint)")
            #expect(try proof.document()["challenges"] as? Int == 2)
            #expect(try proof.document()["isSynthetic"] as? Bool == true)
            let json = try JSONSerialization.jsonObject(with: Data(scratch.bytes("proof-\(seed)")))
            let name = (json as? [String: Any])?["registered_proof"] as? String
            #expect(name == "StackedDrg2KiBV1_1_Feat_SyntheticPoRep")
        }
        let isSame = try scratch.bytes("proof-01") == scratch.bytes("proof-02")
        #expect(!isSame)
        // Again, all is done; to finalize takes the openings, too, and may be repeated.
        #expect(try program.run(list: command).output == outcome.output)
        for arguments in [command + ["--finalize"], command + ["--finalize"], command] {
            #expect(try program.run(list: arguments).output == outcome.output)
            #expect(!scratch.exists(openings))
        }
        let late = try program.run(
            "sector", "commit1", scratch.path("sector"), "--seed", String(repeating: "01", count: 32),
            "--out", scratch.path("late"))
        #expect(late.status == 1 && late.complaint.contains("layer"), "\(late.complaint)")
        #expect(!scratch.exists("late"))
        let sound = try program.run("sector", "verify", scratch.path("sector"))
        #expect(sound.status == 0, "\(sound.complaint)")
    }

    @Test("unsealing gives the file back, and any range of it")
    func unseal() throws {
        #expect(try seal(Self.pattern).status == 0)
        let all = try program.run(
            "sector", "unseal", scratch.path("sector"), "--out", scratch.path("back"))
        #expect(all.status == 0, "\(all.complaint)")
        #expect(try scratch.bytes("back") == Self.pattern)
        for (offset, length) in [(0, 1), (126, 3), (127, 127), (500, 1_500), (2_000, 0)] {
            let part = try program.run(
                "sector", "unseal", scratch.path("sector"), "--out", scratch.path("part-\(offset)"),
                "--offset", "\(offset)", "--length", "\(length)")
            #expect(part.status == 0, "\(part.complaint)")
            #expect(
                try scratch.bytes("part-\(offset)") == Array(Self.pattern[offset..<offset + length]))
        }
        let beyond = try program.run(
            "sector", "unseal", scratch.path("sector"), "--out", scratch.path("beyond"), "--offset", "1999",
            "--length", "2")
        #expect(beyond.status == 1 && beyond.complaint.contains("2000"))
        let again = try program.run(
            "sector", "unseal", scratch.path("sector"), "--out", scratch.path("back"))
        #expect(again.status == 1 && again.complaint.contains("exists"))
        #expect(try scratch.bytes("back") == Self.pattern)
        #expect(!scratch.exists("beyond") && !scratch.exists("back.unsealed"))
    }

    @Test("a flipped bit in the replica fails the check, which names the node", arguments: [0, 1_000, 2_047])
    func damaged(offset: Int) throws {
        #expect(try seal(Self.pattern).status == 0)
        let sound = try program.run("sector", "verify", scratch.path("sector"), "--json")
        #expect(sound.status == 0, "\(sound.complaint)")
        #expect(try sound.document()["isSound"] as? Bool == true)
        var replica = try scratch.bytes(Self.sealedFile)
        #expect(replica.count == 2_048)
        replica[offset] ^= 1
        _ = try scratch.file(Self.sealedFile, replica)
        let damaged = try program.run("sector", "verify", scratch.path("sector"), "--json")
        #expect(damaged.status == 1)
        #expect(damaged.output.isEmpty)
        // Nodes are hashed by 64 at a time: the report names the first of the group.
        let group = offset / 32 / 64 * 64
        #expect(damaged.complaint.contains("node \(group)"), "\(damaged.complaint)")
        #expect(damaged.complaint.contains("sealed/s-t01000-1"))
        let unsealed = try program.run(
            "sector", "unseal", scratch.path("sector"), "--out", scratch.path("back"))
        #expect(unsealed.status == 1)
        #expect(!scratch.exists("back") && !scratch.exists("back.unsealed"))
    }

    @Test("a node that is no field element is named as well")
    func notCanonical() throws {
        #expect(try seal(Self.pattern).status == 0)
        var replica = try scratch.bytes(Self.sealedFile)
        replica[33 * 32 + 31] = 0xff
        _ = try scratch.file(Self.sealedFile, replica)
        let outcome = try program.run("sector", "verify", scratch.path("sector"))
        #expect(outcome.status == 1 && outcome.complaint.contains("node 33,"), "\(outcome.complaint)")
    }

    @Test("sealing again finds all done; other data, ticket or number is refused and nothing changes")
    func again() throws {
        let first = try seal(Self.pattern)
        let second = try seal(Self.pattern)
        #expect(second.status == 0 && second.output == first.output)
        let replica = try scratch.bytes(Self.sealedFile)
        let other = try seal(Self.pattern + [1])
        #expect(other.status == 1 && other.complaint.contains("other data"))
        let ticket = try program.run(
            "sector", "seal", try scratch.file("payload", Self.pattern), "--size", "2KiB", "--out",
            scratch.path("sector"), "--ticket", String(repeating: "01", count: 32))
        #expect(ticket.status == 1 && ticket.complaint.contains("another ticket"))
        #expect(try scratch.bytes(Self.sealedFile) == replica)
    }

    @Test("a seal that was cut off after pre-commit 1 goes on to the same commitments")
    func resume() throws {
        let first = try seal(Self.pattern)
        let description = try #require(
            try JSONSerialization.jsonObject(with: Data(scratch.bytes("sector/sealyard-sector.json")))
                as? [String: Any])
        let unfinished = description.filter { $0.key != "sealed" }
        #expect(unfinished.count == description.count - 1)
        try JSONSerialization.data(withJSONObject: unfinished).write(
            to: scratch.url("sector/sealyard-sector.json"))
        try FileManager.default.removeItem(at: scratch.url(Self.sealedFile))
        try FileManager.default.removeItem(at: scratch.url("sector/cache/s-t01000-1/p_aux"))
        let unsealed = try program.run("sector", "verify", scratch.path("sector"))
        #expect(unsealed.status == 1 && unsealed.complaint.contains("not sealed yet"))
        let second = try seal(Self.pattern)
        #expect(second.status == 0, "\(second.complaint)")
        #expect(second.output == first.output)
    }

    @Test("a piece has the commitment and the texts of the reference")
    func commP() throws {
        let file = try scratch.file("payload", [UInt8](repeating: 0, count: 2_032))
        let outcome = try program.run("sector", "commp", file, "--json")
        #expect(outcome.status == 0, "\(outcome.complaint)")
        #expect(
            try outcome.text("commP") == "fc7e928296e516faade986b28f92d44a4f24b935485223376a799027bc18f833")
        #expect(try outcome.document()["paddedSize"] as? Int == 2_048)
        #expect(
            try outcome.text("pieceCID")
                == "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy")
        let plain = try program.run("sector", "commp", file)
        #expect(plain.status == 0 && plain.output.contains("pieceCID:    baga6ea4seaqpy7usq"))
    }

    @Test(
        "mistakes on the command line end with 2, and one line says what is wrong",
        arguments: [
            (["sector", "seal"], "file"),
            (["sector", "seal", "FILE", "--out", "OUT"], "--size"),
            (["sector", "seal", "FILE", "--out", "OUT", "--size", "3KiB"], "2KiB"),
            (["sector", "seal", "FILE", "--out", "OUT", "--size", "2KiB", "--ticket", "zz"], "--ticket"),
            (["sector", "seal", "FILE", "--out", "OUT", "--size", "2KiB", "--ticket", "0011"], "64"),
            (["sector", "seal", "FILE", "--out", "OUT", "--registered-proof", "20"], "0 to 19"),
            (
                ["sector", "seal", "FILE", "--out", "OUT", "--size", "8MiB", "--registered-proof", "5"],
                "2KiB"
            ),
            (["sector", "seal", "FILE", "--out", "OUT", "--size", "2KiB", "--miner", "x"], "miner"),
            (["sector", "unseal"], "directory"),
            (["sector", "commit1", "DIR", "--out", "OUT"], "--seed"),
            (["sector", "commit1", "DIR", "--out", "OUT", "--seed", "12"], "64"),
            (
                [
                    "worker", "run", "--data", "OUT", "--secret", "OUT", "--name", "w", "--long-term", "OUT",
                    "--miner", "127.0.0.1:1", "--batch-precommit1", "4",
                ], "PC1=4"
            ),
            (["sector", "verify", "DIR", "--nonsense"], "--nonsense"),
            (["bench", "simulation", "--sectors", "0"], "--sectors"),
            (["bench", "sealing", "--sector-size", "3GiB"], "3GiB"),
            (["nonsense"], "nonsense"),
        ])
    func usage(arguments: [String], named: String) throws {
        let payload = try scratch.file("payload", [1])
        let words = arguments.map { word in
            word == "FILE" ? payload : word == "OUT" ? scratch.path("out") : word
        }
        let process = try program.run(list: words)
        #expect(process.status == 2, "\(process.complaint)")
        #expect(process.output.isEmpty)
        #expect(process.complaint.hasPrefix("sealyard: "))
        #expect(process.complaint.split(separator: "\n").count == 1, "\(process.complaint)")
        #expect(process.complaint.contains(named), "\(process.complaint)")
        #expect(!scratch.exists("out"))
    }

    @Test(
        "help and version go to stdout and end with 0",
        arguments: [
            (["--help"], "sector"), (["help", "sector", "seal"], "--ticket"), (["sector"], "unseal"),
            (["--version"], "."),
        ])
    func help(arguments: [String], named: String) throws {
        let outcome = try program.run(list: arguments)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains(named))
        #expect(outcome.complaint.isEmpty)
    }

    @Test("what cannot be done ends with 1 and names the file")
    func failures() throws {
        let missing = try program.run(
            "sector", "seal", scratch.path("nothing"), "--size", "2KiB", "--out", scratch.path("out"))
        #expect(missing.status == 1 && missing.complaint.contains("nothing"))
        let large = try scratch.file("large", [UInt8](repeating: 1, count: 2_033))
        let overfull = try program.run(
            "sector", "seal", large, "--size", "2KiB", "--out", scratch.path("out"))
        #expect(overfull.status == 1)
        #expect(overfull.complaint.contains("2033") && overfull.complaint.contains("2032"))
        let folder = try program.run(
            "sector", "seal", scratch.root.path, "--size", "2KiB", "--out", scratch.path("out"))
        #expect(folder.status == 1 && folder.complaint.contains("not a regular file"))
        let noSector = try program.run("sector", "verify", scratch.root.path)
        #expect(noSector.status == 1 && noSector.complaint.contains("sealyard-sector.json"))
        let noPiece = try program.run("sector", "commp", scratch.path("nothing"))
        #expect(noPiece.status == 1 && noPiece.complaint.contains("nothing"))
        #expect(!scratch.exists("out"))
        #expect(try scratch.bytes("large") == [UInt8](repeating: 1, count: 2_033))
    }

    @Test(
        "a description that was tampered with is refused",
        arguments: [
            ("\"version\" : 1", "\"version\" : 2", "version 2"),
            ("\"miner\" : 1000", "\"miner\" : 1001", "replicaID"),
            ("\"payloadBytes\" : 2000", "\"payloadBytes\" : 20000", "20000"),
            ("\"payloadBytes\" : 2000", "\"payloadBytes\" : -1", "not the description"),
            ("\"registeredProof\" : 5", "\"registeredProof\" : 99", "99"),
            ("\"commR\" : \"", "\"commR\" : \"0", "contradicts"),
            ("{", "[", "not the description"),
        ])
    func tampered(found: String, replacement: String, named: String) throws {
        #expect(try seal(Self.pattern).status == 0)
        let text = String(decoding: try scratch.bytes("sector/sealyard-sector.json"), as: UTF8.self)
        let range = try #require(text.range(of: found))
        _ = try scratch.file(
            "sector/sealyard-sector.json", Array(text.replacingCharacters(in: range, with: replacement).utf8))
        let outcome = try program.run("sector", "verify", scratch.path("sector"))
        #expect(outcome.status == 1)
        #expect(outcome.complaint.contains(named), "\(outcome.complaint)")
    }
}
