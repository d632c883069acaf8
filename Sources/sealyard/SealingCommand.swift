// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Chain
import Engine
import Kernel
import Scheduler

/// `sealyard sealing`: what the workers of a running miner do, and an operator's word about them.
struct SealingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sealing", abstract: "Workers and tasks of a running miner.",
        subcommands: [
            Workers.self, Jobs.self, Diagnose.self, Decisions.self, Abort.self, Pause.self, Resume.self,
            Cordon.self, Uncordon.self, Drain.self, RestartCheck.self,
        ])

    struct Workers: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the workers with what they run, by name.")

        @OptionGroup var connection: OperatorArguments

        func run() async throws {
            let workers = try await connection.ask(.read) { WorkerView.all(try await $0.diagnosis()) }
            if connection.json { return try Console.write(json: workers) }
            for worker in workers { Console.write(worker.text) }
        }
    }

    struct Jobs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the running tasks, the oldest first.")

        @OptionGroup var connection: OperatorArguments

        func run() async throws {
            let jobs = try await connection.ask(.read) { JobView.all(try await $0.diagnosis()) }
            if connection.json { return try Console.write(json: jobs) }
            Console.write(JobView.text(jobs))
        }
    }

    struct Diagnose: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sched-diag", abstract: "Say what waits, and why each worker does not take it.")

        @OptionGroup var connection: OperatorArguments

        func run() async throws {
            let view = try await connection.ask(.read) { DiagnosisView(try await $0.diagnosis()) }
            if connection.json { return try Console.write(json: view) }
            Console.write(view.text)
        }
    }

    struct Decisions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the scheduler's latest decisions, the last one first.")

        @OptionGroup var connection: OperatorArguments
        @Option(help: "So many at most, 1 to 1000.") var limit = 20

        func validate() throws {
            guard (1...1000).contains(limit) else { throw ValidationError("--limit takes 1 to 1000") }
        }

        func run() async throws {
            let decisions = try await connection.ask(.read) {
                try await $0.decisions(limit: limit).map { RecordedDecision($0) }
            }
            if connection.json { return try Console.write(json: decisions) }
            Console.write(RecordedDecision.table(decisions))
        }
    }

    struct Abort: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop a task; its sector decides what follows.")

        @OptionGroup var connection: OperatorArguments
        @Argument(help: "The task's ID as 'sealing jobs' shows it; the last part may be left out.")
        var task: String

        private struct Report: Encodable {
            let id: String
            let worker: String?
            let note: String
        }

        func run() async throws {
            let (id, report) = try await connection.ask(.admin) { try await $0.abort(task) }
            if connection.json {
                return try Console.write(
                    json: Report(id: id.compact, worker: report.workers.first, note: report.note))
            }
            let place = report.workers.first.map { ", running on \($0)" } ?? ""
            Console.write(
                "aborting job \(id.compact), task \(id.type.short), sector \(id.sector.number)\(place): "
                    + report.note)
        }
    }
}

/// Which workers an order is for.
struct WorkerSelection: ParsableArguments {
    @Option(help: "The worker of that name only.") var worker: String?
    @Option(help: "The workers of that group only.") var group: String?
}

/// Which kinds of task an order is for.
struct KindSelection: ParsableArguments {
    @Option(help: "A kind of task, such as PC1; give it once for each. All kinds unless given.")
    var task: [TaskKindArgument] = []
}

extension SealingCommand {
    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Start no new tasks on the workers, all unless some are named; what runs goes on.")

        @OptionGroup var connection: OperatorArguments
        @OptionGroup var selection: WorkerSelection
        @OptionGroup var kinds: KindSelection

        func run() async throws {
            try await SealingCommand.order(.pause, connection, selection, kinds.task.map(\.type))
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a pause.")

        @OptionGroup var connection: OperatorArguments
        @OptionGroup var selection: WorkerSelection
        @OptionGroup var kinds: KindSelection

        func run() async throws {
            try await SealingCommand.order(.resume, connection, selection, kinds.task.map(\.type))
        }
    }

