// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

// Safety: used by one simulated world and its thread.
private final class KeptOrders: OrderStore, @unchecked Sendable {
    var orders: [ControlOrder] = []
    var isBroken = false

    func load() throws -> [ControlOrder] { orders }

    func save(_ orders: [ControlOrder]) throws {
        if isBroken { throw CancellationError() }
        self.orders = orders
    }
}

@Suite("Operators, moves and admission")
struct ClusterControlTests {
    let world = SimulatedWorld(options: .init(seed: 5, lossDetection: .seconds(5)))
    let heard = ControlHeard()
    let runner: FetchingRunner

    init() { runner = FetchingRunner(world: world) }

    struct Cluster {
        var scheduler: Ref<SchedulerMessage>
        var storage: Ref<StorageMessage>
        var tasks: Ref<TaskEvent>
        var rooms: Ref<StorageEvent>
    }

    func boot(
        durations: [TaskType: Duration] = [.preCommit2: .seconds(10_000), .addPiece: .seconds(1)],
        orders: (any OrderStore)? = nil
    ) throws -> Cluster {
        let heard = heard
        let node = try world.addNode("miner")
        var options = ClusterScheduler.Options(
            lease: .seconds(30), checksInvariants: true, sealingBytes: 4096, durations: durations)
        options.orders = orders
        let schedulerOptions = options
        let storage = try node.spawn("storage") { StorageIndex(home: $0) }
        let scheduler = try node.spawn("scheduler") {
            ClusterScheduler(
                home: $0, policy: SealyardPolicy(), storage: storage, options: schedulerOptions)
        }
        return Cluster(
            scheduler: scheduler, storage: storage,
            tasks: try node.spawn("tasks") { TaskOwner(home: $0, heard: heard) },
            rooms: try node.spawn("rooms") { RoomOwner(home: $0, heard: heard) })
    }

    func addWorker(
        _ name: String, host: String, slots: [TaskType], slotCount: Int = 1, canFetch: Bool = false,
        capacity: UInt64 = 10_000, hostInfo: HostInfo? = nil, canStore: Bool = true
    ) throws {
        let runner = runner
        let scheduler = Address(node: "miner", name: "scheduler")
        try world.addNode(name) { node in
            let info = WorkerInfo(
                name: name, host: host, store: "\(host):s", slots: slots.map { .init($0, slotCount) },
                hostInfo: hostInfo, canFetch: canFetch)
            try node.spawn("worker") { home in
                WorkerActor(
                    home: home, info: info,
                    store: StoreInfo(
                        name: "\(host):s", host: host, capacityBytes: capacity, sealingCountMax: 0,
                        canStore: canStore),
                    runner: runner, scheduler: node.ref(at: scheduler, as: SchedulerMessage.self))
            }
        }
    }

    func request(
        _ number: UInt64, _ work: TaskWork, deadline: Instant? = nil, priority: Int = 0
    ) -> TaskRequest {
        TaskRequest(
            id: TaskID(sector: SectorKey(miner: 1000, number: number), type: work.type, attempt: 1), proof: 5,
            work: work, deadline: deadline, priority: priority)
    }

    func run(_ seconds: Int) { world.run(until: world.now + .seconds(seconds)) }

    func diagnosis(_ cluster: Cluster) throws -> SchedulerDiagnosis {
        let event: TaskEvent = try world.ask(cluster.scheduler) { .diagnose(replyTo: $0) }
        guard case .diagnosis(let diagnosis) = event else {
            throw KernelError(code: .undeliverable, message: "no diagnosis")
        }
        return diagnosis
    }

    func stores(_ cluster: Cluster) throws -> [StoreState] {
        let event: StorageEvent = try world.ask(cluster.storage) { .list(replyTo: $0) }
        guard case .stores(let states) = event else { return [] }
        return states
    }

    @Test("a paused kind waits with its reason, others run; resuming starts it")
    func pause() throws {
        let cluster = try boot()
        try addWorker("w1", host: "h1", slots: [.commit2, .finalize])
        run(1)
        cluster.scheduler.tell(.control(ControlOrder(.pause, worker: "w1", kinds: [.commit2]), replyTo: nil))
        cluster.scheduler.tell(.submit(request(1, .commit2), host: nil, replyTo: cluster.tasks))
        cluster.scheduler.tell(
            .submit(request(2, .finalize(keepsUnsealed: true)), host: "h1", replyTo: cluster.tasks))
        run(1)
        #expect(runner.started.map(\.task.sector.number) == [2])
        let waiting = try #require(try diagnosis(cluster).waiting.first)
        #expect(waiting.refusals.map(\.refusal.code) == [.paused])
        #expect(try diagnosis(cluster).workers.map(\.pausedKinds) == [[.commit2]])
        #expect(try diagnosis(cluster).text.contains("w1: is paused for it"))
        cluster.scheduler.tell(.control(ControlOrder(.resume, worker: "w1"), replyTo: nil))
        run(1)
        #expect(runner.started.map(\.task.sector.number) == [2, 1])
    }

