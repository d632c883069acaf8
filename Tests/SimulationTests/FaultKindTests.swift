// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Kernel
import Scheduler
import Sim
import Testing

/// What a run shows of its faults.
private struct FaultRun {
    var end = Instant.zero
    var started: [String: Int] = [:]
    var failed: [String: Int] = [:]
    var lost = 0
    var crossings = 0
    var refused = 0
    var preCommitted = 0
    /// At five minutes: the chain's epoch and its base fee.
    var head: Int64 = 0
    var baseFee: UInt64 = 0
    var findings: [Finding] = []
    var failedCount = 0

    init(_ faults: [Scenario.Fault], seed: UInt64 = 1) throws {
        var scenario = try Clusters.devnet(sectorCount: 12)
        // Messages go out at once, so that the chain's faults meet some.
        scenario.miner.batchPreCommits = false
        let cluster = try SimulatedCluster(
            scenario,
            options: .init(seed: seed, encodesNetworkMessages: true, checksInvariants: true))
        for fault in faults { cluster.apply(fault) }
        cluster.run(until: Instant(seconds: 300))
        let address = Address(node: SimulatedCluster.chainNode, name: MinerAssembly.chainName)
        let chain = cluster.world.ref(at: address, as: ChainMessage.self)
        // A chain that is down answers nobody.
        if cluster.world.node(SimulatedCluster.chainNode)?.isUp == true {
            let fee: ChainEvent = try cluster.world.ask(chain) { .baseFee(replyTo: $0) }
            if case .baseFee(let unit, let epoch) = fee { (baseFee, head) = (unit, epoch) }
        }
        while cluster.world.now < Clusters.days(1), cluster.provenCount + cluster.failedCount < 12 {
            cluster.run(until: cluster.world.now + .seconds(1))
        }
        end = cluster.world.now
        cluster.run(until: max(cluster.world.now, Instant(seconds: 1_800)) + .seconds(900))
        for stage in cluster.report().stages {
            started[stage.name] = stage.started
            failed[stage.name] = stage.failed
        }
        lost = cluster.world.statistics.lost
        crossings = cluster.world.statistics.crossings
        refused = cluster.world.metrics.value("chain.refused")
        preCommitted = cluster.world.metrics.value("chain.preCommitted")
        failedCount = cluster.failedCount
        findings = ClusterAudit.findings(of: cluster, expected: 12)
    }

    func startedMore(_ kind: String, than other: FaultRun) -> Bool {
        (started[kind] ?? 0) > (other.started[kind] ?? 0)
    }

    func failedMore(_ kind: String, than other: FaultRun) -> Bool {
        (failed[kind] ?? 0) > (other.failed[kind] ?? 0)
    }
}

@Suite("Every kind of fault does what it says, and the cluster gets over it")
struct FaultKindTests {
    private static let host = Scenario.Fault.Target.host(group: "worker", index: 0)
    private static let group = Scenario.Fault.Target.group("worker")
    private static let process = Scenario.Fault.Target.worker(
        group: "worker", index: 0, worker: "worker", instance: 0)
    private static let store = Scenario.Fault.Target.store("disk")

