// SPDX-License-Identifier: Apache-2.0
package import Foundation
private import GRDB
private import Glibc
package import Kernel

/// Reads the files of a journal, also one that is being written or that a crash left behind.
package struct JournalReader: Sendable {
    private let files: [URL]

    /// Finds the journal's files.
    ///
    /// - Parameter place: the folder, or one file.
    /// - Throws: ``JournalError`` with `cannotOpen` where there is no journal.
    package init(_ place: URL) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: place.path, isDirectory: &isFolder) else {
            throw JournalError(code: .cannotOpen, message: "there is no journal at '\(place.path)'")
        }
        guard isFolder.boolValue else {
            // A pipe would be waited for.
            var status = stat()
            guard stat(place.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                throw JournalError(
                    code: .cannotOpen, message: "'\(place.path)' is a pipe or a device, not a journal")
            }
            files = [place]
            return
        }
        do {
            files = try JournalFile.numbers(in: place).map {
                place.appendingPathComponent(JournalFile.name(of: $0))
            }
        } catch {
            throw JournalError(
                code: .cannotOpen,
                message: "'\(place.path)' cannot be read: \(error)"
            )
        }
        guard !files.isEmpty else {
            throw JournalError(
                code: .cannotOpen,
                message: "'\(place.path)' holds no journal-000001.sqlite or later file"
            )
        }
    }

    /// The facts that the first file begins with.
    ///
    /// - Throws: ``JournalError``.
    package func meta() throws -> [String: String] {
        try read(files[0]) { db in
            var meta: [String: String] = [:]
            for row in try Row.fetchAll(db, sql: "SELECT key, value FROM meta LIMIT 10000") {
                meta[try row.decode(String.self, forColumn: "key")] = try row.decode(
                    forColumn: "value"
                )
            }
            return meta
        }
    }

    /// The records in order.
    ///
    /// - Parameter component: only what this component received, sent and went through.
    package func records(of component: Address? = nil) -> Cursor {
        Cursor(reader: self, component: component)
    }

    /// Goes through the records, a page at a time.
    package struct Cursor {
        private static let pageCountMax = 2_000
        private let reader: JournalReader
        private let component: Address?
        private var fileIndex = 0
        private var lastSequence: Int64 = 0
        private var page: [JournalRecord] = []
        private var next_ = 0

        init(reader: JournalReader, component: Address?) {
            self.reader = reader
            self.component = component
        }

        /// The next record, `nil` at the end.
        ///
        /// - Throws: ``JournalError`` with `cannotOpen` or `corrupt`.
        package mutating func next() throws -> JournalRecord? {
            while next_ == page.count {
                guard fileIndex < reader.files.count else { return nil }
                (page, lastSequence) = try reader.page(
                    reader.files[fileIndex],
                    after: lastSequence,
                    component,
                    count: Self.pageCountMax
                )
                next_ = 0
                if page.isEmpty {
                    fileIndex += 1
                    lastSequence = 0
                }
            }
            next_ += 1
            return page[next_ - 1]
        }

        /// All that is left, in memory.
        ///
        /// - Throws: ``JournalError`` with `cannotOpen` or `corrupt`.
        package mutating func all() throws -> [JournalRecord] {
            var records: [JournalRecord] = []
            while let record = try next() { records.append(record) }
            return records
        }
    }

    private func page(
        _ file: URL,
        after sequence: Int64,
        _ component: Address?,
        count: Int
    ) throws -> ([JournalRecord], Int64) {
        try read(file) { db in
            var filter = ""
            var arguments: StatementArguments = [sequence]
            if let component {
                filter = """
                    AND ((record.kind = \(JournalRecord.Kind.sent.rawValue) AND s.text = ?)
                        OR (record.kind <> \(JournalRecord.Kind.sent.rawValue) AND r.text = ?))
                    """
                arguments += [component.description, component.description]
            }
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT sequence, time, kind, s.text AS sender, r.text AS recipient, m.text AS message,
                        rejection, bytes
                    FROM record JOIN name s ON s.id = sender JOIN name r ON r.id = recipient
                        JOIN name m ON m.id = message
                    WHERE sequence > ? \(filter) ORDER BY sequence LIMIT \(count)
                    """,
                arguments: arguments
            )
            var last = sequence
            let records = try rows.map { row in
                last = try row.decode(Int64.self, forColumn: "sequence")
                return try Self.record(row)
            }
            return (records, last)
        }
    }

    private static func record(_ row: Row) throws -> JournalRecord {
        let number = try row.decode(Int.self, forColumn: "kind")
        guard let kind = JournalRecord.Kind(rawValue: number) else {
            throw JournalError(code: .corrupt, message: "a record is of the unknown kind \(number)")
        }
        let rejection = try row.decode(String?.self, forColumn: "rejection")
        return JournalRecord(
            time: Instant(nanoseconds: try row.decode(forColumn: "time")),
            kind: kind,
            from: try row.decode(forColumn: "sender"),
            to: try row.decode(forColumn: "recipient"),
            messageName: try row.decode(forColumn: "message"),
            bytes: [UInt8](try row.decode(Data.self, forColumn: "bytes")),
            rejection: rejection.flatMap(DeadLetterReason.init(rawValue:))
        )
    }

    private func read<Value>(_ file: URL, _ body: (Database) throws -> Value) throws -> Value {
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(5)
            return try DatabaseQueue(path: file.path, configuration: configuration).read(body)
        } catch let error as JournalError {
            throw JournalError(code: error.code, message: "\(file.path): \(error.message)")
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CANTOPEN {
            throw JournalError(
                code: .cannotOpen,
                message: "'\(file.path)' cannot be opened: \(error)"
            )
        } catch {
            throw JournalError(
                code: .corrupt,
                message: "'\(file.path)' is not a readable journal: \(error)"
            )
        }
    }
}
