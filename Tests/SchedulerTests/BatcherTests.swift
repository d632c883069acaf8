// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

@Suite("Gathering messages to the chain")
struct BatcherTests {
    private let clock = EpochClock(epoch: 0, at: .zero, duration: .seconds(1))

    private func item(_ number: UInt64, cutoff: Int64? = nil) -> BatchItem {
        BatchItem(.terminate(SectorKey(miner: 1000, number: number)), cutoffEpoch: cutoff, mayBeSent: false)
    }

    private func at(_ seconds: Int) -> Instant { .zero + .seconds(seconds) }

    private func keys(_ decision: BatchLogic.Decision) -> [UInt64] {
        if case .send(let keys, _) = decision { keys.map(\.number) } else { [] }
    }

    // MARK: When

    @Test("a trickle of sectors does not hold a message back: the first arrival's time counts")
    func firstArrival() {
        var logic = BatchLogic(.terminate, BatchPolicy(countMax: 100, wait: .seconds(100)))
        for second in stride(from: 0, through: 90, by: 10) {
            logic.add(item(UInt64(second)), at: at(second))
            #expect(logic.deadline(clock) == at(100))
            #expect(keys(logic.decide(at: at(second), clock)).isEmpty)
        }
        #expect(keys(logic.decide(at: at(100), clock)).count == 10)
    }

    @Test("a cutoff comes before the wait, less the slack; who must be first goes first")
    func cutoffs() {
        var logic = BatchLogic(
            .terminate, BatchPolicy(countMax: 2, wait: .seconds(1000), slack: .seconds(50)))
        logic.add(item(1, cutoff: 400), at: at(0))
        logic.add(item(2, cutoff: 300), at: at(0))
        logic.add(item(3), at: at(0))
        #expect(logic.deadline(clock) == at(300 - 2 - 50))
        #expect(keys(logic.decide(at: at(0), clock)) == [2, 1])
        #expect(logic.takeTooLate(at: at(300), clock).map(\.key.number) == [2])
    }

    @Test("a full message leaves at once, and 1 is always full")
    func full() {
        var single = BatchLogic(.commit, BatchPolicy())
        single.add(item(1), at: at(0))
        #expect(keys(single.decide(at: at(0), nil)) == [1])
        #expect(single.decide(at: at(0), nil) != .nothing)
    }

    @Test("below the threshold a message does not wait; above it, it waits for the lowest quarter of the day")
    func baseFee() {
        let policy = BatchPolicy(
            countMin: 2, countMax: 3, wait: .seconds(10_000), baseFeeThreshold: 100, feeInterval: .seconds(60)
        )
        var logic = BatchLogic(.preCommit, policy)
        logic.forecast.note(90, at: at(0))
        logic.add(item(1), at: at(0))
        #expect(keys(logic.decide(at: at(0), clock)).isEmpty, "fewer than the least")
        logic.add(item(2), at: at(0))
        #expect(keys(logic.decide(at: at(0), clock)) == [1, 2])
        logic.add(item(3), at: at(0))
        logic.forecast.note(150, at: at(1))
        logic.forecast.note(500, at: at(2))
        guard case .wait(let until, let reason) = logic.decide(at: at(2), clock) else {
            Issue.record("a full message waits while the fee is high")
            return
        }
        #expect(until == at(62) && reason.contains("500 is above 100"))
        for second in 3..<20 { logic.forecast.note(400, at: at(second)) }
        #expect(keys(logic.decide(at: at(20), clock)).count == 3, "400 is as low as this day gets")
        #expect(keys(logic.decide(at: at(10_000), clock)).count == 3)
    }

    @Test("what a message may cost is a base and a part for each sector")
    func fees() {
        let policy = BatchPolicy(feeBase: 7, feePerSector: 10)
        #expect(policy.feeMax(3) == 37)
        #expect(BatchPolicy().feeMax(3) == nil)
        #expect(BatchPolicy(feePerSector: .max).feeMax(3) == .max)
    }

    @Test("halving finds the one bad sector among many", arguments: [1, 2, 3, 16, 100])
    func bisection(count: Int) {
        var logic = BatchLogic(.terminate, BatchPolicy(countMax: count))
        for number in 0..<count { logic.add(item(UInt64(number)), at: at(0)) }
        let bad = UInt64(count / 3)
        let refusal = ChainRefusal(exitCode: 16, reason: "bad")
        var (landed, parked, sent): (Set<UInt64>, [UInt64], Int) = ([], [], 0)
        var waiting = [logic.depart(logic.pendingItems.map(\.item.key), as: "m0", at: at(0))]
        while let items = waiting.popLast() {
            let name = "m\(sent)"
            sent += 1
            if sent > 1 { logic.depart(items, as: name, at: at(0)) }
            guard items.contains(where: { $0.key.number == bad }) else {
                landed.formUnion(logic.landed(name).map(\.key.number))
                continue
            }
            switch logic.rejected(name, refusal, at: at(0)) {
            case .split(let first, let second): waiting += [first, second]
            case .alone(let item): parked.append(item.key.number)
            case .later, .unknown: Issue.record("a bad sector is no matter of time")
            }
        }
        #expect(parked == [bad])
        #expect(landed.count == count - 1)
        #expect(Double(sent) <= 2 * (Double(count).squareRoot() * 2 + 8), "few messages for one bad sector")
    }

