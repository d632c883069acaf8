// SPDX-License-Identifier: Apache-2.0
internal import Crypto

/// A request of the S3 protocol, before it is signed.
package struct ObjectRequest: Sendable {
    package var method: String
    /// From the root, not yet escaped; in path style it begins with the bucket.
    package var path: String
    /// Not yet escaped.
    package var query: [(name: String, value: String)] = []
    /// By names in small letters.
    package var headers: [(name: String, value: String)] = []
    package var body: [UInt8] = []

    package init(
        method: String, path: String, query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }
}

/// Signs requests: AWS Signature Version 4 for the service `s3`, with the body's digest in the signature, so
/// that the server refuses a body that changed on its way.
package struct RequestSigner: Sendable {
    private let credentials: ObjectCredentials
    private let region: String

    package init(credentials: ObjectCredentials, region: String) {
        self.credentials = credentials
        self.region = region
    }

    private static let algorithm = "AWS4-HMAC-SHA256"

    /// The headers to send, `authorization` among them.
    ///
    /// - Parameters:
    ///   - host: as the `host` header says it.
    ///   - seconds: since the Unix epoch.
    package func headers(
        of request: ObjectRequest, host: String, at seconds: Int64
    ) -> [(name: String, value: String)] {
        let stamp = Self.stamp(seconds)
        let digest = Self.hex(SHA256.hash(data: request.body))
        var headers = request.headers
        headers.append(("host", host))
        headers.append(("x-amz-content-sha256", digest))
        headers.append(("x-amz-date", stamp))
        if let token = credentials.sessionToken { headers.append(("x-amz-security-token", token)) }
        headers.sort { $0.name < $1.name }
        let names = headers.map(\.name).joined(separator: ";")
        let canonical = [
            request.method, Self.escaped(request.path, keepsSlash: true), Self.queryText(request.query),
            headers.map { "\($0.name):\(Self.trimmed($0.value))\n" }.joined(), names, digest,
        ].joined(separator: "\n")
        let day = String(stamp.prefix(8))
        let scope = "\(day)/\(region)/s3/aws4_request"
        let text = [
            Self.algorithm, stamp, scope, Self.hex(SHA256.hash(data: Array(canonical.utf8))),
        ].joined(separator: "\n")
        var key = SymmetricKey(data: Array("AWS4\(credentials.secretKey)".utf8))
        for part in [day, region, "s3", "aws4_request"] { key = SymmetricKey(data: Self.mac(part, key)) }
        let signature = Self.hex(Self.mac(text, key))
        headers.append(
            (
                "authorization",
                "\(Self.algorithm) Credential=\(credentials.accessKey)/\(scope),SignedHeaders=\(names),"
                    + "Signature=\(signature)"
            ))
        return headers
    }

    private static func mac(_ text: String, _ key: SymmetricKey) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)
    }

    /// The query with its names in order, as it is signed and sent.
    static func queryText(_ query: [(name: String, value: String)]) -> String {
        query.map { (escaped($0.name, keepsSlash: false), escaped($0.value, keepsSlash: false)) }
            .sorted { $0 < $1 }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    /// Percent escapes for all but letters, digits and `-._~`.
    static func escaped(_ text: String, keepsSlash: Bool) -> String {
        var escaped = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: "/") where keepsSlash: escaped += "/"
            default: escaped += "%" + hexDigits(byte).uppercased()
            }
        }
        return escaped
    }

    private static func trimmed(_ value: String) -> String {
        value.split(separator: " ").joined(separator: " ")
    }

    private static func hexDigits(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String { bytes.map(hexDigits).joined() }

    /// `20130524T000000Z` for seconds since the Unix epoch.
    package static func stamp(_ seconds: Int64) -> String {
        let days = Int(seconds / 86_400), rest = Int(seconds % 86_400)
        // Years of the civil calendar begin in March here, so that leap days come last.
        let shifted = days + 719_468
        let era = shifted / 146_097, dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ number: Int) -> String { (number < 10 ? "0" : "") + "\(number)" }
        return "\(year)\(two(month))\(two(day))T\(two(rest / 3_600))\(two(rest / 60 % 60))\(two(rest % 60))Z"
    }
}
