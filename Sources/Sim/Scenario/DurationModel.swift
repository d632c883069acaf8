// SPDX-License-Identifier: Apache-2.0

/// How long something takes: a distribution over durations.
///
/// A model holds no randomness. A sample is a function of one number between 0 and 1 that the caller draws
/// from its own stream (the inverse of the distribution function), so equal draws give equal durations on
/// every machine, and a larger draw never gives a shorter one: common random numbers stay common.
package struct DurationModel: Sendable, Hashable {
    /// The family and its parameters; all durations in nanoseconds of ``Duration``.
    package enum Shape: Sendable, Hashable {
        /// Always the same.
        case constant(Duration)
        /// Every duration from `low` to `high` equally likely.
        case uniform(low: Duration, high: Duration)
        /// Normal with `mean` and `deviation` before truncation to `low...high`.
        case normal(mean: Duration, deviation: Duration, low: Duration, high: Duration)
        /// The logarithm is normal around that of `median`, with standard deviation `sigma`.
        case lognormal(median: Duration, sigma: Double)
        /// Without memory, with this mean.
        case exponential(mean: Duration)
        /// Rises from `low` to `mode` and falls to `high`.
        case triangular(low: Duration, mode: Duration, high: Duration)
        /// One of these, equally likely; sorted from short to long.
        case empirical([Duration])
    }

    package let shape: Shape
    // What sampling needs and does not depend on the draw, in seconds; computed once.
    private let offset: Double
    private let scale: Double
    private let probabilityLow: Double
    private let probabilityWidth: Double

    /// The longest list of an empirical model.
    package static let empiricalCountMax = 1_000

    /// Makes a model; the parameters must be in order (low before mode before high, lists sorted and filled).
    package init(_ shape: Shape) {
        self.shape = shape
        var offset = 0.0
        var scale = 0.0
        var probabilityLow = 0.0
        var probabilityWidth = 1.0
        switch shape {
        case .constant(let value):
            precondition(value >= .zero, "a duration is never negative")
            offset = value.secondsValue
        case .uniform(let low, let high):
            precondition(low >= .zero && low <= high, "a uniform model needs low <= high")
            offset = low.secondsValue
            scale = (high - low).secondsValue
        case .normal(let mean, let deviation, let low, let high):
            precondition(
                low >= .zero && low < high && deviation > .zero,
                "a normal model needs a range"
            )
            offset = mean.secondsValue
            scale = deviation.secondsValue
            probabilityLow = DeterministicMath.normalCDF((low.secondsValue - offset) / scale)
            probabilityWidth =
                DeterministicMath.normalCDF((high.secondsValue - offset) / scale) - probabilityLow
            precondition(probabilityWidth > 1e-6, "a normal model keeps some of its mass")
        case .lognormal(let median, let sigma):
            precondition(
                median > .zero && sigma > 0,
                "a lognormal model needs a median and a sigma"
            )
            offset = median.secondsValue
            scale = sigma
        case .exponential(let mean):
            precondition(mean > .zero, "an exponential model needs a mean")
            scale = mean.secondsValue
        case .triangular(let low, let mode, let high):
            precondition(
                low >= .zero && low <= mode && mode <= high && low < high,
                "a triangular model needs low <= mode <= high and low < high"
            )
            offset = low.secondsValue
            scale = (high - low).secondsValue
            probabilityLow = (mode - low).secondsValue / scale
        case .empirical(let values):
            precondition(!values.isEmpty && values.count <= Self.empiricalCountMax, "a filled list")
            precondition(zip(values, values.dropFirst()).allSatisfy { $0 <= $1 }, "a sorted list")
        }
        self.offset = offset
        self.scale = scale
        self.probabilityLow = probabilityLow
        self.probabilityWidth = probabilityWidth
    }

    /// The duration at which a share `u` of all durations is shorter, rounded to a nanosecond.
    ///
    /// - Parameter u: the draw; moved to the nearest number strictly between 0 and 1.
    /// - Returns: never a negative duration, and never one outside the model's own limits.
    /// - Complexity: O(1).
    package func sample(u: Double) -> Duration {
        let draw = min(max(u, 0x1p-60), 1 - 0x1p-53)
        switch shape {
        case .constant(let value):
            return value
        case .uniform(let low, let high):
            return clamped(offset + scale * draw, low, high)
        case .normal(_, _, let low, let high):
            let probability = probabilityLow + draw * probabilityWidth
            let inside = min(max(probability, 0x1p-1000), 1 - 0x1p-53)
            return clamped(offset + scale * DeterministicMath.inverseNormalCDF(inside), low, high)
        case .lognormal:
            let exponent = scale * DeterministicMath.inverseNormalCDF(draw)
            return clamped(offset * DeterministicMath.exp(exponent), .zero, .scenarioMax)
        case .exponential:
            return clamped(-scale * DeterministicMath.log(1 - draw), .zero, .scenarioMax)
        case .triangular(let low, _, let high):
            let value =
                draw < probabilityLow
                ? offset + scale * (draw * probabilityLow).squareRoot()
                : offset + scale * (1 - ((1 - draw) * (1 - probabilityLow)).squareRoot())
            return clamped(value, low, high)
        case .empirical(let values):
            return values[min(Int(draw * Double(values.count)), values.count - 1)]
        }
    }

    /// The mean in seconds, by formula.
    package var meanSeconds: Double {
        switch shape {
        case .constant: return offset
        case .uniform: return offset + scale / 2
        case .normal(_, _, let low, let high):
            let a = DeterministicMath.normalDensity((low.secondsValue - offset) / scale)
            let b = DeterministicMath.normalDensity((high.secondsValue - offset) / scale)
            return offset + scale * (a - b) / probabilityWidth
        case .lognormal: return offset * DeterministicMath.exp(scale * scale / 2)
        case .exponential: return scale
        case .triangular: return offset + scale * (1 + probabilityLow) / 3
        case .empirical(let values):
            return values.reduce(0) { $0 + $1.secondsValue } / Double(values.count)
        }
    }

    private func clamped(_ seconds: Double, _ low: Duration, _ high: Duration) -> Duration {
        let value = Duration.nanoseconds(
            Int64(min(seconds, Duration.scenarioMax.secondsValue) * 1e9 + 0.5)
        )
        return min(max(value, low), high)
    }

    package static func == (left: Self, right: Self) -> Bool { left.shape == right.shape }
    package func hash(into hasher: inout Hasher) { hasher.combine(shape) }
}
