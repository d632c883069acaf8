// SPDX-License-Identifier: Apache-2.0

/// How much pre-commit 2 takes at a time.
struct ReplicaBatches {
    private static let powerRange = 3...7

    /// Nodes of each layer: a power of 8, no more than a base tree has.
    let columnCount: UInt64
    /// Nodes of a tree's row.
    let rowCount: Int
    /// Nodes from one checkpoint to the next, at least.
    let checkpointCount: UInt64
    /// Bytes that are held for them, without the hasher's own.
    let memoryBytes: UInt64

    /// - Throws: ``SealingError`` `.invalidArgument` for options that cannot be.
    init(_ pipeline: SealPipeline) throws(SealingError) {
        let options = pipeline.options
        let size = pipeline.size
        if let count = options.columnBatchNodeCount {
            guard count > 0, count.nonzeroBitCount == 1,
                count.trailingZeroBitCount.isMultiple(of: 3),
                ReplicaBatches.powerRange.contains(count.trailingZeroBitCount / 3)
            else {
                throw SealingError(
                    .invalidArgument,
                    "columnBatchNodeCount is a power of 8 from 512 to 2097152, not \(count)"
                )
            }
        }
        guard options.checkpointNodeCount > 0 else {
            throw SealingError(.invalidArgument, "checkpointNodeCount is 1 or more, not 0")
        }
        let wanted = pipeline.hasher.batchHashCount
        let standard = wanted < 1 << 18 ? 1 << 15 : 1 << 18
        columnCount = min(
            UInt64(options.columnBatchNodeCount ?? standard),
            size.baseTreeLeafCount
        )
        rowCount = options.columnBatchNodeCount ?? max(1 << 15, 8 * wanted)
        checkpointCount = max(options.checkpointNodeCount, size.nodeCount >> 10)
        /* Columns, last layer, data, replica and digests; later two rows of a tree. */
        let columns = 32 * columnCount * UInt64(size.shape.layerCount + 4)
        memoryBytes = max(columns, 36 * UInt64(rowCount))
    }
}

/// Makes the replica and the trees over columns and replica, from where an earlier run came to.
struct ReplicaBuilder {
    private let pipeline: SealPipeline
    private let batches: ReplicaBatches
    private let inputs: SealInputs
    private var note: ReplicaCheckpoint
    private let treeCPaths: [String]
    private let treeRPaths: [String]

    private var size: SectorSize { pipeline.size }
    private var paths: SectorPaths { pipeline.paths }

    init(
        _ pipeline: SealPipeline,
        _ batches: ReplicaBatches,
        replicaID: Commitment
    ) throws(SealingError) {
        self.pipeline = pipeline
        self.batches = batches
        inputs = try SealInputs(pipeline)
        let count = pipeline.shape.baseTreeCount
        treeCPaths = pipeline.paths.trees("tree-c", baseTreeCount: count)
        treeRPaths = pipeline.paths.trees("tree-r-last", baseTreeCount: count)
        let check = ReplicaCheck(
            size: pipeline.size,
            paths: pipeline.paths,
            observer: pipeline.observer
        )
        note = try check.confirmed(
            try ReplicaCheckpoint.load(
                pipeline.paths.replicaCheckpoint,
                replicaID: replicaID,
                size: pipeline.size
            )
        )
    }

    /// Makes what is missing and gives all files their names.
    mutating func build() throws(SealingError) -> PersistentAux {
        /* What was not confirmed must not be in the note when its files change. */
        try Files.makeDirectory(paths.cache)
        try note.save(paths.replicaCheckpoint)
        if note.isComplete(size) {
            try publish(paths.sealed)
        } else {
            /* A replica that turned out to be damaged is gone on with, under its partial name. */
            let partial = OutputFile.partial(paths.sealed)
            if note.nodeCount > 0, try Files.size(partial) == nil {
                try Files.rename(paths.sealed, to: partial)
            }
        }
        var sealed: OutputFile?
        if !note.isComplete(size) {
            sealed = try OutputFile(resuming: paths.sealed, at: 32 * note.nodeCount)
        }
        var treeCRoots: [Commitment] = []
        var treeRRoots: [Commitment] = []
        for index in 0..<pipeline.shape.baseTreeCount {
            if note.trees.count == index {
                note.trees.append(ReplicaCheckpoint.Tree())
            }
            if let sealed, note.trees[index].rows == nil {
                try buildTree(index, sealed: sealed)
            }
            try publish(treeCPaths[index])
            try publish(treeRPaths[index])
            treeCRoots.append(try root(treeCPaths[index]))
            treeRRoots.append(try root(treeRPaths[index]))
        }
        try sealed?.commit()
        let shape = pipeline.shape
        return PersistentAux(
            commC: try CompoundTree.root(baseRoots: treeCRoots, shape: shape),
            commRLast: try CompoundTree.root(baseRoots: treeRRoots, shape: shape)
        )
    }

