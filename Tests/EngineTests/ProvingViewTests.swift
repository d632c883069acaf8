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

    // MARK: Restarts

    private func running(_ tasks: [(TaskID, worker: String)]) throws -> SchedulerDiagnosis {
        var diagnosis = try OperatorSample.diagnosis()
        let sample = diagnosis.running[0]
        diagnosis.running = tasks.map { task, worker in
            var item = sample
            (item.task, item.worker) = (task, worker)
            return item
        }
        return diagnosis
    }

    private func task(_ number: UInt64, _ type: TaskType) -> TaskID {
        TaskID(sector: SectorKey(miner: 1000, number: number), type: type, attempt: 1)
    }

    @Test("a restart waits for the open deadline's proofs, for a finalize and for a deadline that is near")
    func minerRestart() throws {
        let proof = PoStTasks.id(
            miner: 1000, period.times(5, notElapsedAt: 430), partition: 1, attempt: 1, isCheck: false)
        let diagnosis = try running([
            (task(8, .preCommit1), "w1"), (task(9, .finalize), "w2"), (proof, "w2"),
        ])
        let view = RestartView(diagnosis, standing(), worker: nil, margin: .seconds(3_600))
        #expect(!view.isSafe && view.otherTasks == 1)
        #expect(Set(view.obstacles.map(\.code)) == [.deadlineOpen, .deadlineSoon, .finalize, .proof])
        // Deadline 7 opens at 520, 90 epochs of 30 seconds from now.
        #expect(view.secondsToDeadline == 2_700)
        #expect(
            view.text.hasPrefix(
                "miner: do not restart now; 1 other tasks go on in their workers; the next deadline opens in "
                    + "45m0s\n  deadline 5 is open until 460 (in 15m0s), and partitions without a proof on "
                    + "the chain are 1\n  deadline 7 opens in 45m0s, and a restart may take 1h0m0s\n"),
            "\(view.text)")
    }

    @Test("with the proofs on the chain, the next deadline far and no finalize it is safe")
    func safeRestart() throws {
        var standing = standing()
        standing.deadlines[5].partitions[1].provenOpen = standing.deadlines[5].times.open
        let diagnosis = try running([(task(8, .preCommit1), "w1"), (task(9, .commit2), "w2")])
        let view = RestartView(diagnosis, standing, worker: nil, margin: .seconds(2_700))
        #expect(view.isSafe && view.obstacles.isEmpty, "\(view.text)")
        #expect(view.text.hasPrefix("miner: safe to restart; 2 other tasks go on"))
        // A partition of which every sector is faulty is not proven, and need not be.
        standing.deadlines[5].partitions[1].provenOpen = nil
        standing.deadlines[5].partitions[1].faulty = [4]
        #expect(RestartView(diagnosis, standing, worker: nil, margin: .zero).isSafe)
        standing.deadlines[5].partitions[1].recovering = [4]
        #expect(!RestartView(diagnosis, standing, worker: nil, margin: .zero).isSafe)
    }

    @Test("a worker waits for all that runs on it, and for deadlines only if it proves")
    func workerRestart() throws {
        let diagnosis = try running([(task(8, .preCommit1), "w1"), (task(9, .finalize), "w2")])
        let busy = RestartView(diagnosis, standing(), worker: "w1", margin: .seconds(3_600))
        #expect(busy.obstacles.map(\.code) == [.task] && busy.secondsToDeadline == nil)
        #expect(busy.text == "w1: do not restart now\n  f01000-8/PC1/1 runs on w1")
        let idle = RestartView(try running([]), standing(), worker: "w1", margin: .seconds(3_600))
        #expect(idle.text == "w1: safe to restart")
        var proving = try running([])
        proving.workers[0].slots = [.init(.windowPoSt, 1)]
        let name = proving.workers[0].name
        let view = RestartView(proving, standing(), worker: name, margin: .seconds(3_600))
        #expect(view.obstacles.map(\.code) == [.deadlineOpen, .deadlineSoon])
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
