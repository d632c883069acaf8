// SPDX-License-Identifier: Apache-2.0
private import Foundation
package import Kernel
package import KernelTCP
package import Logging

/// A guest in the cluster: a node that dials a running miner, asks, and leaves nothing behind.
///
/// It listens nowhere and keeps no files. It reads the cluster's secret and shows a token that allows no more
/// than it is asked for.
package final class OperatorConnection: Sendable {
    /// Whom to reach and how.
    package struct Options: Sendable {
        package var miner: Endpoint
        /// The miner's node name.
        package var minerName: String
        /// The file with the cluster's token secret; it must be there.
        package var secretPath: String
        package var security: TransportSecurity
        /// What the token allows.
        package var permission: Permission
        /// The longest time for one question.
        package var timeout: Duration

        package init(
            miner: Endpoint, minerName: String = LocalCluster.minerName, secretPath: String,
            security: TransportSecurity = .plaintextLoopback, permission: Permission = .read,
            timeout: Duration = .seconds(10)
        ) {
            self.miner = miner
            self.minerName = minerName
            self.secretPath = secretPath
            self.security = security
            self.permission = permission
            self.timeout = timeout
        }
    }

    /// The miner's ear.
    package let client: MinerClient
    private let world: LiveWorld

    /// Makes the node; nothing is dialed before the first question.
    ///
    /// - Throws: ``EngineError`` with `refused` where secret, certificates or address cannot be used.
    package init(_ options: Options, log: Logger) async throws {
        let authority: TokenAuthority
        let token: String
        do throws(TransportError) {
            authority = try await TokenAuthority(existingSecretPath: options.secretPath)
            token = try await authority.token(for: options.permission)
        } catch {
            throw EngineError(code: .refused, message: "the cluster's secret: \(error.message)")
        }
        // A name of its own each time: a second command must not end the first one's session.
        let moment = String(UInt64(bitPattern: SystemClock.wallNanoseconds), radix: 16)
        let name = "operator-\(ProcessInfo.processInfo.processIdentifier)-\(moment)"
        let world = try LiveWorld(name: name, options: .init(executorCount: 1), log: log)
        var limits = TransportLimits()
        limits.handshakeTimeout = min(limits.handshakeTimeout, max(options.timeout, .milliseconds(1)))
        let transport: TCPTransport
        do throws(TransportError) {
            transport = try TCPTransport(
                options: TransportOptions(
                    nodeName: name, peers: [.init(name: options.minerName, endpoint: options.miner)],
                    token: token, authority: authority, security: options.security, limits: limits),
                attachedTo: world)
        } catch {
            world.shutDown()
            throw EngineError(code: .refused, message: error.message)
        }
        self.world = world
        client = MinerClient(world: world, minerName: options.minerName, timeout: options.timeout) { error in
            Self.explain(error, options, transport.status)
        }
    }

    /// Says goodbye to the miner and ends all threads.
    package func shutDown() { world.shutDown() }

    /// What an operator can do about a question that was not answered.
    private static func explain(
        _ error: KernelError, _ options: Options, _ status: TransportStatus
    ) -> EngineError {
        let place = "the miner '\(options.minerName)' at \(options.miner)"
        func unreachable(_ why: String) -> EngineError {
            EngineError(code: .unreachable, message: "\(place) cannot be reached: \(why)")
        }
        func refused(_ why: String) -> EngineError {
            EngineError(code: .refused, message: "\(place) refused: \(why)")
        }
        if error.code == .timedOut { return unreachable("no answer within \(options.timeout)") }
        guard error.code == .undeliverable else { return unreachable(error.message) }
        if status.connected.contains(options.minerName) {
            // It is there, and this message was sent back.
            if error.message.hasSuffix(DeadLetterReason.forbidden.rawValue) {
                return refused("the token does not allow it")
            }
            if error.message.hasSuffix(DeadLetterReason.notUnderstood.rawValue) {
                return refused("it does not understand the question; bring both to one release")
            }
            return unreachable(error.message)
        }
        guard let refusal = status.latestEndings.last?.refusal else {
            return unreachable("nobody listens there, or the way is closed")
        }
        switch refusal.code {
        case .badToken: return refused("it has another secret than \(options.secretPath): \(refusal.message)")
        case .wrongNode, .version, .tls, .notLoopback: return refused(refusal.message)
        case .closed, .malformed, .frameTooLarge, .handshakeTimeout:
            return unreachable(
                "\(refusal.message); where the cluster uses TLS, both sides need it")
        default: return unreachable(refusal.message)
        }
    }
}
