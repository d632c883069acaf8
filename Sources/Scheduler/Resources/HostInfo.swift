// SPDX-License-Identifier: Apache-2.0

/// What a host has; every worker of the host reports the same, but for the GPUs that others use and
/// processors that others share.
package struct HostInfo: Sendable, Hashable, Codable {
    /// Cores that share a cache and are handed out together.
    package struct CoreGroup: Sendable, Hashable, Codable {
        /// Unique on the host.
        package var id: String
        package var numaNode: Int
        /// Numbers of logical processors.
        package var cores: [Int]

        package init(id: String, numaNode: Int, cores: [Int]) {
            self.id = id
            self.numaNode = numaNode
            self.cores = cores
        }
    }

    package struct NUMANode: Sendable, Hashable, Codable {
        package var index: Int
        package var memoryBytes: UInt64

        package init(index: Int, memoryBytes: UInt64) {
            self.index = index
            self.memoryBytes = memoryBytes
        }
    }

    package struct GPU: Sendable, Hashable, Codable {
        /// Unique on the host: a bus address or a number.
        package var id: String
        package var name: String

        package init(id: String, name: String) {
            self.id = id
            self.name = name
        }
    }

    /// A file system; several stores may lie on one and then share its room.
    package struct FileSystem: Sendable, Hashable, Codable {
        /// Unique in the cluster, so that a shared mount is one wherever it is seen.
        package var id: String
        package var capacityBytes: UInt64
        package var freeBytes: UInt64

        package init(id: String, capacityBytes: UInt64, freeBytes: UInt64) {
            self.id = id
            self.capacityBytes = capacityBytes
            self.freeBytes = freeBytes
        }
    }

    /// The machine's; workers that say the same one share what it has.
    package var name: String
    package var logicalCoreCount: Int
    /// Numbers of the logical processors on which the worker's tasks run, ascending; `nil` where it may use
    /// all that the machine has.
    package var processors: [Int]?
    /// Empty where cores are handed out one by one.
    package var coreGroups: [CoreGroup]
    package var numaNodes: [NUMANode]
    package var memoryBytes: UInt64
    package var swapBytes: UInt64
    /// Taken by others when the first worker of the host registered.
    package var memoryUsedBytes: UInt64
    package var swapUsedBytes: UInt64
    package var gpus: [GPU]
    /// Each direction; 0 where it is not known.
    package var nicBytesPerSecond: UInt64
    package var fileSystems: [FileSystem]
    /// Sectors that may be on their way to or from the host at once.
    package var transferCountMax: Int

    package init(
        name: String, logicalCoreCount: Int, processors: [Int]? = nil, coreGroups: [CoreGroup] = [],
        numaNodes: [NUMANode] = [],
        memoryBytes: UInt64, swapBytes: UInt64 = 0, memoryUsedBytes: UInt64 = 0, swapUsedBytes: UInt64 = 0,
        gpus: [GPU] = [], nicBytesPerSecond: UInt64 = 0, fileSystems: [FileSystem] = [],
        transferCountMax: Int = 10
    ) {
        self.name = name
        self.logicalCoreCount = logicalCoreCount
        self.processors = processors
        self.coreGroups = coreGroups
        self.numaNodes = numaNodes
        self.memoryBytes = memoryBytes
        self.swapBytes = swapBytes
        self.memoryUsedBytes = memoryUsedBytes
        self.swapUsedBytes = swapUsedBytes
        self.gpus = gpus
        self.nicBytesPerSecond = nicBytesPerSecond
        self.fileSystems = fileSystems
        self.transferCountMax = transferCountMax
    }

    /// Adds what another worker of the same machine tells and this one does not: the GPUs that its kernels
    /// use, processors that this one does not, those that it shares among more slots, and groups of cores.
    mutating func join(_ other: HostInfo) {
        joinProcessors(other)
        for group in other.coreGroups {
            guard let index = coreGroups.firstIndex(where: { $0.id == group.id }) else {
                coreGroups.append(group)
                continue
            }
            // Each of the two may be kept to some of the group's cores.
            let all = Set(coreGroups[index].cores).union(group.cores)
            if all.count > coreGroups[index].cores.count { coreGroups[index].cores = all.sorted() }
        }
        for gpu in other.gpus where !gpus.contains(where: { $0.id == gpu.id }) { gpus.append(gpu) }
    }

    /// Processors that only one of the two uses add up; of the same ones there are as many as the one says
    /// that shares them among more slots.
    private mutating func joinProcessors(_ other: HostInfo) {
        let most = max(logicalCoreCount, other.logicalCoreCount)
        guard let own = processors.map(Set.init), let theirs = other.processors.map(Set.init) else {
            (logicalCoreCount, processors) = (most, nil)
            return
        }
        let shared = own.intersection(theirs).count
        let isWithin = shared == min(own.count, theirs.count)
        logicalCoreCount = isWithin ? most : logicalCoreCount + other.logicalCoreCount - shared
        processors = own.union(theirs).sorted()
    }

    /// The most bytes that any figure may say: a pebibyte.
    package static let bytesMax: UInt64 = 1 << 50
    private static let deviceCountMax = 1 << 12

    /// The same with every figure within its bounds: it comes from another process.
    package var bounded: HostInfo {
        var info = self
        info.logicalCoreCount = min(max(0, logicalCoreCount), 1 << 14)
        info.processors = processors.map { Array($0.prefix(Self.deviceCountMax)) }
        info.coreGroups = Array(coreGroups.prefix(Self.deviceCountMax))
        info.numaNodes = numaNodes.prefix(Self.deviceCountMax).map {
            NUMANode(index: $0.index, memoryBytes: min($0.memoryBytes, Self.bytesMax))
        }
        info.memoryBytes = min(memoryBytes, Self.bytesMax)
        info.swapBytes = min(swapBytes, Self.bytesMax)
        info.memoryUsedBytes = min(memoryUsedBytes, Self.bytesMax)
        info.swapUsedBytes = min(swapUsedBytes, Self.bytesMax)
        info.gpus = Array(gpus.prefix(Self.deviceCountMax))
        info.nicBytesPerSecond = min(nicBytesPerSecond, Self.bytesMax)
        info.fileSystems = Array(fileSystems.prefix(Self.deviceCountMax))
        info.transferCountMax = max(1, transferCountMax)
        return info
    }
}
