// SPDX-License-Identifier: Apache-2.0
package import Chain
private import Foundation
private import Kernel
package import KernelTCP
package import Logging
package import Scheduler
package import Sealing

/// A whole cluster on this machine: chain, miner and workers as processes that talk over TCP on loopback.
package final class LocalCluster: Sendable {
    /// What a cluster is started with.
    package struct Options: Sendable {
        /// This program, which is started again as each daemon.
        package var program: String
        /// Where everything lives; made if missing.
        package var directory: String
        package var workerCount: Int
        package var sectorSize: SectorSize
        package var epoch: Duration
        package var miner: UInt64
        /// Sectors that one worker holds at once.
        package var sealingCountMax: Int
        /// What `worker run` is told besides.
        package var workerArguments: [String]

        package init(
            program: String, directory: String, workerCount: Int, sectorSize: SectorSize, epoch: Duration,
            miner: UInt64 = 1000, sealingCountMax: Int = 8, workerArguments: [String] = []
        ) {
            self.program = program
            self.directory = directory
            self.workerCount = workerCount
            self.sectorSize = sectorSize
            self.epoch = epoch
            self.miner = miner
            self.sealingCountMax = sealingCountMax
            self.workerArguments = workerArguments
        }
    }

    package static let chainName = "chain"
    package static let minerName = "miner"

    package let options: Options
    package let workers: [ChildProcess]
    /// Where the miner listens, for operators' commands.
    package let minerEndpoint: Endpoint
    /// The file with the cluster's token secret.
    package var secretPath: String { "\(options.directory)/secret" }
    private let chain: ChildProcess
    private let miner: ChildProcess
    private let node: DaemonNode
    private let client: MinerClient
    private let chainRef: Ref<ChainMessage>

    /// Starts all processes and waits until they answer; ends what was started where one does not.
    ///
    /// - Throws: ``EngineError``, ``KernelError`` or `TransportError`.
    package init(_ options: Options, log: Logger) async throws {
        self.options = options
        let directory = options.directory
        do {
            try FileManager.default.createDirectory(
                atPath: "\(directory)/logs", withIntermediateDirectories: true)
        } catch {
            throw EngineError(code: .fileFailed, message: "\(directory)/logs cannot be made: \(error)")
        }
        let secret = "\(directory)/secret"
        // Made before the daemons start, so that all of them read one and the same.
        _ = try await TokenAuthority(secretPath: secret)
        var started: [ChildProcess] = []
        do {
            let clock = try LiveWorld(name: "starter", options: .init(executorCount: 1), log: log)
            defer { clock.shutDown() }
            func start(_ name: String, _ arguments: [String]) throws -> ChildProcess {
                let child = try ChildProcess(
                    name: name, program: options.program,
                    arguments: arguments + ["--secret", secret, "--exit-with-parent"],
                    logPath: "\(directory)/logs/\(name).log")
                started.append(child)
                return child
            }
            let epoch = ["--epoch", "\(options.epoch.nanoseconds / 1_000_000)ms"]
            chain = try start(
                Self.chainName,
                ["chain", "run", "--data", "\(directory)/chain", "--listen", "127.0.0.1:0"] + epoch)
            let chainPort = try await Self.port(of: chain, clock, directory)
            miner = try start(
                Self.minerName,
                [
                    "miner", "run", "--data", "\(directory)/miner", "--listen", "127.0.0.1:0", "--chain",
                    "127.0.0.1:\(chainPort)", "--sector-size", options.sectorSize.name, "--actor",
                    "\(options.miner)", "--lease", "3s", "--journal", "\(directory)/miner/journal",
                ] + epoch)
            let minerPort = try await Self.port(of: miner, clock, directory)
            minerEndpoint = Endpoint(host: "127.0.0.1", port: minerPort)
            var workers: [ChildProcess] = []
            for index in 1...options.workerCount {
                let name = "worker-\(index)"
                workers.append(
                    try start(
                        name,
                        [
                            "worker", "run", "--name", name, "--data", "\(directory)/\(name)", "--miner",
                            "127.0.0.1:\(minerPort)", "--long-term", "\(directory)/store", "--max-sealing",
                            "\(options.sealingCountMax)",
                        ] + options.workerArguments))
            }
            self.workers = workers
            node = try await DaemonNode(
                DaemonOptions(
                    nodeName: "operator-\(ProcessInfo.processInfo.processIdentifier)",
                    dataDirectory: "\(directory)/operator", secretPath: secret),
                peers: [
                    .init(name: Self.minerName, endpoint: minerEndpoint),
                    .init(name: Self.chainName, endpoint: Endpoint(host: "127.0.0.1", port: chainPort)),
                ], log: log)
        } catch {
            for child in started.reversed() { child.terminate() }
            for child in started { child.waitForEnd() }
            throw error
        }
        client = MinerClient(world: node.world, minerName: Self.minerName, timeout: .seconds(20))
        chainRef = node.world.ref(
            at: Address(node: Self.chainName, name: MinerAssembly.chainName), as: ChainMessage.self)
    }

    private static func port(
        of child: ChildProcess, _ clock: LiveWorld, _ directory: String
    ) async throws -> Int {
        for _ in 0..<600 {
            if let text = child.announced("port"), let port = Int(text) { return port }
            guard child.isRunning else { break }
            await clock.sleep(for: .milliseconds(50))
        }
        throw EngineError(
            code: .processFailed,
            message: "\(child.name) did not come up; its log is \(directory)/logs/\(child.name).log")
    }

    /// Waits until all workers have registered, so that sectors spread over all of them.
    ///
    /// - Throws: ``EngineError`` with `processFailed` where one does not within half a minute.
    package func waitForWorkers() async throws {
        for _ in 0..<600 {
            if try await diagnosis().workerCount == options.workerCount { return }
            guard ended.isEmpty else { break }
            await wait(.milliseconds(50))
        }
        throw EngineError(
            code: .processFailed,
            message:
                "not all \(options.workerCount) workers registered; see the logs in \(options.directory)/logs"
        )
    }

    // MARK: Use

    /// Begins sectors; the numbers of the new ones.
    ///
    /// - Throws: ``EngineError`` with `refused` where the miner refuses, or ``KernelError``.
    package func pledge(count: Int, payloadPath: String? = nil) async throws -> [UInt64] {
        try await client.pledge(count: count, payloadPath: payloadPath)
    }

    /// All sectors, in order of number.
    ///
    /// - Throws: ``KernelError``.
    package func list() async throws -> [SectorSummary] { try await client.sectors() }

    /// What waits and what runs.
    ///
    /// - Throws: ``KernelError``.
    package func diagnosis() async throws -> SchedulerDiagnosis { try await client.diagnosis() }

    /// What the chain knows of the miner's sectors.
    ///
    /// - Throws: ``KernelError``.
    package func chainSectors() async throws -> [ChainSectorRecord] {
        let miner = options.miner
        let answer: ChainEvent = try await chainRef.ask(timeout: .seconds(20)) {
            .sectors(miner: miner, limit: 10_000, replyTo: $0)
        }
        guard case .sectors(let records) = answer else {
            throw EngineError(code: .checkFailed, message: "the chain gave another answer: \(answer)")
        }
        return records
    }

    /// Waits for real time.
    package func wait(_ duration: Duration) async { await node.world.sleep(for: duration) }

    /// The time since the cluster's last process was started.
    package var age: Duration { node.world.now - .zero }

    /// Names of daemons that ended although nobody asked them to.
    package var ended: [String] { ([chain, miner] + workers).filter { !$0.isRunning }.map(\.name) }

    /// Ends all processes, workers first, and waits for them.
    package func shutDown() {
        node.shutDown()
        let children = workers + [miner, chain]
        for child in children { child.terminate() }
        for child in children { child.waitForEnd() }
    }
}
