// SPDX-License-Identifier: Apache-2.0
package import Kernel
private import OrderedCollections

/// A task that waits for a slot.
package struct WaitingTask: Sendable, Hashable {
    package let request: TaskRequest
    /// The host that holds the sector's files; `nil` where the task may run anywhere.
    package let host: String?
    /// When it was submitted.
    package let since: Instant
    /// Counts submissions: a total order of age.
    package let sequence: UInt64
}

/// A worker as a policy sees it.
package struct WorkerView: Sendable {
    /// The worker's position in ``ClusterView/workers``, stable while it is in the cluster.
    package let index: Int
    package let info: WorkerInfo
    /// Slots by ``TaskType/stage``.
    package internal(set) var slotCounts: [Int]
    package internal(set) var busyCounts: [Int]
    /// Connected and not paused.
    package internal(set) var isAvailable = true

    /// Slots of a kind that are free now.
    package func freeCount(_ type: TaskType) -> Int {
        isAvailable ? slotCounts[type.stage] - busyCounts[type.stage] : 0
    }
}

/// What a policy decides.
package enum Decision: Sendable, Hashable {
    /// The task starts on the worker with that index.
    case assign(TaskID, worker: Int)
}

/// How often a kind of task may start on one host: `count` starts within `interval`.
package struct Pacing: Sendable, Hashable, Codable {
    package var type: TaskType
    package var count: Int
    package var interval: Duration

    package init(type: TaskType, count: Int, interval: Duration) {
        precondition(count > 0, "pacing lets at least one task start")
        self.type = type
        self.count = count
        self.interval = interval
    }
}

