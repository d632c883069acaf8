// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// A promise of work to one worker: a virtual account as big as the whole worker, and the tasks put into it.
package struct LotusWindow: Sendable {
    package internal(set) var account = LotusAccount()
    package internal(set) var counter = LotusTaskCounter()
    package internal(set) var todo: [LotusTask] = []

    package init() {}

    /// Says what stands against one more task; `nil` where it fits.
    package func obstacle(_ task: LotusTask, _ need: ResourceNeed, _ machine: LotusMachine) -> LotusObstacle?
    {
        account.obstacle(task.id, task.kind, countMax: need.maxConcurrent, need, machine, counter)
    }

    /// Puts a task in and returns by how much the window's utilization rose.
    @discardableResult
    mutating func add(_ task: LotusTask, _ need: ResourceNeed, _ machine: LotusMachine) -> Double {
        todo.append(task)
        counter.add(task.id, task.kind)
        return account.add(need, machine)
    }

    /// Takes out a task that goes to another window.
    mutating func moveOut(_ task: LotusTask, _ need: ResourceNeed, _ machine: LotusMachine) {
        todo.removeAll { $0.id == task.id }
        counter.remove(task.id, task.kind)
        account.free(need, machine)
    }
}

/// The rule by which a task gets one of the windows that would take it.
package enum LotusAssigner: String, Sendable, Hashable, CaseIterable {
    case utilization = "lotus-utilization"
    case spread = "lotus-spread"
    case spreadQCount = "lotus-spread-qcount"
    case spreadTasks = "lotus-spread-tasks"
    case spreadTasksQCount = "lotus-spread-tasks-qcount"
    case random = "lotus-random"

    /// An open window as an assigner sees it, in the order of the walk.
    struct Candidate {
        let window: Int
        let worker: Int
        let fits: Bool
    }

    /// What the assigners remember within one cycle, by worker.
    struct Tally {
        /// The worker's utilization, grown by what this cycle assigned.
        var utilization: [Double]
        /// Tasks, all kinds together.
        var counts: [Int]
        /// Tasks by kind.
        var kindCounts: [[Int]]
    }

    /// The place in `candidates` of the window that gets the task; `nil` where none fits.
    func choose(_ candidates: [Candidate], stage: Int, _ tally: Tally, _ random: inout RandomStream) -> Int? {
        switch self {
        case .utilization:
            var best: (place: Int, value: Double)?
            for (place, candidate) in candidates.enumerated() where candidate.fits {
                let value = tally.utilization[candidate.worker]
                // The walk ends at the first that is not better: it relies on the order of the list.
                if let best, value >= best.value { break }
                best = (place, value)
            }
            return best?.place
        case .spread, .spreadQCount: return least(candidates) { tally.counts[$0] }
        case .spreadTasks, .spreadTasksQCount: return least(candidates) { tally.kindCounts[$0][stage] }
        case .random:
            let fitting = candidates.indices.filter { candidates[$0].fits }
            return fitting.isEmpty ? nil : fitting[random.index(below: fitting.count)]
        }
    }

    /// Tells whether the counts begin with what the worker has already.
    var countsQueued: Bool { self == .spreadQCount || self == .spreadTasksQCount }

    private func least(_ candidates: [Candidate], _ count: (Int) -> Int) -> Int? {
        var best: (place: Int, value: Int)?
        for (place, candidate) in candidates.enumerated() where candidate.fits {
            let value = count(candidate.worker)
            if best.map({ value < $0.value }) ?? true { best = (place, value) }
        }
        return best?.place
    }
}

/// What Lotus's selectors answer for a task and a worker.
package struct LotusVerdict: Sendable, Hashable {
    package var isAcceptable: Bool
    /// Where any acceptable worker is preferred, the others are left out.
    package var isPreferred: Bool
    /// Compared before the utilization; the fewer the better. 0 where the selector does not compare it.
    package var supportedKindCount: Int

    package init(isAcceptable: Bool, isPreferred: Bool = false, supportedKindCount: Int = 0) {
        self.isAcceptable = isAcceptable
        self.isPreferred = isPreferred
        self.supportedKindCount = supportedKindCount
    }

    package static let refused = LotusVerdict(isAcceptable: false)
}

/// What the scheduler of Lotus asks of the cluster around it.
package protocol LotusSurroundings {
    /// What a task needs on a worker, by the worker's own table; `maxConcurrent` is the limit on its kind.
    func need(_ task: LotusTask, on worker: Int) -> ResourceNeed
    /// The selector's answer.
    func verdict(_ task: LotusTask, on worker: Int) -> LotusVerdict
    /// Fetches that may be under way to a worker at once for tasks of the kind; 0 for no limit.
    func preparingMax(_ task: LotusTask, on worker: Int) -> Int
    /// Tells whether the task's files are where the worker has them, so that preparing takes no time.
    func hasFiles(_ task: LotusTask, on worker: Int) -> Bool
}
