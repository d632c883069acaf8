// SPDX-License-Identifier: Apache-2.0
import Kernel
import Sim
import Testing

@Suite("Statistics of runs")
struct StatisticsTests {
    @Test(
        "Student's quantiles are those of the tables",
        arguments: [
            (0.975, 1, 12.7062047), (0.975, 2, 4.30265273), (0.975, 5, 2.57058184), (0.975, 9, 2.26215716),
            (0.975, 10, 2.22813885), (0.95, 29, 1.69912703), (0.995, 30, 2.74999565),
            (0.975, 120, 1.97993041), (0.9, 3, 1.63774436), (0.975, 1_000_000, 1.95996398),
        ])
    func student(p: Double, freedom: Int, known: Double) {
        let value = StudentT.quantile(p, freedom: freedom)
        #expect(abs(value / known - 1) < 1e-7)
        #expect(abs(StudentT.quantile(1 - p, freedom: freedom) / -known - 1) < 1e-7)
        #expect(abs(StudentT.probability(value, freedom: freedom) - p) < 1e-9)
    }

    @Test("mean and variance keep their digits beside a large offset")
    func moments() throws {
        let moments = Moments([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16])
        #expect(moments.mean == 1e9 + 10)
        #expect(try #require(moments.variance) == 30)
        #expect(Moments([3]).variance == nil && Moments([3]).mean == 3)
    }

    @Test("an interval by hand: 1…5 is 3 ± 1.9632")
    func interval() throws {
        let interval = try #require(Interval.ofMean([1, 2, 3, 4, 5]))
        let half = try #require(interval.halfWidth)
        #expect(interval.mean == 3 && abs(half - 1.96324) < 1e-5)
        #expect(interval.covers(4.9) && !interval.covers(5))
        #expect(Interval.ofMean([]) == nil)
        #expect(Interval.ofMean([2])?.halfWidth == nil)
    }

    @Test("95 % intervals of normal samples cover the truth 95 times in a hundred")
    func coverage() throws {
        var random = RandomStream(seed: 3, name: "coverage")
        var covered = 0
        for _ in 0..<2000 {
            let sample = (0..<6).map { _ in
                10 + DeterministicMath.inverseNormalCDF(min(max(random.uniform(), 1e-12), 1 - 1e-12))
            }
            if try #require(Interval.ofMean(sample)).covers(10) { covered += 1 }
        }
        // Three standard errors of 2,000 tries.
        #expect((1871...1929).contains(covered))
    }

    @Test("pairs cancel what both sides share")
    func pairs() throws {
        let noise = [100.0, -50, 30, 7, -80, 44]
        let left = noise.map { $0 + 1 }
        let right = noise.enumerated().map { $1 + 3 + Double($0 % 2) * 0.1 }
        let paired = try #require(Interval.ofDifferences(left, right))
        #expect(abs(paired.mean - 2.05) < 1e-12 && (paired.halfWidth ?? 1) < 0.1)
        #expect(try #require(Interval.ofMean(right)?.halfWidth) > 50)
    }

    @Test("batches drop the odd start; MSER-5 finds where a ramp ends, and refuses an endless one")
    func warmUp() throws {
        #expect(BatchMeans.means([9, 1, 3, 5, 7], batchCount: 2) == [2, 6])
        #expect(BatchMeans.means([1], batchCount: 2) == [])
        var random = RandomStream(seed: 5, name: "ramp")
        let series = (0..<400).map { index in
            (index < 60 ? Double(60 - index) : 0) + random.uniform()
        }
        let cut = try #require(WarmUpDetection.mser(series))
        #expect((50...75).contains(cut))
        #expect(WarmUpDetection.mser((0..<400).map(Double.init)) == nil)
        #expect(try #require(SampleQuantile.value(0.5, of: [4, 1, 3, 2])) == 2.5)
        #expect(SampleQuantile.value(1, of: [4, 1]) == 4 && SampleQuantile.value(0, of: []) == nil)
    }

    @Test("Erlang C gives the closed form of the pipeline model's stations")
    func erlang() {
        let known = [16.727, 11.119, 108.400, 20.000, 89.422]
        for (index, wait) in known.enumerated() {
            let value = QueueingLaws.meanWait(
                servers: PipelineModel.serverCounts[index], arrivalRate: 1 / PipelineModel.gapSeconds,
                service: PipelineModel.meanSeconds[index])
            #expect(abs(value - wait) < 6e-4)
        }
        #expect(QueueingLaws.erlangC(servers: 2, load: 2) == 1)
        #expect(QueueingLaws.meanWait(servers: 1, arrivalRate: 1, service: 1) == .infinity)
    }

    @Test("laws fail loudly, also for what is no number")
    func laws() throws {
        try QueueingLaws.checkLittle(level: 10.2, rate: 2, sojourn: 5)
        #expect(throws: LawViolation.self) {
            try QueueingLaws.checkLittle(level: 11, rate: 2, sojourn: 5)
        }
        #expect(throws: LawViolation.self) {
            try QueueingLaws.checkLittle(level: .nan, rate: 2, sojourn: 5)
        }
        try QueueingLaws.checkUtilization(0.5, rate: 1, service: 5, servers: 10)
        #expect(throws: LawViolation.self) {
            try QueueingLaws.checkUtilization(0.6, rate: 1, service: 5, servers: 10)
        }
    }
}
