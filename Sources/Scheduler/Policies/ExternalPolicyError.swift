// SPDX-License-Identifier: Apache-2.0

/// Why a program that is to decide did not.
package struct ExternalPolicyError: Error, Sendable, Hashable, CustomStringConvertible {
    package struct Code: RawRepresentable, Sendable, Hashable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// No program was named, or it could not be started.
        package static let notStarted = Code(rawValue: "notStarted")
        /// It ended, or closed its output.
        package static let died = Code(rawValue: "died")
        /// It did not answer in time.
        package static let hung = Code(rawValue: "hung")
        /// Its answer is longer than an answer may be.
        package static let tooLong = Code(rawValue: "tooLong")
        /// Its answer is not what the schema says.
        package static let nonsense = Code(rawValue: "nonsense")
        /// It speaks another version of the protocol.
        package static let version = Code(rawValue: "version")
    }

    package let code: Code
    /// What happened and what to do.
    package let message: String
    /// Which of its lines, counted from 1; 0 where no line is meant.
    package let line: Int
    /// Where in the line, such as `decisions[3].worker`; empty where the whole is meant.
    package let field: String

    package init(_ code: Code, _ message: String, line: Int = 0, field: String = "") {
        self.code = code
        self.message = message
        self.line = line
        self.field = field
    }

    package var description: String {
        var place = line > 0 ? "line \(line) of the policy's output" : "the policy's program"
        if !field.isEmpty { place += ", \(field)" }
        return "\(place): \(message) [\(code.rawValue)]"
    }
}

/// The other end of an external policy: a line out, a line back.
package protocol PolicyPeer: Sendable {
    /// Says one line, without its newline, and returns the line that comes back.
    ///
    /// - Throws: ``ExternalPolicyError`` with `died`, `hung`, `tooLong`; the port bounds the time.
    func ask(_ line: String) throws -> String
}
