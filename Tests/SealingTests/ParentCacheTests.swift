// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import Synchronization
import Testing

/// The cache file of parents: checked once, mended, shared, and stopped.
@Suite struct ParentCacheTests {
    private final class Ear: Sendable {
        private let heard = Mutex<(steps: [String], warnings: [String])>(([], []))

        func observer(stopAfter: Int = .max) -> SealObserver {
            SealObserver(
                progress: { [self] progress in heard.withLock { $0.steps.append(progress.step) } },
                isCancelled: { [self] in heard.withLock { $0.steps.count > stopAfter } },
                warn: { [self] text in heard.withLock { $0.warnings.append(text) } }
            )
        }

        var steps: [String] { heard.withLock { $0.steps } }
        var warnings: [String] { heard.withLock { $0.warnings } }
    }

    private let vector = Vectors.all.parent_cache[5]

    private func published() throws -> StackedGraph {
        try StackedGraph(RegisteredSealProof.all[5].parameters)
    }

    /// A graph of which nobody has published the digest: 5 chunks.
    private func foreign() throws -> StackedGraph {
        try StackedGraph(porepID: Commitment(repeating: 9), nodeCount: 40_000, apiVersion: .v1_1)
    }

    @Test("the published digests are those of the known answers")
    func digests() throws {
        var checked = 0
        for vector in Vectors.all.parent_cache.list where vector.sha256.exists {
            let version = vector.api_version
            let graph = try StackedGraph(
                porepID: vector.porep_id.node,
                nodeCount: vector.nodes.uint,
                apiVersion: version.apiVersion
            )
            #expect(ParentCache.publishedDigest(of: graph) == vector.sha256.string)
            checked += 1
        }
        #expect(checked == 10)
        #expect(ParentCache.publishedDigest(of: try foreign()) == nil)
    }

    @Test("a file is checked once, and again only when it is another")
    func checkedOnce() throws {
        for graph in [try published(), try foreign()] {
            let scratch = try Scratch()
            func ensure() throws -> Ear {
                let ear = Ear()
                _ = try ParentCache.ensure(
                    graph: graph,
                    directory: scratch.path,
                    observer: ear.observer()
                )
                return ear
            }
            #expect(Set(try ensure().steps) == ["parent cache"])
            #expect(try ensure().steps == [])
            let path = "\(scratch.path)/\(graph.cacheFileName)"
            let right = try Scratch.bytes(path)
            /* The same bytes in another file: as if the reference had made it. */
            try FileManager.default.removeItem(atPath: path)
            try Scratch.write(right, to: path)
            #expect(Set(try ensure().steps) == ["parent cache check"])
            #expect(try ensure().steps == [])
            /* A damaged note proves nothing. */
            try Scratch.write(Array("{}".utf8), to: "\(path).sealyard.json")
            #expect(Set(try ensure().steps) == ["parent cache check"])
            /* One bit: found, told and mended. */
            var wrong = right
            wrong[right.count / 2] ^= 4
            try Scratch.write(wrong, to: path)
            let mended = try ensure()
            #expect(mended.warnings.count == 1)
            #expect(mended.warnings.first?.contains("\(path) is damaged") == true)
            #expect(try Scratch.bytes(path) == right)
            try Scratch.write(Array(right.dropLast(56)), to: path)
            #expect(try ensure().warnings.first?.contains("where \(right.count) are needed") == true)
            #expect(try Scratch.bytes(path) == right)
            #expect(try scratch.files().count == 2)
        }
    }

    @Test("any number of threads makes the same file")
    func threads() throws {
        let graph = try foreign()
        let expected = digest(LittleEndianBytes.of(try graph.parents(first: 0, count: 40_000)))
        for threadCount in [1, 2, 7, 64] {
            let scratch = try Scratch()
            let path = try ParentCache.ensure(
                graph: graph,
                directory: scratch.path,
                threadCount: threadCount
            )
            #expect(digest(try Scratch.bytes(path)) == expected)
        }
        for threadCount in [0, 65] {
            let error = sealingError {
                _ = try ParentCache.ensure(graph: graph, directory: "/tmp", threadCount: threadCount)
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test("stopped at any look it leaves nothing, and what a killed run left is written over")
    func stopped() throws {
        let graph = try foreign()
        for threadCount in [1, 3] {
            let scratch = try Scratch()
            for stopAfter in 0..<5 {
                let error = sealingError {
                    _ = try ParentCache.ensure(
                        graph: graph,
                        directory: scratch.path,
                        threadCount: threadCount,
                        observer: Ear().observer(stopAfter: stopAfter)
                    )
                }
                #expect(error?.code == .cancelled)
                #expect(try scratch.files() == [])
            }
            let path = "\(scratch.path)/\(graph.cacheFileName)"
            try Scratch.write([UInt8](repeating: 1, count: 3_000_000), to: "\(path).tmp")
            let ear = Ear()
            _ = try ParentCache.ensure(graph: graph, directory: scratch.path, observer: ear.observer())
            #expect(try Scratch.bytes(path).count == 56 * 40_000)
            #expect(ear.steps.count == 5)
            #expect(try scratch.files().count == 2)
        }
    }

    @Test("while another process makes the file it is waited for, and the wait can be stopped")
    func waits() throws {
        let graph = try published()
        let scratch = try Scratch()
        let path = "\(scratch.path)/\(graph.cacheFileName)"
        let descriptor = open("\(path).tmp", O_RDWR | O_CREAT, 0o644)
        #expect(descriptor >= 0 && flock(descriptor, LOCK_EX) == 0)
        let ear = Ear()
        let error = sealingError {
            _ = try ParentCache.ensure(
                graph: graph,
                directory: scratch.path,
                observer: ear.observer(stopAfter: 2)
            )
        }
        #expect(error?.code == .cancelled)
        #expect(ear.steps == [String](repeating: "waiting for \(path).tmp", count: 3))
        close(descriptor)
        _ = try ParentCache.ensure(graph: graph, directory: scratch.path)
        #expect(digest(try Scratch.bytes(path)) == vector.sha256.string)
    }

    /// Numbers as the file has them.
    private enum LittleEndianBytes {
        static func of(_ words: [UInt32]) -> [UInt8] {
            words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        }
    }
}
