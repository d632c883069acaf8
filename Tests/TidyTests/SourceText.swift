// SPDX-License-Identifier: Apache-2.0

/// A source file seen in two layers of equal length: what the compiler reads, and what people read.
///
/// Both have a byte for each byte of the file and keep its newlines, so that an offset means the same line in
/// each. `code` has blanks for comments and for the insides of string literals (an interpolation inside a
/// literal is code and stays); `comments` has blanks for all that is not a comment.
struct SourceText {
    enum Language {
        case swift
        case c
    }

    private(set) var code: [UInt8]
    private(set) var comments: [UInt8]
    /// The offset at which each line begins.
    let lineStarts: [Int]

    init(_ text: String, language: Language) {
        let bytes = Array(text.utf8)
        var lexer = Lexer(bytes: bytes, language: language)
        lexer.run()
        code = lexer.code
        comments = lexer.comments
        var starts = [0]
        for (offset, byte) in bytes.enumerated() where byte == Lexer.newline {
            starts.append(offset + 1)
        }
        lineStarts = starts
    }

    /// The line, from 1, that holds the offset.
    func line(at offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count
        while low < high {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The comments of the given lines, from 1; lines that do not exist are left out.
    func comments(ofLines lines: ClosedRange<Int>) -> String {
        let first = max(lines.lowerBound, 1)
        let last = min(lines.upperBound, lineStarts.count)
        guard first <= last else { return "" }
        let end = last < lineStarts.count ? lineStarts[last] : comments.count
        return String(decoding: comments[lineStarts[first - 1]..<end], as: UTF8.self)
    }
}

/// Cuts Swift or C into code, comments and literals.
///
/// Knows nested comments, raw and multi-line strings and interpolations; a bare regex literal is taken for
/// code, which is harmless on one line.
private struct Lexer {
    static let newline = UInt8(ascii: "\n")
    private static let blank = UInt8(ascii: " ")
    private static let quote = UInt8(ascii: "\"")
    private static let hash = UInt8(ascii: "#")
    private static let backslash = UInt8(ascii: "\\")
    private static let slash = UInt8(ascii: "/")

    private let bytes: [UInt8]
    private let language: SourceText.Language
    private var position = 0
    private(set) var code: [UInt8]
    private(set) var comments: [UInt8]

    init(bytes: [UInt8], language: SourceText.Language) {
        self.bytes = bytes
        self.language = language
        code = bytes.map { $0 == Lexer.newline ? Lexer.newline : Lexer.blank }
        comments = code
    }

    mutating func run() {
        while position < bytes.count {
            readCode(untilClosingParenthesis: false)
        }
    }

    private func byte(_ offset: Int) -> UInt8? {
        position + offset < bytes.count ? bytes[position + offset] : nil
    }

    private func sees(_ text: StaticString) -> Bool {
        guard position + text.utf8CodeUnitCount <= bytes.count else { return false }
        return text.withUTF8Buffer { buffer in
            buffer.indices.allSatisfy { bytes[position + $0] == buffer[$0] }
        }
    }

    private mutating func takeCode() {
        code[position] = bytes[position]
        position += 1
    }

    private mutating func takeComment() {
        comments[position] = bytes[position]
        position += 1
    }

    /// Reads code to the end, or to the parenthesis that closes an interpolation.
    private mutating func readCode(untilClosingParenthesis: Bool) {
        var depth = 0
        while let current = byte(0) {
            if sees("//") {
                while let next = byte(0), next != Lexer.newline { takeComment() }
            } else if sees("/*") {
                readBlockComment()
            } else if current == Lexer.quote {
                readString(hashes: 0)
            } else if current == Lexer.hash, language == .swift {
                readHash()
            } else if current == UInt8(ascii: "'"), language == .c {
                readCharacter()
            } else {
                if current == UInt8(ascii: "(") { depth += 1 }
                if current == UInt8(ascii: ")") {
                    if depth == 0, untilClosingParenthesis { return }
                    depth -= 1
                }
                takeCode()
            }
        }
    }

    private mutating func readBlockComment() {
        var depth = 0
        repeat {
            if sees("/*"), depth == 0 || language == .swift {
                depth += 1
                takeComment()
                takeComment()
            } else if sees("*/") {
                depth -= 1
                takeComment()
                takeComment()
            } else {
                takeComment()
            }
        } while depth > 0 && position < bytes.count
    }

    /// A `#` may begin a raw string, an extended regex, a macro or a directive.
    private mutating func readHash() {
        var hashes = 0
        while byte(hashes) == Lexer.hash { hashes += 1 }
        switch byte(hashes) {
        case Lexer.quote:
            for _ in 0..<hashes { takeCode() }
            readString(hashes: hashes)
        case Lexer.slash:
            for _ in 0...hashes { takeCode() }
            readExtendedRegex(hashes: hashes)
        default:
            for _ in 0..<hashes { takeCode() }
        }
    }

    /// Whether `count` hashes follow at the offset.
    private func seesHashes(_ count: Int, at offset: Int) -> Bool {
        (0..<count).allSatisfy { byte(offset + $0) == Lexer.hash }
    }

    private mutating func readExtendedRegex(hashes: Int) {
        while let current = byte(0) {
            if current == Lexer.slash, seesHashes(hashes, at: 1) {
                for _ in 0...hashes { takeCode() }
                return
            }
            position += 1
        }
    }

    /// Reads a literal from its first quote; the quotes stay in `code`: they hold apart what is around them.
    private mutating func readString(hashes: Int) {
        let quotes = language == .swift && sees("\"\"\"") ? 3 : 1
        for _ in 0..<quotes { takeCode() }
        while let current = byte(0) {
            if current == Lexer.newline, quotes == 1 { return }
            if current == Lexer.quote, quotes == 1 || sees("\"\"\""), seesHashes(hashes, at: quotes) {
                for _ in 0..<(quotes + hashes) { takeCode() }
                return
            }
            if current == Lexer.backslash, seesHashes(hashes, at: 1) {
                position += 1 + hashes
                if language == .swift, byte(0) == UInt8(ascii: "(") {
                    takeCode()
                    readCode(untilClosingParenthesis: true)
                    if byte(0) != nil { takeCode() }
                } else if byte(0) != nil {
                    // The escaped character; a newline among them is already in place.
                    position += 1
                }
                continue
            }
            position += 1
        }
    }

    /// A character of C, such as '"'.
    private mutating func readCharacter() {
        takeCode()
        while let current = byte(0), current != Lexer.newline {
            if current == UInt8(ascii: "'") {
                takeCode()
                return
            }
            position += current == Lexer.backslash && byte(1) != nil ? 2 : 1
        }
    }
}
