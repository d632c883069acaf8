// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

@Suite("The cards between hosts")
struct LinkLedgerTests {
    private func card(_ host: Int, rate: UInt64 = 100, countMax: Int = 10) -> LinkLedger.Card {
        LinkLedger.Card(host: host, name: "h\(host)", bytesPerSecond: rate, countMax: countMax)
    }

    private func refusal(_ body: () throws(Refusal) -> Void) -> Refusal? {
        do throws(Refusal) { try body() } catch { return error }
        return nil
    }

    @Test("a card's rate is leased each way; an idle card takes what wants more than it gives, alone")
    func rates() throws {
        var links = LinkLedger()
        let share = { LinkLedger.Share(from: card(0), to: card($1), bytesPerSecond: $0) }
        try links.lease(1, share(60, 1))
        let refused = refusal { () throws(Refusal) in try links.lease(2, share(41, 2)) }
        #expect(refused == Refusal(.bandwidth, "h0", needed: 41, free: 40))
        #expect(
            refused?.description
                == "its files are elsewhere, need 41.0 B a second of the link of h0, and that has 40.0 B a "
                + "second left")
        try links.lease(3, share(40, 2))
        // What comes in takes nothing of what goes out.
        try links.lease(4, LinkLedger.Share(from: card(3), to: card(0), bytesPerSecond: 500))
        #expect(links.check(LinkLedger.Share(from: card(2), to: card(0), bytesPerSecond: 1))?.limit == "h0")
        #expect(links.sendingBytesUsed(0) == 100 && links.receivingBytesUsed(0) == 500)
        #expect(links.sendingCount(0) == 2 && links.receivingCount(1) == 1 && links.moveCount == 3)
        #expect(links.brokenAccount() == nil)
        for id in [1, 3, 4] as [UInt64] {
            #expect(links.holds(id))
            let released = (links.release(id), links.release(id))
            #expect(released == (true, false), "a lease is given back once")
        }
        #expect(links.sendingBytesUsed(0) == 0 && links.receivingBytesUsed(0) == 0 && links.moveCount == 0)
        #expect(links.brokenAccount() == nil)
    }

    @Test("the number of moves is limited too, and alone where no rate is known")
    func counts() throws {
        var links = LinkLedger()
        func share(_ rate: UInt64) -> LinkLedger.Share {
            LinkLedger.Share(
                from: card(0, rate: 0, countMax: 2), to: card(1, rate: 0, countMax: 9), bytesPerSecond: rate)
        }
        try links.lease(1, share(1 << 40))
        try links.lease(2, share(1 << 40))
        let refused = refusal { () throws(Refusal) in try links.lease(3, share(0)) }
        #expect(refused == Refusal(.link, "h0", needed: 2))
        #expect(refused?.description == "as many transfers as h0 may have at once (2) are under way")
        #expect(links.sendingBytesUsed(0) == 0 && links.sendingCount(0) == 2)
        #expect(links.brokenAccount() == nil)
    }

    @Test("a move that is under way already takes what it takes, and nothing more begins until there is room")
    func forced() throws {
        var links = LinkLedger()
        let share = LinkLedger.Share(from: card(0), to: card(1), bytesPerSecond: 80)
        try links.lease(1, share)
        try links.lease(2, share, force: true)
        #expect(links.sendingBytesUsed(0) == 160 && links.brokenAccount() == nil)
        #expect(links.check(.init(from: card(0), to: card(2), bytesPerSecond: 1))?.free == 0)
        links.release(2)
        #expect(links.check(.init(from: card(0), to: card(2), bytesPerSecond: 20)) == nil)
    }

    @Test("what leaves for a store takes of the sending card alone, and shares it with the moves")
    func departures() throws {
        var links = LinkLedger()
        let departure = LinkLedger.Departure(from: card(0), bytesPerSecond: 60)
        try links.depart(1, departure)
        // The same call may fetch before it sends.
        try links.lease(1, .init(from: card(1), to: card(0), bytesPerSecond: 60))
        #expect(links.sendingBytesUsed(0) == 60 && links.receivingBytesUsed(0) == 60)
        #expect(links.check(departure)?.code == .bandwidth)
        #expect(links.check(.init(from: card(0), to: card(2), bytesPerSecond: 60))?.code == .bandwidth)
        #expect(links.brokenAccount() == nil)
        links.release(1)
        #expect(links.isLeaving(1) && links.sendingBytesUsed(0) == 60)
        links.endDeparture(1)
        links.endDeparture(1)
        #expect(!links.isLeaving(1) && links.sendingBytesUsed(0) == 0 && links.brokenAccount() == nil)
        try links.depart(2, departure, force: true)
        try links.depart(3, departure, force: true)
        #expect(links.brokenAccount() == nil, "what runs already may exceed")
    }

    @Test("no sequence of moves leaks or exceeds", arguments: UInt64(1)...20)
    func conservation(seed: UInt64) {
        var random = RandomStream(seed: seed)
        var links = LinkLedger()
        var held: [UInt64] = []
        var (leasedCount, refusedCount) = (0, 0)
        for id in 1...400 as ClosedRange<UInt64> {
            if random.happens(0.6) {
                let (from, to) = (random.index(below: 4), random.index(below: 4))
                // Host 3 does not tell what its card gives.
                let share = LinkLedger.Share(
                    from: card(from, rate: from == 3 ? 0 : 300), to: card(to, rate: to == 3 ? 0 : 300),
                    bytesPerSecond: UInt64(1 + random.index(below: 120)))
                let force = random.happens(0.02)
                let refused = refusal { () throws(Refusal) in try links.lease(id, share, force: force) }
                if refused == nil {
                    held.append(id)
                    leasedCount += 1
                } else {
                    refusedCount += 1
                }
            } else if !held.isEmpty {
                let call = held.remove(at: random.index(below: held.count))
                let released = (links.release(call), links.release(call))
                #expect(released == (true, false))
            }
            #expect(links.brokenAccount() == nil)
            #expect(links.moveCount == held.count)
        }
        #expect(leasedCount > 20 && refusedCount > 5)
        for call in held { links.release(call) }
        #expect(links.brokenAccount() == nil)
        #expect(
            (0..<4).allSatisfy {
                links.sendingCount($0) + links.receivingCount($0) == 0
                    && links.sendingBytesUsed($0) + links.receivingBytesUsed($0) == 0
            })
    }
}

