// SPDX-License-Identifier: Apache-2.0
import Engine
import Foundation
import Scheduler
import Testing

/// The kernel's files of a machine that is not at hand.
private struct FakeKernel {
    let root = FileManager.default.temporaryDirectory.appending(path: "kernel-\(UUID())").path

    func write(_ path: String, _ text: String) throws {
        let file = URL(filePath: "\(root)/\(path)")
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }

    func remove() throws { try FileManager.default.removeItem(atPath: root) }

    func memory() throws -> HostMemory {
        try HostMemory.read(procRoot: "\(root)/proc", groupRoot: "\(root)/groups")
    }
}

@Suite("What a worker tells of its machine")
struct WorkerResourcesTests {
    private static let meminfo = """
        MemTotal:       65536000 kB
        MemFree:         1000000 kB
        MemAvailable:   32768000 kB
        SwapTotal:       8192000 kB
        SwapFree:        8000000 kB
        """

    @Test("memory is the machine's where no control group holds the process")
    func plainMemory() throws {
        let kernel = FakeKernel()
        defer { #expect(throws: Never.self) { try kernel.remove() } }
        try kernel.write("proc/meminfo", Self.meminfo)
        let memory = try kernel.memory()
        #expect(memory.totalBytes == 65_536_000 << 10 && memory.usedBytes == 32_768_000 << 10)
        #expect(memory.swapTotalBytes == 8_192_000 << 10 && memory.swapUsedBytes == 192_000 << 10)
    }

    @Test("the narrowest control group above the process counts, without the files that it has read")
    func groupMemory() throws {
        let kernel = FakeKernel()
        defer { #expect(throws: Never.self) { try kernel.remove() } }
        try kernel.write("proc/meminfo", Self.meminfo)
        try kernel.write("proc/self/cgroup", "0::/pods/worker\n")
        try kernel.write("groups/pods/worker/memory.max", "max\n")
        try kernel.write("groups/pods/memory.max", "1000000\n")
        try kernel.write("groups/pods/memory.current", "600000\n")
        try kernel.write("groups/pods/memory.stat", "anon 100000\ninactive_file 200000\n")
        let memory = try kernel.memory()
        #expect(memory == HostMemory(totalBytes: 1_000_000, availableBytes: 600_000))
    }

    @Test("the first version of control groups is read too")
    func oldGroupMemory() throws {
        let kernel = FakeKernel()
        defer { #expect(throws: Never.self) { try kernel.remove() } }
        try kernel.write("proc/meminfo", Self.meminfo)
        try kernel.write("proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/a\n0::/\n")
        try kernel.write("groups/memory/docker/a/memory.limit_in_bytes", "5000\n")
        try kernel.write("groups/memory/docker/a/memory.usage_in_bytes", "7000\n")
        try kernel.write("groups/memory/memory.limit_in_bytes", "9223372036854771712\n")
        #expect(try kernel.memory() == HostMemory(totalBytes: 5000, availableBytes: 0))
    }

    @Test(
        "files that hold something else are an error that names them", arguments: ["", "MemTotal: many kB"])
    func badMeminfo(text: String) throws {
        let kernel = FakeKernel()
        defer { #expect(throws: Never.self) { try kernel.remove() } }
        try kernel.write("proc/meminfo", text)
        let error = #expect(throws: HostError.self) { try kernel.memory() }
        #expect(error?.code == .malformedHostFile && error?.message.contains("meminfo") == true)
    }

    @Test("the fastest card that is up is the machine's rate")
    func cards() throws {
        let kernel = FakeKernel()
        defer { #expect(throws: Never.self) { try kernel.remove() } }
        for (name, state, speed) in [
            ("lo", "unknown", "10"), ("eth0", "up", "10000"), ("eth1", "down", "100000"), ("tap", "up", "-1"),
        ] {
            try kernel.write("sys/class/net/\(name)/operstate", state)
            try kernel.write("sys/class/net/\(name)/speed", speed)
        }
        #expect(WorkerResources.nicBytesPerSecond(sysRoot: "\(kernel.root)/sys") == 1_250_000_000)
        #expect(WorkerResources.nicBytesPerSecond(sysRoot: "\(kernel.root)/nowhere") == 0)
    }

    private func resources(
        _ slots: [WorkerInfo.SlotCount], share: UInt64? = nil, _ environment: [String: String] = [:]
    ) throws -> WorkerResources {
        try WorkerResources(
            host: "h", slots: slots,
            topology: .read(
                synthetic: "Package:2 [NUMANode(memory=64000000000)] L3Cache:2 Core:4 PU:1"),
            memory: HostMemory(
                totalBytes: 128_000_000_000, availableBytes: 100_000_000_000, swapTotalBytes: 1000,
                swapFreeBytes: 400),
            memoryShare: share, environment: environment)
    }

    @Test("processors, caches, nodes and memory are those of the machine")
    func machine() throws {
        let info = try resources([.init(.preCommit1, 2)]).host
        #expect(info.logicalCoreCount == 16)
        #expect(info.coreGroups.map(\.numaNode) == [0, 0, 1, 1])
        #expect(info.coreGroups.map(\.cores.count) == [4, 4, 4, 4])
        #expect(info.numaNodes.map(\.memoryBytes) == [64_000_000_000, 64_000_000_000])
        #expect(info.memoryBytes == 128_000_000_000 && info.memoryUsedBytes == 28_000_000_000)
        #expect(info.swapBytes == 1000 && info.swapUsedBytes == 600)
        let part = try resources([], share: 50_000_000_000).host
        #expect(part.memoryBytes == 50_000_000_000 && part.memoryUsedBytes == 0 && part.swapBytes == 0)
    }

    @Test("a process that is bound to some processors tells which; one that is not tells none")
    func bound() throws {
        var topology = try HostTopology.read(synthetic: "Package:2 L3Cache:2 Core:4 PU:1")
        let memory = HostMemory(totalBytes: 1 << 40, availableBytes: 1 << 40)
        func host() throws -> HostInfo {
            try WorkerResources(host: "h", slots: [], topology: topology, memory: memory).host
        }
        #expect(try host().processors == nil && host().logicalCoreCount == 16)
        topology.boundUnits = try HostCPUSet([2, 3, 4, 5])
        #expect(try host().processors == [2, 3, 4, 5] && host().logicalCoreCount == 4)
    }

    @Test("slots are believed beyond the processors, and said to be")
    func overbooked() throws {
        let resources = try resources([.init(.preCommit1, 40), .init(.preCommit2, 2), .init(.windowPoSt, 1)])
        // 40 labels, two trees of eight processors each, one that reads for a proof.
        #expect(resources.overbooked == 57 && resources.host.logicalCoreCount == 57)
        let table = ResourceTable.standard.applying(resources.changes)
        #expect(table.need(.preCommit2, sectorBytes: 32 << 30).threads == .count(8))
        #expect(try self.resources([.init(.preCommit2, 1)]).overbooked == nil)
    }

    @Test("proofs of spacetime take what openings take, and the environment has the last word")
    func changes() throws {
        let plain = ResourceTable.standard.applying(try resources([.init(.windowPoSt, 1)]).changes)
        let need = plain.need(.windowPoSt, sectorBytes: 32 << 30)
        #expect(need.minMemory == 1 << 30 && need.baseMemory == 0 && need.gpuUnits == 0)
        let variables = ["WDP_32G_MIN_MEMORY": "7", "PC1_MIN_MEMORY": "9"]
        let changed = ResourceTable.standard.applying(try resources([], variables).changes)
        #expect(changed.need(.windowPoSt, sectorBytes: 32 << 30).minMemory == 7)
        #expect(changed.need(.preCommit1, sectorBytes: 64 << 30).minMemory == 9)
        let error = #expect(throws: SchedulerError.self) {
            try resources([], ["PC1_MIN_MEMORY": "much"])
        }
        #expect(error?.message.contains("PC1_MIN_MEMORY=much") == true)
    }

    @Test("this machine can be read, and its own tasks fit it")
    func here() throws {
        let resources = try WorkerResources.read(
            host: "h", slots: [.init(.addPiece, 1), .init(.preCommit1, 1)], environment: [:])
        #expect(resources.host.logicalCoreCount >= 1 && resources.host.memoryBytes > 1 << 26)
        #expect(resources.host == resources.host.bounded)
    }
}
