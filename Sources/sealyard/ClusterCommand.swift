// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Chain
import Engine
import Foundation
import Kernel
import KernelTCP
import Logging
import Scheduler
import Sealing

struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster", abstract: "A whole cluster on this machine.",
        subcommands: [ClusterUp.self, ClusterCertificatesCommand.self])
}

struct ClusterUp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Start chain, miner and workers as processes, seal sectors to Proving, and clean up.",
        discussion: """
            Everything is real but the proof's last step: sectors are labelled, hashed and opened by the \
            native kernels, and the chain checks every opening (vanilla proof, no SNARK: Commit2 is not \
            built yet).
            """)

    @Option(help: "Worker processes.") var workers = 3
    @Option(help: "Sectors to seal.") var sectors = 4
    @Option(help: "Sector size.") var size = SectorSize.kib2
    @Option(help: "A file that fills the first sector; the others hold committed capacity.") var file: String?
    @Option(help: "Kill a worker with -9 this long after the start, such as 3s.") var killWorkerAt:
        DurationArgument?
    @Option(help: "Which worker is killed.") var killWorker = 1
    @Option(help: StretchArgument.help) var stretch: [StretchArgument] = []
    @Option(help: "Real time of one epoch.") var epoch = DurationArgument(milliseconds: 300)
    @Option(help: "Give up after this long.") var timeout = DurationArgument(seconds: 180)
    @Option(
        help: "Where everything lives; kept afterwards. Without it a temporary directory is used and removed."
    )
    var data: String?
    @Flag(help: "Print one JSON document instead of tables.") var json = false

    func validate() throws {
        guard (1...64).contains(workers) else { throw ValidationError("--workers takes 1 to 64") }
        guard (1...1000).contains(sectors) else { throw ValidationError("--sectors takes 1 to 1000") }
        guard (1...workers).contains(killWorker) else {
            throw ValidationError("--kill-worker takes a number of 1 to \(workers)")
        }
        if killWorkerAt != nil, workers < 2 {
            throw ValidationError(
                "--kill-worker-at needs a second worker to take over; use --workers 2 or more")
        }
        try StretchArgument.check(stretch)
        guard epoch.value >= .milliseconds(10) else { throw ValidationError("--epoch takes 10ms or more") }
    }

    mutating func run() async throws {
        Shutdown.holdSignals()
        let payload = try file.map { try ClusterPayload(path: $0, size: size) }
        let directory =
            data
            ?? FileManager.default.temporaryDirectory.path
            + "/sealyard-\(ProcessInfo.processInfo.processIdentifier)"
        let isTemporary = data == nil
        defer { if isTemporary { removeTree(directory) } }
        let options = LocalCluster.Options(
            program: CommandLine.executablePath, directory: directory, workerCount: workers, sectorSize: size,
            epoch: epoch.value, workerArguments: stretch.flatMap { ["--stretch", $0.text] })
        let run = ClusterRun(command: self, payload: payload)
        let task = Task { try await run.perform(options) }
        let watcher = Task {
            _ = try await Shutdown.wait(watchesInput: false) { exitAtOnce(130) }
            task.cancel()
        }
        defer { watcher.cancel() }
        do {
            try await task.value
        } catch is CancellationError {
            Console.note("interrupted: all processes are ended")
            throw ExitCode(130)
        }
    }
}

/// A file that goes into a sector: checked before anything starts.
struct ClusterPayload {
    let path: String
    let bytes: Data

    init(path: String, size: SectorSize) throws {
        guard let attributes = FileManager.default.attributes(path), let count = attributes[.size] as? UInt64
        else {
            throw EngineError(code: .badOption, message: "--file \(path): no such file, or not readable")
        }
        guard count > 0, count <= size.unpaddedBytes else {
            throw EngineError(
                code: .badOption,
                message:
                    "--file \(path) has \(count) bytes; "
                    + "a \(size.name) sector takes 1 to \(size.unpaddedBytes)"
            )
        }
        self.path = URL(fileURLWithPath: path).path
        bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    }
}

struct ClusterCertificatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "certs", abstract: "Make a certificate authority and node certificates for TLS.")

    @Option(help: "Directory for the files; nothing in it is overwritten.") var out: String
    @Option(help: "A host name or address that a node is reached by; give it once for each.") var host:
        [String]

    func validate() throws {
        if host.isEmpty { throw ValidationError("--host is needed at least once") }
    }

    mutating func run() async throws {
        let files = try ClusterCertificates.make(directory: out, hosts: host)
        for file in [files.authorityPath, files.authorityKeyPath, files.certificatePath, files.keyPath] {
            Console.write(file)
        }
    }
}
