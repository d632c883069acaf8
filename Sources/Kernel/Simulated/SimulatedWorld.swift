// SPDX-License-Identifier: Apache-2.0
public import Logging

/// A whole cluster in one process on a virtual clock: one thread, one heap of events, every run of a seed
/// identical.
///
/// Build nodes and components, then run:
///
///     let world = SimulatedWorld(options: .init(seed: 1))
///     let node = world.addNode("miner") { node in try node.spawn("greeter") { Greeter(home: $0) } }
///     world.run(until: .zero + .seconds(60))
///
/// A world is confined to the thread that uses it; many worlds may run on many threads.
public final class SimulatedWorld {
    /// How the next of several events of one instant is chosen.
    public enum TieBreak: String, Sendable, Hashable, Codable {
        /// In the order in which they were caused: one plausible history.
        case fifo
        /// By the seed: each seed explores another interleaving.
        case seeded
    }

    /// What a world is made with.
    public struct Options: Sendable {
        /// The source of all chance.
        public var seed: UInt64
        /// The choice among simultaneous events.
        public var tieBreak: TieBreak
        /// What the trace hash covers.
        public var traceDetail: TraceDetail
        /// Links between nodes that have no model of their own.
        public var link: LinkModel
        /// The time after which the transport's heartbeats give a silent peer up.
        public var lossDetection: Duration
        /// Messages between nodes are encoded and decoded as on a wire: slower, and finds what cannot travel.
        public var encodesNetworkMessages: Bool

        /// Makes options.
        public init(
            seed: UInt64 = 1, tieBreak: TieBreak = .seeded, traceDetail: TraceDetail = .content,
            link: LinkModel = LinkModel(), lossDetection: Duration = .seconds(15),
            encodesNetworkMessages: Bool = false
        ) {
            self.seed = seed
            self.tieBreak = tieBreak
            self.traceDetail = traceDetail
            self.link = link
            self.lossDetection = lossDetection
            self.encodesNetworkMessages = encodesNetworkMessages
        }
    }

    @usableFromInline let core: SimulatedCore

    /// Makes an empty world at time zero.
    public init(
        options: Options = Options(), log: Logger = Logger(label: "sealyard.simulation") { _ in SilentLog() }
    ) {
        core = SimulatedCore(seed: options.seed, options: options, log: log)
    }

    deinit { core.shutDown() }

    // MARK: Nodes

    /// Adds a node and runs its boot function, which spawns its components; a restart runs it again.
    ///
    /// - Throws: what `boot` throws; the node is then down. ``KernelError`` with `nameTaken`.
    @discardableResult
    public func addNode(
        _ name: String, boot: @escaping (SimulatedNode) throws -> Void = { _ in }
    ) throws -> SimulatedNode {
        guard core.nodeIndices[name] == nil, Address.isWellFormed(name) else {
            throw KernelError(code: .nameTaken, message: "a node '\(name)' exists or the name is malformed")
        }
        let node = SimulatedNode(name: name, core: core, index: core.nodes.count)
        core.nodeIndices[name] = node.index
        core.nodes.append(node)
        node.boot = boot
        do {
            try boot(node)
        } catch {
            core.kill(node)
            throw error
        }
        return node
    }

    /// The node of that name.
    public func node(_ name: String) -> SimulatedNode? {
        core.nodeIndices[name].map { core.nodes[$0] }
    }

    /// Kills a node between two events, as `kill -9` does: components, mailboxes, timers and sessions are
    /// gone.
    public func kill(_ node: SimulatedNode) { core.kill(node) }

    /// Starts a killed node anew by its boot function.
    ///
    /// - Throws: what the boot function throws.
    public func restart(_ node: SimulatedNode) throws { try core.restart(node) }

    /// Holds back all that happens on a node, as SIGSTOP does.
    public func pause(_ node: SimulatedNode) { core.pause(node) }

    /// Ends a pause; what was held back happens now, in its old order.
    public func resume(_ node: SimulatedNode) { core.resume(node) }

    // MARK: Links

    /// Sets how messages travel from one node to another, one way.
    public func setLink(from: SimulatedNode, to: SimulatedNode, _ model: LinkModel) {
        core.network.link(from: from, to: to).configure(model)
    }

    /// Cuts the link from one node to another, one way.
    public func cut(from: SimulatedNode, to: SimulatedNode) {
        core.network.setBlocked(true, from: from, to: to)
    }

    /// Mends a link that was cut.
    public func mend(from: SimulatedNode, to: SimulatedNode) {
        core.network.setBlocked(false, from: from, to: to)
    }

    /// Cuts two groups of nodes off from each other, both ways.
    public func partition(_ one: [SimulatedNode], from other: [SimulatedNode]) {
        for left in one {
            for right in other where left !== right {
                cut(from: left, to: right)
                cut(from: right, to: left)
            }
        }
    }

    /// Mends all links between two groups of nodes.
    public func heal(_ one: [SimulatedNode], and other: [SimulatedNode]) {
        for left in one {
            for right in other where left !== right {
                mend(from: left, to: right)
                mend(from: right, to: left)
            }
        }
    }

    /// Sets how messages travel one way for a while; `nil` for as they usually do.
    public func degrade(from: SimulatedNode, to: SimulatedNode, _ model: LinkModel?) {
        core.network.link(from: from, to: to).degrade(model)
    }

