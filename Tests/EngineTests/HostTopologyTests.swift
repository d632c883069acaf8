// SPDX-License-Identifier: Apache-2.0
import CHwloc
import CNuma
import Engine
import Foundation
import Testing

@Suite("The topology of this machine")
struct HostTopologyTests {
    @Test("hwloc, the kernel and libnuma tell of the same machine")
    func thisMachine() throws {
        let host = try HostTopology.read()
        #expect(host.processingUnits.count >= 1)
        #expect(host.processingUnits.count == sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        #expect(host.memoryBytes > 0)
        #expect(!host.numaNodes.isEmpty)
        #expect(try #require(host.systemMemoryBytes) > 0)
        try checkCoherence(host)

        let affinity = try kernelAffinity()
        #expect(host.boundUnits == affinity)
        #expect(affinity.isSubset(of: host.processingUnits))

        let numa = try #require(host.numa, "this machine's kernel has no NUMA support")
        #expect(numa.nodes.map(\.index) == host.numaNodes.map(\.index))
        for (ours, theirs) in zip(host.numaNodes, numa.nodes) {
            #expect(ours.freeMemoryBytes == theirs.freeBytes)
            #expect(theirs.freeBytes <= theirs.memoryBytes)
            // Two readings of one counter, a moment apart: a virtual machine's memory may change between.
            let difference = Double(ours.memoryBytes) - Double(theirs.memoryBytes)
            #expect(abs(difference) <= 0.1 * Double(theirs.memoryBytes))
        }
    }

    @Test("libnuma calls a node local to itself and no nearer to another")
    func distances() throws {
        let numa = try #require(try HostNUMA.read(), "this machine's kernel has no NUMA support")
        for (position, node) in numa.nodes.enumerated() {
            #expect(node.distances.count == numa.nodes.count)
            #expect(node.distances[position] == 10)
            #expect(node.distances.allSatisfy { $0 >= 10 || $0 == 0 })
        }
    }

    @Test("the libraries are those whose headers were compiled in")
    func versions() {
        #expect(hwloc_get_api_version() >> 16 == chwloc_built_api_version() >> 16)
        #expect(numa_available() >= -1)
    }

    @Test("a machine of two packages is cut into nodes, groups, cores and units")
    func synthetic() throws {
        let host = try HostTopology.read(
            synthetic: "Package:2 [NUMANode(memory=68719476736)] L3Cache:2(size=16777216) Core:4 PU:2")
        try checkCoherence(host)
        #expect(host.packages.map(\.cpus.description) == ["0-15", "16-31"])
        #expect(host.numaNodes.map(\.cpus.description) == ["0-15", "16-31"])
        #expect(host.numaNodes.map(\.memoryBytes) == [64 << 30, 64 << 30])
        #expect(host.memoryBytes == 128 << 30)
        #expect(host.cacheGroups.map(\.cpus.description) == ["0-7", "8-15", "16-23", "24-31"])
        #expect(host.cacheGroups.allSatisfy { $0.cacheBytes == 16 << 20 })
        #expect(host.cores.count == 16)
        #expect(host.cores(ofNUMANode: 1).map(\.index) == Array(8..<16))
        let core = try #require(host.cores.last)
        #expect(core.cpus.description == "30-31")
        #expect(core.packageIndex == 1 && core.numaNodeIndex == 1 && core.cacheGroupIndex == 3)
        #expect(host.numa == nil && host.boundUnits == nil && host.systemMemoryBytes == nil)
    }

    @Test("a machine without a level 3 cache has cores and no groups")
    func withoutCache() throws {
        let host = try HostTopology.read(synthetic: "NUMANode:1 Core:3 PU:1")
        try checkCoherence(host)
        #expect(host.cacheGroups.isEmpty)
        #expect(host.cores.map(\.cacheGroupIndex) == [nil, nil, nil])
    }

