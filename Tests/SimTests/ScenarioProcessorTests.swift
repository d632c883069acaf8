// SPDX-License-Identifier: Apache-2.0
import Sim
import Testing

@Suite("CPU lists and contention in scenario files")
struct ScenarioProcessorTests {
    /// Two sockets of eight cores with two threads each: CPUs 0 to 31, of which n and n + 16 are one core.
    static let sound = """
        name: pinned
        sectorSize: 32GiB
        hosts:
          - name: w
            cpu: {sockets: 2, cores: 8, threadsPerCore: 2}
            memory: 512GiB
            contention: [cores, gpus]
            gpus: [{model: card, count: 2}]
            disks:
              - {name: ssd, capacity: 10TB, read: 2GB/s, write: 1GB/s}
            workers:
              - {name: p1, role: P1, count: 4, group: host, cores: [0-1, 2-3, "4,5", "6-7"]}
              - name: p2
                role: P2
                count: 2
                group: host
                cores: 8-15,24-31
              - {name: rest, role: [AP, C2], group: host}
        stores:
          - {name: far, capacity: 1PB, read: 1GB/s, write: 1GB/s}
        tasks:
          AddPiece: 1s
          PreCommit1: 3h
          PreCommit2: 10m
          Commit1: 1s
          Commit2: 10m
          Finalize: {duration: 1s, transfer: 32GiB}
        workload:
          pledge: {every: 4m, packingMax: 4}
        """

    @Test("lists are read as processors, stand for cores, and read back from the normalized form")
    func reading() throws {
        let scenario = try Scenario.parse(text: Self.sound, fileName: "pinned.yaml")
        let host = try #require(scenario.hosts.first)
        #expect(host.contention == [.cores, .gpus] && host.contendsForCores && host.contendsForCards)
        #expect(host.cpu.cpuCount == 32 && host.cpu.coreCount == 16)
        #expect(host.workers[0].cpuLists.map(\.description) == ["0-1", "2-3", "4-5", "6-7"])
        #expect(host.cores(of: host.workers[0], instance: 2) == [4, 5])
        // Sixteen CPUs that are the two threads of eight cores.
        #expect(host.workers[1].cpuLists.map(\.numbers.count) == [16])
        #expect(host.cores(of: host.workers[1], instance: 1) == Array(8..<16))
        #expect(host.cores(of: host.workers[2], instance: 0) == Array(0..<16))
        #expect(host.workers[2].cpuLists.isEmpty && host.workers[2].cores == .any)
        let again = try Scenario.parse(text: scenario.normalized.json, fileName: "again.json")
        #expect(again == scenario)
        // Who gives a list contends for cores, whether or not the host says so.
        let silent = try Scenario.parse(
            text: Self.sound.replacing("    contention: [cores, gpus]\n", with: ""), fileName: "silent.yaml")
        #expect(silent.hosts[0].contendsForCores && !silent.hosts[0].contendsForCards)
        #expect(try #require(try ShippedScenarios.load("handbook-f0494733").hosts.first).contention.isEmpty)
    }

    @Test(
        "a list is written as the system writes it",
        arguments: [
            ("0", "0"), ("3-3", "3"), ("0-15,32-47", "0-15,32-47"), ("5,1,2,3", "1-3,5"), ("0,2,4", "0,2,4"),
        ])
    func lists(text: String, written: String) throws {
        #expect(try CPUList(text).description == written)
    }

    static let mistakes: [Mistake] = [
        Mistake(
            "8-15,24-31", "8-15,24-32", "17:", "no CPU 32: 2 sockets × 8 cores × 2 threads are CPUs 0 to 31"),
        Mistake("8-15,24-31", "15-8", "17:", "the range 15-8 runs backward; write 8-15"),
        Mistake("8-15,24-31", "8-15,", "17:", "no CPU and no range"),
        Mistake("8-15,24-31", "8-15,x", "17:", "\"x\" is no CPU"),
        Mistake("8-15,24-31", "8--15", "17:", "no CPU and no range"),
        Mistake("8-15,24-31", "8-15,9", "17:", "CPU 9 stands twice"),
        Mistake("8-15,24-31", "99999999999999999999", "17:", "no CPU and no range"),
        Mistake("8-15,24-31", "socket1", "17:", "unknown cores \"socket1\""),
        Mistake("8-15,24-31", "{}", "17:", "expected a list of lists of CPUs"),
        Mistake("8-15,24-31", "1-8", "17:", "1-8 has some cores of p1's 0-1 and not all"),
        Mistake("[0-1, 2-3, \"4,5\", \"6-7\"]", "[0-1, 2-3]", "12:", "2 lists for 4 processes"),
        Mistake("2-3, \"4,5\"", "2-33, \"4,5\"", "12:66", "no CPU 33"),
        Mistake("[cores, gpus]", "[cores, disks]", "7:", "unknown contention \"disks\""),
        Mistake("[cores, gpus]", "cores", "7:", "expected a list of words"),
        Mistake("[cores, gpus]", "[gpus, gpus]", "7:", "gpus stands twice"),
        Mistake("    gpus: [{model: card, count: 2}]\n", "", "7:", "no gpus to contend for"),
        Mistake(
            "    cpu: {sockets: 2, cores: 8, threadsPerCore: 2}\n", "", "6:", "say how many cores a host"),
    ]

    @Test("each mistake is named with its place", arguments: mistakes)
    func mistake(_ mistake: Mistake) throws {
        try mistake.expectNamed(in: Self.sound, fileName: "pinned.yaml")
    }
}
