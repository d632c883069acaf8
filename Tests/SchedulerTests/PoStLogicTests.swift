// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// Deadline 10 opens at epoch 600: its sectors are read from 470, declared by 520, the cutoff is 530, the
/// challenge is of 580, and it closes at 660.
@Suite("The logic of proving deadlines")
struct PoStLogicTests {
    private func driver(_ counts: [Int], at epoch: Int64 = 400) -> PoStDriver {
        var driver = PoStDriver(at: epoch)
        var first: UInt64 = 1
        driver.partitions[10] = counts.map { count in
            defer { first += UInt64(count) }
            return DeadlineStatus.Partition(live: SectorNumbers(first..<first + UInt64(count)))
        }
        return driver
    }

    private func failed(_ cause: TaskFailure.Cause, _ message: String) -> TaskResult {
        .failed(TaskFailure(cause: cause, message: message))
    }

    @Test("all deadlines of the day ahead are known, the one that is open first")
    func dayAhead() {
        var driver = driver([])
        driver.run(to: 400)
        let ahead = driver.logic.daysAhead(at: driver.now)
        #expect(ahead.map(\.index) == Array(6..<48) + Array(0..<6))
        #expect(ahead[0].open == 360 && ahead[4].open == 600)
        #expect(ahead[4].challenge == 580 && ahead[4].cutoff == 530 && ahead[4].close == 660)
        #expect(driver.logic.calendar?.place(of: 1) == nil)
    }

    @Test("partitions are proven at once when the challenge is known, sent when it opens, and reported")
    func goodDay() {
        var driver = driver([3, 3, 3, 2])
        driver.run(to: 470)
        #expect(driver.tasks(checks: true).map(\.epoch) == [470, 470, 470, 470])
        driver.run(to: 580)
        #expect(driver.declared.isEmpty && driver.tasks(checks: false).isEmpty)
        driver.run(to: 581)
        let tasks = driver.tasks(checks: false)
        #expect(tasks.map(\.epoch) == [581, 581, 581, 581])
        #expect(tasks.allSatisfy { $0.request.deadline == .zero + .seconds(650) && $0.request.priority == 1 })
        guard case .windowPoSt(let challenge) = tasks[3].request.work else { return }
        #expect(challenge.deadline == 10 && challenge.partition == 3 && challenge.sectors == [10, 11])
        #expect(challenge.randomness.count == 32)
        #expect(driver.logic.runs.contains { $0.phase == .proving && $0.times.index == 10 })
        driver.run(to: 599)
        #expect(driver.sent.isEmpty)
        driver.run(to: 600)

        driver.run(to: 606)
        #expect(driver.sent.map(\.epoch) == [601, 601])
        #expect(driver.sent.map { $0.message.partitions.map(\.index) } == [[0, 1, 2], [3]])
        #expect(driver.logic.runs.contains { $0.phase == .landed && $0.times.index == 10 })
        driver.run(to: 661)
        #expect(driver.reports.count == 1)
        #expect(driver.reports[0].dueCount == 4 && driver.reports[0].provenCount == 4)
        #expect(driver.reports[0].explanation == nil && driver.reports[0].missed.isEmpty)
        #expect(driver.logic.history == driver.reports)
        #expect(driver.sent.count == 2)
        #expect(driver.logic.calendar?.place(of: 10) == SectorPlace(deadline: 10, partition: 3))
        // The next day is like this one.
        driver.run(to: 661 + 2880)
        #expect(driver.reports.count == 2 && driver.sent.count == 4)
    }

    @Test("partitions are known a day ahead, and the scheduler hears of proofs until they are asked for")
    func proofsAhead() {
        var driver = driver([3, 2])
        driver.partitions[40] = [.init(live: [20]), .init(live: [21], faulty: [21])]
        driver.run(to: 405)
        let first = driver.ahead.last?.proofs ?? []
        #expect(first.map(\.deadline) == [10, 40] && first.map(\.count) == [2, 1])
        #expect(first.first?.begin == .zero + .seconds(581) && first.first?.due == .zero + .seconds(650))
        driver.run(to: 582)
        #expect(driver.ahead.last?.epoch == 581)
        #expect(driver.ahead.last?.proofs.map(\.deadline) == [40])
        // When the deadline has closed, the next of its index is a day ahead.
        driver.run(to: 661)
        #expect(driver.ahead.last?.proofs.map(\.deadline) == [40, 10])
        #expect(driver.ahead.last?.proofs.last?.due == .zero + .seconds(650 + 2880))
    }

