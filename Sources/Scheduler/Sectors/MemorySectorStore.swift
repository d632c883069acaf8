// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Synchronization

/// Sector records in memory: the disk of a simulated miner, which survives the kill of its node.
// Safety: the table is locked.
package final class MemorySectorStore: SectorStore {
    private let records = Mutex<[SectorKey: SectorRecord]>([:])
    /// Records of proving sectors are dropped: a simulation of years does not read them again.
    private let forgetsProving: Bool

    package init(forgetsProving: Bool = false) { self.forgetsProving = forgetsProving }

    package func save(_ record: SectorRecord) {
        records.withLock { table in
            table[record.key] = forgetsProving && record.state == .proving ? nil : record
        }
    }

    package func load(miner: UInt64) -> [SectorRecord] {
        records.withLock { table in
            table.values.filter { $0.key.miner == miner }.sorted { $0.key < $1.key }
        }
    }

    package func find(_ key: SectorKey) -> SectorRecord? { records.withLock { $0[key] } }
}
