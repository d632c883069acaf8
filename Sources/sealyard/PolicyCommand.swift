// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Scheduler

/// `sealyard policy`: what policies there are, and which is better where.
struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "List scheduling policies and let them compete.",
        subcommands: [List.self, Explain.self, PolicyTournament.self, Schema.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the policies, the default first.")

        @Flag(help: "Print one JSON list.")
        var json = false

        private struct Row: Encodable {
            let name: String
            let summary: String
            let movesSectors: Bool
        }

        func run() throws {
            if json {
                try Console.write(
                    json: PolicyCatalog.policies.map {
                        Row(name: $0.name, summary: $0.summary, movesSectors: $0.movesSectors)
                    })
                return
            }
            let width = PolicyCatalog.names.map(\.count).max() ?? 0
            for policy in PolicyCatalog.policies {
                let gap = String(repeating: " ", count: width - policy.name.count)
                Console.write("\(policy.name)\(gap)  \(policy.summary)")
            }
        }
    }

    struct Explain: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say what one policy does.")

        @Argument(help: "Its name.")
        var name: String

        func run() throws {
            guard let policy = PolicyCatalog.policies.first(where: { $0.name == name }) else {
                throw CommandError.failure(
                    "no policy '\(name.prefix(64))'; choose one of "
                        + PolicyCatalog.names.joined(separator: ", ")
                )
            }
            Console.write("\(policy.name): \(policy.summary)")
            Console.write(
                policy.movesSectors
                    ? "moves sectors between hosts" : "leaves a sector on the host that took it in")
            let lease = policy.leaseOfLostWorker.map { "\($0.components.seconds) s" }
            Console.write("waits for a lost worker: \(lease ?? "as the scheduler is set")")
        }
    }

    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the JSON Schema of the lines that an external policy reads and writes.")

        func run() { Console.write(ExternalPolicySchema.json) }
    }
}
