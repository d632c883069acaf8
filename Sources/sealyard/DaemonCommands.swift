// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Chain
import Engine
import Kernel
import KernelTCP
import Logging
import Scheduler
import Sealing
import Sim

/// A duration as people write it: `250ms`, `30s`, `5h45m`.
struct DurationArgument: ExpressibleByArgument {
    let value: Duration

    init?(argument: String) {
        do { value = try Quantity.duration(argument) } catch { return nil }
    }
}

extension Endpoint: ExpressibleByArgument {
    init?(argument: String) { self.init(parsing: argument) }
}

extension SectorSize: ExpressibleByArgument {
    init?(argument: String) {
        do { try self.init(parsing: argument) } catch { return nil }
    }
}

/// Options that all daemons share.
struct DaemonArguments: ParsableArguments {
    @Option(help: "Directory that holds all that this node keeps.")
    var data: String

    @Option(help: "File with the cluster's token secret (mode 0600); made where it is missing.")
    var secret: String

    @Option(
        help: "Directory with node.pem, node-key.pem and ca.pem for TLS; without it only loopback is allowed."
    )
    var tls: String?

    @Flag(help: "End when standard input ends, as it does when the parent process is gone.")
    var exitWithParent = false

    func options(name: String, listen: Endpoint?) -> DaemonOptions {
        DaemonOptions(
            nodeName: name, dataDirectory: data, listen: listen, secretPath: secret,
            security: Self.security(tls))
    }

    /// TLS with the files of that directory, or none on loopback.
    static func security(_ directory: String?) -> TransportSecurity {
        directory.map {
            .tls(
                TLSFiles(
                    certificatePath: "\($0)/node.pem", keyPath: "\($0)/node-key.pem",
                    trustRootsPath: "\($0)/ca.pem"))
        } ?? .plaintextLoopback
    }

    /// Announces the port, waits for the end, and shuts down; a second signal ends the process at once.
    func serve(_ node: DaemonNode, shutDown: () -> Void) async throws {
        Console.write("node=\(node.world.name)")
        if let port = node.port { Console.write("port=\(port)") }
        flushOutput()
        let cause = try await Shutdown.wait(watchesInput: exitWithParent) { exitAtOnce(130) }
        node.world.log.info("ending: \(cause)")
        shutDown()
    }
}

struct ChainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chain", abstract: "The chain node.", subcommands: [Run.self])

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run a devnet chain node: epochs, randomness, pre-commitments and proofs.",
            discussion: "Sectors, epochs and proofs only; messages, blocks and consensus come later.")

        @OptionGroup var daemon: DaemonArguments
        @Option(help: "This node's name.") var name = LocalCluster.chainName
        @Option(help: "Where to listen, HOST:PORT; port 0 lets the system choose.")
        var listen = Endpoint(host: "127.0.0.1", port: 0)
        @Option(help: "Real time of one epoch.") var epoch = DurationArgument(seconds: 4)
        @Option(help: "Deadlines of a proving period, 3 to 1000.")
        var deadlines = ProvingParameters.standard.deadlineCount
        @Option(help: "Epochs for which a deadline is open, 6 to 10000; challenge and cutoff go with it.")
        var deadlineEpochs = ProvingParameters.standard.deadlineEpochs

        func validate() throws {
            guard (3...1000).contains(deadlines) else {
                throw ValidationError(
                    "--deadlines takes 3 to 1000: new sectors get none that is open or next")
            }
            guard (6...10_000).contains(deadlineEpochs) else {
                throw ValidationError("--deadline-epochs takes 6 to 10000")
            }
        }

        mutating func run() async throws {
            Shutdown.holdSignals()
            let chain = try await ChainDaemon(
                .init(
                    node: daemon.options(name: name, listen: listen),
                    network: DevnetRules.network(
                        epoch: epoch.value, deadlineCount: deadlines, deadlineEpochs: deadlineEpochs)),
                log: daemonLog(name))
            try await daemon.serve(chain.node) { chain.shutDown() }
        }
    }
}

