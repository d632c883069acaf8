// SPDX-License-Identifier: Apache-2.0
private import Chain
private import Foundation
private import GRDB
package import Kernel
package import Logging
package import Scheduler

/// How a miner's deadlines ended, in an SQLite database, so that why one was missed is known after the next
/// start as well. The oldest give way.
package final class SQLiteDeadlineStore: PoStObserver {
    /// A deadline that has closed.
    package struct Closed: Sendable, Hashable, Codable {
        /// When it was judged, by the wall clock: nanoseconds since 1970.
        package var wallNanoseconds: Int64
        package var report: DeadlineReport
    }

    private let database: DatabaseQueue
    private let log: Logger
    private let countMax: Int

    /// Opens the database at `path`, making it and its table where they are missing.
    ///
    /// - Parameter countMax: deadlines that are kept; 10,000 are half a year of the main network.
    /// - Throws: ``EngineError`` with `databaseFailed`.
    package init(path: String, countMax: Int = 10_000, log: Logger) throws(EngineError) {
        self.log = log
        self.countMax = countMax
        database = try DurableDatabase.open(path, named: "the database of deadlines") { database in
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS deadline (
                        open INTEGER PRIMARY KEY, isMissed INTEGER NOT NULL, closed BLOB NOT NULL
                    ) STRICT
                    """)
        }.queue
    }

    package func deadlineClosed(_ report: DeadlineReport, at now: Instant) {
        let closed = Closed(wallNanoseconds: SystemClock.wallNanoseconds, report: report)
        do {
            let blob = Data(try WireEncoder.encode(closed))
            try database.write { database in
                try database.execute(
                    sql: """
                        INSERT INTO deadline (open, isMissed, closed) VALUES (?, ?, ?)
                        ON CONFLICT (open) DO UPDATE
                        SET isMissed = excluded.isMissed, closed = excluded.closed
                        """, arguments: [report.times.open, report.missed.isEmpty ? 0 : 1, blob])
                try database.execute(
                    sql: """
                        DELETE FROM deadline WHERE open <
                        (SELECT min(open) FROM (SELECT open FROM deadline ORDER BY open DESC LIMIT ?))
                        """, arguments: [countMax])
            }
        } catch {
            log.error("how deadline \(report.times.index) ended is not kept: \(error)")
        }
    }

    /// The latest deadlines, the last one first.
    ///
    /// - Throws: what the database or its entries say.
    package func latest(_ limit: Int, onlyMissed: Bool) throws -> [Closed] {
        let blobs = try database.read { database in
            try Data.fetchAll(
                database,
                sql: """
                    SELECT closed FROM deadline WHERE isMissed >= ? ORDER BY open DESC LIMIT ?
                    """, arguments: [onlyMissed ? 1 : 0, max(0, limit)])
        }
        return try blobs.map { try WireDecoder.decode(Closed.self, from: [UInt8]($0)) }
    }
}
