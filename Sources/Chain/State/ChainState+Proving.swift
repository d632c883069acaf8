// SPDX-License-Identifier: Apache-2.0
package import Sealing

/// Deadlines, window proofs and faults.
///
/// Nothing ticks here either: what happened at the ends of deadlines is worked out when somebody asks or a
/// message comes, always up to the head and no further, so that a chain read from its store comes to the
/// same.
extension ChainState {
    /// When a miner's deadlines are, whether it has sectors or not: miners exist from the genesis on.
    package func provingPeriod(of miner: UInt64) throws(ChainRefusal) -> ProvingPeriod {
        let address = try address(of: SectorKey(miner: miner, number: 0))
        let digest: [UInt8]
        do {
            digest = try BLAKE2b.hash(
                ChainRandomness.entropy(of: address) + ChainRandomness.bigEndian(0), digestCount: 32)
        } catch {
            throw .illegalState("no digest of \(address): \(error)")
        }
        let word = digest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let length = UInt64(parameters.proving.periodEpochs)
        return ProvingPeriod(parameters: parameters.proving, offset: Int64(word % length))
    }

    /// Looks at every deadline that has ended up to `head`.
    package mutating func advance(to head: Int64) {
        guard head >= nextDeadlineEnd else { return }
        nextDeadlineEnd = .max
        for id in provingMiners {
            guard var table = miners[id]?.proving else { continue }
            for gone in table.advance(to: head) {
                charges.kept(gone.ended.count)
                for number in gone.expired.numbers {
                    charges.terminated(activation: miners[id]?.sectors[number]?.provenEpoch, at: gone.epoch)
                }
                for number in gone.expired.union(gone.ended).numbers {
                    miners[id]?.sectors.change(number) { $0.terminatedEpoch = gone.epoch }
                }
            }
            charges.add(table.takeCharges())
            if let end = table.nextEnd { nextDeadlineEnd = min(nextDeadlineEnd, end) }
            miners[id]?.proving = table
        }
    }

    // MARK: Changes

    /// Says why a sector that is proven now has no place in any deadline; `nil` where it has one.
    func refusalOfPlace(for key: SectorKey, at epoch: Int64) -> ChainRefusal? {
        guard let table = miners[key.miner]?.proving, table.deadline(forNewSectorAt: epoch) == nil else {
            return nil
        }
        return .illegalState("all deadlines of f0\(key.miner) are full; they take no more sectors")
    }

    /// Gives a sector that was proven at an epoch its deadline and partition.
    mutating func place(_ key: SectorKey, at epoch: Int64) throws(ChainError) {
        guard let sector = sector(key) else { return }
        if !provingMiners.contains(key.miner) {
            let period: ProvingPeriod
            do throws(ChainRefusal) {
                period = try provingPeriod(of: key.miner)
            } catch {
                throw ChainError(.corruptStore, "\(key): \(error.reason)")
            }
            let size = sector.preCommit.proof.sectorSize.shape.windowSectorCount
            miners[key.miner]?.proving = ProvingTable(period: period, partitionSize: size, from: epoch)
            provingMiners.append(key.miner)
            provingMiners.sort()
        }
        // In place: the table would be copied for each sector otherwise.
        guard
            let place = miners[key.miner]?.proving?.place(
                key.number, at: epoch, expiration: sector.preCommit.expiration)
        else { throw ChainError(.corruptStore, "sector \(key) has no place in any deadline") }
        miners[key.miner]?.sectors.change(key.number) { $0.place = place.place }
        if let end = place.nextEnd { nextDeadlineEnd = min(nextDeadlineEnd, end) }
    }

