// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel

/// From the challenge to the close: all partitions are proven at once, and sent as they come.
extension PoStRun {
    mutating func advanceProofs(_ now: Instant, _ epoch: Int64, _ clock: EpochClock) -> [PoStAction] {
        if randomness == nil || needsLook {
            if firstAskEpoch == nil { firstAskEpoch = epoch }
            return ask(now, epoch, clock)
        }
        let waiting = partitions.indices.filter {
            if case .waiting(let from) = partitions[$0].progress { from <= epoch } else { false }
        }
        var actions = askSealed(waiting.map { partitions[$0].sectors }, now, clock)
        for place in waiting where isSealedKnown(partitions[place].sectors) {
            actions.append(prove(place, now, clock))
        }
        actions += warnOfWaitingProofs(now, epoch, clock)
        guard epoch >= times.open else { return actions }
        return actions + sendAgain(now, clock) + sendNew(now, epoch, clock)
    }

    /// Takes the challenge and what the chain has of the deadline's partitions.
    mutating func beginProofs(
        _ status: DeadlineStatus, _ challenge: [UInt8], _ now: Instant, _ epoch: Int64
    ) {
        if randomness == nil {
            randomness = challenge
            for (index, partition) in status.partitions.enumerated() {
                let isProven = partition.provenOpen == times.open
                guard isProven || !partition.toProve.isEmpty else { continue }
                partitions.append(Partition(index: index, sectors: partition.toProve))
            }
            if !status.partitions.isEmpty { tells = true }
            guard !partitions.isEmpty else { return isFinished = true }
            let count = partitions.reduce(0) { $0 + $1.sectors.count }
            note(now, epoch, "the challenge is known: \(partitions.count) partitions, \(count) sectors")
        }
        needsLook = false
        for place in partitions.indices {
            let known = status.partitions.indices.contains(partitions[place].index)
            guard known, status.partitions[partitions[place].index].provenOpen == times.open else { continue }
            let landing = status.partitions[partitions[place].index].provenEpoch ?? epoch
            land(place, landing, now, epoch)
        }
    }

    private mutating func land(_ place: Int, _ landing: Int64, _ now: Instant, _ epoch: Int64) {
        if case .landed = partitions[place].progress { return }
        partitions[place].progress = .landed(epoch: landing)
        partitions[place].proof = []
        note(now, epoch, "partition \(partitions[place].index) is on the chain since epoch \(landing)")
    }

    private mutating func prove(_ place: Int, _ now: Instant, _ clock: EpochClock) -> PoStAction {
        partitions[place].attempt += 1
        let partition = partitions[place]
        let id = PoStTasks.id(
            miner: options.miner, times, partition: partition.index, attempt: partition.attempt,
            isCheck: false)
        partitions[place].progress = .proving(id, worker: nil, since: now)
        let work = PartitionChallenge(
            deadline: times.index, partition: partition.index, randomness: randomness ?? [],
            sectors: partition.sectors.numbers, commitments: commitments(of: partition.sectors))
        return .submit(
            TaskRequest(
                id: id, proof: options.proof, work: .windowPoSt(work),
                deadline: clock.instant(of: times.close - options.sendMargin), priority: 1))
    }

    // MARK: Tasks

    /// Once for a partition: nobody has taken it for a while.
    private mutating func warnOfWaitingProofs(
        _ now: Instant, _ epoch: Int64, _ clock: EpochClock
    ) -> [PoStAction] {
        let limit = clock.duration * Int(options.askAgain)
        let waiting = partitions.indices.filter { place in
            guard case .proving(_, nil, let since) = partitions[place].progress else { return false }
            return !partitions[place].isWaitSaid && now - since >= limit
        }
        guard !waiting.isEmpty else { return [] }
        for place in waiting { partitions[place].isWaitSaid = true }
        let indices = waiting.map { partitions[$0].index }
        return [warnOfWaiting(indices, "proven before epoch \(times.close)", now, epoch)]
    }

    mutating func taskStarted(_ id: TaskID, worker: String, _ now: Instant, _ epoch: Int64) {
        for index in readings.indices where readings[index].task == id { readings[index].waitsSince = nil }
        for place in partitions.indices {
            guard case .proving(id, let known, _) = partitions[place].progress, known != worker else {
                continue
            }
            partitions[place].progress = .proving(id, worker: worker, since: now)
            note(
                now, epoch,
                "partition \(partitions[place].index), try \(id.attempt): \(worker) has begun")
        }
    }

