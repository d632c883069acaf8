// SPDX-License-Identifier: Apache-2.0
package import Chain

/// Where sector records and their logs are kept; a record is saved before the effects of its change are sent.
package protocol SectorStore: Sendable {
    /// Saves a record durably.
    ///
    /// - Throws: where the record could not be written; the keeper then restarts from what was saved.
    func save(_ record: SectorRecord) throws
    /// Saves a record and what led to it, both or neither.
    func save(_ record: SectorRecord, _ entry: SectorLogEntry) throws
    /// Saves a record, what led to it and what becomes of pieces, all or nothing.
    func save(_ record: SectorRecord, _ entry: SectorLogEntry, _ changes: PieceChanges) throws
    /// Keeps a piece that waits for a sector; there is one of each, and a later word of it replaces the
    /// earlier.
    func keep(_ piece: WaitingPiece, miner: UInt64) throws
    /// Forgets a piece that waited.
    func drop(_ piece: PieceDeal, miner: UInt64) throws
    /// The pieces that wait, in order of arrival.
    func waitingPieces(miner: UInt64) throws -> [WaitingPiece]
    /// All records of a miner, in order of number.
    func load(miner: UInt64) throws -> [SectorRecord]
    /// The record of one sector; `nil` where none was saved.
    func find(_ key: SectorKey) throws -> SectorRecord?
    /// The highest sector number ever saved for a miner, those of dropped records included; 0 for none.
    func lastNumber(miner: UInt64) throws -> UInt64
    /// The latest changes of a sector, at most `limit`, the oldest first.
    ///
    /// The log only grows; it is no part of the record, which stays small.
    func log(_ key: SectorKey, limit: Int) throws -> [SectorLogEntry]
}

extension SectorStore {
    /// The number of the last record: right for a store that drops none.
    package func lastNumber(miner: UInt64) throws -> UInt64 { try load(miner: miner).last?.key.number ?? 0 }
}
