// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Kernel
import Scheduler
import Sim
import Synchronization
import Testing

@Suite("The fault search")
struct ExplorerTests {
    private func trial(_ bug: SeededBug? = nil) throws -> ClusterTrial {
        try FaultSearchBenchmark.trial(Clusters.shipped("devnet"), bug: bug)
    }

    @Test("a seeded bug is found and shrunk to ten faults or fewer", arguments: SeededBug.allCases)
    func finds(bug: SeededBug) throws {
        var explorer = Explorer(try trial(bug))
        explorer.shrinkCountMax = FaultSearchBenchmark.shrinkCountMax
        let result = try explorer.search(from: 1, count: FaultSearchBenchmark.runCountMax)
        let failure = try #require(result.failures.first, "\(bug) was not found in \(result.triedCount) runs")
        #expect(failure.shrunk.faults.count <= 10)
        #expect(!failure.shrunkFindings.isEmpty)
        // The shrunk case fails again, and without the bug it does not.
        #expect(try explorer.trial(failure.shrunk) == failure.shrunkFindings)
        #expect(try trial().run(failure.shrunk).findings == [])
    }

    @Test("the shipped components are sound under the same faults")
    func sound() throws {
        let result = try Explorer(try trial()).search(from: 1, count: 64)
        #expect(result.failures == [] && result.triedCount == 64 && result.isComplete)
    }

    @Test("a search says the same whatever the number of threads")
    func threads() throws {
        var explorer = Explorer(try trial(.schedulerForgetsDeadCalls))
        explorer.failureCountMax = 2
        explorer.shrinkCountMax = 8
        let one = try explorer.search(from: 1, count: 64)
        #expect(try explorer.search(from: 1, count: 64, control: .init(threadCount: 4)) == one)
        #expect(one.failures.count == 2)
    }

    @Test("its progress says how long the rest takes at the pace so far")
    func timeLeft() throws {
        let explorer = Explorer(draw: { _ in [] }, trial: { _ in [] })
        let told = Mutex<[StudyProgress]>([])
        // Two seconds pass from one look at the clock to the next.
        let seconds = Mutex<Int64>(0)
        let control = StudyControl(
            progress: { news in told.withLock { $0.append(news) } },
            clock: {
                seconds.withLock { now in
                    now += 2
                    return now * 1_000_000_000
                }
            })
        let result = try explorer.search(from: 1, count: 20, control: control)
        #expect(result.triedCount == 20)
        let last = try #require(told.withLock { $0.last })
        #expect(last.done == 20 && last.secondsLeft == 0)
        let early = try #require(told.withLock { $0.first { $0.done == 1 } })
        #expect((early.secondsLeft ?? 0) >= 38, "\(early)")
    }

    @Test("shrinking keeps what matters alone, short, at round times, and on one host")
    func shrinking() throws {
        let scenario = try Clusters.shipped("devnet")
        var random = RandomStream(seed: 4, name: "shrink")
        var faults = FaultDraw(scenario).faults(count: 40, until: .seconds(9_000), from: &random)
        faults.removeAll { $0.kind == .hostSlow || $0.kind == .storeFull }
        let matter = [
            Scenario.Fault(
                .hostSlow, at: .milliseconds(777_777), target: .group("worker"), duration: .seconds(4_000)),
            Scenario.Fault(
                .storeFull, at: .milliseconds(888_888), target: .store("disk"), duration: .seconds(3_000)),
        ]
        faults = Array((faults + matter).sorted { $0.at < $1.at })
        let explorer = Explorer(
            draw: { _ in [] },
            trial: { one in
                let slow = one.faults.contains {
                    $0.kind == .hostSlow && $0.duration ?? .zero >= .seconds(100)
                }
                let isBroken = slow && one.faults.contains { $0.kind == .storeFull }
                return isBroken ? [Finding(invariant: "x", detail: "y")] : []
            })
        let failing = ExploreCase(seed: 1, faults: faults)
        let failure = try explorer.shrink(failing, explorer.trial(failing))
        #expect(failure.shrunk.faults.map(\.kind) == [.hostSlow, .storeFull])
        #expect(failure.shrunk.faults.map(\.at) == [.seconds(720), .seconds(840)])
        #expect(failure.shrunk.faults[0].target == .host(group: "worker", index: 0))
        #expect(failure.shrunk.faults[0].duration == .seconds(125))
        #expect(failure.shrunk.faults[1].duration == .seconds(1))
        #expect(failure.shrinkCount <= 300)
    }

    @Test("a search that is stopped says what was tried, and one without room to search is refused")
    func stops() throws {
        let explorer = Explorer(draw: { _ in [] }, trial: { _ in [] })
        let stopped = try explorer.search(from: 1, count: 500, control: .init(shouldStop: { true }))
        #expect(stopped.triedCount == 0 && stopped.failures.isEmpty && !stopped.isComplete)
        #expect(throws: StudyError.self) { try explorer.search(from: 1, count: 0) }
    }

    @Test("the faults of a failure read back from their file and from their line")
    func files() throws {
        let scenario = try Clusters.shipped("devnet")
        var random = RandomStream(seed: 9, name: "file")
        let faults = FaultDraw(scenario).faults(count: 60, until: .seconds(9_000), from: &random)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("faults-\(UUID()).yaml")
        defer { do { try FileManager.default.removeItem(at: file) } catch { Issue.record(error) } }
        try Data(faults.file.utf8).write(to: file)
        let path = Clusters.folder.appendingPathComponent("devnet.yaml").path
        #expect(try Scenario.load(path: path, faultsPath: file.path).faults == faults)
        let line = ScenarioOverride("faults=\(Array(faults.prefix(30)).yaml)")
        #expect(try Scenario.load(path: path, overrides: [line]).faults == Array(faults.prefix(30)))
        try Data("name: x\n".utf8).write(to: file)
        #expect(throws: ScenarioError.self) { try Scenario.load(path: path, faultsPath: file.path) }
    }
}
