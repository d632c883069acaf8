// SPDX-License-Identifier: Apache-2.0
import Chain
import Engine
import Foundation
import Kernel
import Logging
import Scheduler
import Testing

/// What operators read about proving.
@Suite("Proving views")
struct ProvingViewTests {
    private let period = ProvingPeriod(parameters: .standard, offset: 100)

    /// Deadline 5 is open from 400 to 460, the head is 430; sectors 2 and 3 are faulty, 3 recovers.
    private func standing() -> MinerClient.ProvingStanding {
        let head: Int64 = 430
        let deadlines = (0..<48).map { index in
            let times = period.times(index, notElapsedAt: head)
            var partitions: [DeadlineStatus.Partition] = []
            if index == 5 {
                partitions = [
                    .init(
                        live: [1, 2, 3], faulty: [2, 3], recovering: [3], provenOpen: times.open,
                        provenEpoch: 403),
                    .init(live: [4], provenOpen: times.open - 2880, provenEpoch: 403 - 2880),
                ]
            } else if index == 7 {
                partitions = [
                    .init(live: [5], expired: [6], ended: [7], provenOpen: times.open - 2880, provenEpoch: 1)
                ]
            }
            return DeadlineStatus(
                miner: 1000, head: head, times: times, partitions: partitions, randomness: nil)
        }
        let counts = deadlines.map(\.partitions.count)
        return MinerClient.ProvingStanding(
            status: ProvingStatus(
                miner: 1000, period: period, head: head, partitionCounts: counts, liveCount: 5, faultyCount: 2
            ), deadlines: deadlines, epochDuration: .seconds(30))
    }

    @Test("info tells the period, the faults and the open deadline, with distances in time")
    func info() {
        #expect(
            ProvingInfoView(standing()).text == """
                Miner:                   f01000

                Current Epoch:           430
                Proving Period Boundary: 100
                Proving Period Start:    100 (2h45m0s ago)
                Next Period Start:       2980 (in 21h15m0s)

                Faults:                  2 (40.00%)
                Recovering:              1

                Deadline Index:          5
                Deadline Sectors:        4
                Deadline Open:           400 (15m0s ago)
                Deadline Close:          460 (in 15m0s)
                Deadline Challenge:      380 (25m0s ago)
                Deadline FaultCutoff:    330 (50m0s ago)
                """)
    }

    @Test(
        "deadlines are rows, the open one is marked, and others count what was proven at their last opening")
    func deadlines() {
        let views = DeadlineView.all(standing()).filter { !$0.partitions.isEmpty }
        #expect(
            DeadlineView.text(views, miner: 1000) == """
                Miner: f01000
                deadline  open  partitions  sectors (faults)  proven partitions
                5         400   2           4 (2)             1 (current)
                7         520   1           1 (0)             1
                """)
        #expect(
            DeadlineView.faultText(views, miner: 1000) == """
                Miner: f01000
                deadline  partition  sectors
                5         0          2 3
                """)
    }

    @Test("a deadline is a block and a block for each partition")
    func deadline() {
        let view = DeadlineView.all(standing())[7]
        #expect(
            view.text(showsNumbers: true) == """
                Deadline Index:       7
                Deadline Open:        520
                Deadline Close:       580
                Deadline Challenge:   500
                Deadline FaultCutoff: 450
                Partitions:           1
                Proven Partitions:    1
                Current:              false

                Partition Index:      0
                Sectors:              1
                Sector Numbers:       [5]
                Faults:               0
                Faulty Sectors:       []
                Recovering Sectors:   []
                Expired Sectors:      [6]
                Ended Sectors:        [7]
                Last Proven:          1
                """)
        #expect(!view.text(showsNumbers: false).contains("Sector Numbers"))
    }

    @Test("how deadlines ended is kept over a restart, the oldest give way, and a missed one is explained")
    func history() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "deadlines-\(UUID()).sqlite").path
        defer {
            for end in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: path + end) {
                do { try FileManager.default.removeItem(atPath: path + end) } catch {
                    Issue.record("\(path + end) stays behind: \(error)")
                }
            }
        }
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        func report(_ index: Int, missed: Bool) -> DeadlineReport {
            DeadlineReport(
                times: period.times(index, notElapsedAt: 100), dueCount: 2, provenCount: missed ? 1 : 2,
                missed: missed ? [1] : [], skipped: [3], steps: [],
                explanation: missed ? "no worker took it" : nil)
        }
        do {
            let store = try SQLiteDeadlineStore(path: path, countMax: 3, log: quiet)
            for index in 0..<5 { store.deadlineClosed(report(index, missed: index == 3), at: .zero) }
            store.deadlineClosed(report(4, missed: false), at: .zero)
        }
        let store = try SQLiteDeadlineStore(path: path, countMax: 3, log: quiet)
        #expect(try store.latest(10, onlyMissed: false).map(\.report.times.index) == [4, 3, 2])
        #expect(try store.latest(1, onlyMissed: false).map(\.report.times.index) == [4])
        let missed = try store.latest(10, onlyMissed: true)
        #expect(missed.map(\.report) == [report(3, missed: true)])
        var view = ClosedDeadlineView(missed[0])
        view.at = "2024-01-02T03:04:05Z"
        #expect(
            ClosedDeadlineView.text([view]) == """
                time                  deadline  open  close  partitions  proven  skipped sectors
                2024-01-02T03:04:05Z  3         280   340    2           1       3

                no worker took it
                """)
    }
}
