// SPDX-License-Identifier: Apache-2.0
import Kernel
import Scheduler
import Sim
import Testing

/// Goal: what a scenario says of the miner changes what the cluster does. Method: two runs of one seed that
/// differ in one key.
@Suite("Settings of the miner in a scenario")
struct MinerSettingTests {
    private func report(
        hours: Double = 6, seed: UInt64 = 3, _ change: (inout Scenario) -> Void
    ) throws -> SimulationReport {
        var scenario = try Clusters.devnet(sectorCount: 60)
        scenario.miner.finalizeEarly = false
        scenario.miner.batchPreCommits = false
        scenario.report.warmUp = .seconds(1)
        change(&scenario)
        let cluster = try SimulatedCluster(scenario, options: .init(seed: seed, checksInvariants: true))
        cluster.run(until: Instant(seconds: hours * 3600))
        return cluster.report()
    }

    private func mean(_ state: String, _ report: SimulationReport) -> Double {
        report.stateMeans.first { $0.state == state }?.mean ?? 0
    }

    @Test("policyOptions reach the policy that the scenario names; what it does not know is refused by name")
    func policyOptions() throws {
        func labelled(_ options: [String: String]) throws -> Int {
            let report = try report(hours: 1) {
                $0.policy = "fork-groups"
                $0.policyOptions = options
            }
            return report.stages.first { $0.name == "PreCommit1" }?.started ?? 0
        }
        let (usual, slow) = (try labelled([:]), try labelled(["p1-ticket-minutes": "30", "p1-tickets": "1"]))
        // Three hosts, a ticket each at once and after half an hour and an hour.
        #expect((3...9).contains(slow) && usual > 3 * slow, "\(slow) of \(usual)")
        #expect(throws: SchedulerError.self) { try labelled(["p1-tikets": "1"]) }
        #expect(throws: SchedulerError.self) { try labelled(["p1-tickets": "few"]) }
        // Another policy in its place is not asked to know them.
        var scenario = try Clusters.devnet(sectorCount: 3)
        scenario.policy = "fork-groups"
        scenario.policyOptions = ["p1-tickets": "1"]
        _ = try SimulatedCluster(scenario, options: .init(policy: "sealyard"))
        let text = scenario.normalized.json
        let read = try Scenario.parse(text: text, fileName: "normalized")
        #expect(read.policyOptions == scenario.policyOptions)
    }

    @Test("finalizeEarly: files leave the sealing store before the proof goes to the chain")
    func finalizeEarly() throws {
        let late = try report { _ in }
        let early = try report { $0.miner.finalizeEarly = true }
        #expect(mean("CommitFinalize", late) == 0 && mean("FinalizeSector", late) > 0)
        #expect(mean("CommitFinalize", early) > 0 && mean("FinalizeSector", early) == 0)
        #expect(!early.notModelled.contains { $0.what == "finalizeEarly" })
    }

    @Test("batchPreCommits, its size and its wait: sectors wait for company")
    func batchPreCommits() throws {
        func sojourn(_ size: Int, _ minutes: Int64) throws -> Double {
            let report = try report {
                $0.miner.batchPreCommits = true
                $0.miner.maxPreCommitBatch = size
                $0.miner.preCommitBatchWait = .seconds(minutes * 60)
            }
            #expect(mean("SubmitPreCommitBatch", report) > 0)
            return try #require(report.sojournMeanSeconds)
        }
        let alone = try report { _ in }
        let base = try #require(alone.sojournMeanSeconds)
        #expect(mean("SubmitPreCommitBatch", alone) == 0)
        let (short, long, small) = (try sojourn(256, 3), try sojourn(256, 9), try sojourn(2, 9))
        // The first of a batch waits for all of the time, those pledged with it for most of it.
        #expect(short > base + 60 && long > short + 180 && small < long - 180)
    }

    @Test("base-fee thresholds: nothing waits for company while gas is cheap, and all do while it is dear")
    func baseFee() throws {
        func sojourn(_ threshold: Int128?) throws -> Double {
            let report = try report {
                $0.miner.batchPreCommits = true
                $0.miner.preCommitBatchWait = .seconds(540)
                $0.miner.batchPreCommitAboveBaseFee = threshold.map { AttoFIL($0) }
            }
            return try #require(report.sojournMeanSeconds)
        }
        let patient = try sojourn(nil)
        // The fee is 100,000,000 attoFIL where a scenario says nothing.
        #expect(try sojourn(320_000_000) < patient - 180, "cheap: each leaves at once")
        #expect(try sojourn(50_000_000) > patient - 60, "dear: they wait for company")
    }

