// SPDX-License-Identifier: Apache-2.0

/// Logarithm, exponential and normal distribution that give the same bits on every machine.
///
/// The platform's own functions differ in the last bit between libraries and between processors of one
/// library (they choose code by instruction set). A sampled duration decides the order of events, so one bit
/// would make two runs of a seed differ. The functions below use only additions, multiplications, divisions
/// and square roots, which IEEE 754 defines to the bit, in an order that the compiler may not change.
package enum DeterministicMath {
    // ln 2 in two parts; the upper has 32 significant bits, so that its product with an exponent is exact.
    private static let ln2High = 0x1.62e42feep-1
    private static let ln2Low = 0x1.a39ef35793c76p-33

    /// The natural logarithm of a finite number above zero.
    ///
    /// Within 2 ulp of the true value. With x = 2^k · m and m within √½ and √2, ln m = 2 artanh(s) for
    /// s = (m − 1)/(m + 1), |s| < 0.172, whose odd series ends at 1e-17 after eleven terms.
    package static func log(_ x: Double) -> Double {
        precondition(x > 0 && x.isFinite, "the logarithm needs a finite number above zero")
        var exponent = Double(x.exponent)
        var fraction = x.significand
        if fraction > 1.414_213_562_373_095_1 {
            fraction *= 0.5
            exponent += 1
        }
        let s = (fraction - 1) / (fraction + 1)
        let square = s * s
        // Written out: the quotients become constants, where a loop divides twelve times.
        var series = (1.0 / 25.0) * square
        series = (series + 1.0 / 23.0) * square
        series = (series + 1.0 / 21.0) * square
        series = (series + 1.0 / 19.0) * square
        series = (series + 1.0 / 17.0) * square
        series = (series + 1.0 / 15.0) * square
        series = (series + 1.0 / 13.0) * square
        series = (series + 1.0 / 11.0) * square
        series = (series + 1.0 / 9.0) * square
        series = (series + 1.0 / 7.0) * square
        series = (series + 1.0 / 5.0) * square
        series = (series + 1.0 / 3.0) * square
        return exponent * ln2High + (exponent * ln2Low + (2 * s + 2 * s * series))
    }

    /// The exponential.
    ///
    /// Within 2 ulp of the true value; overflows to infinity, underflows to zero.
    package static func exp(_ x: Double) -> Double {
        if x.isNaN { return x }
        if x > 709.79 { return .infinity }
        if x < -745.2 { return 0 }
        let power = (x * 1.442_695_040_888_963_4).rounded()
        let high = x - power * ln2High
        let low = power * ln2Low
        let rest = high - low
        var series = 1.0
        var term = 16.0
        while term >= 2 {
            series = 1 + rest * series / term
            term -= 1
        }
        // The rounding error of `rest` is added back: it is (high − rest) − low, exactly representable.
        let mantissa = 1 + (rest * series + ((high - rest) - low))
        let half = (power / 2).rounded(.down)
        return mantissa * powerOfTwo(Int(half)) * powerOfTwo(Int(power - half))
    }

    /// The density of the standard normal distribution.
    package static func normalDensity(_ x: Double) -> Double {
        exp(-0.5 * x * x) * 0.398_942_280_401_432_7
    }

    /// The probability that a standard normal variable is at most `x`; relative error below 1e-13.
    ///
    /// Near the middle the series φ(x)(x + x³/3 + x⁵/15 + …) is used, whose terms have one sign; in the tails
    /// the continued fraction φ(x)/(x + 1/(x + 2/(x + …))), which keeps the relative precision there.
    package static func normalCDF(_ x: Double) -> Double {
        if x.isNaN { return x }
        let distance = x.magnitude
        guard distance < 38.6 else { return x < 0 ? 0 : 1 }
        if distance < 3 {
            var term = distance
            var sum = distance
            var odd = 3.0
            while term > sum * 1e-18 {
                term *= distance * distance / odd
                sum += term
                odd += 2
            }
            let area = sum * normalDensity(distance)
            return x < 0 ? 0.5 - area : 0.5 + area
        }
        var fraction = distance
        var step = 160.0
        while step >= 1 {
            fraction = distance + step / fraction
            step -= 1
        }
        let tail = normalDensity(distance) / fraction
        return x < 0 ? tail : 1 - tail
    }

    /// The number below which a share `p` of the normal distribution lies, for 0 < p < 1.
    ///
    /// The relative error is about 1e-15.
    ///
    /// - SeeAlso: M. J. Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution",
    ///   Applied Statistics 37 (1988): three rational functions of degree 7.
    package static func inverseNormalCDF(_ p: Double) -> Double {
        precondition(p > 0 && p < 1, "a probability strictly between 0 and 1")
        let offset = p - 0.5
        if offset.magnitude <= 0.425 {
            let r = 0.180625 - offset * offset
            return offset * polynomial(centerUpper, r) / polynomial(centerLower, r)
        }
        let tail = offset < 0 ? p : 1 - p
        let root = (-log(tail)).squareRoot()
        let value =
            root <= 5
            ? polynomial(middleUpper, root - 1.6) / polynomial(middleLower, root - 1.6)
            : polynomial(tailUpper, root - 5) / polynomial(tailLower, root - 5)
        return offset < 0 ? -value : value
    }

    private static func powerOfTwo(_ exponent: Int) -> Double {
        Double(sign: .plus, exponent: exponent, significand: 1)
    }

    /// Horner's rule; coefficients from the constant upwards.
    private static func polynomial(_ coefficients: [Double], _ x: Double) -> Double {
        var value = 0.0
        for coefficient in coefficients.reversed() { value = value * x + coefficient }
        return value
    }

    private static let centerUpper = [
        3.387_132_872_796_366_608, 133.141_667_891_784_377_45, 1971.590_950_306_551_442_7,
        13731.693_765_509_461_125, 45921.953_931_549_871_457, 67265.770_927_008_700_853,
        33430.575_583_588_128_105, 2509.080_928_730_122_672_7,
    ]
    private static let centerLower = [
        1.0, 42.313_330_701_600_911_252, 687.187_007_492_057_908_30, 5394.196_021_424_751_107_7,
        21213.794_301_586_595_867, 39307.895_800_092_710_610, 28729.085_735_721_942_674,
        5226.495_278_852_854_561_0,
    ]
    private static let middleUpper = [
        1.423_437_110_749_683_577_34, 4.630_337_846_156_545_295_90, 5.769_497_221_460_691_405_50,
        3.647_848_324_763_204_605_04, 1.270_458_252_452_368_382_58, 2.417_807_251_774_506_117_70e-1,
        2.272_384_498_926_918_458_33e-2, 7.745_450_142_783_414_076_40e-4,
    ]
    private static let middleLower = [
        1.0, 2.053_191_626_637_758_821_87, 1.676_384_830_183_803_849_40,
        6.897_673_349_851_000_045_50e-1,
        1.481_039_764_274_800_745_90e-1, 1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946_00e-4, 1.050_750_071_644_416_843_24e-9,
    ]
    private static let tailUpper = [
        6.657_904_643_501_103_777_20, 5.463_784_911_164_114_369_90, 1.784_826_539_917_291_335_80,
        2.965_605_718_285_048_912_30e-1, 2.653_218_952_657_612_309_30e-2,
        1.242_660_947_388_078_438_60e-3, 2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ]
    private static let tailLower = [
        1.0, 5.998_322_065_558_879_376_90e-1, 1.369_298_809_227_358_053_10e-1,
        1.487_536_129_085_061_485_25e-2, 7.868_691_311_456_132_591_00e-4,
        1.846_318_317_510_054_681_80e-5, 1.421_511_758_316_445_888_70e-7,
        2.044_263_103_389_939_785_64e-15,
    ]
}
