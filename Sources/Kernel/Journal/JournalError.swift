// SPDX-License-Identifier: Apache-2.0

/// A failure of the journal or of a replay: what happened, where, and what to do about it.
package struct JournalError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A kind of failure that a caller can react to.
    package struct Code: RawRepresentable, Sendable, Hashable {
        /// The code's stable name.
        package let rawValue: String
        /// Makes a code of its name.
        package init(rawValue: String) { self.rawValue = rawValue }

        /// A file or folder could not be opened.
        package static let cannotOpen = Code(rawValue: "cannotOpen")
        /// Records could not be written.
        package static let cannotWrite = Code(rawValue: "cannotWrite")
        /// A file holds something that no journal holds.
        package static let corrupt = Code(rawValue: "corrupt")
        /// The journal does not hold the component's beginning.
        package static let noBirth = Code(rawValue: "noBirth")
        /// The journal is closed.
        package static let closed = Code(rawValue: "closed")
    }

    /// The kind of failure.
    package let code: Code
    /// What happened and what to do.
    package let message: String

    /// Makes an error.
    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    /// The message with its code.
    package var description: String { "\(message) [\(code.rawValue)]" }
}
