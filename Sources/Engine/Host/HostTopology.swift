// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The parts of one machine that decide where sealing work should run: who shares a cache, who is near
/// which memory, and how much of that memory is in huge pages.
///
/// A snapshot: free memory and free huge pages are as they were when it was read. Every array is ordered by
/// `index`. The caches and cores that a virtual machine hides are absent (`cacheGroups` may be empty).
package struct HostTopology: Codable, Sendable, Equatable {
    /// A processor in its socket.
    package struct Package: Codable, Sendable, Equatable {
        /// The operating system's number, or the position where it gives none.
        package var index: Int
        /// Such as `AMD EPYC 7F72 24-Core Processor`, if the machine tells.
        package var model: String?
        package var cpus: HostCPUSet
    }

    /// Pages of one size on one NUMA node.
    package struct HugePagePool: Codable, Sendable, Equatable {
        package var pageBytes: UInt64
        package var pageCount: UInt64
        package var freePageCount: UInt64

        package init(pageBytes: UInt64, pageCount: UInt64, freePageCount: UInt64) {
            self.pageBytes = pageBytes
            self.pageCount = pageCount
            self.freePageCount = freePageCount
        }

        /// Bytes that a new mapping could still take.
        package var freeBytes: UInt64 {
            let product = pageBytes.multipliedReportingOverflow(by: freePageCount)
            return product.overflow ? .max : product.partialValue
        }
    }

    /// Memory, and the processing units next to it.
    package struct NUMANode: Codable, Sendable, Equatable {
        package var index: Int
        /// May be empty: a node of memory alone.
        package var cpus: HostCPUSet
        /// As hwloc counts it, which includes the memory in huge pages.
        package var memoryBytes: UInt64
        /// As libnuma counts it; `nil` if libnuma does not know the node.
        package var freeMemoryBytes: UInt64?
        /// 2 MiB and 1 GiB, in this order, of those that the kernel offers.
        package var hugePages: [HugePagePool]

        /// The pool of 2 MiB (`1 << 21`) or 1 GiB (`1 << 30`) pages, if the kernel offers them.
        package func pool(pageBytes: UInt64) -> HugePagePool? {
            hugePages.first { $0.pageBytes == pageBytes }
        }
    }

    /// The cores behind one level 3 cache.
    package struct CacheGroup: Codable, Sendable, Equatable {
        /// hwloc's logical number: position in the order of the machine.
        package var index: Int
        package var cacheBytes: UInt64
        package var cpus: HostCPUSet
    }

    /// A core; its processing units (hyper-threads) share its execution units.
    package struct Core: Codable, Sendable, Equatable {
        /// hwloc's logical number: the operating system's repeats from package to package.
        package var index: Int
        package var cpus: HostCPUSet
        package var packageIndex: Int?
        /// The first of the nearest NUMA nodes.
        package var numaNodeIndex: Int?
        package var cacheGroupIndex: Int?
    }

    package var packages: [Package]
    package var numaNodes: [NUMANode]
    package var cacheGroups: [CacheGroup]
    package var cores: [Core]
    /// Every processing unit that is online.
    package var processingUnits: HostCPUSet
    /// Those that this process's control group may use.
    package var allowedUnits: HostCPUSet
    /// Those that this process is bound to now, by `taskset` for example; `nil` where it cannot be asked.
    package var boundUnits: HostCPUSet?
    /// What libnuma knows; `nil` if the kernel has no NUMA support.
    package var numa: HostNUMA?

    /// Memory as the kernel counts it for the machine as a whole; `nil` for a synthetic machine.
    ///
    /// In a virtual machine whose memory grows and shrinks it can be far from the sum over the nodes.
    package var systemMemoryBytes: UInt64?

    /// The sum over the nodes.
    package var memoryBytes: UInt64 {
        numaNodes.reduce(0) { $0 &+ $1.memoryBytes }
    }

    /// The cores of one NUMA node, in order.
    package func cores(ofNUMANode index: Int) -> [Core] {
        cores.filter { $0.numaNodeIndex == index }
    }
}

extension HostTopology {
    /// Reads the machine that this process runs on.
    ///
    /// Takes some milliseconds to some tens of them; call it at start, not for each task.
    ///
    /// - Parameter sysRoot: where the kernel's `sysfs` is mounted.
    /// - Returns: a snapshot of it.
    /// - Throws: ``HostError``.
    package static func read(sysRoot: String = "/sys") throws(HostError) -> HostTopology {
        let handle = try HwlocTopology(synthetic: nil)
        return try read(handle, numa: HostNUMA.read(), sysRoot: sysRoot)
    }

    /// Builds a machine from hwloc's synthetic description, to plan or test for one that is not at hand.
    ///
    /// It has no huge pages and no free memory, and is unknown to libnuma.
    ///
    /// - Parameter synthetic: with sizes in bytes, such as
    ///   `Package:2 [NUMANode(memory=64000000000)] L3Cache:2 Core:4 PU:2`.
    /// - Returns: the machine, with `numa` and `boundUnits` absent.
    /// - Throws: ``HostError`` with `.topologyUnavailable` if hwloc does not understand the description.
    package static func read(synthetic: String) throws(HostError) -> HostTopology {
        let handle = try HwlocTopology(synthetic: synthetic)
        return try read(handle, numa: nil, sysRoot: nil)
    }

    private static func read(
        _ handle: borrowing HwlocTopology, numa: HostNUMA?, sysRoot: String?
    ) throws(HostError) -> HostTopology {
        let units = try handle.processingUnits()
        guard !units.isEmpty else {
            throw HostError(
                code: .topologyUnavailable,
                message: "hwloc found no processing unit; is /sys mounted in this container?")
        }
        let packages = try handle.packages()
        let cacheGroups = try handle.cacheGroups()
        var nodes = try handle.numaNodes()
        for position in nodes.indices {
            let index = nodes[position].index
            nodes[position].freeMemoryBytes = numa?.nodes.first { $0.index == index }?.freeBytes
            if let sysRoot {
                nodes[position].hugePages = try HostHugePages.pools(
                    ofNode: index, isOnlyNode: nodes.count == 1, sysRoot: sysRoot)
            }
        }
        var cores = try handle.cores()
        for position in cores.indices {
            let cpus = cores[position].cpus
            cores[position].packageIndex = packages.first { cpus.isSubset(of: $0.cpus) }?.index
            cores[position].numaNodeIndex = nodes.first { !cpus.isEmpty && cpus.isSubset(of: $0.cpus) }?.index
            cores[position].cacheGroupIndex = cacheGroups.first { cpus.isSubset(of: $0.cpus) }?.index
        }
        return HostTopology(
            packages: packages, numaNodes: nodes, cacheGroups: cacheGroups, cores: cores,
            processingUnits: units, allowedUnits: try handle.allowedUnits(),
            boundUnits: sysRoot == nil ? nil : try handle.boundUnits(), numa: numa,
            systemMemoryBytes: sysRoot == nil ? nil : systemMemoryBytesNow())
    }

    private static func systemMemoryBytesNow() -> UInt64? {
        let pages = sysconf(Int32(_SC_PHYS_PAGES))
        let pageBytes = sysconf(Int32(_SC_PAGESIZE))
        guard pages > 0, pageBytes > 0 else { return nil }
        return UInt64(pages) * UInt64(pageBytes)
    }
}
