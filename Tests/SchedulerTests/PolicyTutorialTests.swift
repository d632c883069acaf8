// SPDX-License-Identifier: Apache-2.0
import Chain
import Foundation
import Kernel
import Scheduler
import Testing

@Suite("The tutorial's policy")
struct PolicyTutorialTests {
    // tutorial: test
    @Test func workersInTurn() {
        var sketch = ClusterSketch(RoundRobinPolicy(), durations: [.commit2: .seconds(60)])
        for name in ["a", "b", "c"] { sketch.addWorker(name, on: name, [.commit2: 1]) }
        for sector in UInt64(1)...6 { sketch.submit(.commit2, sector: sector) }
        sketch.run(until: Instant(seconds: 120))
        #expect(sketch.starts.map(\.worker) == ["a", "b", "c", "a", "b", "c"])
    }
    // tutorial: end

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private func text(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
    }

    @Test("it has fewer than forty lines, its test fewer than ten, and the page shows both as they are")
    func lines() throws {
        let policy = try text("Sources/Scheduler/Policies/RoundRobinPolicy.swift")
        #expect(policy.split(separator: "\n", omittingEmptySubsequences: false).count < 40)
        let own = try text("Tests/SchedulerTests/PolicyTutorialTests.swift")
        let test = own.components(separatedBy: "// tutorial: test\n")[1].components(
            separatedBy: "    // tutorial: end")[0]
        #expect(test.split(separator: "\n").count < 10)
        let page = try text("Sources/Scheduler/Policies.md")
        let body = policy.components(separatedBy: "package import Kernel\n\n")[1]
        #expect(page.contains(body.trimmingCharacters(in: .whitespacesAndNewlines)))
        let plain = test.split(separator: "\n").map { $0.hasPrefix("    ") ? $0.dropFirst(4) : $0 }.joined(
            separator: "\n")
        #expect(page.contains(plain))
    }

    @Test(
        "every policy has a name of its own and a line of words, and decides nothing on an empty cluster"
    )
    func catalog() {
        #expect(Set(PolicyCatalog.names).count == PolicyCatalog.names.count)
        for type in PolicyCatalog.policies {
            #expect(!type.summary.isEmpty && !type.summary.contains("\n"), "\(type.name)")
            var policy = type.init(PolicyContext(seed: 3))
            #expect(policy.decide(ClusterView(), at: .zero) == [])
        }
    }

    @Test(
        "every policy drains a pipeline on a cluster of two hosts, and repeats itself",
        arguments: PolicyCatalog.names)
    func drains(name: String) throws {
        guard name != ExternalPolicy.name else { return }
        func run() throws -> ClusterSketch {
            var sketch = ClusterSketch(
                try #require(PolicyCatalog.make(name, PolicyContext(seed: 5))), sealingBytes: 1 << 39,
                durations: [
                    .addPiece: .seconds(1), .preCommit1: .seconds(500), .preCommit2: .seconds(100),
                    .commit1: .seconds(5), .commit2: .seconds(90), .finalize: .seconds(3),
                ])
            sketch.followsPipeline = true
            for host in ["h0", "h1"] {
                sketch.addWorker(
                    host + "/w", on: host,
                    [.addPiece: 1, .preCommit1: 4, .preCommit2: 1, .commit1: 1, .commit2: 1, .finalize: 1],
                    canFetch: true)
                sketch.addStore(on: host, bytes: 20 << 39)
            }
            for sector in UInt64(1)...12 { sketch.wish(sector: sector, bytes: 1 << 39) }
            sketch.run(until: Instant(seconds: 200_000))
            return sketch
        }
        let first = try run()
        #expect(first.admitted.count == 12)
        #expect(first.ends.filter { $0.task.type == .finalize }.count == 12, "\(first.holds)")
        #expect(try run().starts == first.starts)
    }
}
