// SPDX-License-Identifier: Apache-2.0
import Kernel

/// What pre-commit 1 leaves behind, in the reference's JSON shape.
package struct PreCommit1Output: Hashable, Sendable {
    /// `StackedDrg2KiBV1_1` and the like.
    package let proofName: String
    /// `StackedDrg2KiBV1` and the like: the JSON key of the labels.
    package let shapeName: String
    /// One store for each layer.
    package let labels: [StoreConfig]
    /// The store of tree-d.
    package let treeD: StoreConfig
    package let commD: Commitment
    /// The sealing randomness that the labels were made with.
    package let ticket: Commitment

    package init(
        proofName: String,
        shapeName: String,
        labels: [StoreConfig],
        treeD: StoreConfig,
        commD: Commitment,
        ticket: Commitment
    ) {
        self.proofName = proofName
        self.shapeName = shapeName
        self.labels = labels
        self.treeD = treeD
        self.commD = commD
        self.ticket = ticket
    }
}

extension SealPipeline {
    /// Builds tree-d and all label layers.
    ///
    /// Layers that are on disk already and verify are kept, so a run that was interrupted goes on
    /// at the last complete one.
    ///
    /// - Parameters:
    ///   - ticket: the sealing randomness.
    ///   - pieces: the sector's pieces in order, which must fill it; none stands for zeros.
    /// - Returns: what pre-commit 2 takes.
    /// - Throws: ``SealingError`` `.missingFile` or `.wrongFileSize` for the unsealed file,
    ///   `.piecesDoNotFit`, `.commitmentMismatch` when the data is not that of the pieces,
    ///   `.notCanonical`, `.insufficientMemory`, `.inputOutput`, `.cancelled`.
    package func preCommit1(
        ticket: Commitment,
        pieces: [PieceInfo]
    ) throws(SealingError) -> PreCommit1Output {
        let start = try prepare(ticket: ticket, pieces: pieces)
        try labelLayers(start)
        try leaveSealedCopy()
        return output(start)
    }

    /// Checks what pre-commit 1 begins with: the data against its pieces, and the layers that are there.
    ///
    /// - Throws: as ``preCommit1(ticket:pieces:)``.
    package func checkPreCommit1(
        ticket: Commitment,
        pieces: [PieceInfo]
    ) throws(SealingError) {
        _ = try prepare(ticket: ticket, pieces: pieces)
    }

    /// Checks the data, builds tree-d and looks how many layers are there.
    func prepare(
        ticket: Commitment,
        pieces: [PieceInfo],
        sectorsAtOnce: UInt64 = 1
    ) throws(SealingError) -> PreCommit1Start {
        let held = try total(of: pieces)
        guard pieces.isEmpty || held == size.bytes else {
            throw SealingError(
                .piecesDoNotFit,
                "the pieces hold \(held) bytes; add zero pieces up to the "
                    + "\(size.bytes) of the sector"
            )
        }
        try Files.require(paths.unsealed, size: size.bytes, "the unsealed file")
        try demandLayers(sectorsAtOnce: sectorsAtOnce)
        let commD = try CommD.compute(pieces: pieces, sectorSize: size)
        let replicaID = replicaID(ticket: ticket, commD: commD)
        try Files.makeDirectory(paths.cache)
        var checkpoint = try LayerCheckpoint.load(paths.checkpoint, replicaID: replicaID)
        try buildTreeD(commD: commD, &checkpoint)
        let graph = try StackedGraph(parameters)
        var finished = 0
        while finished < shape.layerCount,
            try isComplete(layer: finished + 1, replicaID: replicaID, graph, &checkpoint)
        {
            finished += 1
        }
        return PreCommit1Start(
            ticket: ticket,
            commD: commD,
            replicaID: replicaID,
            graph: graph,
            finished: finished,
            checkpoint: checkpoint
        )
    }

    func output(_ start: PreCommit1Start) -> PreCommit1Output {
        let stores = TemporaryAux(cachePath: paths.cache, sectorSize: size)
        return PreCommit1Output(
            proofName: parameters.proofName,
            shapeName: parameters.shapeName,
            labels: stores.labels,
            treeD: stores.treeD,
            commD: start.commD,
            ticket: start.ticket
        )
    }

