// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Synchronization

/// Sector records in memory: the disk of a simulated miner, which survives the kill of its node.
// Safety: the table is locked.
package final class MemorySectorStore: SectorStore {
    private struct Table {
        var records: [SectorKey: SectorRecord] = [:]
        var logs: [SectorKey: [SectorLogEntry]] = [:]
        var lastNumbers: [UInt64: UInt64] = [:]
    }

    private let table = Mutex(Table())
    /// Records of proving sectors are dropped, and no log is kept: a simulation of years does not read them
    /// again.
    private let forgetsProving: Bool

    package init(forgetsProving: Bool = false) { self.forgetsProving = forgetsProving }

    package func save(_ record: SectorRecord) { save(record, entry: nil) }

    package func save(_ record: SectorRecord, _ entry: SectorLogEntry) { save(record, entry: entry) }

    private func save(_ record: SectorRecord, entry: SectorLogEntry?) {
        table.withLock { table in
            let last = table.lastNumbers[record.key.miner] ?? 0
            if record.key.number > last { table.lastNumbers[record.key.miner] = record.key.number }
            let isForgotten = forgetsProving && (record.state == .proving || record.state == .removed)
            table.records[record.key] = isForgotten ? nil : record
            if let entry, !forgetsProving { table.logs[record.key, default: []].append(entry) }
        }
    }

    package func load(miner: UInt64) -> [SectorRecord] {
        table.withLock { table in
            table.records.values.filter { $0.key.miner == miner }.sorted { $0.key < $1.key }
        }
    }

    package func find(_ key: SectorKey) -> SectorRecord? { table.withLock { $0.records[key] } }

    package func lastNumber(miner: UInt64) -> UInt64 { table.withLock { $0.lastNumbers[miner] ?? 0 } }

    package func log(_ key: SectorKey, limit: Int) -> [SectorLogEntry] {
        table.withLock { Array(($0.logs[key] ?? []).suffix(max(0, limit))) }
    }
}
