// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// How sectors come in: as fast as their first tasks are done, and what was begun before what is new.
@Suite("Letting sectors in")
struct EntryTests {
    private static let policies: [String] = ["sealyard", "curio-event"]

    @Test(
        "short tasks are not held up: a sector that was let in counts only until it is labelled",
        arguments: policies)
    func shortTasks(name: String) throws {
        let policy = try #require(PolicyCatalog.make(name, PolicyContext(seed: 1)))
        var sketch = ClusterSketch(
            policy, durations: [.addPiece: .milliseconds(5), .preCommit1: .milliseconds(100)])
        sketch.followsPipeline = true
        sketch.addWorker("w", on: "h", [.addPiece: 1, .preCommit1: 1])
        sketch.addStore(on: "h")
        for sector in UInt64(1)...20 { sketch.wish(sector: sector, bytes: 1) }
        // Twenty labellings one after the other take 2 s; let in by the clock they took a minute and more.
        sketch.run(until: Instant(seconds: 4))
        #expect(sketch.starts.filter { $0.task.type == .preCommit1 }.count == 20)
    }

    @Test("no more come in than will be labelled soon, though for a moment they show in no queue")
    func bounded() {
        var sketch = ClusterSketch(SealyardPolicy(), durations: [.addPiece: .seconds(1)])
        sketch.addWorker("w", on: "h", [.addPiece: 1, .preCommit1: 2])
        sketch.addStore(on: "h")
        for sector in UInt64(1)...20 { sketch.wish(sector: sector, bytes: 1) }
        // Let in, and their AddPiece not asked for yet: two slots, and one more that waits.
        sketch.run(until: Instant(seconds: 5))
        #expect(sketch.admitted.map(\.sector) == [1, 2, 3])
        // Their AddPiece runs, one after the other, and ends; PreCommit1 is not asked for yet.
        for sector in UInt64(1)...3 { sketch.submit(.addPiece, sector: sector, on: "h") }
        for second in 6...10 {
            sketch.run(until: Instant(seconds: Double(second)))
            #expect(sketch.admitted.count == 3)
        }
        for sector in UInt64(1)...3 { sketch.submit(.preCommit1, sector: sector, on: "h") }
        sketch.run(until: Instant(seconds: 15))
        #expect(sketch.runningCounts(.preCommit1) == ["w": 2])
        #expect(sketch.admitted.count == 3, "one waits already")
        sketch.finish(ClusterSketch.id(.preCommit1, 1))
        sketch.run(until: Instant(seconds: 24))
        #expect(sketch.admitted.map(\.sector) == [1, 2, 3, 4])
        // A sector that waits for deals keeps nobody out for long.
        sketch.run(until: Instant(seconds: 30))
        #expect(sketch.admitted.count == 5)
    }

    @Test("a sector that lost its files is let in again before those that never began")
    func begunFirst() throws {
        let cluster = try LifecycleCluster(pledged: 52)
        cluster.runner.failure = { request in
            let isFirst = request.id.type == .preCommit2 && request.id.attempt == 1
            return isFirst && request.id.sector.number == 1
                ? TaskFailure(cause: .filesLost, message: "a disk was wiped") : nil
        }
        cluster.run(seconds: 1200)
        // The store has room for fifty.
        let labelled = cluster.runner.started.filter { $0.task.type == .preCommit1 }
            .map { "\($0.task.sector.number), try \($0.task.attempt)" }
        let again = try #require(labelled.firstIndex(of: "1, try 2"))
        let new = try #require(labelled.firstIndex(of: "51, try 1"))
        #expect(again < new, "\(labelled)")
    }
}
