// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import Sim
import Testing

@Suite("The fault search")
struct ExplorerTests {
    @Test("the shipped components are sound where every planted bug is found", arguments: UInt64(1)...12)
    func sound(seed: UInt64) throws {
        let explorer = MutantCluster(mutant: .none).explorer
        #expect(try explorer.trial(ExploreCase(seed: seed, faults: explorer.draw(seed))) == [])
    }

    @Test(
        "a planted bug is found and shrunk to ten fault events or fewer",
        arguments: Mutant.allCases.dropFirst())
    func planted(mutant: Mutant) throws {
        var explorer = MutantCluster(mutant: mutant).explorer
        explorer.shrinkCountMax = 25
        let result = try explorer.search(from: 1, count: 48)
        let failure = try #require(result.failure, "\(mutant) was not found")
        #expect(failure.shrunk.faults.entries.count <= 10)
        #expect(!failure.shrunkFindings.isEmpty)
        // The shrunk case replays from its file.
        let file = try JSONEncoder().encode(failure.shrunk.faults)
        let read = try JSONDecoder().decode(FaultSchedule.self, from: file)
        let again = try explorer.trial(ExploreCase(seed: failure.shrunk.seed, faults: read))
        #expect(again == failure.shrunkFindings)
    }

    @Test("shrinking keeps what matters, pairs a fault with its end, and rounds times")
    func shrinking() throws {
        var random = RandomStream(seed: 4, name: "shrink")
        var faults = FaultSchedule.drawn(
            nodes: ["a", "b", "c"], count: 30, until: Instant(seconds: 10_000), from: &random)
        faults.entries += [
            .init(at: Instant(seconds: 77), .kill(node: "a")),
            .init(at: Instant(seconds: 99), .pause(node: "b")),
            .init(at: Instant(seconds: 501), .restart(node: "a")),
            .init(at: Instant(seconds: 900), .resume(node: "b")),
        ]
        let drawn = faults
        let matters: @Sendable (ExploreCase) -> [Finding] = { one in
            let kills = one.faults.entries.filter { $0.fault == .kill(node: "a") }
            let pauses = one.faults.entries.filter { $0.fault == .pause(node: "b") }
            return kills.isEmpty || pauses.isEmpty ? [] : [Finding(invariant: "x", detail: "y")]
        }
        let explorer = Explorer(draw: { _ in drawn }, trial: matters)
        let failing = ExploreCase(seed: 1, faults: faults)
        try #require(!matters(failing).isEmpty)
        let failure = try explorer.shrink(failing, matters(failing))
        let entries = failure.shrunk.faults.entries
        #expect(entries.count == 4 && entries.contains { $0.fault == .restart(node: "a") })
        #expect(entries.allSatisfy { $0.at.nanoseconds % 1_000_000_000 == 0 })
        #expect(failure.shrinkCount <= 300)
    }

    @Test("the shipped devnet is sound, and a search says the same whatever the number of threads")
    func devnet() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let scenario = try Scenario.load(path: folder.appendingPathComponent("Scenarios/devnet.yaml").path)
        let trial = try ClusterTrial(scenario, sectorCount: 6)
        let result = try trial.explorer.search(from: 1, count: 4, control: .init(threadCount: 2))
        #expect(result.triedCount == 4 && result.isComplete)
        #expect(result.failure?.findings == nil)
        var short = trial
        short.deadline = short.faultsEnd
        short.faultsEnd = Instant(seconds: 60)
        short.deadline = Instant(seconds: 60)
        // Nothing seals within ten minutes of the devnet's chain: the search finds that, on any thread.
        let one = try short.explorer.search(from: 1, count: 8)
        let two = try short.explorer.search(from: 1, count: 8, control: .init(threadCount: 2))
        #expect(one.failure?.shrunk == two.failure?.shrunk && one.failure?.findings == two.failure?.findings)
    }
}
