// SPDX-License-Identifier: Apache-2.0
import CSealing
import Kernel

/// One sector of a batch.
package struct PreCommit1Job: Sendable {
    package let pipeline: SealPipeline
    /// The sealing randomness.
    package let ticket: Commitment
    /// The sector's pieces in order, which must fill it; none stands for zeros.
    package let pieces: [PieceInfo]

    package init(pipeline: SealPipeline, ticket: Commitment, pieces: [PieceInfo]) {
        self.pipeline = pipeline
        self.ticket = ticket
        self.pieces = pieces
    }
}

extension SealPipeline {
    /// Sectors that ``preCommit1Batch(_:)`` labels at once.
    package static let batchCountMax = Int(CSEALING_BATCH_MAX)

    /// Pre-commit 1 of several sectors of one kind, side by side on one core.
    ///
    /// A label is a chain of dependent instructions that leaves the processor idle most of the time;
    /// the other sectors' chains fill it, or lie in the lanes of its vectors, and the parents of a node
    /// are found and fetched once for all. Files and results are those of
    /// ``preCommit1(ticket:pieces:)``. Layers that all sectors have complete are kept; a sector that
    /// is further on gets the rest once more.
    ///
    /// - Parameter jobs: 1 to ``batchCountMax`` sectors with the same parameters and different
    ///   directories; the first one's observer and options count for the labels, and
    ///   `memoryBytesMax` for two layers of all.
    /// - Returns: what pre-commit 2 takes, in the order of the jobs.
    /// - Throws: ``SealingError`` `.invalidArgument` for another number, for different parameters
    ///   and for sectors that share a directory; else as ``preCommit1(ticket:pieces:)``, and then
    ///   no sector of the batch is complete.
    package static func preCommit1Batch(
        _ jobs: [PreCommit1Job]
    ) throws(SealingError) -> [PreCommit1Output] {
        guard let first = jobs.first?.pipeline, jobs.count <= batchCountMax else {
            throw SealingError(
                .invalidArgument,
                "a batch has 1 to \(batchCountMax) sectors, not \(jobs.count)"
            )
        }
        guard jobs.allSatisfy({ $0.pipeline.parameters == first.parameters }) else {
            throw SealingError(.invalidArgument, "the sectors of a batch have the same parameters")
        }
        guard Set(jobs.map(\.pipeline.paths.cache)).count == jobs.count else {
            throw SealingError(.invalidArgument, "two sectors of a batch share a cache directory")
        }
        var starts: [PreCommit1Start] = []
        for job in jobs {
            starts.append(
                try job.pipeline.prepare(
                    ticket: job.ticket,
                    pieces: job.pieces,
                    sectorsAtOnce: UInt64(jobs.count)
                )
            )
        }
        let finished = starts.map(\.finished).reduce(first.shape.layerCount) { min($0, $1) }
        if finished < first.shape.layerCount {
            try first.labelTogether(jobs, &starts, finished)
        }
        for job in jobs {
            try job.pipeline.leaveSealedCopy()
        }
        return zip(jobs, starts).map { $0.pipeline.output($1) }
    }

    /// Labels the layers above `finished` of all jobs; `self` is the first one's pipeline.
    private func labelTogether(
        _ jobs: [PreCommit1Job],
        _ starts: inout [PreCommit1Start],
        _ finished: Int
    ) throws(SealingError) {
        let labeler = BatchLabeler(
            replicaIDs: starts.map(\.replicaID),
            nodeCount: size.nodeCount,
            parents: try ParentSource(
                graph: starts[0].graph,
                options: options,
                observer: observer
            ),
            observer: observer
        )
        var (previous, current) = try makeLayers(sectorsAtOnce: jobs.count)
        for index in jobs.indices {
            let paths = jobs[index].pipeline.paths
            starts[index].checkpoint.forgetLayers(after: finished)
            try starts[index].checkpoint.save(paths.checkpoint)
            if finished > 0 {
                try labeler.join(InputFile(paths.layer(finished)), sector: index, into: previous)
            }
        }
        let pool = try LayerWriter.makePool()
        defer { pool.shutDown() }
        current.populate(by: pool)
        previous.populate(by: pool)
        for layer in (finished + 1)...shape.layerCount {
            let writer = try BatchLayerWriter(jobs.map { $0.pipeline.paths.layer(layer) }, pool: pool)
            try labeler.label(layer: layer, previous: previous, into: current) {
                (labels) throws(SealingError) in
                try writer.write(labels)
            }
            for (index, digest) in try writer.finish().enumerated() {
                starts[index].checkpoint.layers.append(digest)
                try starts[index].checkpoint.save(jobs[index].pipeline.paths.checkpoint)
            }
            swap(&previous, &current)
        }
    }
}

/// Computes label layers of several sectors, whose labels of a node lie side by side.
struct BatchLabeler {
    private static let chunkNodeCount: UInt64 = 1 << 13

