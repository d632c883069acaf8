// SPDX-License-Identifier: Apache-2.0
private import Foundation
package import KernelTCP

/// Where objects lie: `s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME&style=path|virtual]`.
///
/// What the text leaves out comes from the environment, by the names that every S3 tool knows:
/// `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_DEFAULT_REGION`. Keys never stand in it.
package struct ObjectLocation: Sendable, Hashable {
    /// As it was written; names the store in messages.
    package let text: String
    package let bucket: String
    /// Empty, or names with slashes between, without one at either end.
    package let prefix: String
    package let region: String
    package let server: HTTPServer
    /// The bucket stands in the path, not in the host's name.
    package let isPathStyle: Bool

    package static let scheme = "s3://"

    /// Whether a text is meant as one.
    package static func isOne(_ text: some StringProtocol) -> Bool { text.hasPrefix(scheme) }

    /// Reads the text form.
    ///
    /// - Throws: ``ObjectStoreError`` with `badLocation`, naming the part that is wrong.
    package init(parsing text: String, environment: [String: String]) throws(ObjectStoreError) {
        func refuse(_ what: String) -> ObjectStoreError {
            ObjectStoreError(
                .badLocation,
                "'\(text.prefix(512))': \(what); a location is s3://BUCKET[/PREFIX]"
                    + "[?endpoint=http://HOST:PORT&region=NAME&style=path|virtual]")
        }
        guard Self.isOne(text) else { throw refuse("it does not begin with \(Self.scheme)") }
        let parts = text.dropFirst(Self.scheme.count).split(
            separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let place = parts[0].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        bucket = String(place[0])
        guard Self.isBucket(bucket) else {
            throw refuse("'\(bucket.prefix(128))' is no bucket's name (3 to 63 of a-z, 0-9, '.' and '-')")
        }
        prefix = place.count > 1 ? place[1].trimming("/") : ""
        let words = prefix.split(separator: "/", omittingEmptySubsequences: false)
        guard prefix.isEmpty || words.allSatisfy(Self.isPlain), prefix.utf8.count <= 256 else {
            throw refuse("the prefix takes at most 256 letters, digits, '-', '_', '.' with '/' between")
        }
        var settings: [String: String] = [:]
        for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
            let words = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard words.count == 2, ["endpoint", "region", "style"].contains(String(words[0])) else {
                throw refuse("'\(pair.prefix(128))' is no setting; known are endpoint, region, style")
            }
            settings[String(words[0])] = String(words[1])
        }
        func known(_ names: String...) -> String? {
            names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        region = settings["region"] ?? known("AWS_REGION", "AWS_DEFAULT_REGION") ?? "us-east-1"
        guard Self.isPlain(region), region.utf8.count <= 64 else {
            throw refuse("'\(region.prefix(128))' is no region")
        }
        let endpoint = settings["endpoint"] ?? known("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        switch settings["style"] {
        case nil: isPathStyle = endpoint != nil || bucket.contains(".")
        case "path": isPathStyle = true
        case "virtual": isPathStyle = false
        case .some(let other): throw refuse("style is 'path' or 'virtual', not '\(other.prefix(64))'")
        }
        guard var server = Self.server(endpoint ?? "https://s3.\(region).amazonaws.com") else {
            throw refuse("'\((endpoint ?? "").prefix(256))' is no endpoint such as https://host:9000")
        }
        if !isPathStyle { server.host = "\(bucket).\(server.host)" }
        self.server = server
        self.text = text
    }

    /// A name under the prefix.
    package func key(_ name: String) -> String { prefix.isEmpty ? name : "\(prefix)/\(name)" }

    private static func isBucket(_ name: String) -> Bool {
        (3...63).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                isSmallOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
            }
            && !name.contains("..")
            && [name.utf8.first, name.utf8.last].allSatisfy { $0.map(isSmallOrDigit) ?? false }
    }

    private static func isSmallOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isPlain(_ word: some StringProtocol) -> Bool {
        !word.isEmpty && word != "." && word != ".."
            && word.utf8.allSatisfy { byte in
                isSmallOrDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")].contains(byte)
            }
    }

    private static func server(_ endpoint: String) -> HTTPServer? {
        guard let parts = URLComponents(string: endpoint), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let host = parts.host?.trimming("[", "]"), !host.isEmpty,
            parts.path.isEmpty || parts.path == "/", parts.query == nil, parts.user == nil
        else { return nil }
        let port = parts.port ?? (scheme == "https" ? 443 : 80)
        guard (1...65_535).contains(port) else { return nil }
        return HTTPServer(isSecure: scheme == "https", host: host, port: port)
    }
}

extension StringProtocol {
    /// Without these at either end.
    fileprivate func trimming(_ ends: Character...) -> String {
        var rest = self[...]
        while let first = rest.first, ends.contains(first) { rest = rest.dropFirst() }
        while let last = rest.last, ends.contains(last) { rest = rest.dropLast() }
        return String(rest)
    }
}
