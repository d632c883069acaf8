// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel

/// Ahead of the cutoff: sectors are read, and what is found is declared while the chain takes it.
extension PoStRun {
    mutating func advanceCheck(_ now: Instant, _ epoch: Int64, _ clock: EpochClock) -> [PoStAction] {
        switch check {
        case .done: return []
        case .waiting:
            guard epoch >= times.cutoff - options.checkLead else { return [] }
            return ask(now, epoch, clock)
        case .reading:
            let isLate = epoch >= times.cutoff - options.declareMargin
            var actions: [PoStAction] = []
            let waiting = readings.indices.filter {
                !isLate && readings[$0].task == nil && !readings[$0].isEnded
            }
            actions += askSealed(waiting.map { readings[$0].sectors }, now, clock)
            for index in waiting where isSealedKnown(readings[index].sectors) {
                actions.append(read(index, now, clock))
            }
            actions += warnOfWaitingChecks(now, epoch, clock)
            guard isLate || readings.allSatisfy(\.isEnded) else { return actions }
            return actions + conclude(now, epoch, clock)
        case .declaring: return sendDeclarations(now, epoch, clock)
        }
    }

    mutating func beginCheck(_ status: DeadlineStatus, _ now: Instant, _ epoch: Int64) {
        for (index, partition) in status.partitions.enumerated() {
            let sectors = options.checksAll ? partition.live : partition.faulty
            guard !sectors.isEmpty else { continue }
            readings.append(
                Reading(
                    index: index, sectors: sectors, faulty: partition.faulty, recovering: partition.recovering
                ))
        }
        check = readings.isEmpty ? .done : .reading
        guard !readings.isEmpty else { return }
        let count = readings.reduce(0) { $0 + $1.sectors.count }
        note(now, epoch, "\(count) sectors in \(readings.count) partitions are read ahead of the cutoff")
    }

    /// Once for a deadline: after a while without a worker, whoever reads the log must learn of it.
    private mutating func warnOfWaitingChecks(
        _ now: Instant, _ epoch: Int64, _ clock: EpochClock
    ) -> [PoStAction] {
        let limit = clock.duration * Int(options.askAgain)
        let waiting = readings.filter { $0.task != nil && ($0.waitsSince.map { now - $0 >= limit } ?? false) }
        guard !isCheckWaitSaid, !waiting.isEmpty else { return [] }
        isCheckWaitSaid = true
        return [warnOfWaiting(waiting.map(\.index), "read before epoch \(times.cutoff)", now, epoch)]
    }

    mutating func warnOfWaiting(
        _ indices: [Int], _ what: String, _ now: Instant, _ epoch: Int64
    ) -> PoStAction {
        let shown = indices.prefix(10).map { String($0) }.joined(separator: ", ")
        let text =
            "deadline \(times.index) (open from epoch \(times.open) to \(times.close)): no worker takes "
            + "partitions \(shown)\(indices.count > 10 ? " …" : ""), \(indices.count) in all, which are to "
            + "be \(what); start a worker with slots for \(TaskType.windowPoSt.short), or see what holds up "
            + "those that run"
        note(now, epoch, text)
        return .warn(text)
    }

    private mutating func read(_ index: Int, _ now: Instant, _ clock: EpochClock) -> PoStAction {
        readings[index].attempt += 1
        readings[index].waitsSince = now
        let reading = readings[index]
        let id = PoStTasks.id(
            miner: options.miner, times, partition: reading.index, attempt: reading.attempt, isCheck: true)
        readings[index].task = id
        let work = PartitionChallenge(
            deadline: times.index, partition: reading.index, randomness: probe(reading.index),
            sectors: reading.sectors.numbers, commitments: commitments(of: reading.sectors), isCheck: true)
        return .submit(
            TaskRequest(
                id: id, proof: options.proof, work: .windowPoSt(work),
                deadline: clock.instant(of: times.cutoff - options.declareMargin)))
    }

