// SPDX-License-Identifier: Apache-2.0
private import Foundation
private import GRDB
private import Kernel
package import Scheduler

/// What a worker has finished and nobody has confirmed, in an SQLite database: on disk (WAL, synchronous
/// FULL) before the scheduler hears of it.
package final class SQLiteResultStore: ResultStore {
    private let database: DatabaseQueue

    /// Opens the database at `path`, making it and its table where they are missing.
    ///
    /// - Throws: ``EngineError`` with `databaseFailed`.
    package init(path: String) throws(EngineError) {
        database = try DurableDatabase.open(path, named: "the database of results") { database in
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS result (
                        id INTEGER PRIMARY KEY, call BLOB NOT NULL UNIQUE, finished BLOB NOT NULL
                    ) STRICT
                    """)
        }.queue
    }

    package func load() throws -> [FinishedCall] {
        let blobs = try database.read { database in
            try Data.fetchAll(database, sql: "SELECT finished FROM result ORDER BY id")
        }
        return try blobs.map { try WireDecoder.decode(FinishedCall.self, from: [UInt8]($0)) }
    }

    package func save(_ finished: FinishedCall) throws {
        let call = Data(try WireEncoder.encode(finished.call))
        let blob = Data(try WireEncoder.encode(finished))
        try database.write { database in
            try database.execute(
                sql: """
                    INSERT INTO result (call, finished) VALUES (?, ?)
                    ON CONFLICT (call) DO UPDATE SET finished = excluded.finished
                    """, arguments: [call, blob])
        }
    }

    package func remove(_ call: CallID) throws {
        let call = Data(try WireEncoder.encode(call))
        try database.write { database in
            try database.execute(sql: "DELETE FROM result WHERE call = ?", arguments: [call])
        }
    }
}