struct MinerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "miner", abstract: "The miner.", subcommands: [Run.self, MinerConfigCommand.self])

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run a miner: sectors, scheduler and storage index.")

        @OptionGroup var daemon: DaemonArguments
        @Option(help: "This node's name.") var name = LocalCluster.minerName
        @Option(help: "Where to listen, HOST:PORT; port 0 lets the system choose.")
        var listen = Endpoint(host: "127.0.0.1", port: 0)
        @Option(help: "Where the chain node listens, HOST:PORT.") var chain: Endpoint
        @Option(help: "The chain node's name.") var chainName = LocalCluster.chainName
        @Option(help: "The miner's actor number; 1000 is f01000.") var actor: UInt64 = 1000
        @Option(help: "Sector size: 2KiB … 64GiB.") var sectorSize: SectorSize
        @Option(help: "Folder of a journal of all that the components hear and say; see 'sealyard replay'.")
        var journal: String?
        @Option(
            help: """
                File of limits, batches and fees, as 'sealyard miner config default' writes it. Without one \
                each sector sends its own messages, at once.
                """,
            completion: .file(extensions: ["toml"]))
        var config: String?
        @Option(help: "Scheduling policy.") var policy = PolicyCatalog.defaultName
        @Option(
            help: ArgumentHelp(
                "A setting of the policy; once for each.", valueName: "name=value"))
        var policyOption: [String] = []
        @Option(
            help: """
                The program that decides, for the policy 'external'; see 'sealyard policy schema'. It is \
                started anew when it fails; proofs of spacetime go on meanwhile.
                """, completion: .file())
        var program: String?
        @Option(help: "Time that the program has for an answer, 50 ms to 60 s.")
        var programPatience = DurationArgument(seconds: 2)
        @Option(help: "Time a lost worker has to come back.") var lease = DurationArgument(seconds: 60)
        @Option(help: "Real time of one epoch, as the chain has it.") var epoch = DurationArgument(seconds: 4)

        func validate() throws {
            guard program == nil || policy == ExternalPolicy.name else {
                throw ValidationError("--program decides for --policy \(ExternalPolicy.name)")
            }
            guard (.milliseconds(50)...(.seconds(60))).contains(programPatience.value) else {
                throw ValidationError("--program-patience takes 50ms to 60s")
            }
        }

        /// The program is asked on the scheduler's own thread, so that what it sees is what is so.
        private func policyLink(_ log: Logger) throws -> ExternalPolicyLink? {
            guard let program else { return nil }
            let patience = programPatience.value
            return try ExternalPolicyLink(
                remaking: { try ProcessPolicyPeer(program, patience: patience) },
                told: { failure, pause in
                    log.error(
                        "\(failure); nothing but proofs of spacetime begins until it is started again",
                        metadata: ["pause": "\(pause)"])
                })
        }

        mutating func run() async throws {
            Shutdown.holdSignals()
            let log = daemonLog(name)
            var options = MinerDaemon.Options(
                node: daemon.options(name: name, listen: listen), chain: chain, chainName: chainName,
                miner: actor, proof: try .forSize(sectorSize, family: .v1_1), policy: policy,
                lease: lease.value, network: DevnetRules.network(epoch: epoch.value),
                journalFolder: journal)
            options.config = try MinerConfigCommand.load(config) { log.warning("\($0)") }
            options.policyOptions = try Self.policyOptions(policyOption)
            options.policyLink = try policyLink(log)
            let miner = try await MinerDaemon(options, log: log)
            try await daemon.serve(miner.node) { miner.shutDown() }
        }

        private static func policyOptions(_ texts: [String]) throws -> [String: String] {
            var options: [String: String] = [:]
            for text in texts {
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2, options[parts[0]] == nil else {
                    throw ValidationError("--policy-option \(text): write each NAME=VALUE once")
                }
                options[parts[0]] = parts[1]
            }
            return options
        }
    }
}

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "The workers.", subcommands: [Run.self])

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run a worker: native kernels that serve one miner.")

        @OptionGroup var daemon: DaemonArguments
        @Option(help: "This worker's name, unique in the cluster.") var name: String
        @Option(help: "Where the miner listens, HOST:PORT.") var miner: Endpoint
        @Option(help: "The miner's node name.") var minerName = LocalCluster.minerName
        @OptionGroup var files: WorkerFileArguments
        @Option(help: "Sectors under way here at once; 0 for no limit.") var maxSealing = 30
        @Option(
            help: """
                Slots for each kind of task, KIND=N with kinds AP, PC1, PC2, C1, FIN, RM, and WDP, which \
                proves deadlines on threads of its own.
                """)
        var slot: [String] = ["AP=1", "PC1=1", "PC2=1", "C1=1", "FIN=1", "RM=1", "WDP=1"]
        @Option(
            name: .customLong("post-parallel-reads"),
            help: "Sectors of a partition that are read at once, 1 to 1024.")
        var parallelReads = NativeTaskRunner.Proving.usualReadCount
        @Option(help: "Tasks that compute at once, of all kinds; 0 takes one per processor.")
        var threads = 0
        @Option(
            name: .customLong("batch-precommit1"),
            help: "PreCommit1 tasks that one core labels side by side, 1 to 16; PC1 needs as many slots.")
        var batchPreCommit1 = 1
        @Option(help: "Time that the first PreCommit1 task of a batch waits for others.")
        var batchWait = DurationArgument(seconds: 2)
        @Option(help: StretchArgument.help) var stretch: [StretchArgument] = []
        @OptionGroup var host: WorkerHostArguments
        @OptionGroup var sealing: SealingArguments

        func validate() throws {
            try StretchArgument.check(stretch)
            guard (1...SealPipeline.batchCountMax).contains(batchPreCommit1) else {
                throw ValidationError("--batch-precommit1 takes 1 to \(SealPipeline.batchCountMax)")
            }
            let slots = try slot.map(Self.slotCount).filter { $0.type == .preCommit1 }
            guard batchPreCommit1 == 1 || slots.reduce(0, { $0 + $1.count }) >= batchPreCommit1 else {
                throw ValidationError(
                    "--batch-precommit1 \(batchPreCommit1) needs as many slots: give --slot "
                        + "PC1=\(batchPreCommit1), and the other kinds theirs")
            }
            guard (1...1024).contains(parallelReads) else {
                throw ValidationError("--post-parallel-reads takes 1 to 1024")
            }
            guard batchWait.value >= .zero, batchWait.value <= .seconds(3600) else {
                throw ValidationError("--batch-wait takes 0s to 1h")
            }
        }

        mutating func run() async throws {
            Shutdown.holdSignals()
            var options = WorkerDaemon.Options(
                node: daemon.options(name: name, listen: files.listen), miner: miner, minerName: minerName,
                sealingDirectory: "\(daemon.data)/sealing", longTermDirectory: files.longTerm,
                slots: try slot.map(Self.slotCount), sealingCountMax: maxSealing,
                threadCount: threads > 0 ? threads : SystemClock.processorCount)
            options.advertised = files.advertise
            options.resources = try host.resources(worker: name, slots: options.slots, device: sealing.device)
            options.group = host.group
            options.numaNode = sealing.numaNode
            options.diskBytesPerSecond = host.diskRate?.bytesPerSecond ?? 0
            options.transfers = files.transfers
            options.readCount = parallelReads
            options.sealing = try sealing.options()
            options.hasher = try sealing.hasher()
            options.stretches = stretch.map(\.value)
            options.batching = .init(countMax: batchPreCommit1, wait: batchWait.value)
            let worker = try await WorkerDaemon(options, log: daemonLog(name))
            try await daemon.serve(worker.node) { worker.shutDown() }
        }

        static func slotCount(_ text: String) throws -> WorkerInfo.SlotCount {
            let parts = text.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, let count = Int(parts[1]), (0...10_000).contains(count),
                let type = TaskType.allCases.first(where: { $0.short == parts[0] })
            else {
                let kinds = TaskType.allCases.map(\.short).joined(separator: ", ")
                throw ValidationError(
                    "--slot \(text): write KIND=N with a kind of \(kinds) and N of 0 to 10000")
            }
            return .init(type, count)
        }
    }
}

extension DurationArgument {
    init(seconds: Int64) { value = .seconds(seconds) }
    init(milliseconds: Int64) { value = .milliseconds(milliseconds) }
    var defaultValueDescription: String { value.scenarioText }
}
