// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// Who holds what of which host: every running task is a lease of concrete things, given once and given back
/// once.
///
/// Hosts are named by the machine that their workers tell of (``HostView/machine``). A host that told nothing
/// of itself has no account and refuses nothing. A task that wants all processors counts as one and is the
/// only one of its sort on its host: it takes what the others leave.
package final class ResourceLedger {
    /// What one lease holds.
    package struct Lease: Sendable, Hashable {
        package let host: Int
        package let stage: Int
        package let worker: Int
        package let grant: DeviceGrant
        fileprivate let minMemory: UInt64
        fileprivate let maxMemory: UInt64
        fileprivate let baseMemory: UInt64
        fileprivate let gpuShares: [GPUShare]
        fileprivate let groupIndex: Int?
        fileprivate let takesAllCores: Bool
        fileprivate let disk: DiskShare?
        /// It ran already when it was noted: the limits did not apply.
        fileprivate let isForced: Bool
    }

    fileprivate struct GPUShare: Sendable, Hashable {
        let index: Int
        let units: Double
    }

    /// What a task takes of the disk on which it works.
    package struct DiskShare: Sendable, Hashable {
        /// The file system, or the store where it has one of its own; unique in the cluster.
        package let disk: String
        package let bytesPerSecond: UInt64
        /// All that the disk gives.
        package let limit: UInt64

        package init(disk: String, bytesPerSecond: UInt64, limit: UInt64) {
            self.disk = disk
            self.bytesPerSecond = bytesPerSecond
            self.limit = limit
        }
    }

    /// What is taken of one disk.
    fileprivate struct DiskAccount: Equatable {
        var used: UInt64 = 0
        var count = 0
    }

    /// What is taken of one host.
    package struct Account: Sendable {
        package var info: HostInfo { infoBox.value }
        private var infoBox: Box<HostInfo>
        /// What tasks may have in sum; kept beside ``info``, whose copies would cost more than the question.
        private let memoryMax: UInt64
        private let virtualMemoryMax: UInt64
        private var coreCountMax: Int
        fileprivate let hasNUMANodes: Bool
        /// Sum over the leases, without what kinds share.
        package fileprivate(set) var minMemoryUsed: UInt64 = 0
        package fileprivate(set) var maxMemoryUsed: UInt64 = 0
        package fileprivate(set) var coreCountUsed = 0
        package fileprivate(set) var gpuUsed: [Double]
        fileprivate var groupHolders: [UInt64?]
        fileprivate var allCoresHolder: UInt64?
        fileprivate var numaUsed: [Int: UInt64] = [:]
        /// By ``TaskType/stage``: leases, and the bytes that they share.
        fileprivate var kindCounts = Array(repeating: 0, count: TaskType.count)
        fileprivate private(set) var kindBases = Array(repeating: UInt64(0), count: TaskType.count)
        fileprivate var forcedCount = 0
        /// Bytes that are shared by the kinds that run.
        package private(set) var baseMemoryUsed: UInt64 = 0

        fileprivate init(_ info: HostInfo) {
            infoBox = Box(info)
            memoryMax = info.memoryBytes.minus(info.memoryUsedBytes)
            virtualMemoryMax = (info.memoryBytes + info.swapBytes).minus(
                info.memoryUsedBytes + info.swapUsedBytes)
            coreCountMax = info.logicalCoreCount
            hasNUMANodes = !info.numaNodes.isEmpty
            gpuUsed = Array(repeating: 0, count: info.gpus.count)
            groupHolders = Array(repeating: nil, count: info.coreGroups.count)
        }

        /// A further process of the host tells of GPUs or processors that no other told of.
        fileprivate mutating func grow(_ told: HostInfo) {
            var info = info
            info.join(told)
            guard info != infoBox.value else { return }
            infoBox = Box(info)
            coreCountMax = info.logicalCoreCount
            gpuUsed += Array(repeating: 0, count: info.gpus.count - gpuUsed.count)
            groupHolders += Array(repeating: nil, count: info.coreGroups.count - groupHolders.count)
        }

        fileprivate mutating func setBase(_ bytes: UInt64, of stage: Int) {
            baseMemoryUsed = baseMemoryUsed - kindBases[stage] + bytes
            kindBases[stage] = bytes
        }

        /// Bytes of physical memory that a new task may take.
        package var memoryFree: UInt64 { memoryMax.minus(minMemoryUsed).minus(baseMemoryUsed) }

        /// Bytes of memory and swap that a new task may take at its peak.
        package var virtualMemoryFree: UInt64 {
            virtualMemoryMax.minus(maxMemoryUsed).minus(baseMemoryUsed)
        }

        package var coreCountFree: Int { coreCountMax - coreCountUsed }
        package var coreGroupFreeCount: Int { groupHolders.reduce(0) { $0 + ($1 == nil ? 1 : 0) } }
        /// GPUs of which nothing is taken.
        package var gpuFreeCount: Int { gpuUsed.reduce(0) { $0 + ($1 == 0 ? 1 : 0) } }

        // MARK: Choice of devices

        fileprivate func usableGPUs(_ worker: Box<WorkerInfo>) -> [Int] {
            guard let bound = worker.value.gpus else { return Array(gpuUsed.indices) }
            return infoBox.value.gpus.indices.filter { bound.contains(infoBox.value.gpus[$0].id) }
        }

        /// Whole GPUs first where more than one is wanted; a part goes where it fits most tightly.
        fileprivate func gpuShares(_ units: Double, _ usable: [Int]) -> [GPUShare]? {
            var left = units
            var shares: [GPUShare] = []
            for index in usable where left >= 1 && gpuUsed[index] == 0 {
                shares.append(GPUShare(index: index, units: 1))
                left -= 1
            }
            guard left < 1 else { return nil }
            guard left > 1e-9 else { return shares }
            var best: (index: Int, free: Double)?
            for index in usable where !shares.contains(where: { $0.index == index }) {
                let free = 1 - gpuUsed[index]
                guard free + 1e-9 >= left, best.map({ free < $0.free }) ?? true else { continue }
                best = (index, free)
            }
            guard let best else { return nil }
            shares.append(GPUShare(index: best.index, units: left))
            return shares
        }

        fileprivate func freeGroup(_ worker: Box<WorkerInfo>) -> Int? {
            if groupHolders.isEmpty { return nil }
            return groupHolders.indices.first { index in
                guard groupHolders[index] == nil else { return false }
                let group = infoBox.value.coreGroups[index]
                // A process that is kept to some processors has no others' groups.
                guard worker.value.cores(of: group) != nil else { return false }
                return (worker.value.coreGroups.map { $0.contains(group.id) } ?? true)
                    && (worker.value.numaNode.map { $0 == group.numaNode } ?? true)
            }
        }
    }

    /// A host without one has that of a host that has nothing, and ``isKnown`` says so: what is not optional
    /// is read and changed where it lies.
    private var accounts: [Account] = []
    private var isKnown: [Bool] = []
    /// Behind references: a lease is large, and the table moves its entries about.
    private var leases = NumberTable<Box<Lease>>()
    /// Disks of which something is taken.
    private var disks: [String: DiskAccount] = [:]
    /// The cards, and the moves of files between hosts.
    package internal(set) var links = LinkLedger()

    package init() {}

    /// The account of a host; `nil` where the host told nothing of itself.
    package func account(_ host: Int) -> Account? { hasAccount(host) ? accounts[host] : nil }

    private func hasAccount(_ host: Int) -> Bool { host < isKnown.count && isKnown[host] }

    package var leaseCount: Int { leases.count }

    /// Moves that run for no call that holds a lease: those ahead of their tasks.
    var moveAheadCount: Int { links.count { leases[$0] != nil } }

    /// Bytes a second that are taken of a disk.
    package func diskBytesUsed(_ disk: String) -> UInt64 { disks[disk]?.used ?? 0 }

    package func lease(_ id: UInt64) -> Lease? { leases[id]?.value }

    /// Opens or renews the account of a host. What is leased stays leased; the figures of a host on which
    /// something runs are not replaced, because they would count it twice; only what nobody told of is new.
    package func setHost(_ host: Int, _ info: HostInfo) {
        while accounts.count <= host {
            accounts.append(Account(HostInfo(name: "", logicalCoreCount: 0, memoryBytes: 0)))
            isKnown.append(false)
        }
        if isKnown[host], accounts[host].kindCounts.contains(where: { $0 > 0 }) {
            accounts[host].grow(info)
            return
        }
        accounts[host] = Account(info)
        isKnown[host] = true
    }

    // MARK: Leases

    /// Says why a task may not start; `nil` where it may.
    ///
    /// A disk that is idle takes any task: one that wants more than there is runs alone.
    package func check(
        _ need: ResourceNeed, stage: Int, host: Int, worker: WorkerInfo, disk: DiskShare? = nil
    ) -> Refusal? {
        check(need, stage: stage, host: host, worker: Box(worker), disk: disk)
    }

    /// The same without a copy of the worker: it is asked for every task and worker that a policy tries.
    func check(
        _ need: ResourceNeed, stage: Int, host: Int, worker: Box<WorkerInfo>, disk: DiskShare?
    ) -> Refusal? {
        if let disk, let taken = disks[disk.disk] {
            let free = disk.limit.minus(taken.used)
            if disk.bytesPerSecond > free {
                return Refusal(
                    .disk, disk.disk, needed: Double(disk.bytesPerSecond), free: Double(free))
            }
        }
        guard hasAccount(host) else { return nil }
        let base = need.baseMemory.minus(accounts[host].kindBases[stage])
        let min = need.minMemory + base
        let memoryFree = accounts[host].memoryFree
        if min > memoryFree {
            return Refusal(
                .memory, accounts[host].info.name, needed: Double(min), free: Double(memoryFree))
        }
        let max = Swift.max(need.minMemory, need.maxMemory) + base
        let virtualFree = accounts[host].virtualMemoryFree
        if max > virtualFree {
            return Refusal(
                .virtualMemory, accounts[host].info.name, needed: Double(max), free: Double(virtualFree))
        }
        if accounts[host].hasNUMANodes, let node = worker.value.numaNode,
            let known = accounts[host].info.numaNodes.first(where: { $0.index == node })
        {
            let free = known.memoryBytes.minus(accounts[host].numaUsed[node] ?? 0)
            if need.minMemory > free {
                return Refusal(
                    .numaMemory, "NUMA node \(node) of \(accounts[host].info.name)",
                    needed: Double(need.minMemory), free: Double(free))
            }
        }
        let hasGPU = need.gpuUnits > 0 && hasUsableGPU(host, worker)
        if hasGPU, !mayShareGPUs(need.gpuUnits, host, worker) {
            let most = accounts[host].usableGPUs(worker).map { 1 - accounts[host].gpuUsed[$0] }.max()
            return Refusal(.gpu, accounts[host].info.name, needed: need.gpuUnits, free: most ?? 0)
        }
        let cores = coreCount(need, hasGPU: hasGPU)
        if cores.isAll, accounts[host].allCoresHolder != nil {
            return Refusal(
                .cores, accounts[host].info.name, needed: Double(accounts[host].info.logicalCoreCount))
        }
        if cores.count > accounts[host].coreCountFree {
            return Refusal(
                .cores, accounts[host].info.name, needed: Double(cores.count),
                free: Double(accounts[host].coreCountFree))
        }
        if need.wantsCoreGroup, !accounts[host].groupHolders.isEmpty,
            accounts[host].freeGroup(worker) == nil
        {
            return Refusal(.coreGroup, accounts[host].info.name)
        }
        return nil
    }

    /// Takes the things of a task's need.
    ///
    /// - Parameters:
    ///   - id: the call's number; never used twice.
    ///   - disk: what it takes of the disk of its files; `nil` where that is not known.
    ///   - force: the task runs already, so that it holds what it holds whatever the limits say.
    /// - Throws: ``Refusal``.
    @discardableResult
    package func lease(
        _ id: UInt64, _ need: ResourceNeed, stage: Int, host: Int, worker: WorkerInfo, workerIndex: Int,
        disk: DiskShare? = nil, force: Bool = false
    ) throws(Refusal) -> DeviceGrant {
        try lease(
            id, need, stage: stage, host: host, worker: Box(worker), workerIndex: workerIndex, disk: disk,
            force: force)
    }

    /// The same without a copy of the worker.
    func lease(
        _ id: UInt64, _ need: ResourceNeed, stage: Int, host: Int, worker: Box<WorkerInfo>, workerIndex: Int,
        disk: DiskShare?, force: Bool = false
    ) throws(Refusal) -> DeviceGrant {
        precondition(leases[id] == nil, "call \(id) holds a lease already")
        let refusal = check(need, stage: stage, host: host, worker: worker, disk: disk)
        if let refusal, !force { throw refusal }
        if let disk { disks[disk.disk, default: DiskAccount()].take(disk) }
        guard hasAccount(host) else {
            leases[id] = Box(
                Lease(
                    host: host, stage: stage, worker: workerIndex, grant: DeviceGrant(), minMemory: 0,
                    maxMemory: 0, baseMemory: 0, gpuShares: [], groupIndex: nil, takesAllCores: false,
                    disk: disk, isForced: force))
            return DeviceGrant()
        }
        var (hasGPU, shares): (Bool, [GPUShare]) = (false, [])
        if need.gpuUnits > 0 {
            let gpus = accounts[host].usableGPUs(worker)
            hasGPU = !gpus.isEmpty
            shares = accounts[host].gpuShares(need.gpuUnits, gpus) ?? []
        }
        let cores = coreCount(need, hasGPU: hasGPU)
        let group = need.wantsCoreGroup ? accounts[host].freeGroup(worker) : nil
        let takesAll = cores.isAll && accounts[host].allCoresHolder == nil
        var grant = DeviceGrant(
            coreCount: cores.count, coreGroup: nil, cores: [], numaNode: worker.value.numaNode, gpus: [],
            memoryBytes: need.minMemory)
        if let group {
            grant.coreGroup = accounts[host].info.coreGroups[group].id
            grant.cores = worker.value.cores(of: accounts[host].info.coreGroups[group]) ?? []
        }
        for share in shares { grant.gpus.append(accounts[host].info.gpus[share.index].id) }
        let lease = Lease(
            host: host, stage: stage, worker: workerIndex, grant: grant, minMemory: need.minMemory,
            maxMemory: Swift.max(need.minMemory, need.maxMemory), baseMemory: need.baseMemory,
            gpuShares: shares,
            groupIndex: group, takesAllCores: takesAll, disk: disk, isForced: refusal != nil)
        accounts[host].minMemoryUsed += lease.minMemory
        accounts[host].maxMemoryUsed += lease.maxMemory
        accounts[host].coreCountUsed += grant.coreCount
        for share in shares { accounts[host].gpuUsed[share.index] += share.units }
        if let group { accounts[host].groupHolders[group] = id }
        if takesAll { accounts[host].allCoresHolder = id }
        if let node = grant.numaNode { accounts[host].numaUsed[node, default: 0] += lease.minMemory }
        accounts[host].kindCounts[stage] += 1
        accounts[host].setBase(Swift.max(accounts[host].kindBases[stage], need.baseMemory), of: stage)
        if lease.isForced { accounts[host].forcedCount += 1 }
        leases[id] = Box(lease)
        return grant
    }

    /// Gives back what a call holds.
    ///
    /// - Returns: `false` where it holds nothing: it was given back before, or never taken.
    @discardableResult
    package func release(_ id: UInt64) -> Bool {
        guard let lease = leases.removeValue(forKey: id)?.value else { return false }
        if let disk = lease.disk, var taken = disks[disk.disk] {
            taken.used -= disk.bytesPerSecond
            taken.count -= 1
            disks[disk.disk] = taken.count > 0 ? taken : nil
        }
        let (host, stage) = (lease.host, lease.stage)
        guard hasAccount(host), accounts[host].kindCounts[stage] > 0 else { return true }
        accounts[host].minMemoryUsed -= lease.minMemory
        accounts[host].maxMemoryUsed -= lease.maxMemory
        accounts[host].coreCountUsed -= lease.grant.coreCount
        for share in lease.gpuShares {
            let left = accounts[host].gpuUsed[share.index] - share.units
            // Tenths do not add up exactly in binary: what is nearly nothing is nothing.
            accounts[host].gpuUsed[share.index] = left < 1e-9 ? 0 : left
        }
        if let group = lease.groupIndex { accounts[host].groupHolders[group] = nil }
        if accounts[host].allCoresHolder == id { accounts[host].allCoresHolder = nil }
        if let node = lease.grant.numaNode { accounts[host].numaUsed[node, default: 0] -= lease.minMemory }
        accounts[host].kindCounts[stage] -= 1
        if accounts[host].kindCounts[stage] == 0 { accounts[host].setBase(0, of: stage) }
        if lease.isForced { accounts[host].forcedCount -= 1 }
        return true
    }

    // MARK: Choice of devices

    private func hasUsableGPU(_ host: Int, _ worker: Box<WorkerInfo>) -> Bool {
        if worker.value.gpus == nil { return !accounts[host].gpuUsed.isEmpty }
        return !accounts[host].usableGPUs(worker).isEmpty
    }

    /// Tells whether ``gpuShares(_:_:_:)`` would find them.
    private func mayShareGPUs(_ units: Double, _ host: Int, _ worker: Box<WorkerInfo>) -> Bool {
        // The usual cases without a list: one GPU or a part of one, of any.
        guard units == 1 || units < 1 && units > 1e-9, worker.value.gpus == nil else {
            return accounts[host].gpuShares(units, accounts[host].usableGPUs(worker)) != nil
        }
        for used in accounts[host].gpuUsed where units == 1 ? used == 0 : 1 - used + 1e-9 >= units {
            return true
        }
        return false
    }

    private func coreCount(_ need: ResourceNeed, hasGPU: Bool) -> (count: Int, isAll: Bool) {
        if need.gpuUnits > 0, hasGPU, need.threadsWithGPU > 0 { return (need.threadsWithGPU, false) }
        switch need.threads {
        case .count(let count): return (count, false)
        case .all: return (1, true)
        }
    }

    // MARK: Conservation

    /// Says where an account differs from the sum of its leases, or is overdrawn by other than what ran
    /// already; `nil` where all are right.
    package func brokenAccount() -> String? {
        var sums = accounts.map { Account($0.info) }
        var diskSums: [String: DiskAccount] = [:]
        for id in leases.keys.sorted() {
            if let disk = leases[id]?.value.disk { diskSums[disk.disk, default: DiskAccount()].take(disk) }
            guard let lease = leases[id]?.value, hasAccount(lease.host) else { continue }
            var sum = sums[lease.host]
            sum.minMemoryUsed += lease.minMemory
            sum.maxMemoryUsed += lease.maxMemory
            sum.coreCountUsed += lease.grant.coreCount
            for share in lease.gpuShares { sum.gpuUsed[share.index] += share.units }
            if let group = lease.groupIndex {
                if sum.groupHolders[group] != nil { return "a core group of \(sum.info.name) is held twice" }
                sum.groupHolders[group] = id
            }
            sum.kindCounts[lease.stage] += 1
            if lease.isForced { sum.forcedCount += 1 }
            sums[lease.host] = sum
        }
        if diskSums != disks { return "a disk is not the sum of its leases" }
        for (account, sum) in zip(accounts, sums) {
            if let broken = account.difference(from: sum) { return broken }
        }
        return links.strayDeparture { leases[$0] != nil } ?? links.brokenAccount()
    }
}

