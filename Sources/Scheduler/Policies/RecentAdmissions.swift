// SPDX-License-Identifier: Apache-2.0
internal import Chain
internal import Kernel

/// Sectors that a policy let in a moment ago, by host: until their pieces are asked for they show in no
/// queue.
struct RecentAdmissions: Sendable {
    private var times: [[Instant]] = []

    mutating func add(_ host: Int, at now: Instant) {
        while times.count <= host { times.append([]) }
        times[host].append(now)
    }

    /// When the oldest of them that counts was let in.
    func oldest(_ host: Int) -> Instant? { host < times.count ? times[host].first : nil }

    /// Seconds within which a sector that was let in shows in a queue.
    static func patience(_ view: ClusterView) -> Double { max(10, 2 * view.profiles.seconds(.addPiece)) }

    /// Sectors of a host that have not begun PreCommit1.
    mutating func unlabelledCount(_ host: Int, _ view: ClusterView, _ now: Instant) -> Int {
        var recentCount = 0
        if host < times.count {
            let patience = Self.patience(view)
            times[host].removeAll { now.seconds - $0.seconds > patience }
            recentCount = times[host].count
        }
        let adding =
            view.waitingCount(.addPiece, on: host) + view.hosts[host].busyCounts[TaskType.addPiece.stage]
        return max(adding, recentCount) + view.waitingCount(.preCommit1, on: host)
    }
}
