// SPDX-License-Identifier: Apache-2.0

/// One scenario of a comparison with what is set over its file.
package struct ComparisonSide: Sendable, Hashable {
    package var file: String
    /// The file, and what is set for this side alone.
    package var name: String
    /// For ``ScenarioOverride``, those for all sides and those for this one in the order given.
    package var settings: [String] = []
    package var policy: String?

    /// Reads settings and policies as the command line has them: for all sides, or for one by its letter, as
    /// in `b:hosts.p1.count=30` and `b:oldest-local`. A number from 1 does as well.
    ///
    /// - Throws: ``StudyError`` with `invalid` for a side that there is not.
    package static func all(
        files: [String], settings: [String], policies: [String]
    ) throws(StudyError) -> [ComparisonSide] {
        var sides = files.map { ComparisonSide(file: $0, name: $0) }
        for text in settings {
            let (place, rest) = try split(text, flag: "--set", count: files.count)
            for index in sides.indices where place == nil || place == index {
                sides[index].settings.append(rest)
                if place != nil { sides[index].name += " \(rest)" }
            }
        }
        // What is said of one side goes before what is said of all.
        var own: Set<Int> = []
        for text in policies {
            let (place, rest) = try split(text, flag: "--policy", count: files.count)
            if let place { own.insert(place) }
            for index in sides.indices where place == index || (place == nil && !own.contains(index)) {
                sides[index].policy = rest
            }
        }
        for index in own.sorted() { sides[index].name += " policy=\(sides[index].policy ?? "")" }
        return sides
    }

    /// The side that stands before a colon, and what stands behind it; no side where there is none.
    private static func split(
        _ text: String, flag: String, count: Int
    ) throws(StudyError) -> (place: Int?, rest: String) {
        // A value may hold colons as well.
        let head = text.prefix { $0 != ":" && $0 != "=" }
        guard head.endIndex < text.endIndex, text[head.endIndex] == ":" else { return (nil, text) }
        let rest = String(text[text.index(after: head.endIndex)...])
        var place: Int?
        if head.utf8.count == 1, let byte = head.utf8.first, (97...122).contains(byte) {
            place = Int(byte) - 97
        } else if let number = Int(head) {
            place = number - 1
        }
        guard let place, (0..<count).contains(place) else {
            let letters = (0..<min(count, 26)).map { String(UnicodeScalar(UInt8(97 + $0))) }
            throw StudyError(
                .invalid,
                "\(flag) \(text.prefix(80)): the scenarios are called \(letters.joined(separator: ", "))")
        }
        guard !rest.isEmpty else { throw StudyError(.invalid, "\(flag) \(text.prefix(80)): nothing is set") }
        return (place, rest)
    }
}