    /// A fault of the kind that hits a devnet on which twelve sectors have just begun.
    private func fault(_ kind: Scenario.Fault.Kind) -> Scenario.Fault {
        func make(
            _ at: Int, _ target: Scenario.Fault.Target, _ seconds: Int?, factor: Double? = nil,
            share: Double? = nil, by: Int? = nil
        ) -> Scenario.Fault {
            Scenario.Fault(
                kind, at: .seconds(at), target: target, duration: seconds.map { .seconds($0) },
                factor: factor, share: share, by: by.map { .seconds($0) })
        }
        return switch kind {
        // The policy puts all sectors on one host, whose number depends on the seed.
        case .workerKilled: make(20, Self.group, 30)
        case .workerPaused, .hostDown, .gpuLost, .hostReboot: make(20, Self.group, 120)
        case .hostSlow: make(20, Self.group, 600, factor: 10)
        case .memoryError, .outOfMemory: make(20, Self.group, nil)
        case .rollingUpgrade: make(20, Self.group, 5)
        case .taskFailures: make(0, Self.group, 240, share: 0.5)
        case .diskLost: make(100, Self.group, 60)
        case .diskFull: make(0, Self.group, 60)
        case .diskSlow: make(0, Self.group, 300, factor: 50)
        case .fileCorrupt: make(20, Self.group, nil)
        case .storeDown, .storeUnmounted, .storeFull: make(60, Self.store, 600)
        case .storeSlow: make(60, Self.store, 600, factor: 1_000_000)
        case .partition, .inboundCut, .outboundCut: make(20, Self.host, 120)
        case .nicFlapping: make(20, Self.host, 400, by: 40)
        case .networkSlow: make(20, .chain, 600, factor: 100_000)
        case .packetLoss: make(0, Self.group, 400, share: 0.3)
        case .messagesDuplicated: make(0, Self.group, 600, share: 0.5)
        case .messagesLate: make(0, .miner, 600, by: 20)
        case .chainDown: make(60, .chain, 400)
        case .chainOutOfSync: make(60, .chain, 600)
        case .chainReorg: make(80, .chain, nil)
        case .mempoolFull: make(30, .chain, 400)
        case .baseFeeSpike: make(30, .chain, 600, factor: 7)
        case .minerKilled: make(60, .miner, 20)
        case .clockSkew: make(30, .chain, 600, by: 1_000)
        }
    }

    private func isSeen(_ kind: Scenario.Fault.Kind, _ hit: FaultRun, _ calm: FaultRun) -> Bool {
        switch kind {
        case .workerKilled, .hostDown, .hostReboot, .gpuLost, .memoryError, .outOfMemory, .rollingUpgrade:
            hit.startedMore("PreCommit1", than: calm)
        case .workerPaused, .hostSlow, .diskSlow, .storeDown, .storeSlow, .networkSlow, .messagesLate,
            .minerKilled:
            hit.end > calm.end
        case .taskFailures: hit.failedMore("PreCommit1", than: calm)
        case .diskFull: hit.failedMore("AddPiece", than: calm)
        case .diskLost, .fileCorrupt: hit.startedMore("AddPiece", than: calm)
        case .storeUnmounted, .storeFull: hit.failedMore("Finalize", than: calm)
        case .partition, .inboundCut, .outboundCut, .nicFlapping, .packetLoss: hit.lost > calm.lost
        case .messagesDuplicated: hit.crossings > calm.crossings
        case .chainDown: hit.head == 0 && hit.end > calm.end
        case .chainOutOfSync: hit.head < calm.head && hit.end > calm.end
        case .chainReorg: hit.preCommitted > calm.preCommitted
        case .mempoolFull: hit.refused > calm.refused
        case .baseFeeSpike: hit.baseFee == 7 * calm.baseFee
        case .clockSkew: hit.head == calm.head + 250
        }
    }

