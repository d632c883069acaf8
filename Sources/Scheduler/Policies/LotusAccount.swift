// SPDX-License-Identifier: Apache-2.0

/// What a Lotus worker said of its machine when it registered; never refreshed.
package struct LotusMachine: Sendable, Hashable {
    package var memoryBytes: UInt64
    package var swapBytes: UInt64
    /// Taken by others when the worker registered.
    package var memoryUsedBytes: UInt64
    package var swapUsedBytes: UInt64
    package var coreCount: Int
    package var gpuCount: Int
    /// Only limits on numbers of tasks count.
    package var ignoresResources: Bool

    package init(
        memoryBytes: UInt64, swapBytes: UInt64 = 0, memoryUsedBytes: UInt64 = 0, swapUsedBytes: UInt64 = 0,
        coreCount: Int, gpuCount: Int = 0, ignoresResources: Bool = false
    ) {
        self.memoryBytes = memoryBytes
        self.swapBytes = swapBytes
        self.memoryUsedBytes = memoryUsedBytes
        self.swapUsedBytes = swapUsedBytes
        self.coreCount = coreCount
        self.gpuCount = gpuCount
        self.ignoresResources = ignoresResources
    }

    /// A machine of which nothing is known: it refuses nothing but by number.
    package static let unknown = LotusMachine(memoryBytes: 0, coreCount: 0, ignoresResources: true)

    /// The processors that a task is counted with here.
    package func threads(_ need: ResourceNeed) -> Int {
        if need.gpuUnits > 0, gpuCount > 0, need.threadsWithGPU != 0 { return max(0, need.threadsWithGPU) }
        return max(0, need.threads.resolved(coreCount: coreCount))
    }
}

/// Which limit stands against a task, in the order in which Lotus looks.
package enum LotusObstacle: String, Sendable, Hashable {
    case maxConcurrent
    case physicalMemory
    case virtualMemory
    case processors
    case gpus
}

/// Ids of the tasks that are under way on one worker, by kind; its preparing and its active account share
/// one.
package struct LotusTaskCounter: Sendable, Hashable {
    /// The kind as it is counted: a fetch that prepares a task counts as a fetch.
    package struct Kind: Sendable, Hashable {
        package var proof: UInt64
        package var stage: Int
        package var isFetch: Bool

        package init(proof: UInt64, stage: Int, isFetch: Bool = false) {
            self.proof = proof
            self.stage = stage
            self.isFetch = isFetch
        }
    }

    private var ids: [Kind: Set<TaskID>] = [:]

    package init() {}

    package func count(_ kind: Kind) -> Int { ids[kind]?.count ?? 0 }

    package func contains(_ id: TaskID, _ kind: Kind) -> Bool { ids[kind]?.contains(id) ?? false }

    package mutating func add(_ id: TaskID, _ kind: Kind) { ids[kind, default: []].insert(id) }

    package mutating func remove(_ id: TaskID, _ kind: Kind) { ids[kind]?.remove(id) }
}

