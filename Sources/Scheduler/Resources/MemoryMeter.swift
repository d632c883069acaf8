// SPDX-License-Identifier: Apache-2.0
internal import OrderedCollections

/// The memory of a process, as it is asked whenever a task begins or ends.
package struct MemoryReading: Sendable, Hashable {
    /// Bytes at the peak since the reading before.
    package var peakBytes: UInt64
    /// Bytes now.
    package var currentBytes: UInt64

    package init(peakBytes: UInt64, currentBytes: UInt64) {
        self.peakBytes = peakBytes
        self.currentBytes = currentBytes
    }
}

/// Tells from the peaks of a whole process what its tasks take.
///
/// Between two readings the set of tasks is the same, so each peak belongs to one set. What the process takes
/// when it does nothing is left out: the least that was ever seen, because memory that an allocator keeps for
/// later is used by the next task without a trace.
package struct MemoryMeter: Sendable {
    private struct Running: Sendable {
        let key: ResourceTable.Key
        var mostBytes: UInt64 = 0
        var share: MemoryMark.Share?
    }

    private var running: OrderedDictionary<CallID, Running> = [:]
    private var idleBytes: UInt64?

    package init() {}

    package var isIdle: Bool { running.isEmpty }

    /// A task begins.
    package mutating func begin(_ call: CallID, _ key: ResourceTable.Key, _ reading: MemoryReading) {
        close(reading.peakBytes)
        if running.isEmpty {
            idleBytes = min(idleBytes ?? reading.currentBytes, reading.currentBytes)
        }
        running[call] = Running(key: key)
    }

    /// A task is over.
    ///
    /// - Returns: what was seen of it; `nil` for a task that did not begin.
    package mutating func end(_ call: CallID, _ reading: MemoryReading) -> MemoryMark? {
        close(reading.peakBytes)
        guard let known = running.removeValue(forKey: call) else { return nil }
        if running.isEmpty {
            idleBytes = min(idleBytes ?? reading.currentBytes, reading.currentBytes)
        }
        return MemoryMark(key: known.key, mostBytes: known.mostBytes, share: known.share)
    }

    /// The set of tasks is about to change: the peak is of those that run.
    private mutating func close(_ peak: UInt64) {
        guard let first = running.values.first?.key, let idle = idleBytes else { return }
        let bytes = peak - min(peak, idle)
        let isAlike = running.values.allSatisfy { $0.key == first }
        for place in running.values.indices {
            var task = running.values[place]
            task.mostBytes = max(task.mostBytes, bytes)
            if isAlike {
                let share = MemoryMark.Share(count: running.count, bytes: bytes)
                if share.each >= task.share?.each ?? 0 { task.share = share }
            }
            running.values[place] = task
        }
    }
}