    /// Where to read: somewhere else each day, which nobody need be unable to guess.
    private func probe(_ partition: Int) -> [UInt8] {
        var word = UInt64(bitPattern: times.open) << 12 | UInt64(partition)
        return (0..<32).map { _ in
            word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: word >> 56)
        }
    }

    mutating func checkEnded(_ id: TaskID, _ result: TaskResult, _ now: Instant, _ epoch: Int64) {
        guard let index = readings.firstIndex(where: { $0.task == id }) else { return }
        readings[index].task = nil
        switch result {
        case .done(.windowPoSt(_, let skipped, let reasons)):
            readings[index].isEnded = true
            let found = SectorNumbers(skipped).intersection(readings[index].sectors)
            readings[index].unreadable = found
            guard !found.isEmpty else { return }
            note(now, epoch, "partition \(readings[index].index): cannot read \(found)\(why(reasons))")
        case .failed(let failure) where failure.cause == .infrastructureLost:
            note(now, epoch, "the reading of partition \(readings[index].index) was lost: \(failure.message)")
        case .failed(let failure):
            readings[index].isEnded = readings[index].attempt >= 3
            note(now, epoch, "the reading of partition \(readings[index].index) failed: \(failure.message)")
        case .done: readings[index].isEnded = true
        }
    }

    /// Takes what is known by now and makes the declarations of it.
    private mutating func conclude(_ now: Instant, _ epoch: Int64, _ clock: EpochClock) -> [PoStAction] {
        var (faults, recoveries): ([FaultDeclaration.Item], [FaultDeclaration.Item]) = ([], [])
        for reading in readings {
            guard let bad = reading.unreadable else { continue }
            unreadable = unreadable.union(bad)
            let isKnown = reading.faulty.subtracting(reading.recovering)
            let new = bad.subtracting(isKnown)
            let healed = isKnown.subtracting(bad).intersection(reading.sectors)
            if !new.isEmpty {
                faults.append(.init(deadline: times.index, partition: reading.index, sectors: new))
            }
            if !healed.isEmpty {
                recoveries.append(.init(deadline: times.index, partition: reading.index, sectors: healed))
            }
            if !bad.isEmpty || !reading.faulty.isEmpty { tells = true }
        }
        declarations = messages(.faults, faults) + messages(.recoveries, recoveries)
        check = .declaring
        let cancelled = readings.compactMap { $0.task.map { PoStAction.cancel($0) } }
        for index in readings.indices { readings[index].task = nil }
        return cancelled + sendDeclarations(now, epoch, clock)
    }

    private func messages(
        _ kind: FaultDeclaration.Kind, _ items: [FaultDeclaration.Item]
    ) -> [Flight<FaultDeclaration>] {
        var groups: [[FaultDeclaration.Item]] = []
        var count = 0
        for item in items {
            if groups.isEmpty || count + item.sectors.count > parameters.declaredSectorsMax {
                groups.append([])
                count = 0
            }
            groups[groups.count - 1].append(item)
            count += item.sectors.count
        }
        return groups.enumerated().map { index, items in
            let name =
                "\(kind.rawValue) f0\(options.miner) deadline \(times.index) from \(times.open) "
                + "part \(index + 1)"
            let message = FaultDeclaration(kind, miner: options.miner, name: name, items: items)
            return Flight(name: name, content: message)
        }
    }

    private mutating func sendDeclarations(
        _ now: Instant, _ epoch: Int64, _ clock: EpochClock
    ) -> [PoStAction] {
        var actions: [PoStAction] = []
        let again = clock.duration * Int(options.askAgain)
        for index in declarations.indices {
            if let due = declarations[index].repeatAt {
                guard now >= due else { continue }
            } else {
                let message = declarations[index].content
                let sectors = message.items.map(\.sectors.description).joined(separator: ", ")
                note(now, epoch, "declares \(message.kind.rawValue) of \(sectors)")
            }
            declarations[index].repeatAt = now + again
            actions.append(.declare(declarations[index].content))
        }
        if declarations.isEmpty { check = .done }
        return actions
    }

    mutating func declarationEnded(_ name: String, _ how: String, _ now: Instant, _ epoch: Int64) {
        guard let index = declarations.firstIndex(where: { $0.name == name }) else { return }
        declarations.remove(at: index)
        note(now, epoch, "\(name) \(how)")
        if declarations.isEmpty { check = .done }
    }

    /// The cutoff has passed: what was not declared is left to the proof, which skips it.
    mutating func endCheck(_ now: Instant, _ epoch: Int64) -> [PoStAction] {
        let open = readings.filter { $0.task != nil }
        if !open.isEmpty || !declarations.isEmpty {
            note(
                now, epoch,
                "the cutoff came with \(open.count) readings and \(declarations.count) declarations open")
        }
        check = .done
        declarations = []
        for index in readings.indices { readings[index].task = nil }
        return open.compactMap { $0.task.map { .cancel($0) } }
    }
}
