// SPDX-License-Identifier: Apache-2.0
import CSealing

/// How fast the kernels of this module run on one core, in the terms of their bounds.
package struct KernelRates: Hashable, Sendable, Codable {
    /// Sectors side by side in the measured batches.
    package static let batchWidths = [2, 3, 4, 8, 12, 16]

    /// Hashes in a second, by arity.
    package struct ByArity: Hashable, Sendable, Codable {
        package let two: Double
        package let eight: Double
        package let eleven: Double

        private enum CodingKeys: String, CodingKey {
            case two = "2"
            case eight = "8"
            case eleven = "11"
        }
    }

    /// Instructions of a chain of compressions and of the labels of one sector.
    package let sha256Path: String
    /// Instructions of the rows of binary trees.
    package let sha256RowPath: String
    /// Instructions of the labels of 16 sectors.
    package let batchLabelsPath: String
    package let poseidonPath: String
    /// Compressions of one chain in a second.
    package let sha256CompressionsPerSecond: Double
    /// Compressions of a layer's labels in a second, of one sector, over those of a bare chain.
    package let labelFractionOfBound: Double
    /// The same for each of ``batchWidths`` sectors side by side, by their number, all their compressions
    /// counted; beyond 1 where their chains fill each other's gaps.
    package let batchLabelFractionOfBound: [String: Double]
    /// Padded data in a second, hashed to the root of its binary tree (CommP).
    package let binaryTreeBytesPerSecond: Double
    package let poseidonHashesPerSecond: ByArity

    /// Runs every kernel some times and takes the medians.
    ///
    /// - Parameters:
    ///   - path: which instructions.
    ///   - nodeCount: nodes of the labeled layers: a power of two from 64 to 2^20; a node takes 1 KiB
    ///     of memory.
    ///   - repetitions: measurements of each, 1 to 1000.
    ///   - clock: nanoseconds; of the process's time where others share the cores.
    /// - Throws: ``SealingError`` `.invalidArgument` for a value out of range and for a path that the
    ///   processor lacks.
    package static func measure(
        _ path: InstructionPath = .automatic,
        nodeCount: UInt64 = 1 << 16,
        repetitions: Int = 5,
        clock: @escaping () -> Int64
    ) throws(SealingError) -> KernelRates {
        guard nodeCount.nonzeroBitCount == 1, (64...1 << 20).contains(nodeCount),
            (1...1000).contains(repetitions)
        else {
            throw SealingError(
                .invalidArgument,
                "\(nodeCount) nodes, \(repetitions) times: nodes are a power of two from 64 to 2^20,"
                    + " times 1 to 1000"
            )
        }
        guard path.isAvailable else {
            throw SealingError(
                .invalidArgument,
                "this processor lacks the instructions of path \(path.rawValue)"
            )
        }
        let path = path.resolved
        let stopwatch = Stopwatch(repetitions: repetitions, clock: clock)
        let chain = try chainRate(path, stopwatch)
        let graph = try StackedGraph(porepID: .zero, nodeCount: nodeCount, apiVersion: .v1_1)
        let parents = try ParentSource(computing: graph)
        let alone = try labelRate(1, graph, parents, path, stopwatch) / chain
        var batches: [String: Double] = [:]
        for width in batchWidths {
            batches["\(width)"] = try labelRate(width, graph, parents, path, stopwatch) / chain
        }
        return KernelRates(
            sha256Path: path.instructions(of: .sha256),
            sha256RowPath: path.instructions(of: .sha256Row),
            batchLabelsPath: path.instructions(of: .batchLabels),
            poseidonPath: path.instructions(of: .poseidon),
            sha256CompressionsPerSecond: chain,
            labelFractionOfBound: alone,
            batchLabelFractionOfBound: batches,
            binaryTreeBytesPerSecond: try treeRate(path, stopwatch),
            poseidonHashesPerSecond: ByArity(
                two: try hashRate(.arity2, path, stopwatch),
                eight: try hashRate(.arity8, path, stopwatch),
                eleven: try hashRate(.arity11, path, stopwatch)
            )
        )
    }

    private static func chainRate(
        _ implementation: InstructionPath,
        _ stopwatch: Stopwatch
    ) throws(SealingError) -> Double {
        let (blockCount, passCount) = (256, 64)
        let blocks = [UInt8](repeating: 0x5a, count: 64 * blockCount)
        var state = [UInt32](repeating: 1, count: 8)
        return try stopwatch.rate(of: blockCount * passCount) { () throws(SealingError) in
            for _ in 0..<passCount {
                csealing_sha256_blocks(implementation.native, &state, blocks, blockCount)
            }
        }
    }

    /// Compressions of layer 2 in a second, of `width` sectors together.
    private static func labelRate(
        _ width: Int,
        _ graph: StackedGraph,
        _ parents: ParentSource,
        _ implementation: InstructionPath,
        _ stopwatch: Stopwatch
    ) throws(SealingError) -> Double {
        let bytes = 32 * width * Int(graph.nodeCount)
        let previous = try LayerBuffer.make(bytes, "a measured layer")
        let current = try LayerBuffer.make(bytes, "a measured layer")
        /* Untouched memory would all be one page of zeros. */
        // Safety: the buffer has that many bytes.
        previous.base.update(repeating: 0x21, count: bytes)
        let compressions = 20 * width * Int(graph.nodeCount)
        if width == 1 {
            let labeler = LayerLabeler(
                replicaID: .zero,
                parents: parents,
                observer: .none,
                implementation: implementation
            )
            return try stopwatch.rate(of: compressions) { () throws(SealingError) in
                try labeler.label(layer: 2, previous: previous, into: current) { _ in }
            }
        }
        let labeler = BatchLabeler(
            replicaIDs: [Commitment](repeating: .zero, count: width),
            nodeCount: graph.nodeCount,
            parents: parents,
            observer: .none,
            implementation: implementation
        )
        return try stopwatch.rate(of: compressions) { () throws(SealingError) in
            try labeler.label(layer: 2, previous: previous, into: current) { _ in }
        }
    }

    private static func treeRate(
        _ path: InstructionPath,
        _ stopwatch: Stopwatch
    ) throws(SealingError) -> Double {
        let leaves = [UInt8](repeating: 0x11, count: 1 << 20)
        return try stopwatch.rate(of: leaves.count) { () throws(SealingError) in
            _ = try BinaryTree.root(leaves, path)
        }
    }

    private static func hashRate(
        _ poseidon: Poseidon,
        _ path: InstructionPath,
        _ stopwatch: Stopwatch
    ) throws(SealingError) -> Double {
        let count = 1 << 10
        let inputs = [UInt8](repeating: 3, count: 32 * poseidon.arity * count)
        return try stopwatch.rate(of: count) { () throws(SealingError) in
            _ = try poseidon.hash(inputs, path)
        }
    }
}

/// Takes the median time of some runs.
private struct Stopwatch {
    let repetitions: Int
    let clock: () -> Int64

    /// Units in a second when one run does `units`.
    func rate(of units: Int, _ run: () throws(SealingError) -> Void) throws(SealingError) -> Double {
        try run()
        var times: [Int64] = []
        for _ in 0..<repetitions {
            let start = clock()
            try run()
            times.append(clock() - start)
        }
        times.sort()
        return Double(units) * 1e9 / Double(max(1, times[repetitions / 2]))
    }
}
