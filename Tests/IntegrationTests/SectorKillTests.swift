// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("sealyard sector, killed", .serialized)
struct SectorKillTests {
    /// A phase of sealing, known by the temporary file that it writes.
    struct Phase: Sendable, CustomTestStringConvertible {
        let name: String
        /// The folder of the sector, and how the file's name begins and ends there.
        let folder: String
        let prefix: String
        let suffix: String
        var testDescription: String { name }

        func isUnderWay(in sector: URL) -> Bool {
            let folder = sector.appending(path: folder).path
            // A folder that is not there yet has no files.
            let names = FileManager.default.subpaths(atPath: folder) ?? []
            return names.contains { $0.hasPrefix(prefix) && $0.hasSuffix(suffix) }
        }
    }

    static let cache = "cache/s-t01000-1"
    static let phases = [
        Phase(name: "AddPiece", folder: "unsealed", prefix: "s-t01000-1", suffix: ".staging"),
        Phase(name: "tree-d", folder: cache, prefix: "sc-02-data-tree-d.dat", suffix: ".tmp"),
        Phase(name: "layer 1", folder: cache, prefix: "sc-02-data-layer-1.dat", suffix: ".tmp"),
        Phase(name: "layer 2", folder: cache, prefix: "sc-02-data-layer-2.dat", suffix: ".tmp"),
        Phase(name: "pre-commit 2", folder: cache, prefix: "sc-02-data-tree-c.dat", suffix: ".partial"),
    ]

    let program: BuiltProgram
    let scratch: ScratchFolder

    init() throws {
        program = try BuiltProgram()
        scratch = try ScratchFolder()
    }

    private func arguments(_ payload: String, _ sector: String) -> [String] {
        ["sector", "seal", payload, "--size", "8MiB", "--out", scratch.path(sector), "--json"]
    }

    /// Starts the seal and kills it when one of the phases is under way: where the first is over in a
    /// moment and was missed, a later one.
    ///
    /// - Returns: the phase that the kill interrupted; nil where it ended at that moment, or the seal did.
    private func kill(
        _ arguments: [String], in phases: some BidirectionalCollection<Phase>, of sector: String
    ) throws -> Phase? {
        let process = Process()
        process.executableURL = program.url
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let folder = scratch.url(sector)
        while process.isRunning {
            guard phases.contains(where: { $0.isUnderWay(in: folder) }) else { continue }
            Foundation.kill(process.processIdentifier, SIGKILL)
            break
        }
        process.waitUntilExit()
        guard process.terminationReason == .uncaughtSignal else { return nil }
        // Killed, and what was being written still has its temporary name.
        return phases.last { $0.isUnderWay(in: folder) }
    }

    @Test("killed in one phase after the other and run again, it seals the same sector")
    func resumes() throws {
        let payload = try scratch.file("payload", [UInt8](repeating: 0x3b, count: 1_000_000))
        let whole = try program.run(list: arguments(payload, "whole"))
        #expect(whole.status == 0, "\(whole.complaint)")

        // A phase that was missed does not come again: most must be hit, and the last one.
        let hits = try Self.phases.indices.compactMap { first in
            try kill(arguments(payload, "killed"), in: Self.phases[first...], of: "killed")
        }
        #expect(Set(hits.map(\.name)).count >= 3, "killed only in \(hits.map(\.name))")
        #expect(hits.contains { $0.name == "pre-commit 2" })

        let resumed = try program.run(list: arguments(payload, "killed"))
        #expect(resumed.status == 0, "\(resumed.complaint)")
        for key in ["commD", "commC", "commRLast", "commR"] {
            #expect(try resumed.text(key) == whole.text(key), "\(key) after kills in \(hits.map(\.name))")
        }
        let left = try leftovers("killed")
        #expect(left.isEmpty, "left behind: \(left)")
        let sealed = "sealed/s-t01000-1"
        let isSame = try scratch.bytes("killed/\(sealed)") == scratch.bytes("whole/\(sealed)")
        #expect(isSame, "the replica after kills in \(hits.map(\.name))")
    }

    @Test("a synthetic proof killed while its openings are made goes on, and proves without layers")
    func synthetic() throws {
        let payload = try scratch.file("payload", [UInt8](repeating: 0x3b, count: 2_000))
        func seal(_ sector: String) -> [String] {
            ["sector", "seal", payload, "--registered-proof", "10", "--out", scratch.path(sector), "--json"]
        }
        let whole = try program.run(list: seal("whole"))
        #expect(whole.status == 0, "\(whole.complaint)")
        let openings = "\(Self.cache)/syn-porep-vanilla-proofs.dat"
        let phase = Phase(
            name: "openings", folder: Self.cache, prefix: "syn-porep-vanilla-proofs.dat", suffix: ".tmp")
        // The phase is short: where the kill came late, another sector is tried.
        let killed = try (1...20).lazy.map { "killed-\($0)" }.first {
            try kill(seal($0), in: [phase], of: $0) != nil
        }
        let sector = try #require(killed, "no kill came while openings were made")
        #expect(!scratch.exists("\(sector)/\(openings)"))
        let early = try program.run(
            "sector", "commit1", scratch.path(sector), "--seed", String(repeating: "01", count: 32), "--out",
            scratch.path("early.json"))
        #expect(early.status == 0, "layers are there still: \(early.complaint)")
        let resumed = try program.run(list: seal(sector))
        #expect(resumed.status == 0, "\(resumed.complaint)")
        #expect(try resumed.text("commR") == whole.text("commR"))
        #expect(try scratch.bytes("\(sector)/\(openings)") == scratch.bytes("whole/\(openings)"))
        #expect(!scratch.exists("\(sector)/\(Self.cache)/sc-02-data-layer-1.dat"))
        let late = try program.run(
            "sector", "commit1", scratch.path(sector), "--seed", String(repeating: "01", count: 32), "--out",
            scratch.path("late.json"))
        #expect(late.status == 0, "\(late.complaint)")
        let isSame = try scratch.bytes("early.json") == scratch.bytes("late.json")
        #expect(isSame, "the proof from openings is that from layers")
        #expect(try leftovers(sector).isEmpty)
    }

    /// Files with temporary names.
    private func leftovers(_ sector: String) throws -> [String] {
        let all = FileManager.default.subpaths(atPath: scratch.path(sector)) ?? []
        return all.filter { name in [".tmp", ".partial", ".staging"].contains { name.hasSuffix($0) } }
    }
}
