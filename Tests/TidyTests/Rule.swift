// SPDX-License-Identifier: Apache-2.0
import Testing

/// One file as the rules see it.
struct SourceFile {
    /// From the root of the package, such as `Sources/Sim/Sim.swift`.
    var path: String
    var text: String
    var language: SourceText.Language
    var source: SourceText

    init(path: String, text: String) {
        self.path = path
        self.text = text
        language = path.hasSuffix(".swift") ? .swift : .c
        source = SourceText(text, language: language)
    }

    /// The lines without their newlines, as they stand.
    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    var isInSources: Bool { path.hasPrefix("Sources/") }

    /// Whether the file is in one of the folders.
    func isIn(_ folders: [String]) -> Bool {
        folders.contains { path.hasPrefix($0 + "/") }
    }
}

/// A breach of a rule.
struct Violation: Equatable, CustomStringConvertible {
    var path: String
    var line: Int
    var rule: String
    /// What to write in its place.
    var remedy: String

    var description: String { "\(path):\(line): \(rule): \(remedy)" }
}

/// A check of one file.
///
/// Each rule brings what it must find and what it must leave alone, and is tested on both: a rule that finds
/// nothing would otherwise look like a tidy house.
struct Rule: Sendable, CustomTestStringConvertible {
    /// A text planted at a path.
    struct Sample: Sendable {
        var path: String
        var text: String

        init(_ text: String, at path: String = "Sources/Sim/Planted.swift") {
            self.path = path
            self.text = text
        }
    }

    var name: String
    var planted: [Sample]
    var innocent: [Sample]
    /// The offending lines, from 1, and what to do about each.
    var check: @Sendable (SourceFile) -> [(line: Int, remedy: String)]

    var testDescription: String { name }

    func violations(in file: SourceFile) -> [Violation] {
        check(file).map { Violation(path: file.path, line: $0.line, rule: name, remedy: $0.remedy) }
    }
}

/// Finds words in code.
enum Search {
    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...0xff:
            true
        default: false
        }
    }

    /// The offsets of `needle` in `text`, where it is not a part of a longer word.
    static func offsets(of needle: String, in text: [UInt8]) -> [Int] {
        let pattern = Array(needle.utf8)
        guard let first = pattern.first, let last = pattern.last, text.count >= pattern.count else {
            return []
        }
        var found: [Int] = []
        text.withUnsafeBufferPointer { text in
            var offset = 0
            while offset <= text.count - pattern.count {
                defer { offset += 1 }
                guard text[offset] == first else { continue }
                var length = 1
                while length < pattern.count, text[offset + length] == pattern[length] { length += 1 }
                guard length == pattern.count else { continue }
                let end = offset + length
                if isWord(first), offset > 0, isWord(text[offset - 1]) { continue }
                if isWord(last), end < text.count, isWord(text[end]) { continue }
                found.append(offset)
            }
        }
        return found
    }

    /// The text between the parenthesis at the offset and the one that closes it.
    static func argument(at opening: Int, in text: [UInt8]) -> String {
        var depth = 0
        var offset = opening
        while offset < text.count {
            if text[offset] == UInt8(ascii: "(") { depth += 1 }
            if text[offset] == UInt8(ascii: ")") { depth -= 1 }
            offset += 1
            if depth == 0 { break }
        }
        return String(decoding: text[opening..<offset], as: UTF8.self)
    }
}
