// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

@Suite("Roles, groups and tickets")
struct ForkGroupsTests {
    /// A group of the handbook: slots for labelling, one process for trees, one for pieces; and C2 elsewhere.
    private func group(
        slots: Int = 14, hosts: Int = 1, durations: [TaskType: Duration] = [:],
        options: [String: String] = [:]
    ) -> ClusterSketch {
        var sketch = ClusterSketch(
            ForkGroupsPolicy(PolicyContext(options: options)), durations: durations)
        for host in 0..<hosts {
            sketch.addWorker("apx\(host)", on: "h\(host)", [.addPiece: 1, .commit1: 1, .finalize: 1])
            for slot in 0..<slots { sketch.addWorker("p1-\(host)-\(slot)", on: "h\(host)", [.preCommit1: 1]) }
            sketch.addWorker("p2-\(host)", on: "h\(host)", [.preCommit2: 1])
            sketch.addStore(on: "h\(host)", sealingCountMax: 30)
        }
        sketch.addWorker("c2", on: "c", [.commit2: 1])
        return sketch
    }

    @Test("a bucket of 2 every 4 minutes is filled and not added up")
    func bucket() {
        var tickets = ForkTickets(count: 2, interval: .seconds(240))
        var times: [Double] = []
        for second in stride(from: 0.0, to: 1500, by: 30) where tickets.take(at: Instant(seconds: second)) {
            times.append(second)
        }
        #expect(times == [0, 30, 240, 270, 480, 510, 720, 750, 960, 990, 1200, 1230, 1440, 1470])
        // After a long rest there are two and not twenty; fillings stay whole intervals apart.
        #expect(tickets.available(at: Instant(seconds: 10_000)) == 2)
        let taken = (0..<3).map { _ in tickets.take(at: Instant(seconds: 10_000)) }
        #expect(taken == [true, true, false])
        #expect(tickets.next(after: Instant(seconds: 10_000)) == Instant(seconds: 10_080))
        tickets.giveBack()
        #expect(tickets.available(at: Instant(seconds: 10_001)) == 1)
        #expect(ForkTickets(count: 10, interval: .zero).available(at: .zero) == .max)
    }

    @Test("14 slots fill in 28 minutes, two every four")
    func fill() {
        var sketch = group()
        for sector in UInt64(1)...20 { sketch.submit(.preCommit1, sector: sector, on: "h0") }
        sketch.run(until: Instant(seconds: 24 * 60 - 1))
        #expect(sketch.starts.count == 12)
        sketch.run(until: Instant(seconds: 24 * 60))
        #expect(sketch.starts.count == 14)
        #expect(
            sketch.starts.map { $0.at.seconds / 60 } == [0, 0, 4, 4, 8, 8, 12, 12, 16, 16, 20, 20, 24, 24])
        // First in, first out: sector 15 is the next.
        #expect(sketch.starts.map(\.task.sector.number) == Array(1...14))
        sketch.run(until: Instant(seconds: 3600))
        sketch.finish(ClusterSketch.id(.preCommit1, 3))
        sketch.run(until: Instant(seconds: 3601))
        #expect(sketch.starts.last?.task.sector.number == 15)
    }

    @Test("each group has its own tickets, and a sector stays in its group")
    func groups() {
        var sketch = group(slots: 4, hosts: 2)
        for sector in UInt64(1)...4 { sketch.submit(.preCommit1, sector: sector, on: "h0") }
        for sector in UInt64(5)...6 { sketch.submit(.preCommit1, sector: sector, on: "h1") }
        sketch.run(until: Instant(seconds: 10))
        #expect(sketch.starts.count == 4)
        for start in sketch.starts {
            #expect(start.worker.hasPrefix(start.task.sector.number <= 4 ? "p1-0" : "p1-1"))
        }
    }

    @Test("an interval that is set in minutes stays one in minutes")
    func options() {
        var sketch = group(options: ["p1-tickets": "1", "p1-ticket-minutes": "2.5"])
        for sector in UInt64(1)...3 { sketch.submit(.preCommit1, sector: sector, on: "h0") }
        sketch.run(until: Instant(seconds: 600))
        #expect(sketch.starts.map(\.at.seconds) == [0, 150, 300])
    }

    @Test("new sectors go where most room is, while the group has a slot for pieces")
    func admission() {
        var sketch = group(hosts: 2)
        sketch.addStore(on: "h1", bytes: 1 << 51, sealingCountMax: 30)
        for sector in UInt64(1)...3 { sketch.wish(sector: sector, bytes: 1 << 39) }
        sketch.decide()
        #expect(sketch.admitted.map(\.store) == ["h1", "h1", "h1"])
        sketch.setCordoned("apx1", true)
        sketch.wish(sector: 4, bytes: 1 << 39)
        sketch.decide()
        #expect(sketch.admitted.last?.store == "h0")
    }

    @Test("a GPU that does both leaves Commit2 while its group waits for PreCommit2")
    func sharedGPU() {
        var sketch = ClusterSketch(ForkGroupsPolicy())
        sketch.addWorker("p2c2", on: "h0", [.preCommit2: 1, .commit2: 1])
        sketch.addStore(on: "h0")
        sketch.submit(.preCommit2, sector: 1, on: "h0")
        sketch.submit(.preCommit2, sector: 2, on: "h0")
        sketch.submit(.commit2, sector: 9)
        sketch.decide()
        // One PreCommit2 waits behind the other, so Commit2 does not start although its slot is free.
        #expect(sketch.starts.map(\.task.type) == [.preCommit2])
        sketch.finish(ClusterSketch.id(.preCommit2, 1))
        sketch.decide()
        #expect(sketch.starts.map(\.task.type) == [.preCommit2, .preCommit2, .commit2])
    }

    @Test("PreCommit2 sees a steady stream, where without tickets it sees a burst")
    func stream() {
        let durations: [TaskType: Duration] = [.preCommit1: .seconds(6 * 3600), .preCommit2: .seconds(60)]
        func longestQueue(_ tickets: String) -> Int {
            var sketch = group(durations: durations, options: ["p1-tickets": tickets])
            sketch.followsPipeline = true
            for sector in UInt64(1)...14 { sketch.submit(.preCommit1, sector: sector, on: "h0") }
            var most = 0
            for minute in 0..<480 {
                sketch.run(until: Instant(seconds: Double(minute) * 60 + 1))
                most = max(most, sketch.view.waitingCount(.preCommit2))
            }
            return most
        }
        #expect(longestQueue("2") == 1)
        #expect(longestQueue("14") == 13)
    }
}
