// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("sealyard sector, killed")
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
            let names: [String]
            do { names = try FileManager.default.contentsOfDirectory(atPath: folder) } catch {
                // The folder is not there before the phase that fills it.
                return false
            }
            return names.contains { $0.hasPrefix(prefix) && $0.hasSuffix(suffix) }
        }
    }

    static let cache = "cache/s-t01000-1"
    static let phases = [
        Phase(name: "AddPiece", folder: "unsealed", prefix: "s-t01000-1", suffix: ".staging"),
        Phase(name: "tree-d", folder: cache, prefix: "sc-02-data-tree-d.dat", suffix: ".tmp"),
        Phase(name: "layer 1", folder: cache, prefix: "sc-02-data-layer-1.dat", suffix: ".tmp"),
        Phase(name: "layer 2", folder: cache, prefix: "sc-02-data-layer-2.dat", suffix: ".tmp"),
        Phase(name: "tree-c", folder: cache, prefix: "sc-02-data-tree-c.dat", suffix: ".partial"),
        Phase(name: "replica", folder: "sealed", prefix: "s-t01000-1", suffix: ".partial"),
        Phase(name: "tree-r-last", folder: cache, prefix: "sc-02-data-tree-r-last.dat", suffix: ".partial"),
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

    /// Starts the seal and kills it when `phase` is under way.
    ///
    /// - Returns: whether the kill came while it was; the phase may be over in a moment.
    private func kill(_ arguments: [String], in phase: Phase, of sector: String) throws -> Bool {
        let process = Process()
        process.executableURL = program.url
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        var isHit = false
        while process.isRunning {
            guard phase.isUnderWay(in: scratch.url(sector)) else { continue }
            Foundation.kill(process.processIdentifier, SIGKILL)
            isHit = true
            break
        }
        process.waitUntilExit()
        // Killed, and what was being written still has its temporary name.
        return isHit && process.terminationReason == .uncaughtSignal
            && phase.isUnderWay(in: scratch.url(sector))
    }

    @Test("killed in each phase and run again, it seals the same sector", arguments: phases)
    func resumes(phase: Phase) throws {
        let bytes = (0..<8_000_000).map { UInt8(truncatingIfNeeded: 7 * $0 + 3 + $0 >> 8) }
        let payload = try scratch.file("payload", bytes)
        let whole = try program.run(list: arguments(payload, "whole"))
        #expect(whole.status == 0, "\(whole.complaint)")

        var hits = 0
        for attempt in 1...20 where hits < 1 {
            let sector = "killed-\(attempt)"
            guard try kill(arguments(payload, sector), in: phase, of: sector) else {
                try FileManager.default.removeItem(at: scratch.url(sector))
                continue
            }
            hits += 1
            let resumed = try program.run(list: arguments(payload, sector))
            #expect(resumed.status == 0, "\(resumed.complaint)")
            for key in ["commD", "commC", "commRLast", "commR"] {
                #expect(try resumed.text(key) == whole.text(key), "\(key) after a kill in \(phase.name)")
            }
            let left = try leftovers(sector)
            #expect(left.isEmpty, "left behind: \(left)")
            let sealed = "sealed/s-t01000-1"
            let same = try scratch.bytes("\(sector)/\(sealed)") == scratch.bytes("whole/\(sealed)")
            #expect(same, "the replica after a kill in \(phase.name)")
        }
        #expect(hits == 1, "no kill came while \(phase.name) was under way")
    }

    /// Files with temporary names.
    private func leftovers(_ sector: String) throws -> [String] {
        let all = FileManager.default.subpaths(atPath: scratch.path(sector)) ?? []
        return all.filter { name in [".tmp", ".partial", ".staging"].contains { name.hasSuffix($0) } }
    }
}
