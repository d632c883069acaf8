// SPDX-License-Identifier: Apache-2.0
package import Foundation
package import Kernel
private import Synchronization

/// Writes a world's journal into SQLite files that rotate: `journal-000001.sqlite` and so on.
///
/// Records wait in a bounded queue; a thread of its own commits them in groups, so a component never waits
/// for the disk. After a crash all committed groups are readable.
// Safety: all state is locked.
package final class JournalWriter: JournalSink, @unchecked Sendable {
    /// What happens to a record that finds the queue full.
    package enum WhenFull: Sendable, Hashable {
        /// It is dropped and counted: a live world never waits.
        case drop
        /// The recording thread writes the queue itself: a simulated world loses nothing.
        case write
    }

    /// How a journal is written.
    package struct Options: Sendable {
        /// The folder of the files; made where it does not exist.
        package var folder: URL
        /// Records of one file.
        package var recordCountMax = 2_000_000
        /// Bytes of messages of one file, about.
        package var byteCountMax = 256 << 20
        /// Files that are kept; the oldest is deleted when one more is begun.
        package var fileCountMax = 16
        /// Records that may wait to be written.
        package var queueCountMax = 65_536
        /// Records of one transaction.
        package var batchCountMax = 1_000
        /// How long a record may wait for others to share its transaction.
        package var batchDelay = Duration.milliseconds(5)
        /// What happens beyond the queue's bound.
        package var whenFull = WhenFull.drop
        /// Further facts that each file begins with.
        package var meta: [String: String] = [:]

        /// Makes options with the defaults for a folder.
        package init(folder: URL) { self.folder = folder }
    }

    /// Counts of a writer.
    package struct Statistics: Sendable, Hashable {
        /// Records committed.
        package var written = 0
        /// Records that found the queue full or could not be written.
        package var dropped = 0
        /// Transactions.
        package var commits = 0
        /// Files begun.
        package var files = 0
    }

    private struct Queue {
        var records: [JournalRecord] = []
        var dropped = 0
        var isClosed = false
    }

    private struct Output {
        var file: JournalFile?
        var nextNumber: Int
        var statistics = Statistics()
        var failure: JournalError?
    }

    private let options: Options
    private let queue = Mutex(Queue())
    private let output: Mutex<Output>
    private let thread = Mutex<BatchThread?>(nil)

    /// Opens the folder; a journal that is there already is continued with a new file.
    ///
    /// - Throws: ``JournalError`` with `cannotOpen`.
    package init(_ options: Options) throws {
        precondition(
            options.recordCountMax > 0 && options.byteCountMax > 0 && options.fileCountMax > 0
                && options.queueCountMax > 0 && options.batchCountMax > 0,
            "a journal's bounds are above zero"
        )
        self.options = options
        do {
            try FileManager.default.createDirectory(
                at: options.folder,
                withIntermediateDirectories: true
            )
            let next = (try JournalFile.numbers(in: options.folder).last ?? 0) + 1
            output = Mutex(Output(nextNumber: next))
            try output.withLock { try begin(&$0) }
        } catch {
            throw JournalError(
                code: .cannotOpen,
                message: "no journal can be written in '\(options.folder.path)': \(error)"
            )
        }
        let made = try BatchThread(name: "journal", delay: options.batchDelay) { [weak self] in
            self?.commit()
        }
        thread.withLock { $0 = made }
    }

    deinit { thread.withLock { $0 }?.shutDown() }

    /// Takes one record.
    package func record(_ record: JournalRecord) {
        let (count, isFull) = queue.withLock { queue in
            guard !queue.isClosed else {
                queue.dropped += 1
                return (0, false)
            }
            let isFull = queue.records.count >= options.queueCountMax
            if isFull && options.whenFull == .drop {
                queue.dropped += 1
            } else {
                queue.records.append(record)
            }
            return (queue.records.count, isFull)
        }
        if isFull && options.whenFull == .write {
            commit()
        } else if count == 1 || count == options.batchCountMax {
            thread.withLock { $0 }?.request(atOnce: count >= options.batchCountMax)
        }
    }

    /// Writes all that waits.
    ///
    /// - Throws: ``JournalError`` with `cannotWrite`, the first failure since the last call.
    package func flush() throws {
        commit()
        let failure = output.withLock { output in
            defer { output.failure = nil }
            return output.failure
        }
        if let failure { throw failure }
    }

    /// Writes all that waits and closes the file; later records are dropped and counted.
    ///
    /// - Throws: ``JournalError`` with `cannotWrite`.
    package func close() throws {
        queue.withLock { $0.isClosed = true }
        let ended = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        ended?.shutDown()
        try flush()
        try output.withLock { output in
            do { try output.file?.close() } catch {
                throw JournalError(
                    code: .cannotWrite,
                    message: "the journal did not close: \(error)"
                )
            }
            output.file = nil
        }
    }

    /// Counts so far.
    package var statistics: Statistics {
        let dropped = queue.withLock { $0.dropped }
        var counts = output.withLock { $0.statistics }
        counts.dropped += dropped
        return counts
    }

    /// The file that is written now.
    package var currentFile: URL? { output.withLock { $0.file?.url } }

    private func commit() {
        output.withLock { output in
            // Taken under the output's lock, so that two who commit keep the order.
            let records = queue.withLock { queue in
                defer { queue.records.removeAll() }
                return queue.records
            }
            var rest = records[...]
            while !rest.isEmpty {
                let room = options.recordCountMax - (output.file?.recordCount ?? 0)
                let batch = rest.prefix(min(options.batchCountMax, max(1, room)))
                rest = rest.dropFirst(batch.count)
                do {
                    try rotateIfFull(&output)
                    try output.file?.append(batch)
                    output.statistics.written += batch.count
                    output.statistics.commits += 1
                } catch {
                    output.statistics.dropped += batch.count
                    output.failure =
                        output.failure
                        ?? JournalError(
                            code: .cannotWrite,
                            message:
                                "\(batch.count) records for '\(options.folder.path)' are lost: \(error)"
                        )
                }
            }
        }
    }

    private func rotateIfFull(_ output: inout Output) throws {
        if let file = output.file {
            guard
                file.recordCount >= options.recordCountMax || file.byteCount >= options.byteCountMax
            else {
                return
            }
            output.file = nil
            try file.close()
        }
        try begin(&output)
    }

    private func begin(_ output: inout Output) throws {
        output.file = try JournalFile(
            number: output.nextNumber,
            folder: options.folder,
            meta: options.meta
        )
        output.nextNumber += 1
        output.statistics.files += 1
        for old in try JournalFile.numbers(in: options.folder).dropLast(options.fileCountMax) {
            try JournalFile.remove(number: old, in: options.folder)
        }
    }
}