    @Test("a chain that is silent at the start is asked for the day ahead until it has told")
    func silentStart() {
        var driver = driver([3])
        driver.run(to: 2)
        driver.chainAnswers = false
        driver.logic = PoStLogic(PoStDriver.options, epochDuration: .seconds(1))
        driver.run(to: 50)
        #expect(driver.logic.calendar == nil)
        driver.chainAnswers = true
        driver.run(to: 60)
        #expect(driver.logic.calendar?.unknown == [])
        #expect(driver.ahead.last?.proofs.map(\.deadline) == [10])
    }

    @Test("a deadline without sectors costs a question at the start and two a day")
    func idle() {
        var driver = driver([])
        driver.run(to: 400 + 2880)
        let asked = driver.log.filter { if case .askDeadline(10) = $0.action { true } else { false } }
        #expect(asked.map(\.epoch) == [400, 470, 581])
        #expect(driver.reports.isEmpty && driver.tasks(checks: true).isEmpty)
    }

    @Test("what is proven waits for company until the margin before the close")
    func margin() {
        var driver = driver([2, 2])
        driver.work = { request in
            guard case .windowPoSt(let challenge) = request.work else { return nil }
            let result = TaskResult.done(.windowPoSt(proof: [1], skipped: []))
            return (!challenge.isCheck && challenge.partition == 1 ? 75 : 10, result)
        }
        driver.run(to: 649)
        #expect(driver.sent.isEmpty)
        driver.run(to: 652)
        #expect(driver.sent.map(\.epoch) == [650])
        driver.run(to: 661)
        #expect(driver.sent.map(\.epoch) == [650, 656])
        #expect(driver.reports.map(\.missed) == [[]])
    }

    @Test("a lost worker's partition goes to another at once, as often as it takes")
    func lostWorkers() {
        var driver = driver([2])
        driver.work = { request in
            let lost = TaskFailure(cause: .infrastructureLost, message: "worker a is gone")
            if request.work.isCheck || request.id.attempt > 15 {
                return (3, .done(.windowPoSt(proof: [1], skipped: [])))
            }
            return (1, .failed(lost))
        }
        driver.run(to: 661)
        #expect(driver.tasks(checks: false).count == 16)
        #expect(driver.reports.map(\.provenCount) == [1])
    }

    @Test("a computation that fails is tried again after an epoch, and not without end")
    func failures() {
        var driver = driver([2])
        let failure = failed(.computeFailed, "the GPU fell off the bus")
        driver.work = { $0.work.isCheck ? (3, .done(.windowPoSt(proof: [], skipped: []))) : (2, failure) }
        driver.run(to: 661)
        let tries = driver.tasks(checks: false)
        #expect(tries.count == 10 && tries[1].epoch == tries[0].epoch + 3)
        let explanation = driver.reports.first?.explanation ?? ""
        #expect(explanation.contains("10 tries failed, the last: the GPU fell off the bus"))
    }

    @Test("sectors that cannot be read are skipped, and their keepers hear it")
    func skips() {
        var driver = driver([3])
        driver.work = { request in
            (5, .done(.windowPoSt(proof: [1], skipped: request.work.isCheck ? [] : [2])))
        }
        driver.run(to: 640)
        #expect(driver.sent.map { $0.message.partitions[0].skipped } == [[2]])
        #expect(driver.told.last?.unreadable == [2])
        driver.run(to: 661)
        #expect(driver.reports.map(\.skipped) == [[2]])
    }

    @Test("a partition of which nothing reads is not sent, and the explanation says so")
    func nothingReads() {
        var driver = driver([2])
        driver.work = { _ in (5, .done(.windowPoSt(proof: [1], skipped: [1, 2]))) }
        driver.chainTakesMessages = false
        driver.run(to: 661)
        #expect(driver.sent.isEmpty)
        #expect(driver.reports.first?.explanation?.contains("none of its 2 sectors could be read") == true)
    }

    @Test("a partition of which nothing read is tried again: its store may be back before the close")
    func readsAgain() {
        var driver = driver([2])
        driver.work = { request in
            let skipped: [UInt64] = request.work.isCheck || request.id.attempt > 2 ? [] : [1, 2]
            return (5, .done(.windowPoSt(proof: [1], skipped: skipped)))
        }
        driver.run(to: 661)
        let tries = driver.tasks(checks: false).map(\.epoch)
        // A quarter of what is left each time, so that the tries do not end before the outage.
        #expect(tries.count == 3 && tries[1] - tries[0] > 10 && tries[2] - tries[1] < tries[1] - tries[0])
        #expect(driver.reports.map(\.provenCount) == [1] && driver.reports.first?.skipped == [])
        #expect(driver.told.last?.unreadable == [], "what was proven in the end is no fault")
    }

