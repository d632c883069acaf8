// SPDX-License-Identifier: Apache-2.0

extension DurationModel {
    static let familyKeys = [
        "constant", "uniform", "normal", "lognormal", "exponential", "triangular", "empirical",
    ]

    /// Reads `6h` (constant) or a mapping with one family, such as `{uniform: {min: 5h30m, max: 6h}}`.
    static func decode(_ cursor: ConfigCursor) -> DurationModel? { decode(cursor, besideKeys: []) }

    /// The same, where the mapping may have other keys instead, which the caller has looked for.
    static func decode(_ cursor: ConfigCursor, besideKeys others: [String]) -> DurationModel? {
        let familyKeys = familyKeys + others
        if case .scalar = cursor.node.content {
            return cursor.duration().map { DurationModel(.constant($0)) }
        }
        guard let fields = cursor.fields(familyKeys) else { return nil }
        let present = familyKeys.compactMap { name in fields[name].map { (name, $0) } }
        guard present.count == 1, let (name, value) = present.first else {
            if fields.all.count != 1 || fields.all.allSatisfy({ familyKeys.contains($0.key) }) {
                cursor.report("name exactly one of \(familyKeys.joined(separator: ", "))")
            }
            return nil
        }
        let shape: Shape? =
            switch name {
            case "constant": value.duration().map { .constant($0) }
            case "uniform": uniform(value)
            case "normal": normal(value)
            case "lognormal": lognormal(value)
            case "exponential": exponential(value)
            case "triangular": triangular(value)
            default: empirical(value)
            }
        return shape.map { DurationModel($0) }
    }

    private static let nanosecond = Duration.nanoseconds(1)

    private static func uniform(_ cursor: ConfigCursor) -> Shape? {
        guard let fields = cursor.fields(["min", "max"]),
            let low = fields.required("min", "the shortest duration")?.duration(),
            let high = fields.required("max", "the longest duration")?.duration()
        else { return nil }
        guard low <= high else {
            cursor.report("min \(low.scenarioText) is longer than max \(high.scenarioText)")
            return nil
        }
        return .uniform(low: low, high: high)
    }

    private static func normal(_ cursor: ConfigCursor) -> Shape? {
        guard let fields = cursor.fields(["mean", "deviation", "min", "max"]),
            let mean = fields.required("mean", "the middle of the bell")?.duration(),
            let deviation = fields.required("deviation", "the standard deviation")?
                .duration(atLeast: nanosecond)
        else { return nil }
        let low = fields["min"].map { $0.duration() } ?? .zero
        let high = fields["max"].map { $0.duration() } ?? min(.scenarioMax, mean + deviation * 8)
        guard let low, let high else { return nil }
        guard low < high else {
            cursor.report("min \(low.scenarioText) is not shorter than max \(high.scenarioText)")
            return nil
        }
        // Outside six deviations there is nothing left to draw from.
        guard low < mean + deviation * 4, high > mean - deviation * 4 else {
            cursor.report(
                "\(low.scenarioText) to \(high.scenarioText) lies more than 4 deviations from the mean "
                    + "\(mean.scenarioText)"
            )
            return nil
        }
        guard (high - low).secondsValue > deviation.secondsValue * 0.01 else {
            cursor.report(
                "min and max are less than a hundredth of a deviation apart; use constant"
            )
            return nil
        }
        return .normal(mean: mean, deviation: deviation, low: low, high: high)
    }

    private static func lognormal(_ cursor: ConfigCursor) -> Shape? {
        guard let fields = cursor.fields(["median", "sigma"]),
            let median = fields.required("median", "half of all durations are shorter")?
                .duration(atLeast: nanosecond),
            let sigma = fields.required("sigma", "the standard deviation of the logarithm")?
                .number(atLeast: 0.000_001, atMost: 4)
        else { return nil }
        return .lognormal(median: median, sigma: sigma)
    }

    private static func exponential(_ cursor: ConfigCursor) -> Shape? {
        guard let fields = cursor.fields(["mean"]),
            let mean = fields.required("mean", "the mean duration")?.duration(atLeast: nanosecond)
        else { return nil }
        return .exponential(mean: mean)
    }

    private static func triangular(_ cursor: ConfigCursor) -> Shape? {
        guard let fields = cursor.fields(["min", "mode", "max"]),
            let low = fields.required("min", "the shortest duration")?.duration(),
            let mode = fields.required("mode", "the likeliest duration")?.duration(),
            let high = fields.required("max", "the longest duration")?.duration()
        else { return nil }
        guard low <= mode, mode <= high, low < high else {
            cursor.report(
                "needs min <= mode <= max and min < max, found \(low.scenarioText), "
                    + "\(mode.scenarioText), \(high.scenarioText)"
            )
            return nil
        }
        return .triangular(low: low, mode: mode, high: high)
    }

    private static func empirical(_ cursor: ConfigCursor) -> Shape? {
        guard let items = cursor.list("durations", count: 1...empiricalCountMax) else { return nil }
        let values = items.compactMap { $0.duration() }
        guard values.count == items.count else { return nil }
        return .empirical(values.sorted())
    }
}
