// SPDX-License-Identifier: Apache-2.0
import Sim
import Testing

@Suite("Shared hardware in scenario files")
struct ScenarioHardwareTests {
    static let sound = """
        name: shared
        sectorSize: 32GiB
        hosts:
          - name: w
            count: 2
            cpu: {sockets: 2, cores: 8, l3Groups: 4, l3: 32MiB}
            numaNodes: 2
            memory: 512GiB
            hugepages: 256GiB
            hugepagesByNode: [192GiB, 64GiB]
            memoryBandwidth: 50GB/s
            disks:
              - {name: ssd, capacity: 10TB, read: 2GB/s, write: 1GB/s, iops: 500000}
            workers:
              - {name: p1, role: P1, count: 4, group: host, memory: bound, cores: l3}
              - {name: rest, role: [AP, P2, C2], group: host}
        stores:
          - {name: far, kind: cloud, capacity: 1PB, read: 1GB/s, write: 1GB/s, perClient: 500MB/s,
             latency: 40ms, requestSize: 8MiB, streams: 8, requestsPerSecond: 3500}
        links:
          switches:
            - {name: rack, members: [w], backplane: 400Gbps, uplink: 100Gbps}
        tasks:
          AddPiece: 1s
          PreCommit1: {duration: 3h, memoryTraffic: computed, writes: computed}
          PreCommit2: {duration: 10m, memoryTraffic: 1TB, reads: computed, writes: 70GiB, requestSize: 1MiB}
          Commit1: 1s
          Commit2: 10m
          Finalize: {duration: 1s, transfer: 32GiB}
        workload:
          pledge: {every: 4m, packingMax: 4}
        """

    @Test("what is said of shared hardware is read, and reads back from its normalized form")
    func reading() throws {
        let scenario = try Scenario.parse(text: Self.sound, fileName: "shared.yaml")
        let host = try #require(scenario.hosts.first)
        #expect(host.memoryBandwidth?.bytesPerSecond == 50e9)
        #expect(host.hugepagesByNode.map(\.bytes) == [192 << 30, 64 << 30])
        #expect(host.cpu.l3Groups == 4 && host.cpu.l3?.bytes == 32 << 20)
        #expect(host.disks[0].iops == 500_000)
        #expect(host.workers[0].memory == .bound && host.workers[0].cores == .l3)
        #expect(host.workers[1].memory == .spread && host.workers[1].cores == .any)
        // Eight caches for four tasks: one each; for sixteen tasks, half of one.
        #expect(host.cacheBytes(sharedBy: 4) == 32 << 20 && host.cacheBytes(sharedBy: 16) == 16 << 20)
        let store = try #require(scenario.stores.first)
        #expect(store.perClient?.bytesPerSecond == 500e6)
        #expect(abs(store.transferBytesPerSecond - 8 * 8_388_608 / 0.04) < 1)
        #expect(store.requestBytesPerSecond == 3500 * 8_388_608)
        #expect(scenario.links.switches.first?.members == ["w"])
        #expect(scenario.diskBytes(.writes, of: .preCommit1) == 352 * 0x1p30)
        #expect(scenario.diskBytes(.writes, of: .preCommit2) == 70 * 0x1p30)
        #expect(scenario.diskBytes(.reads, of: .preCommit1) == 0)
        #expect(scenario.memoryTraffic(of: .preCommit2, on: host) == 1e12)
        let again = try Scenario.parse(text: scenario.normalized.json, fileName: "again.json")
        #expect(again == scenario)
    }

    @Test("a scenario that says nothing of it shares nothing, and has the values of before")
    func silent() throws {
        let scenario = try Scenario.parse(text: ScenarioMistakeTests.sound, fileName: "tiny.yaml")
        let host = try #require(scenario.hosts.first)
        #expect(host.memoryBandwidth == nil && host.hugepagesByNode.isEmpty && host.disks[0].iops == nil)
        #expect(scenario.stores[0].transferBytesPerSecond == .infinity)
        #expect(scenario.stores[0].requestBytesPerSecond == .infinity)
        #expect(try SimulatedCluster(scenario).report().notModelled.contains { $0.what == "contention" })
    }

    static let mistakes: [Mistake] = [
        Mistake("l3Groups: 4", "l3Groups: 3", "6:", "not divided evenly by 3 caches"),
        Mistake("l3Groups: 4, ", "", "6:", "say how many such caches"),
        Mistake("[192GiB, 64GiB]", "[192GiB]", "10:", "1 sizes for 2 NUMA nodes"),
        Mistake("[192GiB, 64GiB]", "[192GiB, 32GiB]", "10:", "224GiB together, and hugepages says 256GiB"),
        Mistake("[192GiB, 64GiB]", "192GiB", "10:", "expected a list of sizes"),
        Mistake("50GB/s", "50GB", "11:", "unknown unit \"GB\""),
        Mistake("memoryBandwidth", "memoryBandwith", "11:", "did you mean"),
        Mistake("iops: 500000", "iops: many", "13:", "not a whole number"),
        Mistake("memory: bound", "memory: node1", "15:", "unknown memory"),
        Mistake("cores: l3", "cores: l2", "15:", "unknown cores"),
        Mistake("[AP, P2, C2]", "[AP, P2, C2], memory: bound", "16:", "huge pages serve PreCommit1"),
        Mistake("[AP, P2, C2]", "[AP, P2, C2], cores: l3", "16:", "is for workers with PreCommit1"),
        Mistake("numaNodes: 2", "numaNodes: 8", "10:", "2 sizes for 8 NUMA nodes"),
        Mistake("latency: 40ms", "latency: 40", "19:", "no unit"),
        Mistake("requestSize: 8MiB, ", "", "19:", "say how much one request carries"),
        Mistake("streams: 8", "streams: 0", "19:", "out of range"),
        Mistake("members: [w]", "members: [v]", "22:", "no host group or store is called \"v\""),
        Mistake("members: [w]", "members: [w, w]", "22:", "hangs on a switch already"),
        Mistake(", backplane: 400Gbps, uplink: 100Gbps", "", "22:", "limits nothing"),
        Mistake(", iops: 500000", "", "26:", "of hosts with PreCommit2 slots says its iops"),
        Mistake(", requestSize: 1MiB", "", "13:", "no task gives its requestSize"),
        Mistake("memoryTraffic: 1TB", "memoryTraffic: computed", "26:", "no memoryTraffic by formula"),
        Mistake("memoryTraffic: 1TB", "memoryTraffic: 1Tbps", "26:", "unknown unit"),
        Mistake(
            "Commit2: 10m", "Commit2: {duration: 10m, requestSize: 4KiB}", "28:", "reads and writes nothing"),
        Mistake(
            "Commit2: 10m", "Commit2: 10m\n  WindowPoSt: {duration: 10m, writes: 4KiB}", "29:",
            "a proof writes nothing"),
        Mistake(
            "Commit2: 10m", "Commit2: 10m\n  WindowPoSt: {duration: 10m, reads: 4KiB}", "29:",
            "no host has WindowPoSt slots"),
        Mistake(
            "    memoryBandwidth: 50GB/s\n", "", "24:",
            "no host with PreCommit1 slots says its memoryBandwidth"),
    ]

    @Test("each mistake is named with its line", arguments: mistakes)
    func mistake(_ mistake: Mistake) throws {
        try mistake.expectNamed(in: Self.sound, fileName: "shared.yaml")
    }
}
