// SPDX-License-Identifier: Apache-2.0

/// One level of a path: the siblings of a node, in order, and its own place among them.
package struct PathElement: Hashable, Sendable, Codable {
    package var hashes: [Commitment]
    package var index: Int

    package init(hashes: [Commitment], index: Int) {
        self.hashes = hashes
        self.index = index
    }
}

/// A proof that a leaf lies at a place in a tree, simple or compound.
package struct MerkleProof: Hashable, Sendable {
    /// From the leaf to the root of its base tree.
    package var base: [PathElement]
    /// Through the narrow level that joins base trees, if there is one.
    package var sub: [PathElement]?
    /// Through the level above, if there is one.
    package var top: [PathElement]?
    package var root: Commitment
    package var leaf: Commitment

    package init(
        base: [PathElement],
        sub: [PathElement]? = nil,
        top: [PathElement]? = nil,
        root: Commitment,
        leaf: Commitment
    ) {
        self.base = base
        self.sub = sub
        self.top = top
        self.root = root
        self.leaf = leaf
    }

    /// All levels, leaf first.
    package var elements: [PathElement] {
        base + (sub ?? []) + (top ?? [])
    }
}

/// What a path must look like: the arity of each level.
struct PathShape: Hashable {
    let base: [Int]
    let sub: [Int]?
    let top: [Int]?

    /// Binary trees over all nodes.
    static func data(_ size: SectorSize) -> PathShape {
        PathShape(
            base: [Int](repeating: 2, count: size.nodeCount.trailingZeroBitCount),
            sub: nil,
            top: nil
        )
    }

    /// Compound trees of columns and replica nodes.
    static func replica(_ size: SectorSize) -> PathShape {
        let shape = size.shape
        let levels = size.baseTreeLeafCount.trailingZeroBitCount / 3
        return PathShape(
            base: [Int](repeating: 8, count: levels),
            sub: shape.subArity > 0 ? [shape.subArity] : nil,
            top: shape.topArity > 0 ? [shape.topArity] : nil
        )
    }
}

extension MerkleProof {
    /// The node's place, if the path has the demanded shape and leads from the leaf to the root.
    ///
    /// - Throws: ``SealingError`` `.notCanonical` for siblings outside the field.
    func verifiedIndex(_ shape: PathShape, _ hasher: TreeHasher) throws(SealingError) -> UInt64? {
        guard arities(base, are: shape.base), arities(sub, are: shape.sub),
            arities(top, are: shape.top), leaf.isCanonical
        else {
            return nil
        }
        var node = leaf
        var index: UInt64 = 0
        var weight: UInt64 = 1
        for element in elements {
            let arity = element.hashes.count + 1
            guard (0..<arity).contains(element.index) else {
                return nil
            }
            var group = element.hashes
            group.insert(node, at: element.index)
            index += weight * UInt64(element.index)
            weight *= UInt64(arity)
            switch hasher {
            case .sha256: node = SHA256.node(group[0], group[1])
            case .poseidon8: node = try Poseidon.instance(arity: arity).hash(group)
            }
        }
        return node == root ? index : nil
    }

    private func arities(_ path: [PathElement]?, are wanted: [Int]?) -> Bool {
        path?.map { $0.hashes.count + 1 } == wanted
    }
}

/// Reads paths out of a tree that lies in a file row by row.
struct TreeReader {
    let file: InputFile
    let arity: UInt64
    let leafCount: UInt64

    /// - Throws: ``SealingError`` `.wrongFileSize` unless the file holds all rows.
    init(_ path: String, hasher: TreeHasher, leafCount: UInt64) throws(SealingError) {
        try Files.require(
            path,
            size: 32 * hasher.nodeCount(leafCount: leafCount),
            "the tree"
        )
        file = try InputFile(path)
        arity = UInt64(hasher.arity)
        self.leafCount = leafCount
    }

    /// The path of a leaf, and the leaf.
    func path(_ leaf: UInt64) throws(SealingError) -> (path: [PathElement], leaf: Commitment) {
        var path: [PathElement] = []
        var rowStart: UInt64 = 0
        var rowCount = leafCount
        var index = leaf
        while rowCount > 1 {
            let first = index / arity * arity
            let group = try file.read(at: 32 * (rowStart + first), count: 32 * Int(arity))
            path.append(PathElement(group: group, index: Int(index - first)))
            rowStart += rowCount
            rowCount /= arity
            index /= arity
        }
        return (path, try file.node(leaf))
    }

    /// The root: the last node of the file.
    func root() throws(SealingError) -> Commitment {
        try file.node(file.size / 32 - 1)
    }
}

extension PathElement {
    /// A group of consecutive nodes, seen from one of them.
    init(group: [UInt8], index: Int) {
        var hashes = (0..<group.count / 32).map { Commitment(in: group, at: 32 * $0) }
        hashes.remove(at: index)
        self.init(hashes: hashes, index: index)
    }

    init(group: [Commitment], index: Int) {
        var hashes = group
        hashes.remove(at: index)
        self.init(hashes: hashes, index: index)
    }
}

/// Base trees and the narrow levels above them.
struct CompoundReader {
    private let shape: SectorShape
    private let baseRoots: [Commitment]
    private let subRoots: [Commitment]
    let root: Commitment

    init(baseRoots: [Commitment], shape: SectorShape) throws(SealingError) {
        self.shape = shape
        self.baseRoots = baseRoots
        subRoots =
            shape.subArity > 0
            ? try CompoundTree.groups(baseRoots, shape.subArity) : baseRoots
        root = try CompoundTree.root(baseRoots: baseRoots, shape: shape)
    }

    /// Completes the path of a leaf of base tree `tree`.
    func proof(tree: Int, base: [PathElement], leaf: Commitment) -> MerkleProof {
        MerkleProof(
            base: base,
            sub: level(baseRoots, tree, shape.subArity),
            top: level(subRoots, tree / max(shape.subArity, 1), shape.topArity),
            root: root,
            leaf: leaf
        )
    }

    private func level(_ row: [Commitment], _ index: Int, _ arity: Int) -> [PathElement]? {
        guard arity > 0 else {
            return nil
        }
        let first = index / arity * arity
        return [PathElement(group: Array(row[first..<first + arity]), index: index - first)]
    }
}

/// Opens nodes of tree-c, whose rows are all on disk.
struct ColumnTreeReader {
    private let trees: [TreeReader]
    private let compound: CompoundReader
    private let leafCount: UInt64

    init(_ paths: SectorPaths, size: SectorSize) throws(SealingError) {
        let shape = size.shape
        leafCount = size.baseTreeLeafCount
        var trees: [TreeReader] = []
        var roots: [Commitment] = []
        for path in paths.trees("tree-c", baseTreeCount: shape.baseTreeCount) {
            let tree = try TreeReader(path, hasher: .poseidon8, leafCount: leafCount)
            roots.append(try tree.root())
            trees.append(tree)
        }
        self.trees = trees
        compound = try CompoundReader(baseRoots: roots, shape: shape)
    }

    var root: Commitment {
        compound.root
    }

    func proof(_ node: UInt64) throws(SealingError) -> MerkleProof {
        let tree = Int(node / leafCount)
        let (path, leaf) = try trees[tree].path(node % leafCount)
        return compound.proof(tree: tree, base: path, leaf: leaf)
    }
}
