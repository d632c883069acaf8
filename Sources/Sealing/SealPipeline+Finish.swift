// SPDX-License-Identifier: Apache-2.0

extension SealPipeline {
    /// Clears what only sealing needed: layers, tree-d, tree-c, synthetic proofs and our notes.
    ///
    /// What proves the sector later stays: the sealed file, tree-r-last, `p_aux` and `t_aux`; it is
    /// looked for first, so that nothing is removed from a sector that could not be proven.
    ///
    /// - Parameter keepUnsealed: whether the unsealed file stays.
    /// - Throws: ``SealingError`` `.missingFile`, `.wrongFileSize`, `.malformed`, `.commitmentMismatch`
    ///   when tree-r-last is not that of `p_aux`, `.inputOutput`.
    package func finalize(keepUnsealed: Bool = true) throws(SealingError) {
        try requireProvable()
        try removeSealingFiles()
        try Files.remove(paths.syntheticProofs)
        if !keepUnsealed {
            try Files.remove(paths.unsealed)
        }
        try Files.synchronizeParent(of: paths.persistentAux)
    }

    /// Demands sealed file, tree-r-last and a `p_aux` that belongs to it.
    @discardableResult
    func requireProvable() throws(SealingError) -> (aux: PersistentAux, reader: ReplicaTreeReader) {
        let aux = try PersistentAux(file: paths.persistentAux)
        let reader = try ReplicaTreeReader(paths, size: size)
        guard reader.root == aux.commRLast else {
            throw SealingError(
                .commitmentMismatch,
                "tree-r-last in \(paths.cache) has the root \(reader.root), "
                    + "p_aux has \(aux.commRLast)"
            )
        }
        return (aux, reader)
    }

    /// Removes layers, tree-d, tree-c and our notes.
    func removeSealingFiles() throws(SealingError) {
        for layer in 1...shape.layerCount {
            try Files.remove(paths.layer(layer))
        }
        try Files.remove(paths.treeD)
        for path in paths.trees("tree-c", baseTreeCount: shape.baseTreeCount) {
            try Files.remove(path)
        }
        try Files.remove(paths.checkpoint)
        try Files.remove(paths.replicaCheckpoint)
    }

    /// Makes the unsealed file again from the replica.
    ///
    /// All layers are computed anew, so it takes as long as pre-commit 1. The file gets its name
    /// only when its data has the sector's CommD.
    ///
    /// - Throws: ``SealingError`` `.missingFile`, `.wrongFileSize`, `.commitmentMismatch`,
    ///   `.insufficientMemory`, `.inputOutput`, `.cancelled`.
    package func unseal(ticket: Commitment, commD: Commitment) throws(SealingError) {
        let replica = try openReplica()
        let key = try lastLayer(replicaID: replicaID(ticket: ticket, commD: commD))
        let file = try OutputFile(paths.unsealed)
        var hasher = SubtreeStack()
        let chunk = min(size.bytes, 1 << 20)
        var at: UInt64 = 0
        while at < size.bytes {
            try observer.step("unsealing", at, size.bytes)
            let data = try decode(replica, key, at: at, count: Int(chunk))
            hasher.push(
                level: chunk.trailingZeroBitCount - 5,
                root: try BinaryTree.root(data)
            )
            try file.append(data)
            at += chunk
        }
        guard hasher.root == commD else {
            throw SealingError(
                .commitmentMismatch,
                "what \(paths.sealed) unseals to does not have CommD "
                    + "\(commD); replica, ticket or CommD is another sector's"
            )
        }
        try file.commit()
    }

    /// Unseals a range of payload bytes.
    ///
    /// - Parameters:
    ///   - ticket: the sealing randomness of pre-commit 1.
    ///   - commD: the commitment of the sector's data.
    ///   - offset: first payload byte, a multiple of 127.
    ///   - count: payload bytes, a multiple of 127.
    /// - Returns: the bytes without padding. They are not checked against CommD, which takes the
    ///   whole sector.
    /// - Throws: as ``unseal(ticket:commD:)``, and `.invalidArgument` for another range.
    package func unseal(
        ticket: Commitment,
        commD: Commitment,
        offset: UInt64,
        count: UInt64
    ) throws(SealingError) -> [UInt8] {
        guard offset.isMultiple(of: 127), count.isMultiple(of: 127),
            offset <= size.unpaddedBytes, count <= size.unpaddedBytes - offset
        else {
            throw SealingError(
                .invalidArgument,
                "a range of \(count) bytes from \(offset) is not made of whole "
                    + "127-byte groups within the \(size.unpaddedBytes) of the sector"
            )
        }
        try demandLayers(more: 2 * count)
        let replica = try openReplica()
        let key = try lastLayer(replicaID: replicaID(ticket: ticket, commD: commD))
        let data = try decode(
            replica,
            key,
            at: offset / 127 * 128,
            count: Int(count / 127 * 128)
        )
        return try Fr32.unpad(data)
    }

    private func openReplica() throws(SealingError) -> InputFile {
        try Files.require(paths.sealed, size: size.bytes, "the sealed file")
        return try InputFile(paths.sealed)
    }

    private func decode(
        _ replica: InputFile,
        _ key: LayerBuffer,
        at: UInt64,
        count: Int
    ) throws(SealingError) -> [UInt8] {
        let sealed = try replica.read(at: at, count: count)
        do throws(SealingError) {
            return try Field.decode(replica: sealed, key: key.bytes(in: Int(at)..<Int(at) + count))
        } catch {
            throw SealingError(
                error.code,
                "\(paths.sealed) from byte \(at) on: \(error.message); the replica is damaged"
            )
        }
    }

    /// The labels that encode the replica, computed in memory.
    private func lastLayer(replicaID: Commitment) throws(SealingError) -> LayerBuffer {
        try demandLayers()
        let labeler = try makeLabeler(replicaID: replicaID, graph: try StackedGraph(parameters))
        var (previous, current) = try makeLayers()
        for layer in 1...shape.layerCount {
            swap(&previous, &current)
            try labeler.label(layer: layer, previous: previous, into: current) { _ in }
        }
        return current
    }

    /// Checks a sealed sector's files against its commitment.
    ///
    /// - Parameters:
    ///   - commR: the commitment on the chain.
    ///   - everything: whether the whole replica is hashed again; otherwise only sizes, `p_aux`
    ///     and the roots of tree-r-last are looked at.
    /// - Throws: ``SealingError`` `.missingFile`, `.wrongFileSize`, `.malformed`,
    ///   `.commitmentMismatch`, `.inputOutput`, `.cancelled`.
    package func verifySector(
        commR: Commitment,
        everything: Bool = false
    ) throws(SealingError) {
        let (aux, reader) = try requireProvable()
        guard try aux.commR() == commR else {
            throw SealingError(
                .commitmentMismatch,
                "\(paths.persistentAux) is not that of CommR \(commR)"
            )
        }
        if everything {
            try reader.verifyAll(observer: observer)
        }
    }
}

/// Joins equal subtrees of a binary tree as they come, left to right.
struct SubtreeStack {
    private var entries: [(level: Int, root: Commitment)] = []

    /// The root, once the subtrees make one tree.
    var root: Commitment? {
        entries.count == 1 ? entries[0].root : nil
    }

    /// Adds a subtree of 2^level leaves.
    mutating func push(level: Int, root: Commitment) {
        var level = level
        var root = root
        while let left = entries.last, left.level == level {
            entries.removeLast()
            root = SHA256.node(left.root, root)
            level += 1
        }
        entries.append((level, root))
    }
}
