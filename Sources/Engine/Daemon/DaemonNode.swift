// SPDX-License-Identifier: Apache-2.0
private import Foundation
package import Kernel
package import KernelTCP
package import Logging

/// What every daemon needs: a name, a place for its data, and how it meets its peers.
package struct DaemonOptions: Sendable {
    /// The node's name, unique in the cluster.
    package var nodeName: String
    /// The directory that holds all that this node keeps.
    package var dataDirectory: String
    /// Where to listen; `nil` for a node that only dials.
    package var listen: Endpoint?
    /// The file with the cluster's token secret; made where it is missing.
    package var secretPath: String
    package var security: TransportSecurity
    package var limits: TransportLimits

    package init(
        nodeName: String, dataDirectory: String, listen: Endpoint? = nil, secretPath: String,
        security: TransportSecurity = .plaintextLoopback, limits: TransportLimits = TransportLimits()
    ) {
        self.nodeName = nodeName
        self.dataDirectory = dataDirectory
        self.listen = listen
        self.secretPath = secretPath
        self.security = security
        self.limits = limits
    }
}

/// A live node with its transport: the ground that chain, miner, worker and command line stand on.
package final class DaemonNode: Sendable {
    package let world: LiveWorld
    package let transport: TCPTransport
    package let options: DaemonOptions

    /// The port that is listened on, where one is.
    package var port: Int? { transport.boundPort }

    /// Makes the data directory, the world and the transport.
    ///
    /// - Throws: ``EngineError``, ``KernelError`` or `TransportError`.
    package init(_ options: DaemonOptions, peers: [TransportOptions.Peer] = [], log: Logger) async throws {
        self.options = options
        do {
            try FileManager.default.createDirectory(
                atPath: options.dataDirectory, withIntermediateDirectories: true)
        } catch {
            throw EngineError(
                code: .fileFailed,
                message: "the data directory \(options.dataDirectory) cannot be made: \(error)")
        }
        let authority = try await TokenAuthority(secretPath: options.secretPath)
        let token = try await authority.token(for: .admin)
        world = try LiveWorld(name: options.nodeName, log: log)
        transport = try TCPTransport(
            options: TransportOptions(
                nodeName: options.nodeName, listen: options.listen, peers: peers, token: token,
                authority: authority, security: options.security, limits: options.limits),
            attachedTo: world)
    }

    /// Ends all sessions, components and threads.
    package func shutDown() { world.shutDown() }
}
