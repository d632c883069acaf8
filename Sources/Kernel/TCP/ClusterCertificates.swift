// SPDX-License-Identifier: Apache-2.0
private import Crypto
private import FoundationEssentials
private import Glibc
private import Kernel
private import SwiftASN1
private import X509

/// A cluster's own certificate authority, and the certificate that its nodes show each other.
///
/// Every node gets the node's certificate and key and the authority's certificate. The authority's
/// key is needed only to sign further certificates and is best kept elsewhere.
package struct ClusterCertificates: Sendable, Hashable {
    /// Hosts and nodes that one certificate may name.
    package static let hostCountMax = 1_000

    /// The authority's certificate, `ca.pem`.
    package let authorityPath: String
    /// The authority's key, `ca-key.pem`, mode 0600.
    package let authorityKeyPath: String
    /// The nodes' certificate, `node.pem`.
    package let certificatePath: String
    /// The nodes' key, `node-key.pem`, mode 0600.
    package let keyPath: String
    /// Days from now for which both certificates hold.
    package let validDayCount: Int
    /// The end of that time, in seconds since the Unix epoch.
    package let validUntilUnixSeconds: Int64

    /// What a transport needs of these files.
    package var tlsFiles: TLSFiles {
        TLSFiles(certificatePath: certificatePath, keyPath: keyPath, trustRootsPath: authorityPath)
    }

    /// Makes an authority and a certificate (both P-256) for `hosts`, and writes them into `directory`.
    ///
    /// - Parameters:
    ///   - directory: is made, with mode 0700, where it does not exist.
    ///   - hosts: DNS names and IP addresses by which the nodes are dialed.
    ///   - validDayCount: 1 to 3,650 days.
    /// - Returns: where the files are and how long they hold.
    /// - Throws: ``TransportError`` with `badOption`, `fileExists` (nothing is ever overwritten),
    ///   `fileFailed` or
    ///   `tlsFailed`.
    package static func make(
        directory: String, hosts: [String], validDayCount: Int = 825
    ) throws(TransportError) -> ClusterCertificates {
        guard (1...3_650).contains(validDayCount) else {
            throw TransportError(
                code: .badOption, message: "certificates hold for 1 to 3650 days, not \(validDayCount)")
        }
        guard !hosts.isEmpty, hosts.count <= hostCountMax else {
            throw TransportError(
                code: .badOption,
                message: "a certificate names 1 to \(hostCountMax) hosts, not \(hosts.count)")
        }
        let names = try hosts.map { host throws(TransportError) in try generalName(host) }
        let now = SystemClock.wallNanoseconds / 1_000_000_000
        let until = now + Int64(validDayCount) * 86_400
        let files = ClusterCertificates(
            authorityPath: "\(directory)/ca.pem", authorityKeyPath: "\(directory)/ca-key.pem",
            certificatePath: "\(directory)/node.pem", keyPath: "\(directory)/node-key.pem",
            validDayCount: validDayCount, validUntilUnixSeconds: until)
        if mkdir(directory, 0o700) != 0 && errno != EEXIST {
            throw TransportError(
                code: .fileFailed,
                message: "could not make \(directory): \(String(cString: strerror(errno)))")
        }
        for path in files.paths where access(path, F_OK) == 0 {
            throw TransportError(
                code: .fileExists, message: "\(path) exists and is not overwritten; choose another folder")
        }
        let texts: [String]
        do { texts = try pems(names, from: now, until: until) } catch {
            throw TransportError(code: .tlsFailed, message: "the certificates could not be made: \(error)")
        }
        for (path, text) in zip(files.paths, texts) {
            let isKey = path.hasSuffix("-key.pem")
            try PrivateFile.create(path, Array(text.utf8), mode: isKey ? 0o600 : 0o644)
        }
        return files
    }

    private var paths: [String] { [authorityPath, authorityKeyPath, certificatePath, keyPath] }

    /// The four files' contents, in the order of `paths`.
    private static func pems(
        _ names: [GeneralName], from now: Int64, until: Int64
    ) throws -> [String] {
        // Clocks of a cluster differ by minutes at most.
        let begin = Date(timeIntervalSince1970: Double(now - 3_600))
        let end = Date(timeIntervalSince1970: Double(until))
        let (authorityKey, nodeKey) = (P256.Signing.PrivateKey(), P256.Signing.PrivateKey())
        let issuer = try DistinguishedName {
            OrganizationName("Sealyard")
            CommonName("Sealyard cluster authority")
        }
        let authority = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(),
            publicKey: Certificate.PublicKey(authorityKey.publicKey), notValidBefore: begin,
            notValidAfter: end, issuer: issuer, subject: issuer, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            }, issuerPrivateKey: Certificate.PrivateKey(authorityKey))
        let node = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(),
            publicKey: Certificate.PublicKey(nodeKey.publicKey), notValidBefore: begin,
            notValidAfter: end, issuer: issuer,
            subject: try DistinguishedName {
                OrganizationName("Sealyard")
                CommonName("Sealyard node")
            }, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames(names)
            }, issuerPrivateKey: Certificate.PrivateKey(authorityKey))
        return [
            try authority.serializeAsPEM().pemString, authorityKey.pemRepresentation,
            try node.serializeAsPEM().pemString, nodeKey.pemRepresentation,
        ].map { $0.hasSuffix("\n") ? $0 : $0 + "\n" }
    }

    private static func generalName(_ host: String) throws(TransportError) -> GeneralName {
        var v4 = in_addr()
        if inet_pton(AF_INET, host, &v4) == 1 {
            // Safety: the pointer is to the local address and does not leave the closure.
            return .ipAddress(ASN1OctetString(contentBytes: withUnsafeBytes(of: v4) { Array($0)[...] }))
        }
        var v6 = in6_addr()
        if inet_pton(AF_INET6, host, &v6) == 1 {
            // Safety: as above.
            return .ipAddress(ASN1OctetString(contentBytes: withUnsafeBytes(of: v6) { Array($0)[...] }))
        }
        let isName =
            (1...253).contains(host.utf8.count)
            && host.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || [UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_")].contains(byte)
            }
        guard isName else {
            throw TransportError(
                code: .badOption, message: "'\(host.prefix(80))' is neither a host name nor an IP address")
        }
        return .dnsName(host)
    }
}
