// SPDX-License-Identifier: Apache-2.0

/// Waiting tasks by kind, by the host they are bound to and by urgency.
struct TaskQueue: Sendable {
    private var table = UrgencyTable<TaskID, WaitingTask>()
    private var kinds = Array(repeating: Kind(), count: TaskType.count)

    private struct Kind: Sendable {
        var all = UrgencyList()
        var unbound = UrgencyList()
        /// By the index of the host.
        var byHost: [UrgencyList] = []
    }

    var count: Int { table.count }

    func count(_ type: TaskType) -> Int { kinds[type.stage].all.count }

    func count(_ type: TaskType, on host: Int) -> Int {
        host >= 0 && host < kinds[type.stage].byHost.count ? kinds[type.stage].byHost[host].count : 0
    }

    /// Something waits that may run on a host without moving files.
    func hasWork(_ type: TaskType, on host: Int) -> Bool {
        kinds[type.stage].unbound.count > 0 || count(type, on: host) > 0
    }

    func contains(_ id: TaskID) -> Bool { table.slot(id) != nil }

    func task(_ id: TaskID) -> WaitingTask? { table.slot(id).map { table[$0] } }

    func first(_ type: TaskType) -> WaitingTask? { kinds[type.stage].all.first.map { table[$0] } }

    func first(_ type: TaskType, on host: Int) -> WaitingTask? {
        let stage = type.stage
        let isListed = host >= 0 && host < kinds[stage].byHost.count
        let bound = isListed ? kinds[stage].byHost[host].firstEntry : nil
        guard let free = kinds[stage].unbound.firstEntry else { return bound.map { table[$0.slot] } }
        guard let bound else { return table[free.slot] }
        return table[bound.urgency < free.urgency ? bound.slot : free.slot]
    }

    /// The name of ``first(_:on:)``, without a copy of the task.
    func firstID(_ type: TaskType, on host: Int) -> TaskID? {
        let stage = type.stage
        let free = kinds[stage].unbound.firstEntry
        let isListed = host >= 0 && host < kinds[stage].byHost.count
        guard let bound = isListed ? kinds[stage].byHost[host].firstEntry : nil else {
            return free.map { table.id($0.slot) }
        }
        guard let free, free.urgency < bound.urgency else { return table.id(bound.slot) }
        return table.id(free.slot)
    }

    /// The urgency of ``first(_:on:)``, without a copy of the task.
    func firstUrgency(_ type: TaskType, on host: Int) -> Urgency? {
        let stage = type.stage
        let free = kinds[stage].unbound.firstEntry?.urgency
        guard host < kinds[stage].byHost.count, let bound = kinds[stage].byHost[host].firstEntry?.urgency
        else { return free }
        return free.map { min($0, bound) } ?? bound
    }

    func waiting(_ type: TaskType) -> WaitingTasks { WaitingTasks(table: table, list: kinds[type.stage].all) }

    func waitingAnywhere(_ type: TaskType) -> WaitingTasks {
        WaitingTasks(table: table, list: kinds[type.stage].unbound)
    }

    func waiting(_ type: TaskType, on host: Int) -> WaitingTasks {
        let lists = kinds[type.stage].byHost
        return WaitingTasks(table: table, list: lists.indices.contains(host) ? lists[host] : UrgencyList())
    }

    mutating func add(_ task: WaitingTask) {
        let (slot, stage) = (table.add(task.id, task), task.id.type.stage)
        kinds[stage].all.insert(task.urgency, slot: slot)
        guard let host = task.hostIndex else {
            kinds[stage].unbound.insert(task.urgency, slot: slot)
            return
        }
        while kinds[stage].byHost.count <= host { kinds[stage].byHost.append(UrgencyList()) }
        kinds[stage].byHost[host].insert(task.urgency, slot: slot)
    }

    mutating func remove(_ id: TaskID) -> WaitingTask? {
        guard let task = table.remove(id)?.item else { return nil }
        let stage = id.type.stage
        kinds[stage].all.remove(task.urgency)
        if let host = task.hostIndex {
            kinds[stage].byHost[host].remove(task.urgency)
        } else {
            kinds[stage].unbound.remove(task.urgency)
        }
        return task
    }
}

/// Waiting tasks in order of urgency, one at a time.
package struct WaitingTasks: Sequence, IteratorProtocol, Sendable {
    private let table: UrgencyTable<TaskID, WaitingTask>
    private let list: UrgencyList
    private var cursor = UrgencyList.Cursor()

    init(table: UrgencyTable<TaskID, WaitingTask>, list: UrgencyList) {
        self.table = table
        self.list = list
    }

    package mutating func next() -> WaitingTask? { list.next(&cursor).map { table[$0] } }
}
