// SPDX-License-Identifier: Apache-2.0

/// What processes of one machine call it, so that what it has is counted once.
package enum MachineName {
    /// Characters of the kernel's own number that tell two machines of one name apart.
    private static let tailLength = 8
    /// Characters of a name that an operator gives.
    package static let lengthMax = 64

    /// The host name, and the start of the number that the kernel drew when it started: alike for all
    /// processes that see one kernel under one name, and for no others.
    ///
    /// - Returns: `nil` where the kernel tells neither.
    package static func read(procRoot: String = "/proc") throws(HostError) -> String? {
        let name = try HostFile.text("\(procRoot)/sys/kernel/hostname")
        let boot = try HostFile.text("\(procRoot)/sys/kernel/random/boot_id")
        let parts = [name.map { String($0.prefix(lengthMax)) }, boot.map { String($0.prefix(tailLength)) }]
        let known = parts.compactMap(\.self).filter { !$0.isEmpty }
        return known.isEmpty ? nil : known.joined(separator: "-")
    }
}
