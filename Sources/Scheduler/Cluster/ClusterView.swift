// SPDX-License-Identifier: Apache-2.0
package import Chain
package import Kernel

/// A worker as a policy sees it.
package struct WorkerView: Sendable {
    /// The worker's position in ``ClusterView/workers``, stable while it is in the cluster.
    package let index: Int
    private(set) var infoBox: Box<WorkerInfo>
    /// Its host's position in ``ClusterView/hosts``.
    package let hostIndex: Int
    /// Slots by ``TaskType/stage``; 0 where it does not accept the kind.
    package internal(set) var slotCounts: [Int]
    package internal(set) var busyCounts: [Int]
    /// Kinds that an operator paused here, by ``TaskType/stage``.
    package internal(set) var pausedKinds = Array(repeating: false, count: TaskType.count)
    /// Connected.
    package internal(set) var isAvailable = true
    /// Kinds of which an operator lets nothing new in, by ``TaskType/stage``.
    package internal(set) var cordonedKinds = Array(repeating: false, count: TaskType.count)
    /// Nothing new at all.
    package var isCordoned: Bool { cordonedKinds.allSatisfy(\.self) }
    /// What runs here, in order of start.
    package internal(set) var running: [TaskID] = []

    package var info: WorkerInfo { infoBox.value }

    init(index: Int, info: WorkerInfo, hostIndex: Int) {
        self.index = index
        infoBox = Box(info)
        self.hostIndex = hostIndex
        slotCounts = Self.slotCounts(info)
        busyCounts = Array(repeating: 0, count: TaskType.count)
    }

    /// The worker was started again and tells other things of itself.
    mutating func renew(_ info: WorkerInfo) {
        infoBox = Box(info)
        slotCounts = Self.slotCounts(info)
    }

    private static func slotCounts(_ info: WorkerInfo) -> [Int] {
        var counts = Array(repeating: 0, count: TaskType.count)
        for slot in info.slots {
            let most = WorkerInfo.SlotCount.asResourcesAllow
            counts[slot.type.stage] = min(counts[slot.type.stage] + min(max(0, slot.count), most), most)
        }
        return counts
    }

    /// Slots of a kind that are free now; 0 where it is lost, paused or cordoned, or was started again with
    /// fewer than are taken.
    package func freeCount(_ type: TaskType) -> Int {
        takes(type)
            ? max(0, slotCounts[type.stage] - busyCounts[type.stage]) : 0
    }

    /// It is connected, and no operator keeps the kind from it.
    func takes(_ type: TaskType) -> Bool {
        isAvailable && !cordonedKinds[type.stage] && !pausedKinds[type.stage]
    }

    /// The most tasks of a kind that run here at once: 0 where it is not accepted, `nil` for as many as the
    /// host's resources allow.
    package func slotMax(_ type: TaskType) -> Int? {
        let count = slotCounts[type.stage]
        return count >= WorkerInfo.SlotCount.asResourcesAllow ? nil : count
    }
}

/// A host as a policy sees it; what it has left is told by ``ClusterView/ledger``.
package struct HostView: Sendable {
    package let index: Int
    package let name: String
    /// The account of the machine in ``ClusterView/ledger``: hosts whose workers name one machine share it.
    package internal(set) var machine: Int
    /// `nil` where no worker of it has told.
    package var info: HostInfo? { infoBox?.value }
    var infoBox: Box<HostInfo>?
    /// Its workers' positions in ``ClusterView/workers``, ascending.
    package internal(set) var workerIndices: [Int] = []
    /// Stores that are here.
    package internal(set) var storeCount = 0
    /// Tasks that run on its workers, by ``TaskType/stage``.
    package internal(set) var busyCounts = Array(repeating: 0, count: TaskType.count)
    /// Slots of its workers that may take new tasks, by ``TaskType/stage``.
    package internal(set) var slotCounts = Array(repeating: 0, count: TaskType.count)
    /// Among them, of workers that can fetch.
    package internal(set) var fetchingSlotCounts = Array(repeating: 0, count: TaskType.count)

    init(index: Int, name: String, machine: Int) {
        self.index = index
        self.name = name
        self.machine = machine
    }
}

/// A sealing store as a policy sees it.
package struct StoreView: Sendable {
    package internal(set) var state: StoreState
    package let hostIndex: Int
    /// Granted by the scheduler and not yet answered by the storage index.
    var pendingBytes: UInt64 = 0
    var pendingCount = 0

    package var info: StoreInfo { state.info }
    package var reservedBytes: UInt64 { state.reservedBytes + pendingBytes }
    package var sectorCount: Int { state.sectorCount + pendingCount }

    /// The share of its limits that is taken.
    package var load: Double {
        let bytes = Double(reservedBytes) / Double(max(1, info.capacityBytes))
        let count = info.sealingCountMax > 0 ? Double(sectorCount) / Double(info.sealingCountMax) : 0
        return max(bytes, count)
    }
}

