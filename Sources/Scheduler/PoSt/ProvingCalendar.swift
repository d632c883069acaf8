// SPDX-License-Identifier: Apache-2.0
package import Chain

/// What is to be proven when: the deadlines of the day ahead and the partitions in them, as the chain said.
package struct ProvingCalendar: Sendable, Hashable {
    package let period: ProvingPeriod
    /// By deadline, the sectors of each partition as far as they were heard of.
    package private(set) var partitions: [[SectorNumbers]]
    /// By deadline, the partitions of which something is to be proven; `nil` until the chain told of it.
    package private(set) var proofCounts: [Int?]

    package init(period: ProvingPeriod) {
        self.period = period
        partitions = Array(repeating: [], count: period.parameters.deadlineCount)
        proofCounts = Array(repeating: nil, count: period.parameters.deadlineCount)
    }

    /// The deadline that is open at an epoch.
    package func current(at epoch: Int64) -> DeadlineTimes { period.current(at: epoch) }

    /// Every deadline of the period ahead, the one that is open first.
    package func ahead(from epoch: Int64) -> [DeadlineTimes] { period.ahead(from: epoch) }

    /// A deadline that is open at an epoch, or else the next of that index.
    package func times(_ deadline: Int, notElapsedAt epoch: Int64) -> DeadlineTimes {
        period.times(deadline, notElapsedAt: epoch)
    }

    /// Takes in what the chain says of a deadline.
    package mutating func note(_ status: DeadlineStatus) {
        guard partitions.indices.contains(status.times.index) else { return }
        partitions[status.times.index] = status.partitions.map(\.live)
        proofCounts[status.times.index] = status.partitions.filter { !$0.toProve.isEmpty }.count
    }

    /// Deadlines of which the chain has told nothing yet.
    package var unknown: [Int] { proofCounts.indices.filter { proofCounts[$0] == nil } }

    /// Where a sector is proven; `nil` where no deadline that was heard of has it.
    package func place(of sector: UInt64) -> SectorPlace? {
        for (deadline, all) in partitions.enumerated() {
            for (partition, sectors) in all.enumerated() where sectors.contains(sector) {
                return SectorPlace(deadline: deadline, partition: partition)
            }
        }
        return nil
    }
}
