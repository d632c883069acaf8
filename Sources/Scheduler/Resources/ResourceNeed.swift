// SPDX-License-Identifier: Apache-2.0

/// What a task of one kind and sector size takes of a host while it runs.
package struct ResourceNeed: Sendable, Hashable, Codable {
    /// How many logical processors a task keeps busy.
    package enum Threads: Sendable, Hashable, Codable {
        case count(Int)
        /// As many as there are; in the tables of the field, 92 % of them.
        case all

        /// The number on a host with `coreCount` logical processors, by the rule of the field.
        package func resolved(coreCount: Int) -> Int {
            switch self {
            case .count(let count): return count
            case .all:
                let most = coreCount * 92 / 100
                return most == 0 ? coreCount : most
            }
        }
    }

    /// Bytes that must be physically there for the task to run at a reasonable speed.
    package var minMemory: UInt64
    /// Bytes at the peak; what exceeds ``minMemory`` may be swap.
    package var maxMemory: UInt64
    /// Bytes that tasks of the kind share (parameters, parent caches).
    package var baseMemory: UInt64
    package var threads: Threads
    /// In place of ``threads`` where the host has a GPU and the task uses it; 0 for no difference.
    package var threadsWithGPU: Int
    /// GPUs, 0.5 for half of one.
    package var gpuUnits: Double
    /// Tasks of the kind on one worker at once; 0 for no limit.
    package var maxConcurrent: Int
    /// Threads share a cache, so that they want a whole core group for themselves where the host has such.
    package var wantsCoreGroup: Bool
    /// Bytes a second that it reads and writes on the disk of its sector's files, on average; 0 where it is
    /// not known.
    package var diskBytesPerSecond: UInt64

    package init(
        minMemory: UInt64 = 0, maxMemory: UInt64 = 0, baseMemory: UInt64 = 0, threads: Threads = .count(0),
        threadsWithGPU: Int = 0, gpuUnits: Double = 0, maxConcurrent: Int = 0, wantsCoreGroup: Bool = false,
        diskBytesPerSecond: UInt64 = 0
    ) {
        self.minMemory = minMemory
        self.maxMemory = maxMemory
        self.baseMemory = baseMemory
        self.threads = threads
        self.threadsWithGPU = threadsWithGPU
        self.gpuUnits = gpuUnits
        self.maxConcurrent = maxConcurrent
        self.wantsCoreGroup = wantsCoreGroup
        self.diskBytesPerSecond = diskBytesPerSecond
    }

    /// The same with every figure within its bounds, so that no sum of them overflows: it comes from another
    /// process.
    package var bounded: ResourceNeed {
        var need = self
        need.minMemory = min(minMemory, HostInfo.bytesMax)
        need.maxMemory = min(maxMemory, HostInfo.bytesMax)
        need.baseMemory = min(baseMemory, HostInfo.bytesMax)
        need.diskBytesPerSecond = min(diskBytesPerSecond, HostInfo.bytesMax)
        if case .count(let count) = threads { need.threads = .count(min(max(0, count), 1 << 16)) }
        need.threadsWithGPU = min(max(0, threadsWithGPU), 1 << 16)
        // What is no number is as much as there can be, so that it is refused and not let pass.
        need.gpuUnits = gpuUnits >= 0 ? min(gpuUnits, 64) : 64
        need.maxConcurrent = min(max(0, maxConcurrent), 1 << 20)
        return need
    }

    /// Tells whether it takes the same memory.
    package func hasMemory(of other: ResourceNeed) -> Bool {
        (minMemory, maxMemory, baseMemory) == (other.minMemory, other.maxMemory, other.baseMemory)
    }

    /// Costs nothing, so that nothing holds it back.
    package static let none = ResourceNeed()
}

/// The things of a host that a running task holds.
package struct DeviceGrant: Sendable, Hashable, Codable {
    /// Logical processors that are counted for it.
    package var coreCount: Int
    /// The core group that it has for itself.
    package var coreGroup: String?
    /// The logical processors of that group.
    package var cores: [Int]
    package var numaNode: Int?
    /// The GPUs by their ids; empty where it computes on processors.
    package var gpus: [String]
    package var memoryBytes: UInt64

    package init(
        coreCount: Int = 0, coreGroup: String? = nil, cores: [Int] = [], numaNode: Int? = nil,
        gpus: [String] = [],
        memoryBytes: UInt64 = 0
    ) {
        self.coreCount = coreCount
        self.coreGroup = coreGroup
        self.cores = cores
        self.numaNode = numaNode
        self.gpus = gpus
        self.memoryBytes = memoryBytes
    }
}
