// SPDX-License-Identifier: Apache-2.0

extension Scenario.Store {
    /// What a kind of store has where the file gives no figure, and who published it.
    ///
    /// What a server or a cluster carries in all depends on who built it: only a rented service has figures
    /// for that. The protocols of others say how much one request carries at most.
    package struct Usual: Sendable, Hashable {
        package var requestSize: ByteCount
        /// From a request to its answer; `nil` where nobody published it.
        package var latency: Duration?
        /// Requests that one transfer has under way at once.
        package var streams: Int?
        package var requestsPerSecond: Int?
        package var source: String
    }

    package static func usual(_ kind: Kind) -> Usual? {
        switch kind {
        case .s3:
            // 8 MiB in 100 ms are 84 MB/s; Amazon says 85 to 90 for each request, and that about 15 fill a
            // card of 10 Gb/s. It says so of downloads, and nothing of uploads; see the README of Sim for
            // what its own library reckons with.
            Usual(
                requestSize: ByteCount(bytes: 8 << 20), latency: .milliseconds(100), streams: 15,
                requestsPerSecond: 3_500,
                source:
                    "Amazon S3 User Guide, performance guidelines and design patterns: parts of 8 MB, 100 "
                    + "to 200 ms to the first byte, about 15 requests at once for 10 Gb/s (of downloads), "
                    + "3500 PUT a second and prefix; https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
                    + "optimizing-performance-design-patterns.html")
        case .nfs:
            Usual(
                requestSize: ByteCount(bytes: 1 << 20),
                source: "nfs(5): rsize and wsize are 1048576 bytes at most, and that where both ends allow it"
            )
        case .ceph:
            Usual(
                requestSize: ByteCount(bytes: 4 << 20),
                source: "Ceph documentation, File layouts: objects of 4194304 bytes unless set otherwise")
        case .local, .cloud: nil
        }
    }

    /// Everything that the kind answers by itself, so that `read` and `write` may be left out.
    static func isWhole(_ kind: Kind) -> Bool { usual(kind)?.requestsPerSecond != nil }

    /// Why a kind has no rate of its own, and how to find that of a store at hand; empty for one that has.
    static func rateHint(_ kind: Kind) -> String {
        switch kind {
        case .s3: ""
        case .local: "; measure it on the disks, for instance with fio"
        case .nfs:
            "; a kind has none, since it is its server's: measure it through the mount, for instance with "
                + "fio, and give no more than the server's card carries"
        case .ceph:
            "; a kind has none, since it is its cluster's: measure it with 'rados bench -p POOL 60 write' "
                + "and 'seq', from several hosts at once"
        case .cloud: "; give what your contract says, or what you measured"
        }
    }

    /// What so many requests of this size carry in a second.
    static func carried(_ requestsPerSecond: Int, _ requestSize: ByteCount) -> Bandwidth {
        let (bits, overflows) = requestSize.bytes.multipliedReportingOverflow(by: requestsPerSecond * 8)
        return Bandwidth(
            bitsPerSecond: overflows ? Bandwidth.bitsPerSecondMax : min(bits, Bandwidth.bitsPerSecondMax))
    }

    /// The figures of its requests in words; empty where it says nothing of them.
    var requestWords: String {
        guard let requestSize, latency != nil || requestsPerSecond != nil else { return "" }
        var words = ", \(streams) at once of \(requestSize)"
        if let latency { words += ", \(latency.scenarioText) each" }
        if let requestsPerSecond { words += ", \(requestsPerSecond) requests/s" }
        return words
    }
}
