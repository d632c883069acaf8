// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// What became of the deals that clients offered.
struct DealTally: Sendable {
    /// Deals that are not active yet, by the piece's commitment: when they start.
    private var starts: [[UInt8]: Instant] = [:]
    private(set) var offeredCount = 0
    private(set) var activeCount = 0
    /// Their sectors were proven after the start.
    private var lateCount = 0

    /// Entries kept at this moment.
    var entryCount: Int { starts.count }

    mutating func offered(_ commitment: [UInt8], start: Instant) {
        offeredCount += 1
        starts[commitment] = start
    }

    /// A sector with these pieces is proven.
    mutating func proven(_ commitments: [[UInt8]], at now: Instant) {
        for commitment in commitments {
            guard let start = starts.removeValue(forKey: commitment) else { continue }
            if now <= start { activeCount += 1 } else { lateCount += 1 }
        }
    }

    /// Deals that started and were in no proven sector then.
    func missedCount(at now: Instant) -> Int {
        lateCount + starts.values.count { $0 <= now }
    }
}
