// SPDX-License-Identifier: Apache-2.0

/// What is wrong in a file of measured durations, and where.
package struct DurationFileError: Error, Sendable, Hashable, CustomStringConvertible {
    package var file: String
    /// From 1; 0 where the whole file is meant.
    package var line: Int
    package var column: Int
    package var message: String

    package var description: String {
        line > 0 ? "\(file):\(line):\(column): \(message)" : "\(file): \(message)"
    }
}

/// Measured durations of each kind of task.
package struct DurationSamples: Sendable {
    /// Limits on what is read.
    package static let fileBytesMax = 64 << 20
    package static let sampleCountMax = 1_000_000
    /// The longest single duration that is believed: a year.
    package static let secondsMax = 365.0 * 86_400

    /// Seconds, by the kind's index.
    private var seconds: [[Double]] = Scenario.TaskKind.allCases.map { _ in [] }
    /// Where those of each kind are from, in words, in order.
    private var sourcesOfKinds: [[String]] = Scenario.TaskKind.allCases.map { _ in [] }
    /// Samples of each kind whose source was named.
    private var namedCounts: [Int] = Scenario.TaskKind.allCases.map { _ in 0 }
    /// Samples in all.
    package private(set) var count = 0

    package init() {}

    /// The samples of a kind, in seconds, in the order in which they were read.
    package subscript(kind: Scenario.TaskKind) -> [Double] { seconds[kind.index] }

    mutating func add(
        _ value: Double, _ kind: Scenario.TaskKind, _ file: String, line: Int, column: Int = 1
    ) throws(DurationFileError) {
        func refuse(_ message: String) -> DurationFileError {
            DurationFileError(file: file, line: line, column: column, message: message)
        }
        guard value.isFinite, value >= 0 else { throw refuse("\(kind.rawValue) would take \(value) s") }
        guard value <= Self.secondsMax else {
            throw refuse("\(kind.rawValue) would take \(SimulatedCluster.span(value)), more than a year")
        }
        guard count < Self.sampleCountMax else {
            throw refuse("more than \(Self.sampleCountMax) durations; give fewer files")
        }
        count += 1
        seconds[kind.index].append(value)
    }

    /// Where the samples of a kind are from, in words, in order.
    package func sources(of kind: Scenario.TaskKind) -> [String] { sourcesOfKinds[kind.index] }

    /// Says where all samples are from that came since the last source was named.
    mutating func name(source: String) {
        for kind in seconds.indices where seconds[kind].count > namedCounts[kind] {
            namedCounts[kind] = seconds[kind].count
            if !sourcesOfKinds[kind].contains(source) { sourcesOfKinds[kind].append(source) }
        }
    }

    /// Reads a file's text, whatever of the known forms it has.
    ///
    /// - Throws: ``DurationFileError`` with line and column.
    package mutating func read(_ text: String, file: String) throws(DurationFileError) {
        guard text.utf8.count <= Self.fileBytesMax else {
            throw DurationFileError(
                file: file, line: 0, column: 0,
                message: "more than \(Self.fileBytesMax) bytes; such files are smaller")
        }
        let first = text.first { !$0.isWhitespace }
        if first == "{" {
            try readBench(text, file: file)
        } else if text.contains("[event;sealing.") {
            try readSectorLog(text, file: file)
        } else if text.prefix(4_096).contains("work_start") {
            try readTaskHistory(text, file: file)
        } else {
            throw DurationFileError(
                file: file, line: 1, column: 1,
                message:
                    "not a known form; give the JSON of lotus-bench or sealyard bench sealing, the text of "
                    + "sectors status --log, or a task history as CSV with work_start and work_end")
        }
    }
}

/// One step of a task as a journal has it.
package struct TaskRow: Sendable, Hashable {
    /// What ties start and end together, such as a call's id.
    package var call: String
    /// `seal/v0/precommit/1` and the like.
    package var task: String
    /// Nanoseconds on the journal's clock.
    package var nanoseconds: Int64
    package var isEnd: Bool
    /// Of an end: it went well.
    package var isDone: Bool

    package init(call: String, task: String, nanoseconds: Int64, isEnd: Bool, isDone: Bool) {
        self.call = call
        self.task = task
        self.nanoseconds = nanoseconds
        self.isEnd = isEnd
        self.isDone = isDone
    }
}

/// Gives the steps of tasks one by one, so that no database is named here.
package protocol TaskRowSource {
    /// The next step, `nil` at the end.
    mutating func next() throws -> TaskRow?
}

extension DurationSamples {
    /// Reads the steps of a journal; tasks that failed or never ended leave no sample.
    ///
    /// - Throws: ``DurationFileError``, with the row's number as the line, or what the source throws.
    package mutating func read(_ rows: inout some TaskRowSource, file: String) throws {
        var open: [String: (task: String, since: Int64)] = [:]
        var line = 0
        while let row = try rows.next() {
            line += 1
            guard let kind = Scenario.TaskKind.allCases.first(where: { $0.identifier == row.task }) else {
                continue
            }
            guard row.isEnd else {
                open[row.call] = (row.task, row.nanoseconds)
                continue
            }
            guard let begun = open.removeValue(forKey: row.call), begun.task == row.task, row.isDone else {
                continue
            }
            try add(Double(row.nanoseconds - begun.since) / 1e9, kind, file, line: line)
        }
        name(source: "journal \(file)")
    }
}
