// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Foundation
private import GRDB
private import Kernel
package import Scheduler

/// Sector records in an SQLite database: a miner's memory, safe against `kill -9` between any two
/// instructions.
///
/// Each save is one transaction that is on disk (WAL, synchronous FULL) before it returns, so that no effect
/// of a change is sent before the change itself is durable.
package final class SQLiteSectorStore: SectorStore {
    private let database: DatabaseQueue

    /// Opens the database at `path`, making it and its table where they are missing.
    ///
    /// - Throws: ``EngineError`` with `databaseFailed`.
    package init(path: String) throws(EngineError) {
        database = try DurableDatabase.open(path, named: "the sector database") { database in
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS sector (
                        miner INTEGER NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL,
                        record BLOB NOT NULL, PRIMARY KEY (miner, number)
                    ) STRICT, WITHOUT ROWID
                    """)
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS sector_log (
                        id INTEGER PRIMARY KEY, miner INTEGER NOT NULL, number INTEGER NOT NULL,
                        entry BLOB NOT NULL
                    ) STRICT
                    """)
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS waiting_piece (
                        id INTEGER PRIMARY KEY, miner INTEGER NOT NULL, piece BLOB NOT NULL, refusal TEXT,
                        UNIQUE (miner, piece)
                    ) STRICT
                    """)
            try database.execute(
                sql: "CREATE INDEX IF NOT EXISTS sector_log_of ON sector_log (miner, number, id)")
        }.queue
    }

    package func save(_ record: SectorRecord) throws { try save(record, entry: nil) }

    package func save(_ record: SectorRecord, _ entry: SectorLogEntry) throws {
        try save(record, entry: Data(try WireEncoder.encode(entry)))
    }

    package func save(_ record: SectorRecord, _ entry: SectorLogEntry, _ changes: PieceChanges) throws {
        try save(record, entry: Data(try WireEncoder.encode(entry)), changes)
    }

    private func save(
        _ record: SectorRecord, entry: Data?, _ changes: PieceChanges = PieceChanges()
    ) throws {
        let blob = Data(try WireEncoder.encode(record))
        try database.write { database in
            if let taken = changes.taken { try Self.drop(taken, record.key.miner, database) }
            for piece in changes.returned { try Self.keep(piece, record.key.miner, database) }
            if let entry {
                try database.execute(
                    sql: "INSERT INTO sector_log (miner, number, entry) VALUES (?, ?, ?)",
                    arguments: [
                        Int64(bitPattern: record.key.miner), Int64(bitPattern: record.key.number), entry,
                    ])
            }
            try database.execute(
                sql: """
                    INSERT INTO sector (miner, number, state, record) VALUES (?, ?, ?, ?)
                    ON CONFLICT (miner, number) DO UPDATE SET state = excluded.state, record = excluded.record
                    """,
                arguments: [
                    Int64(bitPattern: record.key.miner), Int64(bitPattern: record.key.number),
                    record.state.rawValue, blob,
                ])
        }
    }

    // MARK: Pieces

    package func keep(_ piece: WaitingPiece, miner: UInt64) throws {
        try database.write { try Self.keep(piece, miner, $0) }
    }

    package func drop(_ piece: PieceDeal, miner: UInt64) throws {
        try database.write { try Self.drop(piece, miner, $0) }
    }

    package func waitingPieces(miner: UInt64) throws -> [WaitingPiece] {
        let rows = try database.read { database in
            try Row.fetchAll(
                database, sql: "SELECT piece, refusal FROM waiting_piece WHERE miner = ? ORDER BY id",
                arguments: [Int64(bitPattern: miner)]
            ).map { (blob: $0["piece"] as Data, refusal: $0["refusal"] as String?) }
        }
        return try rows.map {
            WaitingPiece(
                try WireDecoder.decode(PieceDeal.self, from: [UInt8]($0.blob)), refusal: $0.refusal)
        }
    }

    private static func keep(_ piece: WaitingPiece, _ miner: UInt64, _ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO waiting_piece (miner, piece, refusal) VALUES (?, ?, ?)
                ON CONFLICT (miner, piece) DO UPDATE SET refusal = excluded.refusal
                """,
            arguments: [
                Int64(bitPattern: miner), Data(try WireEncoder.encode(piece.piece)), piece.refusal,
            ])
    }

    private static func drop(_ piece: PieceDeal, _ miner: UInt64, _ database: Database) throws {
        try database.execute(
            sql: "DELETE FROM waiting_piece WHERE miner = ? AND piece = ?",
            arguments: [Int64(bitPattern: miner), Data(try WireEncoder.encode(piece))])
    }

    // MARK: Records

    package func load(miner: UInt64) throws -> [SectorRecord] {
        let blobs = try database.read { database in
            try Data.fetchAll(
                database, sql: "SELECT record FROM sector WHERE miner = ? ORDER BY number",
                arguments: [Int64(bitPattern: miner)])
        }
        return try blobs.map { try WireDecoder.decode(SectorRecord.self, from: [UInt8]($0)) }
    }

    package func find(_ key: SectorKey) throws -> SectorRecord? {
        let blob = try database.read { database in
            try Data.fetchOne(
                database, sql: "SELECT record FROM sector WHERE miner = ? AND number = ?",
                arguments: [Int64(bitPattern: key.miner), Int64(bitPattern: key.number)])
        }
        guard let blob else { return nil }
        return try WireDecoder.decode(SectorRecord.self, from: [UInt8](blob))
    }

    package func log(_ key: SectorKey, limit: Int) throws -> [SectorLogEntry] {
        let blobs = try database.read { database in
            try Data.fetchAll(
                database,
                sql: "SELECT entry FROM sector_log WHERE miner = ? AND number = ? ORDER BY id DESC LIMIT ?",
                arguments: [
                    Int64(bitPattern: key.miner), Int64(bitPattern: key.number), max(0, limit),
                ])
        }
        return try blobs.reversed().map { try WireDecoder.decode(SectorLogEntry.self, from: [UInt8]($0)) }
    }
}