extension ResourceLedger.DiskAccount {
    fileprivate mutating func take(_ share: ResourceLedger.DiskShare) {
        used += share.bytesPerSecond
        count += 1
    }
}

extension ResourceLedger.Account {
    /// Says where it is not the sum of its leases, or overdrawn.
    fileprivate func difference(from sum: Self) -> String? {
        guard
            minMemoryUsed == sum.minMemoryUsed && maxMemoryUsed == sum.maxMemoryUsed
                && coreCountUsed == sum.coreCountUsed && kindCounts == sum.kindCounts
                && groupHolders == sum.groupHolders && forcedCount == sum.forcedCount
                && baseMemoryUsed == kindBases.reduce(0, +)
        else { return "the account of \(info.name) is not the sum of its leases" }
        for (used, counted) in zip(gpuUsed, sum.gpuUsed) {
            guard (used - counted).magnitude < 1e-6 else {
                return "a GPU of \(info.name) is not the sum of its leases"
            }
            guard used < 1 + 1e-6 else { return "a GPU of \(info.name) is given more than once" }
        }
        guard forcedCount == 0 else { return nil }
        let isCovered =
            minMemoryUsed + baseMemoryUsed + info.memoryUsedBytes
            <= Swift.max(info.memoryBytes, info.memoryUsedBytes) && coreCountUsed <= info.logicalCoreCount
        return isCovered ? nil : "\(info.name) is overdrawn"
    }
}

extension UInt64 {
    /// The difference, 0 where it would be negative.
    fileprivate func minus(_ other: UInt64) -> UInt64 { other >= self ? 0 : self - other }
}

extension WorkerInfo {
    /// The cores of a group on which this worker's tasks may run: its process may be kept to some of the
    /// machine's. `nil` where it has none of them.
    fileprivate func cores(of group: HostInfo.CoreGroup) -> [Int]? {
        guard let told = hostInfo?.coreGroups, !told.isEmpty else { return group.cores }
        return told.first { $0.id == group.id }?.cores
    }
}
