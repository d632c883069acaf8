// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// Eight sectors of 2 KiB make four partitions in four deadlines, one after the other.
@Suite("Deadlines of a cluster in which things break")
struct PoStClusterTests {
    /// Runs until all sectors are proving, and a little.
    private func sealed(_ cluster: PoStCluster) throws -> [DeadlineTimes] {
        var seconds: Int64 = 400
        repeat {
            cluster.run(toEpoch: PoStCluster.age + seconds)
            seconds += 20
        } while seconds < 2000 && !cluster.states.values.allSatisfy { $0 == .proving }
        #expect(cluster.states.values.allSatisfy { $0 == .proving } && cluster.states.count == 8)
        let deadlines = try cluster.deadlines(after: cluster.epoch)
        try #require(deadlines.count == 4)
        return deadlines
    }

    private func expectAllProven(_ cluster: PoStCluster, _ deadlines: [DeadlineTimes]) throws {
        let landings = try cluster.landings()
        #expect(landings.map(\.open) == deadlines.map(\.open), "each once, and nothing twice")
        for (landing, times) in zip(landings, deadlines) {
            #expect(times.isOpen(at: landing.epoch))
        }
        #expect(try cluster.chain().provingStatus(of: 1000, head: cluster.epoch).faultyCount == 0)
    }

    @Test(
        "every partition is proven once a day, with any policy",
        arguments: PolicyCatalog.names.filter { $0 != "external" })
    func goodDays(policy: String) throws {
        let cluster = try PoStCluster(policy: policy)
        let first = try sealed(cluster)
        cluster.run(toEpoch: first[3].close + 2)
        let second = try cluster.deadlines(after: cluster.epoch)
        cluster.run(toEpoch: second[3].close + 2)
        try expectAllProven(cluster, first + second)
        #expect(cluster.witness.reports.count == 8)
        #expect(cluster.witness.reports.allSatisfy { $0.missed.isEmpty && $0.skipped.isEmpty })
        #expect(cluster.states.values.allSatisfy { $0 == .proving })
    }

    @Test("a worker that dies with a proof: another proves the partition in time")
    func workerDies() throws {
        let cluster = try PoStCluster()
        let deadlines = try sealed(cluster)
        cluster.runner.proofSeconds = 25
        cluster.run(toEpoch: deadlines[0].challenge + 6)
        let worker = try #require(cluster.runner.proofs.last?.worker)
        cluster.world.kill(try cluster.node(worker))
        cluster.run(toEpoch: deadlines[0].close + 2)
        #expect(Set(cluster.runner.proofs.map(\.worker)).count == 2)
        #expect(cluster.witness.reports.map(\.provenCount) == [1])
        #expect(cluster.witness.reports[0].steps.contains { $0.what.contains("infrastructureLost") })
        try expectAllProven(cluster, [deadlines[0]])
    }

