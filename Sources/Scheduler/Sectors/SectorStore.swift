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
