// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Scheduler
import Sim
import Synchronization
import Testing

@Suite("Policies against each other")
struct TournamentTests {
    private func small() throws -> Scenario {
        var scenario = try Clusters.devnet(sectorCount: 20)
        scenario.report.warmUp = .seconds(60)
        scenario.report.until = .seconds(6 * 3600)
        return scenario
    }

    private func result(
        threads: Int, policies: [String] = ["sealyard", "lotus-utilization", "fork-groups"]
    ) throws
        -> TournamentResult
    {
        try Tournament(
            [small()], .init(policies: policies, seeds: [1, 2, 3])
        ).run(StudyControl(threadCount: threads))
    }

    @Test("two threads measure what one measures")
    func threads() throws {
        let one = try result(threads: 1)
        let two = try result(threads: 2)
        #expect(one == two)
        #expect(one.text == two.text && one.csv == two.csv && one.document.json == two.document.json)
        #expect(one.measures.count == 9)
        #expect(one.measures.allSatisfy { ($0.values[.sectorsPerDay] ?? 0) > 0 })
    }

    @Test("the tables have a row a policy and a column a figure; csv has a line a figure")
    func tables() throws {
        let result = try result(threads: 2)
        for name in result.policies { #expect(result.text.contains("\n" + name)) }
        for metric in TournamentMetric.allCases { #expect(result.text.contains(metric.rawValue)) }
        let lines = result.csv.split(separator: "\n")
        #expect(lines[0] == "scenario,policy,seed,metric,value")
        #expect(lines.contains { $0.hasPrefix("devnet,fork-groups,3,sectorsPerDay,") })
        let object = try JSONSerialization.jsonObject(with: Data(result.document.json.utf8)) as? [String: Any]
        #expect((object?["ranking"] as? [[String: Any]])?.count == 3)
        #expect(result.ranking.first { $0.policy == "sealyard" }?.throughput == 1)
    }

    @Test(
        "tickets that run out are counted apart from other repeats; every kind with slots has its idle share"
    )
    func expiredTickets() throws {
        func values(_ change: (inout Scenario) -> Void) throws -> [TournamentMetric: Double] {
            var scenario = try small()
            change(&scenario)
            let result = try Tournament([scenario], .init(policies: ["sealyard"], seeds: [1])).run()
            return try #require(result.measures.first).values
        }
        let usual = try values { _ in }
        #expect(usual[.expiredTickets] == 0)
        let idle: [TournamentMetric] = [
            .idleAddPiece, .idlePreCommit1, .idlePreCommit2, .idleCommit1, .idleCommit2, .idleFinalize,
        ]
        #expect(idle.allSatisfy { (0...100).contains(usual[$0] ?? -1) }, "\(usual)")
        let short = try values {
            $0.network.maxPreCommitRandomnessLookback = $0.network.sealRandomnessLookback + 12
        }
        // PreCommit1 and PreCommit2 together seldom take less than 12 epochs of 4 s.
        #expect((short[.expiredTickets] ?? 0) >= 10, "\(short)")
        #expect((short[.repeats] ?? 0) > (usual[.repeats] ?? 0))
    }

    @Test("what an interrupt leaves is printed, and says that it is incomplete")
    func interrupted() throws {
        let stop = Mutex(false)
        let tournament = try Tournament(
            [small()], .init(policies: ["sealyard", "fork-groups"], seeds: [1, 2, 3]))
        let result = try tournament.run(
            StudyControl(
                shouldStop: { stop.withLock(\.self) },
                progress: { progress in if progress.done == 2 { stop.withLock { $0 = true } } }))
        #expect(!result.isComplete && result.plannedCount == 6)
        // The first seed of all policies comes first, so that what is left compares them.
        #expect(result.cells.map(\.seed) == [0, 0] && result.cells.map(\.policy) == [0, 1])
        #expect(result.text.hasPrefix("incomplete: 2 of 6 runs were finished"))
        #expect(result.document.json.contains("\"complete\": false"))
        #expect(result.difference(.sectorsPerDay, scenario: 0, policy: 1)?.count == 1)
        let whole = try tournament.run()
        #expect(whole.isComplete && !whole.text.contains("incomplete"))
        #expect(whole.measures[0] == result.measures[0] && whole.measures[3] == result.measures[1])
    }

    @Test("level is who differs from the best by chance alone, behind who does not")
    func standings() {
        func measures(_ value: Double) -> TournamentMeasures {
            TournamentMeasures(values: [.sectorsPerDay: value], traceHash: "")
        }
        let values: [[Double]] = [[10, 12, 14], [11, 12, 13.5], [9, 11.1, 13.5]]
        let cells = (0..<3).flatMap { policy in
            (0..<3).map { Tournament.Cell(scenario: 0, policy: policy, seed: $0) }
        }
        let result = TournamentResult(
            scenarios: ["s"], policies: ["a", "b", "c"], seeds: [1, 2, 3], reference: "a", cells: cells,
            measures: values.flatMap { $0.map(measures) }, plannedCount: 9)
        // By hand: b has 12.17 in the mean; a differs by -1, 0, 0.5, c by -2, -0.9, 0.
        #expect((0..<3).map { result.standing(scenario: 0, policy: $0) } == [.level, .best, .level])
        // c is behind a by 1, 0.9 and 0.5: 0.8 ± 0.66 where these two are all that is compared, and ± 0.95
        // where each is compared with two others.
        #expect(result.difference(.sectorsPerDay, scenario: 0, policy: 2)?.isSignificant == true)
        let near = TournamentResult(
            scenarios: ["s"], policies: ["a", "c"], seeds: [1, 2, 3], reference: "a",
            cells: Array(cells[..<6]), measures: (values[0] + values[2]).map(measures), plannedCount: 6)
        // Only these two are compared.
        #expect(near.standing(scenario: 0, policy: 1) == .behind)
        #expect(near.text.contains("behind -0.8 ±0.66"))
        #expect(near.ranking.map(\.behindCount) == [0, 1] && near.ranking.map(\.levelCount) == [1, 0])
    }

    @Test("a policy does not differ from itself, pair by pair")
    func pairs() throws {
        let result = try Tournament(
            [small()],
            .init(policies: ["sealyard", "oldest-local"], seeds: [1, 2], reference: "oldest-local")
        ).run()
        #expect(result.difference(.latencyP95, scenario: 0, policy: 1) == nil)
        let other = try #require(result.difference(.latencyP95, scenario: 0, policy: 0))
        let means = [0, 1].compactMap { result.estimate(.latencyP95, scenario: 0, policy: $0)?.mean }
        #expect((other.mean - (means[0] - means[1])).magnitude < 1e-9)
    }

    @Test("where full disks have no room for a move, Lotus's task fails and is bound anew")
    func lotusWithoutRoom() throws {
        var scenario = try Clusters.shipped("tournament/handbook")
        scenario.report.until = .seconds(2 * 86_400)
        let result = try Tournament([scenario], .init(policies: ["lotus-utilization"], seeds: [1])).run()
        // Disks are full after half a day; what is labelled there must go on to pre-commit 2.
        let perDay = try #require(result.measures.first?.values[.sectorsPerDay])
        #expect(perDay > 100)
    }

    @Test("what cannot be run is refused by name")
    func refusals() throws {
        func message(_ options: Tournament.Options) throws -> String? {
            do {
                _ = try Tournament([small()], options)
                return nil
            } catch let error as SimulationError { return error.message }
        }
        #expect(try message(.init(policies: ["nonesuch"], seeds: [1]))?.contains("nonesuch") == true)
        #expect(try message(.init(policies: [], seeds: [1]))?.contains("policy") == true)
        #expect(try message(.init(policies: ["sealyard"], seeds: []))?.contains("seed") == true)
        #expect(try message(.init(policies: ["external"], seeds: [1]))?.contains("--program") == true)
        #expect(
            try message(.init(policies: ["sealyard"], seeds: [1], reference: "curio-poll"))?.contains(
                "curio-poll")
                == true)
    }

    @Test("every shipped scenario is sound", arguments: TournamentTests.files)
    func scenarios(file: String) throws {
        let scenario = try Scenario.load(path: Self.folder.appendingPathComponent(file).path)
        _ = try SimulatedCluster(scenario)
    }

    static let folder = Clusters.folder.appendingPathComponent("tournament")
    static let files: [String] = {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
                $0.hasSuffix(".yaml")
            }
            .sorted()
        } catch {
            Issue.record("\(error)")
            return []
        }
    }()

    @Test("there are eight of them or more")
    func enough() { #expect(Self.files.count >= 8) }
}

