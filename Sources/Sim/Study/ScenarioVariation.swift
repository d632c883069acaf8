// SPDX-License-Identifier: Apache-2.0

/// Reads a scenario with values set over it: the same file each time, whatever is varied.
package struct ScenarioSource: Sendable {
    package let name: String
    private let read: @Sendable ([ScenarioOverride]) throws -> Scenario

    package init(name: String, read: @escaping @Sendable ([ScenarioOverride]) throws -> Scenario) {
        self.name = name
        self.read = read
    }

    package static func file(
        _ path: String, overrides: [ScenarioOverride] = [], measurements: MeasurementReader = .texts
    ) -> ScenarioSource {
        ScenarioSource(name: path) {
            try Scenario.load(path: path, overrides: overrides + $0, measurements: measurements)
        }
    }

    package static func text(_ text: String, fileName: String) -> ScenarioSource {
        ScenarioSource(name: fileName) {
            try Scenario.parse(text: text, fileName: fileName, overrides: $0)
        }
    }

    /// The scenario with values set over it.
    ///
    /// - Throws: ``ScenarioError``.
    package func scenario(settings: [StudySetting]) throws -> Scenario {
        try read(settings.map { ScenarioOverride($0.text) })
    }

    /// - Throws: ``ScenarioError``; ``StudyError`` where a share changes nothing that there is.
    package func scenario(with variations: [ScenarioVariation] = []) throws -> Scenario {
        let overrides = variations.compactMap { variation -> ScenarioOverride? in
            guard case .value(let text) = variation.change else { return nil }
            return ScenarioOverride("\(variation.path)=\(text)")
        }
        var scenario = try read(overrides)
        var isScaled = false
        for variation in variations {
            guard case .share(let share) = variation.change, share != 0 else { continue }
            scenario = try ScenarioInput.named(variation.path, of: scenario).scaled(scenario, by: 1 + share)
            isScaled = true
        }
        if isScaled { try scenario.validate() }
        return scenario
    }
}

/// One quantity of a scenario, and what it is in place of what the file says.
package struct ScenarioVariation: Sendable, Hashable {
    package enum Change: Sendable, Hashable {
        /// So much more, or less where negative, above −1: 0.1 is ten percent more.
        case share(Double)
        /// A value as `--set` takes it.
        case value(String)
    }

    package var path: String
    package var change: Change

    package init(path: String, change: Change) {
        self.path = path
        self.change = change
    }

    /// Reads what stands behind the equals sign: `+10%`, `-5 %` or a value.
    ///
    /// - Throws: ``StudyError`` with `invalid` for a share that leaves nothing or is too large.
    package init(path: String, text: String) throws(StudyError) {
        self.path = path
        guard let share = Self.share(text) else {
            change = .value(text)
            return
        }
        guard share > -1, share <= Self.shareMax else {
            throw StudyError(
                .invalid,
                "\(path): a change lies between −100 % and +\(Int(Self.shareMax * 100)) %, not \(text)")
        }
        change = .share(share)
    }

    static let shareMax = 1_000.0

    /// `tasks.PreCommit1.duration=+10%`, as it is printed.
    package var text: String { "\(path)=\(changeText)" }

    package var changeText: String {
        switch change {
        case .share(let share): StudyText.signed(share * 100) + "%"
        case .value(let text): text
        }
    }

    /// The share that a text such as `-5 %`, `±10%` or `10%` names; `nil` for anything else.
    ///
    /// A percentage is never a value of its own here: the only keys that take one are shares of failures, for
    /// which 0.005 says the same as 0.5 %.
    package static func share(_ text: String) -> Double? {
        var digits = text.filter { !$0.isWhitespace }
        guard digits.hasSuffix("%") else { return nil }
        digits.removeLast()
        if digits.hasPrefix("±") { digits.removeFirst() }
        if digits.hasPrefix("−") { digits = "-" + digits.dropFirst() }
        guard let value = Double(digits), value.isFinite else { return nil }
        return value / 100
    }
}

/// What a quantity may be at least and at most.
package struct ScenarioRange: Sendable, Hashable {
    package var path: String
    package var low: ScenarioVariation.Change
    package var high: ScenarioVariation.Change

    /// A share less and as much more.
    package init(path: String, share: Double) throws(StudyError) {
        guard share > 0, share < 1 else {
            throw StudyError(
                .invalid, "\(path): inputs differ by more than 0 % and less than 100 %, such as 10%")
        }
        self.init(path: path, low: .share(-share), high: .share(share))
    }

    private init(path: String, low: ScenarioVariation.Change, high: ScenarioVariation.Change) {
        self.path = path
        self.low = low
        self.high = high
    }

    /// Reads `path=20%`, `path=-5%..+20%`, `path=5h..6h30m` or, for the usual share, `path`.
    ///
    /// - Throws: ``StudyError`` with `invalid`.
    package init(_ text: String, usual: Double) throws(StudyError) {
        guard text.contains("=") else {
            try self.init(path: text, share: usual)
            return
        }
        let setting = try StudySetting(text)
        if let dots = setting.value.firstRange(of: "..") {
            let ends = [setting.value[..<dots.lowerBound], setting.value[dots.upperBound...]].map(String.init)
            guard ends.allSatisfy({ !$0.allSatisfy(\.isWhitespace) }) else {
                throw StudyError(.invalid, "'\(text.prefix(80))': an end is missing; write path=low..high")
            }
            self.init(
                path: setting.path, low: try ScenarioVariation(path: setting.path, text: ends[0]).change,
                high: try ScenarioVariation(path: setting.path, text: ends[1]).change)
            return
        }
        guard let share = ScenarioVariation.share(setting.value) else {
            throw StudyError(
                .invalid, "'\(text.prefix(80))': write path=20%, path=-5%..+20% or path=low..high")
        }
        try self.init(path: setting.path, share: share)
    }
}
