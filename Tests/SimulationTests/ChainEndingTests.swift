// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Sim
import Testing

/// A cluster that runs, and what the chain takes of it when sectors end before their time.
///
/// By hand for a sector of 2 KiB, in attoFIL, in a network that pays 80 FIL an epoch for 20 EiB, with 600 M
/// FIL in circulation and a baseline of 40 EiB; each part is rounded down:
///
///     reward of 57,600 epochs   80e18 × 57,600 × 2048 / (20 × 2^60)              =     409,272,615
///     by baseline               600e24 × 3 × 2048 × 700 / (10,000 × 40 × 2^60)   =   5,595,524,044
///     by power                  600e24 × 3 × 2048 × 300 / (10,000 × 20 × 2^60)   =   4,796,163,466
///     pledge                    the sum of the three                             =  10,800,960,125
///     deposit                   the first with ten times the power               =   4,092,726,157
///     fault fee                 80e18 × 10,108 × 2048 / (20 × 2^60)              =      71,821,659
///     ending, young             2 % of the pledge (105 % of the fault fee is less) =     216,019,202
@Suite("What endings cost in a simulated run")
struct ChainEndingTests {
    /// One sector at the start and one two hours later; a proof every 3.2 h. A pre-commitment has 200 epochs
    /// of 4 s, and 960 more until its deposit is burnt. Files take an hour to leave.
    private static func scenario(_ more: String = "") throws -> Scenario {
        try Scenario.parse(
            text: """
                name: ending
                description: one host that seals, one that proves deadlines
                sectorSize: 2KiB
                network: {base: devnet, maxProveCommitDuration: 200}
                hosts:
                  - name: sealer
                    cpu: {sockets: 1, cores: 8}
                    memory: 32GiB
                    disks: [{name: ssd, capacity: 100GB, read: 2GB/s, write: 1GB/s}]
                    workers:
                      - name: all
                        role: any
                        slots: {AddPiece: 1, PreCommit1: 1, PreCommit2: 1, Commit1: 1, Commit2: 1,
                                Finalize: 1}
                  - name: prover
                    cpu: {sockets: 1, cores: 8}
                    memory: 32GiB
                    workers:
                      - {name: post, role: PoSt, slots: {WindowPoSt: 1}}
                stores: [{name: disk, kind: local, capacity: 1TB, read: 500MB/s, write: 200MB/s}]
                tasks:
                  AddPiece: {duration: 1s, source: a test}
                  PreCommit1: {duration: 30s, source: a test}
                  PreCommit2: {duration: 10s, source: a test}
                  Commit1: {duration: 1s, source: a test}
                  Commit2: {duration: 20s, source: a test}
                  Finalize: {duration: 1h, transfer: 4KiB, source: a test}
                  WindowPoSt: {duration: 5s, source: a test}
                workload:
                  pledge: {every: 2h, packingMax: 1, initialPerHost: 1}
                  sectorsMax: 2
                miner: {batchPreCommits: false, aggregateCommits: false}
                policy: oldest-local
                report: {warmUp: 1h, until: 12h}
                \(more)
                """, fileName: "ending.yaml")
    }

    /// The host is gone 100 s after the second sector began, while it waits for its seed, and stays away.
    private static let sealerGone = "faults: [{at: 2h100s, kind: hostDown, target: sealer, duration: 30d}]"

    private func amount(_ report: SimulationReport, _ name: String) throws -> BigNumber {
        let line = try #require(report.costLines.first { $0.area == "chain" && $0.name == name })
        return try #require(line.attoFIL)
    }

