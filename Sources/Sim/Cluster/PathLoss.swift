// SPDX-License-Identifier: Apache-2.0

/// What one TCP connection carries where packets are lost.
///
/// M. Mathis, J. Semke, J. Mahdavi and T. Ott, "The macroscopic behavior of the TCP congestion avoidance
/// algorithm", ACM SIGCOMM Computer Communication Review 27 (3), 1997: at most `MSS ÷ RTT × √(3 ÷ 2p)`,
/// with an acknowledgment for each segment. It is an upper bound; beyond a loss of some percent time-outs,
/// of which it knows nothing, make connections slower still.
package enum PathLoss {
    /// Bytes of one segment: 1500 of Ethernet without 40 of the headers of IPv4 and TCP.
    package static let segmentBytes = 1460.0

    /// Bytes a second of one connection; infinite where nothing is lost or a round trip takes no time, 0
    /// where everything is lost.
    ///
    /// - Parameters:
    ///   - share: of the packets that are lost, 0…1.
    ///   - roundTripSeconds: from a segment to its acknowledgment.
    package static func bytesPerSecond(share: Double, roundTripSeconds: Double) -> Double {
        guard share > 0 else { return .infinity }
        guard share < 1 else { return 0 }
        guard roundTripSeconds > 0 else { return .infinity }
        return segmentBytes / roundTripSeconds * (1.5 / share).squareRoot()
    }

    /// The share that is lost on a way of two lossy parts.
    package static func joined(_ first: Double, _ second: Double) -> Double {
        1 - (1 - first) * (1 - second)
    }
}
