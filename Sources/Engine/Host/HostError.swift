// SPDX-License-Identifier: Apache-2.0

/// Why the description of this machine could not be read.
package struct HostError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure it is; open, so that a new kind breaks no caller.
    package struct Code: RawRepresentable, Sendable, Hashable {
        package var rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// hwloc could not be started, or found no processing unit.
        package static let topologyUnavailable = Code(rawValue: "topologyUnavailable")
        /// The header that the build saw and the library that runs are of different major versions.
        package static let libraryMismatch = Code(rawValue: "libraryMismatch")
        /// A count or an index from outside is over the limit of ``HostLimits``.
        package static let limitExceeded = Code(rawValue: "limitExceeded")
        /// A list of processing units is not of the form `0-7,16-23`.
        package static let malformedCPUSet = Code(rawValue: "malformedCPUSet")
        /// A file of the kernel holds something else than it is documented to hold.
        package static let malformedHostFile = Code(rawValue: "malformedHostFile")
    }

    package var code: Code
    /// What happened, where, and what to do about it.
    package var message: String

    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    package var description: String {
        "\(code.rawValue): \(message)"
    }
}

/// The largest counts that are believed when the machine is described by others.
package enum HostLimits {
    /// One more than the largest index of a processing unit.
    package static let processingUnitCountMax = 16_384
    /// One more than the largest index of a NUMA node.
    package static let numaNodeCountMax = 1_024
    /// Objects of one kind (cores, caches, packages).
    package static let objectCountMax = 16_384
    /// Bytes of a text that names processing units.
    package static let cpuSetTextBytesMax = 65_536
    /// Bytes read from one file of the kernel.
    package static let hostFileBytesMax = 1 << 16
}
