// SPDX-License-Identifier: Apache-2.0
import CSealing

/// Computes label layers in memory, chunk by chunk.
struct LayerLabeler {
    /// Nodes between two looks at the observer; about 10 ms of work.
    private static let chunkNodeCount: UInt64 = 1 << 13

    let replicaID: Commitment
    let nodeCount: UInt64
    let parents: ParentSource
    let observer: SealObserver
    var implementation = InstructionPath.automatic

    /// Labels a whole layer.
    ///
    /// - Parameters:
    ///   - layer: 1 or more.
    ///   - previous: the layer before; not read for layer 1.
    ///   - current: `32 * nodeCount` bytes, overwritten.
    ///   - chunkDone: called with the byte range of `current` that has just been finished.
    /// - Throws: ``SealingError`` `.cancelled`, and what `chunkDone` throws.
    func label(
        layer: Int,
        previous: [UInt8],
        into current: inout [UInt8],
        chunkDone: (_ current: [UInt8], _ range: Range<Int>) throws(SealingError) -> Void
    ) throws(SealingError) {
        precondition(current.count == Int(32 * nodeCount), "a layer has 32 bytes for each node")
        precondition(layer == 1 || previous.count == current.count)
        let identifier = replicaID.bytes
        var first: UInt64 = 0
        while first < nodeCount {
            try observer.step("layer \(layer)", first, nodeCount)
            let count = Int(min(LayerLabeler.chunkNodeCount, nodeCount - first))
            let edges = try parents.parents(first: first, count: count)
            try Kernels.check(
                csealing_sdr_labels(
                    implementation.native,
                    identifier,
                    UInt32(layer),
                    nodeCount,
                    edges,
                    first,
                    count,
                    previous,
                    &current
                ),
                "labels of layer \(layer)"
            )
            try chunkDone(current, Int(32 * first)..<Int(32 * first) + 32 * count)
            first += UInt64(count)
        }
    }
}

/// One label from its parents.
package enum Label {
    /// Hashes in the header and the parents' labels.
    ///
    /// - Parameters:
    ///   - replicaID: the sector's replica identifier.
    ///   - layer: 1 or more.
    ///   - node: number of the node.
    ///   - parents: none for node 0, else 6 in layer 1 and 14 above.
    ///   - implementation: which SHA-256 runs.
    /// - Returns: the label.
    /// - Throws: ``SealingError`` `.invalidArgument` for another number of parents.
    package static func compute(
        replicaID: Commitment,
        layer: Int,
        node: UInt64,
        parents: [Commitment],
        _ implementation: InstructionPath = .automatic
    ) throws(SealingError) -> Commitment {
        let wanted = node == 0 ? 0 : layer == 1 ? 6 : 14
        guard layer >= 1, layer <= 64, parents.count == wanted else {
            throw SealingError(
                .invalidArgument,
                "a label of layer \(layer), node \(node) has \(wanted) parents, "
                    + "not \(parents.count)"
            )
        }
        var label = [UInt8](repeating: 0, count: 32)
        try Kernels.check(
            csealing_sdr_label(
                implementation.native,
                replicaID.bytes,
                UInt32(layer),
                node,
                parents.flatMap(\.bytes),
                parents.count,
                &label
            ),
            "label"
        )
        return Commitment(in: label)
    }

    /// The 37 parent labels that a label hashes, from its 6 or 14: over and over.
    package static func repeated(_ parents: [Commitment]) -> [Commitment] {
        (0..<37).map { parents[$0 % parents.count] }
    }
}

/// Computes labels without files: for known answers and for tools.
package enum StackedLabels {
    /// All layers, each `32 * nodeCount` bytes.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` beyond 2^24 nodes or 16 layers.
    package static func compute(
        graph: StackedGraph,
        replicaID: Commitment,
        layerCount: Int,
        _ implementation: InstructionPath = .automatic
    ) throws(SealingError) -> [[UInt8]] {
        guard graph.nodeCount <= 1 << 24, (1...16).contains(layerCount) else {
            throw SealingError(
                .invalidArgument,
                "\(layerCount) layers of \(graph.nodeCount) nodes are too many"
            )
        }
        let labeler = LayerLabeler(
            replicaID: replicaID,
            nodeCount: graph.nodeCount,
            parents: try ParentSource(graph: graph, cacheDirectory: nil, observer: .none),
            observer: .none,
            implementation: implementation
        )
        var layers: [[UInt8]] = []
        for layer in 1...layerCount {
            var current = [UInt8](repeating: 0, count: Int(32 * graph.nodeCount))
            try labeler.label(layer: layer, previous: layers.last ?? [], into: &current) { _, _ in }
            layers.append(current)
        }
        return layers
    }
}
