// SPDX-License-Identifier: Apache-2.0
import CNuma

/// What libnuma knows of this machine: the memory of each node now, and how far the nodes are apart.
package struct HostNUMA: Codable, Sendable, Equatable {
    package struct Node: Codable, Sendable, Equatable {
        package var index: Int
        package var memoryBytes: UInt64
        /// Memory that is used for nothing at all, so without what the kernel's caches would give back.
        package var freeBytes: UInt64
        /// One for each node of ``HostNUMA/nodes``, in that order; 10 is local, 20 twice as far, 0 unknown.
        package var distances: [Int]
    }

    /// By ascending index; indices may have gaps.
    package var nodes: [Node]

    /// Asks libnuma.
    ///
    /// - Returns: `nil` if the kernel has no NUMA support, in which case no other call of libnuma is allowed.
    /// - Throws: ``HostError`` with `.limitExceeded`.
    package static func read() throws(HostError) -> HostNUMA? {
        guard numa_available() >= 0 else { return nil }
        let last = Int(numa_max_node())
        guard last < HostLimits.numaNodeCountMax else {
            throw HostError(
                code: .limitExceeded,
                message: "libnuma reports NUMA node \(last); the largest number that is supported is "
                    + "\(HostLimits.numaNodeCountMax - 1)")
        }
        var nodes: [Node] = []
        for index in 0...max(last, 0) {
            var free: Int64 = 0
            let total = numa_node_size64(Int32(index), &free)
            // -1 is a gap in the numbers.
            guard total >= 0 else { continue }
            nodes.append(
                Node(
                    index: index, memoryBytes: UInt64(total), freeBytes: UInt64(max(free, 0)),
                    distances: []))
        }
        let indices = nodes.map { Int32($0.index) }
        for position in nodes.indices {
            nodes[position].distances = indices.map { Int(numa_distance(indices[position], $0)) }
        }
        return HostNUMA(nodes: nodes)
    }
}
