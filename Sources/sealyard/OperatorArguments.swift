// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Engine
import Foundation
import Kernel
import KernelTCP
import Logging
import Scheduler

/// What every command to a running miner takes.
struct OperatorArguments: ParsableArguments {
    @Option(help: "Where the miner listens, HOST:PORT; SEALYARD_MINER unless given.")
    var miner: Endpoint?

    @Option(help: "The miner's node name.") var minerName = LocalCluster.minerName

    @Option(
        help: "File with the cluster's token secret, as the daemons have it; SEALYARD_SECRET unless given.",
        completion: .file())
    var secret: String?

    @Option(
        help: """
            Directory with node.pem, node-key.pem and ca.pem for TLS; SEALYARD_TLS unless given; without it \
            only loopback is allowed.
            """,
        completion: .directory)
    var tls: String?

    @Option(help: "The longest time for an answer.") var timeout = DurationArgument(seconds: 10)

    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard timeout.value > .zero, timeout.value <= .seconds(86_400) else {
            throw ValidationError("--timeout takes more than 0s, at most 24h")
        }
        if let miner, miner.port == 0 { throw ValidationError("--miner needs a port of 1 to 65535") }
        guard Address.isWellFormed(minerName) else {
            throw ValidationError("--miner-name '\(minerName.prefix(128))' is not a node name")
        }
    }

    /// Connects, lets `body` ask, and leaves; failures end with the house's exit statuses.
    func ask<T>(_ permission: Permission, _ body: (MinerClient) async throws -> T) async throws -> T {
        let options = try connection(permission)
        do {
            let connection = try await OperatorConnection(options, log: Self.log)
            defer { connection.shutDown() }
            return try await body(connection.client)
        } catch let error as EngineError where error.code == .unreachable || error.code == .timedOut {
            throw CommandError.temporary(error.message)
        } catch let error as EngineError {
            throw CommandError.failure(error.message)
        }
    }

    private func connection(_ permission: Permission) throws -> OperatorConnection.Options {
        let environment = ProcessInfo.processInfo.environment
        guard
            let miner = try miner
                ?? environment["SEALYARD_MINER"].map({ text in
                    guard let endpoint = Endpoint(parsing: text), endpoint.port > 0 else {
                        throw CommandError.usage(
                            "SEALYARD_MINER is '\(text.prefix(128))'; write HOST:PORT, as 127.0.0.1:2345")
                    }
                    return endpoint
                })
        else {
            throw CommandError.usage("which miner? Give --miner HOST:PORT or set SEALYARD_MINER")
        }
        guard let secret = secret ?? environment["SEALYARD_SECRET"] else {
            throw CommandError.usage(
                "with which secret? Give --secret FILE or set SEALYARD_SECRET to the daemons' file")
        }
        return OperatorConnection.Options(
            miner: miner, minerName: minerName, secretPath: secret,
            security: DaemonArguments.security(tls ?? environment["SEALYARD_TLS"]), permission: permission,
            timeout: timeout.value)
    }

    /// The failure is told by the command itself, so that the transport's own words are for debugging only.
    private static var log: Logger {
        var log = daemonLog("operator")
        if ProcessInfo.processInfo.environment["SEALYARD_LOG"] == nil { log.logLevel = .critical }
        return log
    }
}

/// A word of consent, without which nothing that cannot be taken back is done.
struct ConsentArguments: ParsableArguments {
    @Flag(help: "Do it; without this flag the command refuses.") var reallyDoIt = false

    func validate() throws {
        guard reallyDoIt else {
            throw ValidationError("this cannot be taken back; pass --really-do-it to confirm it")
        }
    }
}

/// A kind of task by its short name, in either case: `PC1`.
struct TaskKindArgument: ExpressibleByArgument {
    let type: TaskType

    init?(argument: String) {
        guard let type = TaskType.allCases.first(where: { $0.short == argument.uppercased() }) else {
            return nil
        }
        self.type = type
    }

    static var allValueStrings: [String] { TaskType.allCases.map(\.short) }
}
