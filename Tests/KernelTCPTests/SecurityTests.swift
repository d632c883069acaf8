// SPDX-License-Identifier: Apache-2.0
import Foundation
import Kernel
import KernelTCP
import Testing

/// A folder that is gone after the test.
final class Folder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "sealyard-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch {
            Issue.record("left behind: \(path)")
        }
    }

    func mode(of name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")
        return try #require(attributes[.posixPermissions] as? Int)
    }
}

@Suite("Tokens", .timeLimit(.minutes(1)))
struct TokenTests {
    @Test("a token carries its level and those below", arguments: Permission.allCases)
    func levels(permission: Permission) async throws {
        let authority = try await TokenAuthority(secret: TestNode.secret)
        let token = try await authority.token(for: permission)
        #expect(try authority.verify(token) == permission)
        let payload = try #require(token.split(separator: ".").dropFirst().first)
        let padded = payload + String(repeating: "=", count: (4 - payload.count % 4) % 4)
        let base64 = padded.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        let json = try JSONSerialization.jsonObject(with: #require(Data(base64Encoded: base64)))
        let names = Permission.allCases.filter { $0 <= permission }.map(\.tokenName)
        #expect((json as? [String: [String]]) == ["Allow": names])
    }

    @Test("another secret's token is refused") func foreign() async throws {
        let ours = try await TokenAuthority(secret: TestNode.secret)
        let theirs = try await TokenAuthority(secret: Array(repeating: 8, count: 32))
        let token = try await theirs.token(for: .admin)
        #expect(throws: TransportError.self) { try ours.verify(token) }
    }

    @Test(
        "tokens that are none are refused",
        arguments: [
            "", "..", "a.b.c", "not a token", String(repeating: "x", count: 100_000),
            // {"alg":"none"} and {"Allow":["admin"]}, unsigned.
            "eyJhbGciOiJub25lIn0.eyJBbGxvdyI6WyJhZG1pbiJdfQ.",
        ]) func malformed(token: String) async throws
    {
        let authority = try await TokenAuthority(secret: TestNode.secret)
        #expect(throws: TransportError.self) { try authority.verify(token) }
    }

    @Test("a token of another algorithm, or with one bit changed, is refused") func tampered() async throws {
        let authority = try await TokenAuthority(secret: TestNode.secret)
        let parts = try await authority.token(for: .read).split(separator: ".").map(String.init)
        let header = Data(#"{"alg":"HS512","typ":"JWT"}"#.utf8).base64EncodedString()
            .replacingOccurrences(of: "=", with: "")
        #expect(throws: TransportError.self) { try authority.verify("\(header).\(parts[1]).\(parts[2])") }
        let allowed = Data(#"{"Allow":["admin"]}"#.utf8).base64EncodedString()
            .replacingOccurrences(of: "=", with: "")
        #expect(throws: TransportError.self) { try authority.verify("\(parts[0]).\(allowed).\(parts[2])") }
    }

    @Test("the secret's file is made once, for its owner alone") func secretFile() async throws {
        let folder = try Folder()
        let path = "\(folder.path)/secret"
        let first = try await TokenAuthority(secretPath: path)
        let second = try await TokenAuthority(secretPath: path)
        #expect(try second.verify(try await first.token(for: .sign)) == .sign)
        #expect(try folder.mode(of: "secret") == 0o600)
        #expect(FileManager.default.contents(atPath: path)?.count == 32)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["secret"])
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        await #expect(throws: TransportError.self) { try await TokenAuthority(secretPath: path) }
    }

    @Test("a secret of a wrong length is refused", arguments: [0, 31, 33]) func shortSecret(
        count: Int
    ) async throws {
        await #expect(throws: TransportError.self) {
            try await TokenAuthority(secret: Array(repeating: 1, count: count))
        }
    }
}

@Suite("TLS and permissions between nodes", .serialized, .timeLimit(.minutes(3)))
struct SecurityTests {
    @Test("certificates are written once, keys for their owner alone") func certificates() throws {
        let folder = try Folder()
        let path = "\(folder.path)/certs"
        let files = try ClusterCertificates.make(directory: path, hosts: ["127.0.0.1", "worker-1", "::1"])
        #expect(files.validDayCount == 825)
        for name in ["certs/ca-key.pem", "certs/node-key.pem"] {
            #expect(try folder.mode(of: name) == 0o600)
        }
        let before = FileManager.default.contents(atPath: files.keyPath)
        let error = #expect(throws: TransportError.self) {
            try ClusterCertificates.make(directory: path, hosts: ["127.0.0.1"])
        }
        #expect(error?.code == .fileExists)
        #expect(FileManager.default.contents(atPath: files.keyPath) == before)
    }

    @Test("hosts that are none get no certificate", arguments: [[], ["a b"], [""], ["x/y"]])
    func badHosts(hosts: [String]) throws {
        let folder = try Folder()
        let error = #expect(throws: TransportError.self) {
            try ClusterCertificates.make(directory: "\(folder.path)/certs", hosts: hosts)
        }
        #expect(error?.code == .badOption)
    }

