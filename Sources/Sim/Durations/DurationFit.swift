// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// A model fitted to measured durations, and how well it does.
package struct DurationFit: Sendable, Hashable {
    package var model: DurationModel
    package var family: String
    /// Kolmogorov and Smirnov's distance: the largest gap between the two distribution functions, 0…1.
    package var distance: Double
    package var sampleCount: Int
    package var low: Double
    package var high: Double

    /// Below this many samples nothing but their range is believed.
    private static let familiesFrom = 8

    /// The model that comes closest; `nil` without samples.
    ///
    /// One sample, or samples within a percent, give a constant; fewer than eight a uniform range; more the
    /// family of least distance, an empirical list only where no family comes within 0.1.
    package static func best(_ samples: [Double]) -> DurationFit? {
        let sorted = samples.sorted()
        guard let low = sorted.first, let high = sorted.last else { return nil }
        let mean = sorted.reduce(0, +) / Double(sorted.count)
        func fit(_ shape: DurationModel.Shape, _ family: String) -> DurationFit {
            let model = DurationModel(shape)
            return DurationFit(
                model: model, family: family, distance: gap(model, sorted), sampleCount: sorted.count,
                low: low,
                high: high)
        }
        guard high - low > mean * 0.01, high > 0 else {
            return fit(.constant(duration(mean)), "constant")
        }
        let range = fit(.uniform(low: duration(low), high: duration(high)), "uniform")
        guard sorted.count >= familiesFrom else {
            // Few samples that no range describes stand for themselves.
            return range.isPoor ? fit(.empirical(sorted.map(duration)), "empirical") : range
        }
        var fits = [range]
        let variance = sorted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(sorted.count)
        let deviation = variance.squareRoot()
        if deviation >= 1e-6, duration(low) < duration(high) {
            fits.append(
                fit(
                    .normal(
                        mean: duration(mean), deviation: duration(deviation),
                        low: duration(max(0, mean - 4 * deviation)), high: duration(mean + 4 * deviation)),
                    "normal"))
        }
        if low > 1e-6 {
            let logs = sorted.map { DeterministicMath.log($0) }
            let center = logs.reduce(0, +) / Double(logs.count)
            let spread = (logs.reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(logs.count))
                .squareRoot()
            if spread > 1e-4, spread <= 4 {
                fits.append(
                    fit(
                        .lognormal(median: duration(DeterministicMath.exp(center)), sigma: spread),
                        "lognormal"))
            }
        }
        fits.append(fit(.exponential(mean: duration(mean)), "exponential"))
        if let best = fits.min(by: { $0.distance < $1.distance }), best.distance <= 0.1 { return best }
        // A hundred points of the sample's own distribution at most.
        let count = min(sorted.count, 100)
        let points = (0..<count).map { index in
            duration(sorted[min(sorted.count - 1, (2 * index + 1) * sorted.count / (2 * count))])
        }
        return fit(.empirical(points), "empirical")
    }

    private static func duration(_ seconds: Double) -> Duration {
        .nanoseconds(Int64((seconds * 1e9).rounded()))
    }

    /// The largest distance between the sample's distribution and the model's, found by asking the model for
    /// the durations at each of the sample's shares.
    private static func gap(_ model: DurationModel, _ sorted: [Double]) -> Double {
        let grid = 512
        let points = (0..<grid).map { model.sample(u: (Double($0) + 0.5) / Double(grid)).inSeconds }
        var worst = 0.0
        var below = 0
        for (index, value) in points.enumerated() {
            // Equal values count as half on either side, so that a constant fits a constant.
            while below < sorted.count, sorted[below] < value * (1 - 1e-9) { below += 1 }
            var upTo = below
            while upTo < sorted.count, sorted[upTo] <= value * (1 + 1e-9) { upTo += 1 }
            let share = (Double(index) + 0.5) / Double(grid)
            let (left, right) = (Double(below) / Double(sorted.count), Double(upTo) / Double(sorted.count))
            worst = max(worst, left - share, share - right)
        }
        return worst
    }

    /// A sample of the model would be so far off in one of twenty cases at most (Kolmogorov).
    package var isPoor: Bool { distance > 1.36 / Double(max(1, sampleCount)).squareRoot() }

    /// The family, what it was fitted to and how well, in words.
    package var quality: String {
        "\(family), \(sampleCount) samples from \(SimulatedCluster.span(low)) to "
            + "\(SimulatedCluster.span(high)), Kolmogorov-Smirnov distance "
            + SimulatedCluster.figure(distance) + (isPoor ? ", a poor fit" : "")
    }

    /// The model as a scenario writes it.
    package var yaml: String {
        func text(_ value: Duration) -> String { value.scenarioText }
        switch model.shape {
        case .constant(let value): return text(value)
        case .uniform(let low, let high): return "{uniform: {min: \(text(low)), max: \(text(high))}}"
        case .normal(let mean, let deviation, let low, let high):
            return "{normal: {mean: \(text(mean)), deviation: \(text(deviation)), min: \(text(low)), "
                + "max: \(text(high))}}"
        case .lognormal(let median, let sigma):
            return "{lognormal: {median: \(text(median)), sigma: \(ScenarioDocument.decimalText(sigma))}}"
        case .exponential(let mean): return "{exponential: {mean: \(text(mean))}}"
        case .triangular(let low, let mode, let high):
            return "{triangular: {min: \(text(low)), mode: \(text(mode)), max: \(text(high))}}"
        case .empirical(let values):
            return "{empirical: [\(values.map(text).joined(separator: ", "))]}"
        }
    }
}

extension DurationSamples {
    /// A `tasks:` section of a scenario: what was measured with the quality of its fit, and for the sealing
    /// tasks without samples a line that says so.
    package var tasksYAML: String {
        var lines: [String] = []
        if !skippedCounts.isEmpty {
            let counts = skippedCounts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
                .map { "\($0.key) \($0.value)" }
            lines.append(
                "# rows left out, of tasks that a scenario has not: \(counts.joined(separator: ", "))")
        }
        lines.append("tasks:")
        for kind in Scenario.TaskKind.allCases {
            guard let fit = DurationFit.best(self[kind]) else {
                if Scenario.TaskKind.sealing.contains(kind) {
                    lines.append(
                        "  # \(kind.rawValue): not in these files; write a duration and where it is from")
                }
                continue
            }
            lines.append("  \(kind.rawValue):")
            lines.append("    # \(fit.quality)")
            lines.append("    duration: \(fit.yaml)")
            lines.append("    provenance: measured")
            let source = sources(of: kind).joined(separator: "; ").replacing("'", with: "''")
            lines.append("    source: '\(source.filter { !$0.isNewline })'")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
