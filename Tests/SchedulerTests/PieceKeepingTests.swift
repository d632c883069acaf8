// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

@Suite("Clients' pieces: none is lost, none is sealed twice, a bad one holds up no other")
struct PieceKeepingTests {
    private func piece(_ size: UInt64, _ tag: UInt8, start: Int64 = 100_000, keeps: Bool = true) -> PieceDeal
    {
        PieceDeal(
            commitment: [UInt8](repeating: tag, count: 32), paddedBytes: size, startEpoch: start,
            endEpoch: start + 600_000, keepsUnsealed: keeps)
    }

    private let packing = PackingQueue.Options(
        sectorBytes: 2048, waitDealsDelay: .seconds(300), startEpochSealingBuffer: 400)

    private func pieces(_ cluster: LifecycleCluster) throws -> [WaitingPiece] {
        guard case .pieces(let all) = try cluster.ask({ .pieces(replyTo: $0) }) else { return [] }
        return all
    }

    /// All pieces that the records hold.
    private func held(_ cluster: LifecycleCluster) -> [PieceDeal] {
        cluster.store.load(miner: 1000).flatMap { $0.pieces + [$0.pendingPiece].compactMap(\.self) }
    }

    @Test(
        "whenever the miner is killed, a piece that was offered is in one sector or waits",
        arguments: [1, 5, 20, 21, 25, 30, 41, 45, 60, 100])
    func killed(afterSeconds: Int) throws {
        // One sector at a time, so that two of the pieces wait.
        let cluster = try LifecycleCluster(limits: .init(waitDeals: 1), packing: packing)
        cluster.run(seconds: 20)
        let all = [piece(2048, 1), piece(2048, 2), piece(2048, 3)]
        for piece in all { cluster.sectors.tell(.addPiece(piece, replyTo: nil)) }
        cluster.run(seconds: 20 + afterSeconds)
        cluster.world.kill(cluster.miner)
        let kept = held(cluster) + cluster.store.waitingPieces(miner: 1000).map(\.piece)
        #expect(kept.map(\.commitment).sorted { $0[0] < $1[0] } == all.map(\.commitment))
        try cluster.world.restart(cluster.miner)
        cluster.run(seconds: 4000)
        #expect(cluster.states == [.proving, .proving, .proving])
        #expect(Set(held(cluster)) == Set(all) && held(cluster).count == 3)
        #expect(cluster.store.waitingPieces(miner: 1000).isEmpty)
    }

    @Test("a piece whose data is not what its deal says goes back to whoever offered it, and others go on")
    func badPiece() throws {
        let cluster = try LifecycleCluster(packing: packing)
        let bad = piece(1024, 9)
        cluster.runner.failure = { request in
            guard case .addPieces(let pieces, _, _) = request.work, pieces.contains(bad) else { return nil }
            return TaskFailure(cause: .invalidRequest, message: "its commitment is another")
        }
        cluster.run(seconds: 20)
        #expect(try cluster.ask { .addPiece(bad, replyTo: $0) } == .placed(bad.commitment, sector: 1))
        cluster.run(seconds: 60)
        cluster.sectors.tell(.addPiece(piece(512, 1), replyTo: nil))
        cluster.run(seconds: 1800)
        #expect(cluster.states == [.proving])
        #expect(held(cluster) == [piece(512, 1)])
        let tries = cluster.runner.started.filter { $0.task.type == .addPiece }.count
        #expect(tries == 3, "once the bad piece, once the good one, once the padding")
        let refused = try #require(try pieces(cluster).first)
        #expect(refused.piece == bad && refused.refusal?.contains("commitment is another") == true)
        // Mended and offered again, it is tried again.
        cluster.runner.failure = { _ in nil }
        #expect(try cluster.ask { .addPiece(bad, replyTo: $0) } == .placed(bad.commitment, sector: 2))
        #expect(try pieces(cluster).isEmpty)
    }

    @Test("a refused piece is remembered over a restart, and forgotten when its deal has begun")
    func refusalRemembered() throws {
        let cluster = try LifecycleCluster(packing: packing)
        cluster.runner.failure = { request in
            request.id.type == .addPiece ? TaskFailure(cause: .invalidRequest, message: "no such file") : nil
        }
        cluster.run(seconds: 20)
        cluster.sectors.tell(.addPiece(piece(1024, 9, start: 2000), replyTo: nil))
        cluster.run(seconds: 100)
        cluster.world.kill(cluster.miner)
        try cluster.world.restart(cluster.miner)
        cluster.run(seconds: 110)
        #expect(try pieces(cluster).map(\.refusal?.isEmpty) == [false])
        cluster.run(seconds: 2500)
        // The next look at the pieces drops it.
        cluster.sectors.tell(.addPiece(piece(512, 1), replyTo: nil))
        cluster.run(seconds: 2600)
        #expect(try !pieces(cluster).contains { $0.piece.startEpoch == 2000 })
    }

