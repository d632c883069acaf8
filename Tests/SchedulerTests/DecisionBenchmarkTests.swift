// SPDX-License-Identifier: Apache-2.0
import Scheduler
import Testing

@Suite("Decisions on a large cluster")
struct DecisionBenchmarkTests {
    /// How fast it is depends on the machine; that every freed slot is filled again does not. The external
    /// policy decides nothing without a program.
    @Test(
        "each policy fills every slot that becomes free",
        arguments: PolicyCatalog.names.filter { $0 != ExternalPolicy.name })
    func fills(policy: String) throws {
        let result = try DecisionBenchmark(workerCount: 40, taskCount: 2_000, decisionCount: 50).run(
            policy: policy)
        #expect(result.startCount >= 40, "\(result.text)")
        #expect(result.medianNanoseconds <= result.p95Nanoseconds)
    }

    @Test("a policy whose decisions take too long makes fewer of them, and says how many")
    func bounded() throws {
        let result = try DecisionBenchmark(
            workerCount: 40, taskCount: 2_000, decisionCount: 50, secondsMax: 0
        ).run(policy: "lotus-utilization")
        #expect(result.decisionCount == 1 && result.text.contains("(1 decisions"), "\(result.text)")
    }

    @Test("Lotus has bound ahead what it can when the long queue comes, and its workers are full")
    func boundAhead() throws {
        let result = try DecisionBenchmark(workerCount: 8, taskCount: 500, decisionCount: 30).run(
            policy: "lotus-utilization")
        #expect(result.decisionCount == 30 && result.startCount >= 28, "\(result.text)")
    }
}
