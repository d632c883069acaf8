// SPDX-License-Identifier: Apache-2.0
internal import Chain
package import Kernel

/// The shipped default: binds late, keeps sectors where their files are unless a move pays, and lets in no
/// more than the slowest stage can finish.
///
/// - **Order**: proofs of spacetime, then tasks whose deadline is near (least slack first), then the last
///   stages of the pipeline, then deadline class, priority and age.
/// - **Place**: a slot of the host that holds the files. Another host's only where waiting for a local slot
///   is predicted to take longer than the move by a margin.
/// - **Look-ahead**: what must travel anyway, because its host has no slot of the kind, sets out while the
///   slot that will take it is still busy; one sector a slot. The slot is bound only when it is free.
/// - **Stagger**: while a host has several free PreCommit1 slots their starts are spread over the time that
///   the stages behind need for a sector, so that sectors do not travel in convoys.
/// - **Back-pressure**: sectors between the start of PreCommit1 and Finalize are bounded by what the slowest
///   stage needs to be kept busy (Little's law over measured durations, and a margin); new sectors are let
///   in only as PreCommit1 will soon take them.
package struct SealyardPolicy: SchedulingPolicy {
    package static let name = "sealyard"
    package static let summary =
        "late binding, files stay unless a move pays, work bounded by the slowest stage (default)"

    package static let movesSectors = true

    /// The numbers it works by.
    struct Tuning: Sendable {
        /// Slack under this many durations of the task makes it urgent.
        var criticalDurations = 1.0
        /// A move must save this many times its own length.
        var moveGain = 0.25
        /// And at least this.
        var moveGainSeconds = 60.0
        /// The share of a later stage's time between two starts of PreCommit1 on a host.
        var staggerShare = 0.25
        /// What may be under way beyond what keeps the slowest stage busy.
        var workMargin = 0.15
        /// Tasks that are tried behind one that does not fit.
        var lookAhead = 4
        /// A move that takes this share of its task's own time begins before a slot is free.
        var prefetchShare = 0.05
    }

    let tuning = Tuning()
    /// By host, when PreCommit1 was started last.
    var lastStart: [Instant?] = []
    var wakeAt: Instant?
    /// What was found lately of the whole cluster, and of each host one place further on.
    var paces: [Pace?] = []
    /// By host, the task at the head of its queue for which the reason was said last, so that it is said
    /// once.
    private var saidHold: [TaskID?] = []

    package init(_ context: PolicyContext) {}

    package func wakeUp(after now: Instant) -> Instant? { wakeAt.flatMap { $0 > now ? $0 : nil } }

    package mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision] {
        wakeAt = nil
        while lastStart.count < view.hosts.count {
            lastStart.append(nil)
            saidHold.append(nil)
        }
        var decisions: [Decision] = []
        for kind in kindOrder(view, now) {
            placeNear(kind.type, slack: kind.slack, view, now, &decisions)
            if kind.type.needsFiles { placeFar(kind.type, view, now, &decisions) }
        }
        bringAhead(view, now, &decisions)
        admit(view, now, &decisions)
        return decisions
    }

    // MARK: Order

    /// Kinds that wait and have free slots: PoSt, then those with a task that is pressed, then downstream
    /// first.
    private func kindOrder(_ view: ClusterView, _ now: Instant) -> [(type: TaskType, slack: Double?)] {
        var pressed: [(type: TaskType, slack: Double?)] = []
        var usual: [(type: TaskType, slack: Double?)] = []
        for type in TaskType.downstreamFirst where view.waitingCount(type) > 0 && view.freeSlotCount(type) > 0
        {
            guard !type.isPoSt, let task = view.first(type), let slack = slack(of: task, view, now),
                slack < tuning.criticalDurations * view.profiles.seconds(type)
            else {
                usual.append((type, nil))
                continue
            }
            pressed.append((type, slack))
        }
        guard !pressed.isEmpty else { return usual }
        pressed.sort { ($0.slack ?? 0) < ($1.slack ?? 0) }
        let postCount = usual.prefix { $0.type.isPoSt }.count
        return usual.prefix(postCount) + pressed + usual.dropFirst(postCount)
    }

    /// Seconds to spare if the task started now; `nil` without a deadline.
    private func slack(of task: WaitingTask, _ view: ClusterView, _ now: Instant) -> Double? {
        task.request.deadline.map { $0.seconds - now.seconds - view.profiles.seconds(task.id.type) }
    }

    // MARK: Where the files are

    /// At most one start a host and round: the next round sees what this one took.
    private mutating func placeNear(
        _ type: TaskType, slack: Double?, _ view: ClusterView, _ now: Instant, _ decisions: inout [Decision]
    ) {
        var open = view.openWorkers(type)
        if !type.needsFiles {
            placeAnywhere(type, open, view, now, &decisions)
            return
        }
        // What one host of a machine takes the others lack: who has waited longest goes first, else the host
        // that joined last would get what the others leave.
        if view.sharesMachines, open.count > 1 { open = mostUrgentFirst(type, open, view) }
        // Hosts that are held back are many, and looked at with every message: nothing of them is copied.
        let mayHold = type == .preCommit1 && slack == nil
        var clusterHold: Hold??
        var doneHost = -1
        for index in open {
            let host = view.workers[index].hostIndex
            guard host != doneHost, view.queue.hasWork(type, on: host) else { continue }
            doneHost = host
            if mayHold, let hold = hold(host, &clusterHold, view, now) {
                if let head = view.queue.firstID(type, on: host), saidHold[host] != head {
                    saidHold[host] = head
                    decisions.append(.hold(head, reason: hold.reason(view.hosts[host].name)))
                }
                continue
            }
            guard let head = view.first(type, on: host),
                let (task, worker) = fitting(type, head, host, view, now)
            else { continue }
            if type == .preCommit1 {
                lastStart[host] = now
                saidHold[host] = nil
            }
            let reason =
                slack.map { PlacementReason("pressed", score: $0) }
                ?? PlacementReason("local", score: now.seconds - task.since.seconds)
            decisions.append(.assign(task.id, worker: worker, because: reason))
        }
    }

    /// Workers in the order of what waits for their hosts; those of one host stay together.
    private func mostUrgentFirst(_ type: TaskType, _ open: [Int], _ view: ClusterView) -> [Int] {
        let hosts = open.map { view.workers[$0].hostIndex }
        let urgencies = hosts.map { view.queue.firstUrgency(type, on: $0) }
        let order = open.indices.filter { urgencies[$0] != nil }.sorted { left, right in
            guard let one = urgencies[left], let other = urgencies[right], one != other else {
                return (hosts[left], left) < (hosts[right], right)
            }
            return one < other
        }
        return order.map { open[$0] }
    }

    /// The first task of a host that fits one of its open workers, and the worker with the most free slots.
    private func fitting(
        _ type: TaskType, _ head: WaitingTask, _ host: Int, _ view: ClusterView, _ now: Instant
    ) -> (WaitingTask, Int)? {
        func place(_ task: WaitingTask) -> Int? {
            var best: (worker: Int, freeCount: Int)?
            for index in view.hosts[host].workerIndices {
                let freeCount = view.workers[index].freeCount(type)
                guard freeCount > best?.freeCount ?? 0, view.canStart(task, on: index, at: now) == nil
                else { continue }
                best = (index, freeCount)
            }
            return best?.worker
        }
        if let worker = place(head) { return (head, worker) }
        if view.isSameForAll(type) { return nil }
        // What does not fit does not block those behind it.
        var triedCount = 1
        for task in view.waiting(type, on: host) where task.id != head.id {
            guard triedCount < tuning.lookAhead else { break }
            triedCount += 1
            if let worker = place(task) { return (task, worker) }
        }
        return nil
    }

    /// Tasks that need no files go where they are done first.
    private func placeAnywhere(
        _ type: TaskType, _ open: [Int], _ view: ClusterView, _ now: Instant, _ decisions: inout [Decision]
    ) {
        var taken: Set<Int> = []
        var failedCount = 0
        for task in view.waitingAnywhere(type) {
            guard failedCount < tuning.lookAhead, taken.count < open.count, decisions.count < 64 else {
                break
            }
            var best: (worker: Int, seconds: Double)?
            for index in open where !taken.contains(view.workers[index].hostIndex) {
                // A second task on one host shares its cards and caches: the emptier host first.
                let busy = view.hosts[view.workers[index].hostIndex].busyCounts[type.stage]
                let seconds = view.expectedSeconds(type, on: index) * (1 + 0.001 * Double(busy))
                guard best.map({ seconds < $0.seconds }) ?? true,
                    view.canStart(task, on: index, at: now) == nil
                else { continue }
                best = (index, seconds)
            }
            guard let best else {
                if view.isSameForAll(type) { break }
                failedCount += 1
                continue
            }
            taken.insert(view.workers[best.worker].hostIndex)
            decisions.append(
                .assign(
                    task.id, worker: best.worker, because: PlacementReason("soonest", score: best.seconds)))
        }
    }

    // MARK: Elsewhere

    /// Moves a task whose wait at home is predicted to be longer than the move; one a round.
    private func placeFar(
        _ type: TaskType, _ view: ClusterView, _ now: Instant, _ decisions: inout [Decision]
    ) {
        guard view.fetchingSlotTotals[type.stage] > 0 else { return }
        let open = view.openWorkers(type).filter { view.workers[$0].info.canFetch }
        guard !open.isEmpty else { return }
        var best: (task: WaitingTask, worker: Int, gain: Double)?
        for host in view.hosts.indices where view.waitingCount(type, on: host) > 0 {
            let slots = view.hosts[host].slotCounts[type.stage]
            // A host with a free slot of its own is served there.
            if slots > view.hosts[host].busyCounts[type.stage] { continue }
            let duration = view.profiles.seconds(type)
            for (rank, task) in view.waiting(type, on: host).enumerated().prefix(64)
            where view.movesAhead[task.id] == nil {
                let wait = slots == 0 ? Double.infinity : duration * (Double(rank / slots) + 0.5)
                guard let target = nearest(task, open, view, now) else { break }
                let need = target.seconds * (1 + tuning.moveGain) + tuning.moveGainSeconds
                guard wait > need else { continue }
                let gain = wait - target.seconds
                // Where no host has a slot of its own all gain alike: who is first goes first, whatever
                // its host.
                let isBest =
                    best.map {
                        gain > $0.gain || gain == $0.gain && task.urgency < $0.task.urgency
                    } ?? true
                if isBest { best = (task, target.worker, gain) }
                break
            }
        }
        guard let best else { return }
        decisions.append(
            .assign(best.task.id, worker: best.worker, because: PlacementReason("moved", score: best.gain)))
    }

    /// The open worker to which the files come first; its own queue counts.
    private func nearest(
        _ task: WaitingTask, _ open: [Int], _ view: ClusterView, _ now: Instant
    ) -> (worker: Int, seconds: Double)? {
        var best: (worker: Int, seconds: Double)?
        let type = task.id.type
        for index in open where view.workers[index].hostIndex != task.hostIndex {
            let host = view.workers[index].hostIndex
            // Tasks that lie there already go first, and those whose files are on their way there.
            let arrivingCount = view.arrivingCount(type, on: host)
            guard view.waitingCount(type, on: host) == 0,
                arrivingCount == 0 || arrivingCount < view.workers[index].freeCount(type)
            else { continue }
            let seconds = view.moveSeconds(task, to: index)
            guard best.map({ seconds < $0.seconds }) ?? true, view.canStart(task, on: index, at: now) == nil
            else { continue }
            best = (index, seconds)
        }
        return best
    }
}