    @Test("a fault is seen, and all sectors end well", arguments: Scenario.Fault.Kind.allCases)
    func kind(_ kind: Scenario.Fault.Kind) throws {
        let calm = try FaultRun([])
        let hit = try FaultRun([fault(kind)])
        #expect(isSeen(kind, hit, calm), "\(hit)\n\(calm)")
        #expect(hit.findings == [])
        if kind != .taskFailures { #expect(hit.failedCount == 0) }
    }

    @Test("a fault with a rhythm comes again and again, for each host at its own times")
    func rhythm() throws {
        let mean = Scenario.Fault.Rhythm(between: .seconds(200), repair: .seconds(20))
        let often = Scenario.Fault(.workerKilled, at: .zero, target: Self.group, rhythm: mean)
        let scenario = try Clusters.devnet(sectorCount: 60)
        func repeats(
            _ faults: [Scenario.Fault], until end: Double
        ) throws -> (more: Int, report: SimulationReport) {
            let cluster = try SimulatedCluster(scenario, options: .init(seed: 3))
            for fault in faults { cluster.apply(fault) }
            cluster.run(until: Clusters.days(end))
            let report = cluster.report()
            let stage = report.stages.first { $0.name == "PreCommit1" }
            return ((stage?.started ?? 0) - (stage?.finished ?? 0), report)
        }
        let calm = try repeats([], until: 0.25)
        let hit = try repeats([often], until: 0.25)
        #expect(hit.more > calm.more + 10)
        #expect(try repeats([often], until: 0.25).report == hit.report)
    }

    /// One host with two processes, whose sectors are moved to the store within seconds each.
    private func twoProcesses() throws -> Scenario {
        var scenario = try Clusters.devnet(sectorCount: 24)
        scenario.hosts[0].count = 1
        scenario.hosts[0].workers[0].count = 2
        scenario.workload.pledge.initialPerHost = 12
        for index in scenario.tasks.indices where scenario.tasks[index].kind == .finalize {
            scenario.tasks[index].transfer = ByteCount(bytes: 1 << 28)
        }
        return scenario
    }

    @Test(
        "a process whose network is slow or cut off takes nothing from the card of the others",
        arguments: [Scenario.Fault.Kind.networkSlow, .partition])
    func oneProcess(kind: Scenario.Fault.Kind) throws {
        func proven(_ target: Scenario.Fault.Target?) throws -> Int {
            let cluster = try SimulatedCluster(twoProcesses(), options: .init(seed: 2))
            if let target { cluster.apply(.init(kind, at: .seconds(1), target: target, factor: 1_000_000)) }
            cluster.run(until: Clusters.days(0.1))
            return cluster.provenCount
        }
        let all = try proven(nil)
        #expect(all > 12)
        #expect(try proven(Self.host) == 0)
        // The other one goes on.
        #expect(try proven(Self.process) > 0)
    }

    @Test(
        "a transfer of a process whose network is slow gets its part of the card, and what it had afterwards")
    func slowTransfer() throws {
        func end(_ factor: Double?) throws -> Double {
            var scenario = try twoProcesses()
            scenario.hosts[0].workers[0].count = 1
            scenario.workload.sectorsMax = 1
            let cluster = try SimulatedCluster(scenario, options: .init(seed: 2))
            if let factor {
                cluster.apply(
                    .init(
                        .networkSlow, at: .seconds(1), target: Self.process, duration: .seconds(3600),
                        factor: factor))
            }
            while cluster.provenCount == 0, cluster.world.now < Clusters.days(1) {
                cluster.run(until: cluster.world.now + .seconds(1))
            }
            return cluster.world.now.seconds
        }
        // 2.1 s at 1 Gbps become 215 s; the messages are late as well, by next to nothing.
        let longer = try end(100) - end(nil)
        #expect(longer > 200 && longer < 260, "\(longer)")
        // Too slow to end by itself: it ends when the network is well again.
        let last = try end(1e6)
        #expect(last > 3600 && last < 3700, "\(last)")
    }

    @Test("one of four cards costs one of four processes; the only card costs all")
    func oneCard() throws {
        func down(cards: Int, processes: Int) throws -> Int {
            let gpus = cards > 0 ? "[{model: any, count: \(cards)}]" : "[]"
            let scenario = try Scenario.load(
                path: Clusters.folder.appendingPathComponent("devnet.yaml").path,
                overrides: [
                    "hosts.worker.gpus=\(gpus)", "hosts.worker.workers.worker.count=\(processes)",
                    "workload.sectorsMax=4", "faults=[]",
                ].map { ScenarioOverride($0) })
            let cluster = try SimulatedCluster(scenario, options: .init(seed: 5))
            cluster.apply(.init(.gpuLost, at: .seconds(10), target: Self.host, duration: .seconds(60)))
            cluster.run(until: Instant(seconds: 20))
            return cluster.plan.processes.filter { cluster.world.node($0.node)?.isUp == false }.count
        }
        #expect(try down(cards: 4, processes: 4) == 1)
        #expect(try down(cards: 2, processes: 4) == 2)
        #expect(try down(cards: 8, processes: 4) == 1)
        #expect(try down(cards: 1, processes: 4) == 4)
        #expect(try down(cards: 0, processes: 4) == 4)
    }

    @Test("a card that is named takes down who uses it: by its own word, or in turn")
    func namedCard() throws {
        func down(_ card: Int?, _ sets: String...) throws -> [Int] {
            let base = [
                "hosts.worker.gpus=[{model: any, count: 4}]", "hosts.worker.workers.worker.count=4",
                "workload.sectorsMax=4", "faults=[]",
            ]
            let scenario = try Scenario.load(
                path: Clusters.folder.appendingPathComponent("devnet.yaml").path,
                overrides: (base + sets).map { ScenarioOverride($0) })
            let cluster = try SimulatedCluster(scenario, options: .init(seed: 5))
            let fault = Scenario.Fault(
                .gpuLost, at: .seconds(10), target: Self.host, duration: .seconds(60), gpu: card)
            cluster.apply(fault)
            cluster.run(until: Instant(seconds: 20))
            let own = cluster.plan.processes.filter { $0.host == "worker/0" }
            let gone = own.indices.filter { cluster.world.node(own[$0].node)?.isUp == false }
            cluster.run(until: Instant(seconds: 80))
            #expect(own.allSatisfy { cluster.world.node($0.node)?.isUp == true })
            return gone
        }
        #expect(try (0..<4).map { try down($0) } == [[0], [1], [2], [3]])
        let bound = "hosts.worker.workers.worker.gpus=[3, 3, 0, 0-1]"
        #expect(try (0..<4).map { try down($0, bound) } == [[2, 3], [3], [], [0, 1]])
        #expect(try down(nil, "hosts.worker.workers.worker.gpus=0-3") == [0, 1, 2, 3])
        // Two processes have two cards each.
        #expect(try down(2, "hosts.worker.workers.worker.count=2") == [0])
    }

    @Test("of two faults that overlap, the end of one takes nothing from the other")
    func overlap() throws {
        func down(_ at: Int, _ seconds: Int) -> Scenario.Fault {
            Scenario.Fault(.workerKilled, at: .seconds(at), target: Self.process, duration: .seconds(seconds))
        }
        let cluster = try SimulatedCluster(Clusters.devnet(sectorCount: 4))
        for fault in [down(10, 100), down(50, 200)] { cluster.apply(fault) }
        let node = try #require(cluster.world.node(cluster.plan.processes[0].node))
        for (second, isUp) in [(5, true), (20, false), (120, false), (249, false), (251, true)] {
            cluster.run(until: Instant(seconds: Double(second)))
            #expect(node.isUp == isUp, "after \(second) s")
        }
    }
}

@Suite("Faults that broke a cluster once")
struct FaultRegressionTests {
    private func findings(seed: UInt64, policy: String?, _ faults: String) throws -> [Finding] {
        var trial = try ClusterTrial(Clusters.shipped("devnet"), sectorCount: 16, faultsEnd: .seconds(1_800))
        trial.policy = policy
        let scenario = try Scenario.load(
            path: Clusters.folder.appendingPathComponent("devnet.yaml").path,
            overrides: [ScenarioOverride("faults=\(faults)")])
        return try trial.run(ExploreCase(seed: seed, faults: scenario.faults)).findings
    }

