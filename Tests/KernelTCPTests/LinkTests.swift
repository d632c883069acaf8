// SPDX-License-Identifier: Apache-2.0
import KernelTCP
import Testing

@Suite("When to connect, and which connection stays") struct LinkTests {
    private static func machine(_ local: String, _ peer: String, hasAddress: Bool = true) -> LinkStateMachine
    {
        LinkStateMachine(
            localName: local, peerName: peer, hasAddress: hasAddress, limits: TransportLimits(), seed: 3)
    }

    @Test("attempts come later and later, never later than the bound") func backOff() {
        var link = Self.machine("a", "b")
        #expect(link.wanted() == .dial)
        #expect(link.wanted() == .rest)
        var delays: [Duration] = []
        for _ in 0..<40 {
            let (action, isLoss) = link.dialFailed(.closed)
            guard case .retry(let delay) = action else {
                Issue.record("no retry")
                return
            }
            #expect(isLoss)
            delays.append(delay)
            #expect(link.retryDue() == .dial)
        }
        for (index, delay) in delays.enumerated() {
            let full = min(Duration.milliseconds(100) * (1 << min(index, 20)), .seconds(10))
            #expect(delay >= full / 2 && delay <= full)
        }
        #expect(Set(delays.suffix(20)).count > 10, "chance spreads the attempts")
    }

    @Test("a link without an address rests") func noAddress() {
        var link = Self.machine("a", "b", hasAddress: false)
        #expect(link.wanted() == .rest)
        link.sessionBegan(incarnation: 1, epoch: 0)
        #expect(link.sessionEnded(wasStable: true) == .rest)
        #expect(link.phase == .idle)
    }

    @Test("being a duplicate is no loss, but not for ever") func duplicates() {
        var link = Self.machine("b", "a")
        #expect(link.wanted() == .dial)
        var losses = 0
        for _ in 0..<20 {
            if link.dialFailed(.duplicate).isLoss { losses += 1 }
            _ = link.retryDue()
        }
        #expect(losses == 2)
    }

    @Test("a hello from a new process or after a loss takes over; an old one does not") func takeOver() {
        var link = Self.machine("a", "b")
        link.sessionBegan(incarnation: 5, epoch: 3)
        #expect(link.judge(incarnation: 5, epoch: 3) == .duplicate)
        #expect(link.judge(incarnation: 5, epoch: 2) == .duplicate)
        #expect(link.judge(incarnation: 5, epoch: 4) == .accept(endsSession: true, dropsDial: false))
        #expect(link.judge(incarnation: 6, epoch: 0) == .accept(endsSession: true, dropsDial: false))
    }

    // Goal: two nodes that dial each other at once end with one session, known to both, in whatever
    // order the network delivers, also after a failed dial and after a broken session. Method: a
    // model of the two nodes and their connections, searched through all orders of events.
    @Test("whatever the order of events, both nodes end in one session") func everyOrder() {
        var search = Search()
        search.explore(Model())
        #expect(search.endCount > 500)
        #expect(search.failures.isEmpty, "\(search.failures.first ?? "")")
    }
}

/// Two nodes, 0 and 1, that dial each other; connections are numbered in the order of their making.
private struct Model {
    enum Event { case up, lost, hello(UInt64), welcome(UInt64), refused, closed }

    struct Node {
        var link: LinkStateMachine
        var epoch: UInt64 = 0
        var dial: Int?
        var session: Int?
        var retries = 0
    }

    var nodes: [Node]
    /// For each connection and each node: what is on the way to that node.
    var wires: [[[Event]]] = []
    var dialers: [Int] = []

    init() {
        nodes = ["a", "b"].map { name in
            Node(
                link: LinkStateMachine(
                    localName: name, peerName: name == "a" ? "b" : "a", hasAddress: true,
                    limits: TransportLimits(), seed: 1))
        }
        for node in 0...1 { if nodes[node].link.wanted() == .dial { dial(node) } }
    }

    mutating func dial(_ node: Int) {
        nodes[node].dial = wires.count
        dialers.append(node)
        wires.append([[], []])
        wires[wires.count - 1][node].append(.up)
    }

    /// Something that can happen now: a delivery, the failure of one of the first two dials, a
    /// retry, or, once, that a node notices the break of its session.
    struct Step {
        var wire = -1
        var node: Int
        var fails = false
        var breaks = false
    }