    /// Gives a complete file its name, if it has not got it yet.
    private func publish(_ path: String) throws(SealingError) {
        let partial = OutputFile.partial(path)
        if try Files.size(partial) != nil {
            try Files.rename(partial, to: path)
        }
    }

    private func root(_ path: String) throws(SealingError) -> Commitment {
        let file = try InputFile(path)
        return try file.node(file.size / 32 - 1)
    }

    /// One base tree of both kinds, and its part of the replica.
    private mutating func buildTree(_ index: Int, sealed: OutputFile) throws(SealingError) {
        let done = note.trees[index].nodeCount
        let unit = UInt64(1) << UInt64(3 * (pipeline.shape.discardedRowCount + 1))
        let fileC = try OutputFile(resuming: treeCPaths[index], at: 32 * done)
        let fileR = try OutputFile(resuming: treeRPaths[index], at: 32 * done / unit)
        try appendLeaves(of: index, treeC: fileC, treeR: fileR, sealed: sealed)
        for (file, name) in [(fileC, "tree-c"), (fileR, "tree-r-last")] {
            let writer = TreeWriter(
                file,
                name: name,
                observer: pipeline.observer,
                poseidon: pipeline.hasher,
                batchNodeCount: batches.rowCount
            )
            _ = try writer.buildRows()
            try file.synchronize()
        }
        note.trees[index].rows = ReplicaCheckpoint.Rows(
            treeC: fileC.takeDigest(),
            treeR: fileR.takeDigest()
        )
        try note.save(paths.replicaCheckpoint)
    }

    /// The leaves of one base tree: columns for tree-c, replica nodes for tree-r-last.
    private mutating func appendLeaves(
        of index: Int,
        treeC: OutputFile,
        treeR: OutputFile,
        sealed: OutputFile
    ) throws(SealingError) {
        let leafCount = size.baseTreeLeafCount
        let start = UInt64(index) * leafCount
        let columnHash = try Poseidon.instance(arity: pipeline.shape.layerCount)
        var first = start + note.trees[index].nodeCount
        var noted = first
        while first < start + leafCount {
            try pipeline.observer.step("columns and replica", first, size.nodeCount)
            /* A run with other batches may have stopped in the midst of one of these. */
            let aligned = batches.columnCount - first % batches.columnCount
            let count = Int(min(aligned, start + leafCount - first))
            let batch = try inputs.batch(first: first, count: count)
            inputs.prefetch(first: first + UInt64(count), count: batches.columnCount)
            try treeC.append(
                try named(batch, first) { () throws(SealingError) in
                    try pipeline.hasher.hashColumns(
                        batch.rows,
                        columnCount: count,
                        with: columnHash
                    )
                }
            )
            var replica = try named(batch, first) { () throws(SealingError) in
                try Field.encode(key: batch.key, data: batch.data)
            }
            try sealed.append(replica)
            for _ in 0...pipeline.shape.discardedRowCount {
                replica = try pipeline.hasher.hash(replica, with: .arity8)
            }
            try treeR.append(replica)
            first += UInt64(count)
            if first - noted >= batches.checkpointCount || first == start + leafCount {
                for file in [sealed, treeC, treeR] {
                    try file.synchronize()
                }
                note.trees[index].segments.append(
                    ReplicaCheckpoint.Segment(
                        nodeCount: first - noted,
                        replica: sealed.takeDigest(),
                        treeC: treeC.takeDigest(),
                        treeR: treeR.takeDigest()
                    )
                )
                try note.save(paths.replicaCheckpoint)
                noted = first
            }
        }
    }

    /// Runs hashing or encoding, and says which file it was when a node is not in the field.
    private func named(
        _ batch: SealInputs.Batch,
        _ first: UInt64,
        _ body: () throws(SealingError) -> [UInt8]
    ) throws(SealingError) -> [UInt8] {
        do throws(SealingError) {
            return try body()
        } catch {
            guard error.code == .notCanonical, let place = batch.firstInvalid else {
                throw error
            }
            let layer = place.layer
            let path = layer > pipeline.shape.layerCount ? paths.treeD : paths.layer(layer)
            throw SealingError(
                .notCanonical,
                "node \(first + UInt64(place.node)) of \(path) is not below the field's modulus; "
                    + "the file is damaged, run pre-commit 1 again"
            )
        }
    }
}
