// SPDX-License-Identifier: Apache-2.0

/// Where the start of a scenario's runs no longer shows in their throughput, beside what figures leave out.
///
/// The sectors proven in each piece of the run are averaged over the first replications (P. D. Welch, "The
/// statistical analysis of simulation results", 1983), and MSER-5 cuts the mean series. The finding corrects
/// nothing: a warm-up that follows the data of the runs it is applied to would differ from study to study.
package struct WarmUpFinding: Sendable, Hashable {
    /// Pieces of a run; a cut lies at one of every five.
    package static let pieceCount = 320
    /// More replications change the mean series little.
    package static let runCountMax = 100

    /// What the figures leave out.
    package var usedSeconds: Double
    /// Where the throughput becomes steady; `nil` where it does not in the first half of the runs.
    package var foundSeconds: Double?
    /// Replications behind it.
    package var runCount: Int

    /// Whether the figures may still show the start; a piece's length is no difference.
    package var isTooShort: Bool { foundSeconds.map { $0 > usedSeconds + pieceSeconds * 5 } ?? true }
    private var pieceSeconds: Double

    /// - Parameter series: sectors proven in each piece of each run; all of one length.
    /// - Returns: `nil` where there is no run, or none proves anything.
    package init?(series: [[Int]], endSeconds: Double, usedSeconds: Double) {
        guard let first = series.first, first.count >= 20, series.allSatisfy({ $0.count == first.count }),
            series.contains(where: { $0.contains { $0 > 0 } })
        else { return nil }
        let means = first.indices.map { piece in
            Double(series.reduce(0) { $0 + $1[piece] }) / Double(series.count)
        }
        pieceSeconds = endSeconds / Double(first.count)
        self.usedSeconds = usedSeconds
        runCount = series.count
        let length = pieceSeconds
        foundSeconds = WarmUpDetection.mser(means).map { Double($0) * length }
    }

    package var text: String {
        let used =
            "warm-up: \(Self.span(usedSeconds)) left out; by MSER-5 over \(runCount) runs the throughput "
        guard let foundSeconds else {
            return used + "is not steady in their first half: run longer, or see whether the work ends"
        }
        return used + "is steady from \(Self.span(foundSeconds)) on"
            + (isTooShort ? ": raise report.warmUp" : "")
    }

    package var document: ScenarioDocument {
        .object([
            .init(key: "usedSeconds", value: .rounded(usedSeconds)),
            .init(key: "steadyFromSeconds", value: .rounded(foundSeconds)),
            .init(key: "runs", value: .integer(runCount)),
            .init(key: "tooShort", value: .flag(isTooShort)),
        ])
    }

    private static func span(_ seconds: Double) -> String {
        seconds >= 172_800
            ? SimulatedCluster.figure(seconds / 86_400) + " d" : SimulatedCluster.span(seconds)
    }
}
