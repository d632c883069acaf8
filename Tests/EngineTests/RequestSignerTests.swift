// SPDX-License-Identifier: Apache-2.0
import Foundation
import KernelTCP
import ObjectStore
import Testing

/// Signatures as Amazon's documents have them ("Signature Calculations for the Authorization Header:
/// Transferring Payload in a Single Chunk", Amazon S3 API Reference), and how locations and keys are read.
@Suite("Signing for an object store")
struct RequestSignerTests {
    private let signer = RequestSigner(
        credentials: ObjectCredentials(
            accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        region: "us-east-1")
    /// 2013-05-24, midnight.
    private let seconds: Int64 = 1_369_353_600

    private func signature(_ request: ObjectRequest) -> String? {
        let headers = signer.headers(of: request, host: "examplebucket.s3.amazonaws.com", at: seconds)
        return headers.first { $0.name == "authorization" }?.value.split(separator: "=").last.map(String.init)
    }

    @Test("the four examples of the documents")
    func knownAnswers() {
        #expect(
            signature(
                ObjectRequest(method: "GET", path: "/test.txt", headers: [("range", "bytes=0-9")]))
                == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
        #expect(
            signature(
                ObjectRequest(
                    method: "PUT", path: "/test$file.text",
                    headers: [
                        ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                    ], body: Array("Welcome to Amazon S3.".utf8)))
                == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
        #expect(
            signature(ObjectRequest(method: "GET", path: "/", query: [("lifecycle", "")]))
                == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
        #expect(
            signature(
                ObjectRequest(method: "GET", path: "/", query: [("prefix", "J"), ("max-keys", "2")]))
                == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test(
        "dates of the civil calendar",
        arguments: [
            (Int64(0), "19700101T000000Z"), (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"), (951_868_800, "20000301T000000Z"),
            (1_369_353_600, "20130524T000000Z"), (1_709_164_800, "20240229T000000Z"),
            (4_107_542_399, "21000228T235959Z"), (4_107_542_400, "21000301T000000Z"),
        ])
    func dates(seconds: Int64, text: String) { #expect(RequestSigner.stamp(seconds) == text) }

    @Test("a location says bucket, prefix, server and style; what it leaves out comes from the environment")
    func locations() throws {
        let plain = try ObjectLocation(parsing: "s3://sealed/a/b/", environment: [:])
        #expect(plain.bucket == "sealed" && plain.prefix == "a/b" && plain.key("x") == "a/b/x")
        #expect(plain.server.hostHeader == "sealed.s3.us-east-1.amazonaws.com" && plain.server.isSecure)
        let named = try ObjectLocation(
            parsing: "s3://sealed?endpoint=http://127.0.0.1:9000&region=lab", environment: [:])
        #expect(named.isPathStyle && named.region == "lab" && named.key("x") == "x")
        #expect(named.server.hostHeader == "127.0.0.1:9000" && !named.server.isSecure)
        let environment = ["AWS_ENDPOINT_URL": "https://store.lan", "AWS_DEFAULT_REGION": "eu-1"]
        let elsewhere = try ObjectLocation(parsing: "s3://sealed", environment: environment)
        #expect(elsewhere.server.hostHeader == "store.lan" && elsewhere.region == "eu-1")
        let six = try ObjectLocation(parsing: "s3://sealed?endpoint=http://[::1]:9000", environment: [:])
        #expect(six.server.host == "::1" && six.server.hostHeader == "[::1]:9000")
    }

    @Test(
        "a location that is none is refused, and its wrong part named",
        arguments: [
            ("sealed/a", "begin with s3://"), ("s3://", "no bucket's name"), ("s3://Sealed", "'Sealed'"),
            ("s3://se..aled", "'se..aled'"), ("s3://sealed/../x", "the prefix"),
            ("s3://sealed/a//b", "the prefix"), ("s3://sealed?endpoint=ftp://x", "'ftp://x'"),
            ("s3://sealed?endpoint=http://x/deep", "no endpoint"), ("s3://sealed?key=1", "'key=1'"),
            ("s3://sealed?style=round", "'round'"), ("s3://sealed?region=a%0Ab", "no region"),
        ])
    func wrongLocations(text: String, part: String) {
        do {
            let location = try ObjectLocation(parsing: text, environment: [:])
            Issue.record("\(location) was read")
        } catch {
            #expect(error.code == .badLocation && error.message.contains(part), "\(error)")
        }
    }

    @Test(
        "keys come from the environment, else from a profile of the file; both wrong, it says where it looked"
    )
    func keys() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID())").path
        defer {
            do { try FileManager.default.removeItem(atPath: file) } catch {
                Issue.record("\(file) stays behind: \(error)")
            }
        }
        try """
        [default]
        aws_access_key_id = A1
        aws_secret_access_key=S1

        # another
        [lent]
        aws_access_key_id = A2
        aws_secret_access_key = S2
        aws_session_token = T2
        """.write(toFile: file, atomically: true, encoding: .utf8)
        var environment = ["AWS_SHARED_CREDENTIALS_FILE": file]
        func found() throws -> ObjectCredentials { try ObjectCredentials.find(environment: environment) }
        #expect(try found() == ObjectCredentials(accessKey: "A1", secretKey: "S1"))
        environment["AWS_PROFILE"] = "lent"
        #expect(try found() == ObjectCredentials(accessKey: "A2", secretKey: "S2", sessionToken: "T2"))
        environment["AWS_PROFILE"] = "nobody"
        #expect(throws: ObjectStoreError.self) { try found() }
        environment["AWS_ACCESS_KEY_ID"] = "A3"
        #expect(throws: ObjectStoreError.self) { try found() }
        environment["AWS_SECRET_ACCESS_KEY"] = "S3"
        #expect(try found().accessKey == "A3")
        environment["AWS_SECRET_ACCESS_KEY"] = "S3\nx-header: 1"
        #expect(throws: ObjectStoreError.self) { try found() }
    }
}
