// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sim
import Testing

@Suite("Deterministic math and duration models")
struct ScenarioDurationTests {
    // Goal: agreement with the platform within 1e-14. Method: every magnitude, and close to 1 where
    // the logarithm loses digits most easily.
    @Test("the logarithm agrees with the platform")
    func logarithm() {
        var generator = SeededGenerator(seed: 3)
        for step in 0..<20_000 {
            let x: Double
            switch step % 3 {
            case 0: x = Foundation.exp((generator.unit() - 0.5) * 1400)
            case 1: x = 1 + (generator.unit() - 0.5) * Foundation.exp(-30 * generator.unit())
            default: x = generator.unit()
            }
            expectClose(DeterministicMath.log(x), Foundation.log(x), 1e-14, "log \(x)")
        }
        #expect(DeterministicMath.log(1) == 0)
        expectClose(
            DeterministicMath.log(.leastNonzeroMagnitude),
            Foundation.log(.leastNonzeroMagnitude),
            1e-14,
            "least"
        )
    }

    @Test("the exponential agrees with the platform")
    func exponential() {
        var generator = SeededGenerator(seed: 4)
        for step in 0..<20_000 {
            let range = step.isMultiple(of: 2) ? 1400.0 : 2.0
            let x = (generator.unit() - 0.5) * range
            expectClose(DeterministicMath.exp(x), Foundation.exp(x), 1e-14, "exp \(x)")
        }
        #expect(DeterministicMath.exp(0) == 1)
        #expect(DeterministicMath.exp(710) == .infinity)
        #expect(DeterministicMath.exp(-746) == 0)
        #expect(DeterministicMath.exp(-.infinity) == 0)
    }

    @Test("the normal distribution agrees with the platform's error function")
    func normalDistribution() {
        for step in -3700...3700 {
            let x = Double(step) / 100
            let expected = 0.5 * Foundation.erfc(-x / 2.0.squareRoot())
            expectClose(DeterministicMath.normalCDF(x), expected, 1e-12, "CDF \(x)")
        }
        #expect(DeterministicMath.normalCDF(0) == 0.5)
        #expect(DeterministicMath.normalCDF(.infinity) == 1)
        #expect(DeterministicMath.normalCDF(-.infinity) == 0)
    }

    @Test(
        "known percentage points of the normal distribution",
        arguments: [
            (0.5, 0.0), (0.975, 1.959_963_984_540_054_2), (0.25, -0.674_489_750_196_081_7),
            (0.001, -3.090_232_306_167_813_5), (1e-20, -9.262_340_089_798_408),
        ]
    )
    func percentagePoints(_ p: Double, _ x: Double) {
        expectClose(DeterministicMath.inverseNormalCDF(p), x, 1e-14, "inverse \(p)")
    }

