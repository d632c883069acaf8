// SPDX-License-Identifier: Apache-2.0
private import Chain
package import Kernel

/// Roles, groups and tickets: how the customised forks of the field dispatch.
///
/// Every worker has a fixed number of slots for its role, and memory is not looked at. A sector lives in the
/// group of the store that took it in; only Commit2 leaves it. Each group has one first-in first-out queue a
/// kind, whose head stops the rest where it cannot be placed. PreCommit1 starts against tickets, so that the
/// stages after it get a steady stream and no bursts.
///
/// Options: `p1-tickets` (2), `p1-ticket-minutes` (4), `fin-tickets` (10), `fin-ticket-minutes` (0 for no
/// limit).
package struct ForkGroupsPolicy: SchedulingPolicy {
    package static let name = "fork-groups"
    package static let summary = "roles, groups and PreCommit1 tickets, as the customised forks dispatch"

    package static let optionNames: [String]? = [
        "p1-tickets", "p1-ticket-minutes", "fin-tickets", "fin-ticket-minutes",
    ]

    private let labelling: ForkTickets
    private var labellingOf: [String: ForkTickets] = [:]
    private var finalizing: ForkTickets
    /// Starts that took a ticket and are not seen to run yet.
    private var unseen: [(task: TaskID, group: String)] = []
    private var nextTicket: Instant?

    package init(_ context: PolicyContext) {
        func minutes(_ name: String, _ standard: Double) -> Duration {
            .nanoseconds(Int64((context.options[name].flatMap(Double.init) ?? standard) * 60e9))
        }
        func count(_ name: String, _ standard: Int) -> Int {
            context.options[name].flatMap(Int.init) ?? standard
        }
        labelling = ForkTickets(count: count("p1-tickets", 2), interval: minutes("p1-ticket-minutes", 4))
        finalizing = ForkTickets(count: count("fin-tickets", 10), interval: minutes("fin-ticket-minutes", 0))
    }

    package func wakeUp(after now: Instant) -> Instant? { nextTicket.flatMap { $0 > now ? $0 : nil } }

    package mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision] {
        giveBackTickets(view)
        nextTicket = nil
        var decisions = view.bestAllocAdmissions("group") { store in
            view.workers.contains {
                $0.info.group == store.info.group && $0.freeCount(.addPiece) > 0
            }
        }
        for type in TaskType.downstreamFirst where view.waitingCount(type) > 0 && view.freeSlotCount(type) > 0
        {
            if type.needsFiles {
                placeInGroups(type, view, now, &decisions)
            } else {
                placeAnywhere(type, view, now, &decisions)
            }
        }
        return decisions
    }

    /// One task a group and round: the scheduler asks again while decisions come.
    private mutating func placeInGroups(
        _ type: TaskType, _ view: ClusterView, _ now: Instant, _ decisions: inout [Decision]
    ) {
        var seen: Set<String> = []
        for index in view.openWorkers(type) {
            let group = view.workers[index].info.group
            guard seen.insert(group).inserted, let task = oldest(type, in: group, view) else { continue }
            let worker = view.openWorkers(type).first {
                view.workers[$0].info.group == group && view.canStart(task, on: $0, at: now) == nil
            }
            guard let worker else { continue }
            guard takeTicket(type, group, now) else {
                decisions.append(.hold(task.id, reason: "no \(type.short) ticket of group \(group) is left"))
                continue
            }
            unseen.append((task.id, group))
            decisions.append(.assign(task.id, worker: worker, because: PlacementReason("group")))
        }
    }

    /// The head of the queue of a group and kind: those behind it wait for it.
    private func oldest(_ type: TaskType, in group: String, _ view: ClusterView) -> WaitingTask? {
        var oldest: WaitingTask?
        for host in view.hosts where groups(of: host.index, view).contains(group) {
            for task in view.waiting(type, on: host.index) {
                if oldest.map({ task.sequence < $0.sequence }) ?? true { oldest = task }
            }
        }
        return oldest
    }

    /// The groups of a host's stores; the host's own name where it has none.
    private func groups(of host: Int, _ view: ClusterView) -> [String] {
        let groups = view.stores.filter { $0.hostIndex == host }.map(\.info.group)
        return groups.isEmpty ? [view.hosts[host].name] : groups
    }

    /// One queue for all; a GPU that also does PreCommit2 has no time while its group waits for that.
    private func placeAnywhere(
        _ type: TaskType, _ view: ClusterView, _ now: Instant, _ decisions: inout [Decision]
    ) {
        guard let task = view.waitingAnywhere(type).min(by: { $0.sequence < $1.sequence }) else { return }
        for index in view.openWorkers(type) where view.canStart(task, on: index, at: now) == nil {
            let worker = view.workers[index]
            if worker.slotCounts[TaskType.preCommit2.stage] > 0,
                oldest(.preCommit2, in: worker.info.group, view) != nil
            {
                continue
            }
            decisions.append(.assign(task.id, worker: index, because: PlacementReason("global")))
            return
        }
    }

    // MARK: Tickets

    private mutating func takeTicket(_ type: TaskType, _ group: String, _ now: Instant) -> Bool {
        switch type.rawValue {
        case "seal/v0/precommit/1":
            var tickets = labellingOf[group] ?? labelling
            defer { labellingOf[group] = tickets }
            if tickets.take(at: now) { return true }
            note(tickets.next(after: now))
            return false
        case "seal/v0/finalize":
            if finalizing.take(at: now) { return true }
            note(finalizing.next(after: now))
            return false
        default: return true
        }
    }

    private mutating func note(_ next: Instant?) {
        if let next { nextTicket = min(nextTicket ?? next, next) }
    }

    /// A start that the cluster refused gives its ticket back.
    private mutating func giveBackTickets(_ view: ClusterView) {
        for (task, group) in unseen where view.task(task) != nil {
            if task.type.rawValue == "seal/v0/precommit/1" { labellingOf[group]?.giveBack() }
            if task.type.rawValue == "seal/v0/finalize" { finalizing.giveBack() }
        }
        unseen = []
    }
}
