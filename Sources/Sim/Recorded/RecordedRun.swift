// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel
package import Scheduler

/// What a miner's journal says of one run: who worked, what was done when, and who was lost.
///
/// A simulated miner keeps the same journal, so that both worlds are measured by one rule.
package struct RecordedRun: Sendable {
    /// A worker process, by all that it said when it joined.
    package struct Worker: Sendable {
        package var info: WorkerInfo
        package var store: StoreInfo?
        package var joinedAt: Instant
        package var losses: [Loss] = []
    }

    /// A worker was out of reach.
    package struct Loss: Sendable, Hashable {
        package var at: Instant
        /// `nil` where it did not come back.
        package var backAt: Instant?
    }

    /// One try of a task on one worker.
    package struct Call: Sendable {
        package var id: CallID
        package var worker: String
        /// The slot was its own: at the assignment, or before it where the ticket was still to be asked for.
        package var since: Instant
        package var assignedAt: Instant
        /// The worker's answer to the assignment arrived.
        package var takenAt: Instant?
        package var endedAt: Instant?
        package var isDone = false
        /// The work itself went wrong; a lost worker or files out of reach say nothing of it.
        package var isComputeFailure = false
    }

    /// One sector's way through sealing.
    package struct Sector: Sendable {
        package var key: SectorKey
        /// It asked for room on a sealing store.
        package var begunAt: Instant
        /// It needed no room any more; `nil` where the journal ends before.
        package var endedAt: Instant?
    }

    /// In order of their first joining.
    package internal(set) var workers: [Worker] = []
    /// In order of their assignment.
    package internal(set) var calls: [Call] = []
    /// In order of their beginning.
    package internal(set) var sectors: [Sector] = []

    /// The first sector's beginning; `nil` where nothing was sealed.
    package var begin: Instant? { sectors.first?.begunAt }

    /// Sectors that came to an end.
    package var endedCount: Int { sectors.reduce(0) { $0 + ($1.endedAt == nil ? 0 : 1) } }

    /// Seconds from the first sector's beginning to the last one's end; `nil` where nothing ended.
    package var makespanSeconds: Double? {
        guard let begin, let end = sectors.compactMap(\.endedAt).max() else { return nil }
        return (end - begin).inSeconds
    }

    /// Seconds from each sector's beginning to its end, ascending.
    package var sectorSeconds: [Double] {
        sectors.compactMap { sector in sector.endedAt.map { ($0 - sector.begunAt).inSeconds } }.sorted()
    }

    /// Seconds for which each call of a kind that went well held its slot, ascending.
    package func slotSeconds(_ type: TaskType) -> [Double] {
        seconds(type) { $0.since }
    }

    /// Seconds that a kind took its workers, ascending: from the answer to the assignment to the result.
    package func workSeconds(_ type: TaskType) -> [Double] {
        seconds(type) { $0.takenAt ?? $0.assignedAt }
    }

    private func seconds(_ type: TaskType, from start: (Call) -> Instant) -> [Double] {
        calls.compactMap { call in
            guard call.id.task.type == type, call.isDone, let end = call.endedAt else { return nil }
            return max(0, (end - start(call)).inSeconds)
        }.sorted()
    }

    /// Seconds of a message's way: half of the median from an assignment to its answer; `nil` without any.
    package var messageSeconds: Double? {
        let answers = calls.compactMap { call in call.takenAt.map { ($0 - call.assignedAt).inSeconds } }
        return answers.isEmpty ? nil : Self.quantile(answers.sorted(), 0.5) / 2
    }

    /// The value that a share of ascending values does not exceed.
    package static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        let rank = Int((share * Double(sorted.count)).rounded(.up))
        return sorted[min(sorted.count, max(1, rank)) - 1]
    }
}
