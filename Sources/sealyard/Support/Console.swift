// SPDX-License-Identifier: Apache-2.0
private import Foundation
private import Glibc

/// The two streams of a command: results on one, everything else on the other.
enum Console {
    /// Writes a result and ends the line.
    static func write(_ text: String) { put(text + "\n", to: STDOUT_FILENO) }

    /// Writes one line about the run itself; line breaks within it become spaces.
    static func note(_ text: String) {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        put(line + "\n", to: STDERR_FILENO)
    }

    /// Writes a line that says why the command failed.
    static func complain(_ text: String) { note("sealyard: \(text)") }

    /// Writes one JSON document, its keys in alphabetical order.
    ///
    /// - Throws: ``CommandError`` for a value that JSON cannot hold, such as a division by zero.
    static func write<Value: Encodable>(json value: Value) throws(CommandError) {
        write(String(decoding: try JSONText.encode(value), as: UTF8.self))
    }

    /// Whether a person watches the second stream.
    static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes `text` as it is where a person watches.
    static func paint(_ text: String) { put(text, to: STDERR_FILENO) }

    private static func put(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            // Safety: the buffer is borrowed for the call and read only within its count.
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
            }
            if count < 0 && errno == EINTR { continue }
            // Nobody reads any more, or the disk is full: there is nowhere left to say so.
            if count <= 0 { return }
            done += count
        }
    }
}

/// JSON as the commands write it.
enum JSONText {
    /// One document, indented, keys in alphabetical order.
    ///
    /// - Throws: ``CommandError`` for a value that JSON cannot hold.
    static func encode<Value: Encodable>(_ value: Value) throws(CommandError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        do { return Array(try encoder.encode(value)) } catch {
            throw .failure("the result cannot be written as JSON: \(error)")
        }
    }
}