/// Moves of sectors of 4,096 bytes between hosts whose cards give as much in a second: a quarter each.
extension ClusterControlTests {
    private func hostInfo(_ name: String) -> HostInfo {
        HostInfo(name: name, logicalCoreCount: 256, memoryBytes: 1 << 40, nicBytesPerSecond: 4096)
    }

    /// Sectors on h1, which has no Commit1, and workers elsewhere that have it and fetch.
    private func bootForMoves(sectors: Int, to names: [String]) throws -> Cluster {
        let cluster = try boot()
        try addWorker(
            "w1", host: "h1", slots: [.addPiece, .preCommit1], slotCount: 8, capacity: 100_000,
            hostInfo: hostInfo("h1"))
        run(1)
        for number in 1...sectors {
            cluster.scheduler.tell(
                .admit(SectorKey(miner: 1000, number: UInt64(number)), bytes: 4096, replyTo: cluster.rooms))
        }
        run(1)
        #expect(heard.storage.count == sectors)
        for name in names { try addFetcher(name) }
        return cluster
    }

    private func addFetcher(_ name: String) throws {
        try addWorker(
            "w-\(name)", host: name, slots: [.commit1], slotCount: 8, canFetch: true, capacity: 100_000,
            hostInfo: hostInfo(name))
        run(1)
    }

    private func submitMoves(_ numbers: ClosedRange<UInt64>, _ cluster: Cluster) {
        for number in numbers {
            cluster.scheduler.tell(
                .submit(request(number, .commit1(ticket: [], seed: [])), host: "h1", replyTo: cluster.tasks))
        }
    }

