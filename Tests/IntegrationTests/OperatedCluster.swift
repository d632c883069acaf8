// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// A running cluster as its operator sees it: by commands against the miner.
protocol OperatedCluster: Sendable {
    var folder: ScratchFolder { get }
    var minerPort: String { get }
}

extension OperatedCluster {
    var secret: String { folder.path("secret") }

    /// Runs an operator's command against the miner.
    func run(_ arguments: [String], secret other: String? = nil) throws -> BuiltProgram.Outcome {
        try BuiltProgram().run(
            list: arguments,
            environment: [
                "SEALYARD_MINER": "127.0.0.1:\(minerPort)", "SEALYARD_SECRET": other ?? secret,
            ])
    }

    /// The text that a command prints where it succeeds.
    func text(_ arguments: String...) throws -> String {
        let outcome = try run(arguments)
        #expect(outcome.status == 0, "\(arguments): \(outcome.complaint)")
        return outcome.output
    }

    /// The document that a command prints with `--json`.
    func json<T>(_ type: T.Type, _ arguments: [String]) async throws -> T {
        let outcome = try run(arguments + ["--json"])
        try #require(outcome.status == 0, "\(arguments): \(outcome.complaint)")
        let value = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        return try #require(value as? T, "\(outcome.output)")
    }

    /// The states of all sectors, by their order in the list.
    func states() async throws -> [String] {
        try await json([[String: Any]].self, ["sectors", "list"]).compactMap { $0["state"] as? String }
    }

    /// Asks until something holds; gives up after some minutes' worth of looks.
    func until(_ what: String, minutes: Int = 1, _ holds: () async throws -> Bool) async throws {
        for _ in 0..<300 * minutes {
            if try await holds() { return }
            try await Task.sleep(for: .milliseconds(200))
        }
        Issue.record("after \(minutes) min it is not so that \(what)")
    }
}
