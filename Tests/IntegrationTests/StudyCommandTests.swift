// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("sealyard tornado, regret and optimize")
struct StudyCommandTests {
    let program: BuiltProgram
    private let devnet = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Scenarios/devnet.yaml").path

    init() throws { program = try BuiltProgram() }

    @Test("tornado sorts what moves a devnet: the pledge rule holds it back, and nothing else does")
    func tornado() throws {
        let outcome = try program.run(
            "tornado", devnet, "--set", "faults=[]", "--input", "links.bandwidth", "--input",
            "workload.pledge.packingMax=2..8", "--replications", "1", "--until", "3h", "--json",
            "--no-progress")
        #expect(outcome.status == 0, "\(outcome.complaint)")
        let inputs = try #require(try outcome.document()["inputs"] as? [[String: Any]])
        #expect(inputs.map { $0["path"] as? String } == ["workload.pledge.packingMax", "links.bandwidth"])
        let swing = try #require(inputs[0]["swing"] as? [String: Any])
        #expect((swing["mean"] as? Double ?? 0) > 0)
    }

    @Test("regret names the choice by its settings, in each world and over all")
    func regret() throws {
        let outcome = try program.run(
            "regret", devnet, "--set", "faults=[]", "--choose", "workload.pledge.packingMax=2,4",
            "--uncertain",
            "tasks.Commit2.duration=-10%,+10%@3", "--replications", "1", "--until", "3h", "--json",
            "--no-progress")
        #expect(outcome.status == 0, "\(outcome.complaint)")
        let document = try outcome.document()
        #expect(document["leastWorstRegret"] as? String == "workload.pledge.packingMax=4")
        let worlds = try #require(document["worlds"] as? [[String: Any]])
        #expect(worlds.map { $0["probability"] as? Double } == [0.25, 0.75])
    }

    @Test("the pipeline's intervals are printed beside Erlang C's waits")
    func pipeline() throws {
        let outcome = try program.run(
            "bench", "simulation", "--replications", "3", "--sectors", "300", "--json")
        #expect(outcome.status == 0, "\(outcome.complaint)")
        let blocks = try #require(try outcome.document()["blocks"] as? [[String: Any]])
        let stations = try #require(blocks[0]["stations"] as? [[String: Any]])
        let waits = stations.compactMap { $0["erlangCSeconds"] as? Double }
        #expect(waits.count == 5)
        for (wait, known) in zip(waits, [16.727, 11.119, 108.4, 20, 89.422]) {
            #expect(abs(wait - known) < 1e-3)
        }
    }

    @Test("Ctrl-C while a million candidates are screened gives the best of those that were seen")
    func interruptedScreening() async throws {
        let handbook = devnet.replacingOccurrences(of: "devnet", with: "handbook-f0494733")
        let running = try Program.start([
            "optimize", handbook, "--target", "3TiB/day", "--range", "p1=1..100", "--range", "c2=1..100",
            "--range", "miner=1..100", "--no-progress",
        ])
        running.hearsInterrupts()
        RunningProgram.rest(milliseconds: 300)
        running.interrupt()
        let result = await running.finish()
        #expect(result.status == 1)
        #expect(result.standardError.contains("interrupted; this is what was done so far"), "\(result)")
        #expect(result.standardOutput.contains(" of 1000000 candidates by formula"), "\(result)")
        #expect(result.standardOutput.contains("not simulated"))
        #expect(result.standardOutput.contains(", 0 simulated, 0 confirmed"), "\(result)")
    }

    @Test("optimize ends with status 1 where no run confirms a cluster, recommends none and says what fails")
    func nothingConfirmed() throws {
        let handbook = devnet.replacingOccurrences(of: "devnet", with: "handbook-f0494733")
        let outcome = try program.run(
            "optimize", handbook, "--target", "3TiB/day", "--range", "p1=1..1", "--range", "c2=1..1",
            "--max-latency", "1h", "--replications", "1", "--simulated", "1", "--until", "3d",
            "--no-progress")
        #expect(outcome.status == 1)
        #expect(outcome.complaint.contains("p95 from pledge to proving is "), "\(outcome.complaint)")
        #expect(
            outcome.complaint.contains("at best (p1=1 c2=1 miner=1), 60 min allowed"), "\(outcome.complaint)")
        #expect(outcome.output.contains("none is confirmed: ") && !outcome.output.contains("least regret"))
    }

    @Test(
        "wrong arguments are refused by name",
        arguments: [
            (["tornado", "--by", "0%"], "--by"), (["tornado", "--by", "much"], "--by"),
            (["tornado", "--json", "--csv"], "--csv"),
            (["tornado", "--input", "hosts.wroker.count"], "hosts.worker.count"),
            (["regret"], "--choose"), (["regret", "--choose", "policy=sealyard"], "no choice"),
            (["regret", "--choose", "hosts.worker.count=2,3", "--target", "7"], "--target"),
            (["regret", "--choose", "hosts.worker.count=2,3", "--set", "faults=[]", "--by", "luck"], "--by"),
            (["optimize", "--target", "1TiB/day", "--max-power", "3"], "--max-power"),
            (["optimize", "--target", "1TiB/day", "--max-capex", "3"], "no costs section"),
            (["optimize", "--target", "1TiB/day", "--max-latency", "soon"], "--max-latency"),
            (["optimize", "--target", "1TiB/day", "--max-hosts", "0"], "--max-hosts"),
        ])
    func refusals(arguments: [String], word: String) throws {
        var list = arguments
        list.insert(devnet, at: 1)
        let outcome = try program.run(list: list)
        #expect(outcome.status == 2 && outcome.complaint.contains(word), "\(outcome.complaint)")
    }
}
