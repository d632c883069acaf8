// SPDX-License-Identifier: Apache-2.0
private import Foundation
private import Kernel

/// How fast a simulated world runs the pipeline model on which general simulators are compared.
package enum PipelineBenchmark {
    /// What was measured; the field names are the keys of the JSON form.
    package struct Result: Sendable, Hashable, Codable {
        package let model: String
        package let sectors: Int
        package let seed: UInt64
        /// Mean time between arrivals, seconds.
        package let gapSeconds: Double
        /// Runs, of which the median of time is reported.
        package let runs: Int
        package let meanSojournSeconds: Double
        package let meanWaitSeconds: [Double]
        package let makespanSeconds: Double
        /// Arrivals and service ends: six a sector.
        package let timedEvents: Int
        /// Deliveries of the kernel.
        package let messages: Int
        package let wallSeconds: Double
        package let timedEventsPerSecond: Double
        package let messagesPerSecond: Double
        /// The largest memory that the process held until the end of the runs, MiB.
        package let peakMebibytes: Double
        package let traceHash: String
    }

    /// Runs the model `runs` times.
    ///
    /// - Throws: ``KernelError`` where a station cannot start, or where two runs of the seed differ.
    package static func run(sectors: Int, seed: UInt64, gap: Double, runs: Int) throws -> Result {
        precondition(sectors > 0 && runs > 0 && gap > 0, "a benchmark runs something")
        var times: [Double] = []
        var outcomes: [PipelineModel.Result] = []
        for _ in 0..<runs {
            let start = SystemClock.monotonicNanoseconds
            outcomes.append(try PipelineModel.run(sectorCount: sectors, seed: seed, gap: gap))
            times.append(Double(SystemClock.monotonicNanoseconds - start) / 1e9)
        }
        let outcome = outcomes[0]
        guard outcomes.allSatisfy({ $0 == outcome }) else {
            throw KernelError(
                code: .unsupported, message: "two runs of seed \(seed) differ; this is a defect")
        }
        let wall = Statistics.median(times)
        return Result(
            model: "tandem-mmc-5", sectors: sectors, seed: seed, gapSeconds: gap, runs: runs,
            meanSojournSeconds: outcome.meanSojournSeconds, meanWaitSeconds: outcome.meanWaitSeconds,
            makespanSeconds: outcome.makespanSeconds, timedEvents: outcome.timedEventCount,
            messages: outcome.messageCount, wallSeconds: wall,
            timedEventsPerSecond: Double(outcome.timedEventCount) / wall,
            messagesPerSecond: Double(outcome.messageCount) / wall, peakMebibytes: peakMebibytes,
            traceHash: outcome.traceHash)
    }

    /// The high-water mark of this program alone: what `getrusage` says includes the process that started it.
    private static var peakMebibytes: Double {
        let text: String
        do { text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8) } catch {
            // No such file on this system: the figure is unknown, which zero says.
            return 0
        }
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
            let kibibytes = line.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Double($0) })
        else { return 0 }
        return kibibytes / 1_024
    }
}

/// Figures of repeated measurements.
package enum Statistics {
    /// The middle value; of an even count the mean of the middle two, of none zero.
    package static func median(_ values: [Double]) -> Double {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}
