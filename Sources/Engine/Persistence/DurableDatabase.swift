// SPDX-License-Identifier: Apache-2.0
internal import GRDB

/// Opens the databases of the daemons.
enum DurableDatabase {
    /// Opens the database at `path`, making it where it is missing: what a transaction wrote is on the disk
    /// (WAL, synchronous FULL) before it returns.
    ///
    /// - Parameters:
    ///   - name: what errors call it.
    ///   - prepare: makes the tables, within one transaction.
    /// - Throws: ``EngineError`` with `databaseFailed`.
    static func open<Value>(
        _ path: String, named name: String, _ prepare: (Database) throws -> Value
    ) throws(EngineError) -> (queue: DatabaseQueue, prepared: Value) {
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            return (queue, try queue.write(prepare))
        } catch {
            throw EngineError(code: .databaseFailed, message: "\(name) \(path) cannot be used: \(error)")
        }
    }
}
