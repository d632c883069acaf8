// SPDX-License-Identifier: Apache-2.0

/// Why an object store did not do what it was asked: what, where, and what to do.
package struct ObjectStoreError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: String, Sendable, Hashable {
        /// The location, or a setting beside it, does not make sense.
        case badLocation
        /// There are no keys to sign with.
        case noCredentials
        /// The server is not there, does not answer, or says that it cannot now.
        case unreachable
        /// The server does not let us.
        case refused
        /// There is no such object, upload or bucket.
        case missing
        /// The object is not the one that was meant any more, or is there already.
        case changed
        /// The answer is not one of the protocol, or larger than it may be.
        case malformed
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(message) [\(code.rawValue)]" }
}
