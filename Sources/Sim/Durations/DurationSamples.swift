// SPDX-License-Identifier: Apache-2.0
private import Scheduler

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
    /// The sector size of the benches and journals read so far, and the file that said it first.
    var sectorSize: (bytes: Int, file: String)?
    /// Rows of tasks that no scenario knows, by their names.
    package private(set) var skippedCounts: [String: Int] = [:]
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

    /// Counts a row of a task that no scenario knows.
    mutating func skip(_ task: String) {
        let name = Quantity.shown(task.filter { !$0.isNewline })
        // Names are few; where they are not, the file is something else.
        guard skippedCounts[name] != nil || skippedCounts.count < 100 else { return }
        skippedCounts[name, default: 0] += 1
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
                    + "sectors status --log, a task history as CSV with work_start and work_end, or a "
                    + "miner's journal")
        }
    }
}

extension DurationSamples {
    /// Takes the calls of a miner's journal that went well: from the worker's answer to the assignment to its
    /// result.
    ///
    /// - Parameter sectorBytes: of the miner's sectors; no other size was measured, or will be.
    /// - Throws: ``DurationFileError``.
    package mutating func read(
        _ run: RecordedRun, sectorBytes: Int, file: String
    ) throws(DurationFileError) {
        try note(sectorBytes: sectorBytes, "a journal", file, line: 0, column: 0)
        for type in TaskType.sealing {
            for seconds in run.workSeconds(type) { try add(seconds, type.kind, file, line: 0, column: 0) }
        }
        for seconds in run.workSeconds(.windowPoSt) {
            try add(seconds, .windowPoSt, file, line: 0, column: 0)
        }
        name(source: "journal \(file)")
    }
}
