// SPDX-License-Identifier: Apache-2.0

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
        var start = try prepare(ticket: ticket, pieces: pieces)
        try labelLayers(&start)
        return output(start)
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
        try demandMemory(
            2 * sectorsAtOnce * size.bytes,
            "labeling \(sectorsAtOnce) of \(size) at once"
        )
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

    private func labelLayers(_ start: inout PreCommit1Start) throws(SealingError) {
        let count = shape.layerCount
        let finished = start.finished
        guard finished < count else {
            return
        }
        start.checkpoint.forgetLayers(after: finished)
        try start.checkpoint.save(paths.checkpoint)
        let labeler = LayerLabeler(
            replicaID: start.replicaID,
            nodeCount: size.nodeCount,
            parents: try ParentSource(
                graph: start.graph,
                cacheDirectory: options.parentCacheDirectory,
                observer: observer
            ),
            observer: observer
        )
        var previous: [UInt8] = []
        if finished > 0 {
            previous = try InputFile(paths.layer(finished)).read(at: 0, count: Int(size.bytes))
        }
        var current = [UInt8](repeating: 0, count: Int(size.bytes))
        for layer in (finished + 1)...count {
            let file = try OutputFile(paths.layer(layer))
            var hasher = SHA256()
            try labeler.label(layer: layer, previous: previous, into: &current) {
                (bytes, range) throws(SealingError) in
                try file.append(bytes, in: range)
                hasher.update(bytes, in: range)
            }
            try file.commit()
            start.checkpoint.layers.append(hasher.finalize().hex)
            try start.checkpoint.save(paths.checkpoint)
            if previous.isEmpty {
                previous = [UInt8](repeating: 0, count: Int(size.bytes))
            }
            swap(&previous, &current)
        }
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
            graph: graph
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
        graph: StackedGraph
    ) throws(SealingError) -> Bool {
        let file = try InputFile(path)
        let below = try previous.map { (path) throws(SealingError) in try InputFile(path) }
        let step = max(1, graph.nodeCount / countMax)
        /* An odd offset in each stride, and always the last node: a truncated or foreign layer
         * fails at once. */
        var nodes = Array(stride(from: 0, to: graph.nodeCount, by: Int(step)))
        nodes.append(graph.nodeCount - 1)
        for node in nodes {
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
