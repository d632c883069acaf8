// SPDX-License-Identifier: Apache-2.0

/// Why a scenario cannot be simulated although it is well formed.
package struct SimulationError: Error, Sendable, Hashable, CustomStringConvertible {
    package struct Code: RawRepresentable, Sendable, Hashable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// No policy of that name is shipped.
        package static let unknownPolicy = Code(rawValue: "unknownPolicy")
        /// The scenario asks for something that no model covers yet.
        package static let notSupported = Code(rawValue: "notSupported")
        /// The cluster cannot seal a sector under the chosen policy.
        package static let impossible = Code(rawValue: "impossible")
    }

    package let code: Code
    /// What is wrong, where, and what to do.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(message) [\(code.rawValue)]" }
}
