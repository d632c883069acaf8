// SPDX-License-Identifier: Apache-2.0
internal import Kernel
private import Logging
private import OrderedCollections

/// What operators said of workers; it holds for workers that come later as well.
struct ControlBook {
    /// Pauses and cordons in the order in which they were said.
    private(set) var orders: [ControlOrder] = []
    /// Drains that wait until nothing runs.
    var drains: [(order: ControlOrder, asker: Ref<TaskEvent>)] = []

    private static let orderCountMax = 10_000

    /// Keeps an order and drops what it makes void.
    mutating func add(_ order: ControlOrder) {
        orders.removeAll { known in
            let isSameKinds = known.kinds == order.kinds || order.kinds.isEmpty
            let isWider =
                (order.worker == nil || order.worker == known.worker)
                && (order.group == nil || order.group == known.group)
            return known.action.concernsKinds == order.action.concernsKinds && isSameKinds && isWider
        }
        orders.append(order)
        if orders.count > Self.orderCountMax { orders.removeFirst() }
        drains.removeAll { drain in
            order.action == .uncordon && drain.order.worker == order.worker
                && drain.order.group == order.group
                && (order.kinds.isEmpty || order.kinds == drain.order.kinds)
        }
    }

    /// What the orders make of a worker.
    func state(of info: WorkerInfo) -> (cordoned: [Bool], paused: [Bool]) {
        var cordoned = Array(repeating: false, count: TaskType.count)
        var paused = Array(repeating: false, count: TaskType.count)
        for order in orders where order.covers(info) {
            let kinds = order.kinds.isEmpty ? TaskType.allCases : order.kinds
            switch order.action {
            case .pause: for kind in kinds { paused[kind.stage] = true }
            case .resume: for kind in kinds { paused[kind.stage] = false }
            case .cordon, .drain: for kind in kinds { cordoned[kind.stage] = true }
            case .uncordon: for kind in kinds { cordoned[kind.stage] = false }
            }
        }
        return (cordoned, paused)
    }
}

extension ControlOrder.Action {
    fileprivate var concernsKinds: Bool { self == .pause || self == .resume }
}

extension ClusterScheduler {
    func control(
        _ order: ControlOrder, _ asker: Ref<TaskEvent>?, _ context: Context<SchedulerMessage>
    ) {
        controls.add(order)
        var lapse = ""
        do { try options.orders?.save(controls.orders) } catch {
            lapse = "it is not on disk and ends with this miner: \(error)"
            context.log.error("an order about workers is not on disk and ends with this miner: \(error)")
        }
        for worker in workers.values where order.covers(worker.info) { applyControls(to: worker.index) }
        guard order.action == .drain, let asker else {
            asker?.tell(.control(report(order, lapse)))
            return
        }
        controls.drains.append((order, asker))
    }

    func applyControls(to index: Int) {
        let (cordoned, paused) = controls.state(of: view.workers[index].info)
        if view.workers[index].cordonedKinds != cordoned { view.setCordoned(index, cordoned) }
        for type in TaskType.allCases where view.workers[index].pausedKinds[type.stage] != paused[type.stage]
        {
            view.setPaused(index, type, paused[type.stage])
        }
    }

    /// Answers the drains whose workers have nothing left to do.
    func reportQuiet() {
        guard !controls.drains.isEmpty else { return }
        let quiet = controls.drains.filter { report($0.order).runningCount == 0 }
        guard !quiet.isEmpty else { return }
        controls.drains.removeAll { report($0.order).runningCount == 0 }
        for (order, asker) in quiet { asker.tell(.control(report(order))) }
    }

    private func report(_ order: ControlOrder, _ lapse: String = "") -> ControlReport {
        let covered = workers.values.filter { order.covers($0.info) }
        let names = covered.map(\.info.name).sorted()
        let count = covered.reduce(0) { $0 + $1.calls.keys.count { order.covers($0.task.type) } }
        let absence =
            names.isEmpty
            ? "no worker of that name or group is here; the order holds for those that come" : ""
        let notes = [absence, lapse].filter { !$0.isEmpty }
        return ControlReport(workers: names, runningCount: count, note: notes.joined(separator: "; "))
    }
}
