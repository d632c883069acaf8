// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

/// A shipped scenario with values set over it, run and recorded.
private struct Run {
    let report: SimulationReport
    let recorder: RunRecorder
    let scenario: Scenario
    let end: Instant

    init(_ name: String, _ sets: [String] = [], days: Double = 10, seed: UInt64 = 1) throws {
        scenario = try Scenario.load(
            path: Clusters.folder.appendingPathComponent(name + ".yaml").path,
            overrides: sets.map { ScenarioOverride($0) })
        let cluster = try SimulatedCluster(scenario, options: .init(seed: seed))
        end = Clusters.days(days)
        recorder = cluster.record(until: end)
        cluster.run(until: end)
        report = cluster.report()
    }

    var page: String {
        ReportPage(
            report: report, scenario: scenario, recorder: recorder, now: end, sourceText: "", version: "0"
        ).html
    }

    var files: ReportFiles { ReportFiles(report: report, recorder: recorder, now: end) }
}

private let oneHost = "reference-15x3h"

@Suite("What holds a cluster back, and what it gains without")
struct BottleneckTests {
    // 8 places, each held for 3 h of PreCommit1, 15 + 10 min of other tasks and 80 min of the chain.
    @Test("room on sealing stores is a limit like any other; a run with more room gains what it promises")
    func room() throws {
        let few = try Run(oneHost, ["hosts.sealer.disks.nvme.maxSealing=8"])
        let measured = try #require(few.report.sectorsPerHour)
        let first = try #require(few.report.limits.first)
        #expect(first.name == "room on sealing stores" && first.formula.hasPrefix("8 sectors × 4.7"))
        #expect(abs(measured / first.sectorsPerHour - 1) < 0.03, "\(measured) of \(first)")
        let bottleneck = try #require(few.report.bottleneck)
        #expect(bottleneck.name == first.name && bottleneck.sectorsPerHour == first.sectorsPerHour)
        #expect(bottleneck.evidence.contains("sectors wait for room in the mean"))
        let gain = try #require(few.report.bottleneckGain)
        #expect(gain.next == "PreCommit1" && gain.tebibytesPerDay == few.report.whatIfs.first?.gain)
        let many = try Run(oneHost, ["hosts.sealer.disks.nvme.maxSealing=1000"])
        let gained = try #require(many.report.tebibytesPerDay) - (few.report.tebibytesPerDay ?? 0)
        #expect(abs(gained / gain.tebibytesPerDay - 1) < 0.05, "\(gained) of \(gain)")
        #expect(many.report.bottleneck?.name == "PreCommit1")
        // All of it in every form of the report.
        let sentence =
            "could seal \(SimulatedCluster.figure(gain.tebibytesPerDay)) TiB/day more, until PreCommit1"
        #expect(few.page.contains(sentence))
        #expect(few.files.limitsCSV.split(separator: "\n")[1].hasPrefix("room on sealing stores,"))
        #expect(few.report.document.json.contains("\"waiting\""))
    }

    private static let bounded: [(String, [String], Double)] = [
        (oneHost, [], 6), (oneHost, ["hosts.sealer.disks.nvme.maxSealing=3"], 10),
        (oneHost, ["hosts.sealer.disks.nvme.maxSealing=8", "miner.finalizeEarly=true"], 10),
        (oneHost, ["tasks.PreCommit2.duration=1h"], 6), ("reference-1pib", [], 4),
        ("reference-1pib", ["hosts.sealer.disks.nvme.maxSealing=12"], 4),
        ("reference-1pib", ["hosts.trees.disks.nvme.maxSealing=4"], 4), ("curio-node", [], 6),
    ]

    @Test("no run is faster than any of its limits, by more than noise", arguments: bounded)
    func bounds(name: String, sets: [String], days: Double) throws {
        let report = try Run(name, sets, days: days).report
        let measured = try #require(report.sectorsPerHour)
        let noise = 0.02 + 1 / (measured * (days - 1) * 24).squareRoot()
        for limit in report.limits {
            #expect(measured <= limit.sectorsPerHour * (1 + noise), "\(measured), \(limit)")
        }
        #expect(report.limits.contains { $0.name == "room on sealing stores" })
    }

    @Test("gains that add up are told as such, and the way of a sector has its median and its late end")
    func words() throws {
        let run = try Run(oneHost, days: 4)
        let details = run.report.details(run.recorder, run.scenario)
        let lines = details.split(separator: "\n").map(String.init)
        let first = try #require(lines.firstIndex { $0.hasPrefix("if infinite   PreCommit1: ") })
        #expect(lines[first + 1].hasPrefix("and then      ") && lines[first + 1].contains(" on top, then "))
        #expect(lines.count { $0.hasPrefix("if infinite") } == 1)
        let span = SimulatedCluster.span
        let (median, late) = try (
            #require(run.report.sojournP50Seconds), #require(run.report.sojournP95Seconds)
        )
        #expect(run.report.text.contains("in the mean (median \(span(median)), p95 \(span(late)))"))
        #expect(run.page.contains("in the mean; median \(span(median)), p95 \(span(late))"))
    }

