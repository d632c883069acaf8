// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Scheduler

/// How long policies take to say who gets a freed slot.
struct BenchDecisionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decision",
        abstract: "Measure one scheduling decision on a large cluster with a long queue.",
        discussion: """
            A cluster is filled, then slots become free one by one and the policy says who takes each. \
            All policies see the same cluster and the same tasks, in one process. A policy whose \
            decisions take long makes fewer of them: no further one begins after --seconds.
            """)

    @Option(help: "Workers, four on a host.") var workers = 1_000
    @Option(help: "Tasks that wait.") var tasks = 100_000
    @Option(help: "Decisions that are timed, at most.") var decisions = 200
    @Option(help: "Seconds after which no further decision of a policy is timed.") var seconds = 10.0
    @Option(help: "Seed of the tasks.") var seed: UInt64 = 1
    @Option(parsing: .upToNextOption, help: "Policies; ours and the one of Lotus unless given.")
    var policies = [SealyardPolicy.name, "lotus-utilization"]
    @Flag(help: "Print one JSON document.") var json = false

    /// What the command prints; the field names are the keys of the JSON form.
    private struct Report: Encodable {
        struct Row: Encodable {
            let policy: String
            let decisions: Int
            let starts: Int
            let medianMicroseconds: Double
            let p95Microseconds: Double
            let maxMicroseconds: Double
        }

        let workers: Int
        let tasks: Int
        let seed: UInt64
        var policies: [Row] = []
    }

    func validate() throws {
        guard (1...100_000).contains(workers), (1...10_000_000).contains(tasks) else {
            throw ValidationError("--workers takes 1 to 100000, --tasks 1 to 10000000")
        }
        guard seconds.isFinite, (0...3600).contains(seconds) else {
            throw ValidationError("--seconds takes 0 to 3600")
        }
        guard (1...1_000_000).contains(decisions) else {
            throw ValidationError("--decisions takes 1 to 1000000")
        }
    }

    func run() async throws {
        let benchmark = DecisionBenchmark(
            workerCount: workers, taskCount: tasks, decisionCount: decisions, seed: seed,
            secondsMax: seconds)
        var report = Report(workers: workers, tasks: tasks, seed: seed)
        for policy in policies {
            let result = try benchmark.run(policy: policy)
            report.policies.append(
                .init(
                    policy: policy, decisions: result.decisionCount, starts: result.startCount,
                    medianMicroseconds: Double(result.medianNanoseconds) / 1e3,
                    p95Microseconds: Double(result.p95Nanoseconds) / 1e3,
                    maxMicroseconds: Double(result.maxNanoseconds) / 1e3))
            if !json { Console.write(result.text) }
        }
        if json { try Console.write(json: report) }
    }
}
