// SPDX-License-Identifier: Apache-2.0
private import Crypto
private import JWTKit
package import Kernel

/// Makes and checks the tokens by which a node proves what it may do.
///
/// A token is a JSON web token under HS256 whose payload is `{"Allow":["read",…]}`, the shape that
/// Lotus uses; its highest level counts. It does not expire: a cluster revokes its tokens by taking
/// a new secret.
package struct TokenAuthority: Sendable {
    /// Bytes of the secret that signs tokens.
    package static let secretByteCount = 32

    private let keys: JWTKeyCollection
    private let algorithm: any JWTAlgorithm

    /// Makes the authority of `secret`.
    ///
    /// - Throws: ``TransportError`` with `badSecret` where the secret has not 32 bytes.
    package init(secret: [UInt8]) async throws(TransportError) {
        guard secret.count == Self.secretByteCount else {
            throw TransportError(
                code: .badSecret,
                message: "a token secret has \(Self.secretByteCount) bytes, this one has \(secret.count)")
        }
        keys = JWTKeyCollection()
        await keys.add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        do { algorithm = try await keys.getKey() } catch {
            throw TransportError(code: .badSecret, message: "the secret makes no key: \(error)")
        }
    }

    /// Makes the authority of the secret in the file at `path`, which is created where there is none.
    ///
    /// The file appears with all its bytes and mode 0600 at once, so that two processes that start
    /// together agree.
    ///
    /// - Throws: ``TransportError`` with `badSecret` where others may read the file or its length
    ///   is wrong, or with
    ///   `fileFailed`.
    package init(secretPath path: String) async throws(TransportError) {
        do {
            try PrivateFile.create(path, SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) })
        } catch  where error.code == .fileExists {
            // An earlier start, or another process just now, made it: that secret is the cluster's.
        }
        try await self.init(secret: try PrivateFile.read(path, byteCountMax: 4_096))
    }

    /// Makes the authority of the secret in the file at `path`, which must be there: for those who join a
    /// cluster and never begin one.
    ///
    /// - Throws: ``TransportError`` with `badSecret` where others may read the file or its length
    ///   is wrong, or with `fileFailed`.
    package init(existingSecretPath path: String) async throws(TransportError) {
        try await self.init(secret: try PrivateFile.read(path, byteCountMax: 4_096))
    }

    /// Makes a token that allows `permission` and everything below it.
    ///
    /// - Throws: ``TransportError`` with `badSecret` where signing fails.
    package func token(for permission: Permission) async throws(TransportError) -> String {
        let levels = Permission.allCases.filter { $0 <= permission }.map { $0.tokenName }
        do { return try await keys.sign(Claims(Allow: levels)) } catch {
            throw TransportError(code: .badSecret, message: "no token could be signed: \(error)")
        }
    }

    /// What the bearer of `token` may do.
    ///
    /// - Throws: ``TransportError`` with `badToken` where the token is not one of this authority's.
    package func verify(_ token: String) throws(TransportError) -> Permission {
        func bad(_ why: String) -> TransportError {
            TransportError(
                code: .badToken, message: "the token \(why); make one with the cluster's own secret")
        }
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard token.utf8.count <= Frame.tokenBytesMax, parts.count == 3 else {
            throw bad("is not of three parts")
        }
        let signed = Array(token.utf8.prefix(parts[0].count + 1 + parts[1].count))
        let claims: Claims
        do {
            let parsed = try DefaultJWTParser().parse(Array(token.utf8), as: Claims.self)
            // The algorithm is this authority's choice, never the token's.
            guard parsed.header.alg == "HS256" else { throw bad("is not signed with HS256") }
            guard try algorithm.verify(parsed.signature, signs: signed) else {
                throw bad("is signed with another secret")
            }
            claims = parsed.payload
        } catch let error as TransportError { throw error } catch { throw bad("cannot be read") }
        let levels = claims.Allow.compactMap { name in
            Permission.allCases.first { $0.tokenName == name }
        }
        guard let highest = levels.max() else { throw bad("allows nothing") }
        return highest
    }

    /// The payload; the name of its field is the one on the wire.
    private struct Claims: JWTPayload {
        var Allow: [String]
        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }
}

extension Permission {
    /// The level's name in a token.
    package var tokenName: String {
        switch self {
        case .read: "read"
        case .write: "write"
        case .sign: "sign"
        case .admin: "admin"
        }
    }
}