/// The running sums that Lotus keeps of a worker three times over: for what is prepared, for what runs, and
/// for each window of what is promised.
///
/// Lotus computes in unsigned words that wrap: an account that is overdrawn, or a need near the end of the
/// range, then passes the test. Here a sum that overflows counts as too much and a rest below zero as none,
/// so that such a task is refused. For every account that Lotus itself can reach the answers are the same.
///
/// - SeeAlso: lotus v1.34.4, `storage/sealer/sched_resources.go`.
package struct LotusAccount: Sendable, Hashable {
    package private(set) var minMemoryUsed: UInt64 = 0
    package private(set) var maxMemoryUsed: UInt64 = 0
    package private(set) var threadCount = 0
    package private(set) var gpuUsed = 0.0

    package init() {}

    /// Says what stands against a task here; `nil` where it fits. Numbers of tasks are not looked at.
    package func obstacle(_ need: ResourceNeed, _ machine: LotusMachine) -> LotusObstacle? {
        if machine.ignoresResources { return nil }
        // What others use of the memory is taken for something that can be swapped.
        guard fits(need.minMemory, need.baseMemory, in: machine.memoryBytes, used: minMemoryUsed) else {
            return .physicalMemory
        }
        // The snapshot of registration is a floor: it vanishes as soon as the tasks' own sum is higher.
        let others = machine.memoryUsedBytes.plus(machine.swapUsedBytes)
        guard
            fits(
                need.maxMemory, need.baseMemory, in: machine.memoryBytes.plus(machine.swapBytes),
                used: max(maxMemoryUsed, others))
        else { return .virtualMemory }
        let (threads, overflow) = threadCount.addingReportingOverflow(machine.threads(need))
        guard !overflow, threads <= machine.coreCount else { return .processors }
        if machine.gpuCount > 0, need.gpuUnits > 0,
            gpuUsed + need.gpuUnits > Double(machine.gpuCount) + Self.gpuTolerance
        {
            return .gpus
        }
        return nil
    }

    /// The same with the limit on the number of tasks of a kind, which is looked at first. A task that is
    /// counted already does not stand in its own way.
    package func obstacle(
        _ id: TaskID, _ kind: LotusTaskCounter.Kind, countMax: Int, _ need: ResourceNeed,
        _ machine: LotusMachine,
        _ counter: LotusTaskCounter
    ) -> LotusObstacle? {
        if countMax > 0, counter.count(kind) >= countMax, !counter.contains(id, kind) {
            return .maxConcurrent
        }
        return obstacle(need, machine)
    }

    /// Adds a task, and returns by how much the utilization rose. What tasks of a kind share is never in the
    /// sums.
    @discardableResult
    package mutating func add(_ need: ResourceNeed, _ machine: LotusMachine) -> Double {
        let before = utilization(machine)
        minMemoryUsed = minMemoryUsed.plus(need.minMemory)
        maxMemoryUsed = maxMemoryUsed.plus(need.maxMemory)
        threadCount += machine.threads(need)
        gpuUsed += max(0, need.gpuUnits)
        return utilization(machine) - before
    }

    package mutating func free(_ need: ResourceNeed, _ machine: LotusMachine) {
        precondition(
            minMemoryUsed >= need.minMemory && maxMemoryUsed >= need.maxMemory
                && threadCount >= machine.threads(need), "a task is given back that was not taken")
        minMemoryUsed -= need.minMemory
        maxMemoryUsed -= need.maxMemory
        threadCount -= machine.threads(need)
        gpuUsed -= max(0, need.gpuUnits)
        if gpuUsed < Self.gpuTolerance { gpuUsed = 0 }
    }

    /// How busy the account is: the largest share of any one thing, 0 for nothing; it may exceed 1.
    package func utilization(_ machine: LotusMachine) -> Double {
        var most = share(Double(threadCount), Double(machine.coreCount))
        most = max(
            most, share(Double(max(minMemoryUsed, machine.memoryUsedBytes)), Double(machine.memoryBytes)))
        let others = machine.memoryUsedBytes.plus(machine.swapUsedBytes)
        most = max(
            most,
            share(Double(max(maxMemoryUsed, others)), Double(machine.memoryBytes.plus(machine.swapBytes))))
        if machine.gpuCount > 0 { most = max(most, gpuUsed / Double(machine.gpuCount)) }
        return most
    }

    /// Tenths do not add up exactly in binary.
    private static let gpuTolerance = 1e-9

    private func fits(_ need: UInt64, _ base: UInt64, in total: UInt64, used: UInt64) -> Bool {
        let (wanted, overflow) = need.addingReportingOverflow(base)
        return !overflow && wanted <= (used >= total ? 0 : total - used)
    }

    /// A machine that has none of a thing is not busy with it.
    private func share(_ used: Double, _ total: Double) -> Double { total > 0 ? used / total : 0 }
}

extension UInt64 {
    /// The sum, at most the largest number.
    fileprivate func plus(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
