// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// A runner whose tasks take a fixed virtual time; it notes what was started and aborted.
// Safety: used by one simulated world and its thread.
private final class ClockRunner: TaskRunner, @unchecked Sendable {
    let world: SimulatedWorld
    let duration: Duration
    var started: [CallID] = []
    var aborted: [CallID] = []

    init(world: SimulatedWorld, duration: Duration) {
        self.world = world
        self.duration = duration
    }

    func start(
        _ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>
    ) {
        started.append(call)
        world.at(world.now + duration) {
            reportTo.tell(.finished(call, .done(.preCommit1(unsealedCommitment: []))))
        }
    }

    func abort(_ call: CallID) { aborted.append(call) }
}

private actor Submitter: Component {
    nonisolated let home: Home
    private let log: EventLog

    init(home: Home, log: EventLog) {
        self.home = home
        self.log = log
    }

    func receive(_ message: TaskEvent, _ context: Context<TaskEvent>) {
        log.events.append((context.now, message))
    }
}

// Safety: written by one simulated world and read by the thread that runs it.
private final class EventLog: @unchecked Sendable {
    var events: [(Instant, TaskEvent)] = []

    var finished: [TaskID] {
        events.compactMap { if case .finished(let id, .done) = $0.1 { id } else { nil } }
    }

    var failed: [TaskID] {
        events.compactMap { if case .finished(let id, .failed) = $0.1 { id } else { nil } }
    }
}

@Suite("Cluster scheduler")
struct ClusterSchedulerTests {
    private let world = SimulatedWorld(options: .init(seed: 3, lossDetection: .seconds(5)))
    private let log = EventLog()
    private let runner: ClockRunner

    init() { runner = ClockRunner(world: world, duration: .seconds(100)) }

    private func boot(
        pacing: [Pacing] = [], lease: Duration = .seconds(30), durations: [TaskType: Duration] = [:],
        waitsForWork: Bool = true
    ) throws -> (scheduler: Ref<SchedulerMessage>, owner: Ref<TaskEvent>) {
        let log = log
        let node = try world.addNode("miner")
        let storage = try node.spawn("storage") { StorageIndex(home: $0) }
        let scheduler = try node.spawn("scheduler") {
            ClusterScheduler(
                home: $0, policy: OldestLocalPolicy(), storage: storage,
                options: .init(
                    pacing: pacing, lease: lease, waitsForWork: waitsForWork, checksInvariants: true,
                    durations: durations))
        }
        return (scheduler, try node.spawn("owner") { Submitter(home: $0, log: log) })
    }

    private func addWorker(_ name: String, host: String, slots: Int) throws -> SimulatedNode {
        let runner = runner
        let scheduler = Address(node: "miner", name: "scheduler")
        return try world.addNode(name) { node in
            let info = WorkerInfo(
                name: name, host: host, store: "\(host):s", slots: [.init(.preCommit1, slots)])
            try node.spawn("worker") { home in
                WorkerActor(
                    home: home, info: info,
                    store: StoreInfo(
                        name: "\(host):s", host: host, capacityBytes: 1 << 40, sealingCountMax: 0),
                    runner: runner, scheduler: node.ref(at: scheduler, as: SchedulerMessage.self))
            }
        }
    }

    private func request(_ number: UInt64, deadline: Instant? = nil) -> TaskRequest {
        TaskRequest(
            id: TaskID(sector: SectorKey(miner: 1000, number: number), type: .preCommit1, attempt: 1),
            proof: 5,
            work: .preCommit1(ticket: []), deadline: deadline)
    }

    private func diagnosis(_ scheduler: Ref<SchedulerMessage>) throws -> SchedulerDiagnosis {
        let event: TaskEvent = try world.ask(scheduler) { .diagnose(replyTo: $0) }
        guard case .diagnosis(let diagnosis) = event else {
            throw KernelError(code: .undeliverable, message: "no diagnosis")
        }
        return diagnosis
    }

    @Test("the oldest task goes first, only where its files are, and never beyond the slots")
    func placement() throws {
        let (scheduler, owner) = try boot()
        _ = try addWorker("w1", host: "h1", slots: 2)
        _ = try addWorker("w2", host: "h2", slots: 1)
        for number in 1...5 as ClosedRange<UInt64> {
            scheduler.tell(.submit(request(number), host: number == 5 ? "h2" : "h1", replyTo: owner))
        }
        world.run(until: .zero + .seconds(1))
        #expect(Set(runner.started.map(\.task.sector.number)) == [1, 2, 5])
        let waiting = try diagnosis(scheduler).waiting
        #expect(waiting.map(\.task.sector.number) == [3, 4])
        #expect(waiting.allSatisfy { $0.reason.contains("slots it could use are taken") })
        world.run(until: .zero + .seconds(300))
        #expect(Set(log.finished.map(\.sector.number)) == [1, 2, 3, 4, 5])
    }

