// SPDX-License-Identifier: Apache-2.0

/// Count, mean and variance of numbers that come one by one (Welford's recurrence, which loses no digits
/// where the mean is large beside the deviation).
package struct Moments: Sendable, Hashable {
    package private(set) var count = 0
    package private(set) var mean = 0.0
    private var squares = 0.0

    package init() {}

    package init(_ values: some Sequence<Double>) {
        for value in values { add(value) }
    }

    package mutating func add(_ value: Double) {
        count += 1
        let offset = value - mean
        mean += offset / Double(count)
        squares += offset * (value - mean)
    }

    /// The unbiased estimate of the variance; `nil` for fewer than two numbers.
    package var variance: Double? { count > 1 ? max(0, squares) / Double(count - 1) : nil }
    package var deviation: Double? { variance.map { $0.squareRoot() } }
}

/// A mean and how far from it the true one may lie.
package struct Interval: Sendable, Hashable {
    package var mean: Double
    /// Half the width; `nil` where one number alone says nothing of its scatter.
    package var halfWidth: Double?
    package var confidence: Double
    /// Independent observations behind it.
    package var count: Int

    /// Student's interval for the mean of independent observations, `nil` without any.
    ///
    /// - Parameter confidence: the share of such intervals that cover the truth, strictly between 0 and 1.
    package static func ofMean(_ values: some Sequence<Double>, confidence: Double = 0.95) -> Interval? {
        let moments = Moments(values)
        guard moments.count > 0 else { return nil }
        let half = moments.deviation.map {
            StudentT.quantile(0.5 + confidence / 2, freedom: moments.count - 1) * $0
                / Double(moments.count).squareRoot()
        }
        return Interval(mean: moments.mean, halfWidth: half, confidence: confidence, count: moments.count)
    }

    /// The interval of the mean difference `right − left` of paired observations: what both share by common
    /// random numbers cancels.
    package static func ofDifferences(
        _ left: [Double], _ right: [Double], confidence: Double = 0.95
    ) -> Interval? {
        precondition(left.count == right.count, "pairs have two sides")
        return ofMean(zip(left, right).map { $1 - $0 }, confidence: confidence)
    }

    package var low: Double? { halfWidth.map { mean - $0 } }
    package var high: Double? { halfWidth.map { mean + $0 } }

    /// Tells whether a value lies within; one observation alone covers only itself.
    package func covers(_ value: Double) -> Bool { (value - mean).magnitude <= (halfWidth ?? 0) }

    /// It leaves zero out: a difference that chance does not explain.
    package var isSignificant: Bool { halfWidth != nil && !covers(0) }
}

/// Means of equal batches of a long run: nearly independent where batches are long beside the run's memory.
package enum BatchMeans {
    /// Cuts a series into `batchCount` batches; what is left over at the start is dropped.
    ///
    /// - Returns: the batches' means, empty where there are fewer values than batches.
    package static func means(_ values: [Double], batchCount: Int) -> [Double] {
        precondition(batchCount > 0, "at least one batch")
        let length = values.count / batchCount
        guard length > 0 else { return [] }
        let first = values.count - length * batchCount
        return (0..<batchCount).map { batch in
            let begin = first + batch * length
            return values[begin..<begin + length].reduce(0, +) / Double(length)
        }
    }

    /// The interval of the mean of one long run, from its batches.
    package static func interval(
        _ values: [Double], batchCount: Int = 20, confidence: Double = 0.95
    ) -> Interval? {
        Interval.ofMean(means(values, batchCount: batchCount), confidence: confidence)
    }
}

/// Where the start of a series no longer shows (K. P. White, "An effective truncation heuristic for bias
/// reduction in simulation output", Simulation 69, 1997).
package enum WarmUpDetection {
    /// MSER-5: of all cuts at a multiple of `batch` in the first half, the one after which the squared error
    /// of the mean is least.
    ///
    /// - Returns: how many values to drop; `nil` where the best cut is at the end of the first half, which
    ///   tells that the series is too short or has no steady state.
    package static func mser(_ values: [Double], batch: Int = 5) -> Int? {
        precondition(batch > 0, "a batch has values")
        let means = stride(from: 0, to: values.count / batch * batch, by: batch).map { begin in
            values[begin..<begin + batch].reduce(0, +) / Double(batch)
        }
        guard means.count >= 4 else { return nil }
        var best: (cut: Int, error: Double)?
        let last = means.count / 2
        // From the end to the front, so that every cut costs one step.
        var moments = Moments()
        for cut in means.indices.reversed() {
            moments.add(means[cut])
            guard cut <= last, let variance = moments.variance else { continue }
            let count = Double(moments.count)
            let error = variance * (count - 1) / (count * count)
            if best.map({ error <= $0.error }) ?? true { best = (cut, error) }
        }
        guard let best, best.cut < last else { return nil }
        return best.cut * batch
    }
}

/// Quantiles of a sample.
package enum SampleQuantile {
    /// The value below which a share lies, between the two nearest observations (type 7 of Hyndman and Fan);
    /// `nil` without observations.
    package static func value(_ share: Double, of values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let place = min(max(share, 0), 1) * Double(sorted.count - 1)
        let below = Int(place)
        guard below + 1 < sorted.count else { return sorted.last }
        return sorted[below] + (place - Double(below)) * (sorted[below + 1] - sorted[below])
    }
}
