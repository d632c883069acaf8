// SPDX-License-Identifier: Apache-2.0
import CSealing

/// The graph along which labels are computed: 6 parents in the same layer and 8 in the one before.
///
/// It depends on the kind of proof only, so all sectors of one kind share it.
package struct StackedGraph: Sendable {
    /// Parents of one node: 6 of the same layer, then 8 of the layer before.
    package static let degree = 14
    /// Parents in the same layer.
    package static let baseDegree = 6

    private let graph: csealing_graph
    package let nodeCount: UInt64

    /// - Throws: ``SealingError`` `.invalidArgument` unless there are 4 to 2^31 nodes.
    package init(
        porepID: Commitment,
        nodeCount: UInt64,
        apiVersion: ProofAPIVersion
    ) throws(SealingError) {
        guard (4...(1 << 31)).contains(nodeCount) else {
            throw SealingError(
                .invalidArgument,
                "a graph has 4 to 2^31 nodes, not \(nodeCount)"
            )
        }
        var graph = csealing_graph()
        try Kernels.check(
            csealing_graph_init(&graph, porepID.bytes, nodeCount, apiVersion == .v1_0 ? 1 : 0),
            "graph"
        )
        self.graph = graph
        self.nodeCount = nodeCount
    }

    package init(_ parameters: SealParameters) throws(SealingError) {
        try self.init(
            porepID: parameters.porepID,
            nodeCount: parameters.sectorSize.nodeCount,
            apiVersion: parameters.apiVersion
        )
    }

    /// The parents of `count` nodes from `first` on, 14 numbers each.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` when the range leaves the graph.
    package func parents(
        first: UInt64,
        count: Int,
        _ implementation: InstructionPath = .automatic
    ) throws(SealingError) -> [UInt32] {
        guard count >= 0, first <= nodeCount, UInt64(count) <= nodeCount - first else {
            throw SealingError(
                .invalidArgument,
                "nodes \(first) + \(count) leave a graph of \(nodeCount)"
            )
        }
        var result = [UInt32](repeating: 0, count: count * StackedGraph.degree)
        var copy = graph
        try Kernels.check(
            csealing_graph_parents(implementation.native, &copy, first, count, &result),
            "parents"
        )
        return result
    }

    /// Writes the parents of `count` nodes from `first` on, which must be nodes of the graph.
    ///
    /// - Parameter words: room for 14 numbers a node.
    func parents(
        first: UInt64,
        count: Int,
        into words: UnsafeMutablePointer<UInt32>
    ) throws(SealingError) {
        var copy = graph
        // Safety: the caller vouches for the room; the kernel refuses nodes beyond the graph.
        try Kernels.check(csealing_graph_parents(.CSEALING_PATH_AUTO, &copy, first, count, words), "parents")
    }

    /// First 28 bytes of the seed of every node's draws.
    package var drgSeed: [UInt8] {
        // Safety: the seed's 32 bytes are borrowed for one copy.
        withUnsafeBytes(of: graph.drg_seed) { Array($0.prefix(28)) }
    }

    /// The four keys of the expander's permutation; the fourth only names the cache file.
    package var feistelKeys: [UInt64] {
        let keys = graph.feistel_keys
        return [keys.0, keys.1, keys.2, keys.3]
    }

    /// Bits in each half of the expander's permutation.
    package var halfBitCount: Int {
        Int(graph.half_bits)
    }

    /// Name of the file in which the reference keeps this graph's parents.
    package var cacheFileName: String {
        let identity =
            "stacked_graph::StackedGraph{expansion_degree: 8 base_graph: drgraph::BucketGraph{"
            + "size: \(nodeCount); degree: 6; hasher: poseidon_hasher} }"
        var hasher = SHA256()
        hasher.update(Array("poseidon_hasher".utf8) + Array(identity.utf8))
        for key in feistelKeys {
            hasher.update(key.littleEndianBytes)
        }
        hasher.update(UInt32(truncatingIfNeeded: nodeCount).littleEndianBytes)
        return "v28-sdr-parent-\(hasher.finalize().hex).cache"
    }
}
