// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel

/// What stands before something that waits for a slot, or for room.
package struct WaitingObstacle: Sendable, Hashable {
    /// The kind of the task; `nil` for a sector that wants room.
    package let type: TaskType?
    package let code: Refusal.Code
    /// A sentence without its full stop.
    package let words: String
    /// How many it speaks for: all that wait of its kind, shared among those that were looked at.
    package private(set) var weight = 1.0

    init(_ type: TaskType?, _ code: Refusal.Code, _ words: String) {
        self.type = type
        self.code = code
        self.words = words
    }

    /// Shares among those that were looked at how many wait.
    static func shared(_ found: [Self], waitingCount: Int) -> [Self] {
        found.map { one in
            var one = one
            one.weight = Double(waitingCount) / Double(found.count)
            return one
        }
    }
}

extension ClusterScheduler {
    /// Of a long queue the most urgent are looked at: what stands before them stands before the others.
    private static let lookedAtMax = 4

    /// Tells an observer that wants to know what stands before those that wait now.
    func tellObstacles(_ now: Instant) {
        guard let observer = options.observer, observer.wantsObstacles(at: now) else { return }
        var found: [WaitingObstacle] = []
        for type in TaskType.downstreamFirst {
            let tasks = view.waiting(type).prefix(Self.lookedAtMax).map { obstacle($0, at: now) }
            found += WaitingObstacle.shared(tasks, waitingCount: view.waitingCount(type))
        }
        let wishes = view.firstAdmissions(Self.lookedAtMax).map { obstacle($0) }
        found += WaitingObstacle.shared(wishes, waitingCount: view.admissionCount)
        observer.waiting(for: found, at: now)
    }

    /// Why no slot takes a task now.
    func obstacle(_ task: WaitingTask, at now: Instant) -> WaitingObstacle {
        let type = task.id.type
        let able = view.workers.filter { $0.slotCounts[type.stage] > 0 }
        guard !able.isEmpty else {
            return WaitingObstacle(type, .notAccepted, "no worker in the cluster accepts \(type.short)")
        }
        let near = able.filter { task.host == nil || $0.info.host == task.host || $0.info.canFetch }
        guard !near.isEmpty else {
            return WaitingObstacle(
                type, .filesElsewhere,
                "its files are on \(task.host ?? "another host"), where no worker accepts \(type.short)")
        }
        guard near.contains(where: \.isAvailable) else {
            return WaitingObstacle(type, .unavailable, "the workers that could run it are lost")
        }
        guard let open = near.first(where: { $0.freeCount(type) > 0 }) else {
            if near.allSatisfy({ !$0.takes(type) }) {
                return WaitingObstacle(
                    type, .paused, "the workers that could run it are paused, cordoned or lost")
            }
            return WaitingObstacle(
                type, .noSlot,
                "all \(near.reduce(0) { $0 + $1.slotCounts[type.stage] }) \(type.short) slots "
                    + "it could use are taken")
        }
        if let refusal = view.canStart(task, on: open.index, at: now) {
            return WaitingObstacle(type, refusal.code, "\(open.info.name): \(refusal)")
        }
        if let held = holds[task.id] { return WaitingObstacle(type, .held, held) }
        return WaitingObstacle(type, .notChosen, Refusal(.notChosen).description)
    }

    /// Why a sector gets no room now.
    func obstacle(_ wish: AdmissionRequest) -> WaitingObstacle {
        guard !view.stores.isEmpty else {
            return WaitingObstacle(nil, .storeMissing, "no sealing store is attached")
        }
        var latest = Refusal(.storeFull)
        for index in view.stores.indices {
            guard let refusal = view.canAdmit(wish, at: index) else { return obstacleDespiteRoom(wish) }
            latest = refusal
        }
        return WaitingObstacle(nil, latest.code, latest.description)
    }

    /// A store would take it.
    private func obstacleDespiteRoom(_ wish: AdmissionRequest) -> WaitingObstacle {
        if let refusal = rooms.refusals[wish.sector] {
            return WaitingObstacle(nil, refusal.code, refusal.description)
        }
        let able = view.workers.filter { $0.slotCounts[TaskType.addPiece.stage] > 0 }
        if able.isEmpty {
            return WaitingObstacle(
                nil, .notAccepted, "no worker in the cluster accepts \(TaskType.addPiece.short)")
        }
        if able.allSatisfy({ !$0.takes(.addPiece) }) {
            return WaitingObstacle(
                nil, .paused, "the workers that could begin it are paused, cordoned or lost")
        }
        return WaitingObstacle(nil, .held, "the policy lets in no more now")
    }
}
