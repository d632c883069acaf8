// SPDX-License-Identifier: Apache-2.0
import Kernel
import Sim
import Testing

@Suite("Histograms of durations")
struct DurationHistogramTests {
    @Test("quantiles of many draws lie within 0.1 % of the sorted list's", arguments: [1.0, 3600, 20_000])
    func quantiles(mean: Double) throws {
        var random = RandomStream(seed: 9)
        var histogram = DurationHistogram()
        var values: [Double] = []
        let model = DurationModel(.exponential(mean: .nanoseconds(Int64(mean * 1e9))))
        for _ in 0..<20_000 {
            let value = model.sample(u: random.uniform())
            histogram.add(nanoseconds: value.nanoseconds)
            values.append(value.inSeconds)
        }
        values.sort()
        for share in [0.01, 0.5, 0.95, 1.0] {
            let exact = values[Int((share * 20_000).rounded(.up)) - 1]
            #expect(abs(try #require(histogram.quantile(share)) - exact) <= exact * 0.001 + 2e-6)
        }
        let sum = values.reduce(0, +)
        #expect(abs(try #require(histogram.meanSeconds) - sum / 20_000) < 1e-6 * mean)
    }

    @Test("an empty histogram has no figures, and the extremes have a place")
    func edges() {
        var histogram = DurationHistogram()
        #expect(histogram.quantile(0.5) == nil && histogram.meanSeconds == nil)
        histogram.add(nanoseconds: -5)
        #expect(histogram.quantile(0.5) == 0)
        histogram.add(nanoseconds: .max)
        #expect(histogram.count == 2)
        #expect((histogram.quantile(1) ?? 0) > 9e9)
    }

    @Test("whole microseconds up to 1023 are exact")
    func exact() {
        for value in [0, 1, 127, 128, 1000, 1023] {
            var histogram = DurationHistogram()
            histogram.add(nanoseconds: Int64(value) * 1000)
            #expect(histogram.quantile(0.5) == Double(value) / 1e6)
        }
    }
}
