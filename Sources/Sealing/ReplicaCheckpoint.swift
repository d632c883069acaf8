// SPDX-License-Identifier: Apache-2.0
import Foundation

/// How far pre-commit 2 is, with digests of all that is on the disk.
///
/// It is bound to the replica identifier. The files are partial ones until a tree, or the replica, is
/// complete; what a digest does not confirm is made again.
struct ReplicaCheckpoint: Codable {
    /// Nodes one after the other that were noted at once.
    struct Segment: Codable {
        let nodeCount: UInt64
        /// SHA-256 of their replica nodes, of their column hashes, and of their part of the lowest row
        /// of tree-r-last.
        let replica: String
        let treeC: String
        let treeR: String
    }

    /// The rows above the lowest stored one.
    struct Rows: Codable {
        let treeC: String
        let treeR: String
    }

    /// One base tree.
    struct Tree: Codable {
        var segments: [Segment] = []
        /// Nil until both trees are complete.
        var rows: Rows?

        var nodeCount: UInt64 {
            segments.reduce(0) { $0 + $1.nodeCount }
        }
    }

    /// More segments than any sector has.
    private static let segmentCountMax = 1 << 12
    private static let byteCountMax = 1 << 21

    let replicaID: String
    /// Complete trees, and behind them at most one that is not.
    var trees: [Tree] = []

    /// Nodes that are noted.
    var nodeCount: UInt64 {
        trees.reduce(0) { $0 + $1.nodeCount }
    }

    /// Whether all trees of a sector are complete.
    func isComplete(_ size: SectorSize) -> Bool {
        trees.count == size.shape.baseTreeCount && trees.allSatisfy { $0.rows != nil }
    }

    /// The note in `path` if it is one of this replica, else an empty one.
    static func load(
        _ path: String,
        replicaID: Commitment,
        size: SectorSize
    ) throws(SealingError) -> ReplicaCheckpoint {
        let fresh = ReplicaCheckpoint(replicaID: replicaID.hex)
        guard let count = try Files.size(path), count <= byteCountMax else {
            return fresh
        }
        let bytes = try Files.readAll(path, countMax: byteCountMax)
        do {
            let found = try JSONDecoder().decode(ReplicaCheckpoint.self, from: Data(bytes))
            return found.replicaID == fresh.replicaID && found.isSound(size) ? found : fresh
        } catch {
            /* A note that cannot be read proves nothing: everything is made again. */
            return fresh
        }
    }

    /// Whether the counts are those of a sector of this size.
    private func isSound(_ size: SectorSize) -> Bool {
        let unit = UInt64(1) << UInt64(3 * (size.shape.discardedRowCount + 1))
        let leafCount = size.baseTreeLeafCount
        guard trees.count <= size.shape.baseTreeCount,
            trees.reduce(0, { $0 + $1.segments.count }) <= ReplicaCheckpoint.segmentCountMax
        else {
            return false
        }
        for (index, tree) in trees.enumerated() {
            var count: UInt64 = 0
            for segment in tree.segments {
                guard segment.nodeCount > 0, segment.nodeCount <= leafCount - count,
                    segment.nodeCount.isMultiple(of: unit)
                else {
                    return false
                }
                count += segment.nodeCount
            }
            let isComplete = count == leafCount && tree.rows != nil
            guard isComplete || (tree.rows == nil && index == trees.count - 1) else {
                return false
            }
        }
        return true
    }

    func save(_ path: String) throws(SealingError) {
        try Files.write(note: self, to: path)
    }
}

/// Compares what is on the disk with a checkpoint.
struct ReplicaCheck {
    let size: SectorSize
    let paths: SectorPaths
    let observer: SealObserver

    /// The part of the note that the files confirm: its first segments and trees.
    func confirmed(_ note: ReplicaCheckpoint) throws(SealingError) -> ReplicaCheckpoint {
        var kept = ReplicaCheckpoint(replicaID: note.replicaID)
        let count = size.shape.baseTreeCount
        let treeC = paths.trees("tree-c", baseTreeCount: count)
        let treeR = paths.trees("tree-r-last", baseTreeCount: count)
        guard let replica = try held(paths.sealed, complete: note.isComplete(size)) else {
            return kept
        }
        for (index, tree) in note.trees.enumerated() {
            let found = try confirmed(
                tree,
                from: UInt64(index) * size.baseTreeLeafCount,
                replica: replica,
                treeC: try held(treeC[index], complete: tree.rows != nil),
                treeR: try held(treeR[index], complete: tree.rows != nil)
            )
            guard found.rows != nil else {
                /* A file under its final name is not gone on with. */
                if tree.rows == nil, !found.segments.isEmpty {
                    kept.trees.append(found)
                }
                return kept
            }
            kept.trees.append(found)
        }
        return kept
    }

    /// The partial file, or else the complete one where the note says that there is one.
    private func held(_ path: String, complete: Bool) throws(SealingError) -> InputFile? {
        let partial = OutputFile.partial(path)
        if try Files.size(partial) != nil {
            return try InputFile(partial)
        }
        guard complete, try Files.size(path) != nil else {
            return nil
        }
        return try InputFile(path)
    }

    private func confirmed(
        _ tree: ReplicaCheckpoint.Tree,
        from first: UInt64,
        replica: InputFile,
        treeC: InputFile?,
        treeR: InputFile?
    ) throws(SealingError) -> ReplicaCheckpoint.Tree {
        var kept = ReplicaCheckpoint.Tree()
        guard let treeC, let treeR else {
            return kept
        }
        let unit = UInt64(1) << UInt64(3 * (size.shape.discardedRowCount + 1))
        for segment in tree.segments {
            let at = kept.nodeCount
            let count = segment.nodeCount
            guard try digest(replica, first + at, count) == segment.replica,
                try digest(treeC, at, count) == segment.treeC,
                try digest(treeR, at / unit, count / unit) == segment.treeR
            else {
                return kept
            }
            kept.segments.append(segment)
        }
        let leafCount = size.baseTreeLeafCount
        let nodesC = TreeHasher.poseidon8.nodeCount(leafCount: leafCount)
        let nodesR = TreeHasher.poseidon8.nodeCount(leafCount: leafCount / unit)
        if let rows = tree.rows, treeC.size == 32 * nodesC, treeR.size == 32 * nodesR,
            try digest(treeC, leafCount, nodesC - leafCount) == rows.treeC,
            try digest(treeR, leafCount / unit, nodesR - leafCount / unit) == rows.treeR
        {
            kept.rows = rows
        }
        return kept
    }

    /// SHA-256 of some nodes of a file, in hexadecimal; nil where it ends before.
    private func digest(
        _ file: InputFile,
        _ first: UInt64,
        _ count: UInt64
    ) throws(SealingError) -> String? {
        guard 32 * (first + count) <= file.size else {
            return nil
        }
        var hasher = SHA256()
        var at = 32 * first
        let end = at + 32 * count
        while at < end {
            try observer.step("checkpoint check", at, file.size)
            let take = min(1 << 20, end - at)
            hasher.update(try file.read(at: at, count: Int(take)))
            at += take
        }
        return hasher.finalize().hex
    }
}
