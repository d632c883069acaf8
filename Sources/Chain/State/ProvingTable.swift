// SPDX-License-Identifier: Apache-2.0

/// A miner's deadlines and partitions: which sectors are to be proven when, and which are faulty.
///
/// It grows with partitions and with faults, hardly with sectors: numbers are kept as runs.
struct ProvingTable: Sendable {
    /// Sectors that became faulty together.
    struct FaultGroup: Sendable {
        /// At the end of this epoch they are given up.
        var expiry: Int64
        var numbers: SectorNumbers
    }

    /// Sectors whose time is over at the end of the same deadline.
    struct EndGroup: Sendable {
        /// The last epoch of that deadline.
        var epoch: Int64
        /// With those that were given up or terminated meanwhile.
        var numbers: SectorNumbers
    }

    /// Sectors that left their deadline when it ended.
    struct Departure: Sendable {
        var epoch: Int64
        /// Faulty for too long.
        var expired: SectorNumbers
        /// Kept to the end.
        var ended: SectorNumbers
    }

    /// Sectors that one proof is about.
    struct Partition: Sendable {
        var live = SectorNumbers()
        /// Among the live ones.
        var faulty = SectorNumbers()
        /// Among the faulty ones: they count again with the next proof.
        var recovering = SectorNumbers()
        /// Given up because they were faulty for too long.
        var expired = SectorNumbers()
        /// Gone because their time was over.
        var ended = SectorNumbers()
        var liveCount = 0
        /// Terminated ones included: a gap is not filled.
        var totalCount = 0
        var faultGroups: [FaultGroup] = []
        /// Ascending by epoch.
        private var endGroups: [EndGroup] = []
        /// The opening of the deadline that it was proven in last, and the epoch at which that landed.
        var provenOpen: Int64?
        var provenEpoch: Int64?
        /// The epoch of the latest declaration.
        var declaredEpoch: Int64 = 0

        /// What a proof must be about.
        var toProve: SectorNumbers { live.subtracting(faulty.subtracting(recovering)) }

        mutating func fault(_ numbers: SectorNumbers, expiry: Int64) {
            recovering = recovering.subtracting(numbers)
            let new = numbers.subtracting(faulty)
            guard !new.isEmpty else { return }
            faulty = faulty.union(new)
            faultGroups.append(FaultGroup(expiry: expiry, numbers: new))
        }

        mutating func recover(_ numbers: SectorNumbers) {
            faulty = faulty.subtracting(numbers)
            recovering = recovering.subtracting(numbers)
            dropFromGroups(numbers)
        }

        mutating func remove(_ numbers: SectorNumbers) {
            live = live.subtracting(numbers)
            liveCount = live.count
            recover(numbers)
        }

        private mutating func dropFromGroups(_ numbers: SectorNumbers) {
            for index in faultGroups.indices {
                faultGroups[index].numbers = faultGroups[index].numbers.subtracting(numbers)
            }
            faultGroups.removeAll { $0.numbers.isEmpty }
        }

        /// Notes when a sector's time is over.
        mutating func schedule(_ number: UInt64, end: Int64) {
            // Sectors come in the order of their ends, nearly.
            var place = endGroups.count
            while place > 0, endGroups[place - 1].epoch > end { place -= 1 }
            if place > 0, endGroups[place - 1].epoch == end {
                endGroups[place - 1].numbers.insert(number)
            } else {
                endGroups.insert(EndGroup(epoch: end, numbers: [number]), at: place)
            }
        }

        /// Takes out those whose time is over.
        mutating func end(at last: Int64) -> SectorNumbers {
            var gone = SectorNumbers()
            let due = endGroups.prefix { $0.epoch <= last }
            guard !due.isEmpty else { return gone }
            for group in due { gone = gone.union(group.numbers.intersection(live)) }
            endGroups.removeFirst(due.count)
            remove(gone)
            ended = ended.union(gone)
            return gone
        }

        /// Takes out what was faulty for too long.
        mutating func expire(at last: Int64) -> SectorNumbers {
            var gone = SectorNumbers()
            for group in faultGroups where group.expiry <= last { gone = gone.union(group.numbers) }
            guard !gone.isEmpty else { return gone }
            remove(gone)
            expired = expired.union(gone)
            return gone
        }
    }