    // MARK: Deals

    private func deals(
        every: Duration, piece: Int, start: Duration, hours: Double = 6,
        _ change: (inout Scenario) -> Void = { _ in }
    ) throws -> SimulationReport {
        try report(hours: hours) { scenario in
            scenario.workload.pledge.packingMax = 0
            scenario.workload.pledge.initialPerHost = 0
            scenario.workload.deals = [
                Scenario.DealStream(
                    every: DurationModel(.constant(every)), pieceSize: ByteCount(bytes: piece),
                    startAfter: DurationModel(.constant(start)), lasts: .seconds(100 * 86_400))
            ]
            scenario.miner.maxWaitDealsSectors = 0
            change(&scenario)
        }
    }

    @Test("deals are offered, sealed and counted: in time, or missed")
    func counted() throws {
        let good = try #require(
            try deals(every: .seconds(300), piece: 2048, start: .seconds(3600)).deals)
        #expect(good.offered == 72 && good.missed == 0 && good.active > 60)
        // Nothing is sealed within two minutes.
        let hopeless = try #require(
            try deals(every: .seconds(300), piece: 2048, start: .seconds(120)).deals)
        #expect(hopeless.active == 0 && hopeless.missed >= 70)
        let report = try deals(every: .seconds(300), piece: 2048, start: .seconds(120))
        #expect(report.text.contains("deals         72 offered, 0 active by their start"))
    }

    @Test("a deal that no sector outlasts is refused before the run")
    func tooLong() throws {
        #expect {
            _ = try deals(every: .seconds(300), piece: 2048, start: .seconds(60)) {
                $0.workload.deals[0].lasts = .seconds(200 * 86_400)
            }
        } throws: { error in
            (error as? SimulationError)?.message.contains("workload.deals[0].lasts") == true
        }
    }

    @Test("maxSealingSectorsForDeals bounds how many are sealed at once")
    func sealingForDeals() throws {
        func active(_ limit: Int) throws -> Int {
            let report = try deals(every: .seconds(30), piece: 2048, start: .seconds(3600)) {
                $0.miner.maxSealingSectorsForDeals = limit
            }
            return try #require(report.deals).active
        }
        let (one, all) = (try active(1), try active(0))
        #expect(one > 0 && one * 2 < all)
    }

    @Test("maxWaitDealsSectors bounds how many take pieces at once")
    func waitDeals() throws {
        // More than can be sealed: disks fill up, and new sectors wait for room.
        func filling(_ limit: Int) throws -> Double {
            let report = try deals(every: .seconds(2), piece: 2048, start: .seconds(86_400), hours: 1) {
                $0.miner.maxWaitDealsSectors = limit
            }
            return mean("AddPiece", report) + mean("WaitDeals", report)
        }
        #expect(try filling(1) <= 1)
        #expect(try filling(0) > 10)
    }

    @Test("waitDealsDelay: a sector seals with what it holds when its time is up")
    func waitDealsDelay() throws {
        func pledged(_ delay: Duration) throws -> Int {
            try deals(every: .seconds(600), piece: 1024, start: .seconds(7200)) {
                $0.miner.waitDealsDelay = delay
            }.sectorsPledged
        }
        // Six hours bring 36 pieces of half a sector.
        #expect(try pledged(.seconds(60)) >= 34)
        #expect(try pledged(.seconds(3600)) <= 19)
    }

    @Test("startEpochSealingBuffer: a sector seals in time for its first deal")
    func startBuffer() throws {
        func active(_ epochs: Int) throws -> Int {
            let report = try deals(every: .seconds(3600), piece: 1024, start: .seconds(1800)) {
                $0.miner.startEpochSealingBuffer = epochs
            }
            return try #require(report.deals).active
        }
        #expect(try active(0) == 0)
        // A quarter of an hour of epochs of four seconds.
        #expect(try active(225) >= 4)
    }

    @Test("who knows deadlines misses few deals of the shipped scenario, who does not misses many")
    func deadlines() throws {
        func missed(_ policy: String) throws -> Int {
            let scenario = try Clusters.shipped("tournament/deals-with-deadlines")
            let cluster = try SimulatedCluster(scenario, options: .init(seed: 2, policy: policy))
            cluster.run(until: Clusters.days(2))
            return try #require(cluster.report().deals).missed
        }
        let (ours, theirs) = (try missed("sealyard"), try missed("fork-groups"))
        #expect(ours * 5 < theirs)
    }
}
