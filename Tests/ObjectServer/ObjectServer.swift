// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// An S3-compatible server of somebody else's making, moto, with one bucket and one user; it keeps all in
/// memory.
package final class ObjectServer: Sendable {
    package static let bucket = "sealed"

    /// Why tests that need it are left out.
    package static let why = "moto_server is not installed: Scripts/bootstrap installs it"

    /// Where it is: as `Scripts/bootstrap` put it beside the build, or on the path.
    private static let path: String? = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return (["\(root)/.build/tools/moto/bin"] + folders.map(String.init)).map { "\($0)/moto_server" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    package static var isInstalled: Bool { path != nil }

    private struct Failure: Error, CustomStringConvertible { let description: String }

    package let port: Int
    /// What a program needs to be that user.
    package let environment: [String: String]
    private let process = Process()
    private let log: URL

    /// Starts one on a free port of loopback.
    ///
    /// - Parameter checksSignatures: it refuses requests that are not signed right. It then refuses names
    ///   that need escapes, too, and a slash in a query, whoever signs them: it works out their signatures
    ///   from the text without escapes.
    package init(checksSignatures: Bool = false) async throws {
        guard let path = Self.path else { throw Failure(description: Self.why) }
        log = FileManager.default.temporaryDirectory.appending(path: "moto-\(UUID().uuidString).log")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        process.executableURL = URL(filePath: path)
        process.arguments = ["-H", "127.0.0.1", "-p", "0"]
        process.environment = ProcessInfo.processInfo.environment
        if checksSignatures {
            // The three that make the user, and the one that makes the bucket, come before it checks.
            process.environment?["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"
        }
        process.standardOutput = try FileHandle(forWritingTo: log)
        process.standardError = process.standardOutput
        try process.run()
        do {
            port = try await Self.port(log)
            environment = try await Self.prepare("http://127.0.0.1:\(port)")
        } catch {
            kill(process.processIdentifier, SIGKILL)
            throw error
        }
    }

    /// A place in its bucket.
    package func location(_ prefix: String) -> String {
        "s3://\(Self.bucket)/\(prefix)?endpoint=http://127.0.0.1:\(port)"
    }

    /// The requests that came since the user was made, one a line, as `PUT /sealed/a?partNumber=1`.
    package func requests() throws -> [String] {
        let said = String(decoding: try Data(contentsOf: log), as: UTF8.self)
        return said.split(separator: "\n").compactMap { line in
            guard let start = line.firstIndex(of: "\""), let end = line.range(of: " HTTP/1") else {
                return nil
            }
            return String(line[line.index(after: start)..<end.lowerBound])
        }.filter { !$0.hasPrefix("POST / ") && $0 != "POST /" }
    }

    /// Stops it for good: what it held is lost.
    package func stop() {
        kill(process.processIdentifier, SIGKILL)
        do { try FileManager.default.removeItem(at: log) } catch {
            // It lies in the folder for temporary files.
        }
    }

    /// Hands itself to a test and ends, whatever comes of it.
    package static func with(
        checksSignatures: Bool = false, _ body: (ObjectServer) async throws -> Void
    ) async throws {
        let server = try await ObjectServer(checksSignatures: checksSignatures)
        defer { server.stop() }
        try await body(server)
    }

    private static func port(_ log: URL) async throws -> Int {
        for _ in 0..<600 {
            let said = String(decoding: try Data(contentsOf: log), as: UTF8.self)
            if let place = said.range(of: "Running on http://127.0.0.1:") {
                let digits = said[place.upperBound...].prefix(while: \.isNumber)
                if let port = Int(digits) { return port }
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw Failure(description: "moto_server did not start")
    }

    private static func prepare(_ url: String) async throws -> [String: String] {
        let policy =
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#
        let allowed = policy.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let version = "Version=2010-05-08&UserName=keeper"
        _ = try await ask(url, "iam", "POST", "Action=CreateUser&\(version)")
        _ = try await ask(
            url, "iam", "POST",
            "Action=PutUserPolicy&\(version)&PolicyName=all&PolicyDocument=\(allowed)")
        let keys = try await ask(url, "iam", "POST", "Action=CreateAccessKey&\(version)")
        func word(_ tag: String) throws -> String {
            guard let start = keys.range(of: "<\(tag)>"), let end = keys.range(of: "</\(tag)>") else {
                throw Failure(description: "moto_server gave no \(tag): \(keys)")
            }
            return String(keys[start.upperBound..<end.lowerBound])
        }
        _ = try await ask("\(url)/\(bucket)", "s3", "PUT", "")
        return [
            "AWS_ACCESS_KEY_ID": try word("AccessKeyId"),
            "AWS_SECRET_ACCESS_KEY": try word("SecretAccessKey"), "AWS_REGION": "us-east-1",
        ]
    }

    private static func ask(
        _ url: String, _ service: String, _ method: String, _ body: String
    ) async throws -> String {
        guard let url = URL(string: url) else { throw Failure(description: "\(url) is no URL") }
        var request = URLRequest(url: url)
        request.httpMethod = method
        request.httpBody = Data(body.utf8)
        request.setValue("application/x-www-form-urlencoded", forHTTPHeaderField: "Content-Type")
        // Who asks does not matter yet; the server tells by this which service is meant.
        request.setValue(
            "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/\(service)/aws4_request, SignedHeaders=host, "
                + "Signature=0", forHTTPHeaderField: "Authorization")
        let (data, answer) = try await URLSession.shared.data(for: request)
        let text = String(decoding: data, as: UTF8.self)
        guard (answer as? HTTPURLResponse)?.statusCode == 200 else {
            throw Failure(description: "moto_server refuses to \(method): \(text)")
        }
        return text
    }
}