/// The cluster as a policy sees it: waiting tasks in order of age, and workers with their free slots.
///
/// Tasks are kept by kind and by the host that holds their files, so that a policy finds the oldest task for
/// a slot without walking the whole queue.
package struct ClusterView: Sendable {
    package internal(set) var workers: [WorkerView] = []
    /// Workers of the past, whose index another may take.
    private(set) var freeIndices: [Int] = []
    private var queues: [TaskQueue] = Array(repeating: TaskQueue(), count: TaskType.count)
    private var freeTotals = Array(repeating: 0, count: TaskType.count)
    /// By kind, the indices of workers with a free slot, ascending: a policy looks at no others.
    private var openWorkers: [[Int]] = Array(repeating: [], count: TaskType.count)
    private var pacings: [Pacing?] = Array(repeating: nil, count: TaskType.count)
    private var starts: [String: [[Instant]]] = [:]

    package init(pacing: [Pacing] = []) {
        for rule in pacing { pacings[rule.type.stage] = rule }
    }

    /// The number of waiting tasks of a kind.
    package func waitingCount(_ type: TaskType) -> Int { queues[type.stage].count }

    /// The free slots of a kind in the whole cluster.
    package func freeSlotCount(_ type: TaskType) -> Int { freeTotals[type.stage] }

    /// The indices of the workers that have a free slot of a kind, ascending.
    package func openWorkers(_ type: TaskType) -> [Int] { openWorkers[type.stage] }

    /// The oldest waiting task of a kind that may run on `host`.
    package func oldest(_ type: TaskType, on host: String) -> WaitingTask? {
        queues[type.stage].oldest(on: host)
    }

    /// All waiting tasks of a kind, oldest first.
    package func waiting(_ type: TaskType) -> [WaitingTask] { queues[type.stage].all }

    /// Tells whether a task of a kind may start on `host` now; if not, when.
    package func paceDelay(_ type: TaskType, on host: String, at now: Instant) -> Instant? {
        guard let rule = pacings[type.stage], let recent = starts[host]?[type.stage],
            recent.count >= rule.count
        else { return nil }
        let next = recent[recent.count - rule.count] + rule.interval
        return next > now ? next : nil
    }

    // MARK: Changes

    mutating func add(_ task: WaitingTask) { queues[task.request.id.type.stage].add(task) }

    /// Takes a task out; `nil` where it does not wait.
    mutating func remove(_ id: TaskID) -> WaitingTask? { queues[id.type.stage].remove(id) }

    func contains(_ id: TaskID) -> Bool { queues[id.type.stage].contains(id) }

    mutating func join(_ info: WorkerInfo) -> Int {
        var view = WorkerView(
            index: freeIndices.last ?? workers.count, info: info,
            slotCounts: Array(repeating: 0, count: TaskType.count),
            busyCounts: Array(repeating: 0, count: TaskType.count))
        for slot in info.slots { view.slotCounts[slot.type.stage] += max(0, slot.count) }
        if freeIndices.popLast() != nil { workers[view.index] = view } else { workers.append(view) }
        changeTotals(of: view, by: 1)
        for type in TaskType.allCases { noteOpen(view.index, type) }
        return view.index
    }

    mutating func leave(_ index: Int) {
        setAvailable(index, false)
        workers[index].slotCounts = Array(repeating: 0, count: TaskType.count)
        freeIndices.append(index)
    }

    mutating func setAvailable(_ index: Int, _ isAvailable: Bool) {
        guard workers[index].isAvailable != isAvailable else { return }
        if !isAvailable { changeTotals(of: workers[index], by: -1) }
        workers[index].isAvailable = isAvailable
        if isAvailable { changeTotals(of: workers[index], by: 1) }
        for type in TaskType.allCases { noteOpen(index, type) }
    }

    mutating func occupy(_ index: Int, _ type: TaskType) {
        workers[index].busyCounts[type.stage] += 1
        if workers[index].isAvailable { freeTotals[type.stage] -= 1 }
        noteOpen(index, type)
    }

    mutating func vacate(_ index: Int, _ type: TaskType) {
        workers[index].busyCounts[type.stage] -= 1
        if workers[index].isAvailable { freeTotals[type.stage] += 1 }
        noteOpen(index, type)
    }

    mutating func noteStart(_ type: TaskType, on host: String, at now: Instant) {
        guard let rule = pacings[type.stage] else { return }
        var table = starts[host] ?? Array(repeating: [], count: TaskType.count)
        table[type.stage].append(now)
        if table[type.stage].count > rule.count { table[type.stage].removeFirst() }
        starts[host] = table
    }

    /// Puts a worker into the list of those with free slots, or takes it out.
    private mutating func noteOpen(_ index: Int, _ type: TaskType) {
        let isOpen = workers[index].freeCount(type) > 0
        var (low, high) = (0, openWorkers[type.stage].count)
        while low < high {
            let middle = (low + high) / 2
            if openWorkers[type.stage][middle] < index { low = middle + 1 } else { high = middle }
        }
        let isListed = low < openWorkers[type.stage].count && openWorkers[type.stage][low] == index
        guard isOpen != isListed else { return }
        if isOpen {
            openWorkers[type.stage].insert(index, at: low)
        } else {
            openWorkers[type.stage].remove(at: low)
        }
    }

    private mutating func changeTotals(of view: WorkerView, by sign: Int) {
        for stage in 0..<TaskType.count {
            freeTotals[stage] += sign * (view.slotCounts[stage] - view.busyCounts[stage])
        }
    }

    /// Traps where the accounts do not add up; called after each event in tests and simulation.
    package func checkInvariants() {
        for type in TaskType.allCases {
            let free = workers.reduce(0) { $0 + $1.freeCount(type) }
            precondition(
                free == freeTotals[type.stage],
                "\(type.short): \(free) slots are free, \(freeTotals[type.stage]) counted")
            precondition(
                openWorkers[type.stage] == workers.filter { $0.freeCount(type) > 0 }.map(\.index),
                "\(type.short): the list of workers with free slots is wrong")
            for worker in workers where worker.isAvailable {
                precondition(
                    worker.busyCounts[type.stage] >= 0
                        && worker.busyCounts[type.stage] <= max(worker.slotCounts[type.stage], 0),
                    "\(worker.info.name) runs \(worker.busyCounts[type.stage]) \(type.short) tasks "
                        + "in \(worker.slotCounts[type.stage]) slots")
            }
        }
    }
}

/// Waiting tasks of one kind, by the host they are bound to and by age.
struct TaskQueue: Sendable {
    private var byHost: [String: OrderedDictionary<TaskID, WaitingTask>] = [:]
    private var unbound: OrderedDictionary<TaskID, WaitingTask> = [:]
    private var hostOf: [TaskID: String] = [:]

    var count: Int { hostOf.count + unbound.count }

    func contains(_ id: TaskID) -> Bool { unbound[id] != nil || hostOf[id] != nil }

    func oldest(on host: String) -> WaitingTask? {
        let bound = byHost[host]?.elements.first?.value
        let free = unbound.elements.first?.value
        guard let bound, let free else { return bound ?? free }
        return bound.sequence < free.sequence ? bound : free
    }

    var all: [WaitingTask] {
        (unbound.values + byHost.keys.sorted().flatMap { byHost[$0]?.values.map { $0 } ?? [] })
            .sorted { $0.sequence < $1.sequence }
    }

    mutating func add(_ task: WaitingTask) {
        let id = task.request.id
        if let host = task.host {
            byHost[host, default: [:]][id] = task
            hostOf[id] = host
        } else {
            unbound[id] = task
        }
    }

    mutating func remove(_ id: TaskID) -> WaitingTask? {
        if let host = hostOf.removeValue(forKey: id) {
            let task = byHost[host]?.removeValue(forKey: id)
            if byHost[host]?.isEmpty == true { byHost[host] = nil }
            return task
        }
        return unbound.removeValue(forKey: id)
    }
}