    @Test("a refused proof is made anew after the chain was asked; what came too early is sent again")
    func refusals() {
        for (code, taskCount) in [(16, 2), (18, 1)] {
            var driver = driver([2])
            driver.refusals = [("window PoSt", ChainRefusal(exitCode: code, reason: "no"))]
            driver.run(to: 661)
            #expect(driver.tasks(checks: false).count == taskCount)
            #expect(driver.sent.count == 2)
            #expect(driver.reports.map(\.provenCount) == [1])
        }
    }

    @Test("a refused message whose partitions are on the chain is not sent again")
    func refusedThoughProven() {
        var driver = driver([2])
        driver.refusals = [("window PoSt", ChainRefusal(exitCode: 16, reason: "proven already"))]
        driver.run(to: 600)
        driver.partitions[10]?[0].provenOpen = 600
        driver.partitions[10]?[0].provenEpoch = 600
        driver.run(to: 661)
        #expect(driver.sent.count == 1 && driver.tasks(checks: false).count == 1)
        #expect(driver.reports.map(\.provenCount) == [1])
    }

    @Test("an unanswered message is sent again with the same name until it lands")
    func unanswered() {
        var driver = driver([2])
        driver.chainTakesMessages = false
        driver.run(to: 612)
        #expect(driver.sent.map(\.epoch) == [601, 604, 607, 610])
        #expect(Set(driver.sent.map(\.message.name)).count == 1)
        driver.chainTakesMessages = true
        driver.run(to: 661)
        #expect(driver.sent.count == 5 && driver.reports.map(\.provenCount) == [1])
    }