    @Test("a drain lets what runs end, takes nothing new, keeps the store online, and says when it is quiet")
    func drain() throws {
        let cluster = try boot()
        try addWorker("w1", host: "h1", slots: [.finalize])
        cluster.scheduler.tell(
            .submit(request(1, .finalize(keepsUnsealed: true)), host: "h1", replyTo: cluster.tasks))
        cluster.scheduler.tell(
            .submit(request(2, .finalize(keepsUnsealed: true)), host: "h1", replyTo: cluster.tasks))
        run(10)
        cluster.scheduler.tell(.control(ControlOrder(.drain, group: "h1"), replyTo: cluster.tasks))
        run(50)
        let reports = { heard.tasks.filter { if case .control = $0 { true } else { false } }.count }
        #expect(reports() == 0, "a task still runs")
        run(60)
        #expect(reports() == 1)
        #expect(runner.started.count == 1 && heard.doneCount == 1)
        #expect(try stores(cluster).map(\.isOnline) == [true])
        cluster.scheduler.tell(.control(ControlOrder(.uncordon, group: "h1"), replyTo: nil))
        run(10)
        #expect(runner.started.map(\.task.sector.number) == [1, 2])
    }

    @Test(
        "a cordon of some kinds leaves the others, a resume leaves it, and a drain waits for its kinds alone")
    func cordonedKinds() throws {
        let cluster = try boot()
        try addWorker("w1", host: "h1", slots: [.commit2, .finalize])
        cluster.scheduler.tell(
            .submit(request(1, .finalize(keepsUnsealed: true)), host: "h1", replyTo: cluster.tasks))
        run(10)
        cluster.scheduler.tell(
            .control(ControlOrder(.drain, worker: "w1", kinds: [.commit2]), replyTo: cluster.tasks))
        run(1)
        let reports = heard.tasks.compactMap { if case .control(let report) = $0 { report } else { nil } }
        #expect(reports.map(\.runningCount) == [0], "what runs is of another kind")
        cluster.scheduler.tell(.control(ControlOrder(.resume), replyTo: nil))
        cluster.scheduler.tell(.submit(request(2, .commit2), host: nil, replyTo: cluster.tasks))
        cluster.scheduler.tell(
            .submit(request(3, .finalize(keepsUnsealed: true)), host: "h1", replyTo: cluster.tasks))
        run(150)
        #expect(runner.started.map(\.task.sector.number) == [1, 3])
        let worker = try #require(try diagnosis(cluster).workers.first)
        #expect(worker.cordonedKinds == [.commit2] && !worker.isCordoned)
        #expect(try diagnosis(cluster).waiting.first?.refusals.map(\.refusal.code) == [.cordoned])
        cluster.scheduler.tell(
            .control(ControlOrder(.uncordon, worker: "w1", kinds: [.commit2]), replyTo: nil))
        run(1)
        #expect(runner.started.map(\.task.sector.number) == [1, 3, 2])
    }

    @Test("orders are kept before they are answered, as few as say the same; one that is not kept says so")
    func keptOrders() throws {
        let kept = KeptOrders()
        let cluster = try boot(orders: kept)
        try addWorker("w1", host: "h1", slots: [.commit2])
        run(1)
        func say(_ order: ControlOrder) throws -> ControlReport {
            let event: TaskEvent = try world.ask(cluster.scheduler) { .control(order, replyTo: $0) }
            guard case .control(let report) = event else { throw CancellationError() }
            return report
        }
        let pause = ControlOrder(.pause, worker: "w1", kinds: [.commit2])
        #expect(try say(pause).note.isEmpty)
        #expect(kept.orders == [pause])
        _ = try say(ControlOrder(.resume, worker: "w1", kinds: [.commit2]))
        #expect(kept.orders == [ControlOrder(.resume, worker: "w1", kinds: [.commit2])])
        let drain = ControlOrder(.drain, group: "h1")
        #expect(try say(drain).runningCount == 0)
        #expect(kept.orders.last == drain)
        kept.isBroken = true
        #expect(try say(pause).note.contains("not on disk"))
        #expect(try diagnosis(cluster).workers.map(\.pausedKinds) == [[.commit2]], "it holds all the same")
    }

