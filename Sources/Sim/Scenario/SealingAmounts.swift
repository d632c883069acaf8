// SPDX-License-Identifier: Apache-2.0

/// What one task moves through memory and disks, by the algorithm.
///
/// PreCommit1 labels the nodes of every layer one by one (SDR; Fisch, "Tight Proofs of Space and
/// Replication"; Filecoin specification, "Stacked DRG Proof of Replication"). For a node it reads 6 labels of
/// its own layer (the one before it, and five sampled) and, from the second layer on, 8 of the layer before,
/// 32 bytes each, anywhere in the sector. What that costs the memory:
///
///     8 × 64   lines of the layer before: no cache holds any noticeable part of 32 GiB
///     m × 64   lines of sampled parents that are not in the cache any more (m of 5)
///         56   the list of parents, 14 numbers of 4 bytes, read in order
///         96   the label's half of a line: fetched, written back, read again to be written to disk
///
/// The five lie near more often than far (their distance is spread evenly over its powers of two), so that a
/// cache holds some: a label stays there until as many bytes have come after it as the cache holds. Without a
/// known cache all five count, which is the field's estimate of 832 bytes of lines for 13 parents.
package enum SealingAmounts {
    /// What can be said of a task.
    package enum Kind: String, Sendable {
        case memoryTraffic, reads, writes
    }

    /// Tells whether there is a formula.
    package static func computes(_ what: Kind, of kind: Scenario.TaskKind) -> Bool {
        switch what {
        case .memoryTraffic: kind == .preCommit1
        case .reads: kind == .preCommit2
        case .writes: kind == .preCommit1 || kind == .preCommit2
        }
    }

    /// Bytes of a task; 0 where there is no formula.
    ///
    /// - Parameter cacheBytes: the third-level cache that one task has for itself; `nil` where that is not
    ///   known. It matters to the memory alone.
    package static func bytes(
        _ what: Kind, of kind: Scenario.TaskKind, sectorSize: ByteCount, cacheBytes: Int? = nil
    ) -> Double {
        guard computes(what, of: kind) else { return 0 }
        let sector = Double(sectorSize.bytes)
        let layers = Double(layerCount(sectorSize))
        switch (what, kind) {
        case (.memoryTraffic, _):
            let nodes = sector / 32
            return nodes
                * (labelBytes(isFirstLayer: true, nodes, cacheBytes) + (layers - 1)
                    * labelBytes(isFirstLayer: false, nodes, cacheBytes))
        // All layers once for the columns.
        case (.reads, _): return sector * layers
        case (.writes, .preCommit1): return sector * layers
        // Tree C whole (8/7 of its leaves), the replica, and tree R without its two lowest rows.
        default: return sector * 8 / 7 + sector + sector / 448
        }
    }

    /// Layers of a sector: 11 for 32 and 64 GiB, 2 for the smaller sizes.
    package static func layerCount(_ sectorSize: ByteCount) -> Int { sectorSize.bytes >= 32 << 30 ? 11 : 2 }

    /// Bytes that labeling one node moves through memory.
    package static func labelBytes(isFirstLayer: Bool, _ nodes: Double, _ cacheBytes: Int?) -> Double {
        let lines = isFirstLayer ? 0.0 : 8.0
        guard let cacheBytes else { return (lines + 5) * 64 + 152 }
        var missing = 5.0
        // What is missed comes into the cache and drives out others; it settles in a few steps.
        for _ in 0..<4 {
            let window = Double(cacheBytes) / ((lines + missing) * 64 + 56 + 32)
            missing = 5 * shareBeyond(window, nodes: nodes)
        }
        return (lines + missing) * 64 + 152
    }

    /// The share of a node's sampled parents that lie further back than `distance` nodes, in the mean over
    /// all nodes.
    ///
    /// By the sampling of the specification: one of five copies of the node looks back by a distance that is
    /// even between 2^(b-1) and 2^b, for a b from 1 to the binary logarithm of its number.
    package static func shareBeyond(_ distance: Double, nodes: Double) -> Double {
        let pieces = 64
        var sum = 0.0
        for piece in 0..<pieces {
            let number = nodes * 5 * (Double(piece) + 0.5) / Double(pieces)
            var buckets = 0.0
            var beyond = 0.0
            var top = 1.0
            while top < number {
                top *= 2
                buckets += 1
                let high = min(number, top)
                let low = max(2, (high / 2).rounded(.down))
                let limit = distance * 5
                if low >= limit {
                    beyond += 1
                } else if high > limit {
                    beyond += (high - limit) / (high - low)
                }
            }
            if buckets > 0 { sum += beyond / buckets }
        }
        return sum / Double(pieces)
    }
}
