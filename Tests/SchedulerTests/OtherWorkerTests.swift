// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// What a worker says of itself; told anew when it is started again.
// Safety: used by one simulated world and its thread.
private final class Word: @unchecked Sendable {
    var info: WorkerInfo

    init(_ info: WorkerInfo) { self.info = info }
}

// Safety: written by one simulated world and read by the thread that runs it.
private final class HeardCalls: @unchecked Sendable {
    var assigned: [CallID] = []
    var welcomes: [[CallID]] = []
}

/// A worker that does nothing of what it hears.
private actor DeafWorker: Component {
    nonisolated let home: Home
    private let heard: HeardCalls

    init(home: Home, heard: HeardCalls) {
        self.home = home
        self.heard = heard
    }

    func receive(_ message: WorkerMessage, _ context: Context<WorkerMessage>) {
        switch message {
        case .assign(let call, _): heard.assigned.append(call)
        case .welcome(_, let known): heard.welcomes.append(known)
        default: break
        }
    }
}

/// A worker that is started again within its lease, and is not what it was.
extension ClusterControlTests {
    /// A worker whose word may change between two starts.
    private func addWorker(_ word: Word) throws {
        let runner = runner
        let scheduler = Address(node: "miner", name: "scheduler")
        try world.addNode(word.info.name) { node in
            let info = word.info
            try node.spawn("worker") { home in
                WorkerActor(
                    home: home, info: info,
                    store: StoreInfo(
                        name: info.store, host: info.host, capacityBytes: 10_000, sealingCountMax: 0),
                    runner: runner, scheduler: node.ref(at: scheduler, as: SchedulerMessage.self))
            }
        }
    }

    @Test("started again with other slots, it gets as much as it takes now, and no more")
    func otherSlots() throws {
        let cluster = try boot()
        let word = Word(
            WorkerInfo(name: "w1", host: "h1", store: "h1:s", slots: [.init(.commit2, 1)]))
        try addWorker(word)
        run(1)
        for number in 1...9 as ClosedRange<UInt64> {
            cluster.scheduler.tell(
                .submit(request(number, .commit2), host: nil, replyTo: cluster.tasks))
        }
        run(1)
        #expect(runner.started.count == 1)
        let worker = try #require(world.node("w1"))
        for (slots, running) in [(3, 3), (2, 2), (0, 0), (1, 1)] {
            world.kill(worker)
            word.info = WorkerInfo(
                name: "w1", host: "h1", store: "h1:s", slots: slots > 0 ? [.init(.commit2, slots)] : [])
            try world.restart(worker)
            run(10)
            #expect(try diagnosis(cluster).running.count == running, "\(slots) slots")
        }
        run(1_000)
        #expect(heard.doneCount + heard.failures.count == 9)
        #expect(try diagnosis(cluster).running.isEmpty)
    }

    @Test(
        "a call that ended while its worker said that it runs it is not taken over",
        arguments: [true, false])
    func endedWhileRegistering(isOwn: Bool) throws {
        let cluster = try boot()
        let heard = HeardCalls()
        let worker = try world.addNode("w1").spawn("worker") { DeafWorker(home: $0, heard: heard) }
        let info = WorkerInfo(name: "w1", host: "h1", store: "h1:s", slots: [.init(.commit2, 1)])
        func join(_ number: UInt64, running: [CallID]) {
            cluster.scheduler.tell(
                .workerJoined(
                    info, worker, JoinID(incarnation: 1, number: number), store: nil, running: running,
                    finished: []))
            run(1)
        }
        let request = request(1, .commit2)
        // A call of this scheduler, or of one before it.
        let earlier = CallID(task: request.id, number: 1)
        cluster.scheduler.tell(.submit(request, host: nil, replyTo: cluster.tasks))
        join(1, running: isOwn ? [] : [earlier])
        #expect(try diagnosis(cluster).running.map(\.task) == [request.id])
        let call = isOwn ? try #require(heard.assigned.first) : earlier
        cluster.scheduler.tell(.cancel(request.id))
        // It was sent before the abort arrived.
        join(2, running: [call])
        #expect(try diagnosis(cluster).running.isEmpty)
        #expect(heard.welcomes.last == [])
    }

    @Test("started again with another store, it works on; what lay on the former is lost after its lease")
    func otherStore() throws {
        let cluster = try boot()
        let word = Word(
            WorkerInfo(
                name: "w1", host: "h1", store: "h1:s", slots: [.init(.addPiece, 1), .init(.preCommit2, 1)]))
        try addWorker(word)
        run(1)
        let sectors = [1, 2].map { SectorKey(miner: 1000, number: $0) }
        cluster.scheduler.tell(.admit(sectors[0], bytes: 4096, replyTo: cluster.rooms))
        run(1)
        cluster.scheduler.tell(.submit(request(1, .preCommit2), host: "h1", replyTo: cluster.tasks))
        run(5)
        #expect(runner.started.count == 1)
        let worker = try #require(world.node("w1"))
        world.kill(worker)
        // Its disk was replaced.
        word.info.store = "h1:new"
        try world.restart(worker)
        run(10)
        cluster.scheduler.tell(.admit(sectors[1], bytes: 4096, replyTo: cluster.rooms))
        run(1)
        #expect(heard.storage.last == .reserved(sectors[1], store: "h1:new", host: "h1"))
        #expect(heard.failures.isEmpty, "within the lease the former may still come back")
        run(40)
        #expect(heard.failures.map(\.cause) == [.infrastructureLost])
        #expect(heard.storage.contains(.lost(sectors[0], store: "h1:s")))
        #expect(try stores(cluster).map(\.info.name) == ["h1:new"])
        cluster.scheduler.tell(.submit(request(2, .preCommit2), host: "h1", replyTo: cluster.tasks))
        run(120)
        #expect(heard.doneCount == 1 && runner.started.count == 2)
    }
}
