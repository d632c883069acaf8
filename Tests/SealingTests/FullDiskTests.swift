// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A small file system of its own, which only root may make.
private final class SmallDisk {
    let scratch: Scratch

    static let isPossible: Bool = {
        guard geteuid() == 0 else { return false }
        do {
            _ = try SmallDisk(kibibytes: 64)
            return true
        } catch {
            return false
        }
    }()

    private static func call(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.fileWriteNoPermission) }
    }

    init(kibibytes: Int) throws {
        scratch = try Scratch()
        let path = scratch.path
        try SmallDisk.call("/bin/mount", ["-t", "tmpfs", "-o", "size=\(kibibytes)k", "tmpfs", path])
    }

    deinit {
        do {
            try SmallDisk.call("/bin/umount", [scratch.path])
        } catch {
            Issue.record("unmount \(scratch.path): \(error)")
        }
    }

    /// Fills the disk but for some pages of 4 KiB.
    func fill(leaving pages: Int) throws {
        let path = "\(scratch.path)/filler"
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        let page = Data([UInt8](repeating: 1, count: 4096))
        var count = 0
        while true {
            do {
                try file.write(contentsOf: page)
                count += 1
            } catch {
                break
            }
        }
        try file.truncate(atOffset: UInt64(4096 * max(0, count - pages)))
        try file.close()
    }

    func empty() throws {
        try FileManager.default.removeItem(atPath: "\(scratch.path)/filler")
    }
}

@Suite("A disk that is full")
struct FullDiskTests {
    /// Demands the named error, and that nothing half-written has a final name.
    private func refuses(
        _ scratch: Scratch,
        final sound: [String: String],
        _ step: () throws -> Void
    ) throws -> Bool {
        let before = Set(try scratch.files())
        guard let error = sealingError(step) else { return false }
        #expect(error.code == .noSpace)
        #expect(error.message.contains(scratch.path) && error.message.contains("No space left"))
        for name in try scratch.files() where !name.hasSuffix(".partial") && !before.contains(name) {
            // What has its name is complete: it is what an undisturbed run makes.
            guard !name.contains("sealyard-") else { continue }
            #expect(try digest(Scratch.bytes("\(scratch.path)/\(name)")) == sound[name], "\(name)")
        }
        return true
    }

    /// Digests of all files of a scratch folder.
    private func digests(_ scratch: Scratch) throws -> [String: String] {
        var found: [String: String] = [:]
        for name in try scratch.files() {
            found[name] = try digest(Scratch.bytes("\(scratch.path)/\(name)"))
        }
        return found
    }

    @Test(
        "every step names the file, leaves nothing half-written, and succeeds when there is room",
        .enabled(if: SmallDisk.isPossible, "only root may make a small disk: a full one is NOT tested")
    )
    func small() throws {
        let payload = SealRun.pattern(2032)
        let sound = try SealRun(payload: payload)
        let expected = try sound.seal()
        let files = try digests(sound.scratch).filter { !$0.key.hasSuffix("t_aux") }
        let disk = try SmallDisk(kibibytes: 256)
        let sector = SectorIdentity(minerID: 1000, number: 1, proof: RegisteredSealProof.all[5])
        let paths = SectorPaths(root: disk.scratch.path, sector: sector)
        let run = try SealRun(
            disk.scratch,
            SealPipeline(sector, paths: paths),
            ticket: .zero,
            payload: payload
        )
        var refusals = 0
        // Each run has one page more, so that it gets a little further; what it made is kept.
        func climb(_ step: () throws -> Void) throws {
            for pages in 0..<40 {
                try disk.fill(leaving: pages)
                let isRefused = try refuses(disk.scratch, final: files, step)
                try disk.empty()
                guard isRefused else { return }
                refusals += 1
            }
            Issue.record("forty pages are not enough")
        }
        try climb { _ = try run.preCommit1() }
        let first = try run.preCommit1()
        try climb {
            let output = try run.pipeline.preCommit2(first)
            #expect(output == expected)
        }
        #expect(refusals > 3)
        let data = try Scratch.bytes(paths.unsealed)
        // The unsealed file stays as it is while another copy does not fit beside it.
        try disk.fill(leaving: 0)
        let isRefused = try refuses(disk.scratch, final: [:]) {
            try run.pipeline.unseal(ticket: .zero, commD: expected.commD)
        }
        #expect(isRefused)
        #expect(try Scratch.bytes(paths.unsealed) == data)
        // Nothing is needed to free room.
        try run.pipeline.finalize()
        try run.pipeline.verifySector(commR: expected.commR, everything: true)
        try FileManager.default.removeItem(atPath: paths.unsealed)
        try disk.empty()
        try run.pipeline.unseal(ticket: .zero, commD: expected.commD)
        #expect(try Scratch.bytes(paths.unsealed) == data)
    }

    @Test(
        "a device without room in place of a temporary file is the same, for any user",
        .enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "there is no /dev/full")
    )
    func device() throws {
        let run = try SealRun(payload: SealRun.pattern(2032))
        let expected = try SealRun(payload: SealRun.pattern(2032)).seal()
        let paths = run.paths
        try FileManager.default.createDirectory(
            atPath: paths.cache,
            withIntermediateDirectories: true
        )
        func refused(_ path: String, _ step: () throws -> Void) throws {
            let held =
                FileManager.default.fileExists(atPath: path) ? try Scratch.bytes(path) : nil
            try FileManager.default.createSymbolicLink(
                atPath: path + ".tmp",
                withDestinationPath: "/dev/full"
            )
            let error = sealingError(step)
            #expect(error?.code == .noSpace, "\(path)")
            #expect(error?.message.contains(path) == true, "\(String(describing: error))")
            let isThere = FileManager.default.fileExists(atPath: path)
            #expect(isThere == (held != nil), "\(path)")
            if let held {
                #expect(try Scratch.bytes(path) == held)
            }
        }
        let note = "\(paths.cache)/sealyard-precommit1.json"
        for path in [paths.treeD, note, paths.layer(1), paths.layer(2)] {
            try refused(path) { _ = try run.preCommit1() }
        }
        let first = try run.preCommit1()
        for path in [run.replicaNote, paths.temporaryAux, paths.persistentAux] {
            try refused(path) { _ = try run.pipeline.preCommit2(first) }
        }
        #expect(try run.pipeline.preCommit2(first) == expected)
        try refused(paths.unsealed) {
            try run.pipeline.unseal(ticket: run.ticket, commD: expected.commD)
        }
        try run.pipeline.unseal(ticket: run.ticket, commD: expected.commD)
        #expect(try run.scratch.files().allSatisfy { !$0.hasSuffix(".tmp") })
    }
}
