// SPDX-License-Identifier: Apache-2.0

extension HostTopology {
    /// Several lines for people, each ended by a newline.
    ///
    /// ```
    /// machine: 2 packages, 2 NUMA nodes, 8 cores, 16 processing units, 256 GiB
    /// package 0: AMD EPYC 7F72 24-Core Processor, CPUs 0-7
    /// node 0: CPUs 0-7, 128 GiB, 120.5 GiB free
    ///   huge pages: 2 MiB 0 of 0 free, 1 GiB 64 of 64 free
    ///   L3 group 0: 16 MiB, CPUs 0-3, cores 0-1
    /// ```
    package func rendered() -> String {
        let machine = [
            HostText.count(packages.count, "package"), HostText.count(numaNodes.count, "NUMA node"),
            HostText.count(cores.count, "core"), HostText.count(processingUnits.count, "processing unit"),
            HostText.bytes(memoryBytes),
        ]
        var lines = ["machine: " + machine.joined(separator: ", ")]
        if allowedUnits != processingUnits {
            lines.append("allowed in this control group: CPUs \(allowedUnits)")
        }
        if let boundUnits, boundUnits != allowedUnits {
            lines.append("this process is bound to: CPUs \(boundUnits)")
        }
        for package in packages {
            let model = package.model ?? "unknown model"
            lines.append("package \(package.index): \(model), CPUs \(package.cpus)")
        }
        for node in numaNodes {
            lines += rendered(node)
        }
        if let systemMemoryBytes, systemMemoryBytes / 10 * 9 > memoryBytes {
            lines.append(
                "memory: \(HostText.bytes(systemMemoryBytes)) in all, of which the nodes count only "
                    + "\(HostText.bytes(memoryBytes)); is this a virtual machine whose memory changes?")
        }
        if numa == nil {
            lines.append("libnuma: this kernel has no NUMA support")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private func rendered(_ node: NUMANode) -> [String] {
        var facts = [node.cpus.isEmpty ? "no CPUs" : "CPUs \(node.cpus)", HostText.bytes(node.memoryBytes)]
        if let free = node.freeMemoryBytes {
            facts.append("\(HostText.bytes(free)) free")
        }
        if let distances = numa?.nodes.first(where: { $0.index == node.index })?.distances,
            distances.count > 1
        {
            facts.append("distances \(distances.map(String.init).joined(separator: " "))")
        }
        var lines = ["node \(node.index): " + facts.joined(separator: ", ")]
        if !node.hugePages.isEmpty {
            let pools = node.hugePages.map {
                "\(HostText.bytes($0.pageBytes)) \($0.freePageCount) of \($0.pageCount) free"
            }
            lines.append("  huge pages: " + pools.joined(separator: ", "))
        }
        let nodeCores = cores(ofNUMANode: node.index)
        for group in cacheGroups {
            let indices = nodeCores.filter { $0.cacheGroupIndex == group.index }.map(\.index)
            guard let first = indices.first, let last = indices.last else { continue }
            let range = first == last ? "core \(first)" : "cores \(first)-\(last)"
            let size = HostText.bytes(group.cacheBytes)
            lines.append("  L3 group \(group.index): \(size), CPUs \(group.cpus), \(range)")
        }
        return lines
    }
}

/// Numbers as people read them.
enum HostText {
    static func count(_ number: Int, _ noun: String) -> String {
        number == 1 ? "1 \(noun)" : "\(number) \(noun)s"
    }

    /// In the largest binary unit that leaves at least one; with one decimal where it is not whole.
    static func bytes(_ bytes: UInt64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var position = 0
        while position + 1 < units.count, bytes >> (10 * UInt64(position + 1)) > 0 {
            position += 1
        }
        let shift = 10 * UInt64(position)
        let whole = bytes >> shift
        let rest = bytes & ((1 << shift) - 1)
        // Rounded down, so that no more is promised than there is.
        let tenth = position == 0 ? 0 : ((rest >> (shift - 10)) * 10) >> 10
        return tenth == 0 ? "\(whole) \(units[position])" : "\(whole).\(tenth) \(units[position])"
    }
}
