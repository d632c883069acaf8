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

    /// The state that the entries after the first build on; `nil` where all entries of the chain are kept.
    var base: ChainState? { get }

    /// Shows the state that all entries so far have led to; a store may take it in place of old entries.
    ///
    /// - Parameters:
    ///   - head: the epoch that the chain has reached.
    ///   - epochsKept: entries of so many epochs may still be taken back.
    func note(_ state: ChainState, head: Int64, epochsKept: Int64)
}

extension ChainStore {
    package func append(entries: [ChainEntry]) throws { try append(entries.map { try $0.storedBytes() }) }

    package var base: ChainState? { nil }

    package func note(_ state: ChainState, head: Int64, epochsKept: Int64) {}
}

/// A store in memory, which survives its node but not the process: for simulated clusters and tests.
///
/// Bytes are formed when it is read, and entries that are final may give way to the state that they led to:
/// a simulated year appends millions of entries and reads few.
package final class MemoryChainStore: ChainStore {
    private enum Kept {
        case bytes([UInt8])
        case entry(ChainEntry)
    }

    private struct Checkpoint {
        let state: ChainState
        /// The epoch that the chain had reached.
        let head: Int64
        /// Entries that had led to it from the base.
        let entryCount: Int
    }

    private struct Content {
        /// The chain's first entry, which is never dropped.
        var genesis: Kept?
        var base: Checkpoint?
        /// What came after the base.
        var entries: [Kept] = []
        /// The next base, once it is old enough.
        var next: Checkpoint?

        mutating func append(_ more: some Sequence<Kept>) {
            for item in more {
                if genesis == nil { genesis = item } else { entries.append(item) }
            }
        }
    }

    private let content = Mutex(Content())
    private let dropsFinal: Bool

    /// Makes an empty store.
    ///
    /// - Parameter dropsFinal: final entries are dropped; otherwise all are kept, to be looked at.
    package init(dropsFinal: Bool = false) { self.dropsFinal = dropsFinal }

    /// The number of entries that are kept.
    package var count: Int { content.withLock { $0.entries.count + ($0.genesis == nil ? 0 : 1) } }

    package var base: ChainState? { content.withLock { $0.base?.state } }

    package func load() throws -> [[UInt8]] {
        try content.withLock { content in
            try ([content.genesis].compactMap(\.self) + content.entries).map { item in
                switch item {
                case .bytes(let bytes): bytes
                case .entry(let entry): try entry.storedBytes()
                }
            }
        }
    }

    package func append(_ entries: [[UInt8]]) { content.withLock { $0.append(entries.map(Kept.bytes)) } }

    package func append(entries: [ChainEntry]) { content.withLock { $0.append(entries.map(Kept.entry)) } }

    package func note(_ state: ChainState, head: Int64, epochsKept: Int64) {
        guard dropsFinal else { return }
        content.withLock { content in
            if let next = content.next {
                guard head - next.head >= epochsKept else { return }
                content.base = next
                content.entries.removeFirst(next.entryCount)
            }
            content.next = Checkpoint(state: state, head: head, entryCount: content.entries.count)
        }
    }

    /// Forgets the entries of later epochs than `epoch`; they are in order of their epochs.
    ///
    /// - Returns: how many there were.
    /// - Throws: ``ChainError`` with `corruptStore`.
    func removeEntries(after epoch: Int64) throws(ChainError) -> Int {
        try content.withLock { (content) throws(ChainError) -> Int in
            // What is accepted at a head lands with the next epoch.
            if let base = content.base, epoch <= base.head {
                throw ChainError(
                    .corruptStore,
                    "what landed up to epoch \(base.head + 1) is final; the chain cannot go back to \(epoch)")
            }
            let count = content.entries.count
            while let last = content.entries.last {
                let entry: ChainEntry
                switch last {
                case .bytes(let bytes): entry = try ChainEntry(stored: bytes)
                case .entry(let held): entry = held
                }
                guard entry.epoch > epoch else { break }
                content.entries.removeLast()
            }
            if let next = content.next, content.entries.count < next.entryCount { content.next = nil }
            return count - content.entries.count
        }
    }
}
