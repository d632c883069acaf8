// SPDX-License-Identifier: Apache-2.0

/// What speaks against a run: which law it breaks, where, and both values.
package struct Distrust: Sendable, Hashable, CustomStringConvertible {
    /// `Little's law`, `utilization law` or `closed form`.
    package var law: String
    /// `PreCommit1 queue`, `PreCommit1 slots`, `sectors`, or the stage that bounds the run.
    package var place: String
    package var measured: Double
    /// What the law says.
    package var expected: Double
    /// The whole in words.
    package var description: String
}

/// A run of a study that is not to be trusted.
package struct DistrustedRun: Sendable, Hashable {
    /// What was run: a file, a variant, a point of a sweep, a policy in a scenario.
    package var run: String
    package var seed: UInt64
    package var distrust: Distrust

    package var text: String { "\(run), seed \(seed): \(distrust)" }

    package var document: ScenarioDocument {
        .object([
            .init(key: "run", value: .text(run)), .init(key: "seed", value: .seed(seed)),
            .init(key: "law", value: .text(distrust.law)), .init(key: "place", value: .text(distrust.place)),
            .init(key: "measured", value: Self.number(distrust.measured)),
            .init(key: "expected", value: Self.number(distrust.expected)),
            .init(key: "text", value: .text(text)),
        ])
    }

    /// Whole: rounded, the two values could be the same.
    private static func number(_ value: Double) -> ScenarioDocument {
        value.isFinite ? .number(value) : .null
    }
}

/// What one simulated run gives to its study, and what speaks against it.
package struct SimulatedRun<Value: Sendable>: Sendable {
    package var value: Value
    package var distrusted: DistrustedRun?

    package init(_ value: Value, _ run: String, seed: UInt64, _ distrust: Distrust?) {
        self.value = value
        distrusted = distrust.map { DistrustedRun(run: run, seed: seed, distrust: $0) }
    }

    private init(_ value: Value, _ distrusted: DistrustedRun?) {
        self.value = value
        self.distrusted = distrusted
    }

    package func map<New: Sendable>(_ transform: (Value) throws -> New) rethrows -> SimulatedRun<New> {
        SimulatedRun<New>(try transform(value), distrusted)
    }
}

/// A study's result: what it found, and which of its runs found it wrongly.
package protocol StudyResult {
    /// In order of the runs; whoever shows the result must fail where there are any.
    var distrusted: [DistrustedRun] { get }
}

extension StudyResult {
    /// The whole as JSON: a result's entries and, behind them, which runs are not to be trusted.
    func object(_ entries: [ScenarioDocument.Entry]) -> ScenarioDocument {
        .object(entries + [.init(key: "distrusted", value: .list(distrusted.map(\.document)))])
    }

    /// Why the result is not to be trusted, naming the first such run; `nil` where nothing speaks against it.
    package var distrustText: String? {
        guard let first = distrusted.first else { return nil }
        guard distrusted.count > 1 else { return first.text }
        return "\(distrusted.count) runs are not to be trusted; the first is \(first.text)"
    }
}

extension DistrustedRun: Decodable {
    private enum Key: String, CodingKey { case run, seed, law, place, measured, expected, text }

    /// Reads what ``document`` writes.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        run = try fields.decode(String.self, forKey: .run)
        // Beyond what JSON readers take as a number, a seed is text.
        do { seed = try fields.decode(UInt64.self, forKey: .seed) } catch {
            let digits = try fields.decode(String.self, forKey: .seed)
            guard let number = UInt64(digits) else {
                throw DecodingError.dataCorruptedError(
                    forKey: .seed, in: fields, debugDescription: "a seed is a number, not '\(digits)'")
            }
            seed = number
        }
        let head = "\(run), seed \(seed): "
        let text = try fields.decode(String.self, forKey: .text)
        distrust = Distrust(
            law: try fields.decode(String.self, forKey: .law),
            place: try fields.decode(String.self, forKey: .place),
            measured: try fields.decodeIfPresent(Double.self, forKey: .measured) ?? .nan,
            expected: try fields.decodeIfPresent(Double.self, forKey: .expected) ?? .nan,
            description: text.hasPrefix(head) ? String(text.dropFirst(head.count)) : text)
    }
}
