// SPDX-License-Identifier: Apache-2.0
private import Synchronization

/// What troubles a chain of a simulated cluster, and its own store, from which a reorganization takes
/// entries away. A live chain has none.
package final class ChainConditions: Sendable {
    private struct State {
        var isOutOfSync = false
        var isMempoolFull = false
        var baseFeeFactor = 1.0
        var undoneEpochs: Int64 = 0
        var highest: Int64 = 0
    }

    private let state = Mutex(State())
    private let store: MemoryChainStore

    /// Makes good conditions.
    ///
    /// - Parameter store: the store of the chain's node.
    package init(store: MemoryChainStore) { self.store = store }

    /// The node hears of no new epoch, and nothing that is sent through it lands.
    package var isOutOfSync: Bool {
        get { state.withLock { $0.isOutOfSync } }
        set { state.withLock { $0.isOutOfSync = newValue } }
    }

    /// No new message is taken.
    package var isMempoolFull: Bool {
        get { state.withLock { $0.isMempoolFull } }
        set { state.withLock { $0.isMempoolFull = newValue } }
    }

    /// How many times higher the base fee is than usually.
    package var baseFeeFactor: Double {
        get { state.withLock { $0.baseFeeFactor } }
        set { state.withLock { $0.baseFeeFactor = newValue } }
    }

    /// The highest epoch that was told: other nodes of the chain know it when this one starts anew.
    package internal(set) var highest: Int64 {
        get { state.withLock { $0.highest } }
        set { state.withLock { $0.highest = newValue } }
    }

    /// Another fork wins: what landed in the latest epochs has not, and its messages are lost. The node heeds
    /// it with its next message.
    package func reorganize(epochs: Int64) {
        state.withLock { $0.undoneEpochs = max($0.undoneEpochs, epochs) }
    }

    /// The epochs that are to be undone, once.
    func takeUndone() -> Int64 {
        state.withLock { state in
            defer { state.undoneEpochs = 0 }
            return state.undoneEpochs
        }
    }

    /// Takes entries that landed after `epoch` out of the store.
    ///
    /// - Returns: how many there were.
    /// - Throws: ``ChainError`` with `corruptStore`.
    func undo(after epoch: Int64) throws(ChainError) -> Int {
        try store.removeEntries(after: epoch)
    }
}
