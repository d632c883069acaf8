// SPDX-License-Identifier: Apache-2.0
import Chain
import Testing

@Suite("Deadlines, window proofs and faults")
struct ProvingTests {
    private let miner: UInt64 = 1000

    // MARK: The calendar

    @Test("a deadline's epochs are those of the network's rules")
    func deadlineTimes() {
        let period = ProvingPeriod(parameters: .standard, offset: 100)
        #expect(period.parameters.periodEpochs == 2880)
        #expect(period.start(at: 100) == 100 && period.start(at: 2979) == 100)
        #expect(period.start(at: 99) == 100 - 2880)
        let first = period.times(5, notElapsedAt: 100)
        #expect(first.open == 400 && first.close == 460 && first.last == 459)
        #expect(first.challenge == 380 && first.cutoff == 330 && first.periodStart == 100)
        #expect(period.times(5, notElapsedAt: 459).open == 400)
        #expect(period.times(5, notElapsedAt: 460).open == 400 + 2880)
        #expect(first.isMutable(at: 339) && !first.isMutable(at: 340))
        #expect(period.current(at: 459).index == 5 && period.current(at: 460).index == 6)
        let ahead = period.ahead(from: 470)
        #expect(ahead.count == 48 && ahead[0].index == 6 && ahead[47].index == 5)
        #expect(zip(ahead, ahead.dropFirst()).allSatisfy { $0.close == $1.open })
        #expect(ahead[47].open == 400 + 2880)
        for epoch: Int64 in [-3000, 99, 100, 159, 160, 2979, 2980, 5000] {
            let first = period.current(at: epoch).index
            let expected = (0..<48).map { period.times((first + $0) % 48, notElapsedAt: epoch) }
            #expect(period.ahead(from: epoch) == expected, "\(epoch)")
        }
    }

    @Test(
        "a miner's period begins where the hash of its address says",
        arguments: [(1000, 658), (822_818, 760), (1, 2112)] as [(UInt64, Int64)])
    func offsets(miner: UInt64, offset: Int64) throws {
        let state = try ChainState(parameters: devnet, beacon: beacon)
        #expect(try state.provingPeriod(of: miner).offset == offset)
    }

    @Test("parameters that contradict each other are refused by name")
    func badParameters() throws {
        var parameters = devnet
        parameters.proving.faultCutoff = 10
        let error = #expect(throws: ChainError.self) { try parameters.validate() }
        #expect(error?.message.contains("fault cutoff") == true)
    }

    // MARK: Assignment

    /// A chain with `count` sectors that were proven at `head` + 31 or soon after, numbered from `first`.
    private func chain(_ count: Int, head: Int64 = 1000, first: UInt64 = 1) throws -> ChainState {
        var state = try ChainState(parameters: devnet, beacon: beacon)
        try add(count, first: first, head: head, &state)
        return state
    }

    private func add(_ count: Int, first: UInt64, head: Int64, _ state: inout ChainState) throws {
        let keys = (0..<UInt64(count)).map { SectorKey(miner: miner, number: first + $0) }
        for key in keys { _ = try state.land(preCommit(key, head: head), head: head) }
        for key in keys {
            state.advance(to: head + 30)
            let verdict = try state.land(modelled(key), head: head + 30)
            #expect(verdict.isNew)
        }
    }

    @Test(
        "new sectors never get a deadline that is open or next, and fill partitions first"
    )
    func assignment() throws {
        for head in stride(from: 1000, to: 4000, by: 431) as StrideTo<Int64> {
            let state = try chain(7, head: head)
            let period = try state.provingPeriod(of: miner)
            let landing = head + 31
            let open = period.current(at: landing).index
            var places: [SectorPlace: Int] = [:]
            for number in 1...7 as ClosedRange<UInt64> {
                let place = try #require(state.place(of: SectorKey(miner: miner, number: number)))
                #expect(place.deadline != open && place.deadline != (open + 1) % 48)
                #expect(period.times(place.deadline, notElapsedAt: landing).open - landing > 60)
                places[place, default: 0] += 1
            }
            // Two sectors of 2 KiB make a partition.
            #expect(places.values.sorted() == [1, 2, 2, 2])
            #expect(places.keys.allSatisfy { $0.partition == 0 })
            #expect(state.checkInvariants(head: landing) == [])
        }
    }

    @Test("deadlines get as many partitions as each other")
    func balance() throws {
        let state = try chain(48 * 2 * 2 + 2)
        let counts = try state.provingStatus(of: miner, head: 1031).partitionCounts
        // Two deadlines were frozen when the sectors came.
        #expect(counts.filter { $0 == 0 }.count == 2)
        #expect(Set(counts.filter { $0 > 0 }) == [2, 3])
    }