    @Test("the rate of the card holds the fifth move back, says so, and the move begins when one has ended")
    func rateHoldsMoves() throws {
        let cluster = try bootForMoves(sectors: 5, to: ["h4"])
        submitMoves(1...5, cluster)
        run(5)
        #expect(runner.started.map(\.task.sector.number) == [1, 2, 3, 4])
        let waiting = try #require(try diagnosis(cluster).waiting.first)
        #expect(
            waiting.refusals.map(\.refusal) == [Refusal(.bandwidth, "h1", needed: 1024, free: 0)])
        #expect(
            waiting.reason == "w-h4: its files are elsewhere, need 1.0 KiB a second of the link of h1, and "
                + "that has 0.0 B a second left")
        run(10)
        #expect(runner.started.map(\.task.sector.number) == [1, 2, 3, 4, 5])
    }

    @Test("finished sectors that leave their host lease its card; where they stay they do not")
    func finishedSectorsLeave() throws {
        let cluster = try boot()
        for (name, canStore) in [("h1", false), ("h2", true)] {
            try addWorker(
                "w-\(name)", host: name, slots: [.addPiece, .preCommit1, .finalize], slotCount: 8,
                capacity: 100_000, hostInfo: hostInfo(name), canStore: canStore)
        }
        run(1)
        func finalize(_ numbers: ClosedRange<UInt64>, on host: String) {
            for number in numbers {
                cluster.storage.tell(
                    .claim(
                        SectorKey(miner: 1000, number: number), store: "\(host):s", bytes: 4096,
                        replyTo: cluster.rooms))
                cluster.scheduler.tell(
                    .submit(
                        request(number, .finalize(keepsUnsealed: true)), host: host, replyTo: cluster.tasks))
            }
        }
        finalize(1...5, on: "h1")
        finalize(11...15, on: "h2")
        run(5)
        // A quarter of the card each: the fifth waits. What h2 keeps goes nowhere.
        #expect(runner.started.map(\.task.sector.number).sorted() == [1, 2, 3, 4] + Array(11...15))
        let waiting = try #require(try diagnosis(cluster).waiting.first)
        #expect(waiting.task.sector.number == 5)
        let here = waiting.refusals.filter { $0.worker == "w-h1" }
        #expect(here.map(\.refusal.code) == [.bandwidth])
        cluster.scheduler.tell(.abort(request(2, .finalize(keepsUnsealed: true)).id, replyTo: nil))
        run(1)
        #expect(runner.started.last?.task.sector.number == 5)
        run(200)
        #expect(heard.doneCount == 9)
        finalize(21...24, on: "h1")
        run(1)
        #expect(try diagnosis(cluster).running.count == 4, "all was given back")
    }

    @Test("a move that is aborted gives the links back")
    func abortedMoveGivesBack() throws {
        let cluster = try bootForMoves(sectors: 5, to: ["h4"])
        submitMoves(1...5, cluster)
        run(5)
        cluster.scheduler.tell(.abort(request(2, .commit1(ticket: [], seed: [])).id, replyTo: nil))
        run(1)
        #expect(runner.started.map(\.task.sector.number) == [1, 2, 3, 4, 5])
    }

    @Test("the moves to a lost worker give the links back when they are not waited for any longer")
    func lostWorkerGivesBack() throws {
        let cluster = try bootForMoves(sectors: 5, to: ["h4"])
        submitMoves(1...4, cluster)
        run(5)
        #expect(runner.started.count == 4)
        world.kill(try #require(world.node("w-h4")))
        run(1)
        try addFetcher("h5")
        submitMoves(5...5, cluster)
        run(10)
        #expect(runner.started.count == 4)
        run(40)
        #expect(heard.failures.map(\.cause) == Array(repeating: .infrastructureLost, count: 4))
        #expect(runner.started.dropFirst(4).map(\.worker) == ["w-h5"])
    }

    @Test("a worker that was out of reach when files arrived says so again, and the links are given back")
    func arrivalIsSaidAgain() throws {
        let cluster = try bootForMoves(sectors: 5, to: ["h4"])
        submitMoves(1...4, cluster)
        run(5)
        let (worker, miner) = (try #require(world.node("w-h4")), try #require(world.node("miner")))
        world.partition([worker], from: [miner])
        run(15)
        world.heal([worker], and: [miner])
        run(10)
        submitMoves(5...5, cluster)
        run(2)
        #expect(runner.started.map(\.task.sector.number) == [1, 2, 3, 4, 5])
        #expect(heard.tasks.isEmpty, "nothing has ended")
    }

    @Test("a scheduler that takes over what fetches counts its moves until the worker says that they arrived")
    func adoptedMoves() throws {
        let cluster = try bootForMoves(sectors: 5, to: [])
        submitMoves(1...4, cluster)
        run(1)
        // The calls of an earlier scheduler.
        let calls = (1...4).map { CallID(task: request($0, .commit1(ticket: [], seed: [])).id, number: $0) }
        let silent = try world.addNode("silent").spawn("worker") { SilentWorker(home: $0) }
        let info = WorkerInfo(
            name: "w-h4", host: "h4", store: "h4:s", slots: [.init(.commit1, 8)], hostInfo: hostInfo("h4"),
            canFetch: true)
        cluster.scheduler.tell(
            .workerJoined(
                info, silent, JoinID(incarnation: 1, number: 1),
                store: StoreInfo(name: "h4:s", host: "h4", capacityBytes: 100_000, sealingCountMax: 0),
                running: calls, finished: []))
        run(1)
        submitMoves(5...5, cluster)
        run(5)
        #expect(try diagnosis(cluster).running.count == 4)
        #expect(try diagnosis(cluster).waiting.flatMap(\.refusals).map(\.refusal.code) == [.bandwidth])
        cluster.scheduler.tell(.fetched(worker: "w-h4", calls[2]))
        cluster.scheduler.tell(.fetched(worker: "w-h4", calls[2]))
        run(1)
        #expect(try diagnosis(cluster).waiting.isEmpty)
        #expect(try diagnosis(cluster).running.count == 5)
        for call in calls {
            cluster.scheduler.tell(.report(worker: "w-h4", call, .done(.finalize(store: "x"))))
        }
        run(1)
        #expect(heard.doneCount == 4)
    }
}

/// A worker of whom only the test speaks.
private actor SilentWorker: Component {
    nonisolated let home: Home

    init(home: Home) { self.home = home }

    func receive(_ message: WorkerMessage, _ context: Context<WorkerMessage>) {}
}