    private func buildTreeD(
        commD: Commitment,
        _ checkpoint: inout LayerCheckpoint
    ) throws(SealingError) {
        let bytes = 32 * (2 * size.nodeCount - 1)
        if let digest = checkpoint.treeD, try Files.size(paths.treeD) == bytes,
            try self.digest(of: paths.treeD, "tree-d check") == digest
        {
            return
        }
        if let digest = try shareTreeD(commD: commD) {
            checkpoint.treeD = digest
            try checkpoint.save(paths.checkpoint)
            return
        }
        let writer = try TreeWriter(
            paths.treeD,
            hasher: .sha256,
            name: "tree-d",
            observer: observer
        )
        let data = try InputFile(paths.unsealed)
        var at: UInt64 = 0
        while at < size.bytes {
            try observer.step("data", at, size.bytes)
            let count = Int(min(1 << 20, size.bytes - at))
            let chunk = try data.read(at: at, count: count)
            if let index = Field.firstInvalid(chunk, nodeCount: count / 32) {
                throw SealingError(
                    .notCanonical,
                    "node \(at / 32 + UInt64(index)) of \(paths.unsealed) is not "
                        + "below the field's modulus; the data is not Fr32-padded"
                )
            }
            try writer.append(chunk)
            at += UInt64(count)
        }
        try writer.finish(expecting: commD, of: paths.unsealed)
        checkpoint.treeD = try digest(of: paths.treeD, "tree-d digest")
        try checkpoint.save(paths.checkpoint)
    }

    private func labelLayers(_ start: PreCommit1Start) throws(SealingError) {
        let count = shape.layerCount
        let finished = start.finished
        guard finished < count else {
            return
        }
        let keeper = CheckpointKeeper(start.checkpoint, paths.checkpoint)
        try keeper.forgetLayers(after: finished)
        let labeler = try makeLabeler(replicaID: start.replicaID, graph: start.graph)
        var (previous, current) = try makeLayers()
        if finished > 0 {
            try previous.fill(
                from: InputFile(paths.layer(finished)),
                observer: observer,
                "reading layer \(finished)"
            )
        }
        let pool = try LayerWriter.makePool()
        defer { pool.shutDown() }
        current.populate(by: pool)
        previous.populate(by: pool)
        /* The writer of the layer before, which may still be at work while this one is labeled. */
        var pending: LayerWriter?
        for layer in (finished + 1)...count {
            let writer = try LayerWriter(paths.layer(layer), current, pool: pool)
            do throws(SealingError) {
                try labeler.label(layer: layer, previous: previous, into: current) {
                    (range) throws(SealingError) in
                    try writer.write(range)
                }
                writer.finish { (digest) throws(SealingError) in try keeper.add(digest) }
            } catch {
                /* The layer before is all but on the disk: it is kept. */
                writer.abandon()
                try pending?.wait()
                throw error
            }
            try pending?.wait()
            pending = writer
            swap(&previous, &current)
        }
        try pending?.wait()
    }

    /// What labels this sector's layers, as the options say.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` for options out of range, else as the parent cache.
    func makeLabeler(
        replicaID: Commitment,
        graph: StackedGraph
    ) throws(SealingError) -> LayerLabeler {
        guard (0...LabelCrew.producerCountMax).contains(options.labelProducerCount) else {
            throw SealingError(
                .invalidArgument,
                "0 to \(LabelCrew.producerCountMax) threads gather labels, not "
                    + "\(options.labelProducerCount)"
            )
        }
        return LayerLabeler(
            replicaID: replicaID,
            parents: try ParentSource(graph: graph, options: options, observer: observer),
            observer: observer,
            crew: options.labelProducerCount == 0
                ? nil : try LabelCrew(producerCount: options.labelProducerCount)
        )
    }

    /// Memory for the layer before and the one that is labeled, of all sectors that are labeled at once.
    func makeLayers(
        sectorsAtOnce: Int = 1
    ) throws(SealingError) -> (previous: LayerBuffer, current: LayerBuffer) {
        let count = Int(size.bytes) * sectorsAtOnce
        func make() throws(SealingError) -> LayerBuffer {
            try LayerBuffer.make(
                count,
                "labels of \(sectorsAtOnce == 1 ? "a" : String(sectorsAtOnce)) \(size) sector",
                options: options,
                observer: observer
            )
        }
        return (try make(), try make())
    }

