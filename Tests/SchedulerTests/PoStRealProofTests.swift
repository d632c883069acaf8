// SPDX-License-Identifier: Apache-2.0
import Chain
import Kernel
import Scheduler
import Testing

/// What a prover does besides where sectors are real: the times are those of `PoStLogicTests`.
@Suite("The logic of proving real sectors")
struct PoStRealProofTests {
    private func driver(at epoch: Int64 = 400) -> PoStDriver {
        var driver = PoStDriver(PoStOptions(miner: 1000, proof: 5, form: .vanilla), at: epoch)
        driver.partitions[10] = [.init(live: [1, 2]), .init(live: [3])]
        return driver
    }

    private func asked(_ driver: PoStDriver) -> [(epoch: Int64, sectors: SectorNumbers)] {
        driver.log.compactMap {
            if case .askSectors(let sectors) = $0.action { ($0.epoch, sectors) } else { nil }
        }
    }

    @Test("tasks carry every sector's CommR, which the chain is asked for once a deadline")
    func commitments() throws {
        var driver = driver()
        driver.run(to: 661)
        #expect(asked(driver).map(\.epoch) == [470] && asked(driver).map(\.sectors) == [[1, 2, 3]])
        for (_, request) in driver.tasks(checks: true) + driver.tasks(checks: false) {
            guard case .windowPoSt(let challenge) = request.work else { continue }
            #expect(challenge.commitments.map(\.first) == challenge.sectors.map { UInt8($0) })
            #expect(challenge.commitments.allSatisfy { $0.count == 32 })
        }
        #expect(driver.reports.map(\.provenCount) == [2])
    }

    @Test("a prover that starts after the cutoff asks with the challenge; no task goes out before the answer")
    func late() {
        var driver = driver(at: 590)
        driver.run(to: 661)
        #expect(asked(driver).map(\.epoch) == [590])
        #expect(driver.tasks(checks: false).count == 2 && driver.reports.map(\.provenCount) == [2])
    }

    @Test("a chain that does not answer is asked again, until it does")
    func unanswered() {
        var driver = driver()
        driver.answersSectors = false
        driver.run(to: 600)
        #expect(driver.tasks(checks: true).isEmpty && driver.tasks(checks: false).isEmpty)
        #expect(asked(driver).count > 10)
        driver.answersSectors = true
        driver.run(to: 661)
        #expect(driver.reports.map(\.provenCount) == [2])
    }

    @Test("modelled proofs are about no CommR")
    func modelled() {
        var driver = PoStDriver(at: 400)
        driver.partitions[10] = [.init(live: [1, 2])]
        driver.run(to: 661)
        #expect(asked(driver).isEmpty && driver.reports.map(\.provenCount) == [1])
    }

    @Test(
        "where nobody takes a deadline's tasks it is said before the cutoff and before the close, once each")
    func unattended() {
        var driver = driver()
        driver.work = { _ in nil }
        driver.run(to: 661)
        #expect(driver.warnings.map { $0.epoch < 530 } == [true, false])
        #expect(driver.warnings.allSatisfy { $0.epoch < 660 && $0.text.contains("slots for WDP") })
        #expect(driver.warnings[1].text.contains("partitions 0, 1, 2 in all"))
        driver = self.driver()
        driver.tellsStarts = true
        driver.run(to: 661)
        #expect(driver.warnings.isEmpty)
    }

    @Test("margins keep their proportion to a deadline, and are two epochs at least")
    func fitted() {
        func margins(_ epochs: Int64) -> [Int64] {
            var parameters = ProvingParameters.standard
            parameters.deadlineEpochs = epochs
            let options = PoStOptions(miner: 1, proof: 5).fitted(to: parameters)
            return [options.checkLead, options.declareMargin, options.sendMargin]
        }
        #expect(margins(60) == [60, 10, 10])
        #expect(margins(120) == [60, 10, 10])
        #expect(margins(30) == [30, 5, 5])
        #expect(margins(6) == [6, 2, 2])
        #expect(margins(2) == [2, 2, 2])
    }

    @Test("the reasons why sectors cannot be read are among the steps")
    func reasons() {
        var driver = driver()
        driver.work = { request in
            (5, .done(.windowPoSt(proof: [1], skipped: [2], reasons: ["sector 2: no such file", "more"])))
        }
        driver.run(to: 661)
        let steps = driver.reports.first?.steps.map(\.what) ?? []
        #expect(steps.contains { $0.contains("cannot read 2: sector 2: no such file (and 1 more)") })
        #expect(steps.contains { $0.contains("skips 2, which cannot be read: sector 2: no such file") })
    }
}
