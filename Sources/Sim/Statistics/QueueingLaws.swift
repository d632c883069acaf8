// SPDX-License-Identifier: Apache-2.0

/// A law that a run must obey and does not: the figures are wrong, whatever else they say.
package struct LawViolation: Error, Sendable, Hashable, CustomStringConvertible {
    package var law: String
    package var expected: Double
    package var measured: Double
    package var tolerance: Double

    package var description: String {
        "\(law) does not hold: \(measured) measured, \(expected) expected, tolerance \(tolerance * 100) %; "
            + "run longer, or distrust the run"
    }
}

/// Closed forms of queues, and laws that hold for every queue.
package enum QueueingLaws {
    /// How far two sums of the same times may differ where both count everything: each of at most 2^32 terms
    /// is rounded by 2^-53 of the sum at most, in either of the two.
    package static let roundingTolerance = 0x1p-20

    /// The share of arrivals that wait in M/M/c (Erlang C); 1 where the servers cannot keep up.
    ///
    /// - Parameter load: arrival rate × mean service, in servers.
    package static func erlangC(servers: Int, load: Double) -> Double {
        precondition(servers > 0 && load >= 0, "a station has servers, and its load is not negative")
        guard load < Double(servers) else { return 1 }
        // Erlang B by its recurrence, which neither overflows nor cancels.
        var blocked = 1.0
        for count in 1...servers { blocked = load * blocked / (Double(count) + load * blocked) }
        return blocked / (1 - load / Double(servers) * (1 - blocked))
    }

    /// The mean wait in M/M/c in the unit of `service`; infinite where the servers cannot keep up.
    package static func meanWait(servers: Int, arrivalRate: Double, service: Double) -> Double {
        let load = arrivalRate * service
        guard load < Double(servers) else { return .infinity }
        return erlangC(servers: servers, load: load) * service / (Double(servers) - load)
    }

    /// Little's law: what is inside equals rate × time inside.
    ///
    /// - Parameter tolerance: relative.
    /// - Throws: ``LawViolation``.
    package static func checkLittle(
        level: Double, rate: Double, sojourn: Double, tolerance: Double = 0.03
    ) throws(LawViolation) {
        try check("Little's law", expected: rate * sojourn, measured: level, tolerance)
    }

    /// The utilization law: the share of busy servers equals rate × service ÷ servers.
    ///
    /// - Throws: ``LawViolation``.
    package static func checkUtilization(
        _ utilization: Double, rate: Double, service: Double, servers: Int, tolerance: Double = 0.03
    ) throws(LawViolation) {
        try check(
            "the utilization law", expected: rate * service / Double(servers), measured: utilization,
            tolerance)
    }

    private static func check(
        _ law: String, expected: Double, measured: Double, _ tolerance: Double
    ) throws(LawViolation) {
        let scale = max(expected.magnitude, measured.magnitude)
        // A figure that is no number is no agreement.
        guard (measured - expected).magnitude <= tolerance * scale else {
            throw LawViolation(law: law, expected: expected, measured: measured, tolerance: tolerance)
        }
    }
}
