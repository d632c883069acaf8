// SPDX-License-Identifier: Apache-2.0
import Engine
import Foundation
import Kernel
import KernelTCP
import Logging
import Scheduler
import Sealing
import Testing

/// A guest's connection to a real miner in this process, over real sockets.
@Suite("Operator connection", .serialized)
struct OperatorConnectionTests {
    private let root = FileManager.default.temporaryDirectory.appending(path: "operator-\(UUID())").path
    private var quiet: Logger {
        var log = Logger(label: "test")
        log.logLevel = .critical
        return log
    }

    private func removeRoot() {
        do { try FileManager.default.removeItem(atPath: root) } catch {
            Issue.record("the folder \(root) stays behind: \(error)")
        }
    }

    /// A miner whose chain is out of reach; it answers operators all the same.
    private func miner(_ security: TransportSecurity) async throws -> MinerDaemon {
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        return try await MinerDaemon(
            .init(
                node: DaemonOptions(
                    nodeName: "miner", dataDirectory: "\(root)/miner",
                    listen: Endpoint(host: "127.0.0.1", port: 0), secretPath: "\(root)/secret",
                    security: security),
                chain: Endpoint(host: "127.0.0.1", port: 1), chainName: "chain", miner: 1000,
                proof: try .forSize(.kib2, family: .v1_1), policy: PolicyCatalog.defaultName,
                lease: .seconds(3), network: DevnetRules.network(epoch: .seconds(1))), log: quiet)
    }

    /// Asks a miner and gives what came of it.
    private func ask<T: Sendable>(
        _ port: Int, _ permission: Permission, _ security: TransportSecurity,
        _ body: (MinerClient) async throws -> T
    ) async throws -> Result<T, EngineError> {
        let connection = try await OperatorConnection(
            .init(
                miner: Endpoint(host: "127.0.0.1", port: port), secretPath: "\(root)/secret",
                security: security, permission: permission, timeout: .seconds(5)), log: quiet)
        defer { connection.shutDown() }
        do { return .success(try await body(connection.client)) } catch let error as EngineError {
            return .failure(error)
        }
    }

    @Test("a token that allows reading asks, and is refused what changes anything")
    func permissions() async throws {
        let miner = try await miner(.plaintextLoopback)
        defer {
            miner.shutDown()
            removeRoot()
        }
        let port = try #require(miner.node.port)
        let read = try await ask(port, .read, .plaintextLoopback) { try await $0.diagnosis().workerCount }
        #expect(try read.get() == 0)
        let pledge = try await ask(port, .read, .plaintextLoopback) { try await $0.pledge(count: 1) }
        #expect(throws: EngineError.self) { try pledge.get() }
        if case .failure(let error) = pledge {
            #expect(error.code == .refused)
            #expect(error.message.contains("does not allow"), "\(error)")
        }
        let pause = try await ask(port, .write, .plaintextLoopback) {
            try await $0.control(ControlOrder(.pause)).workers
        }
        if case .failure(let error) = pause {
            #expect(error.code == .refused)
        } else {
            Issue.record("a token for writing paused the cluster")
        }
        let written = try await ask(port, .write, .plaintextLoopback) { try await $0.pledge(count: 2) }
        #expect(try written.get() == [1, 2])
        #expect(try await ask(port, .read, .plaintextLoopback) { try await $0.sectors().count }.get() == 2)
        for _ in 0..<100 where !miner.node.transport.status.connected.isEmpty {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(miner.node.transport.status.connected.isEmpty, "no guest has stayed")
    }

    @Test("with the cluster's certificates it works over TLS, and without them it says so")
    func transportSecurity() async throws {
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        let files = try ClusterCertificates.make(directory: "\(root)/tls", hosts: ["127.0.0.1"])
        let security = TransportSecurity.tls(
            TLSFiles(
                certificatePath: files.certificatePath, keyPath: files.keyPath,
                trustRootsPath: files.authorityPath))
        let miner = try await miner(security)
        defer {
            miner.shutDown()
            removeRoot()
        }
        let port = try #require(miner.node.port)
        let read = try await ask(port, .read, security) { try await $0.diagnosis().workerCount }
        #expect(try read.get() == 0)
        let plain = try await ask(port, .read, .plaintextLoopback) { try await $0.diagnosis().workerCount }
        if case .failure(let error) = plain {
            #expect(error.code == .unreachable)
            #expect(error.message.contains("TLS"), "\(error)")
        } else {
            Issue.record("a node without certificates was let in")
        }
    }
}
