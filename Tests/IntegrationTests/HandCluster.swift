// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Chain, miner and one worker, started as an operator starts them by hand.
final class HandCluster: Sendable {
    let folder: ScratchFolder
    let miner: RunningProgram
    let minerPort: String
    private let chain: RunningProgram
    private let worker: RunningProgram

    var secret: String { folder.path("secret") }

    init() async throws {
        let folder = try ScratchFolder()
        self.folder = folder
        func start(_ arguments: [String]) throws -> RunningProgram {
            try Program.start(
                arguments + ["--secret", folder.path("secret"), "--exit-with-parent"], holdsInput: true)
        }
        chain = try start(["chain", "run", "--data", folder.path("chain"), "--epoch", "200ms"])
        let chainPort = try await chain.announced("port")
        miner = try start([
            "miner", "run", "--data", folder.path("miner"), "--chain", "127.0.0.1:\(chainPort)",
            "--sector-size", "2KiB", "--epoch", "200ms",
        ])
        minerPort = try await miner.announced("port")
        worker = try start([
            "worker", "run", "--data", folder.path("w1"), "--name", "w1", "--miner",
            "127.0.0.1:\(minerPort)", "--long-term", folder.path("store"),
        ])
        try await until("the worker has registered") {
            try await self.json([[String: Any]].self, ["sealing", "workers"]).count == 1
        }
    }

    /// Ends all processes; to be called before the test ends.
    func stop() async {
        for process in [worker, miner, chain] { process.killHard() }
        for process in [worker, miner, chain] { _ = await process.finish() }
    }

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

    /// Asks until something holds; gives up after a minute.
    func until(_ what: String, _ holds: () async throws -> Bool) async throws {
        for _ in 0..<300 {
            if try await holds() { return }
            try await Task.sleep(for: .milliseconds(200))
        }
        Issue.record("after a minute it is not so that \(what)")
    }
}
