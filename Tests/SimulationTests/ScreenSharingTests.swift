// SPDX-License-Identifier: Apache-2.0
import Kernel
import Scheduler
import Sim
import Testing

/// Goal: where stages share a host's memory, disks, caches or processors the closed form is below what the
/// slots allow, and never below what a run reaches. Method: each is made scarce by itself, the form is held
/// against a calculation by hand, and a run against the form.
@Suite("The closed form of clusters whose stages share hardware")
struct ScreenSharingTests {
    /// A run's count is random: a few tasks more may end within it than the mean says.
    private static let noise = 1.01

    private func form(_ scenario: Scenario) throws -> Double {
        let screen = try ClusterScreen(scenario)
        return screen.sectorsPerHour(counts: scenario.hosts.map(\.count), factors: screen.unitFactors)
    }

    /// By slots alone: what the form was before.
    private func slots(_ scenario: Scenario) throws -> Double {
        let screen = try ClusterScreen(scenario)
        let shared = ["memory", "disk", "caches", "all processors"]
        let factors = screen.resources.map { resource in
            shared.contains { resource.name.hasPrefix($0) } ? 1e12 : 1.0
        }
        return screen.sectorsPerHour(counts: scenario.hosts.map(\.count), factors: factors)
    }

    private func run(_ scenario: Scenario, days: Double = 10, policy: String? = nil) throws -> Double {
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 3, policy: policy))
        cluster.run(until: Clusters.days(days))
        return try #require(cluster.report().sectorsPerHour)
    }

    /// One host that does everything.
    private func all(
        _ slots: String, size: String = "32GiB", memory: String = "300GiB", preCommit2: String = "10m"
    ) throws -> Scenario {
        try Scenario.parse(
            text: """
                name: all
                description: one host that does everything
                sectorSize: \(size)
                network: {base: mainnet, sectorSizes: [512MiB, 32GiB]}
                hosts:
                  - name: all
                    cpu: {sockets: 1, cores: 64}
                    memory: \(memory)
                    gpus: [{model: some, count: 2}]
                    disks: [{name: nvme, capacity: 30TB, read: 12GB/s, write: 8GB/s}]
                    nic: 100Gbps
                    workers: [{name: all, role: any, group: host, slots: {\(slots)}}]
                stores: [{name: shelf, kind: nfs, capacity: 40PB, read: 20GB/s, write: 10GB/s}]
                links: {bandwidth: 100Gbps}
                tasks:
                  AddPiece: {duration: 1s, source: a test}
                  PreCommit1: {duration: 1h, source: a test}
                  PreCommit2: {duration: \(preCommit2), source: a test}
                  Commit1: {duration: 1s, source: a test}
                  Commit2: {duration: 20m, source: a test}
                  Finalize: {duration: 1s, source: a test}
                workload:
                  pledge: {every: 4m, packingMax: 8, initialPerHost: 8}
                policy: oldest-local
                report: {warmUp: 1d, until: 10d}
                """, fileName: "all.yaml")
    }

    // 64 GiB for an hour, 15 for ten minutes, 150 for twenty, and 4 and 1 for a second each: 116.5 GiB hours
    // a sector (the table of the field), of 300 GiB. Three slots of PreCommit1 would do three an hour.
    @Test(
        "memory that PreCommit1 and Commit2 of one host share bounds both",
        arguments: ["oldest-local", "sealyard"])
    func memory(policy: String) throws {
        let scenario = try all(
            "AddPiece: 1, PreCommit1: 3, PreCommit2: 1, Commit1: 1, Commit2: 1, Finalize: 1")
        let (bound, before) = (try form(scenario), try slots(scenario))
        let sector: Double = 64 + 15.0 / 6 + 150.0 / 3 + 5.0 / 3600
        #expect(abs(bound / (300 / sector) - 1) < 1e-9 && abs(before - 3) < 1e-9)
        let reached = try run(scenario, policy: policy)
        #expect(reached <= bound * Self.noise && reached > bound * 0.4, "\(reached) of \(bound)")
    }

    @Test("a PreCommit2 that takes all processors of a host runs alone, however many slots there are")
    func processors() throws {
        var scenario = try all(
            "AddPiece: 1, PreCommit1: 9, PreCommit2: 3, Commit1: 1, Commit2: 4, Finalize: 1", size: "512MiB",
            preCommit2: "15m")
        // No more sectors than can be done before their tickets are too old.
        scenario.hosts[0].disks[0].maxSealing = 30
        let (bound, before) = (try form(scenario), try slots(scenario))
        #expect(abs(bound - 4) < 1e-9 && abs(before - 9) < 1e-9)
        let reached = try run(scenario)
        #expect(reached <= bound * Self.noise && reached > bound * 0.97, "\(reached) of \(bound)")
    }

    @Test("caches bound PreCommit1 that wants one for itself")
    func caches() throws {
        var scenario = try Clusters.oneHost()
        scenario.hosts[0].cpu.l3Groups = 5
        scenario.hosts[0].cpu.coresPerSocket = 30
        scenario.hosts[0].workers[0].cores = .l3
        let (bound, before) = (try form(scenario), try slots(scenario))
        #expect(abs(bound / (10 / 5.75) - 1) < 1e-9 && abs(before / (14 / 5.75) - 1) < 1e-9)
        let reached = try run(scenario)
        #expect(reached <= bound * 1.02 && reached > bound * 0.95, "\(reached) of \(bound)")
    }

    @Test("memory bandwidth bounds the shipped example as it bounds its run")
    func bandwidth() throws {
        let scenario = try Clusters.shipped("shared-hardware")
        let bound = try form(scenario)
        let traffic = scenario.memoryTraffic(of: .preCommit1, on: scenario.hosts[0])
        let before = try slots(scenario)
        #expect(abs(bound / (2 * 8.5e9 * 3600 / traffic) - 1) < 1e-9 && bound < 0.72 * before)
        let reached = try run(scenario)
        #expect(reached <= bound * Self.noise && reached > bound * 0.97, "\(reached) of \(bound)")
    }

    // 11 layers of 64 GiB by PreCommit1; by PreCommit2 8/7 of a sector, the replica and 1/448.
    @Test("what two stages write to the disks of a host adds up")
    func disks() throws {
        var scenario = try Clusters.oneHost()
        for index in scenario.tasks.indices
        where [.preCommit1, .preCommit2].contains(scenario.tasks[index].kind) {
            scenario.tasks[index].writes = .computed
        }
        // Enough slots that PreCommit2 keeps up with the part that it gets of the disks.
        scenario.hosts[0].workers[1].count = 4
        scenario.hosts[0].disks[0].write = Bandwidth(bitsPerSecond: 4_000_000_000)
        let bound = try form(scenario)
        let sector: Double = 64 * 0x1p30 * (11 + 8.0 / 7 + 1 + 1.0 / 448)
        #expect(abs(bound / (0.5e9 * 3600 / sector) - 1) < 1e-9)
        let reached = try run(scenario, days: 20)
        #expect(reached <= bound * 1.02 && reached > bound * 0.9, "\(reached) of \(bound)")
    }

    @Test("kinds that other hosts do as well are bounded over the hosts that do any of them")
    func cuts() throws {
        var scenario = try all(
            "AddPiece: 1, PreCommit1: 3, PreCommit2: 1, Commit1: 1, Commit2: 1, Finalize: 1")
        var prover = scenario.hosts[0]
        prover.name = "prover"
        prover.memory = ByteCount(bytes: 40 << 30)
        prover.disks = []
        prover.workers[0].slots.removeAll { $0.kind != .commit2 }
        scenario.hosts.append(prover)
        // 40 GiB are not enough for a proof, but an upper bound need not know: all that is done by 340 GiB.
        let sector: Double = 64 + 15.0 / 6 + 150.0 / 3 + 5.0 / 3600
        let all = try form(scenario)
        #expect(abs(all / (340 / sector) - 1) < 1e-9)
        // Without the prover it is the one host; without the host nobody seals.
        let screen = try ClusterScreen(scenario)
        let known = screen.form(screen.unitFactors)
        #expect(abs(known.sectorsPerHour([1, 0]) * sector - 300) < 1e-6)
        #expect(known.sectorsPerHour([0, 1]) == 0)
        // Many provers: what is done on the host itself is left, PreCommit1 by its slots.
        #expect(abs(known.sectorsPerHour([1, 9]) - 3) < 1e-9)
        let reached = try run(scenario)
        #expect(reached <= all * Self.noise)
    }

    @Test("faster tasks hold what they share for less time, and more slots do not")
    func speeds() throws {
        let scenario = try all(
            "AddPiece: 1, PreCommit1: 3, PreCommit2: 1, Commit1: 1, Commit2: 1, Finalize: 1")
        let screen = try ClusterScreen(scenario)
        let twice = screen.resources.map { $0.stage == nil ? 1.0 : 2 }
        let usual = try form(scenario)
        #expect(abs(screen.form(twice, speeds: twice).sectorsPerHour([1]) / usual - 2) < 1e-9)
        #expect(abs(screen.form(twice).sectorsPerHour([1]) / usual - 1) < 1e-9)
        let more = screen.tornado(counts: [1])
        #expect(more.first?.resource == "memory of hosts")
    }

    @Test("the form is above the run of every shipped scenario that seals on a few hosts")
    func shipped() throws {
        for name in ["reference-15x3h", "reference-1pib", "curio-node", "handbook-f01089422"] {
            let scenario = try Clusters.shipped(name)
            let (bound, reached) = (try form(scenario), try run(scenario, days: 8))
            #expect(reached <= bound * 1.02 && reached > 0, "\(name): \(reached) of \(bound)")
        }
    }
}