    @Test("the inverse normal distribution undoes the distribution")
    func inverse() {
        for step in -3000...800 {
            let x = Double(step) / 100
            guard x != 0 else { continue }
            let back = DeterministicMath.inverseNormalCDF(DeterministicMath.normalCDF(x))
            // Above the middle the probability itself keeps only so many digits of the distance to 1.
            let slack = x > 0 ? 1e-15 / DeterministicMath.normalDensity(x) : 0
            #expect(
                (back - x).magnitude <= x.magnitude * 1e-12 + slack,
                "\(x) came back as \(back)"
            )
        }
    }

    // The bits below were computed once; a machine that gives others would also give other traces.
    @Test("samples have the same bits everywhere")
    func fixedBits() {
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        for model in Self.models {
            var generator = SeededGenerator(seed: 5)
            for _ in 0..<500 {
                let sample = UInt64(model.sample(u: generator.unit()).nanosecondsValue)
                digest = (digest ^ sample) &* 0x0000_0100_0000_01B3
            }
        }
        #expect(digest == Self.expectedDigest, "the digest is \(digest)")
    }

    static let expectedDigest: UInt64 = 10_014_525_823_856_890_524

    static let models: [DurationModel] = [
        DurationModel(.constant(.seconds(90))),
        DurationModel(.uniform(low: .seconds(19_800), high: .seconds(21_600))),
        DurationModel(
            .normal(
                mean: .seconds(100),
                deviation: .seconds(20),
                low: .seconds(90),
                high: .seconds(170)
            )
        ),
        DurationModel(
            .normal(mean: .seconds(10), deviation: .seconds(10), low: .zero, high: .seconds(1000))
        ),
        DurationModel(.lognormal(median: .seconds(30), sigma: 0.5)),
        DurationModel(.exponential(mean: .seconds(7))),
        DurationModel(.triangular(low: .seconds(1), mode: .seconds(2), high: .seconds(9))),
        DurationModel(.triangular(low: .seconds(1), mode: .seconds(1), high: .seconds(2))),
        DurationModel(.triangular(low: .seconds(1), mode: .seconds(2), high: .seconds(2))),
        DurationModel(.empirical([.seconds(1), .seconds(5), .seconds(6)])),
    ]

    // Goal: the sampler draws from the distribution that it claims. Method: a stratified sample, whose mean
    // is far closer to the formula than a random one's, so that the bound can be tight.
    @Test("sampled means agree with theory", arguments: models)
    func means(_ model: DurationModel) {
        let count = 20_000
        var sum = 0.0
        for index in 0..<count {
            sum += model.sample(u: (Double(index) + 0.5) / Double(count)).secondsValue
        }
        let mean = sum / Double(count)
        #expect(
            (mean - model.meanSeconds).magnitude <= model.meanSeconds * 1e-3,
            "\(mean) \(model.meanSeconds)"
        )
    }

    @Test(
        "a larger draw never gives a shorter duration, and the ends stay in range",
        arguments: models
    )
    func monotone(_ model: DurationModel) {
        var last = Duration.zero
        for index in 0...5_000 {
            let sample = model.sample(u: Double(index) / 5_000)
            #expect(sample >= last)
            last = sample
        }
        for extreme in [0, 1, -1, 2, .leastNonzeroMagnitude, 1 - 0x1p-53, .infinity, -.infinity] {
            let sample = model.sample(u: extreme)
            #expect(sample >= .zero && sample <= .scenarioMax)
            switch model.shape {
            case .uniform(let low, let high), .triangular(let low, _, let high),
                .normal(_, _, let low, let high):
                #expect(sample >= low && sample <= high)
            default: break
            }
        }
    }

    @Test("a truncated normal model has the spread that theory gives")
    func spread() {
        // Half a normal distribution above its mean: mean σ√(2/π), variance σ²(1 − 2/π).
        let model = DurationModel(
            .normal(
                mean: .seconds(50),
                deviation: .seconds(10),
                low: .seconds(50),
                high: .seconds(500)
            )
        )
        var sum = 0.0
        var squares = 0.0
        let count = 50_000
        for index in 0..<count {
            let distance = model.sample(u: (Double(index) + 0.5) / Double(count)).secondsValue - 50
            sum += distance
            squares += distance * distance
        }
        let mean = sum / Double(count)
        let variance = squares / Double(count) - mean * mean
        #expect((mean - 10 * (2 / Double.pi).squareRoot()).magnitude < 0.01)
        #expect((variance - 100 * (1 - 2 / Double.pi)).magnitude < 0.1)
    }

    private func expectClose(
        _ value: Double,
        _ expected: Double,
        _ tolerance: Double,
        _ what: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        // Below the normal range there are fewer digits to agree on.
        let slack = max(expected.magnitude * tolerance, .leastNormalMagnitude * 1e-13)
        guard (value - expected).magnitude > slack else { return }
        Issue.record("\(what): \(value), expected \(expected)", sourceLocation: sourceLocation)
    }
}