    let replicaIDs: [Commitment]
    let nodeCount: UInt64
    let parents: ParentSource
    let observer: SealObserver
    /// Never `.automatic`: the order of the labels in memory belongs to it.
    var implementation = InstructionPath.selected

    /// Labels a whole layer.
    ///
    /// - Parameters:
    ///   - layer: 1 or more.
    ///   - previous: the layer before of all sectors; not read for layer 1.
    ///   - current: `32 * nodeCount` bytes for each sector, overwritten.
    ///   - chunkDone: called with the next labels of all sectors, one sector's after the other's.
    /// - Throws: ``SealingError`` `.cancelled`, and what `chunkDone` throws.
    func label(
        layer: Int,
        previous: LayerBuffer?,
        into current: LayerBuffer,
        chunkDone: (_ labels: [UInt8]) throws(SealingError) -> Void
    ) throws(SealingError) {
        let width = replicaIDs.count
        precondition(current.count == Int(32 * nodeCount) * width, "32 bytes a node and sector")
        precondition(layer == 1 || previous?.count == current.count)
        let identifiers = replicaIDs.flatMap(\.bytes)
        var scratch: [UInt32] = []
        var first: UInt64 = 0
        while first < nodeCount {
            try observer.step("layer \(layer)", first, nodeCount)
            let count = Int(min(BatchLabeler.chunkNodeCount, nodeCount - first))
            let status = try parents.withParents(first: first, count: count, scratch: &scratch) {
                csealing_sdr_labels_batch(
                    implementation.native,
                    width,
                    identifiers,
                    UInt32(layer),
                    nodeCount,
                    $0,
                    first,
                    count,
                    previous?.base,
                    current.base
                )
            }
            try Kernels.check(status, "labels of layer \(layer)")
            var labels = [UInt8](repeating: 0, count: 32 * count * width)
            // Safety: the kernel reads the chunk that it has just written, inside the buffer.
            let chunk = current.base + 32 * width * Int(first)
            try Kernels.check(
                csealing_split(implementation.native, width, chunk, &labels, count),
                "labels of layer \(layer) by sector"
            )
            try chunkDone(labels)
            first += UInt64(count)
        }
    }

    /// Puts a layer on disk among those of the other sectors.
    func join(
        _ file: InputFile,
        sector: Int,
        into layer: LayerBuffer
    ) throws(SealingError) {
        let width = replicaIDs.count
        precondition(layer.count == Int(32 * nodeCount) * width, "32 bytes a node and sector")
        var first: UInt64 = 0
        while first < nodeCount {
            try observer.step("reading a layer", first, nodeCount)
            let count = min(BatchLabeler.chunkNodeCount, nodeCount - first)
            let labels = try file.read(at: 32 * first, count: Int(32 * count))
            // Safety: the kernel writes nodes first ..< first + count of one sector, inside the buffer.
            try Kernels.check(
                csealing_join(
                    implementation.native,
                    width,
                    sector,
                    labels,
                    layer.base + 32 * width * Int(first),
                    Int(count)
                ),
                "labels of a sector among the others"
            )
            first += count
        }
    }
}

extension StackedLabels {
    /// All layers of several sectors, labeled side by side; `[layer][sector]`.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` beyond 2^22 nodes, 16 layers or
    ///   ``SealPipeline/batchCountMax`` sectors.
    package static func computeBatch(
        graph: StackedGraph,
        replicaIDs: [Commitment],
        layerCount: Int,
        _ implementation: InstructionPath = .automatic
    ) throws(SealingError) -> [[[UInt8]]] {
        guard graph.nodeCount <= 1 << 22, (1...16).contains(layerCount),
            (1...SealPipeline.batchCountMax).contains(replicaIDs.count)
        else {
            throw SealingError(
                .invalidArgument,
                "\(layerCount) layers of \(graph.nodeCount) nodes for \(replicaIDs.count) sectors"
            )
        }
        let labeler = BatchLabeler(
            replicaIDs: replicaIDs,
            nodeCount: graph.nodeCount,
            parents: try ParentSource(computing: graph),
            observer: .none,
            implementation: implementation.resolved
        )
        var layers: [[[UInt8]]] = []
        var previous: LayerBuffer?
        for layer in 1...layerCount {
            let current = try LayerBuffer.make(
                Int(32 * graph.nodeCount) * replicaIDs.count,
                "layer \(layer)"
            )
            var sectors = [[UInt8]](repeating: [], count: replicaIDs.count)
            try labeler.label(layer: layer, previous: previous, into: current) {
                (labels) throws(SealingError) in
                let count = labels.count / sectors.count
                for sector in sectors.indices {
                    sectors[sector] += labels[count * sector..<count * (sector + 1)]
                }
            }
            layers.append(sectors)
            previous = current
        }
        return layers
    }
}