    /// Puts sectors into a miner's deadlines that were proven before this chain began, as a simulated cluster
    /// has them: of them nothing but their numbers is known.
    package mutating func adopt(
        _ numbers: Range<UInt64>, of miner: UInt64, size: SectorSize, at epoch: Int64
    ) throws(ChainRefusal) {
        var table = ProvingTable(
            period: try provingPeriod(of: miner), partitionSize: size.shape.windowSectorCount, from: epoch)
        var next = numbers.lowerBound
        while next < numbers.upperBound {
            guard let deadline = table.deadline(forNewSectorAt: epoch) else {
                throw .illegalState("the deadlines of f0\(miner) take no \(numbers.count) sectors")
            }
            let end = min(numbers.upperBound, next + UInt64(table.room(in: deadline)))
            _ = table.add(next..<end, to: deadline)
            next = end
        }
        if let end = table.nextEnd { nextDeadlineEnd = min(nextDeadlineEnd, end) }
        miners[miner, default: Miner()].proving = table
        provingMiners.append(miner)
        provingMiners.sort()
    }

    /// Takes a sector that has ended out of its partition.
    mutating func displace(_ key: SectorKey) {
        guard let place = sector(key)?.place else { return }
        miners[key.miner]?.proving?
            .remove(key.number, deadline: place.deadline, partition: place.partition)
    }

    mutating func take(_ record: WindowPoStRecord) throws(ChainError) {
        guard var table = miners[record.miner]?.proving else { throw corrupt(record.miner, "no deadlines") }
        let times = table.period.current(at: record.epoch)
        for item in record.items {
            guard times.index == item.deadline,
                table.deadlines[item.deadline].indices.contains(item.partition)
            else { throw corrupt(record.miner, "a proof of a partition that is not due") }
            let expiry = table.faultExpiry(times)
            var partition = table.deadlines[item.deadline][item.partition]
            partition.recover(partition.recovering.subtracting(item.sectors))
            partition.fault(item.sectors, expiry: expiry)
            partition.provenOpen = times.open
            partition.provenEpoch = record.epoch
            table.deadlines[item.deadline][item.partition] = partition
            charges.skipped(item.sectors.count)
        }
        miners[record.miner]?.proving = table
    }

    mutating func takeFaults(_ record: WindowPoStRecord) throws(ChainError) {
        try declare(record) { partition, sectors, expiry in partition.fault(sectors, expiry: expiry) }
    }

    mutating func takeRecoveries(_ record: WindowPoStRecord) throws(ChainError) {
        try declare(record) { partition, sectors, _ in
            partition.recovering = partition.recovering.union(sectors.intersection(partition.faulty))
        }
    }

    private mutating func declare(
        _ record: WindowPoStRecord, _ change: (inout ProvingTable.Partition, SectorNumbers, Int64) -> Void
    ) throws(ChainError) {
        guard var table = miners[record.miner]?.proving else { throw corrupt(record.miner, "no deadlines") }
        for item in record.items {
            guard table.deadlines.indices.contains(item.deadline),
                table.deadlines[item.deadline].indices.contains(item.partition)
            else { throw corrupt(record.miner, "a declaration about a partition that is not there") }
            let expiry = table.faultExpiry(
                table.period.times(item.deadline, notElapsedAt: record.epoch))
            change(&table.deadlines[item.deadline][item.partition], item.sectors, expiry)
            table.deadlines[item.deadline][item.partition].declaredEpoch = record.epoch
        }
        miners[record.miner]?.proving = table
    }

    private func corrupt(_ miner: UInt64, _ what: String) -> ChainError {
        ChainError(.corruptStore, "miner f0\(miner): \(what) among the chain's entries")
    }

    // MARK: Messages

