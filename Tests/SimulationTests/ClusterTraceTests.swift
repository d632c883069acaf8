// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

@Suite("One seed, one history")
struct ClusterTraceTests {
    private func report(_ scenario: Scenario, seed: UInt64, until: Double) throws -> SimulationReport {
        let cluster = try SimulatedCluster(scenario, options: .init(seed: seed))
        cluster.run(until: Clusters.days(until))
        return cluster.report()
    }

    /// The hash was taken from a release build; debug and release, and every machine, must give it.
    ///
    /// It changes with the components' behavior, the models or the scenario; a change of any other
    /// kind is a bug.
    @Test("the shipped devnet with seed 7 has its known trace")
    func golden() throws {
        let report = try report(Clusters.shipped("devnet"), seed: 7, until: 2)
        #expect(report.traceHash == "d024740d17c979cf58efa697097fc695")
    }

    @Test("two runs of a seed agree in all figures, and another seed does not")
    func seeds() throws {
        let scenario = try Clusters.shipped("devnet")
        let first = try report(scenario, seed: 8, until: 0.25)
        #expect(try first == report(scenario, seed: 8, until: 0.25))
        #expect(try first.traceHash != report(scenario, seed: 9, until: 0.25).traceHash)
    }

    @Test("a run in slices is the run in one piece")
    func slices() throws {
        let scenario = try Clusters.devnet(sectorCount: 30)
        let whole = try SimulatedCluster(scenario, options: .init(seed: 4))
        whole.run(until: Clusters.days(0.1))
        let sliced = try SimulatedCluster(scenario, options: .init(seed: 4))
        for part in 1...10 { sliced.run(until: Clusters.days(0.01 * Double(part))) }
        sliced.run(until: Clusters.days(0.1))
        #expect(whole.report() == sliced.report())
    }

    @Test("nobody misses what the chain's store drops, through restarts and a reorganization")
    func droppedEntries() throws {
        // Epochs of 4 s: entries are dropped from the second hour on.
        let scenario = try Scenario.load(
            path: Clusters.folder.appendingPathComponent("devnet.yaml").path,
            overrides: [
                ScenarioOverride(
                    """
                    faults=[{at: 150m, kind: chainDown, target: chain, duration: 1m},
                     {at: 170m, kind: chainReorg, target: chain},
                     {at: 200m, kind: chainDown, target: chain, duration: 30s}]
                    """)
            ])
        let (drops, keeps) = (
            try SimulatedCluster(scenario, options: .init(seed: 12)),
            try SimulatedCluster(scenario, options: .init(seed: 12, checksInvariants: true))
        )
        for cluster in [drops, keeps] { cluster.run(until: Clusters.days(0.25)) }
        #expect(drops.chainEntryCount * 2 < keeps.chainEntryCount)
        #expect(drops.report() == keeps.report())
    }

    @Test("durations belong to tasks: a fault elsewhere leaves those of other sectors as they were")
    func commonRandomNumbers() throws {
        let calm = try report(Clusters.devnet(sectorCount: 40), seed: 11, until: 0.5)
        var scenario = try Clusters.devnet(sectorCount: 40)
        scenario.miner.finalizeEarly.toggle()
        scenario.links.latency = .milliseconds(1)
        let slower = try report(scenario, seed: 11, until: 0.5)
        #expect(calm.traceHash != slower.traceHash)
        #expect(calm.sectorsProving == 40 && slower.sectorsProving == 40)
        // Ten milliseconds of messages at most lie between the two; the sampled times are the same.
        for (left, right) in zip(calm.stages, slower.stages) {
            #expect(left.started == right.started && left.failed == right.failed, "\(left.name)")
        }
    }

    @Test("the report as JSON has what it promises, and nulls with reasons where nothing is modelled")
    func document() throws {
        let report = try report(Clusters.devnet(sectorCount: 20), seed: 2, until: 0.25)
        let object = try JSONSerialization.jsonObject(with: Data(report.document.json.utf8))
        let table = try #require(object as? [String: Any])
        for key in [
            "scenario", "policy", "seed", "simulatedSeconds", "messages", "sectorsProving", "stages",
            "bottleneck", "traceHash", "tebibytesPerDay",
        ] { #expect(table[key] != nil && !(table[key] is NSNull), "\(key)") }
        for key in ["wallSeconds", "messagesPerSecond", "cost"] {
            #expect(table[key] is NSNull, "\(key)")
        }
        let omitted = try #require(table["notModelled"] as? [[String: String]]).compactMap { $0["what"] }
        #expect(omitted.contains("cost") && table["windowPoSt"] is [String: Any])
        #expect((table["stages"] as? [[String: Any]])?.count == 6)
        #expect(report.text.contains(report.traceHash))
    }

    @Test("what cannot be simulated is refused by name")
    func refusals() throws {
        let scenario = try Clusters.shipped("devnet")
        #expect {
            _ = try SimulatedCluster(scenario, options: .init(policy: "nonesuch"))
        } throws: { error in
            let error = error as? SimulationError
            return error?.code == .unknownPolicy && error?.message.contains("oldest-local") == true
        }
        var stranded = scenario
        stranded.hosts[0].workers[0].slots.removeAll { $0.kind == .preCommit2 }
        #expect {
            _ = try SimulatedCluster(stranded)
        } throws: { error in
            (error as? SimulationError)?.message.contains("no slots for PreCommit2") == true
        }
    }
}