    mutating func taskEnded(_ id: TaskID, _ result: TaskResult, _ now: Instant, _ epoch: Int64) {
        guard let place = partitions.firstIndex(where: { $0.progress.task == id }) else { return }
        let name = "partition \(partitions[place].index), try \(id.attempt)"
        switch result {
        case .done(.windowPoSt(let proof, let skipped, let reasons)):
            let bad = SectorNumbers(skipped).intersection(partitions[place].sectors)
            partitions[place].skipped = bad
            // Later evidence than what was read ahead of the deadline.
            unreadable = unreadable.subtracting(partitions[place].sectors).union(bad)
            if !bad.isEmpty {
                tells = true
                note(now, epoch, "\(name): skips \(bad), which cannot be read\(why(reasons))")
            }
            guard bad != partitions[place].sectors else {
                let reason = "none of its \(bad.count) sectors could be read"
                note(now, epoch, "\(name): \(reason)")
                // A store that is away takes all of them along, and may be back before the close.
                let pause = max(1, (times.close - options.sendMargin - epoch) / 4)
                return again(place, from: epoch + pause, isFailure: true, reason)
            }
            partitions[place].proof = proof
            partitions[place].progress = .proved(from: epoch)
            note(now, epoch, "\(name): proven")
        case .failed(let failure):
            note(now, epoch, "\(name): \(failure)")
            // A worker that was lost says nothing about the sectors: another begins at once.
            let isLoss = failure.cause == .infrastructureLost || failure.cause == .aborted
            again(place, from: isLoss ? epoch : epoch + 1, isFailure: !isLoss, failure.message)
        case .done: again(place, from: epoch + 1, isFailure: true, "the worker did something else")
        }
    }

    private mutating func again(_ place: Int, from: Int64, isFailure: Bool, _ reason: String) {
        if isFailure { partitions[place].failureCount += 1 }
        partitions[place].lastFailure = reason
        guard partitions[place].failureCount < options.tryCountMax else {
            partitions[place].progress = .failed(
                "\(partitions[place].failureCount) tries failed, the last: \(reason)")
            return
        }
        partitions[place].progress = .waiting(from: from)
    }

    // MARK: Messages

    /// Sends full messages at once, and smaller ones when nothing more is to come or time is short.
    private mutating func sendNew(_ now: Instant, _ epoch: Int64, _ clock: EpochClock) -> [PoStAction] {
        let again = clock.duration * Int(options.askAgain)
        var ready = partitions.indices.filter {
            if case .proved(let from) = partitions[$0].progress { from <= epoch } else { false }
        }
        let isLast = !partitions.contains { $0.isUnderWay } || epoch >= times.close - options.sendMargin
        var actions: [PoStAction] = []
        while ready.count >= parameters.partitionsPerMessage || (isLast && !ready.isEmpty) {
            let group = Array(ready.prefix(parameters.partitionsPerMessage))
            ready.removeFirst(group.count)
            let message = submission(group)
            for place in group { partitions[place].progress = .sent(message.name) }
            submissions.removeAll { $0.name == message.name }
            submissions.append(Flight(name: message.name, content: group, repeatAt: now + again))
            note(now, epoch, "\(message.name) leaves")
            actions.append(.send(message))
        }
        return actions
    }

    private mutating func sendAgain(_ now: Instant, _ clock: EpochClock) -> [PoStAction] {
        var actions: [PoStAction] = []
        let again = clock.duration * Int(options.askAgain)
        for index in submissions.indices {
            guard let due = submissions[index].repeatAt, now >= due else { continue }
            submissions[index].repeatAt = now + again
            actions.append(.send(submission(submissions[index].content)))
        }
        return actions
    }

    private func submission(_ places: [Int]) -> WindowPoStSubmission {
        WindowPoStSubmission(
            miner: options.miner, deadline: times.index, open: times.open,
            partitions: places.map {
                .init(
                    index: partitions[$0].index, skipped: partitions[$0].skipped, proof: partitions[$0].proof)
            }, form: options.form)
    }

    /// The chain has a message: it need not be sent again, unless it does not land.
    mutating func accepted(_ name: String, _ now: Instant, _ clock: EpochClock) {
        let again = now + clock.duration * Int(options.landAgain)
        if let index = declarations.firstIndex(where: { $0.name == name }) {
            declarations[index].repeatAt = again
        }
        guard let index = submissions.firstIndex(where: { $0.name == name }) else { return }
        submissions[index].repeatAt = again
        note(now, clock.epoch(at: now), "\(name) is with the chain")
    }

    mutating func landed(_ name: String, _ landing: Int64, _ now: Instant, _ epoch: Int64) {
        declarationEnded(name, "landed at epoch \(landing)", now, epoch)
        guard let index = submissions.firstIndex(where: { $0.name == name }) else { return }
        for place in submissions.remove(at: index).content { land(place, landing, now, epoch) }
    }

    mutating func rejected(_ name: String, _ refusal: ChainRefusal, _ now: Instant, _ epoch: Int64) {
        declarationEnded(name, "was refused: \(refusal)", now, epoch)
        guard let index = submissions.firstIndex(where: { $0.name == name }) else { return }
        note(now, epoch, "\(name) was refused: \(refusal)")
        // What the chain has is looked up first; a proof that it found wrong is made anew.
        needsLook = true
        for place in submissions.remove(at: index).content {
            if refusal.exitCode == 16 {
                again(place, from: epoch + 1, isFailure: true, refusal.reason)
            } else {
                partitions[place].progress = .proved(from: epoch + 1)
            }
        }
    }
}

extension PoStRun.Progress {
    /// The task that is under way.
    var task: TaskID? {
        if case .proving(let id, _, _) = self { id } else { nil }
    }
}