    let period: ProvingPeriod
    /// The most sectors of a partition.
    let partitionSize: Int
    var deadlines: [[Partition]]
    private var liveCounts: [Int]
    private var totalCounts: [Int]
    /// What the counts come to when a deadline is chosen: every new sector looks at all of them, twice.
    private var ranks: [Rank] = []
    /// Deadlines that ended up to this epoch have been looked at.
    private var closedThrough: Int64
    /// What the ends came to that nobody has taken yet.
    private var charges = ProvingCharges()

    init(period: ProvingPeriod, partitionSize: Int, from epoch: Int64) {
        self.period = period
        self.partitionSize = partitionSize
        let count = period.parameters.deadlineCount
        deadlines = Array(repeating: [], count: count)
        liveCounts = Array(repeating: 0, count: count)
        totalCounts = Array(repeating: 0, count: count)
        closedThrough = epoch - 1
        ranks = deadlines.indices.map { rank($0) }
    }

    var liveCount: Int { liveCounts.reduce(0, +) }

    // MARK: Assignment

    /// The deadline that takes the next sector at an epoch: of those that may be changed, the one that keeps
    /// partitions few and full, as the network's own rule has it; `nil` where all are full.
    func deadline(forNewSectorAt epoch: Int64) -> Int? {
        var best: Int?
        var bestRank: Rank?
        // Those that are open or next may not be changed.
        let open = period.current(at: epoch).index
        let next = (open + 1) % deadlines.count
        for index in deadlines.indices where index != open && index != next {
            let rank = ranks[index]
            // Of equals the first is taken.
            if let found = bestRank, !rank.comes(before: found) { continue }
            (best, bestRank) = (index, rank)
        }
        guard let best, partitionCount(totalCounts[best] + 1) <= period.parameters.partitionCountMax else {
            return nil
        }
        return best
    }

    private func partitionCount(_ sectors: Int) -> Int { (sectors + partitionSize - 1) / partitionSize }

    /// What decides between two deadlines.
    private struct Rank {
        let livePartitions: Int
        let totalPartitions: Int
        let isOpen: Bool
        let total: Int
        let live: Int

        func comes(before other: Rank) -> Bool {
            if livePartitions != other.livePartitions { return livePartitions < other.livePartitions }
            if totalPartitions != other.totalPartitions { return totalPartitions < other.totalPartitions }
            if isOpen != other.isOpen { return isOpen }
            if isOpen, total != other.total { return total > other.total }
            return live < other.live
        }
    }

    private func rank(_ index: Int) -> Rank {
        let (live, total) = (liveCounts[index], totalCounts[index])
        return Rank(
            livePartitions: partitionCount(live + 1), totalPartitions: partitionCount(total + 1),
            isOpen: total % partitionSize != 0, total: total, live: live)
    }

    /// Puts a sector into the last partition of a deadline, or begins a new one, until the deadline ends for
    /// the first time at `expiration` or later.
    mutating func add(_ number: UInt64, to deadline: Int, expiration: Int64) -> Int {
        let partition = add(number..<number + 1, to: deadline)
        deadlines[deadline][partition]
            .schedule(number, end: period.times(deadline, notElapsedAt: expiration).last)
        return partition
    }

    /// Gives a sector that was proven at an epoch its place, and tells the next end that is looked at; `nil`
    /// where all deadlines are full.
    mutating func place(
        _ number: UInt64, at epoch: Int64, expiration: Int64
    ) -> (place: SectorPlace, nextEnd: Int64?)? {
        // A table without sectors was not looked at meanwhile.
        if liveCount == 0 { _ = advance(to: epoch - 1) }
        guard let deadline = deadline(forNewSectorAt: epoch) else { return nil }
        let partition = add(number, to: deadline, expiration: expiration)
        return (SectorPlace(deadline: deadline, partition: partition), nextEnd)
    }

    /// How many sectors a deadline takes before it begins a new partition; by the rule above it is given all
    /// of them before another deadline is.
    func room(in deadline: Int) -> Int { partitionSize - totalCounts[deadline] % partitionSize }

    /// The same for as many as there is room for, without an end.
    mutating func add(_ numbers: Range<UInt64>, to deadline: Int) -> Int {
        if deadlines[deadline].last.map({ $0.totalCount >= partitionSize }) ?? true {
            deadlines[deadline].append(Partition())
        }
        let partition = deadlines[deadline].count - 1
        if numbers.count == 1 {
            deadlines[deadline][partition].live.insert(numbers.lowerBound)
        } else {
            let live = deadlines[deadline][partition].live
            deadlines[deadline][partition].live = live.union(SectorNumbers(numbers))
        }
        deadlines[deadline][partition].liveCount += numbers.count
        deadlines[deadline][partition].totalCount += numbers.count
        liveCounts[deadline] += numbers.count
        totalCounts[deadline] += numbers.count
        ranks[deadline] = rank(deadline)
        return partition
    }