    @Test("a description that hwloc does not understand is refused", arguments: ["nonsense", "Core:0", ""])
    func badSynthetic(description: String) {
        let error = #expect(throws: HostError.self) {
            try HostTopology.read(synthetic: description)
        }
        #expect(error?.code == .topologyUnavailable)
    }

    @Test("a machine with numbers over the limits is refused, not cut short")
    func tooLarge() {
        let error = #expect(throws: HostError.self) {
            try HostTopology.read(synthetic: "Core:2 PU:1(indexes=0,20000)")
        }
        #expect(error?.code == .limitExceeded)
    }

    @Test("a topology survives JSON")
    func coding() throws {
        let real = try HostTopology.read()
        let made = try HostTopology.read(synthetic: "Package:2 L3Cache:1 Core:2 PU:2")
        for host in [real, made] {
            let data = try JSONEncoder().encode(host)
            #expect(try JSONDecoder().decode(HostTopology.self, from: data) == host)
        }
    }

    @Test("the text for people names every part")
    func text() throws {
        var host = try HostTopology.read(
            synthetic: "Package:2 [NUMANode(memory=68719476736)] L3Cache:2(size=16777216) Core:4 PU:2")
        host.numaNodes[0].freeMemoryBytes = (60 << 30) + (512 << 20)
        host.numaNodes[0].hugePages = [
            HostTopology.HugePagePool(pageBytes: 1 << 30, pageCount: 32, freePageCount: 30)
        ]
        host.allowedUnits = try HostCPUSet(text: "0-15")
        host.systemMemoryBytes = 256 << 30
        #expect(
            host.rendered() == """
                machine: 2 packages, 2 NUMA nodes, 16 cores, 32 processing units, 128 GiB
                allowed in this control group: CPUs 0-15
                package 0: unknown model, CPUs 0-15
                package 1: unknown model, CPUs 16-31
                node 0: CPUs 0-15, 64 GiB, 60.5 GiB free
                  huge pages: 1 GiB 30 of 32 free
                  L3 group 0: 16 MiB, CPUs 0-7, cores 0-3
                  L3 group 1: 16 MiB, CPUs 8-15, cores 4-7
                node 1: CPUs 16-31, 64 GiB
                  L3 group 2: 16 MiB, CPUs 16-23, cores 8-11
                  L3 group 3: 16 MiB, CPUs 24-31, cores 12-15
                memory: 256 GiB in all, of which the nodes count only 128 GiB; is this a virtual machine \
                whose memory changes?
                libnuma: this kernel has no NUMA support

                """)
    }

    /// What is true of every machine: parts lie inside their wholes, and siblings do not overlap.
    private func checkCoherence(_ host: HostTopology) throws {
        #expect(host.allowedUnits.isSubset(of: host.processingUnits))
        #expect(!host.allowedUnits.isEmpty)
        for siblings in [
            host.packages.map(\.cpus), host.numaNodes.map(\.cpus), host.cacheGroups.map(\.cpus),
            host.cores.map(\.cpus),
        ] {
            let units = siblings.flatMap(\.units)
            #expect(Set(units).count == units.count, "siblings share a processing unit")
            #expect(try HostCPUSet(units).isSubset(of: host.processingUnits))
        }
        #expect(try HostCPUSet(host.cores.flatMap(\.cpus.units)) == host.processingUnits)
        for core in host.cores {
            #expect(host.numaNodes.contains { $0.index == core.numaNodeIndex })
        }
        for node in host.numaNodes {
            for pool in node.hugePages {
                #expect(pool.freePageCount <= pool.pageCount)
            }
        }
    }

    /// The affinity of this process, straight from the kernel: hwloc is not asked.
    private func kernelAffinity() throws -> HostCPUSet {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let key = "Cpus_allowed_list:"
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(key) })
        return try HostCPUSet(text: String(line.dropFirst(key.count)))
    }
}

@Suite("Huge pages by NUMA node")
struct HostHugePagesTests {
    /// Makes a folder that looks like `/sys`, with the given files, and removes it afterwards.
    private func withSys<Result>(
        _ files: [String: String], _ body: (String) throws -> Result
    ) throws -> Result {
        let root = FileManager.default.temporaryDirectory.appending(path: "sealyard-sys-\(UUID().uuidString)")
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: root) } }
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        for (path, text) in files {
            let file = root.appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        return try body(root.path(percentEncoded: false))
    }

    @Test("each node has its own pools")
    func pools() throws {
        let node = "devices/system/node/node1/hugepages"
        let files = [
            "\(node)/hugepages-2048kB/nr_hugepages": "1024\n",
            "\(node)/hugepages-2048kB/free_hugepages": "1000\n",
            "\(node)/hugepages-1048576kB/nr_hugepages": "64\n",
            "\(node)/hugepages-1048576kB/free_hugepages": "3\n",
            "devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages": "7\n",
            "devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages": "7\n",
        ]
        try withSys(files) { root in
            let one = try HostHugePages.pools(ofNode: 1, isOnlyNode: false, sysRoot: root)
            #expect(
                one == [
                    HostTopology.HugePagePool(pageBytes: 1 << 21, pageCount: 1_024, freePageCount: 1_000),
                    HostTopology.HugePagePool(pageBytes: 1 << 30, pageCount: 64, freePageCount: 3),
                ])
            #expect(one.map(\.freeBytes) == [1_000 << 21, 3 << 30])
            let zero = try HostHugePages.pools(ofNode: 0, isOnlyNode: false, sysRoot: root)
            #expect(zero.map(\.pageBytes) == [1 << 21])
            #expect(try HostHugePages.pools(ofNode: 2, isOnlyNode: false, sysRoot: root).isEmpty)
        }
    }

    @Test("the pools of the machine stand in for those of its only node, and for no other")
    func machinePools() throws {
        let files = [
            "kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages": "4\n",
            "kernel/mm/hugepages/hugepages-1048576kB/free_hugepages": "2\n",
        ]
        try withSys(files) { root in
            let only = try HostHugePages.pools(ofNode: 0, isOnlyNode: true, sysRoot: root)
            #expect(only == [HostTopology.HugePagePool(pageBytes: 1 << 30, pageCount: 4, freePageCount: 2)])
            #expect(try HostHugePages.pools(ofNode: 0, isOnlyNode: false, sysRoot: root).isEmpty)
        }
    }

    @Test("a file that holds no number is named", arguments: ["many", "", "-1", "99999999999999999999999"])
    func malformed(text: String) throws {
        let folder = "devices/system/node/node0/hugepages/hugepages-2048kB"
        try withSys(["\(folder)/nr_hugepages": text, "\(folder)/free_hugepages": "0"]) { root in
            let error = #expect(throws: HostError.self) {
                try HostHugePages.pools(ofNode: 0, isOnlyNode: true, sysRoot: root)
            }
            #expect(error?.code == .malformedHostFile)
            #expect(error?.message.contains("nr_hugepages") == true)
        }
    }
}