    // MARK: Proofs

    private func sole(_ state: ChainState, head: Int64) throws -> DeadlineStatus {
        let place = try #require(state.place(of: SectorKey(miner: miner, number: 1)))
        return try state.deadlineStatus(of: miner, deadline: place.deadline, head: head)
    }

    private func proof(
        _ status: DeadlineStatus, skipped: SectorNumbers = [], partition: Int = 0,
        change: (inout WindowPoStSubmission) -> Void = { _ in }
    ) -> WindowPoStSubmission {
        var message = WindowPoStSubmission(
            miner: miner, deadline: status.times.index, open: status.times.open,
            partitions: [.init(index: partition, skipped: skipped, proof: [1])], form: .modelled)
        change(&message)
        return message
    }

    private func land(
        _ message: WindowPoStSubmission, _ state: inout ChainState, head: Int64
    ) throws
        -> ChainState.BatchVerdict
    {
        state.advance(to: head)
        let verdict = state.consider(message, head: head, verifier: ModelProofVerifier())
        if case .new(let entries, _) = verdict { for entry in entries { try state.apply(entry) } }
        return verdict
    }

    private func land(
        _ message: FaultDeclaration, _ state: inout ChainState, head: Int64
    ) throws
        -> ChainState.BatchVerdict
    {
        state.advance(to: head)
        let verdict = state.consider(message, head: head)
        if case .new(let entries, _) = verdict { for entry in entries { try state.apply(entry) } }
        return verdict
    }

    @Test("a proof lands while the deadline is open, once, and a repeat is known")
    func window() throws {
        var state = try chain(2)
        let status = try sole(state, head: 1031)
        let (open, close) = (status.times.open, status.times.close)
        #expect(status.partitions.map(\.live) == [[1, 2]])
        #expect(try sole(state, head: status.times.challenge - 1).randomness == nil)
        #expect(try sole(state, head: status.times.challenge).randomness?.count == 32)
        #expect(try land(proof(status), &state, head: open - 2).refusal?.exitCode == 18)
        #expect(try land(proof(status), &state, head: open - 1).landing == open)
        #expect(try land(proof(status), &state, head: open + 20) == .known(epoch: open))
        #expect(try sole(state, head: open + 20).partitions[0].provenOpen == open)
        #expect(try land(proof(status), &state, head: close + 500) == .known(epoch: open))
        #expect(try sole(state, head: close + 500).partitions[0].faulty.isEmpty)
        #expect(state.checkInvariants(head: close + 500) == [])
    }

    @Test("the last epoch of a deadline is the last at which a proof lands; then its sectors are faulty")
    func close() throws {
        var late = try chain(2)
        let status = try sole(late, head: 1031)
        var inTime = late
        #expect(try land(proof(status), &inTime, head: status.times.close - 2).landing == status.times.last)
        #expect(try land(proof(status), &late, head: status.times.close - 1).refusal?.exitCode == 18)
        #expect(try sole(late, head: status.times.close).partitions[0].faulty == [1, 2])
        inTime.advance(to: status.times.close)
        #expect(try sole(inTime, head: status.times.close).partitions[0].faulty.isEmpty)
    }