    @Test("a sector that an operator ends and a pre-commitment that runs out cost what the formulas say")
    func operatorsWord() throws {
        let cluster = try SimulatedCluster(Self.scenario(Self.sealerGone), options: .init(seed: 4))
        let manager = cluster.world.ref(
            at: Address(node: SimulatedCluster.minerNode, name: MinerAssembly.sectorsName),
            as: ManagerMessage.self)
        let end = Instant(seconds: 12 * 3600)
        // It is proven then, and its files are on their way still: of those that prove no record is kept.
        cluster.world.at(Instant(seconds: 1800)) {
            manager.tell(.operate(number: 1, .terminate, replyTo: nil))
        }
        let recorder = cluster.record(until: end)
        cluster.run(until: Instant(seconds: 1790))
        let before = cluster.report().chainCost
        #expect(before.terminatedCount == 0 && before.pledgeAtEnd == 10_800_960_125)
        // The second sector is pre-committed, in time still, and its proof cannot be made.
        cluster.run(until: Instant(seconds: 2 * 3600 + 600))
        let between = cluster.report().chainCost
        #expect(between.expiredPreCommitCount == 0 && between.depositsLocked == 4_092_726_157)
        #expect(between.penalties == 216_019_202)
        cluster.run(until: end)
        let report = cluster.report()
        let chain = report.chainCost
        #expect(chain.pledgePerSector == 10_800_960_125 && chain.depositPerSector == 4_092_726_157)
        #expect(chain.terminatedCount == 1 && chain.terminationFees == 216_019_202)
        #expect(chain.expiredPreCommitCount == 1 && chain.depositsBurnt == 4_092_726_157)
        #expect(chain.depositsLocked == 0 && chain.pledgeAtEnd == 0)
        #expect(chain.pledgeLocked == 10_800_960_125)
        // It was never faulty, so that nothing else is owed.
        let owed: BigNumber = 4_308_745_359
        #expect(chain.faultFees == 0 && chain.penalties == owed)
        let sent = try #require(chain.messages.first { $0.kind == .terminate })
        #expect(sent.messageCount == 1 && sent.itemCount == 1 && sent.gasUsed == 30_000_000)
        // The same in every form of the report.
        #expect(try amount(report, "fees for endings") == 216_019_202)
        #expect(try amount(report, "deposits, burnt") == 4_092_726_157)
        let csv = ReportFiles(report: report, recorder: recorder, now: end).costsCSV.split(separator: "\n")
        func row(_ name: String) throws -> String {
            String(try #require(csv.first { $0.contains(name) && $0.hasPrefix("chain,") }))
        }
        #expect(try row("fees for endings").contains("216019202"))
        #expect(try row("deposits, burnt").contains("4092726157"))
        let json = report.document.json
        #expect(json.contains("\"terminationFees\": \"216019202\""))
        #expect(json.contains("\"depositsBurnt\": \"4092726157\""))
        #expect(report.text.contains("fees for endings: 0.216 nanoFIL, 1 sector"))
    }

    @Test("a sector that stays faulty for 42 periods is ended by the chain, at a fee by its age")
    func faultyForTooLong() throws {
        // The prover is gone as well: the first sector is proven no more.
        let faults =
            "faults: [{at: 2h100s, kind: hostDown, target: sealer, duration: 30d}, "
            + "{at: 2h100s, kind: hostDown, target: prover, duration: 30d}]"
        let cluster = try SimulatedCluster(Self.scenario(faults), options: .init(seed: 4))
        // 42 periods of 2880 epochs of 4 s are 5.6 days; that in which it was first missed comes before.
        cluster.run(until: Clusters.days(5.5))
        #expect(cluster.report().chainCost.terminatedCount == 0)
        cluster.run(until: Clusters.days(6.2))
        let report = cluster.report()
        let chain = report.chainCost
        #expect(chain.terminatedCount == 1 && chain.pledgeAtEnd == 0)
        // Charged at the end of each of the 42 periods, the last included; the first miss is free.
        #expect(chain.faultySectorDays == 42, "\(chain.faultySectorDays)")
        let each: BigNumber = 71_821_659
        #expect(chain.faultFees == each * 42)
        // 8.5 % of the pledge by its age in 140 days: above 2 % from 32.9 days of 2880 epochs on.
        let simple: BigNumber = 918_081_610
        let ages = (42 * 2880...44 * 2880).filter {
            simple * BigNumber($0) / BigNumber(140 * 2880) == chain.terminationFees
        }
        #expect(!ages.isEmpty, "\(chain.terminationFees)")
        #expect(chain.penalties == chain.faultFees + chain.terminationFees + chain.depositPerSector)
        #expect(try amount(report, "fees for endings") == chain.terminationFees)
        // Nobody sent a message for it.
        #expect(!chain.messages.contains { $0.kind == .terminate })
    }
}
