// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Chain
import Engine
import Kernel
import Scheduler

/// `sealyard sectors`: the sectors of a running miner.
struct SectorsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sectors", abstract: "Sectors of a running miner.",
        subcommands: [
            List.self, Status.self, Pledge.self, AddPiece.self, Pieces.self, Seal.self, Batching.self,
            UpdateState.self, MarkForUpgrade.self, AbortUpgrade.self, Terminate.self, Remove.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the sectors in order of number.")

        @OptionGroup var connection: OperatorArguments
        @Option(help: "Only sectors in these states, with commas between: PreCommit1,WaitSeed.")
        var states: String?

        /// The states that are wanted; `nil` for all.
        private func wanted() throws -> Set<SectorState>? {
            guard let states else { return nil }
            return try Set(
                states.split(separator: ",").map { name in
                    guard let state = SectorState(fieldName: String(name)) else {
                        throw ValidationError(
                            "--states '\(name.prefix(64))' is no state of a sector; known are "
                                + SectorState.allCases.map(\.rawValue).joined(separator: ", "))
                    }
                    return state
                })
        }

        func validate() throws { _ = try wanted() }

        func run() async throws {
            let wanted = try wanted()
            let sectors = try await connection.ask(.read) { client in
                try await client.sectors().filter { wanted?.contains($0.state) ?? true }.map {
                    SectorView($0)
                }
            }
            if connection.json { return try Console.write(json: sectors) }
            Console.write(SectorView.text(sectors))
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Tell all that is kept of a sector.")

        @OptionGroup var connection: OperatorArguments
        @Argument(help: "The sector's number.") var number: UInt64
        @Flag(help: "What happened to it as well, the latest last; times count from the miner's start.")
        var log = false

        func run() async throws {
            let view = try await connection.ask(.read) { client in
                let record = try await client.sector(number)
                return SectorStatusView(record, log: log ? try await client.log(number) : nil)
            }
            if connection.json { return try Console.write(json: view) }
            Console.write(view.text)
        }
    }

    struct Pledge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Begin sectors of committed capacity.")

        @OptionGroup var connection: OperatorArguments
        @Option(help: "So many, 1 to 10000.") var count = 1

        private struct Report: Encodable {
            let sectors: [UInt64]
        }

        func validate() throws {
            guard (1...10_000).contains(count) else { throw ValidationError("--count takes 1 to 10000") }
        }

        func run() async throws {
            let numbers = try await connection.ask(.write) { try await $0.pledge(count: count) }
            if connection.json { return try Console.write(json: Report(sectors: numbers)) }
            for number in numbers { Console.write("Created CC sector:  \(number)") }
        }
    }

    struct UpdateState: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a sector to a state by hand.",
            discussion: "What runs for it is aborted, unless --adopt is given.")

        @OptionGroup var connection: OperatorArguments
        @OptionGroup var consent: ConsentArguments
        @Argument(help: "The sector's number.") var number: UInt64
        @Argument(help: "The state's name; those of earlier releases are understood.") var state: String
        @Flag(help: "What runs goes on as the work of the new state.") var adopt = false

        func run() async throws {
            let now = try await connection.ask(.admin) {
                try await $0.forceState(number, name: state, adopts: adopt)
            }
            try SectorsCommand.tell(number, now, connection)
        }
    }

    struct MarkForUpgrade: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "mark-for-upgrade",
            abstract: "Open a proven sector of committed capacity for deals, as a new replica.",
            discussion: """
                The sector waits for deals and is proven with its old replica meanwhile. No worker of this \
                build has kernels for a new replica, so that its miners refuse.
                """)

        @OptionGroup var connection: OperatorArguments
        @Argument(help: "The sector's number.") var number: UInt64

        func run() async throws {
            let now = try await connection.ask(.admin) { try await $0.markForUpgrade(number) }
            try SectorsCommand.tell(number, now, connection)
        }
    }

    struct AbortUpgrade: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "abort-upgrade",
            abstract: "Give an upgrade up before it is on the chain; the old replica stays.")

        @OptionGroup var connection: OperatorArguments
        @OptionGroup var consent: ConsentArguments
        @Argument(help: "The sector's number.") var number: UInt64

        func run() async throws {
            let now = try await connection.ask(.admin) {
                try await $0.abortUpgrade(number, because: "an operator gave the upgrade up")
            }
            try SectorsCommand.tell(number, now, connection)
        }
    }

    struct Terminate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give a sector up on the chain.")

        @OptionGroup var connection: OperatorArguments
        @OptionGroup var consent: ConsentArguments
        @Argument(help: "The sector's number.") var number: UInt64

        func run() async throws {
            let now = try await connection.ask(.admin) { try await $0.terminate(number) }
            try SectorsCommand.tell(number, now, connection)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a sector's files; the chain hears nothing of it.")

        @OptionGroup var connection: OperatorArguments
        @OptionGroup var consent: ConsentArguments
        @Argument(help: "The sector's number.") var number: UInt64

        func run() async throws {
            let now = try await connection.ask(.admin) {
                try await $0.remove(number, because: "an operator removed it")
            }
            try SectorsCommand.tell(number, now, connection)
        }
    }

    /// Where an order has taken a sector, as JSON tells it.
    private struct OrderReport: Encodable {
        let number: UInt64
        let state: String
    }

    static func tell(
        _ number: UInt64, _ state: SectorState, _ connection: OperatorArguments
    ) throws {
        if connection.json {
            return try Console.write(json: OrderReport(number: number, state: state.rawValue))
        }
        Console.write("sector \(number) is in \(state.rawValue)")
    }
}
