// SPDX-License-Identifier: Apache-2.0

/// Something that went wrong in a proof or in a sector's files.
///
/// The set of codes is open: a caller handles those that it can react to and shows `message` for
/// the rest.
package struct SealingError: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    /// What kind of failure it is; stable, and the text goes over the wire.
    package struct Code: RawRepresentable, Hashable, Sendable, Codable {
        package let rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// A size, count, range or name that the caller gave is not a valid one.
        package static let invalidArgument = Code(rawValue: "invalidArgument")
        /// The callback asked to stop; what is complete on disk stays and is used again.
        package static let cancelled = Code(rawValue: "cancelled")
        /// A file that the step needs does not exist.
        package static let missingFile = Code(rawValue: "missingFile")
        /// A file is shorter or longer than it must be.
        package static let wrongFileSize = Code(rawValue: "wrongFileSize")
        /// A read, write, rename or other file operation failed.
        package static let inputOutput = Code(rawValue: "inputOutput")
        /// The disk is full, or the quota on it: says nothing of the data, and there may be room later.
        package static let noSpace = Code(rawValue: "noSpace")
        /// What holds the files is out of reach for now, which says nothing of them.
        package static let unreachable = Code(rawValue: "unreachable")
        /// A 32-byte node is not below the field's modulus.
        package static let notCanonical = Code(rawValue: "notCanonical")
        /// Data does not have the commitment that it must have.
        package static let commitmentMismatch = Code(rawValue: "commitmentMismatch")
        /// The pieces do not fill the sector, overfill it, or are too many.
        package static let piecesDoNotFit = Code(rawValue: "piecesDoNotFit")
        /// Bytes or JSON do not have the expected shape.
        package static let malformed = Code(rawValue: "malformed")
        /// The step would need more memory than its limit.
        package static let insufficientMemory = Code(rawValue: "insufficientMemory")
        /// A device interface reported a failure.
        package static let device = Code(rawValue: "device")
        /// A kernel refused its arguments: a defect of this module.
        package static let kernel = Code(rawValue: "kernel")
    }

    /// What kind of failure it is.
    package let code: Code

    /// What happened, where, and what to do.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String {
        "\(code.rawValue): \(message)"
    }
}
