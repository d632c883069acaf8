// SPDX-License-Identifier: Apache-2.0
package import Kernel
private import OrderedCollections

/// Which assigner a ``LotusPolicy`` has.
package protocol LotusRule: Sendable {
    static var assigner: LotusAssigner { get }
    static var summary: String { get }
}

/// The scheduler of Lotus before the same cluster as every other policy.
///
/// What is Lotus's own is in ``LotusScheduler``: early binding, two windows a worker, selectors that do not
/// care where files are, no stealing. Where a move finds no room the task fails with a temporary error, and
/// its sector asks again after five seconds and is bound anew; no failure is counted, so that PreCommit1 is
/// not done again for it. What is not modelled: that a sector's own space is reserved only when its tasks
/// are prepared (here its room is always taken at admission), and that the
/// host of a started task is not checked against what other workers of the host run (here the host's own
/// account refuses, and the task goes on waiting as prepared). A slot count of a worker takes the place of
/// `MAX_CONCURRENT`.
package struct LotusPolicy<Rule: LotusRule>: SchedulingPolicy {
    package static var name: String { Rule.assigner.rawValue }
    package static var summary: String { Rule.summary }
    package static var movesSectors: Bool { true }
    /// What a lost worker ran is waited for until it comes back or somebody aborts the job: ten years.
    package static var leaseOfLostWorker: Duration? { .seconds(3650 * 86_400) }

    private var book: LotusBook

    package init(_ context: PolicyContext) {
        book = LotusBook(assigner: Rule.assigner, seed: context.seed)
    }

    package mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision] {
        book.decide(view, at: now)
    }

    package func wakeUp(after now: Instant) -> Instant? { book.wakeUp(after: now) }
}

package enum LotusRules {
    package enum Utilization: LotusRule {
        package static let assigner = LotusAssigner.utilization
        package static let summary = "Lotus's default: bound early to the worker that is least utilized"
    }
    package enum Spread: LotusRule {
        package static let assigner = LotusAssigner.spread
        package static let summary = "Lotus: the worker that got the fewest tasks in this cycle"
    }
    package enum SpreadQCount: LotusRule {
        package static let assigner = LotusAssigner.spreadQCount
        package static let summary = "Lotus: the worker that has the fewest tasks, queued ones counted"
    }
    package enum SpreadTasks: LotusRule {
        package static let assigner = LotusAssigner.spreadTasks
        package static let summary = "Lotus: the worker that got the fewest tasks of the kind in this cycle"
    }
    package enum SpreadTasksQCount: LotusRule {
        package static let assigner = LotusAssigner.spreadTasksQCount
        package static let summary =
            "Lotus: the worker that has the fewest tasks of the kind, queued ones counted"
    }
    package enum Random: LotusRule {
        package static let assigner = LotusAssigner.random
        package static let summary = "Lotus: any worker that would take it, by chance"
    }
}

/// Keeps a ``LotusScheduler`` in step with the view.
struct LotusBook: Sendable {
    /// Lotus schedules nothing in the first seconds of its life.
    static let initialWait = Duration.seconds(3)
    /// What failed for want of room (error 102) is asked for again after so long, in PreCommit1 and
    /// PreCommit2 alike, without being counted.
    ///
    /// - SeeAlso: lotus v1.34.4, `storage/pipeline/states_sealing.go`, `SoftErrRetryWait`.
    static let retryWait = Duration.seconds(5)

    private var scheduler: LotusScheduler
    private var beganAt: Instant?
    /// Names of the workers by index; `nil` where none has registered.
    private var names: [String?] = []
    /// What was said of each bound task.
    private var told: [TaskID: LotusScheduler.Phase] = [:]
    /// Tasks that failed for want of room, and when their sectors come again, earliest first.
    private var retries: OrderedDictionary<TaskID, Instant> = [:]

    init(assigner: LotusAssigner, seed: UInt64) {
        scheduler = LotusScheduler(assigner: assigner, seed: seed)
    }

    func wakeUp(after now: Instant) -> Instant? {
        guard let beganAt else { return nil }
        if now < beganAt + Self.initialWait { return beganAt + Self.initialWait }
        return retries.values.first
    }

    mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision] {
        let began = beganAt ?? now
        beganAt = began
        guard now >= began + Self.initialWait else { return [] }
        registerWorkers(view)
        while let first = retries.values.first, first <= now { retries.removeFirst() }
        followTasks(view)
        var decisions = view.bestAllocAdmissions("best-alloc", dealsFirst: true)
        for action in scheduler.run(LotusView(view: view)) {
            guard case .start(let id, let worker) = action, let task = view.task(id) else { continue }
            if let refusal = view.canStart(task, on: worker, at: now) {
                // Lotus believes that it runs from here on; it is tried again at the next change.
                decisions.append(
                    .hold(id, reason: "bound to \(view.workers[worker].info.name), which \(refusal)"))
            } else {
                decisions.append(.assign(id, worker: worker, because: PlacementReason("window")))
                told[id] = nil
            }
        }
        for index in view.workers.indices { fetchAndExplain(index, view, now, &decisions) }
        return decisions
    }

    /// Why a task cannot be prepared where it was bound: Lotus reserves the room then, and fails the task
    /// where there is none.
    private func fetchObstacle(_ id: TaskID, _ index: Int, _ view: ClusterView) -> String? {
        guard view.movesAhead[id] == nil, let task = view.task(id),
            let refusal = view.canFetch(task, to: index)
        else { return nil }
        guard [.noRoom, .storeFull, .sealingCount, .fileSystemFull].contains(refusal.code) else { return nil }
        return "failed to be prepared on \(view.workers[index].info.name): \(refusal)"
    }

    /// Brings the files of what is prepared, and says of what waits to which worker it is bound.
    private mutating func fetchAndExplain(
        _ index: Int, _ view: ClusterView, _ now: Instant, _ decisions: inout [Decision]
    ) {
        let name = view.workers[index].info.name
        for (id, phase) in scheduler.waiting(index) {
            if phase == .preparing {
                if let reason = fetchObstacle(id, index, view) {
                    scheduler.remove(id)
                    told[id] = nil
                    retries[id] = now + Self.retryWait
                    decisions.append(.hold(id, reason: reason))
                    continue
                }
                decisions.append(.prefetch(id, worker: index))
            }
            guard told[id] != phase else { continue }
            told[id] = phase
            switch phase {
            case .prepared: decisions.append(.hold(id, reason: "prepared on \(name)"))
            case .assigned(let window):
                decisions.append(.hold(id, reason: "assigned to window \(window + 1) of \(name)"))
            case .preparing: decisions.append(.hold(id, reason: "its files are brought to \(name)"))
            case .active: break
            }
        }
    }

    // MARK: Workers

    private mutating func registerWorkers(_ view: ClusterView) {
        while names.count < view.workers.count { names.append(nil) }
        for (index, worker) in view.workers.enumerated() {
            let isThere = worker.slotCounts.contains { $0 > 0 }
            if let name = names[index], !isThere || name != worker.info.name {
                scheduler.drop(index)
                names[index] = nil
            }
            guard isThere else { continue }
            if names[index] == nil {
                // A worker that runs something when it meets the scheduler first is that of a miner that
                // restarted: it does not register before all of it is done.
                guard worker.isAvailable, worker.running.isEmpty else { continue }
                names[index] = worker.info.name
                scheduler.join(index, LotusMachine(worker.info.hostInfo))
            }
            if worker.isAvailable, !worker.isCordoned {
                scheduler.enable(index)
            } else {
                scheduler.disable(index)
            }
        }
    }

    // MARK: Tasks

    private mutating func followTasks(_ view: ClusterView) {
        for index in view.workers.indices where names[index] != nil {
            let running = view.workers[index].running
            for id in scheduler.activeTasks(index) where !running.contains(id) {
                if view.task(id) != nil { scheduler.startFailed(id) } else { scheduler.remove(id) }
            }
            for (id, phase) in scheduler.waiting(index) {
                guard let task = view.task(id) else {
                    scheduler.remove(id)
                    told[id] = nil
                    continue
                }
                if phase == .preparing,
                    task.hostIndex == nil || task.hostIndex == view.workers[index].hostIndex
                {
                    scheduler.filesArrived(id)
                }
            }
        }
        for id in scheduler.queuedTasks(where: { !view.contains($0) }) { scheduler.remove(id) }
        for type in TaskType.allCases {
            for task in view.waiting(type) where retries[task.id] == nil && !scheduler.knows(task.id) {
                scheduler.submit(
                    LotusTask(
                        id: task.id, proof: task.request.proof, priority: task.request.priority,
                        sequence: task.sequence))
            }
        }
    }
}

