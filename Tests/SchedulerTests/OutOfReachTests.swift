// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// What a task needs is out of reach for a while: it waits, neither given up nor tried without a pause.
extension ClusterControlTests {
    @Test("files on a store that is out of reach are not fetched from it, until it is back")
    func storeOutOfReach() throws {
        let cluster = try boot()
        try addWorker("w1", host: "h1", slots: [.addPiece])
        try addWorker("w2", host: "h2", slots: [.preCommit2], canFetch: true)
        run(1)
        let sector = SectorKey(miner: 1000, number: 1)
        cluster.scheduler.tell(.admit(sector, bytes: 4096, replyTo: cluster.rooms))
        run(1)
        #expect(heard.storage == [.reserved(sector, store: "h1:s", host: "h1")])
        let worker = try #require(world.node("w1"))
        world.kill(worker)
        run(10)
        cluster.scheduler.tell(.submit(request(1, .preCommit2), host: "h1", replyTo: cluster.tasks))
        run(10)
        #expect(runner.started.isEmpty)
        let waiting = try #require(try diagnosis(cluster).waiting.first)
        #expect(waiting.reason == "w2: its files are on h1:s, which is out of reach for now")
        #expect(waiting.refusals.map(\.refusal.code) == [.filesOutOfReach])
        try world.restart(worker)
        run(5)
        #expect(runner.started.map(\.fetch?.fromStore) == ["h1:s"])
        run(120)
        #expect(heard.doneCount == 1)
    }

    /// The worker is back while the task still runs on it, or after it has finished.
    @Test(
        "a sector that was labelled for a moment is not waited for as long as the store of whole replicas",
        arguments: [80, 130])
    func labelledForAMoment(backAfter seconds: Int) throws {
        let cluster = try boot(durations: [.preCommit1: .seconds(2000), .preCommit2: .seconds(100)])
        try addWorker("w1", host: "h1", slots: [.addPiece, .preCommit1])
        run(1)
        let sectors = [1, 2].map { SectorKey(miner: 1000, number: $0) }
        for sector in sectors { cluster.scheduler.tell(.admit(sector, bytes: 4096, replyTo: cluster.rooms)) }
        run(1)
        #expect(heard.storage == sectors.map { .reserved($0, store: "h1:s", host: "h1") })
        cluster.scheduler.tell(
            .submit(request(1, .preCommit1(ticket: [])), host: "h1", replyTo: cluster.tasks))
        run(20)
        let (worker, miner) = (try #require(world.node("w1")), try #require(world.node("miner")))
        world.partition([worker], from: [miner])
        // Noticed within 5 s, then the lease of 30 s, which is longer than the work that is at stake.
        run(45)
        #expect(heard.failures.map(\.cause) == [.infrastructureLost])
        #expect(heard.storage.dropFirst(2) == [.lost(sectors[0], store: "h1:s")])
        let states = try stores(cluster)
        #expect(states.map(\.reservedBytes) == [4096] && states.map(\.isOnline) == [false])
        // It begins anew elsewhere.
        try addWorker("w2", host: "h2", slots: [.addPiece, .preCommit1])
        run(1)
        cluster.scheduler.tell(.withdraw(sectors[0]))
        cluster.scheduler.tell(.admit(sectors[0], bytes: 4096, replyTo: cluster.rooms))
        run(1)
        #expect(heard.storage.last == .reserved(sectors[0], store: "h2:s", host: "h2"))
        run(seconds - 67)
        world.heal([worker], and: [miner])
        run(30)
        // What the first worker did of it, or has done meanwhile, is wanted no more, and the sector stays.
        #expect(runner.aborted.map(\.task.sector) == (seconds < 100 ? [sectors[0]] : []))
        #expect(try diagnosis(cluster).running.isEmpty)
        #expect(heard.doneCount == 0)
        for (sector, host) in zip(sectors, ["h2", "h1"]) {
            let place: StorageEvent = try world.ask(cluster.storage) { .find(sector, replyTo: $0) }
            #expect(place == .location(sector, store: "\(host):s", host: host))
        }
        #expect(try stores(cluster).map(\.reservedBytes) == [4096, 4096])
    }

    @Test("a task that fails for want of something around it is tried after pauses that grow, uncounted")
    func setbacks() throws {
        let cluster = try boot()
        let scheduler = cluster.scheduler
        let keeper = try #require(world.node("miner")).spawn("keeper") { [heard] in
            TaskOwner(home: $0, heard: heard) { id, owner in
                // As a sector does: the same work under a new number, at once.
                let next = TaskID(sector: id.sector, type: id.type, attempt: id.attempt + 1)
                scheduler.tell(
                    .submit(
                        TaskRequest(id: next, proof: 5, work: .finalize(keepsUnsealed: true)), host: "h1",
                        replyTo: owner))
            }
        }
        runner.failures[.finalize] = TaskFailure(cause: .infrastructureLost, message: "nothing takes it")
        try addWorker("w1", host: "h1", slots: [.finalize, .finalize])
        run(1)
        scheduler.tell(
            .submit(request(1, .finalize(keepsUnsealed: true)), host: "h1", replyTo: keeper))
        run(100)
        // At 0, 1, 3, 7, 15, 31, 63 s.
        #expect(runner.started.count == 7)
        #expect(heard.failures.allSatisfy { $0.cause == .infrastructureLost })
        let waiting = try #require(try diagnosis(cluster).waiting.first)
        #expect(waiting.refusals.map(\.refusal.code) == [.setback])
        #expect(waiting.reason.hasPrefix("w1: 7 tries in a row failed for want of something around the task"))
        // Another sector is not held up by it.
        runner.failures = [:]
        scheduler.tell(.submit(request(2, .finalize(keepsUnsealed: true)), host: "h1", replyTo: keeper))
        run(1)
        #expect(runner.started.last?.task.sector.number == 2)
        // A minute is the longest pause, and a success ends it.
        run(160)
        #expect(heard.doneCount == 2)
        #expect(runner.started.count == 9)
        runner.failures[.finalize] = TaskFailure(cause: .infrastructureLost, message: "once more")
        scheduler.tell(
            .submit(request(1, .finalize(keepsUnsealed: true)), host: "h1", replyTo: keeper))
        run(2)
        #expect(runner.started.count == 11, "the first pause is a second again")
    }
}
