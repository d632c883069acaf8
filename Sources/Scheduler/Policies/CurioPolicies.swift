// SPDX-License-Identifier: Apache-2.0
private import Chain
package import Kernel

/// Curio's classic loop: every node looks into the common table every three seconds, and takes what it can.
///
/// A node is a host. It goes through its kinds, those at the end of the pipeline first, takes the oldest
/// task of the first kind that it has room for, and begins anew. No node looks at another: who looks first
/// has it.
/// Sectors stay on the host that labelled them.
///
/// In Curio a sector that waits for labelling is on no host: the node that claims its SDR has it from then
/// on. Here its piece is written first, so that the node which takes a sector in is the one that will claim
/// it: one that has room for another SDR, or whose pieces are written while it will have. What waits so is
/// the common queue.
///
/// Options: `max-queue-sdr` (8): beyond the room of the nodes no new sector is taken in while more than so
/// many wait for labelling; 0 for no limit.
package struct CurioPollPolicy: SchedulingPolicy {
    package static let name = "curio-poll"
    package static let summary = "Curio up to 1.27: each node polls every 3 s and takes the oldest it can"
    /// A machine says that it is there every minute; it is given up after ten without a word, by a sweep that
    /// runs every five: from its death that is twelve minutes in the mean.
    package static var leaseOfLostWorker: Duration? { .seconds(600 - 30 + 150) }
    package static let optionNames: [String]? = [CurioNodes.queueOption]

    private let polls: CurioPolls
    private var nodes: CurioNodes
    /// When each host looks next, where there is something for it to find.
    private var due: [Int: Instant] = [:]

    package init(_ context: PolicyContext) {
        polls = CurioPolls(seed: context.seed)
        nodes = CurioNodes(context, order: CurioCost.registrationOrder)
    }

    package func wakeUp(after now: Instant) -> Instant? { due.values.min().flatMap { $0 > now ? $0 : nil } }

    package mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision] {
        nodes.begin(view)
        for host in view.hosts.indices {
            // A look that finds nothing changes nothing, so that only looks that find something are made.
            guard let claim = nodes.claim(host, view, now) else {
                due[host] = nil
                continue
            }
            let time = due[host] ?? polls.next(view.hosts[host].name, from: now)
            guard time <= now else {
                due[host] = time
                continue
            }
            due[host] = now + CurioPolls.afterAcceptance
            return [claim]
        }
        return []
    }
}

/// Curio from 1.28 on: nodes tell each other what is new and take it at once.
///
/// News is bundled for ten milliseconds; a node then takes all that it has room for, the last stages first
/// and the oldest of each first. Which node hears first is drawn.
///
/// Options: `max-queue-sdr` as in ``CurioPollPolicy``.
package struct CurioEventPolicy: SchedulingPolicy {
    package static let name = "curio-event"
    package static let summary = "Curio from 1.28: nodes hear of tasks at once, and who is first takes them"
    package static var leaseOfLostWorker: Duration? { CurioPollPolicy.leaseOfLostWorker }
    package static let optionNames = CurioPollPolicy.optionNames
    package static let bundling = Duration.milliseconds(10)

    private let seed: UInt64
    private var nodes: CurioNodes
    private var due: Instant?

    package init(_ context: PolicyContext) {
        seed = context.seed
        nodes = CurioNodes(context, order: TaskType.downstreamFirst)
    }

    package func wakeUp(after now: Instant) -> Instant? { due.flatMap { $0 > now ? $0 : nil } }

    package mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision] {
        nodes.begin(view)
        let word = mixed(seed ^ UInt64(bitPattern: now.nanoseconds))
        let order = view.hosts.indices.map { (mixed(word ^ UInt64($0)), $0) }.sorted { $0 < $1 }
        for (_, host) in order {
            guard let claim = nodes.claim(host, view, now) else { continue }
            let time = due ?? now + Self.bundling
            due = time
            // It goes on at once while there is more: the scheduler asks again.
            return time <= now ? [claim] : []
        }
        due = nil
        return []
    }
}

/// What is common to the nodes of both.
private struct CurioNodes: Sendable {
    static let queueOption = "max-queue-sdr"

    private let order: [TaskType]
    private let queueMax: Int
    private var workersOf: [[Int]] = []

    init(_ context: PolicyContext, order: [TaskType]) {
        self.order = order
        queueMax = context.options[Self.queueOption].flatMap(Int.init) ?? 8
    }

    mutating func begin(_ view: ClusterView) {
        workersOf = Array(repeating: [], count: view.hosts.count)
        for worker in view.workers where worker.slotCounts.contains(where: { $0 > 0 }) {
            workersOf[worker.hostIndex].append(worker.index)
        }
    }

    /// What a node takes if it looks now.
    mutating func claim(_ host: Int, _ view: ClusterView, _ now: Instant) -> Decision? {
        guard !workersOf[host].isEmpty else { return nil }
        var node = CurioNode(view.hosts[host].info)
        for type in TaskType.allCases where view.hosts[host].busyCounts[type.stage] > 0 {
            node?.take(CurioCost.of(type), times: view.hosts[host].busyCounts[type.stage])
        }
        for type in order {
            if type == .addPiece, let claim = takeIn(host, node, view, now) { return claim }
            guard view.waitingCount(type) > 0, node?.fits(CurioCost.of(type)) ?? true,
                let task = oldest(type, host, view)
            else { continue }
            let worker = workersOf[host].first {
                view.workers[$0].freeCount(type) > 0 && view.canStart(task, on: $0, at: now) == nil
            }
            if let worker {
                return .assign(task.id, worker: worker, because: PlacementReason("claimed"))
            }
        }
        return nil
    }

    private func oldest(_ type: TaskType, _ host: Int, _ view: ClusterView) -> WaitingTask? {
        let here = view.waiting(type, on: host).min { $0.sequence < $1.sequence }
        let anywhere = view.waitingAnywhere(type).min { $0.sequence < $1.sequence }
        guard let here, let anywhere else { return here ?? anywhere }
        return here.sequence < anywhere.sequence ? here : anywhere
    }

    /// A sector for a node that will have room to label it.
    private mutating func takeIn(
        _ host: Int, _ node: CurioNode?, _ view: ClusterView, _ now: Instant
    ) -> Decision? {
        guard view.admissionCount > 0 else { return nil }
        let pieceSlots = view.hosts[host].slotCounts[TaskType.addPiece.stage]
        guard pieceSlots > 0 else { return nil }
        let ahead = view.unlabelledCount(host, at: now)
        if !labelsMore(than: ahead, host, node, view) {
            // The queue: as many pieces are written ahead as at once, so that labelling need not wait.
            guard queueMax <= 0 || view.waitingCount(.preCommit1) <= queueMax,
                labelsMore(than: ahead - pieceSlots, host, node, view)
            else { return nil }
        }
        return view.bestAllocAdmissions("claimed", { $0.hostIndex == host }).first
    }

    /// Tells whether a node has room for more than `count` SDR besides what it runs.
    private func labelsMore(
        than count: Int, _ host: Int, _ node: CurioNode?, _ view: ClusterView
    ) -> Bool {
        let stage = TaskType.preCommit1.stage
        guard view.hosts[host].slotCounts[stage] > 0 else { return false }
        guard count >= 0 else { return true }
        guard view.hosts[host].slotCounts[stage] - view.hosts[host].busyCounts[stage] > count else {
            return false
        }
        guard var rest = node else { return true }
        rest.take(CurioCost.of(.preCommit1), times: count)
        return rest.fits(CurioCost.of(.preCommit1))
    }
}
