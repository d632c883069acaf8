// SPDX-License-Identifier: Apache-2.0
internal import Scheduler

/// The memory of one simulated process whose tasks take so much each, measured as a real worker measures it.
struct ModelMemory {
    private let bytes: [TaskType: UInt64]
    private let limit: UInt64
    private let table: ResourceTable
    private var meter = MemoryMeter()
    private var profile = MemoryProfile()
    private var cells: [ResourceTable.Override]
    private var running: [CallID: TaskType] = [:]
    private var taken: UInt64 = 0

    /// - Parameters:
    ///   - bytes: what a task of a kind takes while it runs.
    ///   - resources: the process's cells of the resource table.
    ///   - limit: bytes that the tasks of its host have.
    init(_ bytes: [TaskType: UInt64], _ resources: [ResourceTable.Override], limit: UInt64) {
        self.bytes = bytes
        self.limit = limit
        table = ResourceTable.standard.applying(resources)
        cells = table.differences(from: .standard)
    }

    mutating func begin(_ call: CallID, proof: UInt64) {
        let type = call.task.type
        let key = ResourceTable.Key(
            task: type.rawValue, sectorBytes: ResourceTable.sectorBytes(ofProof: proof))
        meter.begin(call, key, MemoryReading(peakBytes: taken, currentBytes: taken))
        guard running.updateValue(type, forKey: call) == nil else { return }
        taken += bytes[type] ?? 0
    }

    /// - Returns: the cells where they are others than before.
    mutating func end(_ call: CallID, isDone: Bool) -> [ResourceTable.Override]? {
        guard let type = running.removeValue(forKey: call) else { return nil }
        let peak = taken
        taken -= bytes[type] ?? 0
        let mark = meter.end(call, MemoryReading(peakBytes: peak, currentBytes: taken))
        guard isDone, let mark else { return nil }
        profile.add(mark)
        let now = profile.cells(table, limit: limit)
        guard now != cells else { return nil }
        cells = now
        return now
    }
}