    @Test("a refused move is no answer to the wish for room at the same store")
    func moveRefused() throws {
        let found = try findings(
            seed: 774, policy: SealyardPolicy.name,
            """
            [{at: 17s, kind: outOfMemory, target: worker/0, duration: 2m54s},
             {at: 1m53s, kind: packetLoss, target: miner, duration: 4m23s, share: 0.15},
             {at: 9m, kind: diskLost, target: worker/1, duration: 1s}]
            """)
        #expect(found == [])
    }

    @Test("an assignment that overtakes the welcome is not aborted by it")
    func assignmentBeforeWelcome() throws {
        let found = try findings(
            seed: 3019, policy: nil,
            """
            [{at: 1m, kind: rollingUpgrade, target: worker, duration: 32s},
             {at: 1m, kind: messagesLate, target: worker, duration: 1m41s, by: 490ms}]
            """)
        #expect(found == [])
    }

    @Test("a node that starts anew out of sync does not fall behind what was told as final")
    func reorgAfterRestart() throws {
        let found = try findings(
            seed: 3285, policy: nil,
            """
            [{at: 8m, kind: chainOutOfSync, target: chain, duration: 5m10s},
             {at: 11m, kind: chainDown, target: chain, duration: 1s},
             {at: 11m57s, kind: chainReorg, target: chain}]
            """)
        #expect(found == [])
    }

    @Test("a clock that is set back measures no negative durations, by which nothing would start")
    func negativeDurations() throws {
        let found = try findings(
            seed: 320, policy: SealyardPolicy.name,
            """
            [{at: 19m58s, kind: clockSkew, target: miner, duration: 3s, by: 3m41s457ms},
             {at: 20m, kind: outboundCut, target: worker/1/worker/0, duration: 1m20s}]
            """)
        #expect(found == [])
    }
}
