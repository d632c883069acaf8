// SPDX-License-Identifier: Apache-2.0

extension SimulationReport {
    /// A law that holds for every queue, beside what the run counted: the mean level, from the times at which
    /// it changed, and rate × mean stay, from the times of each task.
    package struct LawCheck: Sendable, Hashable {
        package enum Law: String, Sendable, Hashable {
            /// What is inside equals rate × time inside.
            case little = "Little's law"
            /// The share of busy servers equals rate × service ÷ servers.
            case utilization = "utilization law"
        }

        package var law: Law
        /// `PreCommit1 queue`, `PreCommit1 slots`, `sectors`.
        package var place: String
        /// The mean number inside, or the share of slots that were taken.
        package var measured: Double
        /// Stays a second, and the mean of one in seconds; each counts within the time after the warm-up.
        package var rate: Double
        package var staySeconds: Double
        /// `nil` for Little's law.
        package var servers: Int?

        /// What the law says.
        package var expected: Double { rate * staySeconds / Double(servers ?? 1) }

        /// What is wrong; `nil` where the law holds.
        package var violation: LawViolation? {
            do {
                switch law {
                case .little:
                    try QueueingLaws.checkLittle(
                        level: measured, rate: rate, sojourn: staySeconds,
                        tolerance: QueueingLaws.roundingTolerance)
                case .utilization:
                    try QueueingLaws.checkUtilization(
                        measured, rate: rate, service: staySeconds, servers: servers ?? 1,
                        tolerance: QueueingLaws.roundingTolerance)
                }
                return nil
            } catch {
                return error
            }
        }
    }

    /// The laws in one line.
    package var lawsText: String? {
        guard !laws.isEmpty else { return nil }
        let broken = laws.compactMap { check in check.violation.map { "\(check.place): \($0)" } }
        guard broken.isEmpty else { return "FAIL: " + broken.joined(separator: "; ") }
        let queues = laws.filter { $0.law == .little }.count
        return "Little's law holds in \(queues) places, the utilization law in \(laws.count - queues)"
    }

    /// Why the run is not to be trusted: it disagrees with its closed form, or breaks a law; `nil` where it
    /// does neither.
    package var distrust: Distrust? {
        if let check = crossCheck, !check.holds {
            return Distrust(
                law: "closed form", place: check.stage, measured: check.measured, expected: check.formula,
                description: "the run disagrees with its closed form: \(check.text)")
        }
        return Self.firstBroken(laws)
    }

    /// The first of the laws that is broken.
    static func firstBroken(_ laws: [LawCheck]) -> Distrust? {
        guard let broken = laws.first(where: { $0.violation != nil }), let violation = broken.violation else {
            return nil
        }
        return Distrust(
            law: broken.law.rawValue, place: broken.place, measured: broken.measured,
            expected: broken.expected, description: "the run breaks a law, \(broken.place): \(violation)")
    }
}

extension SimulationReport {
    /// How sure the throughput of one run is.
    package enum Precision: Sendable, Hashable {
        /// Half of the 95 % interval, TiB a day, from so many batches of so many seconds.
        case interval(halfWidth: Double, batchCount: Int, batchSeconds: Double)
        /// Seconds after the warm-up that an interval would need; `nil` where no sector was proven.
        case tooShort(needed: Double?)

        /// In words, after the figure.
        package var text: String {
            let (figure, span) = (SimulatedCluster.figure, SimulatedCluster.span)
            switch self {
            case .interval(let half, let count, let seconds):
                return "± \(figure(half)) TiB/day (95 %, \(count) batches of \(span(seconds)))"
            case .tooShort(let needed?):
                return "no interval: the run would have to last \(span(needed)) after the warm-up, or give "
                    + "--replications"
            case .tooShort(nil): return "no interval: no sector was proven after the warm-up"
            }
        }
    }

    /// Where a figure of the scenario is from.
    package struct Origin: Sendable, Hashable {
        /// `tasks.PreCommit1`, `hosts.p1`, …
        package var what: String
        /// The figure in words.
        package var figure: String
        package var provenance: Scenario.Provenance
        package var source: String
    }
}