    @Test("a run within its warm-up says so in its first lines, and what it therefore lacks")
    func warmUp() throws {
        let short = try Run(oneHost, days: 1)
        let lines = short.report.text.split(separator: "\n")
        #expect(lines[2].hasPrefix("warm-up       the run of 1 d ends within the warm-up of 1 d"))
        #expect(lines[2].contains("no bottleneck"))
        #expect(short.page.contains("the run of 1 d ends within the warm-up of 1 d"))
        #expect(short.report.bottleneck == nil && short.report.limits.count > 3)
        let long = try Run(oneHost, days: 1.5)
        #expect(long.report.warmUpText == nil && !long.report.text.contains("warm-up       "))
    }

    @Test("a long-term store that is full is named, and the sectors that wait for it")
    func fullStore() throws {
        let run = try Run(oneHost, ["stores.shelf.capacity=10TiB"])
        let why = try #require(run.report.preCommit1Diagnosis)
        #expect(why.contains("sectors are in FinalizeFailed in the mean"), "\(why)")
        #expect(why.contains("the long-term store shelf (10 TiB) is full since 2."), "\(why)")
        let bottleneck = try #require(run.report.bottleneck)
        #expect(bottleneck.name == "room on long-term stores")
        #expect(bottleneck.evidence.contains("shelf takes 319 sectors"), "\(bottleneck.evidence)")
        #expect(run.report.bottleneckGain?.next == "PreCommit1")
        #expect(run.report.document.json.contains("\"fullStores\""))
        // With room nothing of it is said.
        #expect(try Run(oneHost, days: 3).report.fullStores == [])
    }

    @Test("disks that have room are not blamed: the policy is, with the places that are left")
    func policy() throws {
        let run = try Run("curio-node", days: 6)
        let why = try #require(run.report.preCommit1Diagnosis)
        #expect(why.contains("the policy (curio-event)") && why.contains("places left"), "\(why)")
        #expect(!why.contains("no room"))
        let room = try #require(run.report.room)
        #expect(!room.isFull && room.waiting > 1, "\(room)")
        // It lets in no more since those that it let in wait: the eighth PreCommit1 has no memory.
        #expect(why.contains("counts of memory, cores, cards and links holds them back"), "\(why)")
        #expect(why.contains("% of the time sealer/0/curio/0: may need 64.0 GiB of memory and swap"))
        #expect(room.waitsFor.map(\.code) == ["held"], "\(room)")
        #expect(run.page.contains("<h2>What waiting tasks waited for</h2>"))
        #expect(
            run.page.contains(
                "<th scope=\"row\">PreCommit1</th><td>97.3 %</td><td>sealer/0/curio/0: may need"))
        let roomy = try Run("curio-node", ["hosts.0.memory=1TiB"], days: 6).report
        #expect(roomy.stages[1].waitsFor.allSatisfy { $0.code != "virtualMemory" }, "\(roomy.stages[1])")
        let larger = try Run("curio-node", ["hosts.0.disks.0.capacity=100TB"], days: 6)
        #expect(larger.report.tebibytesPerDay == run.report.tebibytesPerDay)
    }

    @Test("where moves between hosts are full, they are what PreCommit1 waits for")
    func moves() throws {
        let run = try Run("reference-1pib", days: 4)
        #expect(run.report.bottleneck?.name == "moves between hosts")
        let why = try #require(run.report.preCommit1Diagnosis)
        #expect(why.contains("no more passes by moves between hosts"), "\(why)")
    }
}

@Suite("Faults in the report")
struct FaultReportTests {
    private static let card = "hosts.sealer.gpus=[{model: any, count: 1}]"

