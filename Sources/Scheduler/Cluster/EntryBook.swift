// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel

/// Sectors that were let in and do not ask for PreCommit1 yet, by host.
///
/// Between two tasks such a sector shows in no queue. It counts until it asks for PreCommit1 or leaves,
/// or gives no sign for a while, as one that waits for more deals does.
struct EntryBook: Sendable {
    private struct Entry: Sendable {
        let sector: SectorKey
        /// The last sign of it; `nil` while its AddPiece waits or runs.
        var since: Instant?
    }

    private var entries: [[Entry]] = []
    private var hostOf: [SectorKey: Int] = [:]

    /// It was let in to a store of that host.
    mutating func admitted(_ sector: SectorKey, to host: Int, at now: Instant) {
        note(sector, host, since: now)
    }

    /// It asks for a task.
    mutating func asked(for type: TaskType, of sector: SectorKey, on host: Int?) {
        if type == .addPiece, let host {
            note(sector, host, since: nil)
        } else {
            left(sector)
        }
    }

    /// Its AddPiece is over.
    mutating func pieceEnded(_ sector: SectorKey, at now: Instant) {
        if let host = hostOf[sector] { note(sector, host, since: now) }
    }

    mutating func left(_ sector: SectorKey) {
        guard !hostOf.isEmpty, let host = hostOf.removeValue(forKey: sector) else { return }
        entries[host].removeAll { $0.sector == sector }
    }

    private mutating func note(_ sector: SectorKey, _ host: Int, since: Instant?) {
        if let known = hostOf[sector], known != host { left(sector) }
        while entries.count <= host { entries.append([]) }
        if let place = entries[host].firstIndex(where: { $0.sector == sector }) {
            entries[host][place].since = since
        } else {
            hostOf[sector] = host
            entries[host].append(Entry(sector: sector, since: since))
        }
    }

    /// Those of a host that gave a sign after `start`; the others are forgotten.
    mutating func count(_ host: Int, after start: Double) -> Int {
        guard host < entries.count, !entries[host].isEmpty else { return 0 }
        func isStale(_ entry: Entry) -> Bool { entry.since.map { $0.seconds < start } ?? false }
        if entries[host].contains(where: isStale) {
            for entry in entries[host] where isStale(entry) { hostOf[entry.sector] = nil }
            entries[host].removeAll(where: isStale)
        }
        return entries[host].count
    }

    /// The oldest sign of those of a host that are between two tasks.
    func oldest(_ host: Int) -> Instant? {
        guard host < entries.count else { return nil }
        var oldest: Instant?
        for entry in entries[host] {
            guard let since = entry.since else { continue }
            oldest = oldest.map { min($0, since) } ?? since
        }
        return oldest
    }
}

extension ClusterView {
    /// Seconds within which a sector that is on its way from one task to the next shows in a queue.
    var entryPatience: Double { max(10, 2 * profiles.seconds(.addPiece)) }

    /// Sectors of a host that were let in and have not begun PreCommit1.
    func unlabelledCount(_ host: Int, at now: Instant) -> Int {
        let adding = waitingCount(.addPiece, on: host) + hosts[host].busyCounts[TaskType.addPiece.stage]
        let entering = entryBook.count(host, after: now.seconds - entryPatience)
        return max(adding, entering) + waitingCount(.preCommit1, on: host)
    }
}
