// SPDX-License-Identifier: Apache-2.0
internal import Kernel
private import OrderedCollections

/// The scheduler of Lotus as a value: one queue, two windows a worker, and two full-size accounts behind
/// them.
///
/// A worker keeps two requests for windows open. A cycle walks the queue and puts each task into a window
/// that it would fit if the worker were empty; from then on it belongs to that worker. The worker takes tasks
/// out of its first window into the preparing account, and once their files are there into the active
/// account, which is as large again. So a worker that has room for c tasks holds up to 4c, whatever the
/// others do:
///
///     queue ──► window 2 ──► window 1 ──► preparing / prepared ──► active
///                  c            c                  c                  c
///
/// - SeeAlso: lotus v1.34.4, `storage/sealer/sched.go`, `sched_worker.go`, `sched_assigner_common.go`.
package struct LotusScheduler: Sendable {
    package static let windowsPerWorker = 2

    /// Where a task of a worker is.
    package enum Phase: Sendable, Hashable {
        /// In a window; its place among the worker's windows.
        case assigned(window: Int)
        /// Its files are being brought.
        case preparing
        /// Its files are there; it waits for the active account.
        case prepared
        case active
    }

    /// What the caller has to do.
    package enum Action: Sendable, Hashable {
        /// Bring the files; say ``filesArrived(_:)`` when they are there.
        case prepare(TaskID, worker: Int)
        /// Start the work.
        case start(TaskID, worker: Int)
    }

    private struct Held: Sendable {
        let task: LotusTask
        let need: ResourceNeed
        var isPrepared = false
    }

    private struct Worker: Sendable {
        let machine: LotusMachine
        var isEnabled = true
        var windows: [LotusWindow] = []
        var preparing: OrderedDictionary<TaskID, Held> = [:]
        var active: OrderedDictionary<TaskID, Held> = [:]
        var preparingAccount = LotusAccount()
        var activeAccount = LotusAccount()
        var counter = LotusTaskCounter()
        /// When its open windows were asked for, oldest first: a total order over all workers.
        var openWindows: [UInt64] = []

        var utilization: Double {
            activeAccount.utilization(machine) + preparingAccount.utilization(machine)
                + windows.reduce(0) { $0 + $1.account.utilization(machine) }
        }
    }

    package let assigner: LotusAssigner
    private var random: RandomStream
    private var workers: [Worker?] = []
    private var queue: [TaskID: LotusTask] = [:]
    private var workerOf: [TaskID: Int] = [:]
    private var windowRequestCount: UInt64 = 0
    /// The same as the queue, in order; `nil` where it has to be sorted again.
    private var sortedQueue: [LotusTask]?

    package init(assigner: LotusAssigner, seed: UInt64) {
        self.assigner = assigner
        random = RandomStream(seed: seed, name: "lotus")
    }

    // MARK: What is where

    /// Tasks that belong to no worker yet.
    package var queuedCount: Int { queue.count }
    /// Their ids, in no order that means anything; sorted, so that it is one.
    package var queuedTasks: [TaskID] { queuedTasks { _ in true } }
    /// Those of them that are asked for, in order.
    package func queuedTasks(where isWanted: (TaskID) -> Bool) -> [TaskID] {
        queue.keys.filter(isWanted).sorted()
    }
    package func isQueued(_ id: TaskID) -> Bool { queue[id] != nil }
    /// Tells whether it knows the task: queued, or of some worker.
    package func knows(_ id: TaskID) -> Bool { queue[id] != nil || workerOf[id] != nil }
    /// The worker that a task belongs to.
    package func worker(of id: TaskID) -> Int? { workerOf[id] }
    package func hasWorker(_ index: Int) -> Bool { workers.indices.contains(index) && workers[index] != nil }
    package func isEnabled(_ index: Int) -> Bool { hasWorker(index) && workers[index]?.isEnabled == true }
    package func openWindowCount(_ index: Int) -> Int {
        hasWorker(index) ? workers[index]?.openWindows.count ?? 0 : 0
    }

    /// Where a task of a worker is; `nil` where it belongs to none.
    package func phase(of id: TaskID) -> Phase? {
        guard let index = workerOf[id], let worker = workers[index] else { return nil }
        if worker.active[id] != nil { return .active }
        if let held = worker.preparing[id] { return held.isPrepared ? .prepared : .preparing }
        for (place, window) in worker.windows.enumerated() where window.todo.contains(where: { $0.id == id })
        {
            return .assigned(window: place)
        }
        return nil
    }

    /// Tasks of a worker in windows, preparing, prepared, active.
    package func counts(_ index: Int) -> (assigned: Int, preparing: Int, prepared: Int, active: Int) {
        guard hasWorker(index), let worker = workers[index] else { return (0, 0, 0, 0) }
        let prepared = worker.preparing.values.reduce(0) { $0 + ($1.isPrepared ? 1 : 0) }
        return (
            worker.windows.reduce(0) { $0 + $1.todo.count }, worker.preparing.count - prepared, prepared,
            worker.active.count
        )
    }

    /// Tasks of a worker that have not started, with what they wait for: the windows' first.
    package func waiting(_ index: Int) -> [(id: TaskID, phase: Phase)] {
        guard hasWorker(index), let worker = workers[index] else { return [] }
        var list: [(id: TaskID, phase: Phase)] = []
        for (place, window) in worker.windows.enumerated() {
            for task in window.todo { list.append((task.id, .assigned(window: place))) }
        }
        for held in worker.preparing.values {
            list.append((held.task.id, held.isPrepared ? .prepared : .preparing))
        }
        return list
    }

    package func activeTasks(_ index: Int) -> [TaskID] {
        hasWorker(index) ? workers[index].map { Array($0.active.keys) } ?? [] : []
    }

    // MARK: Events

    /// A worker registers; its index must be free.
    package mutating func join(_ index: Int, _ machine: LotusMachine) {
        while workers.count <= index { workers.append(nil) }
        precondition(workers[index] == nil, "a worker has index \(index) already")
        workers[index] = Worker(machine: machine)
    }

    /// The session check failed: what waits in its windows is queued again and its open windows are
    /// discarded. What it prepares and what it runs stays with it.
    package mutating func disable(_ index: Int) {
        guard isEnabled(index), var worker = workers[index] else { return }
        worker.isEnabled = false
        worker.openWindows = []
        for task in worker.windows.flatMap(\.todo) { requeue(task) }
        worker.windows = []
        workers[index] = worker
    }

    package mutating func enable(_ index: Int) {
        if hasWorker(index) { workers[index]?.isEnabled = true }
    }

    /// The worker is dropped for good. What it prepared comes back when the caller submits it again.
    package mutating func drop(_ index: Int) {
        guard hasWorker(index) else { return }
        disable(index)
        for id in workers[index].map({ Array($0.preparing.keys) + Array($0.active.keys) }) ?? [] {
            workerOf[id] = nil
        }
        workers[index] = nil
    }

    package mutating func submit(_ task: LotusTask) {
        guard !knows(task.id) else { return }
        let sorted = sortedQueue
        requeue(task)
        // One task more needs its place in the order, not a new order: a queue of a hundred thousand is long.
        sortedQueue = sorted
        guard let sorted else { return }
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if LotusQueueOrder.isBefore(sorted[middle], task) { low = middle + 1 } else { high = middle }
        }
        sortedQueue?.insert(task, at: low)
    }

    /// The files of a task that is prepared are there.
    package mutating func filesArrived(_ id: TaskID) {
        guard let index = workerOf[id] else { return }
        workers[index]?.preparing[id]?.isPrepared = true
    }

    /// The task is over, or no longer wanted: wherever it is, it goes.
    package mutating func remove(_ id: TaskID) {
        if queue.removeValue(forKey: id) != nil {
            sortedQueue?.removeAll { $0.id == id }
            return
        }
        guard let index = workerOf.removeValue(forKey: id), var worker = workers[index] else { return }
        if let held = worker.active.removeValue(forKey: id) {
            worker.activeAccount.free(held.need, worker.machine)
            worker.counter.remove(id, held.task.kind)
        } else if let held = worker.preparing.removeValue(forKey: id) {
            worker.preparingAccount.free(held.need, worker.machine)
            worker.counter.remove(id, held.task.preparingKind)
        } else {
            // The window stays as full as it was.
            for place in worker.windows.indices { worker.windows[place].todo.removeAll { $0.id == id } }
        }
        workers[index] = worker
    }

    /// The work could not start after all: the task waits for the active account again.
    package mutating func startFailed(_ id: TaskID) {
        guard let index = workerOf[id], var worker = workers[index],
            let held = worker.active.removeValue(forKey: id)
        else { return }
        worker.activeAccount.free(held.need, worker.machine)
        worker.counter.remove(id, held.task.kind)
        var again = held
        again.isPrepared = true
        worker.preparing[id] = again
        worker.preparingAccount.add(held.need, worker.machine)
        worker.counter.add(id, held.task.preparingKind)
        workers[index] = worker
    }

    private mutating func requeue(_ task: LotusTask) {
        workerOf[task.id] = nil
        queue[task.id] = task
        sortedQueue = nil
    }

    // MARK: Cycles

    /// Runs cycles until nothing moves any more, and returns what is to be done, in order.
    package mutating func run(_ around: some LotusSurroundings) -> [Action] {
        var actions: [Action] = []
        while true {
            requestWindows()
            let assigned = assign(around)
            let before = actions.count
            var hasDropped = false
            for index in workers.indices where process(index, around, &actions) { hasDropped = true }
            if assigned == 0, actions.count == before, !hasDropped { return actions }
        }
    }

    private mutating func requestWindows() {
        for index in workers.indices {
            guard var worker = workers[index], worker.isEnabled,
                worker.openWindows.count + worker.windows.count < Self.windowsPerWorker
            else { continue }
            while worker.openWindows.count + worker.windows.count < Self.windowsPerWorker {
                worker.openWindows.append(windowRequestCount)
                windowRequestCount += 1
            }
            workers[index] = worker
        }
    }

    /// One cycle over the queue; returns the number of tasks that were bound to a worker.
    private mutating func assign(_ around: some LotusSurroundings) -> Int {
        var open: [(worker: Int, request: UInt64)] = []
        for (index, worker) in workers.enumerated() {
            guard let worker, worker.isEnabled else { continue }
            for request in worker.openWindows { open.append((index, request)) }
        }
        guard !open.isEmpty, !queue.isEmpty else { return 0 }
        open.sort { $0.request < $1.request }
        var windows = open.map { _ in LotusWindow() }
        let load = workers.map { $0?.utilization ?? 0 }
        // Asked for each task and window: a worker with its accounts and windows is not copied for it.
        let machines = workers.map { $0?.machine }
        var tally = beginTally(load)
        let tasks = sortedQueue ?? queue.values.sorted(by: LotusQueueOrder.isBefore)
        var left: [LotusTask] = []
        for task in tasks {
            guard let place = choose(task, open, windows, load, machines, tally, around) else {
                left.append(task)
                continue
            }
            let index = open[place].worker
            guard let machine = machines[index] else { continue }
            tally.utilization[index] += windows[place].add(task, around.need(task, on: index), machine)
            tally.counts[index] += 1
            tally.kindCounts[index][task.id.type.stage] += 1
            queue[task.id] = nil
            workerOf[task.id] = index
        }
        sortedQueue = left
        for (place, window) in windows.enumerated() where !window.todo.isEmpty {
            workers[open[place].worker]?.openWindows.removeAll { $0 == open[place].request }
            workers[open[place].worker]?.windows.append(window)
        }
        return tasks.count - left.count
    }

    private func beginTally(_ load: [Double]) -> LotusAssigner.Tally {
        var tally = LotusAssigner.Tally(
            utilization: load, counts: Array(repeating: 0, count: workers.count),
            kindCounts: workers.map { _ in Array(repeating: 0, count: TaskType.count) })
        guard assigner.countsQueued else { return tally }
        for (index, worker) in workers.enumerated() {
            guard let worker else { continue }
            let tasks =
                worker.windows.flatMap(\.todo) + worker.preparing.values.map(\.task)
                + worker.active.values.map(\.task)
            tally.counts[index] = tasks.count
            for task in tasks { tally.kindCounts[index][task.id.type.stage] += 1 }
        }
        return tally
    }

    /// The window of `open` that gets a task; `nil` where none fits.
    private mutating func choose(
        _ task: LotusTask, _ open: [(worker: Int, request: UInt64)], _ windows: [LotusWindow],
        _ load: [Double], _ machines: [LotusMachine?], _ tally: LotusAssigner.Tally,
        _ around: some LotusSurroundings
    ) -> Int? {
        var acceptable: [(window: Int, worker: Int, verdict: LotusVerdict)] = []
        var latest: (worker: Int, verdict: LotusVerdict)?
        let empty = LotusWindow()
        for (place, window) in open.enumerated() {
            guard let machine = machines[window.worker] else { continue }
            if latest?.worker != window.worker {
                var verdict = around.verdict(task, on: window.worker)
                // An empty account: only the size of the worker counts, not what it does now.
                if verdict.isAcceptable,
                    empty.obstacle(task, around.need(task, on: window.worker), machine) != nil
                {
                    verdict = .refused
                }
                latest = (window.worker, verdict)
            }
            if let latest, latest.verdict.isAcceptable {
                acceptable.append((place, window.worker, latest.verdict))
            }
        }
        if acceptable.contains(where: \.verdict.isPreferred) {
            acceptable.removeAll { !$0.verdict.isPreferred }
        }
        guard !acceptable.isEmpty else { return nil }
        shuffle(&acceptable)
        // The order of equals is the shuffle's, but of one worker's windows the older goes first.
        let keyed = acceptable.enumerated().map { place, item in
            (
                item: item, place: place,
                key: (item.verdict.supportedKindCount, load[item.worker])
            )
        }
        var sorted = keyed.sorted { $0.key != $1.key ? $0.key < $1.key : $0.place < $1.place }.map(\.item)
        orderWindowsOfEachWorker(&sorted)
        let candidates = sorted.map { item in
            LotusAssigner.Candidate(
                window: item.window, worker: item.worker,
                fits: machines[item.worker].map {
                    windows[item.window].obstacle(task, around.need(task, on: item.worker), $0) == nil
                } ?? false)
        }
        return assigner.choose(candidates, stage: task.id.type.stage, tally, &random).map {
            sorted[$0].window
        }
    }

    private mutating func shuffle(_ items: inout [(window: Int, worker: Int, verdict: LotusVerdict)]) {
        guard items.count > 1 else { return }
        for last in stride(from: items.count - 1, to: 0, by: -1) {
            items.swapAt(last, random.index(below: last + 1))
        }
    }

    private func orderWindowsOfEachWorker(_ items: inout [(window: Int, worker: Int, verdict: LotusVerdict)])
    {
        var places: [Int: Int] = [:]
        for place in items.indices {
            // At most two windows a worker: one swap orders them.
            if let other = places[items[place].worker], items[other].window > items[place].window {
                items.swapAt(other, place)
            }
            places[items[place].worker] = place
        }
    }

    // MARK: One worker

    /// Tells whether the worker has fewer windows than before, so that it asks for more.
    private mutating func process(
        _ index: Int, _ around: some LotusSurroundings, _ actions: inout [Action]
    ) -> Bool {
        guard var worker = workers[index], worker.isEnabled else { return false }
        let windowCount = worker.windows.count
        startPrepared(index, &worker, &actions)
        compact(index, &worker, around)
        startReady(index, &worker, around, &actions)
        prepare(index, &worker, around, &actions)
        startPrepared(index, &worker, &actions)
        workers[index] = worker
        return worker.windows.count < windowCount
    }

    /// Moves tasks of later windows into the one before where its virtual account takes them, and drops those
    /// that are empty. A window's account is not reduced when its tasks start, so that it rarely helps.
    private func compact(_ index: Int, _ worker: inout Worker, _ around: some LotusSurroundings) {
        for place in worker.windows.indices.dropFirst() {
            for task in worker.windows[place].todo {
                let need = around.need(task, on: index)
                guard worker.windows[place - 1].obstacle(task, need, worker.machine) == nil else { continue }
                worker.windows[place - 1].add(task, need, worker.machine)
                worker.windows[place].moveOut(task, need, worker.machine)
            }
        }
        worker.windows.removeAll { $0.todo.isEmpty }
    }

    /// Commit1 and Commit2 need no preparing, and go straight to the active account unless something prepared
    /// waits.
    private func startReady(
        _ index: Int, _ worker: inout Worker, _ around: some LotusSurroundings, _ actions: inout [Action]
    ) {
        guard !worker.preparing.values.contains(where: \.isPrepared) else { return }
        while let window = worker.windows.first {
            let machine = worker.machine
            let found = window.todo.firstIndex { task in
                let need = around.need(task, on: index)
                return LotusQueueOrder.isReadyWork(task.id.type)
                    && worker.activeAccount.obstacle(
                        task.id, task.kind, countMax: need.maxConcurrent, need, machine, worker.counter)
                        == nil
            }
            guard let found else { return }
            let task = worker.windows[0].todo.remove(at: found)
            let held = Held(task: task, need: around.need(task, on: index))
            begin(held, index, &worker, &actions)
            if worker.windows[0].todo.isEmpty { worker.windows.removeFirst() }
        }
    }

    /// Takes tasks out of the first window as long as the preparing account fits them; those of the second
    /// wait until the first is empty.
    private func prepare(
        _ index: Int, _ worker: inout Worker, _ around: some LotusSurroundings, _ actions: inout [Action]
    ) {
        while let window = worker.windows.first {
            let machine = worker.machine
            let found = window.todo.firstIndex { task in
                let (need, kind) = (around.need(task, on: index), task.preparingKind)
                // What is prepared by a fetch is limited by the number of fetches, of which there is no limit
                // by default.
                return worker.preparingAccount.obstacle(
                    task.id, kind,
                    countMax: kind.isFetch ? around.preparingMax(task, on: index) : need.maxConcurrent, need,
                    machine,
                    worker.counter) == nil
            }
            guard let found else { return }
            let task = worker.windows[0].todo.remove(at: found)
            var held = Held(task: task, need: around.need(task, on: index))
            held.isPrepared = around.hasFiles(task, on: index)
            worker.preparing[task.id] = held
            worker.preparingAccount.add(held.need, machine)
            worker.counter.add(task.id, task.preparingKind)
            if !held.isPrepared { actions.append(.prepare(task.id, worker: index)) }
            if worker.windows[0].todo.isEmpty { worker.windows.removeFirst() }
            // What is prepared leaves the account as soon as the active one takes it.
            startPrepared(index, &worker, &actions)
        }
    }

    private func startPrepared(_ index: Int, _ worker: inout Worker, _ actions: inout [Action]) {
        for held in worker.preparing.values where held.isPrepared {
            let task = held.task
            guard
                worker.activeAccount.obstacle(
                    task.id, task.kind, countMax: held.need.maxConcurrent, held.need, worker.machine,
                    worker.counter) == nil
            else { continue }
            worker.preparing[task.id] = nil
            worker.preparingAccount.free(held.need, worker.machine)
            worker.counter.remove(task.id, task.preparingKind)
            begin(held, index, &worker, &actions)
        }
    }

    private func begin(_ held: Held, _ index: Int, _ worker: inout Worker, _ actions: inout [Action]) {
        worker.active[held.task.id] = held
        worker.activeAccount.add(held.need, worker.machine)
        worker.counter.add(held.task.id, held.task.kind)
        actions.append(.start(held.task.id, worker: index))
    }
}
