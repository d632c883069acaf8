// SPDX-License-Identifier: Apache-2.0
private import Synchronization

/// Where a chain node keeps its entries, so that a restarted node goes on where the killed one was.
///
/// Entries are byte strings whose meaning is the node's own; order is all that a store must keep.
package protocol ChainStore: AnyObject, Sendable {
    /// All entries in the order in which they were appended; empty for a new chain.
    ///
    /// - Throws: whatever keeps the store from being read; the node then does not start.
    func load() throws -> [[UInt8]]

    /// Appends entries, all or none; when it returns they survive a kill of the process.
    ///
    /// - Throws: whatever keeps them from being written; the node then answers nobody and is restarted.
    func append(_ entries: [[UInt8]]) throws
}

/// A store in memory, which survives its node but not the process: for simulated clusters and tests.
package final class MemoryChainStore: ChainStore {
    private let entries = Mutex<[[UInt8]]>([])

    package init() {}

    /// The number of entries.
    package var count: Int { entries.withLock { $0.count } }

    package func load() -> [[UInt8]] { entries.withLock { $0 } }

    package func append(_ added: [[UInt8]]) { entries.withLock { $0 += added } }

    /// Forgets the latest entries.
    func truncate(to count: Int) { entries.withLock { $0.removeLast(max(0, $0.count - count)) } }
}
