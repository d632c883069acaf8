// SPDX-License-Identifier: Apache-2.0
public import Kernel

/// What a worker process is and offers, as it says when it joins.
package struct WorkerInfo: Sendable, Hashable, Codable {
    /// Unique in the cluster.
    package var name: String
    /// The host it runs on; workers of one host share its sealing store.
    package var host: String
    /// The store that holds the sectors it seals.
    package var store: String
    /// How many tasks of each kind it runs at once; kinds that are missing are not accepted.
    package var slots: [SlotCount]
    /// The workers it belongs to for pauses and for policies that place by group; the host's name by default.
    package var group: String
    /// What the host has; `nil` where nothing is known, so that slots alone limit.
    package var hostInfo: HostInfo?
    /// It can fetch a sector's files from another host before it works on them.
    package var canFetch: Bool
    /// The NUMA node whose memory it is bound to.
    package var numaNode: Int?
    /// The core groups it may use, by id; `nil` for all of the host.
    package var coreGroups: [String]?
    /// The GPUs it may use, by id; `nil` for all of the host.
    package var gpus: [String]?
    /// Cells of the resource table that its environment, and what it has measured, change.
    package var resources: [ResourceTable.Override]

    package struct SlotCount: Sendable, Hashable, Codable {
        package var type: TaskType
        package var count: Int

        /// In place of a count: as many as the host's resources allow.
        package static let asResourcesAllow = 1 << 20

        package init(_ type: TaskType, _ count: Int) {
            self.type = type
            self.count = count
        }
    }

    package init(
        name: String, host: String, store: String, slots: [SlotCount], group: String? = nil,
        hostInfo: HostInfo? = nil, canFetch: Bool = false, numaNode: Int? = nil, coreGroups: [String]? = nil,
        gpus: [String]? = nil, resources: [ResourceTable.Override] = []
    ) {
        self.name = name
        self.host = host
        self.store = store
        self.slots = slots
        self.group = group ?? host
        self.hostInfo = hostInfo
        self.canFetch = canFetch
        self.numaNode = numaNode
        self.coreGroups = coreGroups
        self.gpus = gpus
        self.resources = resources
    }

    /// The slots for one kind.
    package func slotCount(_ type: TaskType) -> Int {
        slots.filter { $0.type == type }.reduce(0) { $0 + $1.count }
    }
}

/// One try of a task on one worker.
@usableFromInline
package struct CallID: Sendable, Hashable, Codable, CustomStringConvertible {
    @usableFromInline package let task: TaskID
    /// Counts all calls of the scheduler, so that no two are equal.
    @usableFromInline package let number: UInt64

    package init(task: TaskID, number: UInt64) {
        self.task = task
        self.number = number
    }

    // Inlinable, as those of ``SectorKey`` are.
    @inlinable
    package static func == (lhs: CallID, rhs: CallID) -> Bool {
        lhs.number == rhs.number && lhs.task == rhs.task
    }

    /// The number alone tells calls apart.
    @inlinable
    package func hash(into hasher: inout Hasher) { hasher.combine(number) }

    /// Mixes that word, as ``SectorKey`` does.
    @inlinable
    package func _rawHashValue(seed: Int) -> Int {
        Int(truncatingIfNeeded: mixed(number ^ UInt64(truncatingIfNeeded: seed)))
    }

    @usableFromInline package var description: String { "\(task) call \(number)" }
}

/// One registration of one worker process, so that a late or repeated message of another is told apart.
package struct JoinID: Sendable, Hashable, Codable {
    /// Drawn when the process started.
    package let incarnation: UInt64
    /// Counts the registrations of this process.
    package let number: UInt64

    package init(incarnation: UInt64, number: UInt64) {
        self.incarnation = incarnation
        self.number = number
    }
}

/// A finished call that the scheduler has not confirmed yet.
package struct FinishedCall: Sendable, Hashable, Codable {
    package let call: CallID
    package let result: TaskResult

    package init(call: CallID, result: TaskResult) {
        self.call = call
        self.result = result
    }
}

