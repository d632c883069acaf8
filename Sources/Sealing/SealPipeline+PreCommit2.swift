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
    /// Nodes handled at a time: 2^15, or 2^18 for a hasher that wants as many columns at once;
    /// powers of 8, so that chunks are whole subtrees.
    private var chunkNodeCount: UInt64 {
        hasher.batchHashCount < 1 << 18 ? 1 << 15 : 1 << 18
    }

    /// Hashes the columns, encodes the replica, and builds tree-c and tree-r-last.
    ///
    /// It reads the layers and tree-d, whose leaves are the data; the unsealed file is not needed.
    /// The sealed file appears complete or not at all, and `p_aux` comes last.
    ///
    /// - Throws: ``SealingError`` `.missingFile`, `.wrongFileSize`, `.commitmentMismatch` when
    ///   tree-d is not that of `preCommit1`, `.notCanonical`, `.inputOutput`, `.cancelled`.
    package func preCommit2(
        _ preCommit1: PreCommit1Output
    ) throws(SealingError) -> PreCommit2Output {
        try requireStores(preCommit1)
        try Files.remove(paths.persistentAux)
        let inputs = try SealInputs(self)
        let sealed = try OutputFile(paths.sealed)
        let treeCPaths = paths.trees("tree-c", baseTreeCount: shape.baseTreeCount)
        let treeRPaths = paths.trees("tree-r-last", baseTreeCount: shape.baseTreeCount)
        var treeCRoots: [Commitment] = []
        var treeRRoots: [Commitment] = []
        for index in 0..<shape.baseTreeCount {
            let treeC = try TreeWriter(
                treeCPaths[index],
                hasher: .poseidon8,
                name: "tree-c",
                observer: observer,
                poseidon: hasher
            )
            let treeR = try TreeWriter(
                treeRPaths[index],
                hasher: .poseidon8,
                name: "tree-r-last",
                observer: observer,
                poseidon: hasher
            )
            try appendLeaves(of: index, inputs, treeC: treeC, treeR: treeR, sealed: sealed)
            treeCRoots.append(try treeC.finish())
            treeRRoots.append(try treeR.finish())
        }
        try sealed.commit()
        let aux = PersistentAux(
            commC: try CompoundTree.root(baseRoots: treeCRoots, shape: shape),
            commRLast: try CompoundTree.root(baseRoots: treeRRoots, shape: shape)
        )
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

    /// The leaves of one base tree: columns for tree-c, replica nodes for tree-r-last.
    private func appendLeaves(
        of index: Int,
        _ inputs: SealInputs,
        treeC: TreeWriter,
        treeR: TreeWriter,
        sealed: OutputFile
    ) throws(SealingError) {
        let leafCount = size.baseTreeLeafCount
        let columnHash = try Poseidon.instance(arity: shape.layerCount)
        let start = UInt64(index) * leafCount
        var first = start
        while first < start + leafCount {
            try observer.step("columns and replica", first, size.nodeCount)
            let count = Int(min(chunkNodeCount, leafCount))
            var rows: [UInt8] = []
            rows.reserveCapacity(32 * count * shape.layerCount)
            var key: [UInt8] = []
            for layer in inputs.layers {
                key = try layer.read(at: 32 * first, count: 32 * count)
                rows += key
            }
            try treeC.append(
                try hasher.hashColumns(rows, columnCount: count, with: columnHash)
            )
            let data = try inputs.treeD.read(at: 32 * first, count: 32 * count)
            var replica = try Field.encode(key: key, data: data)
            try sealed.append(replica)
            for _ in 0...shape.discardedRowCount {
                replica = try hasher.hash(replica, with: .arity8)
            }
            try treeR.append(replica)
            first += UInt64(count)
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

    /// The labels of one node in all layers.
    func column(_ node: UInt64) throws(SealingError) -> [Commitment] {
        var labels: [Commitment] = []
        for layer in layers {
            labels.append(try layer.node(node))
        }
        return labels
    }
}
