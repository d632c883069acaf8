// SPDX-License-Identifier: Apache-2.0
internal import Kernel
private import Scheduler

extension ReportFiles {
    private struct Lane {
        var worker: String
        var pid: Int
        var until: Instant
    }

    /// The tasks of the recorded window in the JSON trace-event format, which Perfetto opens: a
    /// process for each host, a thread for each lane of a worker, and beside them the cluster with its levels
    /// as counters. Times are whole microseconds.
    package var perfetto: String {
        var hosts: [String] = []
        var hostNumbers: [String: Int] = [:]
        var lanes: [Lane] = []
        var lanesOf: [String: [Int]] = [:]
        let ordered = recorder.spans.sorted {
            ($0.begin.nanoseconds, $0.worker, $0.sector, $0.stage)
                < ($1.begin.nanoseconds, $1.worker, $1.sector, $1.stage)
        }
        let placed = ordered.map { span in
            let host = Self.host(span.worker)
            if hostNumbers[host] == nil {
                hosts.append(host)
                hostNumbers[host] = hosts.count
            }
            if let free = lanesOf[span.worker, default: []].first(where: { lanes[$0].until <= span.begin }) {
                lanes[free].until = span.end
                return free
            }
            lanes.append(Lane(worker: span.worker, pid: hostNumbers[host] ?? 0, until: span.end))
            lanesOf[span.worker, default: []].append(lanes.count - 1)
            return lanes.count - 1
        }
        // A viewer takes a thread with its process's own number for the main thread, and says so.
        let cluster = hosts.count + 1
        let firstLane = cluster + 1
        let names =
            hosts.enumerated().map { Self.meta("process_name", $0.offset + 1, 0, $0.element) }
            + [Self.meta("process_name", cluster, 0, "cluster")]
            + lanes.enumerated().map {
                Self.meta("thread_name", $0.element.pid, firstLane + $0.offset, $0.element.worker)
            }
        let tasks = zip(ordered, placed).map { span, lane in
            Self.event(span, pid: lanes[lane].pid, tid: firstLane + lane)
        }
        return "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
            + (names + counters(pid: cluster) + tasks).joined(separator: ",\n") + "\n]}\n"
    }

    /// The mean number of busy slots and of waiting tasks in each piece of the run's time in which tasks lie.
    private func counters(pid: Int) -> [String] {
        let from = recorder.spans.map(\.begin).min() ?? recorder.window.from
        let until = recorder.spans.map(\.end).max() ?? min(recorder.window.to, now)
        let width = recorder.end.seconds / Double(RunRecorder.pieceCount)
        // The recorder knows every kind of task, the report the stages of sealing, in the same order.
        let stages = report.stages
        return [("busy slots", recorder.busy), ("waiting tasks", recorder.waiting)].flatMap { name, series in
            let means = series.prefix(stages.count).map { $0.means(until: now.seconds) }
            let pieces = (0..<(means.first?.count ?? 0)).filter {
                Double($0 + 1) * width > from.seconds && Double($0) * width < until.seconds
            }
            return pieces.map { piece in
                let levels = zip(stages, means).map { "\"\($0.name)\":\(Self.cell($1[piece]))" }
                let begin = max(from, Instant(seconds: Double(piece) * width)).nanoseconds / 1000
                return "{\"name\":\"\(name)\",\"ph\":\"C\",\"ts\":\(begin),\"pid\":\(pid),"
                    + "\"args\":{\(levels.joined(separator: ","))}}"
            }
        }
    }

    private static func event(_ span: RunRecorder.Span, pid: Int, tid: Int) -> String {
        let name = TaskType.allCases[span.stage].title
        let begin = span.begin.nanoseconds / 1000
        // Cut off like the beginning, so that what follows without a gap does not overlap it.
        let length = span.end.nanoseconds / 1000 - begin
        return "{\"name\":\"\(name) \(span.sector)\",\"cat\":\"\(name)\",\"ph\":\"X\","
            + "\"ts\":\(begin),\"dur\":\(length),\"pid\":\(pid),\"tid\":\(tid),"
            + "\"args\":{\"sector\":\(span.sector),\"try\":\(span.attempt),"
            + "\"result\":\"\(span.isDone ? "done" : "failed")\"}}"
    }

    private static func meta(_ kind: String, _ pid: Int, _ tid: Int, _ name: String) -> String {
        "{\"name\":\"\(kind)\",\"ph\":\"M\",\"pid\":\(pid),\"tid\":\(tid),\"args\":{\"name\":\"\(name)\"}}"
    }
}