    mutating func remove(_ number: UInt64, deadline: Int, partition: Int) {
        guard deadlines[deadline][partition].live.contains(number) else { return }
        deadlines[deadline][partition].remove([number])
        liveCounts[deadline] -= 1
        ranks[deadline] = rank(deadline)
    }

    // MARK: Ends of deadlines

    /// The next epoch at whose end a deadline is looked at; `nil` where there is nothing to prove.
    var nextEnd: Int64? { liveCount > 0 ? period.current(at: closedThrough + 1).last : nil }

    /// Looks at every deadline that ends up to `head`: what was not proven becomes faulty, what is over or
    /// was faulty for too long leaves, which the answer lists with the epoch.
    mutating func advance(to head: Int64) -> [Departure] {
        var gone: [Departure] = []
        // Without proofs all is faulty after a period and given up after the longest time, so this ends soon
        // however far the head is.
        while liveCount > 0 {
            let times = period.current(at: closedThrough + 1)
            guard times.last <= head else { return gone }
            if let departure = close(times) { gone.append(departure) }
            closedThrough = times.last
        }
        closedThrough = max(closedThrough, head)
        return gone
    }

    /// Gives out what the ends of deadlines came to since this was asked last.
    mutating func takeCharges() -> ProvingCharges {
        defer { charges = ProvingCharges() }
        return charges
    }

    private mutating func close(_ times: DeadlineTimes) -> Departure? {
        var gone = Departure(epoch: times.last, expired: [], ended: [])
        var (faulty, live, proven) = (0, 0, 0)
        var (dueCount, landedCount) = (0, 0)
        for index in deadlines[times.index].indices {
            // What missed its proof just now is charged from the next end on.
            faulty += deadlines[times.index][index].faulty.count
            live += deadlines[times.index][index].liveCount
            if deadlines[times.index][index].provenOpen == times.open {
                dueCount += 1
                landedCount += 1
            } else {
                // What is faulty as a whole, and not declared recovered, is not due.
                if !deadlines[times.index][index].toProve.isEmpty { dueCount += 1 }
                let live = deadlines[times.index][index].live
                deadlines[times.index][index].fault(live, expiry: faultExpiry(times))
            }
            proven +=
                deadlines[times.index][index].liveCount - deadlines[times.index][index].faulty.count
            // What is over is not given up, faulty as it may be.
            gone.ended = gone.ended.union(deadlines[times.index][index].end(at: times.last))
            gone.expired = gone.expired.union(deadlines[times.index][index].expire(at: times.last))
        }
        charges.ended(faulty: faulty, live: live, proven: proven)
        charges.closed(times.index, due: dueCount, proven: landedCount)
        liveCounts[times.index] -= gone.ended.count + gone.expired.count
        ranks[times.index] = rank(times.index)
        return gone.ended.isEmpty && gone.expired.isEmpty ? nil : gone
    }

    func faultExpiry(_ times: DeadlineTimes) -> Int64 {
        times.last + period.parameters.faultPeriodsMax * period.parameters.periodEpochs
    }

    /// What is wrong with the table; empty where all is well.
    func checkInvariants() -> [String] {
        var wrong: [String] = []
        for (index, partitions) in deadlines.enumerated() {
            for (number, partition) in partitions.enumerated() {
                let groups = partition.faultGroups.reduce(0) { $0 + $1.numbers.count }
                let isSane =
                    partition.faulty.isSubset(of: partition.live)
                    && partition.recovering.isSubset(of: partition.faulty)
                    && partition.live.count == partition.liveCount && groups == partition.faulty.count
                    && partition.totalCount <= partitionSize
                if !isSane { wrong.append("deadline \(index), partition \(number): its sets disagree") }
            }
            let (live, total) = partitions.reduce((0, 0)) { ($0.0 + $1.liveCount, $0.1 + $1.totalCount) }
            if live != liveCounts[index] || total != totalCounts[index] {
                wrong.append("deadline \(index) has \(live) of \(total) sectors and counts otherwise")
            }
        }
        return wrong
    }
}
