// SPDX-License-Identifier: Apache-2.0
import CSealing

/// Computes label layers in memory, chunk by chunk.
struct LayerLabeler {
    /// Nodes between two looks at the observer; about 5 ms of work.
    private static let chunkNodeCount: UInt64 = 1 << 13

    let identifier: [UInt8]
    let nodeCount: UInt64
    let parents: ParentSource
    let observer: SealObserver
    let implementation: InstructionPath
    /// Who gathers ahead of the hasher; without them it fetches its parents itself.
    let crew: LabelCrew?

    init(
        replicaID: Commitment,
        parents: ParentSource,
        observer: SealObserver,
        crew: LabelCrew? = nil,
        implementation: InstructionPath = .automatic
    ) {
        identifier = replicaID.bytes
        nodeCount = parents.nodeCount
        self.parents = parents
        self.observer = observer
        self.crew = crew
        self.implementation = implementation
    }

    /// Labels a whole layer.
    ///
    /// - Parameters:
    ///   - layer: 1 or more.
    ///   - previous: the layer before; not read for layer 1.
    ///   - current: `32 * nodeCount` bytes, overwritten.
    ///   - chunkDone: called with the byte range of `current` that has just been finished.
    /// - Throws: ``SealingError`` `.cancelled`, `.malformed` for parents that leave the graph, and what
    ///   `chunkDone` throws.
    func label(
        layer: Int,
        previous: LayerBuffer?,
        into current: LayerBuffer,
        chunkDone: (_ range: Range<Int>) throws(SealingError) -> Void
    ) throws(SealingError) {
        precondition(current.count == Int(32 * nodeCount), "a layer has 32 bytes for each node")
        precondition(layer == 1 || previous?.count == current.count)
        if let crew {
            try crew.label(
                self,
                layer: layer,
                previous: previous,
                into: current,
                chunkNodeCount: LayerLabeler.chunkNodeCount,
                chunkDone: chunkDone
            )
            return
        }
        var scratch: [UInt32] = []
        var first: UInt64 = 0
        while first < nodeCount {
            try observer.step("layer \(layer)", first, nodeCount)
            let end = min(first + LayerLabeler.chunkNodeCount, nodeCount)
            try labelAlone(layer, first..<end, previous, current, &scratch)
            try chunkDone(Int(32 * first)..<Int(32 * end))
            first = end
        }
    }

    /// Labels some nodes, all before which are labeled, on this thread only.
    func labelAlone(
        _ layer: Int,
        _ nodes: Range<UInt64>,
        _ previous: LayerBuffer?,
        _ current: LayerBuffer,
        _ scratch: inout [UInt32]
    ) throws(SealingError) {
        let status = try parents.withParents(
            first: nodes.lowerBound,
            count: nodes.count,
            scratch: &scratch
        ) {
            csealing_sdr_labels(
                implementation.native,
                identifier,
                UInt32(layer),
                nodeCount,
                $0,
                nodes.lowerBound,
                nodes.count,
                previous?.base,
                current.base
            )
        }
        guard status == .CSEALING_OK else {
            throw SealingError(
                .malformed,
                "the parents of nodes \(nodes.lowerBound) to \(nodes.upperBound) leave the graph: "
                    + "remove the parent cache file"
            )
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
    /// - Parameter producerCount: threads that gather ahead of the one that hashes, 0 to 64.
    /// - Throws: ``SealingError`` `.invalidArgument` beyond 2^24 nodes or 16 layers.
    package static func compute(
        graph: StackedGraph,
        replicaID: Commitment,
        layerCount: Int,
        producerCount: Int = 0,
        _ implementation: InstructionPath = .automatic
    ) throws(SealingError) -> [[UInt8]] {
        guard graph.nodeCount <= 1 << 24, (1...16).contains(layerCount),
            (0...LabelCrew.producerCountMax).contains(producerCount)
        else {
            throw SealingError(
                .invalidArgument,
                "\(layerCount) layers of \(graph.nodeCount) nodes by \(producerCount) producers are"
                    + " too many"
            )
        }
        let labeler = LayerLabeler(
            replicaID: replicaID,
            parents: try ParentSource(computing: graph),
            observer: .none,
            crew: producerCount > 0 ? try LabelCrew(producerCount: producerCount) : nil,
            implementation: implementation
        )
        let count = Int(32 * graph.nodeCount)
        var layers: [[UInt8]] = []
        var previous: LayerBuffer?
        for layer in 1...layerCount {
            let current = try LayerBuffer.make(count, "layer \(layer)")
            try labeler.label(layer: layer, previous: previous, into: current) { _ in }
            layers.append(current.bytes(in: 0..<count))
            previous = current
        }
        return layers
    }
}
