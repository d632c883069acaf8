// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// Workers that take PreCommit1 and whatever else is asked, as a Lotus scheduler sees them.
struct LotusTimeline: LotusSurroundings {
    /// How many tasks of any kind fit a worker: each takes one processor.
    var capacity = 10
    /// Tasks whose files are elsewhere.
    var remote: Set<TaskID> = []
    var verdicts: [Int: LotusVerdict] = [:]
    var needs: [TaskType: ResourceNeed] = [:]

    var machine: LotusMachine { LotusMachine(memoryBytes: 1 << 40, coreCount: capacity) }

    func need(_ task: LotusTask, on worker: Int) -> ResourceNeed {
        needs[task.id.type] ?? ResourceNeed(threads: .count(1))
    }
    func verdict(_ task: LotusTask, on worker: Int) -> LotusVerdict {
        verdicts[worker] ?? LotusVerdict(isAcceptable: true)
    }
    func preparingMax(_ task: LotusTask, on worker: Int) -> Int { 0 }
    func hasFiles(_ task: LotusTask, on worker: Int) -> Bool { !remote.contains(task.id) }

    static func task(_ number: UInt64, _ type: TaskType, priority: Int = 0) -> LotusTask {
        LotusTask(
            id: TaskID(sector: SectorKey(miner: 1000, number: number), type: type, attempt: 1),
            priority: priority, sequence: number)
    }

    static func started(_ actions: [LotusScheduler.Action]) -> Int {
        actions.reduce(0) {
            if case .start = $1 { $0 + 1 } else { $0 }
        }
    }
}

@Suite("The known timeline of Lotus, line by line")
struct LotusTimelineTests {
    private func cluster(_ tasks: Int, workers: Int = 2, _ around: LotusTimeline) -> LotusScheduler {
        var scheduler = LotusScheduler(assigner: .utilization, seed: 1)
        for index in 0..<workers { scheduler.join(index, around.machine) }
        for number in 0..<tasks { scheduler.submit(LotusTimeline.task(UInt64(number), .preCommit1)) }
        return scheduler
    }

