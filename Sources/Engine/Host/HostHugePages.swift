// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Reads the kernel's pools of huge pages, node by node.
///
/// hwloc counts all huge pages but not the free ones, and it is from the free ones that slots are cut.
package enum HostHugePages {
    /// The sizes that sealing uses, in bytes.
    package static let pageBytesKnown: [UInt64] = [1 << 21, 1 << 30]

    /// The pools of one node; a size that the kernel does not offer is left out.
    ///
    /// - Parameters:
    ///   - node: the number of the NUMA node.
    ///   - isOnlyNode: whether it is the only node; a kernel without NUMA has only the pools of the machine.
    ///   - sysRoot: where `sysfs` is mounted.
    /// - Returns: at most one pool for each size of ``pageBytesKnown``, in that order.
    /// - Throws: ``HostError`` with `.malformedHostFile`.
    package static func pools(
        ofNode node: Int, isOnlyNode: Bool, sysRoot: String
    ) throws(HostError) -> [HostTopology.HugePagePool] {
        var found: [HostTopology.HugePagePool] = []
        for bytes in pageBytesKnown {
            let name = "hugepages-\(bytes / 1_024)kB"
            var folders = ["\(sysRoot)/devices/system/node/node\(node)/hugepages/\(name)"]
            if isOnlyNode {
                folders.append("\(sysRoot)/kernel/mm/hugepages/\(name)")
            }
            for folder in folders {
                guard let total = try number(in: "\(folder)/nr_hugepages"),
                    let free = try number(in: "\(folder)/free_hugepages")
                else { continue }
                found.append(
                    HostTopology.HugePagePool(pageBytes: bytes, pageCount: total, freePageCount: free))
                break
            }
        }
        return found
    }

    /// The number that a file of the kernel holds; `nil` if there is no such file to read.
    private static func number(in path: String) throws(HostError) -> UInt64? {
        guard let text = try HostFile.text(path) else { return nil }
        guard let number = UInt64(text) else {
            throw HostError(
                code: .malformedHostFile,
                message: "\(path) holds '\(text.prefix(40))' where a number of pages should be")
        }
        return number
    }
}