    /// Demands that the two buffers of ``makeLayers(sectorsAtOnce:)``, and `more`, stay within the limit.
    func demandLayers(sectorsAtOnce: UInt64 = 1, more: UInt64 = 0) throws(SealingError) {
        let layer = sectorsAtOnce * size.bytes
        let mapped = options.hugePages == .none ? layer : options.hugePages.rounded(layer)
        try demandMemory(2 * mapped + more, "labeling \(sectorsAtOnce) of \(size) at once")
    }

    /// Does what ``SealingOptions/leavesSealedCopy`` asks, unless the replica is there already.
    func leaveSealedCopy() throws(SealingError) {
        guard options.leavesSealedCopy, try Files.size(paths.persistentAux) == nil else {
            return
        }
        try Files.copy(
            InputFile(paths.unsealed),
            to: paths.sealed,
            observer: observer,
            "copy for the sealed file"
        )
    }

    /// Whether a layer is on disk and is the one that this sector has: by its digest if this
    /// program wrote it, else by computing a sample of its labels again.
    private func isComplete(
        layer: Int,
        replicaID: Commitment,
        _ graph: StackedGraph,
        _ checkpoint: inout LayerCheckpoint
    ) throws(SealingError) -> Bool {
        let path = paths.layer(layer)
        guard try Files.size(path) == size.bytes else {
            return false
        }
        if checkpoint.layers.count >= layer {
            return try digest(of: path, "layer \(layer) check") == checkpoint.layers[layer - 1]
        }
        let sampled = try LayerSample.agrees(
            layer: layer,
            path: path,
            previous: layer == 1 ? nil : paths.layer(layer - 1),
            replicaID: replicaID,
            graph: graph,
            observer: observer
        )
        guard sampled, checkpoint.layers.count == layer - 1 else {
            return false
        }
        checkpoint.layers.append(try digest(of: path, "layer \(layer) digest"))
        return true
    }

    /// SHA-256 of a whole file, in hexadecimal.
    func digest(of path: String, _ step: String) throws(SealingError) -> String {
        let file = try InputFile(path)
        var hasher = SHA256()
        var at: UInt64 = 0
        while at < file.size {
            try observer.step(step, at, file.size)
            let count = Int(min(1 << 20, file.size - at))
            hasher.update(try file.read(at: at, count: count))
            at += UInt64(count)
        }
        return hasher.finalize().hex
    }
}

/// What is known of a sector before its layers are labeled.
struct PreCommit1Start {
    let ticket: Commitment
    let commD: Commitment
    let replicaID: Commitment
    let graph: StackedGraph
    /// Layers that are complete on disk.
    let finished: Int
    var checkpoint: LayerCheckpoint
}

/// A look at some labels of a layer on disk.
enum LayerSample {
    private static let countMax: UInt64 = 512

    /// Whether the sampled labels follow from the parents' labels in the files.
    static func agrees(
        layer: Int,
        path: String,
        previous: String?,
        replicaID: Commitment,
        graph: StackedGraph,
        observer: SealObserver
    ) throws(SealingError) -> Bool {
        let file = try InputFile(path)
        let below = try previous.map { (path) throws(SealingError) in try InputFile(path) }
        let step = max(1, graph.nodeCount / countMax)
        /* An odd offset in each stride, and always the last node: a truncated or foreign layer
         * fails at once. */
        var nodes = Array(stride(from: 0, to: graph.nodeCount, by: Int(step)))
        nodes.append(graph.nodeCount - 1)
        for (index, node) in nodes.enumerated() {
            if index.isMultiple(of: 16) {
                try observer.step("layer \(layer) check", node, graph.nodeCount)
            }
            var labels: [Commitment] = []
            if node > 0 {
                let parents = try graph.parents(first: node, count: 1)
                for (slot, parent) in parents.enumerated() {
                    if slot < StackedGraph.baseDegree {
                        labels.append(try file.node(UInt64(parent)))
                    } else if let below {
                        labels.append(try below.node(UInt64(parent)))
                    }
                }
            }
            let label = try Label.compute(
                replicaID: replicaID,
                layer: layer,
                node: node,
                parents: labels
            )
            guard label == (try file.node(node)) else {
                return false
            }
        }
        return true
    }
}