    @Test("nodes with certificates of one authority talk over TLS") func tls() async throws {
        let folder = try Folder()
        let files = try ClusterCertificates.make(
            directory: "\(folder.path)/certs", hosts: ["127.0.0.1", "localhost"]
        ).tlsFiles
        let a = try await TestNode("a", security: .tls(files))
        let b = try await TestNode("b", security: .tls(files))
        let c = try await TestNode("c", security: .tls(files))
        defer { for node in [a, b, c] { node.world.shutDown() } }
        try a.knows(b)
        try c.transport.addPeer("b", at: Endpoint(host: "localhost", port: b.port))
        for number in 0..<1_000 { a.probe(of: "b").tell(.say(number)) }
        #expect(try await a.echo(1, from: "b") == 1)
        #expect(try await b.echo(2, from: "a") == 2)
        #expect(b.probes.all == Array(0..<1_000))
        #expect(try await c.echo(3, from: "b") == 3)
    }

    @Test("a certificate of a foreign authority is refused by both sides") func foreignAuthority()
        async throws
    {
        let folder = try Folder()
        let ours = try ClusterCertificates.make(directory: "\(folder.path)/a", hosts: ["127.0.0.1"]).tlsFiles
        let theirs = try ClusterCertificates.make(directory: "\(folder.path)/b", hosts: ["127.0.0.1"])
            .tlsFiles
        let b = try await TestNode("b", security: .tls(ours))
        let foreign = try await TestNode("a", security: .tls(theirs))
        // Trusts the server, but shows a certificate of its own authority.
        let halfForeign = try await TestNode(
            "c",
            security: .tls(
                TLSFiles(
                    certificatePath: theirs.certificatePath, keyPath: theirs.keyPath,
                    trustRootsPath: ours.trustRootsPath)))
        let good = try await TestNode("d", security: .tls(ours))
        defer { for node in [b, foreign, halfForeign, good] { node.world.shutDown() } }
        for node in [foreign, halfForeign, good] { try node.knows(b) }
        foreign.probe(of: "b").tell(.say(1))
        try await eventually("the client refuses") { foreign.transport.status.endingCount(.tls) > 0 }
        let before = b.transport.status.endingCount(.tls)
        halfForeign.probe(of: "b").tell(.say(2))
        try await eventually("the server refuses") { b.transport.status.endingCount(.tls) > before }
        #expect(try await good.echo(3, from: "b") == 3)
        #expect(b.probes.count == 0)
        #expect(b.transport.status.connected == ["d"])
    }

    @Test("a certificate for another host is refused by the dialer") func wrongHost() async throws {
        let folder = try Folder()
        let files = try ClusterCertificates.make(
            directory: "\(folder.path)/certs", hosts: ["10.1.2.3", "elsewhere"]
        ).tlsFiles
        let (a, b) = (
            try await TestNode("a", security: .tls(files)), try await TestNode("b", security: .tls(files))
        )
        defer { for node in [a, b] { node.world.shutDown() } }
        try a.knows(b)
        a.probe(of: "b").tell(.say(1))
        try await eventually("the client refuses") { a.transport.status.endingCount(.tls) > 0 }
        #expect(b.transport.status.connected.isEmpty)
    }

