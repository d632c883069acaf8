// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRDB
import Kernel
import KernelJournal
import Testing

/// A folder that is gone after the test.
final class ScratchFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "sealyard-test-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { do { try FileManager.default.removeItem(at: url) } catch { Issue.record(error) } }

    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
    }
}

func sampleRecord(_ index: Int) -> JournalRecord {
    JournalRecord(
        time: Instant(nanoseconds: Int64(index)),
        kind: index % 2 == 0 ? .delivered : .sent,
        from: "a/\(index % 3)",
        to: "b/\(index % 5)",
        messageName: "m\(index % 7)",
        bytes: [UInt8](repeating: UInt8(index % 251), count: index % 50),
        rejection: index % 11 == 1 ? .mailboxFull : nil
    )
}

@Suite("The journal on disk")
struct JournalTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    private func write(
        _ count: Int,
        _ change: (inout JournalWriter.Options) -> Void = { _ in }
    ) throws
        -> JournalWriter
    {
        var options = JournalWriter.Options(folder: folder.url)
        options.whenFull = .write
        change(&options)
        let writer = try JournalWriter(options)
        for index in 0..<count { writer.record(sampleRecord(index)) }
        return writer
    }

    @Test("what is written is read again, in order, with the facts it began with")
    func roundTrip() throws {
        let writer = try write(5_000) { $0.meta = ["seed": "7"] }
        try writer.close()
        #expect(writer.statistics.written == 5_000)
        #expect(writer.statistics.commits <= 400)
        let reader = try JournalReader(folder.url)
        #expect(try reader.meta() == ["seed": "7"])
        var cursor = reader.records()
        #expect(try cursor.all() == (0..<5_000).map(sampleRecord))
        let component = try #require(Address(parsing: "b/3"))
        var own = reader.records(of: component)
        #expect(
            try own.all()
                == (0..<5_000).map(sampleRecord).filter { $0.kind == .delivered && $0.to == "b/3" }
        )
        let sender = try #require(Address(parsing: "a/1"))
        var sent = reader.records(of: sender)
        #expect(
            try sent.all()
                == (0..<5_000).map(sampleRecord).filter { $0.kind == .sent && $0.from == "a/1" }
        )
        #expect(try reader.records(of: Address(node: "no", name: "one")).copyAll().isEmpty)
    }

    @Test("a file that is full is followed by the next; only the newest are kept")
    func rotation() throws {
        let writer = try write(1_050) {
            $0.recordCountMax = 100
            $0.fileCountMax = 3
        }
        try writer.close()
        #expect(
            try folder.names == (9...11).map { "journal-0000\($0 < 10 ? "0" : "")\($0).sqlite" }
        )
        #expect(writer.statistics.files == 11)
        #expect(
            try JournalReader(folder.url).records().copyAll() == (800..<1_050).map(sampleRecord)
        )
        // A journal that is there is continued, not overwritten.
        let next = try write(10) { $0.byteCountMax = 1 }
        try next.close()
        #expect(try folder.names.contains("journal-000012.sqlite"))
        #expect(
            try JournalReader(folder.url).records().copyAll().suffix(10)
                == (0..<10).map(sampleRecord)[...]
        )
    }

    @Test("beyond its bound the queue drops and counts, or the writer waits for the disk")
    func overflow() throws {
        let dropping = try write(5_000) {
            $0.whenFull = .drop
            $0.queueCountMax = 10
            $0.batchDelay = .seconds(100)
        }
        #expect(dropping.statistics.dropped == 4_990)
        try dropping.flush()
        #expect(dropping.statistics.written == 10)
        try dropping.close()
        dropping.record(sampleRecord(1))
        #expect(dropping.statistics.dropped == 4_991)
        let waiting = try write(5_000) {
            $0.queueCountMax = 10
            $0.batchDelay = .seconds(100)
        }
        try waiting.close()
        #expect(waiting.statistics.written == 5_000)
        #expect(waiting.statistics.dropped == 0)
    }

    @Test("records reach the disk by themselves, soon")
    func groupCommit() async throws {
        let writer = try write(3)
        #expect(await WaitABit.until { writer.statistics.written == 3 })
        #expect(writer.statistics.commits <= 3)
        writer.record(sampleRecord(3))
        #expect(await WaitABit.until { writer.statistics.written == 4 })
        try writer.close()
    }

    @Test("many threads record at once; each one's records keep their order")
    func manyThreads() throws {
        let writer = try write(0)
        let pool = try WorkPool(name: "recorders", threadCount: 4)
        for thread in 0..<4 {
            pool.submit {
                for index in 0..<2_000 {
                    writer.record(
                        JournalRecord(
                            time: Instant(nanoseconds: Int64(index)),
                            kind: .delivered,
                            from: "",
                            to: "n/\(thread)",
                            messageName: "m",
                            bytes: []
                        )
                    )
                }
            }
        }
        while writer.statistics.written < 8_000 { WaitABit.now() }
        pool.shutDown()
        try writer.close()
        for thread in 0..<4 {
            let times = try JournalReader(folder.url).records(
                of: Address(node: "n", name: "\(thread)")
            )
            .copyAll()
            #expect(times.map(\.time.nanoseconds) == (0..<2_000).map(Int64.init))
        }
    }

    @Test("what a crash leaves on the disk is readable up to the last commit")
    func crash() throws {
        let writer = try write(2_500)
        try writer.flush()
        for index in 2_500..<2_600 { writer.record(sampleRecord(index)) }
        // The files as they are while the writer is at work: what a killed process leaves behind.
        let copy = folder.url.appendingPathComponent("crashed")
        try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
        for name in try folder.names where name.hasSuffix(".sqlite") || name.hasSuffix("-wal") {
            try FileManager.default.copyItem(
                at: folder.url.appendingPathComponent(name),
                to: copy.appendingPathComponent(name)
            )
        }
        let found = try JournalReader(copy).records().copyAll()
        #expect(found.count >= 2_500)
        #expect(found == (0..<found.count).map(sampleRecord))
        // A torn last page loses no more than the groups that it held.
        let wal = copy.appendingPathComponent("journal-000001.sqlite-wal")
        let torn = try Data(contentsOf: wal)
        for suffix in ["-wal", "-shm"] {
            let path = copy.path + "/journal-000001.sqlite" + suffix
            if FileManager.default.fileExists(atPath: path) {
                try FileManager.default.removeItem(atPath: path)
            }
        }
        try torn.dropLast(torn.count / 3).write(to: wal)
        let rest = try JournalReader(copy).records().copyAll()
        #expect(rest == (0..<rest.count).map(sampleRecord))
        #expect(rest.count < found.count)
        try writer.close()
    }

    @Test("what is no journal gives a named error")
    func badFiles() throws {
        let missing = folder.url.appendingPathComponent("none")
        #expect { try JournalReader(missing) } throws: {
            ($0 as? JournalError)?.code == .cannotOpen
        }
        #expect { try JournalReader(folder.url) } throws: {
            ($0 as? JournalError)?.code == .cannotOpen
        }
        let file = folder.url.appendingPathComponent("journal-000001.sqlite")
        try Data("this is not a database, whatever its name may say".utf8).write(to: file)
        #expect { try JournalReader(folder.url).records().copyAll() } throws: {
            ($0 as? JournalError)?.code == .corrupt
        }
        try FileManager.default.removeItem(at: file)
        try write(3).close()
        try DatabaseQueue(path: file.path).write {
            try $0.execute(sql: "UPDATE record SET kind = 9")
        }
        #expect { try JournalReader(folder.url).records().copyAll() } throws: {
            ($0 as? JournalError)?.code == .corrupt
        }
        let blocked = folder.url.appendingPathComponent("file")
        try Data().write(to: blocked)
        #expect { try JournalWriter(.init(folder: blocked)) } throws: {
            ($0 as? JournalError)?.code == .cannotOpen
        }
    }
}

extension JournalReader.Cursor {
    /// All records, without a variable for the cursor.
    func copyAll() throws -> [JournalRecord] {
        var cursor = self
        return try cursor.all()
    }
}
