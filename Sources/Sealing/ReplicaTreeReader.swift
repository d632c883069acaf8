// SPDX-License-Identifier: Apache-2.0

/// Opens nodes of tree-r-last, whose lowest rows are rebuilt from the replica when needed.
///
///     stored:       root … row d+1                  tree-r-last-i
///     rebuilt:      row d … row 1, one small subtree
///     stored:       row 0                           the sealed file
package struct ReplicaTreeReader: Sendable {
    private let sealed: any ReplicaFile
    private let trees: [any ReplicaFile]
    private let compound: CompoundReader
    private let leafCount: UInt64
    private let subtreeLeafCount: UInt64

    /// Opens the sealed file and the trees, whose sizes must be those of the sector size.
    ///
    /// - Throws: ``SealingError`` `.missingFile`, `.wrongFileSize`, `.inputOutput`,
    ///   `.notCanonical`.
    package init(
        _ paths: SectorPaths, size: SectorSize, in files: any ReplicaFiles = LocalFiles()
    ) throws(SealingError) {
        let shape = size.shape
        sealed = try files.open(paths.sealed, size: size.bytes, "the sealed file")
        leafCount = size.baseTreeLeafCount
        subtreeLeafCount = 1 << UInt64(3 * (shape.discardedRowCount + 1))
        let nodes = TreeHasher.poseidon8.nodeCount(leafCount: leafCount / subtreeLeafCount)
        var trees: [any ReplicaFile] = []
        var roots: [Commitment] = []
        for path in paths.trees("tree-r-last", baseTreeCount: shape.baseTreeCount) {
            let tree = try files.open(path, size: 32 * nodes, "tree-r-last")
            roots.append(try tree.node(nodes - 1))
            trees.append(tree)
        }
        self.trees = trees
        compound = try CompoundReader(baseRoots: roots, shape: shape)
    }

    /// CommRLast as the stored trees have it.
    package var root: Commitment {
        compound.root
    }

    /// The path of one replica node.
    ///
    /// - Throws: ``SealingError`` `.commitmentMismatch` when the replica does not fit the stored
    ///   rows, `.notCanonical`, `.inputOutput`.
    package func proof(_ node: UInt64) throws(SealingError) -> MerkleProof {
        let tree = Int(node / leafCount)
        let inTree = node % leafCount
        let first = inTree / subtreeLeafCount * subtreeLeafCount
        var row = try sealed.read(
            at: 32 * (UInt64(tree) * leafCount + first),
            count: 32 * Int(subtreeLeafCount)
        )
        var index = Int(inTree - first)
        let leaf = Commitment(in: row, at: 32 * index)
        var path: [PathElement] = []
        while row.count > 32 {
            let start = index / 8 * 8
            path.append(
                PathElement(
                    group: Array(row[32 * start..<32 * (start + 8)]),
                    index: index - start
                )
            )
            row = try parents(of: row, near: node)
            index /= 8
        }
        let file = trees[tree]
        var stored = inTree / subtreeLeafCount
        guard Commitment(in: row) == (try file.node(stored)) else {
            throw SealingError(
                .commitmentMismatch,
                "\(sealed.path) near node \(node) does not hash to the node "
                    + "\(stored) of \(file.path); the replica is damaged"
            )
        }
        var rowStart: UInt64 = 0
        var rowCount = leafCount / subtreeLeafCount
        while rowCount > 1 {
            let start = stored / 8 * 8
            let group = try file.read(at: 32 * (rowStart + start), count: 256)
            path.append(PathElement(group: group, index: Int(stored - start)))
            rowStart += rowCount
            rowCount /= 8
            stored /= 8
        }
        return compound.proof(tree: tree, base: path, leaf: leaf)
    }

    /// Hashes groups of the replica, or of rows made from it.
    private func parents(of row: [UInt8], near node: UInt64) throws(SealingError) -> [UInt8] {
        do throws(SealingError) {
            return try Poseidon.arity8.hash(row)
        } catch {
            throw SealingError(
                error.code,
                "\(sealed.path) near node \(node): \(error.message); the replica is damaged"
            )
        }
    }

    /// Rebuilds every row from the replica and compares it with the stored ones.
    ///
    /// - Throws: ``SealingError`` `.commitmentMismatch`, `.notCanonical`, `.inputOutput`,
    ///   `.cancelled`.
    package func verifyAll(observer: SealObserver = .none) throws(SealingError) {
        let total = leafCount * UInt64(trees.count)
        for (index, file) in trees.enumerated() {
            for stored in 0..<leafCount / subtreeLeafCount {
                let first = UInt64(index) * leafCount + stored * subtreeLeafCount
                try observer.step("replica check", first, total)
                var row = try sealed.read(at: 32 * first, count: 32 * Int(subtreeLeafCount))
                while row.count > 32 {
                    row = try parents(of: row, near: first)
                }
                guard Commitment(in: row) == (try file.node(stored)) else {
                    throw SealingError(
                        .commitmentMismatch,
                        "\(sealed.path) from node \(first) on does not hash "
                            + "to \(file.path); the replica is damaged"
                    )
                }
            }
            try verifyStoredRows(file)
        }
    }

    private func verifyStoredRows(_ file: any ReplicaFile) throws(SealingError) {
        var rowStart: UInt64 = 0
        var rowCount = leafCount / subtreeLeafCount
        while rowCount > 1 {
            for parent in 0..<rowCount / 8 {
                let group = try file.read(at: 32 * (rowStart + 8 * parent), count: 256)
                let digest = Commitment(in: try Poseidon.arity8.hash(group))
                guard digest == (try file.node(rowStart + rowCount + parent)) else {
                    throw SealingError(
                        .commitmentMismatch,
                        "\(file.path) is damaged at node \(rowStart + rowCount + parent)"
                    )
                }
            }
            rowStart += rowCount
            rowCount /= 8
        }
    }
}
