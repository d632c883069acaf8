// SPDX-License-Identifier: Apache-2.0
private import Foundation

/// The keys with which requests are signed.
package struct ObjectCredentials: Sendable, Hashable {
    package var accessKey: String
    package var secretKey: String
    /// Of keys that are lent for a while; `nil` for lasting ones.
    package var sessionToken: String?

    package init(accessKey: String, secretKey: String, sessionToken: String? = nil) {
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.sessionToken = sessionToken
    }

    /// The most bytes of a file of keys.
    private static let fileBytesMax = 1 << 20

    /// Finds the keys as every S3 tool does: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
    /// `AWS_SESSION_TOKEN`, else the profile `AWS_PROFILE` (`default`) of the file
    /// `AWS_SHARED_CREDENTIALS_FILE` (`~/.aws/credentials`).
    ///
    /// - Throws: ``ObjectStoreError`` with `noCredentials`, saying where was looked.
    package static func find(
        environment: [String: String]
    ) throws(ObjectStoreError) -> ObjectCredentials {
        if let access = environment["AWS_ACCESS_KEY_ID"], !access.isEmpty {
            guard let secret = environment["AWS_SECRET_ACCESS_KEY"], !secret.isEmpty else {
                throw ObjectStoreError(
                    .noCredentials, "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not")
            }
            let token = environment["AWS_SESSION_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
            return try ObjectCredentials(accessKey: access, secretKey: secret, sessionToken: token)
                .checked("the environment")
        }
        let profile = environment["AWS_PROFILE"].flatMap { $0.isEmpty ? nil : $0 } ?? "default"
        let path =
            environment["AWS_SHARED_CREDENTIALS_FILE"] ?? "\(environment["HOME"] ?? "")/.aws/credentials"
        guard let data = FileManager.default.contents(atPath: path), data.count <= fileBytesMax else {
            throw ObjectStoreError(
                .noCredentials,
                "no keys for the object store: neither AWS_ACCESS_KEY_ID is set nor can \(path) be read")
        }
        let values = section(profile, of: String(decoding: data, as: UTF8.self))
        guard let access = values["aws_access_key_id"], let secret = values["aws_secret_access_key"] else {
            throw ObjectStoreError(
                .noCredentials, "\(path) has no aws_access_key_id and aws_secret_access_key in [\(profile)]")
        }
        return try ObjectCredentials(
            accessKey: access, secretKey: secret, sessionToken: values["aws_session_token"]
        ).checked(path)
    }

    private static func section(_ name: String, of text: String) -> [String: String] {
        var values: [String: String] = [:]
        var isMeant = false
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.hasPrefix("[") {
                isMeant = line == "[\(name)]"
            } else if isMeant, !line.hasPrefix("#"), !line.hasPrefix(";"),
                let equals = line.firstIndex(of: "=")
            {
                let key = line[..<equals].trimmingCharacters(in: .whitespaces)
                values[key] = line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces)
            }
        }
        return values
    }

    /// Keys go into headers: what would break one is refused here.
    private func checked(_ place: String) throws(ObjectStoreError) -> ObjectCredentials {
        for word in [accessKey, secretKey, sessionToken ?? ""] {
            guard word.utf8.count <= 8_192, word.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
                throw ObjectStoreError(.noCredentials, "the keys of \(place) have characters that none has")
            }
        }
        return self
    }
}