    @Test("an abort stops the work at the worker, gives its things back, and tells the sector")
    func abort() throws {
        let cluster = try boot()
        try addWorker("w1", host: "h1", slots: [.finalize])
        cluster.scheduler.tell(
            .submit(request(1, .finalize(keepsUnsealed: true)), host: "h1", replyTo: cluster.tasks))
        cluster.scheduler.tell(
            .submit(request(2, .finalize(keepsUnsealed: true)), host: "h1", replyTo: cluster.tasks))
        run(10)
        cluster.scheduler.tell(.abort(request(1, .finalize(keepsUnsealed: true)).id, replyTo: nil))
        run(10)
        #expect(runner.aborted.map(\.task.sector.number) == [1])
        #expect(heard.failures.map(\.cause) == [.aborted])
        #expect(runner.started.map(\.task.sector.number) == [1, 2])
    }

    @Test("an urgent deadline goes before priority, and priority before age")
    func urgency() throws {
        let cluster = try boot()
        cluster.scheduler.tell(.submit(request(1, .commit2), host: nil, replyTo: cluster.tasks))
        cluster.scheduler.tell(
            .submit(request(2, .commit2, priority: 1024), host: nil, replyTo: cluster.tasks))
        let soon = Instant(seconds: 3600)
        cluster.scheduler.tell(
            .submit(request(3, .commit2, deadline: soon), host: nil, replyTo: cluster.tasks))
        run(1)
        try addWorker("w1", host: "h1", slots: [.commit2])
        run(400)
        #expect(runner.started.map(\.task.sector.number) == [3, 2, 1])
    }

