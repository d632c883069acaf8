// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// A task that waits for a slot.
///
/// An object that never changes: it is handed on a dozen times before it starts, and large.
package final class WaitingTask: Sendable {
    package let request: TaskRequest
    /// The host that holds the sector's files; `nil` where the task may run anywhere.
    package let host: String?
    /// The same as an index of ``ClusterView/hosts``.
    package let hostIndex: Int?
    /// The store that holds them, as a number of ``ClusterView/storeNumber(_:)``; `nil` where not known.
    let store: Int?
    /// Bytes to move where it runs elsewhere.
    package let moveBytes: UInt64
    /// When it was submitted.
    package let since: Instant
    /// Counts submissions: a total order of age.
    package let sequence: UInt64

    init(
        request: TaskRequest, host: String?, hostIndex: Int?, store: Int?, moveBytes: UInt64, since: Instant,
        sequence: UInt64
    ) {
        self.request = request
        self.host = host
        self.hostIndex = hostIndex
        self.store = store
        self.moveBytes = moveBytes
        self.since = since
        self.sequence = sequence
    }

    package var id: TaskID { request.id }
    var urgency: Urgency {
        Urgency(deadline: request.deadline, priority: request.priority, sequence: sequence)
    }
}

/// Tries in a row that failed for want of something around the task.
struct Setback {
    let count: Int
    /// When the next may begin.
    let until: Instant

    /// A second, and twice as long with each further try up to a minute; a proof of spacetime never waits
    /// longer than a second, since its deadline does not wait either.
    static func pause(_ count: Int, _ type: TaskType) -> Duration {
        type.isPoSt ? .seconds(1) : .seconds(min(60, 1 << min(max(count, 1) - 1, 6)))
    }
}

/// A sector that waits for room on a sealing store.
package struct AdmissionRequest: Sendable, Hashable {
    package let sector: SectorKey
    /// Bytes for its whole life in the pipeline.
    package let bytes: UInt64
    package let isDeal: Bool
    package let deadline: Instant?
    package let priority: Int
    package let since: Instant
    /// Counts requests.
    package let sequence: UInt64

    /// Of equals the oldest sector is first, not the oldest request: a sector that lost its files asks again
    /// and has waited long enough.
    var urgency: Urgency { Urgency(deadline: deadline, priority: priority, sequence: sector.number) }
}

/// The order in which equals wait: deadlines of one hour are one class and the earlier class goes first,
/// none last; then the higher priority; then age.
package struct Urgency: Sendable, Hashable, Comparable {
    package let deadlineClass: Int64
    package let priority: Int
    /// Ascending with age, and unique among those compared.
    package let sequence: UInt64

    package init(deadline: Instant?, priority: Int, sequence: UInt64) {
        deadlineClass = deadline.map { $0.nanoseconds / 3_600_000_000_000 } ?? .max
        self.priority = priority
        self.sequence = sequence
    }

    package static func < (lhs: Urgency, rhs: Urgency) -> Bool {
        if lhs.deadlineClass != rhs.deadlineClass { return lhs.deadlineClass < rhs.deadlineClass }
        if lhs.priority != rhs.priority { return lhs.priority > rhs.priority }
        return lhs.sequence < rhs.sequence
    }
}
