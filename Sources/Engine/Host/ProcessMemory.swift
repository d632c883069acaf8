// SPDX-License-Identifier: Apache-2.0
private import Foundation
package import Scheduler

/// The memory of this process as the kernel counts it: pages that are present, and those in swap.
///
/// Pages of the pools of huge pages are in neither figure.
package struct ProcessMemory: Sendable {
    private let root: String

    /// - Parameter procRoot: where `procfs` is mounted.
    package init(procRoot: String = "/proc") { root = "\(procRoot)/self" }

    /// The peak since the call before, and what is taken now; the count of the peak begins anew.
    ///
    /// A peak that comes between the look and the new beginning is lost: a few microseconds.
    ///
    /// - Throws: ``HostError`` with `.malformedHostFile` where the system does not tell, or does not let a
    ///   process begin the count anew.
    package func read() throws(HostError) -> MemoryReading {
        let path = "\(root)/status"
        guard let text = try HostFile.text(path), let peak = Self.bytes("VmHWM", in: text),
            let current = Self.bytes("VmRSS", in: text)
        else {
            throw HostError(code: .malformedHostFile, message: "\(path) tells no VmHWM and VmRSS in kB")
        }
        let swapped = Self.bytes("VmSwap", in: text) ?? 0
        let reset = "\(root)/clear_refs"
        guard let file = FileHandle(forWritingAtPath: reset) else {
            throw HostError(
                code: .malformedHostFile, message: "\(reset) cannot be written: no peak is told apart")
        }
        do {
            try file.write(contentsOf: Data("5".utf8))
            try file.close()
        } catch {
            throw HostError(code: .malformedHostFile, message: "\(reset) cannot be written: \(error)")
        }
        return MemoryReading(peakBytes: peak + swapped, currentBytes: current + swapped)
    }

    private static func bytes(_ name: String, in text: String) -> UInt64? {
        guard let kib = HostFile.number(after: name + ":", in: text), kib <= HostInfo.bytesMax >> 10 else {
            return nil
        }
        return kib << 10
    }
}
