// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Testing

/// The tree-d that sectors without payload share.
@Suite struct DataTemplateTests {
    private func template(_ scratch: Scratch) -> DataTemplate {
        DataTemplate(directory: scratch.path + "/templates", size: .kib2)
    }

    private func treeD() throws -> [UInt8] {
        let run = try SealRun()
        _ = try run.preCommit1()
        return try Scratch.bytes(run.paths.treeD)
    }

    private func inode(_ path: String) throws -> UInt64? {
        try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? UInt64
    }

    @Test("the template is the tree that a sector of zeros builds, whatever way it is shared")
    func shared() throws {
        let scratch = try Scratch()
        let template = template(scratch)
        let expected = try treeD()
        let digest = try template.ensure()
        #expect(try Scratch.bytes(template.path) == expected)
        #expect(digest == SHA256.hash(expected).hex)
        let made = try inode(template.path)
        #expect(try template.ensure() == digest)
        #expect(try inode(template.path) == made)
        let target = scratch.path + "/cache/tree-d.dat"
        for way in [DataTemplate.Sharing.hardLink, .copy, .hardLink, .hardLink] {
            let shared = try template.share(as: target, ways: [way])
            #expect(shared == (way, digest))
            #expect(try Scratch.bytes(target) == expected)
            #expect((try inode(target) == made) == (way == .hardLink))
        }
        // Whether the file system has reflinks or not, some way works, and nothing is left over.
        let (way, _) = try template.share(as: target)
        #expect(DataTemplate.Sharing.allCases.contains(way))
        #expect(try Scratch.bytes(target) == expected)
        #expect(try scratch.files().count == 3)
        // A sector that is done unlinks its name only.
        try FileManager.default.removeItem(atPath: target)
        #expect(try Scratch.bytes(template.path) == expected)
        #expect(sealingError { _ = try template.share(as: target, ways: []) }?.code == .inputOutput)
    }

    @Test("a sector sealed from the template is the same sector, and leaves the template as it was")
    func sealed() throws {
        let scratch = try Scratch()
        var options = SealingOptions()
        options.templateDirectory = scratch.path + "/templates"
        let vector = Vectors.all.full_seals[0]
        let template = template(scratch)
        for _ in 0..<2 {
            let run = try SealRun(options: options)
            let output = try run.seal()
            #expect(output.commR == (try vector.comm_r.node))
            #expect(try run.digestOf(run.paths.treeD) == vector.tree_d_file_sha256.string)
            // Run again, it is not shared again: its digest was noted.
            let before = try inode(run.paths.treeD)
            _ = try run.preCommit1()
            #expect(try inode(run.paths.treeD) == before)
            try run.pipeline.finalize()
            #expect(digest(try Scratch.bytes(template.path)) == vector.tree_d_file_sha256.string)
        }
        // The unsealed file of such a sector takes no room: it is a hole.
        let mib8 = try SealRun(try RegisteredSealProof.forSize(.mib8))
        let resource = try URL(filePath: mib8.paths.unsealed).resourceValues(
            forKeys: [.fileSizeKey, .totalFileAllocatedSizeKey]
        )
        #expect(resource.fileSize == 8 << 20)
        if let allocated = resource.totalFileAllocatedSize {
            #expect(allocated < 1 << 20)
        }
    }

    @Test("a sector with payload, or whose data is not zeros, does not get the template")
    func payload() throws {
        let scratch = try Scratch()
        var options = SealingOptions()
        options.templateDirectory = scratch.path + "/templates"
        let run = try SealRun(payload: SealRun.pattern(2032), options: options)
        _ = try run.preCommit1()
        #expect(try scratch.files() == [])
        let empty = try SealRun(options: options)
        var data = try Scratch.bytes(empty.paths.unsealed)
        data[2047] = 1
        try Scratch.write(data, to: empty.paths.unsealed)
        #expect(sealingError { _ = try empty.preCommit1() }?.code == .commitmentMismatch)
        #expect(try scratch.files() == [])
        // Zeros that are written out rather than left out are zeros as well.
        data[2047] = 0
        try Scratch.write(data, to: empty.paths.unsealed)
        _ = try empty.preCommit1()
        #expect(try scratch.files().count == 2)
    }

    @Test("a damaged, foreign or half-made template is made anew")
    func damaged() throws {
        let scratch = try Scratch()
        let template = template(scratch)
        let digest = try template.ensure()
        let expected = try Scratch.bytes(template.path)
        let note = template.path.replacingOccurrences(of: ".dat", with: ".json")
        let manager = FileManager.default
        func replace(_ bytes: [UInt8]?, _ path: String) throws {
            try manager.removeItem(atPath: path)
            if let bytes {
                try Scratch.write(bytes, to: path)
            }
        }
        var damages: [[UInt8]?] = [nil, [], Array(expected.dropLast(32)), expected + [0]]
        for place in [0, 1024, 2048, expected.count - 1] {
            var changed = expected
            changed[place] ^= 4
            damages.append(changed)
        }
        for damage in damages {
            try replace(damage, template.path)
            #expect(try template.ensure() == digest)
            #expect(try Scratch.bytes(template.path) == expected)
        }
        for text in [nil, "", "{", "{\"sha256\":\"12\"}", "{\"sha256\":7}"] {
            try replace(text.map { Array($0.utf8) }, note)
            #expect(try template.ensure() == digest)
            #expect(try Scratch.bytes(template.path) == expected)
        }
        // Where something else stands in its place it is a named error, and that stays.
        try replace(nil, template.path)
        try manager.createDirectory(atPath: template.path, withIntermediateDirectories: false)
        #expect(sealingError { _ = try template.ensure() }?.code == .inputOutput)
        let stopped = DataTemplate(
            directory: scratch.path + "/other",
            size: .kib2,
            observer: SealObserver(isCancelled: { true })
        )
        #expect(sealingError { _ = try stopped.ensure() }?.code == .cancelled)
        #expect(try scratch.files().allSatisfy { !$0.hasPrefix("other/") })
    }

    @Test("several that make the template at once all get a whole one")
    func together() async throws {
        let scratch = try Scratch()
        let template = template(scratch)
        let expected = try treeD()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<8 {
                group.addTask {
                    let target = "\(scratch.path)/cache/\(index)"
                    _ = try template.share(as: target)
                    #expect(try Scratch.bytes(target) == expected)
                }
            }
            try await group.waitForAll()
        }
        #expect(try scratch.files().count == 10)
    }
}
