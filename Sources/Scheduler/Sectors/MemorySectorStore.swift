// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Synchronization

/// Sector records in memory: the disk of a simulated miner, which survives the kill of its node.
// Safety: the table is locked.
package final class MemorySectorStore: SectorStore {
    private struct Table {
        var records: [SectorKey: SectorRecord] = [:]
        var lastNumbers: [UInt64: UInt64] = [:]
    }

    private let table = Mutex(Table())
    /// Records of proving sectors are dropped: a simulation of years does not read them again.
    private let forgetsProving: Bool

    package init(forgetsProving: Bool = false) { self.forgetsProving = forgetsProving }

    package func save(_ record: SectorRecord) {
        table.withLock { table in
            let last = table.lastNumbers[record.key.miner] ?? 0
            if record.key.number > last { table.lastNumbers[record.key.miner] = record.key.number }
            table.records[record.key] = forgetsProving && record.state == .proving ? nil : record
        }
    }

    package func load(miner: UInt64) -> [SectorRecord] {
        table.withLock { table in
            table.records.values.filter { $0.key.miner == miner }.sorted { $0.key < $1.key }
        }
    }

    package func find(_ key: SectorKey) -> SectorRecord? { table.withLock { $0.records[key] } }

    package func lastNumber(miner: UInt64) -> UInt64 { table.withLock { $0.lastNumbers[miner] ?? 0 } }
}
