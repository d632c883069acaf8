// SPDX-License-Identifier: Apache-2.0

/// A failure of the kernel: what happened, where, and what to do about it.
public struct KernelError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A kind of failure that a caller can react to.
    public struct Code: RawRepresentable, Sendable, Hashable {
        /// The code's stable name.
        public let rawValue: String
        /// Makes a code of its name.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// A component of that name already lives on the node.
        public static let nameTaken = Code(rawValue: "nameTaken")
        /// No node of that name exists.
        public static let unknownNode = Code(rawValue: "unknownNode")
        /// The answer did not come in time.
        public static let timedOut = Code(rawValue: "timedOut")
        /// Too many questions are waiting for answers.
        public static let tooManyAsks = Code(rawValue: "tooManyAsks")
        /// The message could not be delivered; the message text says why.
        public static let undeliverable = Code(rawValue: "undeliverable")
        /// The factory of a component threw.
        public static let startFailed = Code(rawValue: "startFailed")
        /// The world is shut down.
        public static let shutDown = Code(rawValue: "shutDown")
        /// The operation does not exist in this kind of world.
        public static let unsupported = Code(rawValue: "unsupported")
        /// A thread could not be started.
        public static let threadFailed = Code(rawValue: "threadFailed")
    }

    /// The kind of failure.
    public let code: Code
    /// What happened and what to do.
    public let message: String

    /// Makes an error.
    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    /// The message with its code.
    public var description: String { "\(message) [\(code.rawValue)]" }
}
