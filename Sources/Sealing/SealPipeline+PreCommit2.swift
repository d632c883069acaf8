// SPDX-License-Identifier: Apache-2.0

/// The commitments of a sealed sector.
package struct PreCommit2Output: Hashable, Sendable, Codable {
    package let commD: Commitment
    package let commR: Commitment
    package let commC: Commitment
    package let commRLast: Commitment

    package init(commD: Commitment, commR: Commitment, commC: Commitment, commRLast: Commitment) {
        self.commD = commD
        self.commR = commR
        self.commC = commC
        self.commRLast = commRLast
    }
}

extension SealPipeline {
    /// Hashes the columns, encodes the replica, and builds tree-c and tree-r-last.
    ///
    /// It reads the layers and tree-d, whose leaves are the data; the unsealed file is not needed.
    /// The sealed file appears complete or not at all, and `p_aux` comes last. A run that was
    /// interrupted is gone on with where its digests confirm it.
    ///
    /// - Throws: ``SealingError`` `.missingFile`, `.wrongFileSize`, `.commitmentMismatch` when
    ///   tree-d is not that of `preCommit1`, `.notCanonical`, `.invalidArgument` for options that
    ///   cannot be, `.insufficientMemory`, `.inputOutput`, `.cancelled`.
    package func preCommit2(
        _ preCommit1: PreCommit1Output
    ) throws(SealingError) -> PreCommit2Output {
        let batches = try ReplicaBatches(self)
        try demandMemory(batches.memoryBytes, "pre-commit 2 with its batches")
        try requireStores(preCommit1)
        try Files.remove(paths.persistentAux)
        try Files.remove(paths.syntheticProofs)
        var builder = try ReplicaBuilder(
            self,
            batches,
            replicaID: replicaID(ticket: preCommit1.ticket, commD: preCommit1.commD)
        )
        let aux = try builder.build()
        let stores = TemporaryAux(cachePath: paths.cache, sectorSize: size)
        try Files.write(stores.bytes, to: paths.temporaryAux)
        try Files.write(aux.bytes, to: paths.persistentAux)
        return PreCommit2Output(
            commD: preCommit1.commD,
            commR: try aux.commR(),
            commC: aux.commC,
            commRLast: aux.commRLast
        )
    }

    private func requireStores(_ preCommit1: PreCommit1Output) throws(SealingError) {
        guard preCommit1.proofName == parameters.proofName else {
            throw SealingError(
                .invalidArgument,
                "pre-commit 1 was for \(preCommit1.proofName), this sector is "
                    + "\(parameters.proofName)"
            )
        }
        for layer in 1...shape.layerCount {
            try Files.require(paths.layer(layer), size: size.bytes, "layer \(layer)")
        }
        let nodes = 2 * size.nodeCount - 1
        try Files.require(paths.treeD, size: 32 * nodes, "tree-d")
        let root = try InputFile(paths.treeD).node(nodes - 1)
        guard root == preCommit1.commD else {
            throw SealingError(
                .commitmentMismatch,
                "\(paths.treeD) has the root \(root), pre-commit 1 has "
                    + "\(preCommit1.commD); run it again"
            )
        }
    }
}

/// The stores that pre-commit 2 and commit 1 read.
struct SealInputs {
    let layers: [InputFile]
    let treeD: InputFile

    init(_ pipeline: SealPipeline) throws(SealingError) {
        var layers: [InputFile] = []
        for layer in 1...pipeline.shape.layerCount {
            layers.append(try InputFile(pipeline.paths.layer(layer)))
        }
        self.layers = layers
        treeD = try InputFile(pipeline.paths.treeD)
    }

    /// Some nodes of all layers and of the data.
    struct Batch {
        /// The layers' nodes, layer after layer.
        let rows: [UInt8]
        let data: [UInt8]

        /// The nodes of the last layer.
        var key: [UInt8] {
            Array(rows[(rows.count - data.count)...])
        }

        /// The first node outside the field, if there is one; the layer behind the last is the data.
        var firstInvalid: (layer: Int, node: Int)? {
            let count = data.count / 32
            if let place = Field.firstInvalid(rows, nodeCount: rows.count / 32) {
                return (place / count + 1, place % count)
            }
            if let place = Field.firstInvalid(data, nodeCount: count) {
                return (rows.count / data.count + 1, place)
            }
            return nil
        }
    }

    /// Reads `count` nodes of each store.
    func batch(first: UInt64, count: Int) throws(SealingError) -> Batch {
        var rows = [UInt8](repeating: 0, count: 32 * count * layers.count)
        for (index, layer) in layers.enumerated() {
            let start = 32 * count * index
            try layer.read(at: 32 * first, into: &rows, start..<start + 32 * count)
        }
        return Batch(rows: rows, data: try treeD.read(at: 32 * first, count: 32 * count))
    }

    /// Has the system read the next batch while this one is hashed.
    func prefetch(first: UInt64, count: UInt64) {
        for layer in layers {
            layer.prefetch(at: 32 * first, count: 32 * count)
        }
        treeD.prefetch(at: 32 * first, count: 32 * count)
    }

    /// The labels of one node in all layers.
    func column(_ node: UInt64) throws(SealingError) -> [Commitment] {
        var labels: [Commitment] = []
        for layer in layers {
            labels.append(try layer.node(node))
        }
        return labels
    }
}
