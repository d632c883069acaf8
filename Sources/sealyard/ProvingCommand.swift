// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Chain
import Engine
import Kernel

/// `sealyard proving`: the deadlines of a running miner, their faults, and an operator's word about them.
struct ProvingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proving", abstract: "Deadlines, proofs and faults of a running miner.",
        subcommands: [
            Info.self, Deadlines.self, Deadline.self, Faults.self, History.self, Check.self,
            RecoverFaults.self,
        ])

    struct Info: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say when the proving period is, which deadline is open, and what is faulty.")

        @OptionGroup var connection: OperatorArguments

        func run() async throws {
            let view = try await connection.ask(.read) { ProvingInfoView(try await $0.proving()) }
            if connection.json { return try Console.write(json: view) }
            Console.write(view.text)
        }
    }

    struct Deadlines: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the deadlines that have sectors, by index.",
            discussion: """
                Proven partitions are those of the open deadline; of the others, those that were proven when \
                they were open last.
                """)

        @OptionGroup var connection: OperatorArguments
        @Flag(name: .shortAndLong, help: "Those without sectors, too.") var all = false

        func run() async throws {
            let standing = try await connection.ask(.read) { try await $0.proving() }
            let views = DeadlineView.all(standing).filter { all || !$0.partitions.isEmpty }
            if connection.json { return try Console.write(json: views) }
            Console.write(DeadlineView.text(views, miner: standing.status.miner))
        }
    }

    struct Deadline: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a deadline by its partitions.")

        @OptionGroup var connection: OperatorArguments
        @Argument(help: "The deadline's index, from 0.") var index: Int
        @Flag(name: [.customShort("n"), .long], help: "Show the numbers of all sectors.")
        var sectorNums = false

        func run() async throws {
            let views = try await connection.ask(.read) {
                DeadlineView.all(try await $0.proving(deadline: index))
            }
            guard let view = views.first else { return }
            if connection.json { return try Console.write(json: view) }
            Console.write(view.text(showsNumbers: sectorNums))
        }
    }

    struct Faults: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the sectors that the chain has as faulty.")

        @OptionGroup var connection: OperatorArguments

        func run() async throws {
            let standing = try await connection.ask(.read) { try await $0.proving() }
            let views = DeadlineView.all(standing).filter { $0.faults > 0 }
            if connection.json { return try Console.write(json: views) }
            Console.write(DeadlineView.faultText(views, miner: standing.status.miner))
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List how the latest deadlines ended, the last one first, and why any was missed.")

        @OptionGroup var connection: OperatorArguments
        @Option(help: "So many at most, 1 to \(ProvingDesk.closedCountMax).") var limit = 20
        @Flag(help: "Missed ones, and no others.") var missed = false

        func validate() throws {
            guard (1...ProvingDesk.closedCountMax).contains(limit) else {
                throw ValidationError("--limit takes 1 to \(ProvingDesk.closedCountMax)")
            }
        }

        func run() async throws {
            let views = try await connection.ask(.read) {
                try await $0.closedDeadlines(limit: limit, onlyMissed: missed).map { ClosedDeadlineView($0) }
            }
            if connection.json { return try Console.write(json: views) }
            Console.write(ClosedDeadlineView.text(views))
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read now what a proof of a deadline would read; nothing is declared.",
            discussion: "A worker with slots for WDP reads; give --timeout where there is much to read.")

        @OptionGroup var connection: OperatorArguments
        @Argument(help: "The deadline's index, from 0.") var index: Int
        @Flag(help: "List the sectors that do not read, and no others.") var onlyBad = false
        @Flag(help: "Read only what the chain has as faulty.") var faulty = false

        func run() async throws {
            let readings = try await connection.ask(.write) {
                try await $0.check(deadline: index, onlyFaulty: faulty).map { SectorReadingView($0) }
            }
            let shown = onlyBad ? readings.filter { !$0.isGood } : readings
            if connection.json { return try Console.write(json: shown) }
            Console.write(SectorReadingView.text(shown))
        }
    }

    struct RecoverFaults: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "recover-faults", abstract: "Declare that faulty sectors read again.",
            discussion: """
                The miner does so by itself for what it has read before a deadline's cutoff. The sectors \
                count again with the deadline's next proof.
                """)

        @OptionGroup var connection: OperatorArguments
        @Argument(help: "The sectors' numbers.") var numbers: [UInt64]

        func validate() throws {
            guard !numbers.isEmpty, numbers.count <= 10_000 else {
                throw ValidationError("give 1 to 10000 sectors")
            }
        }

        func run() async throws {
            let views = try await connection.ask(.admin) {
                try await $0.recover(numbers).map { DeclarationView($0) }
            }
            if connection.json {
                try Console.write(json: views)
            } else {
                for view in views where view.refusal == nil { Console.write(view.message) }
            }
            let refused = views.compactMap { view in view.refusal.map { "\(view.message): \($0)" } }
            guard refused.isEmpty else { throw CommandError.failure(refused.joined(separator: "; ")) }
        }
    }
}
