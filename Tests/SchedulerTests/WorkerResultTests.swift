// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

// Safety: used by one simulated world and its thread.
private final class Runner: TaskRunner, @unchecked Sendable {
    let world: SimulatedWorld
    var startCount = 0

    init(world: SimulatedWorld) { self.world = world }

    func start(_ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>) {
        startCount += 1
        let count = startCount
        world.at(world.now + .seconds(100)) {
            let commitment = [UInt8(truncatingIfNeeded: count)]
            reportTo.tell(.finished(call, .done(.preCommit1(unsealedCommitment: commitment))))
        }
    }

    func abort(_ call: CallID) {}
}

/// A worker's disk.
// Safety: used by one simulated world and its thread.
private final class Disk: ResultStore, @unchecked Sendable {
    struct Full: Error {}
    var kept: [FinishedCall] = []
    var isFull = false

    func load() -> [FinishedCall] { kept }

    func save(_ finished: FinishedCall) throws {
        if isFull { throw Full() }
        kept.append(finished)
    }

    func remove(_ call: CallID) { kept.removeAll { $0.call == call } }
}

// Safety: written by one simulated world and read by the thread that runs it.
private final class Ends: @unchecked Sendable {
    var results: [TaskResult] = []
}

private actor Owner: Component {
    nonisolated let home: Home
    private let ends: Ends

    init(home: Home, ends: Ends) {
        self.home = home
        self.ends = ends
    }

    func receive(_ message: TaskEvent, _ context: Context<TaskEvent>) {
        if case .finished(_, let result) = message { ends.results.append(result) }
    }
}

/// A task of 100 s on the one worker; its report is lost on the way, and the worker dies a moment later.
@Suite("Results that outlive their worker")
struct WorkerResultTests {
    private let world = SimulatedWorld(options: .init(seed: 3, lossDetection: .seconds(5)))
    private let runner: Runner
    private let disk = Disk()
    private let ends = Ends()
    private let miner: SimulatedNode
    private let scheduler: Ref<SchedulerMessage>
    private let owner: Ref<TaskEvent>

    init() throws {
        runner = Runner(world: world)
        miner = try world.addNode("miner")
        let storage = try miner.spawn("storage") { StorageIndex(home: $0) }
        scheduler = try miner.spawn("scheduler") {
            ClusterScheduler(
                home: $0, policy: OldestLocalPolicy(), storage: storage,
                options: .init(lease: .seconds(30), checksInvariants: true))
        }
        let ends = ends
        owner = try miner.spawn("owner") { Owner(home: $0, ends: ends) }
    }

    private func addWorker(_ name: String, isDurable: Bool = true) throws -> SimulatedNode {
        let (runner, disk) = (runner, disk)
        return try world.addNode(name) { node in
            let info = WorkerInfo(name: name, host: "h1", store: "s", slots: [.init(.preCommit1, 1)])
            try node.spawn("worker") { home in
                WorkerActor(
                    home: home, info: info, store: nil, runner: runner, results: isDurable ? disk : nil,
                    scheduler: node.ref(
                        at: Address(node: "miner", name: "scheduler"), as: SchedulerMessage.self))
            }
        }
    }

    private func run(_ seconds: Int) { world.run(until: .zero + .seconds(seconds)) }

    /// Runs the task up to its end, whose report does not arrive, and kills the worker.
    private func loseReport(of worker: SimulatedNode) {
        let id = TaskID(sector: SectorKey(miner: 1000, number: 1), type: .preCommit1, attempt: 1)
        scheduler.tell(
            .submit(
                TaskRequest(id: id, proof: 5, work: .preCommit1(ticket: [])), host: "h1", replyTo: owner))
        run(99)
        world.cut(from: worker, to: miner)
        run(102)
        world.kill(worker)
        run(103)
        world.mend(from: worker, to: miner)
    }

    @Test("a finished task is reported by the next process, is not done again, and then forgotten")
    func restarted() throws {
        let worker = try addWorker("w")
        loseReport(of: worker)
        #expect(runner.startCount == 1 && ends.results.isEmpty && disk.kept.count == 1)
        try world.restart(worker)
        run(115)
        #expect(ends.results == [.done(.preCommit1(unsealedCommitment: [1]))])
        #expect(disk.kept.isEmpty)
        run(400)
        #expect(runner.startCount == 1 && ends.results.count == 1)
    }

    @Test("without a disk the task is lost with the process, and its owner hears so")
    func forgetful() throws {
        let worker = try addWorker("w", isDurable: false)
        loseReport(of: worker)
        try world.restart(worker)
        run(115)
        guard case .failed(let failure)? = ends.results.first else {
            Issue.record("\(ends.results)")
            return
        }
        #expect(failure.cause == .infrastructureLost && ends.results.count == 1)
    }

    @Test("a result that comes after the lease, when the task is another's, is dropped on both sides")
    func tooLate() throws {
        let worker = try addWorker("w")
        loseReport(of: worker)
        run(200)
        #expect(ends.results.count == 1, "the lease has ended")
        try world.restart(worker)
        run(300)
        #expect(ends.results.count == 1 && disk.kept.isEmpty && runner.startCount == 1)
    }

    @Test("with a full disk the result is reported from memory")
    func fullDisk() throws {
        disk.isFull = true
        _ = try addWorker("w")
        let id = TaskID(sector: SectorKey(miner: 1000, number: 1), type: .preCommit1, attempt: 1)
        scheduler.tell(
            .submit(
                TaskRequest(id: id, proof: 5, work: .preCommit1(ticket: [])), host: "h1", replyTo: owner))
        run(110)
        #expect(ends.results == [.done(.preCommit1(unsealedCommitment: [1]))])
    }
}
