// SPDX-License-Identifier: Apache-2.0
private import Chain
private import Foundation
private import GRDB

/// A chain node's entries in an SQLite database, and the moment of its genesis.
package final class SQLiteChainStore: ChainStore {
    private let database: DatabaseQueue
    /// Wall-clock nanoseconds since 1970 at which epoch 0 began; a restart goes on counting from there.
    package let genesisWallNanoseconds: Int64

    /// Opens the database at `path`; a new one begins its chain at `now`.
    ///
    /// - Throws: ``EngineError`` with `databaseFailed`.
    package init(path: String, nowWallNanoseconds now: Int64) throws(EngineError) {
        (database, genesisWallNanoseconds) = try DurableDatabase.open(path, named: "the chain database") {
            database in
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS entry (
                        sequence INTEGER PRIMARY KEY, bytes BLOB NOT NULL
                    ) STRICT;
                    CREATE TABLE IF NOT EXISTS genesis (
                        id INTEGER PRIMARY KEY CHECK (id = 1), wallNanoseconds INTEGER NOT NULL
                    ) STRICT
                    """)
            try database.execute(
                sql: "INSERT INTO genesis (id, wallNanoseconds) VALUES (1, ?) ON CONFLICT DO NOTHING",
                arguments: [now])
            return try Int64.fetchOne(database, sql: "SELECT wallNanoseconds FROM genesis") ?? now
        }
    }

    package func load() throws -> [[UInt8]] {
        try database.read { database in
            try Data.fetchAll(database, sql: "SELECT bytes FROM entry ORDER BY sequence").map { [UInt8]($0) }
        }
    }

    package func append(_ entries: [[UInt8]]) throws {
        try database.write { database in
            for entry in entries {
                try database.execute(sql: "INSERT INTO entry (bytes) VALUES (?)", arguments: [Data(entry)])
            }
        }
    }
}