    @Test("what the chain cannot take now waits again, all of it and without blame")
    func later() {
        var logic = BatchLogic(.terminate, BatchPolicy(countMax: 2))
        logic.add(item(1), at: at(0))
        logic.add(item(2), at: at(0))
        _ = logic.depart([item(1).key, item(2).key], as: "m", at: at(0))
        #expect(logic.rejected("m", ChainRefusal(exitCode: 20, reason: "full"), at: at(0)) == .later)
        #expect(keys(logic.decide(at: at(1), clock)).isEmpty)
        #expect(keys(logic.decide(at: at(31), clock)).count == 2)
    }

    // MARK: In a cluster

    private static let gathering: [BatchKind: BatchPolicy] = [
        .preCommit: BatchPolicy(countMax: 4, wait: .seconds(60)),
        .commit: BatchPolicy(countMin: 2, countMax: 3, wait: .seconds(60)),
        .terminate: BatchPolicy(countMax: 10, wait: .seconds(30)),
    ]

    @Test("seven sectors go to the chain in few messages")
    func together() throws {
        let cluster = try LifecycleCluster(batching: Self.gathering, pledged: 7)
        cluster.run(seconds: 1500)
        #expect(cluster.states == Array(repeating: .proving, count: 7))
        let messages = cluster.world.metrics.value("chain.messages")
        #expect(messages >= 5 && messages <= 8, "2 of pre-commitments and 3 of proofs at the best")
        #expect(try cluster.entries().values.allSatisfy { $0 == ["pre-commit", "commit"] })
    }

    @Test("one bad proof does not hold back its company, and only its sector is made to prove again")
    func poison() throws {
        let cluster = try LifecycleCluster(batching: Self.gathering, pledged: 6)
        cluster.run(seconds: 1)
        let bad = SectorKey(miner: 1000, number: 3)
        // Its pre-commitment is refused for good: the chain knows that number with another replica.
        let chain = cluster.world.ref(at: Address(node: "chain", name: "chain"), as: ChainMessage.self)
        let ticket: ChainEvent = try cluster.world.ask(chain) { .ticket(bad, replyTo: $0) }
        guard case .ticket(_, let value, let epoch, _) = ticket else { return }
        let other = SectorPreCommit(
            key: bad, proof: 5, sealedCommitment: [UInt8](repeating: 9, count: 32),
            unsealedCommitment: [UInt8](repeating: 9, count: 32), ticket: value, ticketEpoch: epoch,
            expiration: epoch + NetworkParameters.devnet().defaultSectorLifetime)
        let landed: ChainEvent = try cluster.world.ask(chain, timeout: .seconds(60)) {
            .preCommit(other, replyTo: $0)
        }
        #expect(landed == .preCommitted(bad, epoch: landed.epochOfLanding ?? -1))
        cluster.run(seconds: 2000)
        let states = cluster.states
        #expect(states.filter { $0 == .proving }.count == 5)
        #expect(states[2] == .failedUnrecoverable)
        #expect(cluster.store.find(bad)?.lastError?.contains("another CommR") == true)
    }

    @Test(
        "whenever the miner is killed, nothing is lost and nothing is twice on the chain",
        arguments: stride(from: 11, through: 400, by: 13).map { $0 })
    func kills(seconds: Int) throws {
        let cluster = try LifecycleCluster(seed: UInt64(seconds), batching: Self.gathering, pledged: 5)
        cluster.run(seconds: seconds)
        cluster.world.kill(cluster.miner)
        cluster.run(seconds: seconds + 7)
        try cluster.world.restart(cluster.miner)
        // And once more while it recovers.
        cluster.run(seconds: seconds + 25)
        cluster.world.kill(cluster.miner)
        try cluster.world.restart(cluster.miner)
        cluster.run(seconds: seconds + 2500)
        #expect(cluster.states == Array(repeating: .proving, count: 5))
        #expect(try cluster.entries().values.allSatisfy { $0 == ["pre-commit", "commit"] })
        #expect(cluster.world.metrics.value("chain.refused") == 0, "nothing is sent that the chain has")
    }

    @Test("an operator sees what waits and why, and sends it")
    func operators() throws {
        var policies = Self.gathering
        policies[.preCommit] = BatchPolicy(countMax: 100, wait: .seconds(100_000))
        let cluster = try LifecycleCluster(batching: policies, pledged: 3)
        cluster.run(seconds: 200)
        #expect(cluster.states == Array(repeating: .submitPreCommitBatch, count: 3))
        let answer: BatcherEvent = try cluster.world.ask(cluster.batcher) {
            .pending(.preCommit, replyTo: $0)
        }
        guard case .pending(let status) = answer else {
            Issue.record("expected what waits")
            return
        }
        #expect(status.items.count == 3 && status.reason.contains("3 of 100"))
        #expect(status.deadline != nil)
        let sent: BatcherEvent = try cluster.world.ask(cluster.batcher) {
            .publishNow(.preCommit, replyTo: $0)
        }
        guard case .published(let names) = sent else { return }
        #expect(names.count == 1)
        cluster.run(seconds: 1000)
        #expect(cluster.states == Array(repeating: .proving, count: 3))
    }
}

extension ChainEvent {
    /// The epoch of a landing; `nil` for another event.
    fileprivate var epochOfLanding: Int64? {
        if case .preCommitted(_, let epoch) = self { epoch } else { nil }
    }
}
