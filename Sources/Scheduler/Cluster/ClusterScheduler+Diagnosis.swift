// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel
private import OrderedCollections

extension ClusterScheduler {
    /// Bounds of one answer.
    private static let waitingCountMax = 1_000
    private static let refusalCountMax = 64
    private static let measuredCountMax = 64

    func diagnosis(_ context: Context<SchedulerMessage>) -> SchedulerDiagnosis {
        var waiting: [SchedulerDiagnosis.Waiting] = []
        var waitingCount = 0
        for type in TaskType.downstreamFirst {
            waitingCount += view.waitingCount(type)
            for task in view.waiting(type).prefix(max(0, Self.waitingCountMax - waiting.count)) {
                waiting.append(
                    .init(
                        task: task.id, host: task.host, since: task.since, deadline: task.request.deadline,
                        priority: task.request.priority, reason: reason(task, at: context.now),
                        refusals: refusals(task, at: context.now)))
            }
        }
        let admissions = view.admissions
        let running = workers.values.flatMap { worker in
            worker.calls.map {
                SchedulerDiagnosis.Running(
                    task: $0.key.task, worker: worker.info.name, since: $0.value.since,
                    isOrphaned: worker.isLost, isFetching: $0.value.move.map { $0.stage != .done } ?? false,
                    devices: $0.value.devices)
            }
        }
        let shown = admissions.prefix(Self.waitingCountMax)
        return SchedulerDiagnosis(
            at: context.now, policy: policyName, workerCount: workers.values.filter { !$0.isLost }.count,
            waiting: waiting,
            running: running.sorted { $0.task < $1.task },
            admissions: shown.map {
                .init(sector: $0.sector, bytes: $0.bytes, since: $0.since, reason: reason($0))
            },
            workers: workers.values.map { worker in
                let known = view.workers[worker.index]
                return .init(
                    name: worker.info.name, host: worker.info.host, group: worker.info.group,
                    isLost: worker.isLost, isCordoned: known.isCordoned,
                    cordonedKinds: TaskType.allCases.filter { known.cordonedKinds[$0.stage] },
                    pausedKinds: TaskType.allCases.filter { known.pausedKinds[$0.stage] },
                    runningCount: worker.calls.count, slots: worker.info.slots,
                    resources: view.ledger.account(view.hosts[known.hostIndex].machine).map { .init($0) },
                    measured: Array(
                        worker.info.resources.lazy.filter(\.isMeasured).prefix(Self.measuredCountMax)))
            }.sorted { $0.name < $1.name },
            omittedCount: waitingCount - waiting.count + admissions.count - shown.count)
    }

    /// Worker by worker, why it does not take the task.
    private func refusals(_ task: WaitingTask, at now: Instant) -> [SchedulerDiagnosis.WorkerRefusal] {
        var refusals: [SchedulerDiagnosis.WorkerRefusal] = []
        for worker in view.workers where worker.slotCounts[task.id.type.stage] > 0 {
            guard refusals.count < Self.refusalCountMax else { break }
            let refusal =
                view.canStart(task, on: worker.index, at: now)
                ?? holds[task.id].map { Refusal(.held, $0) } ?? Refusal(.notChosen)
            refusals.append(.init(worker: worker.info.name, refusal: refusal))
        }
        return refusals
    }

    func reason(_ task: WaitingTask, at now: Instant) -> String {
        let type = task.id.type
        let able = view.workers.filter { $0.slotCounts[type.stage] > 0 }
        guard !able.isEmpty else { return "no worker in the cluster accepts \(type.short)" }
        let near = able.filter { task.host == nil || $0.info.host == task.host || $0.info.canFetch }
        guard !near.isEmpty else {
            return "its files are on \(task.host ?? "another host"), where no worker accepts \(type.short)"
        }
        guard near.contains(where: \.isAvailable) else { return "the workers that could run it are lost" }
        guard let open = near.first(where: { $0.freeCount(type) > 0 }) else {
            if near.allSatisfy({ !$0.takes(type) }) {
                return "the workers that could run it are paused, cordoned or lost"
            }
            return
                "all \(near.reduce(0) { $0 + $1.slotCounts[type.stage] }) \(type.short) slots "
                + "it could use are taken"
        }
        if let refusal = view.canStart(task, on: open.index, at: now) {
            return "\(open.info.name): \(refusal)"
        }
        return holds[task.id] ?? "another task goes first"
    }

    func reason(_ wish: AdmissionRequest) -> String {
        guard !view.stores.isEmpty else { return "no sealing store is attached" }
        for index in view.stores.indices {
            guard let refusal = view.canAdmit(wish, at: index) else {
                return rooms.refusals[wish.sector]?.description ?? reasonOfIdleEntry
                    ?? "the policy lets in no more now"
            }
            if index == view.stores.count - 1 { return refusal.description }
        }
        return "no store has room"
    }

    /// Why no worker could begin a sector, where that is so.
    private var reasonOfIdleEntry: String? {
        let able = view.workers.filter { $0.slotCounts[TaskType.addPiece.stage] > 0 }
        if able.isEmpty { return "no worker in the cluster accepts \(TaskType.addPiece.short)" }
        let isIdle = able.allSatisfy { !$0.takes(.addPiece) }
        return isIdle ? "the workers that could begin it are paused, cordoned or lost" : nil
    }
}
