// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

@Suite("Tasks contend for cores and GPUs where the scenario says so")
struct ContentionTests {
    /// One host of 16 cores with as many PreCommit1 slots, and durations without chance: only what the host
    /// says changes.
    private func report(_ sets: [String], days: Double = 4) throws -> SimulationReport {
        let base = [
            "hosts.sealer.workers.pc1.count=16", "hosts.sealer.cpu={sockets: 1, cores: 16}",
            "hosts.sealer.memory=8TiB", "hosts.sealer.disks.nvme.capacity=100TiB",
            "tasks.PreCommit2.duration=10m", "tasks.Commit2.duration=9m", "workload.tickets={}",
            "workload.pledge={every: 4m, packingMax: 4, initialPerHost: 24}", "report.warmUp=1d",
        ]
        let scenario = try Scenario.load(
            path: Clusters.folder.appendingPathComponent("reference-15x3h.yaml").path,
            overrides: (base + sets).map { ScenarioOverride($0) })
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 4))
        cluster.run(until: Clusters.days(days))
        let report = cluster.report()
        #expect(report.distrust == nil, "\(report.distrust?.description ?? "")")
        return report
    }

    private func p50(_ report: SimulationReport, _ name: String) throws -> Double {
        try #require(report.stages.first { $0.name == name }?.p50Seconds)
    }

    @Test("a host with enough cores runs as one that does not count them, trace and all but its own line")
    func enough() throws {
        let silent = try report(["hosts.sealer.cpu={sockets: 1, cores: 64}"])
        let counted = try report([
            "hosts.sealer.cpu={sockets: 1, cores: 64}", "hosts.sealer.contention=[cores]",
        ])
        #expect(silent.hardwareUses.isEmpty)
        #expect(silent.sectorsProving == counted.sectorsProving)
        #expect(try p50(silent, "PreCommit1") == p50(counted, "PreCommit1"))
        let cores = try #require(counted.hardwareUses.first { $0.what == "cores" && $0.group == "sealer" })
        // Sixteen threads of PreCommit1 on 64 cores, and a third as much of PreCommit2.
        #expect(abs(cores.utilization / (16.0 / 64 * 4 / 3) - 1) < 0.06, "\(cores.utilization)")
    }

    @Test("more threads than cores take longer, all alike, and seal what the core hours allow")
    func half() throws {
        let all = try report([])
        let few = try report(["hosts.sealer.cpu={sockets: 1, cores: 8}", "hosts.sealer.contention=[cores]"])
        // By hand: a sector takes 3 core hours of PreCommit1 and six times 10 min of PreCommit2.
        let rate = try #require(few.sectorsPerHour)
        #expect(abs(rate / (8 / 4.0) - 1) < 0.06, "\(rate)")
        let ratio = try p50(few, "PreCommit1") / p50(all, "PreCommit1")
        #expect(abs(ratio / (16 / rate / 3) - 1) < 0.06, "\(ratio)")
        // Six threads are slowed as much as one: with those of PreCommit1 22 are on eight cores, or 28.
        let trees = try p50(few, "PreCommit2") / p50(all, "PreCommit2")
        #expect(trees > 22 / 8.0 - 0.01 && trees < 28 / 8.0 + 0.01, "\(trees)")
        let limit = try #require(few.limits.first)
        #expect(limit.name == "cores" && limit.sectorsPerHour < 8 / 4.0, "\(limit)")
        #expect(limit.sectorsPerHour > 8 / 4.0 * 0.95 && limit.formula.hasPrefix("8 cores ÷ "), "\(limit)")
        #expect(few.bottleneck?.name == "cores", "\(few.bottleneck?.evidence ?? "")")
        #expect(
            try #require(few.hardwareUses.first { $0.what == "cores" && $0.group == "sealer" }).utilization
                > 0.95
        )
    }

    @Test(
        "a process on four CPUs is as fast as these, whatever is free beside them; a second thread is no core"
    )
    func lists() throws {
        let cpu = "hosts.sealer.cpu={sockets: 1, cores: 32, threadsPerCore: 2}"
        let free = try report([cpu, "hosts.sealer.contention=[cores]"])
        // Sixteen tasks on the cores 0 to 7.
        let bound = try report([cpu, "hosts.sealer.workers.pc1.cores=0-7"])
        let ratio = try p50(bound, "PreCommit1") / p50(free, "PreCommit1")
        #expect(abs(ratio - 2) < 0.01, "\(ratio)")
        // The other threads of the same cores add nothing; other cores do.
        let threads = try report([cpu, "hosts.sealer.workers.pc1.cores='0-7,32-39'"])
        #expect(try p50(threads, "PreCommit1") == p50(bound, "PreCommit1"))
        let more = try report([cpu, "hosts.sealer.workers.pc1.cores='0-15'"])
        #expect(try p50(more, "PreCommit1") == p50(free, "PreCommit1"))
        // PreCommit2 on the same eight cores waits with them; on cores of its own it does not.
        let beside = try report([
            cpu, "hosts.sealer.workers.pc1.cores=0-7", "hosts.sealer.workers.pc2.cores=0-7",
        ])
        #expect(try p50(beside, "PreCommit2") > 1.5 * p50(bound, "PreCommit2"))
    }

    @Test("two proofs on one card take twice as long as on two, and no more of them come out")
    func cards() throws {
        func commit2(_ cards: Int, slots: Int, _ more: String...) throws -> SimulationReport {
            try report(
                [
                    "hosts.prover.gpus=[{model: card, count: \(cards)}]", "hosts.prover.workers.c2.count=1",
                    "hosts.prover.workers.c2.slots={Commit2: \(slots)}", "tasks.Commit2.duration=30m",
                    "hosts.sealer.workers.pc1.count=32", "hosts.sealer.workers.pc2.count=4",
                    "hosts.sealer.cpu={sockets: 1, cores: 64}",
                ] + more)
        }
        let contends = "hosts.prover.contention=[gpus]"
        let believed = try commit2(1, slots: 2)
        let one = try commit2(1, slots: 2, contends)
        let two = try commit2(2, slots: 2, contends)
        #expect(try p50(two, "Commit2") == p50(believed, "Commit2"))
        let ratio = try p50(one, "Commit2") / p50(two, "Commit2")
        #expect(ratio > 1.95 && ratio <= 2.01, "\(ratio)")
        // One card proves two an hour, however many slots it has.
        let limit = try #require(one.limits.first)
        #expect(limit.name == "gpus" && abs(limit.sectorsPerHour - 2) < 0.01, "\(limit)")
        #expect(limit.formula == "1 cards ÷ 0.5 card hours")
        #expect(abs(try #require(one.sectorsPerHour) - 2) < 0.1)
        #expect(try #require(one.hardwareUses.first { $0.what == "gpus" }).utilization > 0.95)
        // More slots than cards: three on two cards.
        let three = try commit2(2, slots: 3, contends)
        #expect(abs(try #require(three.sectorsPerHour) - 4) < 0.2)
    }

    /// The first row of the table must come true on hosts that have what is lacking.
    private func check(
        _ poor: SimulationReport, _ rich: SimulationReport, _ name: String,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let first = try #require(poor.whatIfs.first, sourceLocation: location)
        let told = try #require(poor.tebibytesPerDay, sourceLocation: location)
        let gained = try #require(rich.tebibytesPerDay, sourceLocation: location) - told
        #expect(first.name == name && first.gain > 0, "\(poor.limits)", sourceLocation: location)
        #expect(abs(first.gain / gained - 1) < 0.05, "\(first.gain) \(gained)", sourceLocation: location)
        #expect(rich.whatIfs.first?.name == first.next, "\(rich.limits)", sourceLocation: location)
        #expect(poor.text.contains(name), sourceLocation: location)
    }

    @Test("where workers lack cores, the table says first what more would bring, and more bring that")
    func coresWithoutEnd() throws {
        let shared = "hosts.sealer.contention=[cores]"
        let many = try report(["hosts.sealer.cpu={sockets: 1, cores: 64}", shared])
        #expect(!many.limits.contains { $0.name == "cores" }, "all slots have cores")
        try check(report(["hosts.sealer.cpu={sockets: 1, cores: 8}", shared]), many, "cores")
    }

    @Test("cores that others may not use count for those of the list alone")
    func listedCoresWithoutEnd() throws {
        let cpu = "hosts.sealer.cpu={sockets: 1, cores: 64}"
        let bound = try report([cpu, "hosts.sealer.workers.pc1.cores=0-7"])
        let limit = try #require(bound.limits.first)
        #expect(limit.name == "cores" && abs(limit.sectorsPerHour - 8 / 3.0) < 1e-6, "\(limit)")
        #expect(limit.formula.contains(" of 64 cores ÷ "), "\(limit)")
        try check(bound, report([cpu, "hosts.sealer.workers.pc1.cores=0-15"]), "cores")
    }

    @Test("of two workers on one card the table says what a card for each would bring, and it does")
    func cardsWithoutEnd() throws {
        func provers(_ sets: String...) throws -> SimulationReport {
            try report(
                [
                    "hosts.prover.workers.c2.count=2", "tasks.Commit2.duration=30m",
                    "hosts.sealer.workers.pc1.count=32", "hosts.sealer.workers.pc2.count=4",
                    "hosts.sealer.cpu={sockets: 1, cores: 64}",
                ] + sets)
        }
        let contends = "hosts.prover.contention=[gpus]"
        let one = try provers("hosts.prover.gpus=[{model: card, count: 1}]", contends)
        let two = try provers("hosts.prover.gpus=[{model: card, count: 2}]", contends)
        try check(one, two, "gpus")
        // Two cards of which both workers name the same are one.
        let crowded = try provers("hosts.prover.workers.c2.gpus=1")
        #expect(crowded.limits.first?.formula == "1 of 2 cards ÷ 0.5 card hours", "\(crowded.limits)")
        try check(crowded, two, "gpus")
        #expect(crowded.sectorsPerHour == one.sectorsPerHour)
        #expect(abs(try #require(crowded.hardwareUses.first { $0.what == "gpus" }).utilization - 0.5) < 0.02)
        let apart = try provers("hosts.prover.workers.c2.gpus=[1, 0]")
        #expect(apart.sectorsPerHour == two.sectorsPerHour)
    }

    @Test("workers on the same CPUs get no more tasks at once than these take, as real ones that are bound")
    func account() throws {
        let cpu = "hosts.sealer.cpu={sockets: 1, cores: 32, threadsPerCore: 1}"
        let lists = ["pc1", "pc2", "apx"].map { "hosts.sealer.workers.\($0).cores=0-7" }
        let free = try report([cpu])
        let bound = try report([cpu] + lists)
        // Sixteen at half the speed it would be if each slot were filled.
        let ratio = try p50(bound, "PreCommit1") / p50(free, "PreCommit1")
        #expect(ratio < 1.5, "\(ratio)")
        let busy = try #require(bound.stages.first { $0.name == "PreCommit1" }?.utilization)
        #expect(busy < 0.55, "\(busy)")
    }

    @Test(
        "a host that is believed to have more than it says is named; one that contends or has enough is not"
    )
    func believed() throws {
        func notes(_ sets: String...) throws -> [String] {
            try report(sets, days: 1.2).notModelled.filter { $0.what == "contention of sealer" }.map(\.reason)
        }
        // Sixteen threads of PreCommit1, six of each of two PreCommit2, and some more.
        let cores = try #require(try notes("hosts.sealer.cpu={sockets: 1, cores: 16}").first)
        #expect(cores.contains(" cores at once and it has 16;"), "\(cores)")
        #expect(try notes("hosts.sealer.cpu={sockets: 1, cores: 64}") == [])
        #expect(try notes("hosts.sealer.contention=[cores]") == [])
        let enough = "hosts.sealer.cpu={sockets: 1, cores: 64}"
        let cards = try notes(enough, "hosts.sealer.gpus=[{model: card, count: 1}]")
        #expect(cards.count == 1 && cards[0].contains("want 2 gpus at once and it has 1"), "\(cards)")
        #expect(try notes(enough, "hosts.sealer.gpus=[{model: card, count: 2}]") == [])
    }

    @Test("the optimizer's form counts cores and cards as the runs do, and rules out nothing that runs reach")
    func form() throws {
        let scenario = try Scenario.load(
            path: Clusters.folder.appendingPathComponent("reference-15x3h.yaml").path,
            overrides: [
                "hosts.sealer.cpu={sockets: 1, cores: 8}", "hosts.sealer.contention=[cores]",
                "hosts.sealer.memory=8TiB", "tasks.PreCommit2.duration=10m",
            ].map { ScenarioOverride($0) })
        let screen = try ClusterScreen(scenario)
        let counts = scenario.hosts.map(\.count)
        let rate = screen.sectorsPerHour(counts: counts, factors: screen.unitFactors)
        // Eight cores for what a sector takes: 3 h of PreCommit1, and the rest of its way on the same host.
        #expect(rate < 8 / 3.5 && rate > 8 / 4.0 * 0.95, "\(rate)")
        let run = try report(["hosts.sealer.cpu={sockets: 1, cores: 8}", "hosts.sealer.contention=[cores]"])
        #expect(try #require(run.sectorsPerHour) <= rate * 1.03)
    }
}