    /// Whether a session was broken.
    var isBroken = false

    /// All that can happen now.
    var steps: [Step] {
        var steps: [Step] = []
        for (index, wire) in wires.enumerated() {
            for node in 0...1 {
                guard let first = wire[node].first else { continue }
                steps.append(Step(wire: index, node: node))
                if case .up = first, index < 2 { steps.append(Step(wire: index, node: node, fails: true)) }
            }
        }
        let isQuiet = steps.isEmpty
        for node in 0...1 {
            let link = nodes[node].link
            // A retry may overtake the other node's news, but not for ever.
            if link.phase == .backingOff && (isQuiet || wires.count < 3) { steps.append(Step(node: node)) }
            if let session = nodes[node].session, !isBroken {
                steps.append(Step(wire: session, node: node, breaks: true))
            }
        }
        return steps
    }

    mutating func take(_ step: Step) {
        let (wire, node) = (step.wire, step.node)
        if step.breaks {
            isBroken = true
            return end(wire, node, tells: true)
        }
        if wire < 0 {
            nodes[node].retries += 1
            if nodes[node].link.retryDue() == .dial { dial(node) }
            return
        }
        let other = 1 - node
        if step.fails { wires[wire][node][0] = .lost }
        switch wires[wire][node].removeFirst() {
        case .lost:
            guard nodes[node].dial == wire else { return }
            nodes[node].dial = nil
            _ = nodes[node].link.dialFailed(.closed)
        case .up:
            guard nodes[node].dial == wire else { return wires[wire][other].append(.closed) }
            nodes[node].link.greeted()
            wires[wire][other].append(.hello(nodes[node].epoch))
        case .hello(let epoch):
            switch nodes[node].link.judge(incarnation: 1, epoch: epoch) {
            case .duplicate: wires[wire][other].append(.refused)
            case .accept(let endsSession, let dropsDial):
                if endsSession, let old = nodes[node].session { end(old, node, tells: true) }
                if dropsDial, let mine = nodes[node].dial {
                    nodes[node].dial = nil
                    if !wires[mine][node].contains(where: { if case .up = $0 { true } else { false } }) {
                        wires[mine][other].append(.closed)
                    }
                }
                begin(wire, node, epoch)
                wires[wire][other].append(.welcome(nodes[node].epoch))
            }
        case .welcome(let epoch):
            guard nodes[node].dial == wire else { return wires[wire][other].append(.closed) }
            nodes[node].dial = nil
            begin(wire, node, epoch)
        case .refused:
            guard nodes[node].dial == wire else { return }
            nodes[node].dial = nil
            _ = nodes[node].link.dialFailed(.duplicate)
        case .closed:
            if nodes[node].session == wire { end(wire, node, tells: false) }
            if nodes[node].dial == wire {
                nodes[node].dial = nil
                _ = nodes[node].link.dialFailed(.closed)
            }
        }
    }

    private mutating func begin(_ wire: Int, _ node: Int, _ epoch: UInt64) {
        nodes[node].session = wire
        nodes[node].link.sessionBegan(incarnation: 1, epoch: epoch)
    }

    private mutating func end(_ wire: Int, _ node: Int, tells: Bool) {
        nodes[node].session = nil
        nodes[node].epoch += 1
        _ = nodes[node].link.sessionEnded(wasStable: true)
        if tells { wires[wire][1 - node].append(.closed) }
    }
}

private struct Search {
    var endCount = 0
    var failures: [String] = []

    mutating func explore(_ model: Model) {
        let steps = model.steps
        if steps.allSatisfy({ $0.breaks }) {
            endCount += 1
            let sessions = model.nodes.map(\.session)
            if sessions[0] == nil || sessions[0] != sessions[1] { failures.append("sessions \(sessions)") }
            if model.nodes.contains(where: { $0.dial != nil }) { failures.append("a dial is left over") }
            if !model.isBroken && model.nodes.contains(where: { $0.epoch > 0 }) {
                failures.append("a session was lost")
            }
        }
        guard model.wires.count < 9 else { return failures.append("no end: too many connections") }
        for step in steps {
            var next = model
            next.take(step)
            explore(next)
        }
    }
}
