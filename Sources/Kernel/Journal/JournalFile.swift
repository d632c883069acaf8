// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import GRDB
internal import Kernel

/// One SQLite file of a journal while it is written.
///
/// Addresses and message names are stored once; a record refers to them by number.
struct JournalFile {
    let number: Int
    let url: URL
    private let database: DatabaseQueue
    private var names: [String: Int64] = [:]
    private(set) var recordCount = 0
    private(set) var byteCount = 0

    static func name(of number: Int) -> String {
        let digits = String(number)
        return "journal-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
            + ".sqlite"
    }

    /// The number in a file's name, or `nil` where it is no journal's.
    static func number(of name: String) -> Int? {
        guard name.hasPrefix("journal-"), name.hasSuffix(".sqlite") else { return nil }
        return Int(name.dropFirst("journal-".count).dropLast(".sqlite".count))
    }

    /// Numbers of the journal's files in a folder, oldest first.
    static func numbers(in folder: URL) throws -> [Int] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).compactMap(number(of:))
            .sorted()
    }

    init(number: Int, folder: URL, meta: [String: String]) throws {
        self.number = number
        url = folder.appendingPathComponent(Self.name(of: number))
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA synchronous = NORMAL") }
        database = try DatabaseQueue(path: url.path, configuration: configuration)
        try database.write { db in
            try db.execute(
                sql: """
                    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
                    CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
                    CREATE TABLE record (
                        sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind INTEGER NOT NULL,
                        sender INTEGER NOT NULL, recipient INTEGER NOT NULL, message INTEGER NOT NULL,
                        rejection TEXT, bytes BLOB NOT NULL);
                    """
            )
            for (key, value) in meta.sorted(by: { $0.key < $1.key }) {
                try db.execute(sql: "INSERT INTO meta VALUES (?, ?)", arguments: [key, value])
            }
        }
    }

    /// Writes records in one transaction.
    mutating func append(_ records: ArraySlice<JournalRecord>) throws {
        var names = names
        try database.write { db in
            let insertName = try db.cachedStatement(sql: "INSERT INTO name VALUES (?, ?)")
            let insert = try db.cachedStatement(
                sql: """
                    INSERT INTO record (time, kind, sender, recipient, message, rejection, bytes)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """
            )
            func id(_ text: String) throws -> Int64 {
                if let known = names[text] { return known }
                let made = Int64(names.count + 1)
                try insertName.execute(arguments: [made, text])
                names[text] = made
                return made
            }
            for record in records {
                try insert.execute(arguments: [
                    record.time.nanoseconds, record.kind.rawValue, try id(record.from),
                    try id(record.to),
                    try id(record.messageName), record.rejection?.rawValue, Data(record.bytes),
                ])
            }
        }
        self.names = names
        recordCount += records.count
        byteCount += records.reduce(0) { $0 + $1.bytes.count + 32 }
    }

    func close() throws { try database.close() }

    static func remove(number: Int, in folder: URL) throws {
        for suffix in ["", "-wal", "-shm"] {
            let path = folder.appendingPathComponent(name(of: number)).path + suffix
            if FileManager.default.fileExists(atPath: path) {
                try FileManager.default.removeItem(atPath: path)
            }
        }
    }
}
