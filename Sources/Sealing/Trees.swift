// SPDX-License-Identifier: Apache-2.0
import CSealing

/// Binary trees of SHA-256 with two bits cleared.
package enum BinaryTree {
    /// The parents of consecutive pairs of nodes.
    static func reduce(
        _ children: [UInt8],
        _ implementation: InstructionPath = .automatic
    ) -> [UInt8] {
        var parents = [UInt8](repeating: 0, count: children.count / 2)
        csealing_sha256_row(implementation.native, children, &parents, children.count / 64)
        return parents
    }

    /// Root over a power of two of leaves.
    ///
    /// - Throws: ``SealingError`` `.invalidArgument` for another count.
    package static func root(
        _ leaves: [UInt8],
        _ implementation: InstructionPath = .automatic
    ) throws(SealingError) -> Commitment {
        guard leaves.count >= 32, leaves.count.nonzeroBitCount == 1 else {
            throw SealingError(
                .invalidArgument,
                "\(leaves.count) bytes are not a power of two of leaves"
            )
        }
        var row = leaves
        while row.count > 32 {
            row = reduce(row, implementation)
        }
        return Commitment(in: row)
    }
}

/// What makes the inner nodes of a tree.
enum TreeHasher {
    case sha256
    case poseidon8

    var arity: Int {
        self == .sha256 ? 2 : 8
    }

    /// Number of nodes of a complete tree over `leafCount` leaves, leaves included.
    func nodeCount(leafCount: UInt64) -> UInt64 {
        var total: UInt64 = 0
        var row = leafCount
        while row > 1 {
            total += row
            row /= UInt64(arity)
        }
        return total + 1
    }
}

/// Writes the rows of a complete tree one after the other, leaves first, root last.
struct TreeWriter {
    let file: OutputFile
    private let hasher: TreeHasher
    private let name: String
    private let observer: SealObserver
    private let poseidon: any PoseidonHasher
    /// Bytes of children that are hashed at once.
    private let chunkBytes: Int

    /// A binary tree.
    init(
        _ path: String,
        hasher: TreeHasher,
        name: String,
        observer: SealObserver
    ) throws(SealingError) {
        file = try OutputFile(path)
        self.hasher = hasher
        self.name = name
        self.observer = observer
        poseidon = ProcessorPoseidon()
        chunkBytes = 1 << 20
    }

    /// A tree of Poseidon hashes whose lowest row may be there in part.
    ///
    /// - Parameters:
    ///   - file: where the rows go.
    ///   - name: `tree-c` or `tree-r-last`.
    ///   - observer: hears of progress.
    ///   - poseidon: who hashes.
    ///   - batchNodeCount: children hashed at once, a multiple of 8.
    init(
        _ file: OutputFile,
        name: String,
        observer: SealObserver,
        poseidon: any PoseidonHasher,
        batchNodeCount: Int
    ) {
        self.file = file
        self.hasher = .poseidon8
        self.name = name
        self.observer = observer
        self.poseidon = poseidon
        chunkBytes = 32 * batchNodeCount
    }

    private func reduce(_ children: [UInt8]) throws(SealingError) -> [UInt8] {
        switch hasher {
        case .sha256: BinaryTree.reduce(children)
        case .poseidon8: try poseidon.hash(children, with: .arity8)
        }
    }

    /// Appends to the lowest stored row.
    func append(_ nodes: [UInt8]) throws(SealingError) {
        try file.append(nodes)
    }

    /// Builds the rows above the lowest.
    ///
    /// - Returns: the root.
    /// - Throws: those of files, hasher and observer.
    func buildRows() throws(SealingError) -> Commitment {
        var rowStart: UInt64 = 0
        var rowBytes = file.count
        let arity = UInt64(hasher.arity)
        while rowBytes > 32 {
            var done: UInt64 = 0
            while done < rowBytes {
                try observer.step(name, done / 32, rowBytes / 32)
                let take = min(UInt64(chunkBytes), rowBytes - done)
                let children = try file.read(at: rowStart + done, count: Int(take))
                try file.append(try reduce(children))
                done += take
            }
            rowStart += rowBytes
            rowBytes /= arity
        }
        return Commitment(in: try file.read(at: rowStart, count: 32))
    }

    /// Builds the rows above and gives the file its name.
    ///
    /// - Parameters:
    ///   - expected: the root that must come out; otherwise the file gets no name.
    ///   - source: whose data it is, for the error.
    /// - Returns: the root.
    /// - Throws: ``SealingError`` `.commitmentMismatch` and those of files and observer.
    @discardableResult
    func finish(
        expecting expected: Commitment? = nil,
        of source: String = ""
    ) throws(SealingError) -> Commitment {
        let root = try buildRows()
        if let expected, expected != root {
            throw SealingError(
                .commitmentMismatch,
                "\(name) of \(source) has the root \(root) where "
                    + "\(expected) is expected; the data or the piece list is not this sector's"
            )
        }
        try file.commit()
        return root
    }
}

/// Base trees joined by a narrow level or two: how tree-c and tree-r-last get one root.
enum CompoundTree {
    /// The root over base roots.
    static func root(
        baseRoots: [Commitment],
        shape: SectorShape
    ) throws(SealingError) -> Commitment {
        guard baseRoots.count == shape.baseTreeCount else {
            throw SealingError(
                .invalidArgument,
                "\(baseRoots.count) base roots where there are \(shape.baseTreeCount) trees"
            )
        }
        var row = baseRoots
        for arity in [shape.subArity, shape.topArity] where arity > 0 {
            row = try groups(row, arity)
        }
        return row[0]
    }

    /// Sub roots: the row between base trees and top.
    static func groups(
        _ row: [Commitment],
        _ arity: Int
    ) throws(SealingError) -> [Commitment] {
        let poseidon = try Poseidon.instance(arity: arity)
        var parents: [Commitment] = []
        for start in stride(from: 0, to: row.count, by: arity) {
            parents.append(try poseidon.hash(Array(row[start..<start + arity])))
        }
        return parents
    }
}
