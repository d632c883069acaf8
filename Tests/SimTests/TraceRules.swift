// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The rules of the trace event format for the kinds of events that a report's trace has: complete events,
/// counters and the names of processes and threads.
///
/// From the format's description (Google, "Trace Event Format") and from what Perfetto counts as an error
/// when it reads such a file. A viewer forgives much of it without a word: it leaves out what it cannot
/// place.
struct TraceRules {
    private struct Lane: Hashable {
        var pid: Int
        var tid: Int
    }

    private struct Series: Hashable {
        var pid: Int
        var name: String
    }

    private(set) var breaches: [String] = []
    private(set) var counts: [String: Int] = [:]
    private var processes: Set<Int> = []
    private var lanes: Set<Lane> = []
    private var open: [Lane: [Int]] = [:]
    private var begun: [Lane: Int] = [:]
    private var counted: [Series: (time: Int, keys: Set<String>)] = [:]

    init(_ text: String) {
        let object: Any
        do { object = try JSONSerialization.jsonObject(with: Data(text.utf8)) } catch {
            breaches = ["no JSON"]
            return
        }
        guard let trace = object as? [String: Any],
            let events = trace["traceEvents"] as? [[String: Any]]
        else {
            breaches = ["no list of traceEvents"]
            return
        }
        if let unit = trace["displayTimeUnit"] as? String, unit == "ms" || unit == "ns" {
        } else {
            breaches.append("displayTimeUnit is neither ms nor ns")
        }
        for key in trace.keys where key != "traceEvents" && key != "displayTimeUnit" {
            breaches.append("the file has an unknown key \(key)")
        }
        for (index, event) in events.enumerated() {
            if let breach = breach(of: event) { breaches.append("event \(index): \(breach)") }
        }
    }

    /// What is wrong with an event after those before it; the first thing is enough.
    private mutating func breach(of event: [String: Any]) -> String? {
        guard let phase = event["ph"] as? String else { return "no ph" }
        counts[phase, default: 0] += 1
        let keys: Set<String>
        switch phase {
        case "X": keys = ["name", "cat", "ph", "ts", "dur", "pid", "tid", "args"]
        case "C": keys = ["name", "ph", "ts", "pid", "args"]
        case "M": keys = ["name", "ph", "pid", "tid", "args"]
        default: return "unknown ph \(phase)"
        }
        guard Set(event.keys) == keys else { return "keys \(event.keys.sorted())" }
        guard let name = event["name"] as? String, !name.isEmpty else { return "no name" }
        guard let pid = event["pid"] as? Int, pid > 0 else { return "pid is no positive integer" }
        guard let args = event["args"] as? [String: Any] else { return "args is no object" }
        if phase == "M" { return metadata(name, pid, event, args) }
        guard processes.contains(pid) else { return "process \(pid) has no name" }
        // Whole microseconds: a number with a fraction is no Int here.
        guard let time = event["ts"] as? Int, time >= 0 else { return "ts is no whole number from 0 on" }
        return phase == "C" ? counter(name, pid, time, args) : slice(pid, time, event)
    }

    private mutating func metadata(
        _ name: String, _ pid: Int, _ event: [String: Any], _ args: [String: Any]
    ) -> String? {
        guard let tid = event["tid"] as? Int else { return "tid is no integer" }
        guard args.count == 1, let called = args["name"] as? String, !called.isEmpty else {
            return "a name's args are not {name}"
        }
        switch name {
        case "process_name": return processes.insert(pid).inserted ? nil : "process \(pid) has two names"
        case "thread_name":
            guard tid != pid else { return "thread \(tid) would be its process's main thread" }
            guard !lanes.contains(where: { $0.tid == tid }) else { return "thread \(tid) has two names" }
            lanes.insert(Lane(pid: pid, tid: tid))
            return processes.contains(pid) ? nil : "process \(pid) has no name"
        default: return "unknown metadata \(name)"
        }
    }

    private mutating func counter(_ name: String, _ pid: Int, _ time: Int, _ args: [String: Any]) -> String? {
        let values = args.values.compactMap { $0 as? Double }
        guard !args.isEmpty, values.count == args.count, values.allSatisfy({ $0.isFinite && $0 >= 0 }) else {
            return "a counter's args are no numbers from 0 on"
        }
        let series = Series(pid: pid, name: name)
        defer { counted[series] = (time, Set(args.keys)) }
        guard let last = counted[series] else { return nil }
        guard last.time < time else { return "counter \(name) goes back in time" }
        return last.keys == Set(args.keys) ? nil : "counter \(name) changes its series"
    }

    private mutating func slice(_ pid: Int, _ time: Int, _ event: [String: Any]) -> String? {
        guard let length = event["dur"] as? Int, length >= 0 else {
            return "dur is no whole number from 0 on"
        }
        guard let category = event["cat"] as? String, !category.isEmpty else { return "no cat" }
        guard let tid = event["tid"] as? Int, lanes.contains(Lane(pid: pid, tid: tid)) else {
            return "its thread has no name"
        }
        let lane = Lane(pid: pid, tid: tid)
        guard begun[lane, default: 0] <= time else { return "thread \(tid) is not in the order of time" }
        begun[lane] = time
        var ends = open[lane, default: []]
        while let end = ends.last, end <= time { ends.removeLast() }
        defer { open[lane] = ends }
        if let end = ends.last, time + length > end { return "thread \(tid) has overlapping slices" }
        ends.append(time + length)
        return nil
    }
}
