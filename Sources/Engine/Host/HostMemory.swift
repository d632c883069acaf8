// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The memory that the tasks of this process may take: the machine's, or that of its control group where that
/// is less. A snapshot.
package struct HostMemory: Sendable, Equatable {
    package var totalBytes: UInt64
    /// What others leave: free, or held by the kernel for files that can be read again.
    package var availableBytes: UInt64
    package var swapTotalBytes: UInt64
    package var swapFreeBytes: UInt64

    package init(
        totalBytes: UInt64, availableBytes: UInt64, swapTotalBytes: UInt64 = 0, swapFreeBytes: UInt64 = 0
    ) {
        self.totalBytes = totalBytes
        self.availableBytes = availableBytes
        self.swapTotalBytes = swapTotalBytes
        self.swapFreeBytes = swapFreeBytes
    }

    package var usedBytes: UInt64 { totalBytes - min(totalBytes, availableBytes) }
    package var swapUsedBytes: UInt64 { swapTotalBytes - min(swapTotalBytes, swapFreeBytes) }

    /// Reads `meminfo` and the limits of the control groups (version 2, or the memory controller of version
    /// 1) from this process's own up to the root.
    ///
    /// - Parameters:
    ///   - procRoot: where `procfs` is mounted.
    ///   - groupRoot: where the control groups are mounted.
    /// - Throws: ``HostError`` with `.malformedHostFile`.
    package static func read(
        procRoot: String = "/proc", groupRoot: String = "/sys/fs/cgroup"
    ) throws(HostError) -> HostMemory {
        let path = "\(procRoot)/meminfo"
        guard let text = try HostFile.text(path) else {
            throw HostError(code: .malformedHostFile, message: "\(path) cannot be read; is /proc mounted?")
        }
        func bytes(_ name: String) -> UInt64? {
            guard let kib = HostFile.number(after: name + ":", in: text) else { return nil }
            let product = kib.multipliedReportingOverflow(by: 1024)
            return product.overflow ? nil : product.partialValue
        }
        guard let total = bytes("MemTotal"), let available = bytes("MemAvailable") else {
            throw HostError(
                code: .malformedHostFile, message: "\(path) tells no MemTotal and MemAvailable in kB")
        }
        var memory = HostMemory(
            totalBytes: total, availableBytes: available, swapTotalBytes: bytes("SwapTotal") ?? 0,
            swapFreeBytes: bytes("SwapFree") ?? 0)
        for group in try groups(procRoot, groupRoot) { try memory.bound(by: group) }
        return memory
    }

    /// A folder of a control group and the names of its files.
    private struct Group {
        var folder: String
        var limit: String
        var usage: String
        /// What of the usage is files that nobody has used lately.
        var idle: String
    }

    /// From the process's own group up; none where there are no control groups.
    private static func groups(_ procRoot: String, _ groupRoot: String) throws(HostError) -> [Group] {
        guard let text = try HostFile.text("\(procRoot)/self/cgroup") else { return [] }
        var groups: [Group] = []
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isSecond = parts[0] == "0" && parts[1].isEmpty
            guard isSecond || parts[1].split(separator: ",").contains("memory") else { continue }
            var names = parts[2].split(separator: "/").map(String.init)
            guard names.count < 64, !names.contains("..") else { continue }
            while true {
                let base = isSecond ? groupRoot : "\(groupRoot)/memory"
                groups.append(
                    Group(
                        folder: ([base] + names).joined(separator: "/"),
                        limit: isSecond ? "memory.max" : "memory.limit_in_bytes",
                        usage: isSecond ? "memory.current" : "memory.usage_in_bytes",
                        idle: isSecond ? "inactive_file" : "total_inactive_file"))
                if names.isEmpty { break }
                names.removeLast()
            }
        }
        return groups
    }

    private mutating func bound(by group: Group) throws(HostError) {
        // A group without the file, or with the word "max", has no limit.
        guard let text = try HostFile.text("\(group.folder)/\(group.limit)"), let limit = UInt64(text),
            limit < totalBytes
        else { return }
        totalBytes = limit
        let used = try HostFile.text("\(group.folder)/\(group.usage)").flatMap { UInt64($0) } ?? 0
        let idle =
            try HostFile.text("\(group.folder)/memory.stat").flatMap {
                HostFile.number(after: group.idle + " ", in: $0)
            } ?? 0
        let held = used - min(used, idle)
        availableBytes = min(availableBytes, limit - min(limit, held))
        // Whether the group may swap is another limit; nothing is promised of it.
        swapTotalBytes = 0
        swapFreeBytes = 0
    }
}

/// Small files of the kernel.
enum HostFile {
    /// The text without the white space around it; `nil` where there is no such file to read.
    static func text(_ path: String) throws(HostError) -> String? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { file.closeFile() }
        do {
            let data = try file.read(upToCount: HostLimits.hostFileBytesMax) ?? Data()
            return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        } catch {
            throw HostError(
                code: .malformedHostFile, message: "\(path) cannot be read: \(error.localizedDescription)")
        }
    }

    /// The number that follows a label at the start of a line; `nil` where there is none.
    static func number(after label: String, in text: String) -> UInt64? {
        for line in text.split(separator: "\n") where line.hasPrefix(label) {
            return line.dropFirst(label.count).split { $0 == " " || $0 == "\t" }.first.flatMap { UInt64($0) }
        }
        return nil
    }
}
