// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sim
import Testing

@Suite("What kinds of stores have where the file says nothing")
struct StoreDefaultsTests {
    private static let line = """
          - {name: far, kind: cloud, capacity: 1PB, read: 1GB/s, write: 1GB/s, perClient: 500MB/s,
             latency: 40ms, requestSize: 8MiB, streams: 8, requestsPerSecond: 3500}
        """

    /// The sound scenario of shared hardware with another store.
    private func store(_ flow: String) throws -> (Scenario, Scenario.Store) {
        let range = try #require(ScenarioHardwareTests.sound.firstRange(of: Self.line))
        let text = ScenarioHardwareTests.sound.replacingCharacters(in: range, with: "  - {\(flow)}")
        let scenario = try Scenario.parse(text: text, fileName: "stores.yaml")
        #expect(try Scenario.parse(text: scenario.normalized.json, fileName: "again.json") == scenario)
        return (scenario, try #require(scenario.stores.first))
    }

    @Test("a bucket of S3 has all that Amazon publishes, says so, and agrees with what else Amazon says")
    func bucket() throws {
        let (scenario, s3) = try store("name: far, kind: s3, capacity: 1PB")
        #expect(s3.latency == .milliseconds(100) && s3.streams == 15 && s3.requestsPerSecond == 3_500)
        #expect(s3.requestSize?.bytes == 8 << 20)
        #expect(s3.read == s3.write && s3.write.bytesPerSecond == 3_500 * 8 * 0x1p20)
        // Amazon S3, performance design patterns: 85 to 90 MB/s for each request, and about 15 of them at
        // once for a card of 10 Gb/s. Neither is among the figures.
        let each = s3.transferBytesPerSecond / 15
        #expect(each > 85e6 * 0.98 && each < 90e6)
        #expect((s3.transferBytesPerSecond * 8 / 1e9).rounded() == 10)
        // Amazon's library for Rust reckons with 20 MB/s for each upload, as the README says.
        let upload = try store("name: far, kind: s3, capacity: 1PB, latency: 400ms").1
        #expect(abs(upload.transferBytesPerSecond / 15 - 20e6) < 1e6)
        let origin = try #require(scenario.origins.first { $0.what == "stores.far" })
        #expect(origin.provenance == .published && origin.source.contains("Amazon S3 User Guide"))
        #expect(origin.source.contains("https://docs.aws.amazon.com/"))
        #expect(origin.figure.contains("15 at once of 8MiB, 100ms each, 3500 requests/s"))
    }

    @Test("what the file says comes before what the kind has, and is not called published")
    func own() throws {
        let (scenario, s3) = try store(
            "name: far, kind: s3, capacity: 1PB, latency: 20ms, requestsPerSecond: 100, streams: 4")
        #expect(s3.latency == .milliseconds(20) && s3.streams == 4 && s3.requestSize?.bytes == 8 << 20)
        // What it carries follows from its own requests.
        #expect(s3.write.bytesPerSecond == 100 * 8 * 0x1p20)
        #expect(try #require(scenario.origins.first { $0.what == "stores.far" }).provenance == .assumed)
        let (_, named) = try store(
            "name: far, kind: s3, capacity: 1PB, write: 1GB/s, provenance: measured, source: our own bucket")
        #expect(named.write.bytesPerSecond == 1e9 && named.read.bytesPerSecond == 3_500 * 8 * 0x1p20)
        #expect(named.mark?.source == "our own bucket")
    }

    @Test(
        "the requests of a file system are as large as its protocol has them, where requests cost anything",
        arguments: [("nfs", 1 << 20), ("ceph", 4 << 20)])
    func fileSystems(kind: String, bytes: Int) throws {
        let plain = "name: far, kind: \(kind), capacity: 1PB, read: 1GB/s, write: 1GB/s"
        #expect(try store(plain).1.requestSize == nil)
        #expect(try store(plain).1.transferBytesPerSecond == .infinity)
        let slow = try store(plain + ", latency: 2ms").1
        #expect(slow.requestSize?.bytes == bytes && slow.streams == 1)
        #expect(abs(slow.transferBytesPerSecond - Double(bytes) / 0.002) < 1)
        let counted = try store(plain + ", requestsPerSecond: 1000, requestSize: 64KiB").1
        #expect(counted.requestBytesPerSecond == 1000 * 65_536)
    }

    @Test(
        "a store of any other kind still says what it carries, and the error says how to find out",
        arguments: [
            ("local", "measure it on the disks"), ("nfs", "it is its server's: measure it through the mount"),
            ("ceph", "it is its cluster's: measure it with 'rados bench"),
            ("cloud", "what your contract says"),
        ])
    func refused(kind: String, hint: String) throws {
        for (missing, given) in [("read", "write"), ("write", "read")] {
            let error = try #require(throws: ScenarioError.self) {
                try store("name: far, kind: \(kind), capacity: 1PB, \(given): 1GB/s")
            }
            let words = error.diagnostics.map(\.description)
            #expect(
                words.contains {
                    $0.hasPrefix("stores.yaml:18:") && $0.contains("\"\(missing)\" is missing")
                        && $0.contains(hint)
                }, "\(words)")
        }
    }

    @Test("a figure that is wrong is refused, not replaced by the kind's own")
    func wrong() throws {
        for (key, fragment) in [
            ("latency: 5", "no unit"), ("requestSize: big", "requestSize"), ("streams: 0", "out of range"),
            ("read: 1GB", "unknown unit"), ("requestsPerSecond: 0", "out of range"),
        ] {
            let error = try #require(throws: ScenarioError.self) {
                try store("name: far, kind: s3, capacity: 1PB, \(key)")
            }
            let words = error.diagnostics.map(\.description)
            #expect(words.contains { $0.hasPrefix("stores.yaml:18:") && $0.contains(fragment) }, "\(words)")
        }
    }
}