    @Test("40 tasks for two workers of 10: 20 run, and the other 20 are prepared on the same workers")
    func forty() {
        let around = LotusTimeline()
        var scheduler = cluster(40, around)
        #expect(LotusTimeline.started(scheduler.run(around)) == 20)
        #expect(scheduler.queuedCount == 0)
        for index in 0...1 { #expect(scheduler.counts(index) == (0, 0, 10, 10)) }
    }

    @Test("with 80 tasks all are bound, four times its room to each worker; the 81st waits")
    func eighty() {
        let around = LotusTimeline()
        var scheduler = cluster(81, around)
        _ = scheduler.run(around)
        #expect(scheduler.queuedCount == 1)
        for index in 0...1 {
            #expect(scheduler.counts(index) == (20, 0, 10, 10))
            #expect(scheduler.openWindowCount(index) == 0)
        }
        // The queue goes by sector number: the last is the one that waits.
        #expect(scheduler.isQueued(LotusTimeline.task(80, .preCommit1).id))
    }

    @Test("a third worker that joins now gets nothing of these, only what is queued after", arguments: 1...5)
    func latecomer(seed: UInt64) {
        let around = LotusTimeline()
        var scheduler = cluster(80, around)
        _ = scheduler.run(around)
        scheduler.join(2, around.machine)
        #expect(scheduler.run(around) == [])
        #expect(scheduler.counts(2) == (0, 0, 0, 0))
        let fresh = LotusTimeline.task(100 + seed, .preCommit1)
        scheduler.submit(fresh)
        #expect(scheduler.run(around) == [.start(fresh.id, worker: 2)])
        // And when a task of a full worker ends, its own prepared task follows: nothing is stolen.
        let done = scheduler.activeTasks(0)[0]
        scheduler.remove(done)
        let next = scheduler.run(around)
        #expect(next.count == 1)
        guard case .start(_, worker: 0) = next[0] else {
            Issue.record("\(next)")
            return
        }
    }

    @Test("a worker that dies gives back what waits in its windows; what it prepared and runs stays")
    func death() {
        let around = LotusTimeline()
        var scheduler = cluster(80, around)
        _ = scheduler.run(around)
        scheduler.disable(0)
        #expect(scheduler.queuedCount == 20)
        #expect(scheduler.counts(0) == (0, 0, 10, 10))
        #expect(scheduler.openWindowCount(0) == 0)
        // The other worker is full, so they wait in the queue, and the dead one gets none.
        #expect(scheduler.run(around) == [])
        #expect(scheduler.queuedCount == 20)
        scheduler.enable(0)
        _ = scheduler.run(around)
        #expect(scheduler.queuedCount == 0)
    }

    @Test("among equal workers the seeded shuffle decides, and one seed decides once")
    func equals() {
        let around = LotusTimeline()
        var winners: [Int] = []
        for seed in UInt64(1)...40 {
            var pair: [Int] = []
            for _ in 0..<2 {
                var scheduler = LotusScheduler(assigner: .utilization, seed: seed)
                for index in 0..<2 { scheduler.join(index, around.machine) }
                let task = LotusTimeline.task(1, .preCommit1)
                scheduler.submit(task)
                _ = scheduler.run(around)
                pair.append(scheduler.worker(of: task.id) ?? -1)
            }
            #expect(pair[0] == pair[1])
            winners.append(pair[0])
        }
        let first = winners.filter { $0 == 0 }.count
        #expect(first > 8 && first < 32)
    }

    @Test("a worker prepares as much again as it runs; the second window waits for the first to be empty")
    func headOfWindow() {
        // Nothing is where it is needed, so that preparing takes time.
        var around = LotusTimeline(capacity: 2)
        let tasks = (1...8).map { LotusTimeline.task(UInt64($0), .preCommit1) }
        around.remote = Set(tasks.map(\.id))
        var scheduler = LotusScheduler(assigner: .utilization, seed: 3)
        scheduler.join(0, around.machine)
        for task in tasks { scheduler.submit(task) }
        let first = scheduler.run(around)
        #expect(first == [.prepare(tasks[0].id, worker: 0), .prepare(tasks[1].id, worker: 0)])
        #expect(scheduler.counts(0) == (4, 2, 0, 0))
        #expect(scheduler.queuedCount == 2)
        // One arrives: it runs, and the next of the first window is prepared in its place.
        scheduler.filesArrived(tasks[1].id)
        let second = scheduler.run(around)
        #expect(second == [.start(tasks[1].id, worker: 0), .prepare(tasks[2].id, worker: 0)])
    }

    @Test("a large task at the head of the first window keeps the small ones of the second waiting")
    func blocking() {
        var around = LotusTimeline(capacity: 10)
        around.needs = [
            .preCommit2: ResourceNeed(threads: .count(10)), .addPiece: ResourceNeed(threads: .count(1)),
        ]
        var scheduler = LotusScheduler(assigner: .utilization, seed: 3)
        scheduler.join(0, around.machine)
        // One runs, one is prepared, one is in each window; what is small comes behind.
        for number in 1...3 { scheduler.submit(LotusTimeline.task(UInt64(number), .preCommit2)) }
        _ = scheduler.run(around)
        let small = LotusTimeline.task(9, .addPiece, priority: 1024)
        scheduler.submit(small)
        _ = scheduler.run(around)
        #expect(scheduler.phase(of: small.id) == .assigned(window: 1))
        #expect(scheduler.phase(of: LotusTimeline.task(3, .preCommit2).id) == .assigned(window: 0))
    }
}

@Suite("Windows, compaction and assigners of Lotus")
struct LotusAssignerTests {
    private func placed(
        _ assigner: LotusAssigner, tasks: [LotusTask], around: LotusTimeline, workers: Int = 3,
        seed: UInt64 = 5
    ) -> [Int] {
        var scheduler = LotusScheduler(assigner: assigner, seed: seed)
        for index in 0..<workers { scheduler.join(index, around.machine) }
        for task in tasks { scheduler.submit(task) }
        _ = scheduler.run(around)
        return (0..<workers).map { index in tasks.filter { scheduler.worker(of: $0.id) == index }.count }
    }

