// SPDX-License-Identifier: Apache-2.0
private import Foundation
private import Kernel
package import Logging
package import Scheduler
private import Synchronization

/// Watches what the tasks of this process take of its memory, and says when a figure has changed.
///
/// What was measured is written when the worker is stopped, and taken up, and deleted, by the next start: a
/// worker that was killed at work begins with the table's figures, because too small a figure may be what
/// killed it.
package final class MemoryWatch: Sendable {
    private struct State {
        var meter = MemoryMeter()
        var profile = MemoryProfile()
        var cells: [ResourceTable.Override] = []
        var isBroken = false
    }

    private struct Document: Codable {
        var version: Int
        var marks: [MemoryMark]
    }

    private let table: ResourceTable
    private let fixed: Set<ResourceTable.Key>
    private let limit: UInt64
    private let process: ProcessMemory
    private let path: String?
    private let log: Logger
    private let state: Mutex<State>

    /// Makes a watch, and takes up what an earlier process has left.
    ///
    /// - Parameters:
    ///   - table: the worker's table by its build and environment.
    ///   - fixed: cells whose memory no measurement changes.
    ///   - limit: bytes that the tasks of the host have in all.
    ///   - path: where what was measured is kept between two processes; `nil` for nowhere.
    package init(
        table: ResourceTable, fixed: Set<ResourceTable.Key> = [], limit: UInt64 = .max,
        process: ProcessMemory = ProcessMemory(), path: String?, log: Logger
    ) {
        self.table = table
        self.fixed = fixed
        self.limit = limit
        self.process = process
        self.path = path
        self.log = log
        var state = State()
        if let path { state.profile = Self.take(path, log) }
        state.cells = state.profile.cells(table, fixed: fixed, limit: limit)
        self.state = Mutex(state)
    }

    /// The worker's cells of the resource table, by what was measured so far.
    package var cells: [ResourceTable.Override] { state.withLock { $0.cells } }

    /// All that is remembered.
    package var marks: [MemoryMark] { state.withLock { $0.profile.all } }

    /// Calls of one kind and size begin to compute.
    package func begin(_ calls: [CallID], proof: UInt64) {
        guard let type = calls.first?.task.type else { return }
        let key = ResourceTable.Key(
            task: type.rawValue, sectorBytes: ResourceTable.sectorBytes(ofProof: proof))
        state.withLock { state in
            guard let reading = read(&state) else { return }
            for call in calls { state.meter.begin(call, key, reading) }
        }
    }

    /// They are over; what did not end well says nothing.
    ///
    /// - Returns: the cells where they are others than before.
    package func end(_ calls: [CallID], isDone: Bool) -> [ResourceTable.Override]? {
        state.withLock { state -> [ResourceTable.Override]? in
            guard let reading = read(&state) else { return nil }
            let marks = calls.compactMap { state.meter.end($0, reading) }
            guard isDone, !marks.isEmpty else { return nil }
            for mark in marks { state.profile.add(mark) }
            let cells = state.profile.cells(table, fixed: fixed, limit: limit)
            guard cells != state.cells else { return nil }
            state.cells = cells
            for cell in cells where cell.isMeasured && cell.key == marks[0].key {
                let (own, shared) = (cell.need.minMemory >> 20, cell.need.baseMemory >> 20)
                let what = "\(cell.key.task) of \(cell.key.sectorBytes >> 10) KiB"
                log.info("\(what): by measurement it takes \(own) MiB and shares \(shared) MiB")
            }
            return cells
        }
    }

    private func read(_ state: inout State) -> MemoryReading? {
        guard !state.isBroken else { return nil }
        do throws(HostError) { return try process.read() } catch {
            state.isBroken = true
            log.warning("what tasks take of memory is not measured, the table's figures hold: \(error)")
            return nil
        }
    }

    // MARK: Between two processes

    /// Keeps what was measured for the next process.
    package func save() {
        guard let path else { return }
        let marks = marks
        guard !marks.isEmpty else { return }
        do {
            let bytes = [UInt8](try JSONEncoder().encode(Document(version: 1, marks: marks)))
            try DiskFile.make("\(path).new", bytes)
            try DiskFile.rename("\(path).new", to: path)
        } catch {
            log.warning("what tasks take of memory is measured anew: \(path) cannot be written: \(error)")
        }
    }

    private static func take(_ path: String, _ log: Logger) -> MemoryProfile {
        var profile = MemoryProfile()
        do {
            guard let bytes = try DiskFile.settings(path) else { return profile }
            try FileManager.default.removeItem(atPath: path)
            let document = try JSONDecoder().decode(Document.self, from: Data(bytes))
            guard document.version == 1 else {
                log.warning("\(path) is of another version; what tasks take of memory is measured anew")
                return profile
            }
            for mark in document.marks { profile.add(mark) }
        } catch {
            log.warning("\(path) is left aside, what tasks take of memory is measured anew: \(error)")
        }
        return profile
    }
}
