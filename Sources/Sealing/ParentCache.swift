// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Synchronization

/// The file of a graph's parents, as the reference names and lays it out: for each node 14 numbers of
/// four bytes.
///
/// A file is used when it is known to be right: by the published digest of its graph or, for graphs
/// without one, by computing it again. That is done once; a note beside the file, `<name>.sealyard.json`,
/// remembers which state of the file it was. A file that is wrong is made anew, with a warning.
package enum ParentCache {
    private static let chunkNodeCount: UInt64 = 1 << 13
    private static let readCount = 1 << 22

    /// Threads that make a file: all processors, within reason.
    package static var threadCountDefault: Int {
        min(64, max(1, ProcessInfo.processInfo.activeProcessorCount))
    }

    /// SHA-256 of the files that the reference publishes, by file name.
    private static let published: [String: String] = [
        "v28-sdr-parent-3f0eef38bb48af1f48ad65e14eb85b4ebfc167cec18cd81764f6d998836c9899.cache":
            "3da49221e2ed55371b86d0bf3d6526fcf128af61bed904f966428db1b531750d",
        "v28-sdr-parent-dcdabb0fbe4364bf0ac28b6a18c66de246409fa1a9020a00f33fb3e3053da6dc.cache":
            "a76604f2f59f2744c7151653bbb1d8596b6b57d295e6fa6c1f0c41d725b502ce",
        "v28-sdr-parent-2aa9c77c3e58259481351cc4be2079cc71e1c9af39700866545c043bfa30fb42.cache":
            "3adcc092423aa76d6a7184016893406da44dd974b219a89cd3ece25e4e3018f5",
        "v28-sdr-parent-e1fa5d5b811ddbd118be3412c4a8c329156b8b8acc72632bca459455b5a05a13.cache":
            "3c4f9841fcc75aed8c695800e58d08480629f25af3a2aefd81904181d75cc0b6",
        "v28-sdr-parent-8a99e8d6b6be7ab87a56b632e6739ff201c23ea14e99737c74690f0e265574d6.cache":
            "2778a732ad46a7dc18e0564dfdf59fd321dcde74ab476fd6d3c4e6735d7cd89c",
        "v28-sdr-parent-494d91dc80f2df5272c4b9e129bc7ade9405225993af9fe34e6542a39a47554b.cache":
            "840057702eea7652cf97e04306c30fe57174714d90de156a25eddd6075c25b97",
        "v28-sdr-parent-5eed212119fd91aa6220a27f31a8966444a9381842bceb3a1ea61525bd47a5b5.cache":
            "03cd13565ded97c240a5f52e54295ad127bd0461b57904cb3a4d79b097bbecab",
        "v28-sdr-parent-7ba215a1d2345774ab90b8cb1158d296e409d6068819d7b8c7baf0b25d63dc34.cache":
            "b5877d1963793efebc261fd8fde4dd6bc59e6b5c7abf52617a4ee023b8dc173a",
        "v28-sdr-parent-21981246c370f9d76c7a77ab273d94bde0ceb4e938292334960bce05585dc117.cache":
            "93deeac5e3052b6927467d4b2641bb782f05491de18d510147c93eeedd8672da",
        "v28-sdr-parent-4905486b7af19558ac3649bc6261411858b6add534438878c4ee3b29d8b9de0b.cache":
            "2698b74eb2606b55b98d8b095e18b6320b47f46e00075956d48640ccd1641b03",
    ]

    /// The published digest of a graph's file, in hexadecimal, if there is one.
    package static func publishedDigest(of graph: StackedGraph) -> String? {
        published[graph.cacheFileName]
    }

    /// Makes the file unless it is there and right.
    ///
    /// Processes that want the same file at the same time wait for the one that makes it.
    ///
    /// - Parameters:
    ///   - threadCount: threads that compute, 1 to 64; the caller's writes.
    ///   - observer: also told when a file is wrong and made anew.
    /// - Returns: the path of the file.
    /// - Throws: ``SealingError`` `.inputOutput`, `.cancelled`; `.invalidArgument` for another number of
    ///   threads; `.commitmentMismatch` when the file that this machine makes is not the published one.
    package static func ensure(
        graph: StackedGraph,
        directory: String,
        threadCount: Int = threadCountDefault,
        observer: SealObserver = .none
    ) throws(SealingError) -> String {
        guard (1...64).contains(threadCount) else {
            throw SealingError(
                .invalidArgument,
                "parents are computed by 1 to 64 threads, not \(threadCount)"
            )
        }
        let path = "\(directory)/\(graph.cacheFileName)"
        if try isNoted(path, graph) {
            return path
        }
        let output: OutputFile
        do throws(SealingError) {
            try Files.makeDirectory(directory)
            /* Locked from here on: a second process waits, and then finds the file and the note. */
            output = try SharedFile.make(path, observer: observer)
        } catch {
            /* A directory of others, not to be written in, may hold the file all the same. */
            if error.code != .cancelled, let digest = try rightDigest(path, graph, threadCount, observer) {
                note(path, digest, observer)
                return path
            }
            throw error
        }
        if try isNoted(path, graph) {
            return path
        }
        if let digest = try rightDigest(path, graph, threadCount, observer) {
            note(path, digest, observer)
            return path
        }
        let digest = try make(output, graph, threadCount, observer)
        note(path, digest, observer)
        return path
    }

    // MARK: - Making

    /// Writes the whole file.
    private static func make(
        _ output: OutputFile,
        _ graph: StackedGraph,
        _ threadCount: Int,
        _ observer: SealObserver
    ) throws(SealingError) -> String {
        try output.reserve(56 * graph.nodeCount, "parents of \(graph.nodeCount) nodes")
        var hasher = SHA256()
        try forEachChunk(graph, threadCount, observer, "parent cache") {
            (bytes) throws(SealingError) in
            try output.append(bytes)
            hasher.update(bytes)
        }
        let digest = hasher.finalize().hex
        if let published = publishedDigest(of: graph), digest != published {
            throw SealingError(
                .commitmentMismatch,
                "the parents that this machine computes for \(output.path) have the digest \(digest), "
                    + "published is \(published); check its memory and processor"
            )
        }
        try output.commit()
        return digest
    }

    /// Calls `body` with the file's bytes, part after part, computed by several threads ahead of it.
    private static func forEachChunk(
        _ graph: StackedGraph,
        _ threadCount: Int,
        _ observer: SealObserver,
        _ step: String,
        _ body: (_ bytes: [UInt8]) throws(SealingError) -> Void
    ) throws(SealingError) {
        let chunkCount = (graph.nodeCount + chunkNodeCount - 1) / chunkNodeCount
        let workers = Int(min(UInt64(threadCount), chunkCount))
        let desk = ChunkDesk(graph: graph, chunkNodeCount: chunkNodeCount)
        var pool: WorkPool?
        if workers > 1 {
            do throws(KernelError) {
                pool = try WorkPool(name: "parents", threadCount: workers)
            } catch {
                throw SealingError(.insufficientMemory, "start \(workers) threads: \(error)")
            }
        }
        defer { pool?.shutDown() }
        var submitted: UInt64 = 0
        for chunk in 0..<chunkCount {
            try observer.step(step, chunk * chunkNodeCount, graph.nodeCount)
            guard let pool else {
                try body(desk.compute(chunk).get())
                continue
            }
            while submitted < min(chunkCount, chunk + 2 * UInt64(workers)) {
                let wanted = submitted
                pool.submit { desk.put(wanted, desk.compute(wanted)) }
                submitted += 1
            }
            try body(desk.take(chunk).get())
        }
    }

    // MARK: - Checking

    /// The digest of the file at `path` if it has the right size and contents, else nil.
    private static func rightDigest(
        _ path: String,
        _ graph: StackedGraph,
        _ threadCount: Int,
        _ observer: SealObserver
    ) throws(SealingError) -> String? {
        guard let size = try Files.size(path) else { return nil }
        guard size == 56 * graph.nodeCount else {
            observer.warn(
                "\(path) has \(size) bytes where \(56 * graph.nodeCount) are needed: it is made anew"
            )
            return nil
        }
        let file = try InputFile(path)
        guard let published = publishedDigest(of: graph) else {
            return try compared(file, graph, threadCount, observer)
        }
        var hasher = SHA256()
        var at: UInt64 = 0
        while at < size {
            try observer.step("parent cache check", at, size)
            let bytes = try file.read(at: at, count: Int(min(UInt64(readCount), size - at)))
            hasher.update(bytes)
            at += UInt64(bytes.count)
        }
        let digest = hasher.finalize().hex
        guard digest == published else {
            observer.warn(
                "\(path) is damaged, its digest is \(digest) where \(published) is published: "
                    + "it is made anew"
            )
            return nil
        }
        return digest
    }

    /// Compares a file without a published digest with what it should hold.
    private static func compared(
        _ file: InputFile,
        _ graph: StackedGraph,
        _ threadCount: Int,
        _ observer: SealObserver
    ) throws(SealingError) -> String? {
        var hasher = SHA256()
        var at: UInt64 = 0
        let damaged = SealingError(.malformed, "a parent differs")
        do throws(SealingError) {
            try forEachChunk(graph, threadCount, observer, "parent cache check") {
                (bytes) throws(SealingError) in
                guard try file.read(at: at, count: bytes.count) == bytes else { throw damaged }
                hasher.update(bytes)
                at += UInt64(bytes.count)
            }
        } catch {
            guard error == damaged else { throw error }
            observer.warn("\(file.path) is damaged near byte \(at): it is made anew")
            return nil
        }
        return hasher.finalize().hex
    }

    // MARK: - The note

    /// Which state of a file was found right.
    private struct Note: Codable {
        let sha256: String
        let stamp: Files.Stamp
    }

    private static func isNoted(_ path: String, _ graph: StackedGraph) throws(SealingError) -> Bool {
        guard let stamp = try Files.stamp(path), stamp.size == 56 * graph.nodeCount,
            try Files.size("\(path).sealyard.json") != nil
        else { return false }
        let bytes = try Files.readAll("\(path).sealyard.json", countMax: 1 << 12)
        do {
            let note = try JSONDecoder().decode(Note.self, from: Data(bytes))
            return note.stamp == stamp && note.sha256 == publishedDigest(of: graph) ?? note.sha256
        } catch {
            /* A note that cannot be read proves nothing: the file is checked again. */
            return false
        }
    }

    /// Writes the note; without one the file is only checked again next time.
    private static func note(_ path: String, _ digest: String, _ observer: SealObserver) {
        do {
            guard let stamp = try Files.stamp(path) else { return }
            try Files.write(note: Note(sha256: digest, stamp: stamp), to: "\(path).sealyard.json")
        } catch {
            observer.warn(
                "\(path) is right but that cannot be noted beside it (\(error)): "
                    + "it is checked again each time")
        }
    }
}