    /// Judges a window proof that arrives at `head`.
    package func consider(
        _ message: WindowPoStSubmission, head: Int64, verifier: some ProofVerifier
    ) -> BatchVerdict {
        do throws(ChainRefusal) {
            let table = try table(of: message.miner)
            let (landing, limit) = (head + 1, parameters.proving.partitionsPerMessage)
            guard (1...limit).contains(message.partitions.count) else {
                throw .illegalArgument("a message proves 1 to \(limit) partitions")
            }
            guard Set(message.partitions.map(\.index)).count == message.partitions.count,
                table.deadlines.indices.contains(message.deadline),
                message.partitions.allSatisfy({
                    table.deadlines[message.deadline].indices.contains($0.index)
                })
            else {
                throw .illegalArgument("\(message.name): no such partitions, or one of them twice")
            }
            let known = message.partitions.compactMap { sent -> Int64? in
                let partition = table.deadlines[message.deadline][sent.index]
                return partition.provenOpen == message.open ? partition.provenEpoch : nil
            }
            if known.count == message.partitions.count { return .known(epoch: known.max() ?? landing) }
            guard known.isEmpty else {
                throw .illegalArgument("\(message.name): a partition of it is proven already")
            }
            let times = table.period.current(at: landing)
            guard times.index == message.deadline, times.open == message.open else {
                throw .forbidden(
                    "\(message.name) would land at epoch \(landing), when deadline \(times.index) is open, "
                        + "from \(times.open) to \(times.close)")
            }
            for sent in message.partitions { try check(sent, message, table, verifier) }
            let record = WindowPoStRecord(
                miner: message.miner,
                items: message.partitions.map {
                    .init(deadline: message.deadline, partition: $0.index, sectors: $0.skipped)
                }, epoch: landing)
            return .new([.windowPoSt(record)], epoch: landing)
        } catch {
            return .refused(error)
        }
    }

    private func check(
        _ sent: WindowPoStSubmission.Partition, _ message: WindowPoStSubmission, _ table: ProvingTable,
        _ verifier: some ProofVerifier
    ) throws(ChainRefusal) {
        let partition = table.deadlines[message.deadline][sent.index]
        guard sent.skipped.isSubset(of: partition.live) else {
            throw .illegalArgument("\(message.name): a skipped sector is not in partition \(sent.index)")
        }
        let proven = partition.toProve.subtracting(sent.skipped)
        guard !proven.isEmpty else {
            throw .illegalArgument("\(message.name): no sector of partition \(sent.index) is proven")
        }
        let challenge = message.open - parameters.proving.challengeLookback
        let randomness = beacon.draw(
            .windowPoStChallenge, epoch: challenge,
            miner: try address(of: SectorKey(miner: message.miner, number: 0)))
        let sectors = miners[message.miner]?.sectors ?? SectorTable()
        let claim = WindowPoStClaim(
            miner: message.miner, partition: "\(message.name), partition \(sent.index)",
            randomness: randomness)
        let refusal = verifier.verifyWindowPoSt(sent.proof, form: message.form, claim: claim) {
            proven.numbers.compactMap { number in
                sectors[number].map { .init(number: number, record: $0.preCommit) }
            }
        }
        if let refusal { throw refusal }
    }

    /// Judges a declaration that arrives at `head`.
    package func consider(_ message: FaultDeclaration, head: Int64) -> BatchVerdict {
        do throws(ChainRefusal) {
            let table = try table(of: message.miner)
            let landing = head + 1
            let count = message.items.reduce(0) { $0 + $1.sectors.count }
            guard (1...parameters.proving.declaredSectorsMax).contains(count) else {
                throw .illegalArgument(
                    "a declaration is about 1 to \(parameters.proving.declaredSectorsMax) sectors")
            }
            var (isNew, known) = (false, Int64(0))
            for item in message.items {
                guard table.deadlines.indices.contains(item.deadline),
                    table.deadlines[item.deadline].indices.contains(item.partition)
                else { throw .notFound("\(message.name): deadline \(item.deadline) has no such partition") }
                let partition = table.deadlines[item.deadline][item.partition]
                let base = message.kind == .faults ? partition.live : partition.faulty
                guard item.sectors.isSubset(of: base) else {
                    throw .illegalArgument(
                        "\(message.name): among \(item.sectors) are sectors that are not "
                            + (message.kind == .faults ? "in that partition" : "faulty there"))
                }
                let done =
                    message.kind == .faults
                    ? partition.faulty.subtracting(partition.recovering) : partition.recovering
                if item.sectors.isSubset(of: done) {
                    known = max(known, partition.declaredEpoch)
                    continue
                }
                isNew = true
                let times = table.period.times(item.deadline, notElapsedAt: landing)
                guard landing < times.cutoff else {
                    throw .forbidden(
                        "\(message.name) would land at epoch \(landing); deadline \(item.deadline) "
                            + "takes declarations before epoch \(times.cutoff)")
                }
            }
            guard isNew else { return .known(epoch: min(known, landing)) }
            let record = WindowPoStRecord(
                miner: message.miner,
                items: message.items.map {
                    .init(deadline: $0.deadline, partition: $0.partition, sectors: $0.sectors)
                }, epoch: landing)
            let entry: ChainEntry = message.kind == .faults ? .faultsDeclared(record) : .recoveries(record)
            return .new([entry], epoch: landing)
        } catch {
            return .refused(error)
        }
    }

