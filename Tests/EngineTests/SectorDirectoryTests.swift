// SPDX-License-Identifier: Apache-2.0
import Engine
import Foundation
import Sealing
import Testing

@Suite("A directory of sectors")
struct SectorDirectoryTests {
    @Test("a sector is removed with its unfinished files, and its neighbor stays")
    func remove() throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "sealyard-sectors-\(UUID())")
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: root) } }
        let directory = try SectorDirectory(root: root.path)
        let proof = try RegisteredSealProof(number: 5)
        for number in [UInt64(1), 2] {
            let sector = SectorIdentity(minerID: 1000, number: number, proof: proof)
            let paths = directory.paths(of: sector)
            try FileManager.default.createDirectory(atPath: paths.cache, withIntermediateDirectories: true)
            for file in [
                paths.unsealed + ".staging", paths.unsealed, paths.sealed + ".partial", paths.sealed + ".tmp",
                paths.sealed, paths.cache + "/p_aux",
            ] {
                try Data([1]).write(to: URL(filePath: file))
            }
        }
        func files() -> [String] {
            (FileManager.default.subpaths(atPath: root.path) ?? []).filter { $0.contains("s-t01000") }
        }
        let before = files()
        try directory.remove(SectorIdentity(minerID: 1000, number: 1, proof: proof))
        #expect(files().allSatisfy { $0.contains("s-t01000-2") })
        #expect(files().count == before.count / 2)
    }
}