    @Test("a node without TLS and one with it do not talk", arguments: [true, false])
    func missingTLS(dialerHasTLS: Bool) async throws {
        let folder = try Folder()
        let files = try ClusterCertificates.make(
            directory: "\(folder.path)/certs", hosts: ["127.0.0.1"]
        ).tlsFiles
        let a = try await TestNode("a", security: dialerHasTLS ? .tls(files) : .plaintextLoopback)
        let b = try await TestNode("b", security: dialerHasTLS ? .plaintextLoopback : .tls(files))
        defer { for node in [a, b] { node.world.shutDown() } }
        try a.knows(b)
        a.probe(of: "b").tell(.say(1))
        try await eventually("the server refuses") {
            b.transport.status.endingCount(dialerHasTLS ? .frameTooLarge : .tls) > 0
        }
        #expect(b.transport.status.connected.isEmpty)
        try await eventually("the message is lost") { a.world.deadLetters.count(of: .linkLost) > 0 }
    }

    @Test("files that are no certificates are refused with their names") func badFiles() async throws {
        let folder = try Folder()
        let files = TLSFiles(
            certificatePath: "\(folder.path)/none.pem", keyPath: "\(folder.path)/none.pem",
            trustRootsPath: "\(folder.path)/none.pem")
        let error = await #expect(throws: TransportError.self) {
            try await TestNode("a", security: .tls(files))
        }
        #expect(error?.code == .tlsFailed)
        #expect(error?.message.contains("none.pem") == true)
    }

    @Test("plaintext stays on this machine") func loopbackOnly() async throws {
        let node = try await TestNode("a")
        defer { node.world.shutDown() }
        for host in ["10.0.0.1", "example.org", "::2", "0.0.0.0"] {
            let error = #expect(throws: TransportError.self) {
                try node.transport.addPeer("b", at: Endpoint(host: host, port: 1))
            }
            #expect(error?.code == .notLoopback)
        }
        let authority = try await TokenAuthority(secret: TestNode.secret)
        let error = #expect(throws: TransportError.self) {
            try TCPTransport(
                options: TransportOptions(
                    nodeName: "b", listen: Endpoint(host: "0.0.0.0", port: 0), token: "",
                    authority: authority), receiver: node.world)
        }
        #expect(error?.code == .notLoopback)
    }

    @Test("a bad token is refused and the message comes back") func badToken() async throws {
        let b = try await TestNode("b")
        let theirs = try await TokenAuthority(secret: Array(repeating: 9, count: 32)).token(for: .admin)
        let a = try await TestNode("a", token: theirs)
        defer { for node in [a, b] { node.world.shutDown() } }
        try a.knows(b)
        a.probe(of: "b").tell(.say(1))
        try await eventually("b refuses") { b.transport.status.endingCount(.badToken) > 0 }
        try await eventually("a learns it") {
            a.transport.status.endingCount(.badToken) > 0
                && a.world.deadLetters.count(of: .linkLost) == 1
        }
        #expect(b.probes.count == 0)
        #expect(b.transport.status.connected.isEmpty)
    }

    @Test("a token to read does not allow to administer") func forbidden() async throws {
        let (a, b) = (
            try await TestNode("a", permission: .read), try await TestNode("b", permission: .admin)
        )
        defer { for node in [a, b] { node.world.shutDown() } }
        try a.knows(b)
        #expect(try await a.echo(1, from: "b") == 1)
        a.probe(of: "b").tell(.shutDownEverything)
        try await eventually("it bounces") { a.world.deadLetters.count(of: .forbidden) == 1 }
        #expect(b.probes.count == 0)
        // The other direction goes by the other node's token.
        b.probe(of: "a").tell(.shutDownEverything)
        try await eventually("it arrives") { a.probes.all == [-1] }
    }
}