    struct Cordon: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give the workers nothing new, of all kinds or some; what runs goes on.",
            discussion: "A resume leaves it as it is.")

        @OptionGroup var connection: OperatorArguments
        @OptionGroup var selection: WorkerSelection
        @OptionGroup var kinds: KindSelection

        func run() async throws {
            try await SealingCommand.order(.cordon, connection, selection, kinds.task.map(\.type))
        }
    }

    struct Uncordon: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a cordon or a drain.")

        @OptionGroup var connection: OperatorArguments
        @OptionGroup var selection: WorkerSelection
        @OptionGroup var kinds: KindSelection

        func run() async throws {
            try await SealingCommand.order(.uncordon, connection, selection, kinds.task.map(\.type))
        }
    }

    struct Drain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Cordon the workers and wait until nothing runs there, of the kinds where some are named.",
            discussion: "When it is interrupted or its time is up, the workers stay cordoned.")

        @OptionGroup var connection: OperatorArguments
        @OptionGroup var selection: WorkerSelection
        @OptionGroup var kinds: KindSelection
        @Option(help: "Give up waiting after this long; as long as it takes unless given.")
        var wait: DurationArgument?

        func run() async throws {
            let report = try await connection.ask(.admin) { client in
                try await client.drain(
                    worker: selection.worker, group: selection.group,
                    kinds: kinds.task.map(\.type), wait: wait?.value
                ) { Console.note("\($0) tasks still run") }
            }
            try SealingCommand.tell(.drain, report, connection)
        }
    }

    struct RestartCheck: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say whether the miner, or a worker, may be restarted without harm.",
            discussion: """
                It may not while the open deadline has partitions without a proof, while a proof is made or \
                a sector is finalized, and when a deadline opens before a restart would be over; a worker, \
                while anything runs on it. Status 1 says that it may not. With --wait it looks until it may; \
                drain a worker first.
                """)

        @OptionGroup var connection: OperatorArguments
        @Option(help: "That worker; the miner unless given.") var worker: String?
        @Option(help: "How long the restart may take.") var within = DurationArgument(seconds: 300)
        @Option(help: "Wait so long for a safe moment; status 75 when there was none.")
        var wait: DurationArgument?

        func validate() throws {
            guard within.value >= .zero, within.value <= .seconds(86_400) else {
                throw ValidationError("--within takes 0s to 24h")
            }
        }

        func run() async throws {
            let view = try await connection.ask(.read) { client in
                try await client.restartCheck(
                    worker: worker, margin: within.value, wait: wait?.value
                ) { for obstacle in $0.obstacles { Console.note(obstacle.text) } }
            }
            if connection.json { try Console.write(json: view) } else { Console.write(view.text) }
            if !view.isSafe { throw ExitCode(1) }
        }
    }

    /// What an order met, as JSON tells it.
    private struct OrderReport: Encodable {
        let action: String
        let workers: [String]
        let running: Int
        let note: String
    }

    fileprivate static func order(
        _ action: ControlOrder.Action, _ connection: OperatorArguments, _ selection: WorkerSelection,
        _ kinds: [TaskType]
    ) async throws {
        let order = ControlOrder(
            action, worker: selection.worker, group: selection.group, kinds: Array(Set(kinds)).sorted())
        let report = try await connection.ask(.admin) { try await $0.control(order) }
        try tell(action, report, connection)
    }

    fileprivate static func tell(
        _ action: ControlOrder.Action, _ report: ControlReport, _ connection: OperatorArguments
    ) throws {
        if connection.json {
            return try Console.write(
                json: OrderReport(
                    action: action.rawValue, workers: report.workers, running: report.runningCount,
                    note: report.note))
        }
        let names = report.workers.isEmpty ? "no worker" : report.workers.joined(separator: ", ")
        Console.write("\(action.rawValue): \(names); \(report.runningCount) tasks run there")
        if !report.note.isEmpty { Console.note(report.note) }
    }
}