    @Test("a client that offers again is told where its piece is, and does not fill another sector")
    func offeredAgain() throws {
        let cluster = try LifecycleCluster(packing: packing)
        cluster.run(seconds: 20)
        let first = piece(1024, 1)
        let placed = ManagerEvent.placed(first.commitment, sector: 1)
        for second in [21, 25, 45, 100] {
            cluster.run(seconds: second)
            #expect(try cluster.ask { .addPiece(first, replyTo: $0) } == placed)
        }
        cluster.run(seconds: 1800)
        #expect(cluster.states == [.proving] && held(cluster) == [first])
    }

    @Test("two deals of the same data are two pieces, and both clients hear of theirs")
    func sameData() throws {
        let cluster = try LifecycleCluster(packing: packing)
        cluster.run(seconds: 20)
        let (one, other) = (piece(1024, 1), piece(1024, 1, start: 110_000))
        cluster.sectors.tell(.addPiece(one, replyTo: nil))
        guard case .placed(let commitment, _) = try cluster.ask({ .addPiece(other, replyTo: $0) }) else {
            Issue.record("the second was not taken")
            return
        }
        #expect(commitment == other.commitment)
        cluster.run(seconds: 1800)
        #expect(Set(held(cluster)) == [one, other] && held(cluster).count == 2)
    }

    // MARK: Time

    @Test("a deal that begins after the pre-commitment ends its sector; nothing is sealed again for it")
    func dealBeginsTooSoon() throws {
        // The proof waits for company until long after the deal has begun.
        let policies: [BatchKind: BatchPolicy] = [
            .preCommit: BatchPolicy(), .commit: BatchPolicy(countMin: 4, countMax: 8, wait: .seconds(90_000)),
        ]
        let cluster = try LifecycleCluster(batching: policies, packing: packing)
        cluster.run(seconds: 20)
        cluster.sectors.tell(.addPiece(piece(2048, 1, start: 700), replyTo: nil))
        cluster.run(seconds: 500)
        #expect(cluster.states == [.submitCommitAggregate], "it waits for company until shortly before")
        cluster.world.kill(cluster.miner)
        cluster.run(seconds: 800)
        try cluster.world.restart(cluster.miner)
        cluster.run(seconds: 6000)
        let sealed = cluster.runner.started.filter { $0.task.type == .preCommit1 }
        #expect(sealed.count == 1)
        let record = try #require(cluster.store.load(miner: 1000).first)
        #expect(record.state == .failedUnrecoverable)
        #expect(record.lastError?.contains("a deal began at epoch 700") == true)
        let log = cluster.store.log(record.key, limit: 100)
        #expect(log.contains { $0.to == .dealsExpired })
    }

    @Test("a deal that begins while its sector is sealed stops it before the next step")
    func dealBeginsMeanwhile() throws {
        let cluster = try LifecycleCluster(packing: packing)
        cluster.run(seconds: 20)
        // Begins while PreCommit1 runs, 20 s from about second 60 on.
        cluster.sectors.tell(.addPiece(piece(2048, 1, start: 75), replyTo: nil))
        cluster.run(seconds: 2000)
        let kinds = cluster.runner.started.map(\.task.type)
        #expect(kinds.contains(.preCommit1) && !kinds.contains(.preCommit2))
        #expect(cluster.states.allSatisfy { $0 == .removed || $0 == .dealsExpired })
    }

    // MARK: Unsealed copies

    @Test(
        "an unsealed copy stays where a deal wants it or all do, and of no empty sector",
        arguments: [(true, true, true), (true, false, true), (false, true, true), (false, false, false)])
    func unsealedCopy(always: Bool, wanted: Bool, stays: Bool) throws {
        let cluster = try LifecycleCluster(pledged: 1, packing: packing, alwaysKeepsUnsealed: always)
        cluster.run(seconds: 20)
        cluster.sectors.tell(.addPiece(piece(2048, 1, keeps: wanted), replyTo: nil))
        cluster.run(seconds: 2000)
        #expect(cluster.states == [.proving, .proving])
        let kept = cluster.runner.works.compactMap { work -> Bool? in
            if case .finalize(let keeps) = work.work { keeps } else { nil }
        }
        let byNumber = zip(
            cluster.runner.works.filter { $0.id.type == .finalize }.map(\.id.sector.number), kept)
        #expect(Dictionary(uniqueKeysWithValues: byNumber) == [1: false, 2: stays])
    }
}