    /// Sets a node's clock ahead of the world's; zero sets it right. Timers that run go off when they would
    /// have.
    public func setClock(of node: SimulatedNode, ahead: Duration) { node.clockAhead = ahead.nanoseconds }

    /// Delays all messages of a link for `duration`; their order stays.
    public func clog(from: SimulatedNode, to: SimulatedNode, for duration: Duration) {
        core.network.link(from: from, to: to).clog(until: (now + duration).nanoseconds)
    }

    // MARK: Time

    /// The virtual clock.
    public var now: Instant { Instant(nanoseconds: core.now) }

    /// Runs all events up to and including `limit` and sets the clock to it.
    ///
    /// - Returns: the number of events handled.
    @discardableResult
    public func run(until limit: Instant) -> Int {
        let handled = core.run(until: limit.nanoseconds, eventCountMax: .max)
        if core.now < limit.nanoseconds && limit != .distantFuture { core.now = limit.nanoseconds }
        return handled
    }

    /// Runs until nothing is left to happen, or `eventCountMax` events were handled.
    ///
    /// - Returns: the number of events handled.
    @discardableResult
    public func runUntilIdle(eventCountMax: Int = .max) -> Int {
        core.run(until: .max, eventCountMax: eventCountMax)
    }

    /// Handles at most one event; tells whether there was one before `limit`.
    public func step(until limit: Instant = .distantFuture) -> Bool {
        core.run(until: limit.nanoseconds, eventCountMax: 1) == 1
    }

    /// The time of the next event, or `nil` where nothing is left to happen.
    public var nextEvent: Instant? {
        core.ready.count == 0 ? core.schedule.first.map { Instant(nanoseconds: $0.time) } : now
    }

    /// Runs `action` at `time`, outside all components: for ports, faults and tests.
    public func at(_ time: Instant, _ action: @escaping () -> Void) {
        core.network.at(time.nanoseconds, action)
    }

    /// A seeded stream for a model outside the components, named so that it disturbs no other.
    public func random(named name: String) -> RandomStream {
        RandomStream(seed: core.options.seed, name: "$" + name)
    }

    // MARK: Components from outside

    /// The reference of `address`, whether or not anything lives there now.
    public func ref<M: Message>(at address: Address, as type: M.Type) -> Ref<M> {
        core.ref(at: address, as: type)
    }

    /// Asks a component and runs the world until the answer is there.
    ///
    /// - Throws: ``KernelError`` with `timedOut` where `timeout` of virtual time passes first.
    public func ask<M: Message, Reply: Message>(
        _ ref: Ref<M>, timeout: Duration = .seconds(60), _ make: (Ref<Reply>) -> M
    ) throws(KernelError) -> Reply {
        let answer = AnswerBox<Reply>()
        core.askCount += 1
        // Entered among the doors, so that the reference finds its way back when it crossed a wire.
        let address = Address(node: "$outside", name: "ask-\(core.askCount)")
        let door = SimulatedAdapter<Reply>(address: address, core: core)
        door.forward = {
            answer.value = $0
            return .accepted
        }
        core.doors[address] = door
        defer {
            door.close()
            core.doors[address] = nil
        }
        ref.tell(make(door.ref))
        let limit = (now + timeout).nanoseconds
        while answer.value == nil {
            guard core.run(until: limit, eventCountMax: 1) == 1 else {
                throw KernelError(code: .timedOut, message: "\(ref.address) did not answer within \(timeout)")
            }
        }
        guard let value = answer.value else {
            throw KernelError(code: .timedOut, message: "\(ref.address) did not answer")
        }
        return value
    }

    // MARK: What happened

    /// Counts of what happened so far.
    public var statistics: SimulationStatistics { core.statistics }
    /// Messages that nobody handled.
    public var deadLetters: DeadLetterLog { core.deadLetters }
    /// The hash of everything delivered so far; closes with a draw, so that silent chance shows as well.
    public var traceHash: TraceHash {
        var hash = core.trace
        var random = core.random
        hash.absorb(random.next())
        hash.absorb(UInt64(core.statistics.delivered))
        return hash
    }
    /// Counters and gauges of the components.
    public var metrics: Metrics { core.metrics }
    /// Events that lie in the future, cancelled ones included.
    public var pendingEventCount: Int { core.schedule.count + core.ready.count }

    /// Records every delivery and every message sent into `journal`; `nil` ends the recording.
    public func record(into journal: (any JournalSink)?) {
        core.journal = journal
        core.isRecording = journal != nil
        core.detailsTrace = core.options.traceDetail == .content || journal != nil
    }

    /// Places that exist: components, links, and names that were asked for; for tests of the world's memory.
    package var placeCount: Int { core.places.count }
}

// Safety: written and read by the one thread that runs the world.
private final class AnswerBox<Value>: @unchecked Sendable {
    var value: Value?
}

/// A log handler that keeps nothing: the default of simulated worlds, whose logs would drown a person.
public struct SilentLog: LogHandler {
    /// Metadata is accepted and dropped.
    public var metadata: Logger.Metadata = [:]
    /// Nothing below critical is even formatted.
    public var logLevel: Logger.Level = .critical

    /// Makes a silent handler.
    public init() {}

    /// Drops a record.
    public func log(event: LogEvent) {}

    /// Reads and writes metadata.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
}
