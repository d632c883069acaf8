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
                        TaskRequest(id: next, proof: 5, work: .finalize), host: "h1",
                        replyTo: owner))
            }
        }
        runner.failures[.finalize] = TaskFailure(cause: .infrastructureLost, message: "nothing takes it")
        try addWorker("w1", host: "h1", slots: [.finalize, .finalize])
        run(1)
        scheduler.tell(
            .submit(request(1, .finalize), host: "h1", replyTo: keeper))
        run(100)
        // At 0, 1, 3, 7, 15, 31, 63 s.
        #expect(runner.started.count == 7)
        #expect(heard.failures.allSatisfy { $0.cause == .infrastructureLost })
        let waiting = try #require(try diagnosis(cluster).waiting.first)
        #expect(waiting.refusals.map(\.refusal.code) == [.setback])
        #expect(waiting.reason.hasPrefix("w1: 7 tries in a row failed for want of something around the task"))
        // Another sector is not held up by it.
        runner.failures = [:]
        scheduler.tell(.submit(request(2, .finalize), host: "h1", replyTo: keeper))
        run(1)
        #expect(runner.started.last?.task.sector.number == 2)
        // A minute is the longest pause, and a success ends it.
        run(160)
        #expect(heard.doneCount == 2)
        #expect(runner.started.count == 9)
        runner.failures[.finalize] = TaskFailure(cause: .infrastructureLost, message: "once more")
        scheduler.tell(
            .submit(request(1, .finalize), host: "h1", replyTo: keeper))
        run(2)
        #expect(runner.started.count == 11, "the first pause is a second again")
    }
}