    // The only card is gone for two days of four: two PreCommit2 slots for 48 h.
    @Test("what broke is in every form of the report, and is named where it explains what is missing")
    func named() throws {
        let run = try Run(
            oneHost, [Self.card, "faults=[{at: 1d, kind: gpuLost, target: sealer, duration: 2d}]"], days: 5)
        let tally = try #require(run.report.faults.first)
        #expect(run.report.faults.count == 1 && tally.kind == .gpuLost && tally.count == 1)
        #expect(tally.firstSeconds == 86_400 && tally.seconds == 172_800 && tally.targets == ["sealer"])
        #expect(tally.slotHours.map(\.stage) == ["PreCommit2"] && tally.slotHours.map(\.hours) == [96])
        let line =
            "faults        gpuLost of sealer: once, at 1 d, 48 h in all; slot hours lost: PreCommit2 96"
        #expect(run.report.text.contains(line), "\(run.report.text)")
        #expect(run.report.document.json.contains("\"slotHoursLost\""))
        #expect(
            run.files.faultsCSV.split(separator: "\n")[1] == "gpuLost,sealer,1,86400,172800,,,96,,,"
                || run.files.faultsCSV.contains("gpuLost,sealer,1,86400,172800,0,0,96,0,0,0"))
        let page = run.page
        #expect(page.contains("<h2>Faults</h2>"))
        // In both plots and among the tasks of the first day after the warm-up.
        #expect(page.components(separatedBy: "<title>gpuLost of sealer</title>").count == 4)
        let bottleneck = try #require(run.report.bottleneck)
        #expect(bottleneck.name == "gpuLost", "\(bottleneck)")
        #expect(bottleneck.evidence.contains("50 % of the PreCommit2 slots were away (gpuLost of sealer)"))
        let why = try #require(run.report.preCommit1Diagnosis)
        #expect(why.contains("because 50 % of the PreCommit2 slots were away (gpuLost of sealer)"), "\(why)")
        let calm = try Run(oneHost, [Self.card], days: 3)
        #expect(calm.report.faults == [] && !calm.page.contains("<h2>Faults</h2>"))
        #expect(!calm.page.contains("class=\"fault\"") && !calm.report.text.contains("faults  "))
    }

    @Test("faults are counted by kinds up to the run's end, each absence once; what did not come is named")
    func tallies() throws {
        let faults = """
            faults=[{at: 10h, kind: hostDown, target: prover, duration: 4h},
            {at: 12h, kind: workerKilled, target: prover/0/c2/0, duration: 1h},
            {at: 30h, kind: hostDown, target: sealer/0}, {at: 3h, kind: chainReorg, target: chain},
            {at: 20h, kind: storeSlow, target: shelf, duration: 2h, factor: 2},
            {at: 40d, kind: minerKilled, target: miner, duration: 1m}]
            """
        let report = try Run(oneHost, [faults.replacing("\n", with: " ")], days: 1.5).report
        #expect(report.faults.map(\.kind) == [.chainReorg, .hostDown, .workerKilled, .storeSlow])
        let down = try #require(report.faults.first { $0.kind == .hostDown })
        // 4 h, and 6 h up to the run's end.
        #expect(down.count == 2 && down.seconds == 10 * 3600 && down.targets == ["prover", "sealer/0"])
        let hours = Dictionary(uniqueKeysWithValues: down.slotHours.map { ($0.stage, $0.hours) })
        #expect(hours["Commit2"] == 8 && hours["PreCommit1"] == 90 && hours["AddPiece"] == 6, "\(hours)")
        // That process was down already.
        let killed = try #require(report.faults.first { $0.kind == .workerKilled })
        #expect(killed.seconds == 3600 && killed.slotHours == [])
        let note = try #require(report.notModelled.first { $0.what == "faults" })
        #expect(note.reason == "minerKilled of miner at 40d comes after the run's end")
    }

    @Test("faults with a rhythm are counted as they come, those of long runs without end to the table")
    func rhythm() throws {
        let report = try Run(
            "devnet",
            [
                "report.warmUp=1h",
                "faults=[{mtbf: 20m, mttr: 1m, kind: workerPaused, target: worker}, "
                    + "{mtbf: 5000d, mttr: 1m, kind: chainDown, target: chain}]",
            ], days: 0.5
        ).report
        let paused = try #require(report.faults.first { $0.kind == .workerPaused })
        // Three processes for 12 h, one pause in 21 minutes each: about 103.
        #expect(abs(paused.count - 103) < 40 && abs(paused.seconds / 60 - 103) < 50, "\(paused)")
        #expect(paused.targets.count == 3 && report.faultMarks.count == paused.count)
        #expect(
            report.notModelled.contains { $0.reason.contains("chainDown of chain, every 5000d in the mean") })
    }

    @Test(
        "a fault of something that the target does not have is refused",
        arguments: [
            ("{at: 1d, kind: gpuLost, target: sealer}", "sealer has no gpus for gpuLost to hit"),
            ("{at: 1d, kind: diskLost, target: prover/0}", "prover has no sealing disks for diskLost to hit"),
            ("{at: 1d, kind: diskFull, target: prover}", "prover has no sealing disks for diskFull to hit"),
        ])
    func refused(fault: String, message: String) throws {
        do {
            _ = try Run(oneHost, ["faults=[\(fault)]"], days: 0.01)
            Issue.record("accepted: \(fault)")
        } catch let error as ScenarioError {
            #expect(error.code == .impossible && error.message.contains(message), "\(error.message)")
        }
    }
}
