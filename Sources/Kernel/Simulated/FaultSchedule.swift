// SPDX-License-Identifier: Apache-2.0
private import Logging

/// Faults of nodes and links as data, so that a schedule can be drawn, saved, shrunk and replayed.
public struct FaultSchedule: Sendable, Hashable, Codable {
    /// One fault and its time.
    public struct Entry: Sendable, Hashable, Codable {
        /// When it happens.
        public var at: Instant
        /// What happens.
        public var fault: Fault

        /// Makes an entry.
        public init(at: Instant, _ fault: Fault) {
            self.at = at
            self.fault = fault
        }
    }

    /// What can happen to nodes and links.
    public enum Fault: Sendable, Hashable, Codable {
        /// The node's process dies as by `kill -9`.
        case kill(node: String)
        /// The node's process starts anew.
        case restart(node: String)
        /// The node's process stands still.
        case pause(node: String)
        /// It goes on.
        case resume(node: String)
        /// Nothing passes from one node to the other; the other way stays open.
        case cut(from: String, to: String)
        /// Messages pass again.
        case mend(from: String, to: String)
        /// Nothing passes between the nodes and the rest of the cluster.
        case partition(nodes: [String])
        /// All links of these nodes are mended.
        case heal(nodes: [String])
        /// Messages of the link are held back for a while, in order.
        case clog(from: String, to: String, duration: Duration)
        /// The link behaves otherwise from now on; without a model it behaves as it usually does.
        case degrade(from: String, to: String, model: LinkModel?)
        /// The node's clock is ahead of the world's by that much from now on; zero sets it right.
        case skew(node: String, ahead: Duration)
    }

    /// The faults, in any order.
    public var entries: [Entry]

    /// Makes a schedule.
    public init(_ entries: [Entry] = []) { self.entries = entries }

    /// Draws a schedule in which every fault ends before `end`, so that the cluster can be expected to
    /// recover.
    ///
    /// - Parameters:
    ///   - nodes: names of the nodes that may be hit.
    ///   - count: faults to draw; each brings its own end.
    public static func drawn(
        nodes: [String], count: Int, until end: Instant, from random: inout RandomStream
    ) -> FaultSchedule {
        precondition(!nodes.isEmpty, "faults need a node to hit")
        var entries: [Entry] = []
        for _ in 0..<count {
            let begin = Instant(nanoseconds: Int64(random.uniform() * 0.8 * Double(end.nanoseconds)))
            let left = Double(end.nanoseconds - begin.nanoseconds)
            let finish = begin.advanced(byNanoseconds: Int64(random.uniform() * 0.9 * left) + 1)
            let node = nodes[random.index(below: nodes.count)]
            let other = nodes[random.index(below: nodes.count)]
            switch random.index(below: other == node ? 3 : 6) {
            case 0: entries += [.init(at: begin, .kill(node: node)), .init(at: finish, .restart(node: node))]
            case 1: entries += [.init(at: begin, .pause(node: node)), .init(at: finish, .resume(node: node))]
            case 2:
                entries += [
                    .init(at: begin, .partition(nodes: [node])), .init(at: finish, .heal(nodes: [node])),
                ]
            case 3:
                entries += [
                    .init(at: begin, .cut(from: node, to: other)),
                    .init(at: finish, .mend(from: node, to: other)),
                ]
            case 4: entries.append(.init(at: begin, .clog(from: node, to: other, duration: finish - begin)))
            default:
                let lossy = LinkModel(
                    latency: .milliseconds(2), jitter: .milliseconds(20), loss: 0.1, duplication: 0.1,
                    reordering: 0.2)
                entries += [
                    .init(at: begin, .degrade(from: node, to: other, model: lossy)),
                    .init(at: finish, .degrade(from: node, to: other, model: nil)),
                ]
            }
        }
        return FaultSchedule(entries)
    }
}

extension SimulatedWorld {
    /// Arranges for every fault of a schedule to happen at its time.
    ///
    /// - Throws: ``KernelError`` with `unknownNode` where the schedule names a node that does not exist.
    public func apply(_ schedule: FaultSchedule) throws(KernelError) {
        for entry in schedule.entries {
            let action = try action(for: entry.fault)
            at(entry.at, action)
        }
    }

    private func action(for fault: FaultSchedule.Fault) throws(KernelError) -> () -> Void {
        switch fault {
        case .kill(let name):
            let node = try known(name)
            return { [core] in core.kill(node) }
        case .restart(let name):
            let node = try known(name)
            return { [core] in
                do {
                    try core.restart(node)
                } catch {
                    core.log.error("\(node.name) did not start again: \(error)")
                    core.kill(node)
                }
            }
        case .pause(let name):
            let node = try known(name)
            return { [core] in core.pause(node) }
        case .resume(let name):
            let node = try known(name)
            return { [core] in core.resume(node) }
        case .cut(let from, let to): return try blocking(true, from, to)
        case .mend(let from, let to): return try blocking(false, from, to)
        case .partition(let names): return try isolating(true, names)
        case .heal(let names): return try isolating(false, names)
        case .clog(let from, let to, let duration):
            let (from, to) = (try known(from), try known(to))
            return { [core] in
                core.network.link(from: from, to: to)
                    .clog(until: (Instant(nanoseconds: core.now) + duration).nanoseconds)
            }
        case .degrade(let from, let to, let model):
            let (from, to) = (try known(from), try known(to))
            return { [core] in core.network.link(from: from, to: to).degrade(model) }
        case .skew(let name, let ahead):
            let node = try known(name)
            return { node.clockAhead = ahead.nanoseconds }
        }
    }

    private func known(_ name: String) throws(KernelError) -> SimulatedNode {
        guard let node = node(name) else {
            throw KernelError(
                code: .unknownNode,
                message: "no node '\(name)'; known: \(core.nodes.map(\.name).joined(separator: ", "))")
        }
        return node
    }

    private func blocking(
        _ blocked: Bool, _ from: String, _ to: String
    ) throws(KernelError) -> () -> Void {
        let (from, to) = (try known(from), try known(to))
        return { [core] in core.network.setBlocked(blocked, from: from, to: to) }
    }

    private func isolating(_ blocked: Bool, _ names: [String]) throws(KernelError) -> () -> Void {
        var inside: [SimulatedNode] = []
        for name in names { inside.append(try known(name)) }
        return { [core] in
            for left in inside {
                for right in core.nodes where !inside.contains(where: { $0 === right }) {
                    core.network.setBlocked(blocked, from: left, to: right)
                    core.network.setBlocked(blocked, from: right, to: left)
                }
            }
        }
    }
}
