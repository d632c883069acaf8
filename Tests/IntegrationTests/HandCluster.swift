// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Chain, miner and one worker, started as an operator starts them by hand.
final class HandCluster: OperatedCluster {
    let folder: ScratchFolder
    let miner: RunningProgram
    let minerPort: String
    private let chain: RunningProgram
    private let worker: RunningProgram

    /// - Parameter config: what the miner's config.toml says; `nil` for none.
    init(config: String? = nil) async throws {
        let folder = try ScratchFolder()
        self.folder = folder
        func start(_ arguments: [String]) throws -> RunningProgram {
            try Program.start(
                arguments + ["--secret", folder.path("secret"), "--exit-with-parent"], holdsInput: true)
        }
        chain = try start(["chain", "run", "--data", folder.path("chain"), "--epoch", "200ms"])
        let chainPort = try await chain.announced("port")
        var settings: [String] = []
        if let config {
            settings = ["--config", folder.path("config.toml")]
            try config.write(toFile: settings[1], atomically: true, encoding: .utf8)
        }
        miner = try start(
            [
                "miner", "run", "--data", folder.path("miner"), "--chain", "127.0.0.1:\(chainPort)",
                "--sector-size", "2KiB", "--epoch", "200ms",
            ] + settings)
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
}
