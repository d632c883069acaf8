// SPDX-License-Identifier: Apache-2.0
public import Logging

/// A timer that was set and may be cancelled.
public struct TimerID: Sendable, Hashable {
    @usableFromInline let slot: UInt32
    @usableFromInline let generation: UInt32

    @inlinable
    init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }
}

// Safety: a context is touched only by its own component, which its world runs one message at a time.
/// What a component may use of its world: itself, time, timers, chance, other components, the log.
///
/// Nothing else in a component names time or chance. A context is valid only inside the component that got
/// it.
public final class Context<M: Message>: @unchecked Sendable {
    @usableFromInline let target: Ref<M>.Target
    // What chance and log are made of when they are first wanted: most components of a large world never do.
    private let seed: UInt64
    private let incarnation: UInt64
    private let worldLog: Logger

    /// The component's own stream of random numbers, derived from the world's seed and the component's
    /// address.
    public lazy var random = RandomStream(
        seed: seed, name: me.address.description, incarnation: incarnation)

    /// The component's log; its records carry the component's address and the world's time.
    public private(set) lazy var log: Logger = {
        var log = worldLog
        log[metadataKey: "component"] = .string(me.address.description)
        return log
    }()

    /// Counters and gauges of the world.
    public let metrics: Metrics

    @usableFromInline
    init(_ target: Ref<M>.Target, seed: UInt64, incarnation: UInt64, log: Logger, metrics: Metrics) {
        self.target = target
        self.seed = seed
        self.incarnation = incarnation
        worldLog = log
        self.metrics = metrics
    }

    /// This component's own reference.
    @inlinable public var me: Ref<M> { Ref(target) }

    /// The world's time: virtual or real.
    @inlinable public var now: Instant {
        switch target {
        case .simulated(let cell): Instant(nanoseconds: cell.core.now &+ cell.node.clockAhead)
        case .live(let cell): cell.now
        case .outlet: .zero
        }
    }

    /// Sends `message` to this component after `delay`.
    @inlinable
    @discardableResult
    public func schedule(after delay: Duration, _ message: M) -> TimerID {
        schedule(at: now + delay, message)
    }

    /// Sends `message` to this component at `time`, or at once where that is past.
    @inlinable
    @discardableResult
    public func schedule(at time: Instant, _ message: M) -> TimerID {
        switch target {
        case .simulated(let cell): cell.schedule(at: cell.node.worldTime(time.nanoseconds), message)
        case .live(let cell): cell.schedule(at: time, message)
        case .outlet: TimerID(slot: .max, generation: 0)
        }
    }

    /// Takes back a timer; tells whether its message was still to come: it then never comes.
    @inlinable
    @discardableResult
    public func cancel(_ timer: TimerID) -> Bool {
        switch target {
        case .simulated(let cell): cell.cancel(timer)
        case .live(let cell): cell.cancel(timer)
        case .outlet: false
        }
    }

    /// Starts a child on this node; it ends when this component ends.
    ///
    /// - Throws: ``KernelError`` with `nameTaken` or `startFailed`.
    @inlinable
    @discardableResult
    public func spawn<C: Component>(
        _ name: String, options: SpawnOptions = SpawnOptions(),
        _ make: @escaping @Sendable (Home) throws -> C
    ) throws(KernelError) -> Ref<C.Inbox> {
        switch target {
        case .simulated(let cell):
            return try cell.core.spawn(name, on: cell.node, parent: cell, options: options, make)
        case .live(let cell):
            return try cell.world.spawn(name, parent: cell, options: options, make)
        case .outlet: throw KernelError(code: .unsupported, message: "an outlet spawns nothing")
        }
    }

    /// A reference that understands another vocabulary and turns it into this component's own.
    ///
    /// Answers of components that know nothing of this one come in through it. Its address is `name#tag`;
    /// asking twice for a tag replaces the first. It ends with the component.
    @inlinable
    public func adapter<Other: Message>(
        _ tag: String, from type: Other.Type, _ translate: @escaping @Sendable (Other) -> M
    ) -> Ref<Other> {
        switch target {
        case .simulated(let cell): cell.adapter(tag, translate)
        case .live(let cell): cell.adapter(tag, translate)
        case .outlet: Ref<Other>(.outlet(Outlet(address: me.address) { _ in .rejected(.noRecipient) }))
        }
    }

    /// Stops this component after the current message, and its children with it.
    public func stop() {
        switch target {
        case .simulated(let cell): cell.stopRequested = true
        case .live(let cell): cell.requestStop()
        case .outlet: break
        }
    }

    /// Asks to be told, once, when the component behind `ref` is gone.
    ///
    /// Asking again replaces the first wish.
    /// In a live world its node's connection is watched as well; in a simulated world no heartbeat is
    /// simulated: the loss is told when the transport's heartbeats would have found it.
    public func watch<Other: Message>(
        _ ref: Ref<Other>, _ tell: @escaping @Sendable (Termination) -> M
    ) {
        switch target {
        case .simulated(let cell):
            cell.core.watch(ref.address, by: cell) { reason in _ = cell.tellSelf(tell(reason)) }
        case .live(let cell):
            cell.hasWatched = true
            cell.world.watch(ref.address, by: cell.address) { [weak cell] reason in
                _ = cell?.post(tell(reason), records: false)
            }
        case .outlet: break
        }
    }

    /// Takes back a ``watch(_:_:)``.
    public func unwatch<Other: Message>(_ ref: Ref<Other>) {
        switch target {
        case .simulated(let cell):
            cell.core.unwatch(ref.address, by: cell)
        case .live(let cell): cell.world.unwatch(ref.address, by: cell.address)
        case .outlet: break
        }
    }

    /// The reference of a component by its address, whether or not it lives now.
    public func ref<Other: Message>(at address: Address, as type: Other.Type) -> Ref<Other> {
        switch target {
        case .simulated(let cell): cell.core.ref(at: address, as: type)
        case .live(let cell): cell.world.ref(at: address, as: type)
        case .outlet: Ref(.outlet(Outlet(address: address) { _ in .rejected(.noRecipient) }))
        }
    }
}