/// The cluster as a policy sees it: waiting tasks in order of urgency, workers with their free slots, hosts,
/// stores, and what is under way.
///
/// Tasks are kept by kind and by the host that holds their files, so that a policy finds the most urgent one
/// for a slot without walking the queue.
///
/// It is one thing that changes in place, so that asking a policy copies nothing; a policy must not keep it.
// Safety: changed only by the scheduler that made it, on its own executor, and never while a policy reads it.
package final class ClusterView: @unchecked Sendable {
    package internal(set) var workers: [WorkerView] = []
    package internal(set) var hosts: [HostView] = []
    /// In order of their names.
    package internal(set) var stores: [StoreView] = [] {
        didSet { storeRevision &+= 1 }
    }
    /// Counts the changes of stores.
    private(set) var storeRevision = 0
    /// The wish that found room at no store, by its sequence, and the stores' revision at which it looked.
    var withoutRoom: (sequence: UInt64, storeRevision: Int)?
    package let ledger = ResourceLedger()
    /// Some hosts are processes of one machine.
    package internal(set) var sharesMachines = false
    package internal(set) var profiles: TaskProfiles
    /// What tasks need where a worker says nothing else.
    package let resources: ResourceTable

    /// Counts the changes of workers and of what they may take.
    package internal(set) var topologyRevision = 0
    var freeIndices: [Int] = []
    var hostIndices: [String: Int] = [:]
    /// Accounts of the ledger by the machine's name.
    private var machines: [String: Int] = [:]
    var queue = TaskQueue()
    var wishes = UrgencyTable<SectorKey, AdmissionRequest>()
    var wishOrder = UrgencyList()
    var freeTotals = Array(repeating: 0, count: TaskType.count)
    /// Slots of workers that may take new tasks, and of those that fetch.
    var slotTotals = Array(repeating: 0, count: TaskType.count)
    var fetchingSlotTotals = Array(repeating: 0, count: TaskType.count)
    var busyTotals = Array(repeating: 0, count: TaskType.count)
    /// By kind, the indices of workers with a free slot, ascending: a policy looks at no others.
    var openIndices: [[Int]] = Array(repeating: [], count: TaskType.count)
    /// Sectors that may not be moved before then: the storage index does not know them yet, or had no room.
    var heldMoves: [SectorKey: Instant] = [:]
    /// Sectors whose last call failed for want of something around it, and when they may try again.
    var setbacks: [SectorKey: Setback] = [:]
    var entryBook = EntryBook()
    /// Stores out of reach now, by their numbers: what lies there can be neither used nor moved.
    var offlineStores: Set<Int> = []
    var storeNumbers: [String: Int] = [:]
    /// The names behind those numbers.
    var storeNames: [String] = []
    /// Tasks whose files are being moved ahead of them, and the host to which.
    package internal(set) var movesAhead: [TaskID: Int] = [:]
    var pacings: [Pacing?] = Array(repeating: nil, count: TaskType.count)
    /// By the index of the host and by ``TaskType/stage``, the latest starts of a paced kind.
    var starts: [[[Instant]]] = []
    /// By ``TaskType/stage`` and the index of the host: when the next may start, by those.
    var nextStarts: [[Instant]] = Array(repeating: [], count: TaskType.count)
    /// Machines on which nothing but proofs of spacetime begins now.
    private(set) var poStHolds: [Int] = []
    /// Proofs that are still to come, the earliest first.
    private(set) var proofsAhead: [ProofsAhead] = []
    /// By machine, a worker that proves there; made anew where ``topologyRevision`` is another.
    var provers: (revision: Int, byMachine: [Int: Int]) = (-1, [:])
    /// Needs by worker and proof, so that no table is searched at each question.
    var needs = NeedCache()
    /// Bytes of a sector's files before each kind of task, as shares of the sealing footprint in percent.
    var sealingBytes: UInt64

    package init(
        pacing: [Pacing] = [], resources: ResourceTable = .standard, profiles: TaskProfiles = TaskProfiles(),
        sealingBytes: UInt64 = 0
    ) {
        self.resources = resources
        self.profiles = profiles
        self.sealingBytes = sealingBytes
        for rule in pacing { pacings[rule.type.stage] = rule }
    }

    func clearPoStHolds() { if !poStHolds.isEmpty { poStHolds = [] } }

    func setProofsAhead(_ proofs: [ProofsAhead]) { proofsAhead = proofs }

    func holdForPoSt(_ host: Int) {
        let machine = hosts[host].machine
        if !poStHolds.contains(machine) { poStHolds.append(machine) }
    }

    /// The account of the machine of that name; opened where it is not known.
    func machine(_ name: String) -> Int {
        if let known = machines[name] { return known }
        let next = machines.count
        machines[name] = next
        return next
    }

    // MARK: Waiting tasks

    /// The number of waiting tasks of a kind.
    package func waitingCount(_ type: TaskType) -> Int { queue.count(type) }

    /// The number of waiting tasks of a kind whose files are on a host.
    package func waitingCount(_ type: TaskType, on host: Int) -> Int { queue.count(type, on: host) }

    /// The number of tasks of a kind that run.
    package func runningCount(_ type: TaskType) -> Int { busyTotals[type.stage] }

    /// The most urgent waiting task of a kind.
    package func first(_ type: TaskType) -> WaitingTask? { queue.first(type) }

    /// The most urgent waiting task of a kind that may run on a host without moving files.
    package func first(_ type: TaskType, on host: Int) -> WaitingTask? { queue.first(type, on: host) }

    /// The same by the host's name.
    package func first(_ type: TaskType, on host: String) -> WaitingTask? {
        queue.first(type, on: hostIndices[host] ?? -1)
    }

    /// All waiting tasks of a kind in order of urgency, one at a time.
    package func waiting(_ type: TaskType) -> WaitingTasks { queue.waiting(type) }

    /// The waiting tasks of a kind whose files are on a host, in order of urgency.
    package func waiting(_ type: TaskType, on host: Int) -> WaitingTasks { queue.waiting(type, on: host) }

    /// The waiting tasks of a kind that are bound to no host, in order of urgency.
    package func waitingAnywhere(_ type: TaskType) -> WaitingTasks { queue.waitingAnywhere(type) }

    /// The number of waiting tasks of a kind whose files are on their way to a host, ahead of them.
    package func arrivingCount(_ type: TaskType, on host: Int) -> Int {
        if movesAhead.isEmpty { return 0 }
        return movesAhead.reduce(0) { $0 + ($1.value == host && $1.key.type == type ? 1 : 0) }
    }

    /// A waiting task; `nil` where it does not wait.
    package func task(_ id: TaskID) -> WaitingTask? { queue.task(id) }

    // MARK: Sectors that wait for room

    /// The number of sectors that wait for room.
    package var admissionCount: Int { wishes.count }

    /// The first sector to be let in.
    package var firstAdmission: AdmissionRequest? { wishOrder.first.map { wishes[$0] } }

    /// The sectors that wait for room, in order.
    package var admissions: [AdmissionRequest] {
        var cursor = UrgencyList.Cursor()
        var all: [AdmissionRequest] = []
        while let slot = wishOrder.next(&cursor) { all.append(wishes[slot]) }
        return all
    }

    /// The first of them, at most `count`.
    func firstAdmissions(_ count: Int) -> [AdmissionRequest] {
        var cursor = UrgencyList.Cursor()
        var first: [AdmissionRequest] = []
        while first.count < count, let slot = wishOrder.next(&cursor) { first.append(wishes[slot]) }
        return first
    }

    package func admission(_ sector: SectorKey) -> AdmissionRequest? {
        wishes.slot(sector).map { wishes[$0] }
    }

    // MARK: Workers, hosts, stores

    /// The free slots of a kind in the whole cluster.
    package func freeSlotCount(_ type: TaskType) -> Int { freeTotals[type.stage] }

    /// The slots of a kind of all workers that may take new tasks.
    package func slotCount(_ type: TaskType) -> Int { slotTotals[type.stage] }

    /// The indices of the workers that have a free slot of a kind, ascending.
    package func openWorkers(_ type: TaskType) -> [Int] { openIndices[type.stage] }

    /// The index of a host by its name; `nil` where it was never heard of.
    package func hostIndex(_ name: String) -> Int? { hostIndices[name] }

    package func store(_ name: String) -> StoreView? { storeIndex(name).map { stores[$0] } }

    func storeIndex(_ name: String) -> Int? {
        var (low, high) = (0, stores.count)
        while low < high {
            let middle = (low + high) / 2
            if stores[middle].info.name < name { low = middle + 1 } else { high = middle }
        }
        return low < stores.count && stores[low].info.name == name ? low : nil
    }

    /// What a task needs on a worker, by the worker's own table.
    package func need(_ type: TaskType, proof: UInt64, on worker: Int) -> ResourceNeed {
        needs.need(type, proof: proof, worker: worker, resources)
    }

    /// Tells whether a task of a kind may start on `host` now; if not, when.
    package func paceDelay(_ type: TaskType, on host: String, at now: Instant) -> Instant? {
        hostIndices[host].flatMap { paceDelay(type, on: $0, at: now) }
    }

    /// The same by the host's index.
    package func paceDelay(_ type: TaskType, on host: Int, at now: Instant) -> Instant? {
        let stage = type.stage
        guard host < nextStarts[stage].count else { return nil }
        let next = nextStarts[stage][host]
        return next > now ? next : nil
    }
}

/// How often a kind of task may start on one host: `count` starts within `interval`.
package struct Pacing: Sendable, Hashable, Codable {
    package var type: TaskType
    package var count: Int
    package var interval: Duration

    package init(type: TaskType, count: Int, interval: Duration) {
        precondition(count > 0, "pacing lets at least one task start")
        self.type = type
        self.count = count
        self.interval = interval
    }
}