    @Test("the queue: cleaning first, then priority, then the later stage, then the sector number")
    func order() {
        let tasks = [
            LotusTimeline.task(9, .finalize), LotusTimeline.task(8, .addPiece, priority: 1024),
            LotusTimeline.task(5, .commit1), LotusTimeline.task(6, .commit2),
            LotusTimeline.task(7, .preCommit2),
            LotusTimeline.task(3, .preCommit1), LotusTimeline.task(4, .preCommit1),
            LotusTimeline.task(1, .addPiece),
        ]
        for seed in UInt64(1)...20 {
            var random = RandomStream(seed: seed)
            let sorted = tasks.shuffled(using: &random).sorted(by: LotusQueueOrder.isBefore)
            #expect(sorted == tasks)
        }
    }

    @Test("every kind of Lotus has its place in the order")
    func kinds() {
        let named = [
            ("seal/v0/datacid", 10), ("seal/v0/addpiece", 9), ("seal/v0/precommit/1", 5),
            ("seal/v0/precommit/2", 4),
            ("seal/v0/commit/1", 2), ("seal/v0/commit/2", 3), ("seal/v0/finalize", -3),
            ("seal/v0/finalizeunsealed", -4), ("seal/v0/fetch", -1), ("seal/v0/unseal", 1),
            ("seal/v0/replicaupdate", 8), ("seal/v0/provereplicaupdate/1", 6),
            ("seal/v0/provereplicaupdate/2", 7),
            ("seal/v0/regensectorkey", 11), ("seal/v0/finalize/replicaupdate", 0),
            ("seal/v0/download/sector", -2),
            ("post/v0/windowproof", -5), ("post/v0/winningproof", -6),
        ]
        for (kind, order) in named { #expect(LotusQueueOrder.order(kind) == order, "\(kind)") }
    }

    @Test(
        "spread gives each worker the same number in one cycle",
        arguments: [LotusAssigner.spread, .spreadTasks])
    func spread(assigner: LotusAssigner) {
        let tasks = (1...9).map { LotusTimeline.task(UInt64($0), .preCommit1) }
        #expect(placed(assigner, tasks: tasks, around: LotusTimeline()) == [3, 3, 3])
    }

    @Test("the plain spread forgets between cycles what its qcount remembers")
    func qcount() {
        let around = LotusTimeline(capacity: 4)
        for (assigner, remembers) in [
            (LotusAssigner.spread, false), (.spreadQCount, true), (.spreadTasksQCount, true),
        ] {
            var unequal = 0
            for seed in UInt64(1)...20 {
                var scheduler = LotusScheduler(assigner: assigner, seed: seed)
                for index in 0..<2 {
                    scheduler.join(index, .unknown)
                }
                // One at a time: each is a cycle of its own.
                for number in 1...6 {
                    scheduler.submit(LotusTimeline.task(UInt64(number), .preCommit1))
                    _ = scheduler.run(around)
                }
                if scheduler.counts(0).active != 3 { unequal += 1 }
            }
            #expect((unequal == 0) == remembers, "\(assigner): \(unequal)")
        }
    }

    @Test("random uses every worker, and a worker that does not fit none")
    func random() {
        var around = LotusTimeline(capacity: 30)
        around.verdicts[1] = .refused
        let tasks = (1...30).map { LotusTimeline.task(UInt64($0), .preCommit1) }
        let counts = placed(.random, tasks: tasks, around: around)
        #expect(counts[1] == 0 && counts[0] > 5 && counts[2] > 5 && counts.reduce(0, +) == 30)
    }

    @Test("preferred workers exclude the others, busy or not")
    func preferred() {
        var around = LotusTimeline(capacity: 2)
        around.verdicts[2] = LotusVerdict(isAcceptable: true, isPreferred: true)
        let tasks = (1...8).map { LotusTimeline.task(UInt64($0), .preCommit1) }
        #expect(placed(.utilization, tasks: tasks, around: around) == [0, 0, 8])
    }

    @Test("the task selector takes the worker with fewer kinds before the one that is less busy")
    func specialists() {
        var around = LotusTimeline()
        around.verdicts = [
            0: LotusVerdict(isAcceptable: true, supportedKindCount: 6),
            1: LotusVerdict(isAcceptable: true, supportedKindCount: 1),
            2: LotusVerdict(isAcceptable: true, supportedKindCount: 6),
        ]
        #expect(placed(.utilization, tasks: [LotusTimeline.task(1, .commit2)], around: around) == [0, 1, 0])
    }

    @Test("compaction moves a task into the first window only where its account has room left")
    func compaction() {
        var around = LotusTimeline(capacity: 10)
        around.needs = [
            .preCommit2: ResourceNeed(threads: .count(6)), .preCommit1: ResourceNeed(threads: .count(3)),
        ]
        var scheduler = LotusScheduler(assigner: .utilization, seed: 3)
        scheduler.join(0, around.machine)
        // Two run or are prepared, two fill the windows to 6 of 10 each; the third kind fits beside one of
        // them.
        for number in 1...4 { scheduler.submit(LotusTimeline.task(UInt64(number), .preCommit2)) }
        _ = scheduler.run(around)
        #expect(scheduler.counts(0).assigned == 2)
        #expect(scheduler.openWindowCount(0) == 0)
        // A window with room is not topped up once it is with its worker.
        let small = LotusTimeline.task(8, .preCommit1)
        scheduler.submit(small)
        #expect(scheduler.run(around) == [])
        #expect(scheduler.isQueued(small.id))
    }

    @Test("Commit2 starts out of the window without preparing, unless something prepared waits")
    func readyWork() {
        var around = LotusTimeline(capacity: 4)
        around.needs = [
            .preCommit1: ResourceNeed(threads: .count(4)), .commit2: ResourceNeed(threads: .count(0)),
        ]
        var scheduler = LotusScheduler(assigner: .utilization, seed: 3)
        scheduler.join(0, around.machine)
        scheduler.submit(LotusTimeline.task(1, .preCommit1))
        let proof = LotusTimeline.task(2, .commit2)
        scheduler.submit(proof)
        #expect(scheduler.run(around).contains(.start(proof.id, worker: 0)))
        scheduler.remove(proof.id)
        // Now a second PreCommit1 is prepared and waits: the next proof has to go through the preparing
        // account.
        scheduler.submit(LotusTimeline.task(3, .preCommit1))
        _ = scheduler.run(around)
        #expect(scheduler.phase(of: LotusTimeline.task(3, .preCommit1).id) == .prepared)
        scheduler.submit(LotusTimeline.task(4, .preCommit1))
        let late = LotusTimeline.task(5, .commit2)
        scheduler.submit(late)
        _ = scheduler.run(around)
        #expect(scheduler.phase(of: late.id) == .active)
    }

    @Test("what is removed leaves its account, wherever it was")
    func removal() {
        let around = LotusTimeline(capacity: 1)
        var scheduler = LotusScheduler(assigner: .utilization, seed: 3)
        scheduler.join(0, around.machine)
        let tasks = (1...5).map { LotusTimeline.task(UInt64($0), .preCommit1) }
        for task in tasks { scheduler.submit(task) }
        _ = scheduler.run(around)
        #expect(scheduler.queuedCount == 1)
        for task in [tasks[4], tasks[3], tasks[1], tasks[0], tasks[2]] { scheduler.remove(task.id) }
        #expect(scheduler.counts(0) == (0, 0, 0, 0))
        let next = LotusTimeline.task(7, .preCommit1)
        scheduler.submit(next)
        #expect(scheduler.run(around) == [.start(next.id, worker: 0)])
    }

    @Test("a start that the cluster refuses waits in the preparing account, and is tried again")
    func refusedStart() {
        let around = LotusTimeline(capacity: 1)
        var scheduler = LotusScheduler(assigner: .utilization, seed: 3)
        scheduler.join(0, around.machine)
        let task = LotusTimeline.task(1, .preCommit1)
        scheduler.submit(task)
        #expect(scheduler.run(around) == [.start(task.id, worker: 0)])
        scheduler.startFailed(task.id)
        #expect(scheduler.phase(of: task.id) == .prepared)
        #expect(scheduler.run(around) == [.start(task.id, worker: 0)])
    }
}
