// SPDX-License-Identifier: Apache-2.0

/// What is known of the memory of one task that ended well: from the peaks of its process while it ran.
package struct MemoryMark: Sendable, Hashable, Codable {
    /// Several tasks of the same kind and size, and nothing else.
    package struct Share: Sendable, Hashable, Codable {
        /// Tasks that ran at once, 1 or more.
        package var count: Int
        /// Bytes that they took together at the peak.
        package var bytes: UInt64

        package init(count: Int, bytes: UInt64) {
            self.count = count
            self.bytes = bytes
        }

        /// One task's part, were they all alike.
        var each: UInt64 { bytes / UInt64(max(1, count)) }
    }

    package var key: ResourceTable.Key
    /// Bytes at the peak of all that ran beside it and itself: it took no more.
    package var mostBytes: UInt64
    /// Where tasks of its kind had the process for themselves for a while: one of them took no less than a
    /// part of this. With one task in it, it is the task's own peak.
    package var share: Share?

    package init(key: ResourceTable.Key, mostBytes: UInt64, share: Share?) {
        self.key = key
        self.mostBytes = mostBytes
        self.share = share
    }

    /// The same within the bounds of what a machine has: it may come from a file.
    package var bounded: MemoryMark {
        var mark = self
        mark.mostBytes = min(mostBytes, HostInfo.bytesMax)
        if let share {
            mark.share = Share(
                count: min(max(1, share.count), 1 << 16), bytes: min(share.bytes, HostInfo.bytesMax))
        }
        return mark
    }
}

/// How much memory tasks take in this process: what was measured, with the table's figures until then.
///
/// A measurement gives two bounds. The table's figure is moved to the nearer one where it lies outside them,
/// and stays where it lies between: so a task that always had company keeps the table's figure as far as the
/// measurement allows, and one that ran alone has its own.
package struct MemoryProfile: Sendable, Equatable {
    /// Tasks that are to be seen before anything follows from them.
    package static let countMin = 3
    /// Tasks that are remembered of a kind and size; older ones give way.
    package static let countMax = 20
    /// Kinds and sizes that are remembered.
    package static let keyCountMax = 256

    private var marks: [ResourceTable.Key: [MemoryMark]] = [:]

    package init() {}

    /// All that is remembered, by kind and size, the oldest first.
    package var all: [MemoryMark] { marks.keys.sorted().flatMap { marks[$0] ?? [] } }

    package mutating func add(_ mark: MemoryMark) {
        guard marks[mark.key] != nil || marks.count < Self.keyCountMax else { return }
        marks[mark.key, default: []].append(mark.bounded)
        if let count = marks[mark.key]?.count, count > Self.countMax { marks[mark.key]?.removeFirst() }
    }

    /// What a task needs by measurement; `nil` as long as too little was seen.
    ///
    /// Nothing that was seen exceeds it: a number of tasks of the kind took no more than what they share and
    /// the number times what one takes by itself.
    ///
    /// - Parameters:
    ///   - prior: what the table says.
    ///   - limit: bytes that the tasks of the host have in all: what ran there has shown that it fits,
    ///     however much more the process took.
    package func need(
        _ key: ResourceTable.Key, prior: ResourceNeed, limit: UInt64 = .max
    ) -> ResourceNeed? {
        guard let seen = marks[key], seen.count >= Self.countMin else { return nil }
        let most = Self.withMargin(seen.map(\.mostBytes).sorted()[seen.count / 2])
        var need = prior
        // What the table takes for shared is believed up to half of what a whole task takes.
        need.baseMemory = min(prior.baseMemory, Self.rounded(most / 2), limit)
        let base = need.baseMemory
        let least: UInt64 =
            seen.compactMap(\.share).map { share in
                let bytes = Self.withMargin(share.bytes)
                return (bytes - min(bytes, base)) / UInt64(share.count)
            }.max() ?? 0
        let top = max(least, most - min(most, base))
        let room = limit - min(limit, base)
        need.minMemory = min(Self.rounded(min(max(prior.minMemory, least), top)), room)
        need.maxMemory = max(need.minMemory, min(Self.rounded(min(prior.maxMemory, top)), room))
        return need
    }

    /// An eighth more: sectors are not all alike, and a peak between two looks is not seen.
    private static func withMargin(_ bytes: UInt64) -> UInt64 { bytes + bytes / 8 }

    /// The next number of bytes with five significant bits, and whole MiB, so that figures do not change
    /// with every task.
    private static func rounded(_ bytes: UInt64) -> UInt64 {
        let bits = UInt64(bytes.bitWidth - bytes.leadingZeroBitCount)
        let unit = max(1 << 20, UInt64(1) << (max(bits, 5) - 5))
        return (bytes + unit - 1) / unit * unit
    }

    /// A worker's cells of the resource table with what it has measured.
    ///
    /// - Parameters:
    ///   - table: the worker's table by its build and environment.
    ///   - fixed: cells whose memory its operator has said; they stay.
    ///   - limit: bytes that the tasks of its host have in all.
    package func cells(
        _ table: ResourceTable, fixed: Set<ResourceTable.Key> = [], limit: UInt64 = .max
    ) -> [ResourceTable.Override] {
        var measured = table
        var keys: Set<ResourceTable.Key> = []
        for key in marks.keys.sorted() where !fixed.contains(key) {
            guard let need = need(key, prior: table[key], limit: limit) else { continue }
            measured[key] = need
            keys.insert(key)
        }
        return measured.differences(from: .standard).map { cell in
            var cell = cell
            cell.isMeasured = keys.contains(cell.key)
            return cell
        }
    }
}