@Suite("A policy in another process")
struct TournamentExternalTests {
    private static let script = Clusters.folder.deletingLastPathComponent()
        .appendingPathComponent("Examples/policies/shortest_queue.py").path
    private static let hasPython = FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")

    private func cluster(_ arguments: [String], patience: Duration = .seconds(10)) throws -> SimulatedCluster
    {
        let link = ExternalPolicyLink(
            try ProcessPolicyPeer("/usr/bin/python3", arguments: arguments, patience: patience))
        let cluster = try SimulatedCluster(
            Clusters.devnet(sectorCount: 6), options: .init(policy: "external", link: link))
        cluster.run(until: Clusters.days(0.25))
        return cluster
    }

    @Test("the example in Python seals all sectors", .enabled(if: hasPython))
    func example() throws {
        let cluster = try cluster([Self.script])
        #expect(cluster.policyFailure == nil)
        #expect(cluster.provenCount == 6)
    }

    @Test(
        "one that dies, hangs or answers nonsense stops the run with an error of its own",
        .enabled(if: hasPython),
        arguments: [
            ("import sys; sys.exit(3)", "died"), ("import time; time.sleep(60)", "hung"),
            ("import sys\nfor line in sys.stdin: print('nonsense', flush=True)", "nonsense"),
            ("import sys\nfor line in sys.stdin: print('{\"version\": 9}', flush=True)", "version"),
        ])
    func failures(program: String, code: String) throws {
        let cluster = try cluster(["-c", program], patience: .milliseconds(300))
        #expect(cluster.policyFailure?.code.rawValue == code)
        #expect(cluster.provenCount == 0)
        // It did not go on silently to the end.
        #expect(cluster.world.now <= Instant(seconds: 3600))
    }

    @Test("a program that is not there is named")
    func missing() {
        #expect {
            _ = try ProcessPolicyPeer("/nonesuch/policy")
        } throws: { error in
            let error = error as? ExternalPolicyError
            return error?.code == .notStarted && error?.message.contains("/nonesuch/policy") == true
        }
    }
}
