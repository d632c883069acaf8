// SPDX-License-Identifier: Apache-2.0

/// Student's distribution, by the finite sums of Abramowitz and Stegun 26.7.3 and 26.7.4: exact for whole
/// degrees of freedom, and the same bits on every machine.
package enum StudentT {
    /// Beyond so many degrees the normal distribution differs by less than a relative 1e-5.
    private static let freedomMax = 100_000

    /// The probability of a value of at most `t`.
    package static func probability(_ t: Double, freedom: Int) -> Double {
        precondition(freedom > 0, "Student's distribution needs a degree of freedom")
        guard freedom <= freedomMax else { return DeterministicMath.normalCDF(t) }
        let inside = central(t.magnitude, freedom)
        return t < 0 ? (1 - inside) / 2 : (1 + inside) / 2
    }

    /// The value below which a share `p` lies, 0 < p < 1, within a relative 1e-10.
    package static func quantile(_ p: Double, freedom: Int) -> Double {
        precondition(p > 0 && p < 1, "a probability strictly between 0 and 1")
        precondition(freedom > 0, "Student's distribution needs a degree of freedom")
        guard freedom <= freedomMax else { return DeterministicMath.inverseNormalCDF(p) }
        if p == 0.5 { return 0 }
        if p < 0.5 { return -quantile(1 - p, freedom: freedom) }
        var low = 0.0
        var high = 2.0
        while probability(high, freedom: freedom) < p, high < 1e300 { high *= 2 }
        for _ in 0..<200 where high - low > 1e-12 * high {
            let middle = low + (high - low) / 2
            if probability(middle, freedom: freedom) < p { low = middle } else { high = middle }
        }
        return low + (high - low) / 2
    }

    /// The probability of a value between −t and t.
    private static func central(_ t: Double, _ freedom: Int) -> Double {
        let n = Double(freedom)
        let cosine = (n / (n + t * t)).squareRoot()
        let sine = t / (n + t * t).squareRoot()
        let square = cosine * cosine
        var sum = 0.0
        if freedom % 2 == 1 {
            var term = cosine
            var k = 1.0
            while k <= n - 2 {
                sum += term
                k += 2
                term *= square * (k - 1) / k
            }
            return (arcTangent(t / n.squareRoot()) + sine * sum) * 2 / Double.pi
        }
        var term = 1.0
        var k = 0.0
        while k <= n - 2 {
            sum += term
            k += 2
            term *= square * (k - 1) / k
        }
        return sine * sum
    }

    /// By halving the angle three times and the odd series: additions, quotients and roots only.
    private static func arcTangent(_ x: Double) -> Double {
        if x > 1 { return Double.pi / 2 - arcTangent(1 / x) }
        var y = x
        for _ in 0..<3 { y /= 1 + (1 + y * y).squareRoot() }
        let square = y * y
        var sum = 0.0
        for odd in stride(from: 27.0, through: 1.0, by: -2.0) { sum = 1 / odd - square * sum }
        return 8 * y * sum
    }
}