extension LotusMachine {
    /// What a worker reports: the whole host, although other workers of the host report it too.
    init(_ info: HostInfo?) {
        guard let info else {
            self = .unknown
            return
        }
        self.init(
            memoryBytes: info.memoryBytes, swapBytes: info.swapBytes, memoryUsedBytes: info.memoryUsedBytes,
            swapUsedBytes: info.swapUsedBytes, coreCount: info.logicalCoreCount, gpuCount: info.gpus.count)
    }
}

/// The cluster as Lotus's selectors ask for it.
private struct LotusView: LotusSurroundings {
    let view: ClusterView

    func need(_ task: LotusTask, on worker: Int) -> ResourceNeed {
        var need = view.need(task.id.type, proof: task.proof, on: worker)
        if let slots = view.workers[worker].slotMax(task.id.type) {
            need.maxConcurrent = need.maxConcurrent > 0 ? min(need.maxConcurrent, slots) : slots
        }
        return need
    }

    func preparingMax(_ task: LotusTask, on worker: Int) -> Int {
        // Without a known machine no account limits what is prepared; its slots do.
        view.workers[worker].info.hostInfo == nil ? view.workers[worker].slotMax(task.id.type) ?? 0 : 0
    }

    func hasFiles(_ task: LotusTask, on worker: Int) -> Bool {
        guard let host = view.task(task.id)?.hostIndex else { return true }
        return host == view.workers[worker].hostIndex
    }

    func verdict(_ task: LotusTask, on worker: Int) -> LotusVerdict {
        let type = task.id.type
        // Asked for each task and worker: most do not run the kind, and nothing is copied for them.
        guard view.workers[worker].slotCounts[type.stage] > 0,
            !view.workers[worker].pausedKinds[type.stage], let waiting = view.task(task.id)
        else { return .refused }
        guard let host = waiting.hostIndex else {
            return LotusVerdict(
                isAcceptable: true,
                supportedKindCount: view.workers[worker].slotCounts.reduce(0) { $0 + ($1 > 0 ? 1 : 0) })
        }
        if host == view.workers[worker].hostIndex { return LotusVerdict(isAcceptable: true) }
        guard LotusQueueOrder.mayFetch(type.rawValue) else { return .refused }
        switch view.canFetch(waiting, to: worker)?.code {
        case nil, .link, .bandwidth: return LotusVerdict(isAcceptable: true)
        default: return .refused
        }
    }
}

extension ClusterView {
    /// Lets the first waiting sector in where room times weight is largest, the rule of Lotus and those that
    /// came of it; equal ones by name.
    ///
    /// - Parameters:
    ///   - dealsFirst: sectors with deals go before empty ones; else the oldest first, whatever it is.
    ///   - isOpen: whether a store is looked at.
    package func bestAllocAdmissions(
        _ rule: String, dealsFirst: Bool = false, _ isOpen: (StoreView) -> Bool = { _ in true }
    ) -> [Decision] {
        guard let wish = oldestAdmission(dealsFirst: dealsFirst) else { return [] }
        var best: (index: Int, score: Double)?
        for index in stores.indices where isOpen(stores[index]) && canAdmit(wish, at: index) == nil {
            let score = stores[index].allocScore
            if best.map({ score > $0.score }) ?? true { best = (index, score) }
        }
        return best.map {
            [
                .admit(
                    wish.sector, store: stores[$0.index].info.name,
                    because: PlacementReason(rule, score: $0.score))
            ]
        } ?? []
    }
}

extension ClusterView {
    /// The sector that has waited longest for room; deadlines do not count.
    private func oldestAdmission(dealsFirst: Bool) -> AdmissionRequest? {
        guard let first = firstAdmission, first.deadline != nil else { return firstAdmission }
        return admissions.min {
            let ranks = [$0, $1].map { dealsFirst && $0.isDeal ? 0 : 1 }
            return (ranks[0], $0.sequence) < (ranks[1], $1.sequence)
        }
    }
}

extension StoreView {
    /// Free bytes times weight.
    var allocScore: Double {
        Double(info.capacityBytes - min(reservedBytes, info.capacityBytes)) * Double(max(0, info.weight))
    }
}
