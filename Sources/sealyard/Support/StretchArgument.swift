// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Engine
import Kernel
import Scheduler

/// How long a kind of task takes at least: `PC1=2s`, or `PC1=2s..4s` for a time that is drawn by the sector.
struct StretchArgument: ExpressibleByArgument, Sendable {
    static let help: ArgumentHelp = """
        For a rehearsal: a kind of task that takes at least a time, KIND=TIME or KIND=FROM..TO, such as \
        PC1=2s..4s; the work is done, and its result held back. May be given several times.
        """

    let value: StretchedTaskRunner.Stretch
    let text: String

    /// - Throws: `ValidationError` where a kind is given twice.
    static func check(_ all: [StretchArgument]) throws {
        for (index, one) in all.enumerated() where all[..<index].contains(where: { $0.type == one.type }) {
            throw ValidationError("--stretch \(one.text): \(one.type.short) is given twice")
        }
    }

    private var type: TaskType { value.type }

    init?(argument: String) {
        let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, let type = TaskType.allCases.first(where: { $0.short == parts[0] }) else {
            return nil
        }
        let (least, most): (Substring, Substring)
        if let dots = parts[1].firstRange(of: "..") {
            (least, most) = (parts[1][..<dots.lowerBound], parts[1][dots.upperBound...])
        } else {
            (least, most) = (parts[1], parts[1])
        }
        guard let low = DurationArgument(argument: String(least)),
            let high = DurationArgument(argument: String(most)), .zero <= low.value,
            low.value <= high.value
        else { return nil }
        value = .init(type, low.value, high.value)
        text = argument
    }
}
