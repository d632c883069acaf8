// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

@Suite("The life of sectors in a cluster")
struct LifecycleTests {
    private func piece(_ size: UInt64, _ tag: UInt8, start: Int64 = 100_000) -> PieceDeal {
        PieceDeal(
            commitment: [UInt8](repeating: tag, count: 32), paddedBytes: size, startEpoch: start,
            endEpoch: start + 600_000)
    }

    private let packing = PackingQueue.Options(
        sectorBytes: 2048, waitDealsDelay: .seconds(300), startEpochSealingBuffer: 400)

    @Test("a sector's log tells each change and its cause, and the record stays small")
    func log() throws {
        let cluster = try LifecycleCluster(pledged: 1)
        cluster.run(seconds: 800)
        #expect(cluster.states == [.proving])
        let answer = try cluster.ask { .log(number: 1, limit: 100, replyTo: $0) }
        guard case .log(let entries) = answer else {
            Issue.record("expected the log")
            return
        }
        #expect(
            entries.map(\.to) == [
                .getTicket, .preCommit1, .preCommit2, .submitPreCommitBatch, .preCommitBatchWait, .waitSeed,
                .committing, .submitCommitAggregate, .commitAggregateWait, .finalizeSector, .proving,
            ])
        #expect(
            entries.map(\.event) == [
                "taskDone", "ticket", "taskDone", "taskDone", "messageSent", "preCommitted", "seed",
                "taskDone",
                "messageSent", "proven", "taskDone",
            ])
        #expect(zip(entries, entries.dropFirst()).allSatisfy { $0.at <= $1.at && $0.to == $1.from })
    }

    @Test("a keeper that was given up while nothing could be written is made anew, and its sector goes on")
    func failingStore() throws {
        let broken = BreakableStore.Switch()
        let cluster = try LifecycleCluster(pledged: 2, disk: broken)
        cluster.run(seconds: 100)
        let before = cluster.states
        #expect(before.allSatisfy { $0 != .proving })
        broken.isBroken = true
        cluster.run(seconds: 600)
        #expect(cluster.states == before)
        broken.isBroken = false
        // The latest pause began before then, and none is longer than all the time until then.
        cluster.run(seconds: 600 + 600 + 800)
        #expect(cluster.states == [.proving, .proving])
        #expect(try cluster.entries().values.allSatisfy { $0 == ["pre-commit", "commit"] })
    }

    // MARK: Deals

    @Test("pieces share a sector, which seals a fixed time after its first piece")
    func deals() throws {
        let cluster = try LifecycleCluster(packing: packing)
        cluster.run(seconds: 20)
        for (size, tag) in [(UInt64(1024), UInt8(1)), (512, 2)] {
            let answer = try cluster.ask { .addPiece(self.piece(size, tag), replyTo: $0) }
            #expect(answer == .placed([UInt8](repeating: tag, count: 32), sector: 1))
            cluster.run(seconds: 60 * Int(tag))
        }
        #expect(cluster.states == [.waitDeals])
        #expect(cluster.store.load(miner: 1000)[0].pieces.map(\.paddedBytes) == [1024, 512])
        cluster.run(seconds: 300)
        #expect(cluster.states == [.waitDeals], "not yet")
        cluster.run(seconds: 1200)
        #expect(cluster.states == [.proving])
    }

    @Test("the earliest of all deals decides when a sector seals, not the last one that came")
    func earliestDeal() throws {
        let cluster = try LifecycleCluster(packing: .init(sectorBytes: 2048, startEpochSealingBuffer: 400))
        cluster.run(seconds: 20)
        _ = try cluster.ask { .addPiece(self.piece(256, 1, start: 900), replyTo: $0) }
        cluster.run(seconds: 60)
        _ = try cluster.ask { .addPiece(self.piece(256, 2, start: 100_000), replyTo: $0) }
        cluster.run(seconds: 480)
        #expect(cluster.states == [.waitDeals])
        cluster.run(seconds: 530)
        #expect(cluster.states != [.waitDeals], "900 less 400 epochs have come")
        cluster.run(seconds: 1200)
        #expect(cluster.states == [.proving])
    }

    @Test("pieces that cannot be are refused with the reason; those that fit nowhere wait")
    func refusals() throws {
        let cluster = try LifecycleCluster(limits: .init(waitDeals: 1), packing: packing)
        cluster.run(seconds: 20)
        for (bad, why) in [
            (piece(300, 1), "power of two"), (piece(4096, 1), "does not fit"),
            (piece(512, 1, start: 3), "begins"),
            (piece(512, 1, start: 9_000_000), "too late"),
        ] {
            guard case .refused(let reason) = try cluster.ask({ .addPiece(bad, replyTo: $0) }) else {
                Issue.record("\(bad.paddedBytes) was taken")
                continue
            }
            #expect(reason.contains(why))
        }
        _ = try cluster.ask { .addPiece(self.piece(1024, 1), replyTo: $0) }
        cluster.sectors.tell(.addPiece(piece(2048, 2), replyTo: nil))
        cluster.run(seconds: 200)
        #expect(cluster.states == [.waitDeals], "one sector may wait for deals")
        cluster.run(seconds: 2000)
        #expect(cluster.states == [.proving, .proving], "the piece waited for its turn")
    }

    @Test("a deal comes into an empty sector that is proving")
    func snap() throws {
        let cluster = try LifecycleCluster(pledged: 1, packing: packing)
        cluster.run(seconds: 800)
        #expect(
            try cluster.ask { .operate(number: 1, .markForUpdate, replyTo: $0) } == .accepted(1, .available))
        let before = try #require(cluster.store.find(SectorKey(miner: 1000, number: 1))?.sealedCommitment)
        cluster.sectors.tell(.addPiece(piece(2048, 1), replyTo: nil))
        cluster.run(seconds: 1200)
        #expect(cluster.states == [.proving])
        let record = try #require(cluster.store.find(SectorKey(miner: 1000, number: 1)))
        #expect(record.pieces.count == 1 && record.sealedCommitment != before && record.update == nil)
        #expect(try cluster.entries().values.map { $0 } == [["pre-commit", "commit", "update"]])
        guard case .refused(let why) = try cluster.ask({ .operate(number: 1, .markForUpdate, replyTo: $0) })
        else {
            Issue.record("it holds data")
            return
        }
        #expect(why.contains("holds data"))
    }

    // MARK: Operators

    @Test("a terminated sector is ended on the chain, waited for, and removed with its files")
    func terminate() throws {
        let cluster = try LifecycleCluster(pledged: 2)
        cluster.run(seconds: 800)
        #expect(
            try cluster.ask { .operate(number: 1, .terminate, replyTo: $0) } == .accepted(1, .terminating))
        cluster.run(seconds: 820)
        #expect(cluster.states == [.terminateFinality, .proving])
        cluster.run(seconds: 1000)
        #expect(cluster.states == [.removed, .proving])
        #expect(
            try cluster.entries()[SectorKey(miner: 1000, number: 1)] == ["pre-commit", "commit", "terminate"])
        guard case .sectors(let listed) = try cluster.ask({ .list(from: 0, limit: 10, replyTo: $0) }) else {
            return
        }
        #expect(listed.map(\.key.number) == [2])
        guard
            case .pledged(let numbers) = try cluster.ask({ .pledge(count: 1, payloadPath: nil, replyTo: $0) })
        else { return }
        #expect(numbers == [3], "a number is never given twice")
    }

    @Test(
        "a terminated sector survives kills at any moment and is ended once",
        arguments: [801, 803, 806, 815, 840])
    func terminateAndKill(seconds: Int) throws {
        let cluster = try LifecycleCluster(batching: [:], pledged: 1)
        cluster.run(seconds: 800)
        cluster.sectors.tell(.operate(number: 1, .terminate, replyTo: nil))
        cluster.run(seconds: seconds)
        cluster.world.kill(cluster.miner)
        try cluster.world.restart(cluster.miner)
        cluster.run(seconds: 1200)
        #expect(cluster.states == [.removed])
        #expect(try cluster.entries().values.map { $0 } == [["pre-commit", "commit", "terminate"]])
    }

    @Test("what a state does not take is refused in words; so is what is no state")
    func unfit() throws {
        let cluster = try LifecycleCluster(pledged: 1)
        cluster.run(seconds: 60)
        func refusal(_ message: @escaping (Ref<ManagerEvent>) -> ManagerMessage) throws -> String {
            if case .refused(let reason) = try cluster.ask(message) { reason } else { "" }
        }
        #expect(try refusal { .operate(number: 1, .abortUpgrade("no"), replyTo: $0) }.contains("no meaning"))
        #expect(try refusal { .operate(number: 9, .terminate, replyTo: $0) }.contains("no sector"))
        #expect(try refusal { .operate(number: 1, .proven(epoch: 1), replyTo: $0) }.contains("own work"))
        #expect(
            try refusal { .forceState(number: 1, name: "Nowhere", adopts: false, replyTo: $0) }
                .contains("known are"))
        #expect(
            try cluster.ask { .forceState(number: 1, name: "PreCommitting", adopts: false, replyTo: $0) }
                != .refused(""), "an earlier release's name")
        cluster.run(seconds: 1200)
        #expect(cluster.states == [.proving], "a forced state obtains what it lacks")
    }

    @Test("failed sectors take nothing of the sealing limit, and too many of them stop new ones")
    func quotas() throws {
        let cluster = try LifecycleCluster(pledged: 3, limits: .init(sealing: 3, failed: 2)) {
            $0.failureCountMax = 0
        }
        cluster.runner.failure = { request in
            request.id.type == .preCommit2 && request.id.sector.number < 3
                ? TaskFailure(cause: .computeFailed, message: "bad memory") : nil
        }
        cluster.run(seconds: 150)
        #expect(cluster.states.prefix(2) == [.failedUnrecoverable, .failedUnrecoverable])
        func pledge() throws -> ManagerEvent {
            try cluster.ask { .pledge(count: 1, payloadPath: nil, replyTo: $0) }
        }
        guard case .refused(let reason) = try pledge() else {
            Issue.record("two failed sectors are too many")
            return
        }
        #expect(reason.contains("2 sectors failed"))
        #expect(
            try cluster.ask { .operate(number: 1, .remove("hopeless"), replyTo: $0) }
                == .accepted(1, .removing))
        cluster.run(seconds: 250)
        #expect(cluster.states.first == .removed)
        #expect(try pledge() == .pledged([4]))
        #expect(try pledge() == .pledged([5]), "the failed one takes no place")
    }

    @Test("a worker that is lost between the grant and the ticket costs nothing but the slot")
    func lostInTheGrant() throws {
        let cluster = try LifecycleCluster(pledged: 1)
        let chain = try #require(cluster.world.node("chain"))
        cluster.run(seconds: 25)
        cluster.world.kill(chain)
        cluster.run(seconds: 60)
        #expect(cluster.states == [.getTicket])
        #expect(!cluster.runner.started.contains { $0.task.type == .preCommit1 }, "held for its ticket")
        let worker = try #require(cluster.world.node("w1"))
        cluster.world.kill(worker)
        cluster.run(seconds: 80)
        try cluster.world.restart(worker)
        try cluster.world.restart(chain)
        cluster.run(seconds: 1500)
        #expect(cluster.states == [.proving])
        let started = cluster.runner.started.filter { $0.task.type == .preCommit1 }
        #expect(started.count == 1)
    }
}

