// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Kernel
import Scheduler
import Sim
import Synchronization
import Testing

/// Keeps every record of a world.
private final class Keeper: JournalSink {
    private let kept = Mutex<[JournalRecord]>([])
    var records: [JournalRecord] { kept.withLock { $0 } }
    func record(_ record: JournalRecord) { kept.withLock { $0.append(record) } }
}

/// The "real" run of these tests is a simulated one under another seed: the same journal, and no clock.
@Suite("A recorded run becomes a scenario that foretells it")
struct RecordedRunTests {
    private static let sectorCount = 36

    private struct Recording {
        var run: RecordedRun
        var facts: RecordedFacts
    }

    /// Three hosts; the second dies for good while sectors are under way.
    private func record(kill: Bool = true) throws -> Recording {
        let scenario = try Scenario.parse(
            text: """
                name: real
                sectorSize: 2KiB
                network: devnet
                hosts:
                  - name: worker
                    count: 3
                    cpu: {model: any, sockets: 1, cores: 32, threadsPerCore: 1}
                    memory: 64GiB
                    disks:
                      - {name: ssd, capacity: 100GB, read: 2GB/s, write: 1GB/s, sealing: true, maxSealing: 14}
                    workers:
                      - name: worker
                        role: any
                        group: host
                        slots: {AddPiece: 1, PreCommit1: 2, PreCommit2: 1, Commit1: 1, Commit2: 1,
                                Finalize: 1, WindowPoSt: 1}
                stores: [{name: disk, kind: local, capacity: 1TB, read: 500MB/s, write: 200MB/s}]
                tasks:
                  AddPiece: {duration: {uniform: {min: 1s, max: 3s}}, source: test}
                  PreCommit1: {duration: {lognormal: {median: 120s, sigma: 0.3}}, source: test}
                  PreCommit2: {duration: {normal: {mean: 30s, deviation: 6s, min: 5s}}, source: test}
                  Commit1: {duration: {uniform: {min: 5s, max: 9s}}, source: test}
                  Commit2: {duration: {lognormal: {median: 40s, sigma: 0.2}}, source: test}
                  Finalize: {duration: {uniform: {min: 4s, max: 8s}}, source: test}
                workload:
                  pledge: {every: 1h, packingMax: 0, initialPerHost: 12}
                  sectorsMax: 36
                policy: oldest-local
                \(kill ? "faults: [{at: 5m, kind: workerKilled, target: worker/1/worker/0}]" : "")
                report: {warmUp: 1s, until: 4h}
                """, fileName: "real")
        let cluster = try SimulatedCluster(scenario, options: .init(seed: 4711))
        let keeper = Keeper()
        cluster.world.record(into: keeper)
        cluster.run(until: Instant(seconds: 4 * 3600))
        #expect(cluster.provenCount == Self.sectorCount)
        var reader = RecordedRunReader(node: SimulatedCluster.minerNode)
        for record in keeper.records { try reader.take(record) }
        return Recording(
            run: reader.result,
            facts: RecordedFacts(
                policy: "oldest-local", lease: .seconds(60), network: cluster.plan.network, sectorBytes: 2048)
        )
    }

