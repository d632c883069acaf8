// SPDX-License-Identifier: Apache-2.0

/// A key and what stands behind its equals sign, as studies take them: `hosts.p1.count=10`.
package struct StudySetting: Sendable, Hashable {
    package var path: String
    package var value: String

    package init(path: String, value: String) {
        self.path = path
        self.value = value
    }

    /// Reads `path=value`.
    ///
    /// - Throws: ``StudyError`` with `invalid`.
    package init(_ text: String) throws(StudyError) {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw StudyError(.invalid, "'\(text.prefix(80))' is no setting; write path=value")
        }
        self.init(path: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
    }

    package var text: String { "\(path)=\(value)" }
}

/// Why a study cannot be done.
package struct StudyError: Error, Sendable, Hashable, CustomStringConvertible {
    package struct Code: Sendable, Hashable {
        package let name: String
        /// A flag, a path or a file makes no sense.
        package static let invalid = Code(name: "invalid")
        /// More than a study may hold.
        package static let tooLarge = Code(name: "tooLarge")
        /// Nothing reaches what was asked for.
        package static let unreachable = Code(name: "unreachable")
        /// The user stopped it before there was anything to tell.
        package static let stopped = Code(name: "stopped")
        /// A run failed.
        package static let runFailed = Code(name: "runFailed")
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(message) [\(code.name)]" }
}