@Suite("Packing pieces")
struct LifecyclePackingTests {
    private func piece(_ size: UInt64, start: Int64 = 1000) -> PieceDeal {
        PieceDeal(
            commitment: [UInt8](repeating: 1, count: 32), paddedBytes: size, startEpoch: start, endEpoch: 9000
        )
    }

    private func open(_ number: UInt64, _ sizes: [UInt64]) -> PackingQueue.OpenSector {
        .init(key: SectorKey(miner: 1, number: number), pieces: sizes.map { piece($0) })
    }

    @Test("a piece lies at a multiple of its size")
    func layout() {
        #expect(PackingQueue.end(of: [128, 512]) == 1024)
        #expect(PackingQueue.end(of: [512, 128]) == 640)
        #expect(PackingQueue.end(of: []) == 0)
    }

    @Test("larger pieces go first, each where it wastes least")
    func bestFit() {
        var queue = PackingQueue(.init(sectorBytes: 2048))
        queue.add(piece(256))
        queue.add(piece(1024))
        let matches = queue.match([open(1, [128]), open(2, [1024])])
        #expect(matches.map(\.sector.number) == [2, 1])
        #expect(matches.map(\.piece.paddedBytes) == [1024, 256])
        #expect(queue.waiting.isEmpty)
    }

