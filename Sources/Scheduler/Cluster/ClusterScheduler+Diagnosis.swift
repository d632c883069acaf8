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
                        priority: task.request.priority, reason: obstacle(task, at: context.now).words,
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
                .init(sector: $0.sector, bytes: $0.bytes, since: $0.since, reason: obstacle($0).words)
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
}
