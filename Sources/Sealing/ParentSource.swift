// SPDX-License-Identifier: Apache-2.0

/// Where the parents of a graph come from while layers are labeled.
package enum ParentCachePlace: Hashable, Sendable {
    /// Memory for small graphs, else ``defaultDirectory``.
    case automatic
    /// A cache file in this directory, which is made when missing.
    case directory(String)
    /// No file: memory for small graphs, else computed anew for every layer, which takes three times as
    /// long as the labels.
    case computed

    /// The reference's directory, so that the files are shared with it.
    package static let defaultDirectory = "/var/tmp/filecoin-parents"
}

/// The parents of a graph, for any number of threads.
final class ParentSource: Sendable {
    /// 14 numbers of 4 bytes for each of 2^20 nodes are 56 MiB: kept in memory up to there.
    private static let heldNodeCountMax: UInt64 = 1 << 20
    private static let chunkNodeCount: UInt64 = 1 << 13
    /// What the system is asked to read ahead at a time: 150,000 nodes, 0.1 s of labels.
    private static let readAheadBytes: UInt64 = 8 << 20

    private let graph: StackedGraph
    private let held: [UInt32]
    private let file: InputFile?

    var nodeCount: UInt64 { graph.nodeCount }

    /// Takes the parents from where the options say; a cache file is made, or checked, first.
    ///
    /// - Throws: ``SealingError`` `.inputOutput`, `.cancelled`.
    init(
        graph: StackedGraph,
        options: SealingOptions,
        observer: SealObserver
    ) throws(SealingError) {
        self.graph = graph
        let isSmall = graph.nodeCount <= ParentSource.heldNodeCountMax
        let directory: String? =
            switch options.parentCache {
            case .automatic: isSmall ? nil : ParentCachePlace.defaultDirectory
            case .directory(let directory): directory
            case .computed: nil
            }
        if let directory {
            let path = try ParentCache.ensure(
                graph: graph,
                directory: directory,
                threadCount: options.parentThreadCount,
                observer: observer
            )
            file = try InputFile(path)
            held = []
        } else {
            file = nil
            held = isSmall ? try ParentSource.hold(graph, observer) : []
        }
    }

    /// The parents of a small graph, or of one that is computed on the way.
    init(computing graph: StackedGraph) throws(SealingError) {
        self.graph = graph
        file = nil
        let isSmall = graph.nodeCount <= ParentSource.heldNodeCountMax
        held = isSmall ? try ParentSource.hold(graph, .none) : []
    }

    private static func hold(
        _ graph: StackedGraph,
        _ observer: SealObserver
    ) throws(SealingError) -> [UInt32] {
        var words: [UInt32] = []
        words.reserveCapacity(Int(graph.nodeCount) * StackedGraph.degree)
        var first: UInt64 = 0
        while first < graph.nodeCount {
            try observer.step("parents", first, graph.nodeCount)
            let count = min(chunkNodeCount, graph.nodeCount - first)
            words += try graph.parents(first: first, count: Int(count))
            first += count
        }
        return words
    }

    /// Hands `body` the 14 parents of each of `count` nodes from `first` on.
    ///
    /// - Parameter scratch: room that the caller keeps from call to call; it grows as needed.
    func withParents<Result>(
        first: UInt64,
        count: Int,
        scratch: inout [UInt32],
        _ body: (UnsafePointer<UInt32>) -> Result
    ) throws(SealingError) -> Result {
        precondition(first <= graph.nodeCount && UInt64(count) <= graph.nodeCount - first)
        let words = count * StackedGraph.degree
        if !held.isEmpty {
            let start = Int(first) * StackedGraph.degree
            // Safety: the nodes have been checked to be the graph's, of which all parents are held.
            return held[start..<start + words].withUnsafeBufferPointer { buffer in
                guard let base = buffer.baseAddress else { preconditionFailure("no nodes") }
                return body(base)
            }
        }
        if scratch.count < words {
            scratch = [UInt32](repeating: 0, count: words)
        }
        let (file, graph) = (file, graph)
        // Safety: the scratch holds the words; the pointer does not leave the closure.
        let result: Swift.Result<Result, SealingError> = scratch.withUnsafeMutableBufferPointer { buffer in
            do throws(SealingError) {
                guard let base = buffer.baseAddress else { preconditionFailure("no nodes") }
                if let file {
                    let entry = UInt64(4 * StackedGraph.degree)
                    let bytes = UnsafeMutableRawBufferPointer(start: base, count: 4 * words)
                    try ParentSource.read(file, at: first * entry, into: bytes)
                    for index in 0..<words where 1.littleEndian != 1 {
                        base[index] = UInt32(littleEndian: base[index])
                    }
                } else {
                    try graph.parents(first: first, count: count, into: base)
                }
                return .success(body(base))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private static func read(
        _ file: InputFile,
        at: UInt64,
        into bytes: UnsafeMutableRawBufferPointer
    ) throws(SealingError) {
        let end = at + UInt64(bytes.count)
        if at == 0 || at / readAheadBytes != end / readAheadBytes {
            file.readAhead(at: end, count: 2 * readAheadBytes)
        }
        try file.read(at: at, into: bytes)
    }
}