/// How a call ended.
package enum TaskResult: Sendable, Hashable, Codable {
    case done(TaskOutcome)
    case failed(TaskFailure)
}

/// A task as a worker gets it: the request, the things of the host that are its own, and what to fetch first.
package struct Assignment: Sendable, Hashable, Codable {
    /// The files of a sector that are to be brought to the worker's store before the work begins.
    package struct Fetch: Sendable, Hashable, Codable {
        package var fromHost: String
        package var fromStore: String
        package var toStore: String
        package var bytes: UInt64

        package init(fromHost: String, fromStore: String, toStore: String, bytes: UInt64) {
            self.fromHost = fromHost
            self.fromStore = fromStore
            self.toStore = toStore
            self.bytes = bytes
        }
    }

    package var request: TaskRequest
    package var devices: DeviceGrant
    package var fetch: Fetch?
    /// The store of the worker's host that holds the sector, or will; `nil` where that is not known.
    package var store: String?

    package init(
        _ request: TaskRequest, devices: DeviceGrant = DeviceGrant(), fetch: Fetch? = nil,
        store: String? = nil
    ) {
        self.request = request
        self.devices = devices
        self.fetch = fetch
        self.store = store
    }
}

/// What a worker understands.
package enum WorkerMessage: Message {
    /// That registration is accepted; these calls of yours are known, all others are to be aborted.
    case welcome(JoinID, known: [CallID])
    /// Start this, unless you have; answered with ``SchedulerMessage/taken(_:)``.
    // Behind a reference, as all that is large: every message is as large as the largest.
    indirect case assign(CallID, Assignment)
    /// Bring a sector's files here ahead of the work; revoked by ``abort(_:)``.
    indirect case prefetch(CallID, Assignment.Fetch)
    /// Stop this; its result is not wanted.
    case abort(CallID)
    /// The result has arrived; forget it.
    case confirmed(CallID)
    /// The runner's word: the files of a call's sector are here.
    case fetched(CallID)
    /// The runner's word: a call is over.
    case finished(CallID, TaskResult)
    /// The runner's word: the worker's cells of the resource table, by what it has measured so far.
    case measured([ResourceTable.Override])
    /// The scheduler is out of reach.
    case schedulerLost(Termination)
    /// The worker's own alarm: say again what was not confirmed.
    case sayAgain

    package static var messageName: String { "scheduler.worker" }
}

/// Runs tasks: native kernels in a live world, durations and contention in a simulated one.
///
/// `start` returns at once; the end of the call comes as ``WorkerMessage/finished(_:_:)`` to `worker`,
/// exactly once unless the call is aborted or the process dies.
package protocol TaskRunner: Sendable {
    func start(_ call: CallID, _ request: TaskRequest, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>)
    /// Starts with leased things of the host, after fetching what the assignment says; a runner that fetches
    /// says ``WorkerMessage/fetched(_:)`` once the files are there.
    func start(_ call: CallID, _ assignment: Assignment, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>)
    /// Brings files ahead of the work, and says ``WorkerMessage/fetched(_:)``.
    func prefetch(
        _ call: CallID, _ fetch: Assignment.Fetch, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>)
    /// Stops the work of the call, or its fetching; nothing is reported of it any more.
    func abort(_ call: CallID)
}

extension TaskRunner {
    /// For a runner that cannot fetch; its workers say so, and are never asked to.
    package func start(
        _ call: CallID, _ assignment: Assignment, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>
    ) {
        guard assignment.fetch == nil else {
            let message = "worker \(worker.name) was to fetch files and cannot"
            reportTo.tell(.finished(call, .failed(TaskFailure(cause: .infrastructureLost, message: message))))
            return
        }
        start(call, assignment.request, on: worker, reportTo: reportTo)
    }

    package func prefetch(
        _ call: CallID, _ fetch: Assignment.Fetch, on worker: WorkerInfo, reportTo: Ref<WorkerMessage>
    ) {
        let message = "worker \(worker.name) was to fetch files and cannot"
        reportTo.tell(.finished(call, .failed(TaskFailure(cause: .infrastructureLost, message: message))))
    }
}
