// SPDX-License-Identifier: Apache-2.0
private import Foundation
private import GRDB
private import Kernel
package import Scheduler

/// What operators said of workers, in an SQLite database.
package final class SQLiteOrderStore: OrderStore {
    private let path: String
    private let database: DatabaseQueue

    /// Opens the database at `path`, making it and its table where they are missing.
    ///
    /// - Throws: ``EngineError`` with `databaseFailed`.
    package init(path: String) throws(EngineError) {
        self.path = path
        database = try DurableDatabase.open(path, named: "the database of orders") { database in
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS worker_order (
                        id INTEGER PRIMARY KEY, body BLOB NOT NULL
                    ) STRICT
                    """)
        }.queue
    }

    /// The orders that hold, in the order in which they were said.
    ///
    /// - Throws: ``EngineError`` with `databaseFailed`: a miner that forgot a pause would give work to a
    ///   worker that somebody has taken out.
    package func load() throws -> [ControlOrder] {
        do {
            let blobs = try database.read { database in
                try Data.fetchAll(database, sql: "SELECT body FROM worker_order ORDER BY id")
            }
            return try blobs.map { try WireDecoder.decode(ControlOrder.self, from: [UInt8]($0)) }
        } catch {
            throw EngineError(
                code: .databaseFailed,
                message: "pauses and drains of workers in \(path) cannot be read: \(error); move the file "
                    + "aside and say them again")
        }
    }

    package func save(_ orders: [ControlOrder]) throws {
        let blobs = try orders.map { Data(try WireEncoder.encode($0)) }
        try database.write { database in
            try database.execute(sql: "DELETE FROM worker_order")
            for blob in blobs {
                try database.execute(sql: "INSERT INTO worker_order (body) VALUES (?)", arguments: [blob])
            }
        }
    }
}
