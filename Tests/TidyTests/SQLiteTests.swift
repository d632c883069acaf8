// SPDX-License-Identifier: Apache-2.0
import CSQLite
import Testing

@Suite("The system's SQLite")
struct SQLiteTests {
    @Test("a database opens in memory and tells the version that is linked")
    func version() throws {
        var database: OpaquePointer?
        let opened = sqlite3_open_v2(":memory:", &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, nil)
        defer { sqlite3_close_v2(database) }
        try #require(opened == SQLITE_OK)

        var statement: OpaquePointer?
        let prepared = sqlite3_prepare_v2(database, "SELECT sqlite_version()", -1, &statement, nil)
        defer { sqlite3_finalize(statement) }
        try #require(prepared == SQLITE_OK)
        try #require(sqlite3_step(statement) == SQLITE_ROW)
        let version = String(cString: try #require(sqlite3_column_text(statement, 0)))
        #expect(version == String(cString: sqlite3_libversion()))
        #expect(sqlite3_step(statement) == SQLITE_DONE)

        // The store needs UPSERT with RETURNING, and write-ahead logging that many threads may use.
        #expect(sqlite3_libversion_number() >= 3_035_000)
        #expect(sqlite3_threadsafe() != 0)
    }
}