    @Test("a prover that starts in the middle asks first and proves only what is not on the chain")
    func restart() {
        for epoch in [480, 525, 560, 590, 602, 630] as [Int64] {
            var driver = driver([2, 2], at: epoch)
            driver.partitions[10]?[0].provenOpen = epoch >= 602 ? 600 : nil
            driver.partitions[10]?[0].provenEpoch = 601
            driver.run(to: 661)
            #expect(
                driver.sent.flatMap { $0.message.partitions.map(\.index) } == (epoch >= 602 ? [1] : [0, 1]))
            #expect(driver.reports.map(\.provenCount) == [2])
        }
    }

    // MARK: Faults

    @Test("unreadable sectors are declared before the cutoff, and so are faulty ones that read again")
    func declarations() {
        var driver = driver([3, 3])
        driver.partitions[10]?[1].faulty = [5, 6]
        driver.partitions[10]?[1].recovering = [6]
        driver.work = { request in
            (5, .done(.windowPoSt(proof: [1], skipped: request.work.isCheck ? [2, 6] : [])))
        }
        driver.run(to: 520)
        #expect(driver.declared.map(\.epoch) == [475, 475])
        #expect(driver.declared.map(\.message.kind) == [.faults, .recoveries])
        #expect(
            driver.declared[0].message.items == [
                .init(deadline: 10, partition: 0, sectors: [2]),
                .init(deadline: 10, partition: 1, sectors: [6]),
            ])
        #expect(driver.declared[1].message.items == [.init(deadline: 10, partition: 1, sectors: [5])])
        #expect(driver.told.last?.unreadable == [2] && driver.told.last?.faulty == [5, 6])
    }

    @Test("where only faulty sectors are read, the others are left alone")
    func faultyOnly() {
        var options = PoStDriver.options
        options.checksAll = false
        var driver = PoStDriver(options, at: 400)
        driver.partitions[10] = [.init(live: [1, 2, 3], faulty: [2]), .init(live: [4, 5])]
        driver.run(to: 530)
        let works = driver.tasks(checks: true).map(\.request.work)
        guard case .windowPoSt(let challenge)? = works.first else { return }
        #expect(works.count == 1 && challenge.sectors == [2])
        #expect(driver.declared.map(\.message.kind) == [.recoveries])
    }

    @Test("readings that are not done by the margin are left out, and stopped")
    func lateReadings() {
        var driver = driver([2, 2])
        driver.work = { request in
            guard case .windowPoSt(let challenge) = request.work else { return nil }
            if challenge.isCheck, challenge.partition == 1 { return nil }
            return (5, .done(.windowPoSt(proof: [1], skipped: challenge.isCheck ? [1] : [])))
        }
        driver.run(to: 519)
        #expect(driver.declared.isEmpty)
        driver.run(to: 521)
        #expect(driver.declared.map(\.epoch) == [520])
        #expect(driver.cancelled.map(\.attempt) == [1])
        driver.run(to: 661)
        #expect(driver.reports.map(\.provenCount) == [2])
    }

    @Test(
        "a declaration that the chain does not take is repeated until the cutoff and then left to the proof")
    func undeclared() {
        var driver = driver([2])
        driver.work = { _ in (5, .done(.windowPoSt(proof: [1], skipped: [1]))) }
        driver.chainTakesMessages = false
        driver.run(to: 540)
        let epochs = driver.declared.map(\.epoch)
        #expect(epochs.first == 475 && epochs.allSatisfy { $0 < 530 } && epochs.count > 10)
        driver.chainTakesMessages = true
        driver.run(to: 661)
        #expect(driver.sent.map { $0.message.partitions[0].skipped } == [[1]])
        #expect(driver.reports[0].steps.contains { $0.what.contains("the cutoff came with") })
    }

    @Test("a deadline whose sectors are all faulty is not due")
    func allFaulty() {
        var driver = driver([2])
        driver.partitions[10]?[0].faulty = [1, 2]
        driver.work = { _ in (5, .done(.windowPoSt(proof: [1], skipped: [1, 2]))) }
        driver.run(to: 700)
        #expect(driver.tasks(checks: false).isEmpty && driver.reports.isEmpty)
        #expect(driver.told.last?.faulty == [1, 2])
    }

    // MARK: Missed deadlines

    @Test("without workers the explanation says that none took it, and when")
    func noWorkers() {
        var driver = driver([2])
        driver.work = { _ in nil }
        driver.run(to: 661)
        let explanation = driver.reports.first?.explanation ?? ""
        #expect(explanation.contains("deadline 10 (open from epoch 600 to 660) missed 1 of 1 partitions"))
        #expect(explanation.contains("no worker took it: it waited from 581 s to the close"))
        #expect(explanation.contains("epoch 581, 581 s: the challenge is known: 1 partitions, 2 sectors"))
        #expect(driver.cancelled.contains { PoStTasks.parse($0)?.isCheck == false })
    }

    @Test("a worker that is too slow is named")
    func slowWorker() {
        var driver = driver([2])
        driver.work = { $0.work.isCheck ? (3, .done(.windowPoSt(proof: [], skipped: []))) : nil }
        driver.run(to: 590)
        let id = driver.tasks(checks: false)[0].request.id
        driver.logic.taskStarted(id, worker: "post/0", at: driver.now)
        driver.run(to: 661)
        let explanation = driver.reports.first?.explanation ?? ""
        #expect(explanation.contains("post/0 had begun at 590 s and was not done at the close"))
    }

    @Test("a chain that is out of reach from the challenge to the close is named")
    func chainAway() {
        var driver = driver([2])
        driver.run(to: 575)
        driver.chainAnswers = false
        driver.run(to: 700)
        #expect(driver.reports.isEmpty)
        driver.chainAnswers = true
        driver.run(to: 710)
        let explanation = driver.reports.first?.explanation ?? ""
        #expect(explanation.contains("the chain gave no challenge: asked since epoch 581"))
    }

    @Test("a chain that takes no message is named")
    func chainDeaf() {
        var driver = driver([2])
        driver.chainTakesMessages = false
        driver.run(to: 661)
        let explanation = driver.reports.first?.explanation ?? ""
        #expect(explanation.contains("the chain did not take 'window PoSt f01000 deadline 10 from 600"))
        #expect(explanation.contains("epoch 601, 601 s: window PoSt f01000 deadline 10"))
    }

    @Test("tasks are named by their deadline, partition and purpose, and by nothing else")
    func names() throws {
        let times = PoStDriver.period.times(47, notElapsedAt: 1 << 38)
        for partition in [0, 1, 4095] {
            for isCheck in [false, true] {
                let id = PoStTasks.id(
                    miner: 1000, times, partition: partition, attempt: 3, isCheck: isCheck)
                let name = try #require(PoStTasks.parse(id))
                #expect(name == (times.open, partition, isCheck))
                #expect(id.sector.number >= 1 << 62 && id.sector.number < 1 << 63)
            }
        }
        #expect(
            PoStTasks.parse(TaskID(sector: SectorKey(miner: 1, number: 5), type: .addPiece, attempt: 1))
                == nil)
    }
}
