// SPDX-License-Identifier: Apache-2.0
private import Kernel

/// The lanes that the picture of the workers shows: a lane for each task that a process has at a time.
///
/// Where there are more than a picture can hold, every class of processes (a worker group on hosts of one
/// group) has an equal part of them, and what a small class does not need goes to the larger ones. Within a
/// class come those first on which a task failed, then those of the first hosts.
package struct GanttLanes: Sendable {
    package struct Lane: Sendable {
        /// `group/host/workers/instance`.
        package var worker: String
        /// In order, none of which overlap.
        package var spans: [RunRecorder.Span]
        fileprivate var until: Instant

        fileprivate var hasFailure: Bool { spans.contains { !$0.isDone } }
    }

    /// A class and how many of its lanes are shown.
    package struct Class: Sendable, Hashable {
        /// `group/workers`.
        package var name: String
        package var laneCount: Int
        package var shownCount: Int
    }

    package static let laneCountMax = 64
    package static let spanCountMax = 6_000

    /// In the order of hosts and processes.
    package private(set) var shown: [Lane]
    /// In the order of their first hosts.
    package private(set) var classes: [Class]
    /// Tasks of lanes that are not shown, or that are too many for a lane.
    package private(set) var omittedSpanCount: Int

    package init(_ spans: [RunRecorder.Span]) {
        let lanes = Self.lanes(of: spans)
        var members: [[Int]] = []
        classes = []
        var placeOf: [String: Int] = [:]
        for (index, lane) in lanes.enumerated() {
            let name = Self.className(lane.worker)
            let place = placeOf[name] ?? classes.count
            if place == classes.count {
                placeOf[name] = place
                classes.append(Class(name: name, laneCount: 0, shownCount: 0))
                members.append([])
            }
            classes[place].laneCount += 1
            members[place].append(index)
        }
        let counts = Self.shares(of: Self.laneCountMax, among: members.map(\.count))
        var chosen: [Int] = []
        for (place, count) in counts.enumerated() {
            classes[place].shownCount = count
            let failed = members[place].filter { lanes[$0].hasFailure }
            let sound = members[place].filter { !lanes[$0].hasFailure }
            chosen += (failed + sound).prefix(count)
        }
        let spanCount = chosen.reduce(0) { $0 + lanes[$1].spans.count }
        let perLane = spanCount > Self.spanCountMax ? Self.spanCountMax / chosen.count : spanCount
        shown = chosen.sorted().map { index in
            var lane = lanes[index]
            lane.spans = Array(lane.spans.prefix(perLane))
            return lane
        }
        omittedSpanCount = spans.count - shown.reduce(0) { $0 + $1.spans.count }
    }

    /// What is not shown, in words; `nil` where all is.
    ///
    /// - Parameter more: tasks that nobody recorded.
    package func omission(and more: Int) -> String? {
        let left = omittedSpanCount + more
        guard left > 0 else { return nil }
        let cut = classes.filter { $0.shownCount < $0.laneCount }.map {
            "\($0.shownCount) of \($0.laneCount) lanes of \($0.name)"
        }
        let lanes = cut.isEmpty ? "" : "Shown are \(cut.joined(separator: ", ")). "
        return lanes + "\(left) more tasks of this time are left out of the picture; up to "
            + "\(RunRecorder.spanCountMax) are in trace.json."
    }

    /// All lanes, each as few for its process as its tasks allow.
    private static func lanes(of spans: [RunRecorder.Span]) -> [Lane] {
        let ordered = spans.sorted {
            // Shorter names first, so that worker 10 comes after worker 9.
            (ReportFiles.host($0.worker), $0.worker.utf8.count, $0.worker, $0.begin.nanoseconds, $0.sector)
                < (
                    ReportFiles.host($1.worker), $1.worker.utf8.count, $1.worker, $1.begin.nanoseconds,
                    $1.sector
                )
        }
        var lanes: [Lane] = []
        var first = 0
        for span in ordered {
            if lanes.last?.worker != span.worker { first = lanes.count }
            if let free = (first..<lanes.count).first(where: { lanes[$0].until <= span.begin }) {
                lanes[free].until = span.end
                lanes[free].spans.append(span)
            } else {
                lanes.append(Lane(worker: span.worker, spans: [span], until: span.end))
            }
        }
        return lanes
    }

    /// `group/workers` of `group/host/workers/instance`; the whole name where it has another form.
    private static func className(_ worker: String) -> String {
        let parts = worker.split(separator: "/")
        return parts.count >= 3 ? "\(parts[0])/\(parts[2])" : worker
    }

    /// Equal parts, none larger than what it is wanted for; what is left over goes to the first.
    static func shares(of total: Int, among wanted: [Int]) -> [Int] {
        var shares = Array(repeating: 0, count: wanted.count)
        var left = min(total, wanted.reduce(0, +))
        while left > 0 {
            for index in wanted.indices where left > 0 && shares[index] < wanted[index] {
                shares[index] += 1
                left -= 1
            }
        }
        return shares
    }
}
