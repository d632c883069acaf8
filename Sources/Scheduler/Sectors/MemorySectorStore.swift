// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Kernel
private import Synchronization

/// Sector records in memory: the disk of a simulated miner, which survives the kill of its node.
// Safety: the table is locked.
package final class MemorySectorStore: SectorStore {
    private struct Table {
        var records: [SectorKey: SectorRecord] = [:]
        var logs: [SectorKey: [SectorLogEntry]] = [:]
        var lastNumbers = NumberTable<UInt64>()
        var waiting: [UInt64: [WaitingPiece]] = [:]

        mutating func keep(_ piece: WaitingPiece, _ miner: UInt64) {
            if let index = waiting[miner]?.firstIndex(where: { $0.piece == piece.piece }) {
                waiting[miner]?[index] = piece
            } else {
                waiting[miner, default: []].append(piece)
            }
        }

        mutating func drop(_ piece: PieceDeal, _ miner: UInt64) {
            waiting[miner]?.removeAll { $0.piece == piece }
        }
    }

    private let table = Mutex(Table())
    /// Records of proving sectors are dropped, and no log is kept: a simulation of years does not read them
    /// again.
    private let forgetsProving: Bool

    package init(forgetsProving: Bool = false) { self.forgetsProving = forgetsProving }

    package func save(_ record: SectorRecord) { save(record, entry: nil) }

    package func save(_ record: SectorRecord, _ entry: SectorLogEntry) { save(record, entry: entry) }

    package func save(_ record: SectorRecord, _ entry: SectorLogEntry, _ changes: PieceChanges) {
        save(record, entry: entry, changes)
    }

    package func keep(_ piece: WaitingPiece, miner: UInt64) { table.withLock { $0.keep(piece, miner) } }

    package func drop(_ piece: PieceDeal, miner: UInt64) { table.withLock { $0.drop(piece, miner) } }

    package func waitingPieces(miner: UInt64) -> [WaitingPiece] { table.withLock { $0.waiting[miner] ?? [] } }

    private func save(
        _ record: SectorRecord, entry: SectorLogEntry?, _ changes: PieceChanges = PieceChanges()
    ) {
        table.withLock { table in
            if let taken = changes.taken { table.drop(taken, record.key.miner) }
            for piece in changes.returned { table.keep(piece, record.key.miner) }
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