    @Test("a sector whose host lacks a stage is moved: room first at both ends, then at the new place alone")
    func move() throws {
        let cluster = try boot()
        try addWorker("w1", host: "h1", slots: [.addPiece])
        run(1)
        let sector = SectorKey(miner: 1000, number: 1)
        cluster.scheduler.tell(.admit(sector, bytes: 4096, replyTo: cluster.rooms))
        run(1)
        #expect(heard.storage == [.reserved(sector, store: "h1:s", host: "h1")])
        cluster.scheduler.tell(.submit(request(1, .preCommit2), host: "h1", replyTo: cluster.tasks))
        run(1)
        #expect(try diagnosis(cluster).waiting.map(\.reason) == ["no worker in the cluster accepts PC2"])
        try addWorker("w2", host: "h2", slots: [.preCommit2], canFetch: false)
        run(1)
        #expect(try diagnosis(cluster).waiting.first?.refusals.map(\.refusal.code) == [.filesElsewhere])
        try addWorker("w3", host: "h3", slots: [.preCommit2], canFetch: true, capacity: 4000)
        run(1)
        #expect(
            try diagnosis(cluster).waiting.first?.refusals.map(\.refusal.code) == [
                .filesElsewhere, .storeFull,
            ])
        try addWorker("w4", host: "h4", slots: [.preCommit2], canFetch: true)
        run(5)
        #expect(try stores(cluster).map(\.reservedBytes) == [4096, 0, 0, 4096])
        #expect(
            runner.started.map(\.fetch) == [
                .init(fromHost: "h1", fromStore: "h1:s", toStore: "h4:s", bytes: 4096)
            ])
        #expect(try diagnosis(cluster).running.map(\.isFetching) == [true])
        run(10)
        #expect(try stores(cluster).map(\.reservedBytes) == [0, 0, 0, 4096])
        #expect(heard.storage.last == .moved(sector, store: "h4:s", host: "h4"))
        run(200)
        #expect(heard.doneCount == 1)
        // The next task of the sector goes where the files are, whatever its keeper still believes.
        cluster.scheduler.tell(
            .submit(request(1, .finalize(keepsUnsealed: true)), host: "h1", replyTo: cluster.tasks))
        run(1)
        #expect(try diagnosis(cluster).waiting.map(\.host) == ["h4"])
        cluster.scheduler.tell(.withdraw(sector))
        run(1)
        #expect(try stores(cluster).map(\.reservedBytes) == [0, 0, 0, 0])
    }

    @Test("where a worker's own store is full, the files go to the best other store of its host")
    func moveToSecondStore() throws {
        let cluster = try boot()
        try addWorker("w1", host: "h1", slots: [.addPiece])
        try addWorker("w2", host: "h2", slots: [.preCommit2], canFetch: true, capacity: 4000)
        for (name, capacity, weight) in [("h2:t", 9_000, 10), ("h2:u", 8_000, 20), ("h2:v", 4_000, 99)] {
            cluster.storage.tell(
                .attach(
                    StoreInfo(
                        name: name, host: "h2", capacityBytes: UInt64(capacity), sealingCountMax: 0,
                        weight: weight, admitsNew: false)))
        }
        run(1)
        let sector = SectorKey(miner: 1000, number: 1)
        cluster.scheduler.tell(.admit(sector, bytes: 4096, replyTo: cluster.rooms))
        run(1)
        #expect(heard.storage == [.reserved(sector, store: "h1:s", host: "h1")])
        cluster.scheduler.tell(.submit(request(1, .preCommit2), host: "h1", replyTo: cluster.tasks))
        run(20)
        #expect(runner.started.map(\.fetch?.toStore) == ["h2:u"])
        #expect(heard.storage.last == .moved(sector, store: "h2:u", host: "h2"))
        let reserved = try stores(cluster).map { "\($0.info.name) \($0.reservedBytes)" }
        #expect(reserved == ["h1:s 0", "h2:s 0", "h2:t 0", "h2:u 4096", "h2:v 0"])
        // The next task finds them there.
        run(100)
        cluster.scheduler.tell(.submit(request(1, .preCommit2), host: "h2", replyTo: cluster.tasks))
        run(1)
        #expect(runner.started.map(\.fetch?.toStore) == ["h2:u", nil])
    }

    @Test("a move that is aborted while it fetches gives back the room that it held")
    func abortedMove() throws {
        let cluster = try boot()
        try addWorker("w1", host: "h1", slots: [.addPiece])
        run(1)
        cluster.scheduler.tell(.admit(SectorKey(miner: 1000, number: 1), bytes: 4096, replyTo: cluster.rooms))
        try addWorker("w4", host: "h4", slots: [.preCommit2], canFetch: true)
        run(1)
        cluster.scheduler.tell(.submit(request(1, .preCommit2), host: "h1", replyTo: cluster.tasks))
        run(5)
        #expect(try stores(cluster).map(\.reservedBytes) == [4096, 4096])
        cluster.scheduler.tell(.abort(request(1, .preCommit2).id, replyTo: nil))
        run(20)
        #expect(try stores(cluster).map(\.reservedBytes) == [4096, 0])
        #expect(runner.aborted.count == 1)
    }

    @Test("a held task is granted a slot with the room for its files, and fetches once it is told what to do")
    func heldMove() throws {
        let cluster = try boot()
        try addWorker("w1", host: "h1", slots: [.addPiece])
        run(1)
        cluster.scheduler.tell(.admit(SectorKey(miner: 1000, number: 1), bytes: 4096, replyTo: cluster.rooms))
        try addWorker("w4", host: "h4", slots: [.preCommit2], canFetch: true)
        run(1)
        var held = request(1, .preCommit2)
        held.isHeld = true
        cluster.scheduler.tell(.submit(held, host: "h1", replyTo: cluster.tasks))
        run(30)
        #expect(heard.tasks.map(\.isGrant) == [true])
        #expect(runner.started.isEmpty)
        #expect(try stores(cluster).map(\.reservedBytes) == [4096, 4096])
        cluster.scheduler.tell(.supply(held))
        run(30)
        #expect(heard.tasks.map(\.isGrant) == [true])
        #expect(runner.started.map { $0.fetch?.toStore } == ["h4:s"])
        #expect(try stores(cluster).map(\.reservedBytes) == [0, 4096])
    }

    @Test("sectors wait for room with a reason, and each decision is remembered")
    func admission() throws {
        let cluster = try boot()
        let sectors = (1...3).map { SectorKey(miner: 1000, number: $0) }
        for sector in sectors { cluster.scheduler.tell(.admit(sector, bytes: 100, replyTo: cluster.rooms)) }
        run(1)
        #expect(try diagnosis(cluster).admissions.map(\.reason).first == "no sealing store is attached")
        try addWorker("w1", host: "h1", slots: [.addPiece, .preCommit1], capacity: 150)
        run(60)
        #expect(heard.storage == [.reserved(sectors[0], store: "h1:s", host: "h1")])
        #expect(try diagnosis(cluster).admissions.map(\.sector) == [sectors[1], sectors[2]])
        #expect(try diagnosis(cluster).admissions.first?.reason.contains("h1:s has 50.0 B left") == true)
        cluster.scheduler.tell(.withdraw(sectors[1]))
        cluster.scheduler.tell(.withdraw(sectors[0]))
        run(60)
        #expect(heard.storage.last == .reserved(sectors[2], store: "h1:s", host: "h1"))
        #expect(try stores(cluster).map(\.reservedBytes) == [100])
        let event: TaskEvent = try world.ask(cluster.scheduler) { .decisions(limit: 10, replyTo: $0) }
        guard case .decisions(let records) = event else {
            Issue.record("expected decisions")
            return
        }
        #expect(records.map(\.event) == [.admitted, .admitted])
        #expect(records.map(\.sector) == [sectors[2], sectors[0]])
        #expect(records.allSatisfy { $0.reason.rule == "soonest" })
    }
}
