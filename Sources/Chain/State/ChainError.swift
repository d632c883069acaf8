// SPDX-License-Identifier: Apache-2.0

/// Something that keeps a chain node from starting or going on, or a text that is no address.
///
/// What the chain thinks of a message is a ``ChainRefusal`` instead: that is an answer, not a failure.
package struct ChainError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure; the set is open.
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String

        package init(rawValue: String) { self.rawValue = rawValue }

        /// A network's parameters contradict each other or are out of range.
        package static let invalidParameters = Code(rawValue: "invalidParameters")
        /// A text or byte string is not an address.
        package static let malformedAddress = Code(rawValue: "malformedAddress")
        /// An address of a protocol that this chain does not know yet.
        package static let unsupportedAddress = Code(rawValue: "unsupportedAddress")
        /// The store holds what this chain cannot have written.
        package static let corruptStore = Code(rawValue: "corruptStore")
        /// The store belongs to another network.
        package static let wrongNetwork = Code(rawValue: "wrongNetwork")
        /// The store could not be read or written.
        package static let storeFailed = Code(rawValue: "storeFailed")
    }

    /// What kind of failure it is.
    package let code: Code
    /// What happened, where, and what to do.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(message) [\(code.rawValue)]" }
}

extension ChainRefusal: Error {
    /// The message's content is wrong.
    static func illegalArgument(_ reason: String) -> ChainRefusal {
        ChainRefusal(exitCode: 16, reason: reason)
    }

    /// What the message is about does not exist.
    static func notFound(_ reason: String) -> ChainRefusal {
        ChainRefusal(exitCode: 17, reason: reason)
    }

    /// Not allowed now.
    static func forbidden(_ reason: String) -> ChainRefusal {
        ChainRefusal(exitCode: 18, reason: reason)
    }

    /// The chain cannot take this in its present state.
    static func illegalState(_ reason: String) -> ChainRefusal {
        ChainRefusal(exitCode: 20, reason: reason)
    }
}
