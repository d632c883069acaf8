// SPDX-License-Identifier: Apache-2.0
private import NIOCore
internal import NIOSSL

/// The two TLS configurations of a node: as the one that dials and as the one that is dialed.
struct TLSContexts: Sendable {
    private let client: NIOSSLContext
    private let server: NIOSSLContext

    /// Loads the node's files.
    ///
    /// - Throws: ``TransportError`` with `tlsFailed`.
    init(_ files: TLSFiles) throws(TransportError) {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(files.certificatePath)
                .map { NIOSSLCertificateSource.certificate($0) }
            let key = NIOSSLPrivateKeySource.privateKey(
                try NIOSSLPrivateKey(file: files.keyPath, format: .pem))
            let roots = NIOSSLTrustRoots.certificates(
                try NIOSSLCertificate.fromPEMFile(files.trustRootsPath))

            var client = TLSConfiguration.makeClientConfiguration()
            client.certificateChain = chain
            client.privateKey = key
            client.trustRoots = roots
            client.certificateVerification = .fullVerification
            client.minimumTLSVersion = .tlsv13
            client.shutdownTimeout = .seconds(1)

            // A dialer has no name that the acceptor could check; its certificate proves that it is
            // of the cluster.
            var server = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: key)
            server.trustRoots = roots
            server.certificateVerification = .noHostnameVerification
            server.minimumTLSVersion = .tlsv13
            server.shutdownTimeout = .seconds(1)

            self.client = try NIOSSLContext(configuration: client)
            self.server = try NIOSSLContext(configuration: server)
        } catch {
            throw TransportError(
                code: .tlsFailed,
                message: "TLS cannot use \(files.certificatePath), \(files.keyPath) and "
                    + "\(files.trustRootsPath): \(error); make them with `sealyard cluster certs`")
        }
    }

    /// The handler for a connection to `host`.
    func clientHandler(host: String) throws -> NIOSSLClientHandler {
        let isAddress: Bool
        do {
            _ = try SocketAddress(ipAddress: host, port: 0)
            isAddress = true
        } catch { isAddress = false }
        // For an address the certificate's own addresses are checked against the socket's.
        return try NIOSSLClientHandler(context: client, serverHostname: isAddress ? nil : host)
    }

    /// The handler for an accepted connection.
    func serverHandler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: server) }
}
