// SPDX-License-Identifier: Apache-2.0
package import Kernel

/// Gives tasks to the workers in turn: the example of the tutorial, kept short on purpose.
package struct RoundRobinPolicy: SchedulingPolicy {
    package static let name = "round-robin"
    package static let summary = "workers in turn; the shortest policy that works"
    private var last = -1

    package init(_ context: PolicyContext) {}

    package mutating func decide(_ view: ClusterView, at now: Instant) -> [Decision] {
        if let wish = view.firstAdmission {
            let store = view.stores.indices.first { view.canAdmit(wish, at: $0) == nil }
            if let store { return [.admit(wish.sector, store: view.stores[store].info.name)] }
        }
        for type in TaskType.downstreamFirst {
            for task in view.waiting(type) {
                let open = view.openWorkers(type).filter { view.canStart(task, on: $0, at: now) == nil }
                guard let worker = open.first(where: { $0 > last }) ?? open.first else { continue }
                last = worker
                return [.assign(task.id, worker: worker)]
            }
        }
        return []
    }
}
