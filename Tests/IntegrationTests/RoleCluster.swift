// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import Testing

/// Chain, miner and workers with roles and data directories of their own.
final class RoleCluster: Sendable {
    let folder: ScratchFolder
    private let chain: RunningProgram
    private let miner: Mutex<RunningProgram>
    let minerPort: String
    private let minerArguments: [String]
    private let workers = Mutex<[String: RunningProgram]>([:])
    private let ended = Mutex<[RunningProgram]>([])

    /// `minerOptions`: what `miner run` is told besides.
    init(lease: String = "60s", minerOptions: [String] = []) async throws {
        let folder = try ScratchFolder()
        self.folder = folder
        chain = try Self.start(folder, ["chain", "run", "--data", folder.path("chain"), "--epoch", "200ms"])
        let chainPort = try await chain.announced("port")
        let arguments =
            [
                "miner", "run", "--data", folder.path("miner"), "--chain", "127.0.0.1:\(chainPort)",
                "--sector-size", "2KiB", "--epoch", "200ms", "--lease", lease,
            ] + minerOptions
        let first = try Self.start(folder, arguments)
        miner = Mutex(first)
        minerPort = try await first.announced("port")
        minerArguments = arguments + ["--listen", "127.0.0.1:\(minerPort)"]
    }

    /// Kills the miner with -9 and starts it again where it was.
    func restartMiner() async throws {
        let old = miner.withLock { $0 }
        old.killHard()
        _ = await old.finish()
        let new = try Self.start(folder, minerArguments)
        miner.withLock { $0 = new }
        _ = try await new.announced("port")
    }

    /// Asks the miner to stop, and waits until it has.
    func stopMiner() async {
        let running = miner.withLock { $0 }
        running.interrupt()
        _ = await running.finish()
    }

    private static func start(
        _ folder: ScratchFolder, _ arguments: [String], _ environment: [String: String] = [:]
    ) throws -> RunningProgram {
        try Program.start(
            arguments + ["--secret", folder.path("secret"), "--exit-with-parent"], holdsInput: true,
            environment: environment.merging(["SEALYARD_LOG": "info"]) { $1 })
    }

    /// Starts a worker, or one that was killed once more.
    func startWorker(
        _ name: String, slots: [String], _ others: [String] = [], environment: [String: String] = [:]
    ) async throws {
        let worker = try Self.start(
            folder,
            [
                "worker", "run", "--data", folder.path(name), "--name", name, "--miner",
                "127.0.0.1:\(minerPort)",
            ] + slots.flatMap { ["--slot", $0] } + others, environment)
        _ = try await worker.announced("port")
        workers.withLock { $0[name] = worker }
    }

    func killWorker(_ name: String) async {
        guard let worker = workers.withLock({ $0.removeValue(forKey: name) }) else {
            Issue.record("no worker \(name) runs")
            return
        }
        worker.killHard()
        ended.withLock { $0.append(worker) }
    }

    /// Asks a worker to stop, and waits until it has.
    func stopWorker(_ name: String) async throws {
        let worker = try #require(workers.withLock { $0.removeValue(forKey: name) })
        worker.interrupt()
        _ = await worker.finish()
    }

    /// What a worker that runs has said so far.
    func said(_ name: String) -> String { workers.withLock { $0[name] }?.complaints ?? "" }

    /// Hands itself to a test and ends, whatever comes of it.
    func use(_ body: (RoleCluster) async throws -> Void) async throws {
        do { try await body(self) } catch {
            await stop()
            throw error
        }
        await stop()
    }

    func stop() async {
        let running = workers.withLock { Array($0.values) } + [miner.withLock { $0 }, chain]
        for process in running { process.killHard() }
        for process in running + ended.withLock({ $0 }) { _ = await process.finish() }
    }

    func run(_ arguments: [String]) throws -> BuiltProgram.Outcome {
        try BuiltProgram().run(
            list: arguments,
            environment: [
                "SEALYARD_MINER": "127.0.0.1:\(minerPort)", "SEALYARD_SECRET": folder.path("secret"),
            ])
    }

    func text(_ arguments: String...) throws -> String {
        let outcome = try run(arguments)
        #expect(outcome.status == 0, "\(arguments): \(outcome.complaint)")
        return outcome.output
    }

    func json<T>(_ type: T.Type, _ arguments: String...) throws -> T {
        let outcome = try run(arguments + ["--json"])
        try #require(outcome.status == 0, "\(arguments): \(outcome.complaint)")
        let value = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        return try #require(value as? T, "\(outcome.output)")
    }

    func states() throws -> [String] {
        try json([[String: Any]].self, "sectors", "list").compactMap { $0["state"] as? String }
    }

    /// Asks until something holds; gives up after two minutes with what the workers said.
    func until(_ what: String, _ holds: () async throws -> Bool) async throws {
        for _ in 0..<600 {
            if try await holds() { return }
            try await Task.sleep(for: .milliseconds(200))
        }
        let said = workers.withLock { $0.map { "\($0.key):\n\($0.value.complaints.suffix(3_000))" } }
        Issue.record(
            "after two minutes it is not so that \(what)\n\(said.joined(separator: "\n"))")
        throw CancellationError()
    }

    /// The names in a folder of the cluster; none where it is not there.
    func names(_ path: String) -> [String] {
        do { return try FileManager.default.contentsOfDirectory(atPath: folder.path(path)).sorted() } catch {
            return []
        }
    }
}