    @Test("submitting twice runs once, and a task without a worker says why it waits")
    func reasons() throws {
        let (scheduler, owner) = try boot()
        scheduler.tell(.submit(request(1), host: "h1", replyTo: owner))
        scheduler.tell(.submit(request(1), host: "h1", replyTo: owner))
        world.run(until: .zero + .seconds(1))
        #expect(try diagnosis(scheduler).waiting.map(\.reason) == ["no worker in the cluster accepts PC1"])
        _ = try addWorker("w2", host: "h2", slots: 1)
        world.run(until: .zero + .seconds(2))
        #expect(
            try diagnosis(scheduler).waiting.map(\.reason)
                == ["its files are on h1, where no worker accepts PC1"])
        _ = try addWorker("w1", host: "h1", slots: 4)
        world.run(until: .zero + .seconds(200))
        #expect(runner.started.count == 1)
        #expect(log.finished.count == 1)
    }

    @Test("a pace limit spreads the starts of a host over time")
    func pacing() throws {
        let (scheduler, owner) = try boot(pacing: [
            Pacing(type: .preCommit1, count: 2, interval: .seconds(240))
        ])
        _ = try addWorker("w1", host: "h1", slots: 14)
        for number in 1...7 as ClosedRange<UInt64> {
            scheduler.tell(.submit(request(number), host: "h1", replyTo: owner))
        }
        var counts: [Int] = []
        for step in 0..<4 {
            world.run(until: .zero + .seconds(10 + 240 * step))
            counts.append(runner.started.count)
        }
        #expect(counts == [2, 4, 6, 7])
    }

    @Test("a worker that comes back within its lease keeps its tasks")
    func reattach() throws {
        let (scheduler, owner) = try boot(lease: .seconds(60))
        let worker = try addWorker("w1", host: "h1", slots: 1)
        scheduler.tell(.submit(request(1), host: "h1", replyTo: owner))
        world.run(until: .zero + .seconds(10))
        let miner = try #require(world.node("miner"))
        world.partition([worker], from: [miner])
        world.run(until: .zero + .seconds(40))
        #expect(try diagnosis(scheduler).running.map(\.isOrphaned) == [true])
        world.heal([worker], and: [miner])
        world.run(until: .zero + .seconds(60))
        #expect(try diagnosis(scheduler).running.map(\.isOrphaned) == [false])
        world.run(until: .zero + .seconds(150))
        #expect(log.finished.count == 1)
        #expect(runner.started.count == 1, "the running task was not started again")
    }

    @Test("a result that was finished while cut off arrives after the reunion, once")
    func resultAfterReunion() throws {
        let (scheduler, owner) = try boot(lease: .seconds(600))
        let worker = try addWorker("w1", host: "h1", slots: 1)
        scheduler.tell(.submit(request(1), host: "h1", replyTo: owner))
        world.run(until: .zero + .seconds(50))
        let miner = try #require(world.node("miner"))
        world.partition([worker], from: [miner])
        world.run(until: .zero + .seconds(200))
        #expect(log.finished.isEmpty)
        world.heal([worker], and: [miner])
        world.run(until: .zero + .seconds(260))
        #expect(log.finished.count == 1)
        #expect(runner.started.count == 1)
    }

    @Test("a worker that is killed loses its task to the owner after the lease, and its slots with it")
    func killed() throws {
        let (scheduler, owner) = try boot(lease: .seconds(30))
        let worker = try addWorker("w1", host: "h1", slots: 1)
        scheduler.tell(.submit(request(1), host: "h1", replyTo: owner))
        world.run(until: .zero + .seconds(10))
        world.kill(worker)
        world.run(until: .zero + .seconds(20))
        #expect(log.failed.isEmpty, "the lease still runs")
        world.run(until: .zero + .seconds(60))
        #expect(log.failed.map(\.sector.number) == [1])
        #expect(try diagnosis(scheduler).workerCount == 0)
        try world.restart(worker)
        world.run(until: .zero + .seconds(70))
        #expect(try diagnosis(scheduler).workerCount == 1)
    }

    /// Kills the only worker of a store ten seconds after its task began, and tells when the task failed.
    private func failure(
        deadline: Instant? = nil, waitsForWork: Bool = true
    ) throws -> Double? {
        let durations: [TaskType: Duration] = [.preCommit1: .seconds(100), .preCommit2: .seconds(20)]
        let (scheduler, owner) = try boot(durations: durations, waitsForWork: waitsForWork)
        let worker = try addWorker("w1", host: "h1", slots: 1)
        scheduler.tell(.submit(request(1, deadline: deadline), host: "h1", replyTo: owner))
        world.run(until: .zero + .seconds(10))
        world.kill(worker)
        world.run(until: .zero + .seconds(400))
        return log.events.first { if case .finished(_, .failed) = $0.1 { true } else { false } }
            .map(\.0.seconds)
    }

    @Test("a store out of reach is waited for as long as what it holds takes to be made")
    func patience() throws {
        // Killed at 10 s, noticed within 5, then 100 + 20 s.
        let at = try #require(try failure())
        #expect((130...136).contains(at))
    }

    @Test("no longer than a deadline allows")
    func patienceBeforeDeadline() throws {
        // To be made by 190 s it must begin at 70.
        let at = try #require(try failure(deadline: Instant(seconds: 190)))
        #expect((69...71).contains(at))
    }

    @Test("what is too late already is no reason for haste")
    func patienceAfterDeadline() throws {
        let at = try #require(try failure(deadline: Instant(seconds: 50)))
        #expect((130...136).contains(at))
    }

    @Test("a policy that has a lease of its own waits for that, and no longer")
    func leaseAlone() throws {
        let at = try #require(try failure(waitsForWork: false))
        #expect((40...46).contains(at))
    }

    @Test("a worker that is restarted within its lease gives its old tasks back at once")
    func restarted() throws {
        let (scheduler, owner) = try boot(lease: .seconds(600))
        let worker = try addWorker("w1", host: "h1", slots: 1)
        scheduler.tell(.submit(request(1), host: "h1", replyTo: owner))
        world.run(until: .zero + .seconds(10))
        world.kill(worker)
        try world.restart(worker)
        world.run(until: .zero + .seconds(40))
        #expect(log.failed.map(\.sector.number) == [1])
        #expect(try diagnosis(scheduler).running.isEmpty)
    }

    /// The word for a held slot may come before the loss of its worker is noticed, so that the assignment is
    /// lost on its way, or after.
    @Test(
        "a held slot that is supplied while its worker is out of reach ends for the owner and is free again",
        arguments: [1, 30])
    func suppliedWhileCutOff(seconds: Int) throws {
        let (scheduler, owner) = try boot(lease: .seconds(600))
        let worker = try addWorker("w1", host: "h1", slots: 1)
        var held = request(1)
        held.isHeld = true
        scheduler.tell(.submit(held, host: "h1", replyTo: owner))
        world.run(until: .zero + .seconds(10))
        let miner = try #require(world.node("miner"))
        world.partition([worker], from: [miner])
        world.run(until: .zero + .seconds(10 + seconds))
        scheduler.tell(.supply(request(1)))
        world.run(until: .zero + .seconds(60))
        #expect(runner.started.isEmpty && log.failed.isEmpty)
        world.heal([worker], and: [miner])
        world.run(until: .zero + .seconds(120))
        #expect(runner.started.isEmpty && log.failed.map(\.sector.number) == [1])
        scheduler.tell(.submit(request(2), host: "h1", replyTo: owner))
        world.run(until: .zero + .seconds(300))
        #expect(log.finished.map(\.sector.number) == [2])
    }

    @Test("a cancelled task is stopped on its worker and frees the slot")
    func cancel() throws {
        let (scheduler, owner) = try boot()
        _ = try addWorker("w1", host: "h1", slots: 1)
        scheduler.tell(.submit(request(1), host: "h1", replyTo: owner))
        scheduler.tell(.submit(request(2), host: "h1", replyTo: owner))
        world.run(until: .zero + .seconds(10))
        scheduler.tell(.cancel(request(1).id))
        world.run(until: .zero + .seconds(20))
        #expect(runner.aborted.map(\.task.sector.number) == [1])
        #expect(runner.started.map(\.task.sector.number) == [1, 2])
        world.run(until: .zero + .seconds(200))
        #expect(log.finished.map(\.sector.number) == [2])
    }
}
