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

    /// The same of entries whose bytes nobody has formed yet; a store that needs none until it is read may
    /// leave that for later.
    func append(entries: [ChainEntry]) throws
}

extension ChainStore {
    package func append(entries: [ChainEntry]) throws { try append(entries.map { try $0.storedBytes() }) }
}

/// A store in memory, which survives its node but not the process: for simulated clusters and tests.
///
/// Bytes are formed when it is read: a simulated year appends millions of entries and reads few.
package final class MemoryChainStore: ChainStore {
    private enum Kept {
        case bytes([UInt8])
        case entry(ChainEntry)
    }

    private let kept = Mutex<[Kept]>([])

    package init() {}

    /// The number of entries.
    package var count: Int { kept.withLock { $0.count } }

    package func load() throws -> [[UInt8]] {
        try kept.withLock { kept in
            try kept.map { item in
                switch item {
                case .bytes(let bytes): bytes
                case .entry(let entry): try entry.storedBytes()
                }
            }
        }
    }

    package func append(_ entries: [[UInt8]]) { kept.withLock { $0 += entries.map(Kept.bytes) } }

    package func append(entries: [ChainEntry]) { kept.withLock { $0 += entries.map(Kept.entry) } }

    /// Forgets the entries of later epochs than `epoch`; they are in order of their epochs.
    ///
    /// - Returns: how many there were.
    /// - Throws: ``ChainError`` with `corruptStore`.
    func removeEntries(after epoch: Int64) throws(ChainError) -> Int {
        try kept.withLock { (kept) throws(ChainError) -> Int in
            let count = kept.count
            while let last = kept.last {
                let entry: ChainEntry
                switch last {
                case .bytes(let bytes): entry = try ChainEntry(stored: bytes)
                case .entry(let held): entry = held
                }
                guard entry.epoch > epoch else { break }
                kept.removeLast()
            }
            return count - kept.count
        }
    }
}
