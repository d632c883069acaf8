// SPDX-License-Identifier: Apache-2.0
package import Chain
private import DequeModule
package import Kernel

/// One decision, so that it can be explained afterwards.
package struct PlacementRecord: Sendable, Hashable, Codable {
    package enum Event: String, Sendable, Hashable, Codable {
        case started, moved, admitted, prefetched
        /// The policy wanted it and it was not possible.
        case refused
    }

    package var at: Instant
    package var event: Event
    package var sector: SectorKey
    /// `nil` for an admission.
    package var task: TaskID?
    /// The worker or the store.
    package var place: String
    package var reason: PlacementReason
    package var refusal: Refusal?

    package init(
        at: Instant, event: Event, sector: SectorKey, task: TaskID?, place: String, reason: PlacementReason,
        refusal: Refusal? = nil
    ) {
        self.at = at
        self.event = event
        self.sector = sector
        self.task = task
        self.place = place
        self.reason = reason
        self.refusal = refusal
    }
}

/// The latest decisions, so many and no more.
struct PlacementLog: Sendable {
    private var records: Deque<PlacementRecord> = []
    private let countMax: Int

    init(countMax: Int) { self.countMax = max(0, countMax) }

    mutating func add(_ record: PlacementRecord) {
        guard countMax > 0 else { return }
        if records.count >= countMax { records.removeFirst() }
        records.append(record)
    }

    /// The latest first.
    func latest(_ limit: Int) -> [PlacementRecord] { Array(records.suffix(max(0, limit)).reversed()) }
}