    @Test(
        "nothing is put where it does not fit, where too many are, or into a sector that ends before the deal"
    )
    func limits() {
        var queue = PackingQueue(.init(sectorBytes: 2048, pieceCountMax: 2))
        queue.add(piece(1024))
        var short = open(3, [])
        short.expiration = 8000
        #expect(queue.match([open(1, [1024, 128]), open(2, [128, 128]), short]).isEmpty)
        #expect(queue.waiting.count == 1)
        #expect(queue.takeExpired(head: 1000).count == 1)
        #expect(queue.waiting.isEmpty)
    }

    @Test("random pieces never overlap or leave their sector", arguments: 1...20 as ClosedRange<UInt64>)
    func random(seed: UInt64) {
        var random = RandomStream(seed: seed)
        var queue = PackingQueue(.init(sectorBytes: 1 << 15))
        for _ in 0..<60 { queue.add(piece(128 << (random.next() % 7))) }
        let total = queue.waiting.reduce(0) { $0 + $1.paddedBytes }
        var sectors = (1...12).map { open(UInt64($0), []) }
        while true {
            let matches = queue.match(sectors)
            if matches.isEmpty { break }
            for match in matches { sectors[Int(match.sector.number) - 1].pieces.append(match.piece) }
        }
        #expect(queue.waiting.isEmpty)
        let placed = sectors.reduce(0) { $0 + $1.pieces.reduce(0) { $0 + $1.paddedBytes } }
        #expect(placed == total)
        for sector in sectors { #expect(PackingQueue.end(of: sector.pieces.map(\.paddedBytes)) <= 1 << 15) }
    }
}