/// Where threads lay down the parts that they have computed, and one picks them up in order.
// Safety: the parts are used between lock and unlock; all else is constant.
private final class ChunkDesk: @unchecked Sendable {
    private let graph: StackedGraph
    private let chunkNodeCount: UInt64
    private let condition = NSCondition()
    private var parts: [UInt64: Result<[UInt8], SealingError>] = [:]

    init(graph: StackedGraph, chunkNodeCount: UInt64) {
        self.graph = graph
        self.chunkNodeCount = chunkNodeCount
    }

    func compute(_ chunk: UInt64) -> Result<[UInt8], SealingError> {
        let first = chunk * chunkNodeCount
        let count = Int(min(chunkNodeCount, graph.nodeCount - first))
        do throws(SealingError) {
            return .success(LittleEndian.bytes(try graph.parents(first: first, count: count)))
        } catch {
            return .failure(error)
        }
    }

    func put(_ chunk: UInt64, _ part: Result<[UInt8], SealingError>) {
        condition.lock()
        parts[chunk] = part
        condition.broadcast()
        condition.unlock()
    }

    func take(_ chunk: UInt64) -> Result<[UInt8], SealingError> {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let part = parts.removeValue(forKey: chunk) {
                return part
            }
            condition.wait()
        }
    }
}
