// SPDX-License-Identifier: Apache-2.0

/// A failure of the engine: what happened, where, and what to do about it.
package struct EngineError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A kind of failure that a caller can react to.
    package struct Code: RawRepresentable, Sendable, Hashable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// A file or directory could not be made, read or written.
        package static let fileFailed = Code(rawValue: "fileFailed")
        /// A database refused.
        package static let databaseFailed = Code(rawValue: "databaseFailed")
        /// An option does not make sense.
        package static let badOption = Code(rawValue: "badOption")
        /// A process did not start, or ended too early.
        package static let processFailed = Code(rawValue: "processFailed")
        /// The work did not end in time.
        package static let timedOut = Code(rawValue: "timedOut")
        /// A result is not what it must be.
        package static let checkFailed = Code(rawValue: "checkFailed")
        /// A peer is not there, or does not answer; it may be later.
        package static let unreachable = Code(rawValue: "unreachable")
        /// A peer, or this node itself, does not do what it was asked to.
        package static let refused = Code(rawValue: "refused")
        /// The user stopped it.
        package static let interrupted = Code(rawValue: "interrupted")
    }

    package let code: Code
    /// What happened, where, and what to do.
    package let message: String

    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(message) [\(code.rawValue)]" }
}