    @Test("the journal holds every sector, every call and the loss")
    func reading() throws {
        let run = try record().run
        #expect(
            run.workers.map(\.info.name).sorted() == [
                "worker/0/worker/0", "worker/1/worker/0", "worker/2/worker/0",
            ])
        #expect(run.sectors.count == Self.sectorCount)
        #expect(run.endedCount == Self.sectorCount)
        let lost = run.workers.filter { !$0.losses.isEmpty }
        #expect(lost.map(\.info.name) == ["worker/1/worker/0"])
        #expect(lost.first?.losses.map(\.backAt) == [nil])
        for type in TaskType.sealing {
            let done = run.calls.filter { $0.id.task.type == type && $0.isDone }
            #expect(done.count >= Self.sectorCount)
            #expect(Set(done.map(\.id.task.sector)).count == Self.sectorCount)
        }
        // Work ends with the slot and begins no earlier.
        #expect(run.slotSeconds(.preCommit1).reduce(0, +) >= run.workSeconds(.preCommit1).reduce(0, +))
    }

    @Test("its scenario is one group of three hosts, the loss and the durations; its text reads back")
    func scenario() throws {
        let recording = try record()
        let (scenario, conditions) = try recording.run.scenario(name: "again", recording.facts)
        #expect(scenario.hosts.map(\.count) == [3])
        #expect(scenario.hosts.first?.name == "worker")
        #expect(scenario.faults.map(\.kind) == [.workerKilled])
        #expect(scenario.tasks.map(\.provenance).allSatisfy { $0 == .measured })
        #expect(conditions.pledges.map(\.count).reduce(0, +) == Self.sectorCount)
        #expect(conditions.makesSNARK)
        #expect(conditions.lease == .seconds(60))
        let again = try Scenario.parse(text: scenario.normalized.json, fileName: "again")
        let (left, right) = (again.normalized.json, scenario.normalized.json)
        let lines = zip(left.split(separator: "\n"), right.split(separator: "\n"))
        #expect(lines.filter { $0 != $1 }.map { "\($0) / \($1)" } == [])
    }

    @Test("processes that told of one machine share it when their run is simulated")
    func sharedMachine() throws {
        let recording = try record(kill: false)
        let (scenario, conditions) = try recording.run.scenario(name: "again", recording.facts)
        let hosts = ["worker/0", "worker/1", "worker/2"]
        #expect(conditions.machines.keys.sorted() == hosts)
        #expect(conditions.machines.values.map(\.info.name).sorted() == hosts, "each had one of its own")
        func minutes(_ machine: (String) -> String) throws -> Int {
            var conditions = conditions
            for host in hosts {
                conditions.machines[host]?.info.name = machine(host)
                conditions.machines[host]?.info.logicalCoreCount = 4
                conditions.machines[host]?.info.gpus = []
            }
            let cluster = try SimulatedCluster(scenario, options: .init(seed: 5, recorded: conditions))
            var minutes = 0
            while cluster.provenCount < Self.sectorCount, minutes < 600 {
                minutes += 1
                cluster.run(until: Instant(seconds: Double(minutes) * 60))
            }
            return minutes
        }
        let (own, one) = (try minutes { $0 }, try minutes { _ in "box" })
        #expect(Double(one) > 1.5 * Double(own), "\(own) min on machines of their own, \(one) on one")
    }

    // The bug forgets the time of tasks that are lost with their worker: the recorded loss shows it.
    @Test("a simulation of it that breaks a law is named by its title and seed")
    func distrusted() throws {
        let recording = try record()
        let (scenario, conditions) = try recording.run.scenario(name: "again", recording.facts)
        func forecast(_ bug: SeededBug?) throws -> RecordedForecast {
            let side = try RecordedForecast.simulate(
                scenario, conditions, title: "as it was", replications: 1, seed: 3,
                control: .init(bug: bug))
            let figures = try #require(RecordedForecast.Figures(recording.run))
            return RecordedForecast(recorded: figures, simulated: [side], replications: 1)
        }
        let sound = try forecast(nil)
        #expect(sound.distrusted.isEmpty, "\(sound.distrusted)")
        let broken = try forecast(.statisticsForgetLostTasks)
        let words = try #require(broken.distrustText)
        #expect(words.contains("as it was, seed 3: ") && words.contains("utilization law"), "\(words)")
        #expect(broken.document.json.contains("\"law\": \"utilization law\""))
    }

    @Test("simulated as it was, its makespan is within 5 % and its stages' p95 within 10 %")
    func forecast() throws {
        let recording = try record()
        let (scenario, conditions) = try recording.run.scenario(name: "again", recording.facts)
        let real = try #require(RecordedForecast.Figures(recording.run))
        let simulated = try RecordedForecast.simulate(
            scenario, conditions, title: "as it was", replications: 20, seed: 1)
        #expect(simulated.figures.sectors == Double(Self.sectorCount))
        #expect(abs(simulated.figures.makespan / real.makespan - 1) < 0.05)
        #expect(simulated.figures.stages.map(\.name) == real.stages.map(\.name))
        for (ours, theirs) in zip(simulated.figures.stages, real.stages) {
            #expect(
                abs(ours.p95 / theirs.p95 - 1) < 0.10, "\(ours.name): \(ours.p95) s beside \(theirs.p95) s")
        }
    }

    @Test("a further host makes it shorter, a host less longer, by more than chance")
    func whatIf() throws {
        let recording = try record(kill: false)
        let (scenario, conditions) = try recording.run.scenario(name: "again", recording.facts)
        func makespan(hosts: Int) throws -> Interval {
            let changed = try Scenario.parse(
                text: scenario.normalized.json, fileName: "again",
                overrides: [
                    ScenarioOverride("hosts.worker.count=\(hosts)"),
                    ScenarioOverride("hosts.worker.disks.sealing.maxSealing=36"),
                ])
            let simulated = try RecordedForecast.simulate(
                changed, conditions, title: "\(hosts)", replications: 10, seed: 1)
            return try #require(simulated.makespan)
        }
        let (two, three, four) = (try makespan(hosts: 2), try makespan(hosts: 3), try makespan(hosts: 4))
        #expect(two.mean - (two.halfWidth ?? 0) > three.mean + (three.halfWidth ?? 0))
        #expect(three.mean - (three.halfWidth ?? 0) > four.mean + (four.halfWidth ?? 0))
    }

    @Test("a journal without a sealed sector, or with a message that is none, is refused in words")
    func refusals() throws {
        let facts = try record(kill: false).facts
        #expect(throws: SimulationError.self) {
            try RecordedRunReader(node: "miner").result.scenario(name: "empty", facts)
        }
        var reader = RecordedRunReader(node: "miner")
        let scheduler = Address(node: "miner", name: MinerAssembly.schedulerName).description
        #expect {
            try reader.take(
                JournalRecord(
                    time: .zero, kind: .delivered, from: "", to: scheduler,
                    messageName: SchedulerMessage.messageName, bytes: [0xff, 0x00]))
        } throws: { "\($0)".contains("cannot be read") }
    }

    @Test("the table names every side and says how far off it is")
    func output() throws {
        let recording = try record()
        let (scenario, conditions) = try recording.run.scenario(name: "again", recording.facts)
        let real = try #require(RecordedForecast.Figures(recording.run))
        let simulated = try RecordedForecast.simulate(
            scenario, conditions, title: "as it was", replications: 2, seed: 1)
        let forecast = RecordedForecast(recorded: real, simulated: [simulated], replications: 2)
        for word in ["recorded", "as it was", "makespan", "PreCommit1 p95", "%"] {
            #expect(forecast.text.contains(word))
        }
        #expect(forecast.document.json.contains("\"makespanSeconds\""))
    }

    @Test(
        "hosts that are equal make a group by what their names have in common before an index",
        arguments: [
            (["c2-1", "c2-2", "c2-3"], "c2"), (["p1-1", "p1-10", "p1-11"], "p1"),
            (["10-0-0-10", "10-0-0-11", "10-0-0-2"], "10-0-0"), (["node10", "node11", "node12"], "node"),
            (["rack.a", "rack.b", "rack.c"], "rack"), (["1", "2", "3"], "host"),
        ])
    func groupNames(hosts: [String], group: String) {
        #expect(RecordedRun.commonName(hosts) == group)
    }

    @Test("the loss of a host that the changed cluster does not have is left out, and that is said")
    func lossOfWhatIsNoMore() throws {
        let recording = try record()
        let (scenario, conditions) = try recording.run.scenario(name: "again", recording.facts)
        let lost = try #require(scenario.faults.first)
        #expect(lost.target == .worker(group: "worker", index: 1, worker: "w0", instance: 0))
        let one = try scenario.changed(["hosts.worker.count=1"])
        #expect(one.scenario.hosts.map(\.count) == [1] && one.scenario.faults == [])
        #expect(one.omittedFaults == [lost])
        let two = try scenario.changed(["hosts.worker.count=2"])
        #expect(two.scenario.faults == [lost] && two.omittedFaults == [])
        // What is wrong for another reason stays so.
        #expect(throws: ScenarioError.self) { try scenario.changed(["hosts.wroker.count=1"]) }
        #expect(throws: ScenarioError.self) { try scenario.changed(["hosts.worker.count=-1"]) }
        let real = try #require(RecordedForecast.Figures(recording.run))
        var side = try RecordedForecast.simulate(
            one.scenario, conditions, title: "one", replications: 1, seed: 1)
        side.omittedFaults = one.omittedFaults
        let forecast = RecordedForecast(recorded: real, simulated: [side], replications: 1)
        #expect(forecast.text.contains("one: without the recorded workerKilled of worker/1/w0/0"))
        #expect(forecast.document.json.contains("\"omittedFaults\""))
    }

    @Test("its calls are samples of a scenario's tasks, and the forecast says how well a family tells them")
    func fits() throws {
        let recording = try record()
        var samples = DurationSamples()
        try samples.read(recording.run, sectorBytes: 2_048, file: "miner/journal")
        // What was measured with small sectors says nothing of large ones.
        let bench = "{\"SectorSize\": 34359738368, \"SealingResults\": [{\"Commit1\": 1}]}"
        let mixed = #expect(throws: DurationFileError.self) { try samples.read(bench, file: "b.json") }
        #expect(mixed?.description.contains("durations of two sizes do not mix") == true)
        #expect(samples[.preCommit1] == recording.run.workSeconds(.preCommit1))
        #expect(samples[.finalize].count >= Self.sectorCount)
        #expect(samples.sources(of: .commit2) == ["journal miner/journal"])
        let real = try #require(RecordedForecast.Figures(recording.run))
        var forecast = RecordedForecast(recorded: real, simulated: [], replications: 1)
        forecast.fits = RecordedForecast.fits(recording.run)
        #expect(forecast.fits.map(\.kind) == Scenario.TaskKind.sealing)
        #expect(forecast.fits.allSatisfy { $0.fit.distance < 0.3 && $0.fit.sampleCount >= Self.sectorCount })
        #expect(forecast.text.contains("Kolmogorov-Smirnov distance"))
        #expect(forecast.document.json.contains("\"fits\""))
    }
}
