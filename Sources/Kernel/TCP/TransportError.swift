// SPDX-License-Identifier: Apache-2.0

/// A failure of the transport: what happened, where, and what to do about it.
package struct TransportError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A kind of failure that a caller can react to.
    package struct Code: RawRepresentable, Sendable, Hashable {
        /// The code's stable name.
        package let rawValue: String
        /// Makes a code of its name.
        package init(rawValue: String) { self.rawValue = rawValue }

        /// An address that is not this machine's own was given to a transport without TLS.
        package static let notLoopback = Code(rawValue: "notLoopback")
        /// An option is outside its range.
        package static let badOption = Code(rawValue: "badOption")
        /// The listening socket could not be opened.
        package static let bindFailed = Code(rawValue: "bindFailed")
        /// A certificate or key could not be used.
        package static let tlsFailed = Code(rawValue: "tlsFailed")
        /// A token is not one of this cluster's.
        package static let badToken = Code(rawValue: "badToken")
        /// The secret that signs tokens cannot be used.
        package static let badSecret = Code(rawValue: "badSecret")
        /// A file that must not be overwritten exists.
        package static let fileExists = Code(rawValue: "fileExists")
        /// A file could not be read or written.
        package static let fileFailed = Code(rawValue: "fileFailed")
        /// A frame is longer than its bound.
        package static let frameTooLarge = Code(rawValue: "frameTooLarge")
        /// A frame's content has not the shape of its kind.
        package static let malformedFrame = Code(rawValue: "malformedFrame")
        /// A benchmark did not come to its end.
        package static let benchmarkFailed = Code(rawValue: "benchmarkFailed")
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