    @Test("a sector that cannot be read is skipped, faulty, and proven again when it reads")
    func unreadable() throws {
        let cluster = try PoStCluster()
        let deadlines = try sealed(cluster)
        let sector = try #require(
            try cluster.chain().deadlineStatus(of: 1000, deadline: deadlines[0].index, head: cluster.epoch)
                .partitions[0].live.numbers.first)
        // It breaks after the cutoff: only the proof finds it.
        cluster.run(toEpoch: deadlines[0].cutoff + 5)
        cluster.runner.unreadable = [sector]
        cluster.run(toEpoch: deadlines[0].open + 3)
        #expect(cluster.states[sector] == .faulty)
        cluster.run(toEpoch: deadlines[0].close + 3)
        #expect(cluster.witness.reports[0].skipped == [sector])
        #expect(cluster.witness.reports[0].missed.isEmpty)
        #expect(cluster.states[sector] == .faultReported)
        #expect(cluster.states.values.filter { $0 == .proving }.count == 7)
        // It reads again: declared ahead of the next cutoff, and proven.
        cluster.runner.unreadable = []
        cluster.run(toEpoch: deadlines[0].cutoff + 2880)
        let status = try cluster.chain().deadlineStatus(
            of: 1000, deadline: deadlines[0].index, head: cluster.epoch)
        #expect(status.partitions[0].recovering == [sector])
        #expect(cluster.states[sector] == .faultReported)
        cluster.run(toEpoch: deadlines[0].close + 2880 + 3)
        #expect(cluster.states[sector] == .proving)
        #expect(try cluster.chain().provingStatus(of: 1000, head: cluster.epoch).faultyCount == 0)
    }

    @Test("a sector that cannot be read ahead of the cutoff is declared, and not asked for in the proof")
    func declared() throws {
        let cluster = try PoStCluster()
        let deadlines = try sealed(cluster)
        let live = try cluster.chain().deadlineStatus(
            of: 1000, deadline: deadlines[1].index, head: cluster.epoch
        ).partitions[0].live.numbers
        cluster.runner.unreadable = [live[1]]
        cluster.run(toEpoch: deadlines[1].cutoff)
        let status = try cluster.chain().deadlineStatus(
            of: 1000, deadline: deadlines[1].index, head: cluster.epoch)
        #expect(status.partitions[0].faulty == [live[1]])
        cluster.run(toEpoch: deadlines[1].close + 3)
        #expect(cluster.states[live[1]] == .faultReported)
        let asked = cluster.runner.proofs.compactMap { proof -> [UInt64]? in
            guard case .windowPoSt(let challenge) = proof.request.work,
                challenge.deadline == deadlines[1].index
            else { return nil }
            return challenge.sectors
        }
        #expect(asked == [[live[0]]])
        #expect(cluster.witness.reports.allSatisfy { $0.missed.isEmpty })
    }

    @Test(
        "whenever the miner is killed, nothing is sent twice and nothing is missed that can be met",
        arguments: stride(from: -75, through: 70, by: 6).map { Int64($0) })
    func minerKilled(offset: Int64) throws {
        let cluster = try PoStCluster(seed: UInt64(bitPattern: offset &+ 100))
        let deadlines = try sealed(cluster)
        cluster.run(toEpoch: deadlines[0].open + offset)
        cluster.world.kill(cluster.miner)
        cluster.run(toEpoch: deadlines[0].open + offset + 8)
        try cluster.world.restart(cluster.miner)
        cluster.run(toEpoch: deadlines[3].close + 3)
        // At 50 or more after the opening the proof has long landed; before, there is time to begin anew.
        try expectAllProven(cluster, deadlines)
        let proofs = cluster.runner.proofs.map(\.request.id.sector)
        #expect(Set(proofs).count == 4)
        #expect(cluster.states.values.allSatisfy { $0 == .proving })
    }

    @Test(
        "a chain node that is away for a while is waited for",
        arguments: [(-25, 20), (-10, 30), (0, 30), (5, 40), (-60, 80)] as [(Int64, Int64)])
    func chainAway(from: Int64, length: Int64) throws {
        let cluster = try PoStCluster()
        let deadlines = try sealed(cluster)
        cluster.run(toEpoch: deadlines[0].open + from)
        let chain = try cluster.node("chain")
        cluster.world.kill(chain)
        cluster.run(toEpoch: deadlines[0].open + from + length)
        try cluster.world.restart(chain)
        cluster.run(toEpoch: deadlines[3].close + 3)
        try expectAllProven(cluster, deadlines)
        #expect(cluster.witness.reports.allSatisfy { $0.missed.isEmpty })
    }

    @Test("a chain that is out of sync past the close: the deadline is missed, and the words say why")
    func chainOutOfSync() throws {
        let cluster = try PoStCluster()
        let deadlines = try sealed(cluster)
        cluster.run(toEpoch: deadlines[0].challenge - 2)
        let chain = try cluster.node("chain")
        cluster.world.kill(chain)
        cluster.run(toEpoch: deadlines[0].close + 10)
        try cluster.world.restart(chain)
        cluster.run(toEpoch: deadlines[0].close + 20)
        let report = try #require(cluster.witness.reports.first)
        #expect(report.missed == [0])
        #expect(report.explanation?.contains("the chain gave no challenge: asked since epoch") == true)
        #expect(cluster.states.values.filter { $0 == .faultReported }.count == 2)
    }

    @Test("without any worker a deadline is missed and explained, its sectors recover on the next day")
    func noWorkers() throws {
        let cluster = try PoStCluster()
        let deadlines = try sealed(cluster)
        cluster.run(toEpoch: deadlines[0].cutoff + 5)
        for name in ["post0", "post1"] { cluster.world.kill(try cluster.node(name)) }
        cluster.run(toEpoch: deadlines[0].close + 3)
        let report = try #require(cluster.witness.reports.first)
        #expect(report.missed == [0] && report.provenCount == 0)
        let explanation = report.explanation ?? ""
        #expect(
            explanation.hasPrefix(
                "deadline \(deadlines[0].index) (open from epoch \(deadlines[0].open) to "
                    + "\(deadlines[0].close)) missed 1 of 1 partitions\npartition 0, 2 sectors, 1 tries: "
                    + "no worker took it: it waited from"))
        #expect(explanation.contains("the challenge is known: 1 partitions, 2 sectors"))
        #expect(cluster.states.values.filter { $0 == .faultReported }.count == 2)
        for name in ["post0", "post1"] { try cluster.world.restart(cluster.node(name)) }
        cluster.run(toEpoch: deadlines[0].close + 2880 + 3)
        #expect(cluster.states.values.allSatisfy { $0 == .proving })
        #expect(cluster.witness.reports.filter { !$0.missed.isEmpty }.count == 1)
    }

    @Test("sectors that stay faulty for 42 days are given up")
    func givenUp() throws {
        let cluster = try PoStCluster(encodes: false)
        let deadlines = try sealed(cluster)
        let sector = try #require(
            try cluster.chain().deadlineStatus(of: 1000, deadline: deadlines[0].index, head: cluster.epoch)
                .partitions[0].live.numbers.first)
        cluster.runner.unreadable = [sector]
        cluster.run(toEpoch: deadlines[3].close + 43 * 2880)
        #expect(cluster.states[sector] == .faultedFinal)
        #expect(cluster.states.values.filter { $0 == .proving }.count == 7)
        #expect(cluster.witness.reports.allSatisfy { $0.missed.isEmpty })
    }

    @Test("sectors whose time is over are proven no more; one that is faulty then is given up")
    func timeIsOver() throws {
        let cluster = try PoStCluster(encodes: false, lifetimeEpochs: 32 * 2880)
        let deadlines = try sealed(cluster)
        let sectors = SectorNumbers(cluster.states.keys.sorted())
        let sector = try #require(
            try cluster.chain().deadlineStatus(of: 1000, deadline: deadlines[0].index, head: cluster.epoch)
                .partitions[0].live.numbers.first)
        cluster.runner.unreadable = [sector]
        cluster.run(toEpoch: deadlines[3].close + 33 * 2880)
        let chain = try cluster.chain()
        var ended = SectorNumbers()
        for times in deadlines {
            for partition in try chain.deadlineStatus(of: 1000, deadline: times.index, head: cluster.epoch)
                .partitions
            {
                #expect(partition.live.isEmpty && partition.expired.isEmpty)
                ended = ended.union(partition.ended)
            }
        }
        #expect(ended == sectors)
        #expect(chain.charges.terminations.isEmpty)
        #expect(cluster.states[sector] == .faultedFinal)
        #expect(cluster.states.values.filter { $0 == .proving }.count == 7)
        #expect(cluster.witness.reports.allSatisfy { $0.missed.isEmpty })
        // Nothing is left to prove, so nothing is.
        let landings = try cluster.landings().count
        cluster.run(toEpoch: cluster.epoch + 2 * 2880)
        #expect(try cluster.landings().count == landings && landings > 4 * 30)
    }

    @Test(
        "proofs start before every sealing task that waits, with any policy",
        arguments: PolicyCatalog.names.filter { $0 != "external" })
    func ahead(policy: String) throws {
        let cluster = try PoStCluster(provers: 0, policy: policy)
        _ = try sealed(cluster)
        // One worker whose host does one thing at a time, and a queue of sealing tasks before it.
        let scheduler = cluster.world.ref(
            at: Address(node: "miner", name: MinerAssembly.schedulerName), as: SchedulerMessage.self)
        cluster.world.kill(try cluster.node("seal"))
        let nobody = cluster.world.ref(at: Address(node: "seal", name: "nobody"), as: TaskEvent.self)
        let deadlines = try cluster.deadlines(after: cluster.epoch + 80)
        cluster.run(toEpoch: deadlines[0].challenge - 10)
        for number in 100..<140 as Range<UInt64> {
            let id = TaskID(sector: SectorKey(miner: 1000, number: number), type: .commit2, attempt: 1)
            scheduler.tell(
                .submit(TaskRequest(id: id, proof: 5, work: .commit2), host: nil, replyTo: nobody))
        }
        cluster.run(toEpoch: deadlines[0].challenge + 5)
        let before = cluster.runner.started.count
        try cluster.addWorker(
            "mixed", [.init(.windowPoSt, 1), .init(.commit2, 40)], store: false, cluster.runner)
        cluster.run(toEpoch: deadlines[0].challenge + 30)
        let started = cluster.runner.started[before...].map(\.request.id.type)
        #expect(started.first == .windowPoSt)
        #expect(started.count > 1)
    }
}
