// SPDX-License-Identifier: Apache-2.0
internal import Kernel

/// How many messages a simulated world delivers in a second, on one thread and with almost no work in
/// between.
package enum SimulatedMessageBenchmark {
    /// One measured run.
    package struct Result: Sendable, Hashable {
        /// Deliveries, as the world counted them.
        package let messageCount: Int
        /// Wall time of the run without the building of the world.
        package let seconds: Double
        /// The trace's hash; equal for equal arguments on every machine.
        package let traceHash: String

        /// Deliveries in a second of wall time.
        package var messagesPerSecond: Double { seconds > 0 ? Double(messageCount) / seconds : 0 }
    }

    /// Pairs of components on one node, each tossing one message to and fro.
    ///
    /// - Throws: ``KernelError`` where a component cannot start.
    package static func pingPong(pairCount: Int, roundTripCount: Int, seed: UInt64) throws -> Result {
        precondition(pairCount > 0 && roundTripCount > 0, "a benchmark delivers something")
        let world = SimulatedWorld(options: .init(seed: seed, traceDetail: .route))
        let node = try world.addNode("bench")
        var starts: [Ref<TossMessage>] = []
        for index in 0..<pairCount {
            let echo = try node.spawn("echo-\(index)") { home in Tosser(home: home) }
            starts.append(try node.spawn("ping-\(index)") { home in Tosser(home: home, peer: echo) })
        }
        for start in starts { start.tell(.begin(count: roundTripCount)) }
        return measure(world)
    }

    /// A ring of components on one node through which several messages travel at once.
    ///
    /// - Throws: ``KernelError`` where a component cannot start.
    package static func ring(
        memberCount: Int, tokenCount: Int, hopCount: Int, seed: UInt64
    ) throws -> Result {
        precondition(memberCount > 0 && tokenCount > 0 && hopCount > 0, "a benchmark delivers something")
        let world = SimulatedWorld(options: .init(seed: seed, traceDetail: .route))
        let node = try world.addNode("bench")
        var members: [Ref<HopMessage>] = []
        for index in 0..<memberCount {
            members.append(try node.spawn("member-\(index)") { home in RingMember(home: home) })
        }
        for index in 0..<memberCount { members[index].tell(.follow(members[(index + 1) % memberCount])) }
        world.runUntilIdle()
        let before = world.statistics.delivered
        for token in 0..<tokenCount { members[token % memberCount].tell(.hop(left: hopCount - 1)) }
        return measure(world, since: before)
    }

    private static func measure(_ world: SimulatedWorld, since before: Int = 0) -> Result {
        let start = SystemClock.monotonicNanoseconds
        world.runUntilIdle()
        let elapsed = SystemClock.monotonicNanoseconds - start
        return Result(
            messageCount: world.statistics.delivered - before, seconds: Double(elapsed) / 1e9,
            traceHash: world.traceHash.hex)
    }
}

enum TossMessage: Message {
    /// Toss `count` times.
    case begin(count: Int)
    /// Toss it back.
    case toss(Int, replyTo: Ref<TossMessage>)
    /// It came back.
    case back(Int)

    static var messageName: String { "bench.toss" }
}

/// Tosses messages to its peer, or back to whoever tossed one.
actor Tosser: Component {
    nonisolated let home: Home
    private let peer: Ref<TossMessage>?

    init(home: Home, peer: Ref<TossMessage>? = nil) {
        self.home = home
        self.peer = peer
    }

    func receive(_ message: TossMessage, _ context: Context<TossMessage>) {
        switch message {
        case .begin(let count): peer?.tell(.toss(count, replyTo: context.me))
        case .toss(let number, let replyTo): replyTo.tell(.back(number))
        case .back(let number):
            if number > 1 { peer?.tell(.toss(number - 1, replyTo: context.me)) }
        }
    }
}

enum HopMessage: Message {
    /// From now on, hand on to this member.
    case follow(Ref<HopMessage>)
    /// Hand it on, `left` more times.
    case hop(left: Int)

    static var messageName: String { "bench.hop" }
}

/// One member of a ring.
actor RingMember: Component {
    nonisolated let home: Home
    private var next: Ref<HopMessage>?

    init(home: Home) { self.home = home }

    func receive(_ message: HopMessage, _ context: Context<HopMessage>) {
        switch message {
        case .follow(let successor): next = successor
        case .hop(let left):
            if left > 0 { next?.tell(.hop(left: left - 1)) }
        }
    }
}