    @Test("skipped sectors become faulty, and are not to be proven until they are declared recovered")
    func skips() throws {
        var state = try chain(2)
        var status = try sole(state, head: 1031)
        _ = try land(proof(status, skipped: [2]), &state, head: status.times.open)
        status = try sole(state, head: status.times.close)
        #expect(status.partitions[0].faulty == [2] && status.partitions[0].toProve == [1])
        let recovery = FaultDeclaration(
            .recoveries, miner: miner, name: "r",
            items: [.init(deadline: status.times.index, partition: 0, sectors: [2])])
        #expect(
            try land(recovery, &state, head: status.times.cutoff - 1).refusal?.reason.contains("declarations")
                == true)
        state = try chain(2)
        status = try sole(state, head: 1031)
        _ = try land(proof(status, skipped: [2]), &state, head: status.times.open)
        status = try sole(state, head: status.times.close)
        let landing = status.times.cutoff - 1
        #expect(try land(recovery, &state, head: landing - 1).landing == landing)
        #expect(try land(recovery, &state, head: landing + 5) == .known(epoch: landing))
        status = try sole(state, head: landing)
        #expect(status.partitions[0].recovering == [2] && status.partitions[0].toProve == [1, 2])
        _ = try land(proof(status), &state, head: status.times.open)
        #expect(try sole(state, head: status.times.open + 1).partitions[0].faulty.isEmpty)
        #expect(state.checkInvariants(head: status.times.open + 1) == [])
    }

    @Test("declared faults are not to be proven, and a recovery that is missed is undone")
    func declarations() throws {
        var state = try chain(2)
        let status = try sole(state, head: 1031)
        func declare(_ kind: FaultDeclaration.Kind, _ sectors: SectorNumbers) -> FaultDeclaration {
            let item = FaultDeclaration.Item(deadline: status.times.index, partition: 0, sectors: sectors)
            return FaultDeclaration(kind, miner: miner, name: "d", items: [item])
        }
        let head: Int64 = 1040
        #expect(
            try land(declare(.recoveries, [1]), &state, head: head).refusal?.reason.contains("faulty") == true
        )
        #expect(try land(declare(.faults, [3]), &state, head: head).refusal?.exitCode == 16)
        #expect(try land(declare(.faults, []), &state, head: head).refusal?.exitCode == 16)
        guard head + 1 < status.times.cutoff else { return }
        #expect(try land(declare(.faults, [1]), &state, head: head).landing == head + 1)
        #expect(try land(declare(.faults, [1]), &state, head: head + 3) == .known(epoch: head + 1))
        #expect(try land(declare(.recoveries, [1]), &state, head: head + 4).landing == head + 5)
        let after = status.times.close
        state.advance(to: after)
        #expect(try sole(state, head: after).partitions[0].recovering.isEmpty)
        #expect(try sole(state, head: after).partitions[0].faulty == [1, 2])
    }

    @Test("a sector that is faulty for 42 periods is given up")
    func expiry() throws {
        var state = try chain(2)
        let status = try sole(state, head: 1031)
        let key = SectorKey(miner: miner, number: 1)
        let last = status.times.last + 42 * 2880
        state.advance(to: last - 1)
        #expect(try sole(state, head: last - 1).partitions[0].faulty == [1, 2])
        state.advance(to: last)
        #expect(try sole(state, head: last).partitions[0].expired == [1, 2])
        #expect(state.state(of: key, head: last) == .terminated(epoch: last))
        #expect(state.checkInvariants(head: last) == [])
        // Far ahead there is nothing left to look at.
        state.advance(to: 1 << 39)
        try add(2, first: 10, head: 1 << 39, &state)
        let place = try #require(state.place(of: SectorKey(miner: miner, number: 10)))
        let fresh = try state.deadlineStatus(of: miner, deadline: place.deadline, head: 1 << 39 + 31)
        #expect(fresh.partitions.last?.faulty.isEmpty == true)
    }

    /// Two sectors of one partition whose times are over a period from each other, and the entries so far.
    private func expiring() throws -> (state: ChainState, entries: [ChainEntry], expiration: Int64) {
        var state = try ChainState(parameters: devnet, beacon: beacon)
        var entries: [ChainEntry] = []
        func take(_ verdict: ChainState.Verdict) throws {
            let entry = try #require(verdict.entries.first, "\(verdict)")
            try state.apply(entry)
            entries.append(entry)
        }
        let expiration = devnet.proveDeadline(preCommitted: 1001) + devnet.minSectorLifetime
        for number in 1...2 as ClosedRange<UInt64> {
            let message = try preCommit(SectorKey(miner: miner, number: number), head: 1000) {
                $0.expiration = expiration + Int64(number - 1) * 2880
            }
            try take(state.consider(message, head: 1000))
        }
        state.advance(to: 1030)
        for number in 1...2 as ClosedRange<UInt64> {
            let message = modelled(SectorKey(miner: miner, number: number))
            try take(state.consider(message, head: 1030, verifier: ModelProofVerifier()))
        }
        return (state, entries, expiration)
    }

    @Test("a sector whose time is over leaves at the end of its deadline without a fee; its neighbor stays")
    func expiration() throws {
        var (state, entries, expiration) = try expiring()
        let keys = (1...2 as ClosedRange<UInt64>).map { SectorKey(miner: miner, number: $0) }
        let place = try #require(state.place(of: keys[0]))
        let period = try state.provingPeriod(of: miner)
        let end = period.times(place.deadline, notElapsedAt: expiration).last
        var times = period.times(place.deadline, notElapsedAt: 1031)
        while times.last <= end {
            let status = try state.deadlineStatus(of: miner, deadline: place.deadline, head: times.open - 1)
            state.advance(to: times.open)
            let verdict = state.consider(proof(status), head: times.open, verifier: ModelProofVerifier())
            #expect(verdict.landing == times.open + 1)
            for entry in verdict.entries { try state.apply(entry) }
            entries += verdict.entries
            times = period.times(place.deadline, notElapsedAt: times.close)
        }
        state.advance(to: end - 1)
        #expect(end >= expiration && end < expiration + 2880)
        #expect(state.state(of: keys[0], head: end - 1) == .active(epoch: 1031, expiration: expiration))
        state.advance(to: end)
        #expect(state.state(of: keys[0], head: end) == .ended(epoch: end))
        #expect(state.state(of: keys[1], head: end) == .active(epoch: 1031, expiration: expiration + 2880))
        let left = try state.deadlineStatus(of: miner, deadline: place.deadline, head: end).partitions[0]
        #expect(left.live == [2] && left.ended == [1] && left.expired == [] && left.faulty == [])
        #expect(state.charges.terminations.isEmpty && state.charges.faultyEnds.isEmpty)
        #expect(state.charges.keptToTheEnd == 1)
        let outcome = try #require(state.charges.outcomes[place.deadline])
        #expect(state.charges.outcomes.count == 1 && outcome.due > 100 && outcome.missed == 0)
        #expect(state.checkInvariants(head: end) == [])
        // It is not ended a second time, nor charged for it.
        #expect(state.considerTerminations([keys[0]], head: end + 5) == .known(epoch: end))
        let update = SectorReplicaUpdate(
            key: keys[0], sealedCommitment: commitment(keys[0], 3),
            unsealedCommitment: commitment(keys[0], 4),
            proof: [1])
        #expect(state.consider(update, head: end + 5).refusal?.reason.contains("was ended") == true)
        // The neighbor goes a period later, and what is read from the store knows the same.
        let after = end + 2880
        state.advance(to: after)
        #expect(state.state(of: keys[1], head: after) == .ended(epoch: after))
        var copy = try ChainState(parameters: devnet, beacon: beacon)
        for entry in entries { try copy.apply(ChainEntry(stored: entry.storedBytes())) }
        copy.advance(to: after)
        for key in keys { #expect(copy.state(of: key, head: after) == state.state(of: key, head: after)) }
        #expect(
            try copy.deadlineStatus(of: miner, deadline: place.deadline, head: after)
                == state.deadlineStatus(of: miner, deadline: place.deadline, head: after))
        #expect(copy.charges == state.charges)
    }

    @Test("a faulty sector whose time is over leaves like any other: not given up, nor charged for that")
    func faultyAtTheEnd() throws {
        var (state, _, expiration) = try expiring()
        let key = SectorKey(miner: miner, number: 1)
        let place = try #require(state.place(of: key))
        let period = try state.provingPeriod(of: miner)
        let end = period.times(place.deadline, notElapsedAt: expiration).last
        // Proven until ten periods before the end: not long enough to be given up.
        var times = period.times(place.deadline, notElapsedAt: 1031)
        while times.last <= end - 10 * 2880 {
            let status = try state.deadlineStatus(of: miner, deadline: place.deadline, head: times.open - 1)
            _ = try land(proof(status), &state, head: times.open)
            times = period.times(place.deadline, notElapsedAt: times.close)
        }
        state.advance(to: end - 1)
        #expect(try sole(state, head: end - 1).partitions[0].faulty == [1, 2])
        state.advance(to: end)
        let left = try sole(state, head: end).partitions[0]
        #expect(left.live == [2] && left.faulty == [2] && left.ended == [1] && left.expired == [])
        #expect(state.state(of: key, head: end) == .ended(epoch: end))
        #expect(state.charges.terminations.isEmpty && !state.charges.faultyEnds.isEmpty)
        // Missed once: what is faulty as a whole is not due any more.
        #expect(state.charges.outcomes[place.deadline]?.missed == 1)
        #expect(state.checkInvariants(head: end) == [])
    }

    struct BadProof: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let words: String
        let change: @Sendable (inout WindowPoStSubmission) -> Void
    }

    private static let badProofs: [BadProof] = [
        .init(testDescription: "no partitions", words: "1 to 3 partitions") { $0.partitions = [] },
        .init(testDescription: "four partitions", words: "1 to 3 partitions") {
            $0.partitions = (0..<4).map { .init(index: $0, proof: [1]) }
        },
        .init(testDescription: "a partition twice", words: "twice") { $0.partitions += $0.partitions },
        .init(testDescription: "a partition that is not there", words: "no such partitions") {
            $0.partitions[0].index = 1
        },
        .init(testDescription: "a deadline that is not there", words: "no such partitions") {
            $0.deadline = 48
        },
        .init(testDescription: "a negative partition", words: "no such partitions") {
            $0.partitions[0].index = -1
        },
        .init(testDescription: "another day's deadline", words: "would land") { $0.open += 2880 },
        .init(testDescription: "everything skipped", words: "no sector of partition 0") {
            $0.partitions[0].skipped = [1, 2]
        },
        .init(testDescription: "a stranger skipped", words: "skipped sector is not in") {
            $0.partitions[0].skipped = [3]
        },
        .init(testDescription: "no proof", words: "proof of 0 bytes") { $0.partitions[0].proof = [] },
        .init(testDescription: "another form", words: "modelled proofs only") { $0.form = .vanilla },
        .init(testDescription: "another miner", words: "no proven sectors") { $0.miner = 7 },
    ]

    @Test("a bad proof is refused with the reason", arguments: badProofs)
    func badProof(_ bad: BadProof) throws {
        var state = try chain(2)
        let status = try sole(state, head: 1031)
        let verdict = try land(proof(status, change: bad.change), &state, head: status.times.open)
        #expect(verdict.refusal?.reason.contains(bad.words) == true, "\(verdict)")
    }

    @Test("a chain read from its entries knows the same faults, whenever it is asked")
    func replay() throws {
        var state = try ChainState(parameters: devnet, beacon: beacon)
        var entries: [ChainEntry] = []
        var random = SplitMix(state: 4)
        func take(_ verdict: ChainState.BatchVerdict) throws {
            guard case .new(let new, _) = verdict else { return }
            for entry in new { try state.apply(entry) }
            entries += new
        }
        func take(_ verdict: ChainState.Verdict) throws {
            guard case .new(let entry, _) = verdict else { return }
            try state.apply(entry)
            entries.append(entry)
        }
        let keys = (1...9 as ClosedRange<UInt64>).map { SectorKey(miner: miner, number: $0) }
        for key in keys { try take(state.consider(preCommit(key, head: 1000), head: 1000)) }
        for key in keys {
            try take(state.consider(modelled(key), head: 1030, verifier: ModelProofVerifier()))
        }
        var head: Int64 = 1031
        while head < 1031 + 3 * 2880 {
            head += Int64(random.next() % 40) + 1
            state.advance(to: head)
            let times = try state.provingPeriod(of: miner).current(at: head + 1)
            let status = try state.deadlineStatus(of: miner, deadline: times.index, head: head)
            for (index, partition) in status.partitions.enumerated() where random.next() % 3 > 0 {
                let skipped = SectorNumbers(partition.live.numbers.filter { _ in random.next() % 4 == 0 })
                try take(
                    state.consider(
                        proof(status, skipped: skipped, partition: index), head: head,
                        verifier: ModelProofVerifier()))
            }
            let other = try state.deadlineStatus(of: miner, deadline: Int(random.next() % 48), head: head)
            for (index, partition) in other.partitions.enumerated() {
                let kind: FaultDeclaration.Kind = random.next() % 2 == 0 ? .faults : .recoveries
                let sectors = kind == .faults ? partition.live : partition.faulty
                let item = FaultDeclaration.Item(
                    deadline: other.times.index, partition: index, sectors: sectors)
                let message = FaultDeclaration(kind, miner: miner, name: "d", items: [item])
                try take(state.consider(message, head: head))
            }
            #expect(state.checkInvariants(head: head) == [])
        }
        var copy = try ChainState(parameters: devnet, beacon: beacon)
        for entry in entries { try copy.apply(ChainEntry(stored: entry.storedBytes())) }
        copy.advance(to: head)
        #expect(entries.count > 40)
        for deadline in 0..<48 {
            #expect(
                try copy.deadlineStatus(of: miner, deadline: deadline, head: head)
                    == state.deadlineStatus(of: miner, deadline: deadline, head: head))
        }
    }
}

extension ChainState.BatchVerdict {
    /// The epoch at which the message lands; nil where it was refused or is known.
    var landing: Int64? {
        if case .new(_, let epoch) = self { epoch } else { nil }
    }

    var refusal: ChainRefusal? {
        if case .refused(let refusal) = self { refusal } else { nil }
    }

    /// What is new by it.
    var entries: [ChainEntry] {
        if case .new(let entries, _) = self { entries } else { [] }
    }
}