    private func table(of miner: UInt64) throws(ChainRefusal) -> ProvingTable {
        guard let table = miners[miner]?.proving else {
            throw .notFound("miner f0\(miner) has no proven sectors")
        }
        return table
    }

    private func period(of miner: UInt64) throws(ChainRefusal) -> ProvingPeriod {
        if let table = miners[miner]?.proving { return table.period }
        return try provingPeriod(of: miner)
    }

    // MARK: Questions

    /// When a miner's deadlines are, and how much is in them.
    package func provingStatus(of miner: UInt64, head: Int64) throws(ChainRefusal) -> ProvingStatus {
        let table = miners[miner]?.proving
        let partitions = table?.deadlines ?? []
        return ProvingStatus(
            miner: miner, period: try period(of: miner), head: head,
            partitionCounts: table.map { $0.deadlines.map(\.count) }
                ?? Array(repeating: 0, count: parameters.proving.deadlineCount),
            liveCount: table?.liveCount ?? 0,
            faultyCount: partitions.joined().reduce(0) { $0 + $1.faulty.count })
    }

    /// What is known of a deadline: the one that is open, or the next of that index.
    package func deadlineStatus(
        of miner: UInt64, deadline: Int, head: Int64
    ) throws(ChainRefusal) -> DeadlineStatus {
        guard (0..<parameters.proving.deadlineCount).contains(deadline) else {
            throw .illegalArgument(
                "a period has deadlines 0 to \(parameters.proving.deadlineCount - 1), not \(deadline)")
        }
        let table = miners[miner]?.proving
        let period = try period(of: miner)
        let times = period.times(deadline, notElapsedAt: head)
        let address = try address(of: SectorKey(miner: miner, number: 0))
        return DeadlineStatus(
            miner: miner, head: head, times: times,
            partitions: (table?.deadlines[deadline] ?? []).map {
                DeadlineStatus.Partition(
                    live: $0.live, faulty: $0.faulty, recovering: $0.recovering, expired: $0.expired,
                    ended: $0.ended, provenOpen: $0.provenOpen, provenEpoch: $0.provenEpoch)
            },
            randomness: head >= times.challenge
                ? beacon.draw(.windowPoStChallenge, epoch: times.challenge, miner: address).bytes : nil)
    }

    /// Where a proven sector is proven again; `nil` for one that is not proven.
    package func place(of key: SectorKey) -> SectorPlace? { sector(key)?.place }

    /// The epoch from which a sector's deadline may be changed again; `nil` where it may be now.
    func immutableUntil(_ key: SectorKey, at epoch: Int64) -> Int64? {
        guard let place = sector(key)?.place, let period = miners[key.miner]?.proving?.period else {
            return nil
        }
        let times = period.times(place.deadline, notElapsedAt: epoch)
        return times.isMutable(at: epoch) ? nil : times.close
    }
}

/// A deadline and a partition of it.
package struct SectorPlace: Sendable, Hashable, Codable {
    package var deadline: Int
    package var partition: Int

    package init(deadline: Int, partition: Int) {
        self.deadline = deadline
        self.partition = partition
    }
}
