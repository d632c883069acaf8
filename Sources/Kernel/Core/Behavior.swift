// SPDX-License-Identifier: Apache-2.0
private import DequeModule

/// One incarnation of a component as the kernel calls it: closures formed where the component's type is
/// known, so that delivery runs specialized code.
@usableFromInline
struct Behavior<M: Message> {
    @usableFromInline let started: () throws -> Void
    @usableFromInline let receive: (M) throws -> Void

    @inlinable
    init<C: Component>(
        _ component: C, _ context: Context<M>, _ handlers: ComponentHandlers<C> = ComponentHandlers()
    ) where C.Inbox == M {
        started = { try handlers.started(component, context) }
        receive = { try handlers.receive(component, $0, context) }
    }
}

/// How the components of one type are called; a world has one such object for all of them, which stays in the
/// cache while they do not.
@usableFromInline
final class ComponentHandlers<C: Component>: Sendable {
    @usableFromInline let started: @Sendable (C, Context<C.Inbox>) throws -> Void
    @usableFromInline let receive: @Sendable (C, C.Inbox, Context<C.Inbox>) throws -> Void

    @inlinable
    init() {
        // Safety: the casts drop `isolated`. The kernel proves isolation itself: a world calls a component
        // only from the one thread that owns the component's executor, one message at a time.
        // `assumeIsolated` makes the same cast after asking the runtime, which costs several times the
        // delivery.
        let starter: @Sendable (isolated C, Context<C.Inbox>) throws -> Void = { try $0.started($1) }
        let handler: @Sendable (isolated C, C.Inbox, Context<C.Inbox>) throws -> Void = {
            try $0.receive($1, $2)
        }
        started = unsafeBitCast(
            starter, to: (@Sendable (C, Context<C.Inbox>) throws -> Void).self)
        receive = unsafeBitCast(
            handler, to: (@Sendable (C, C.Inbox, Context<C.Inbox>) throws -> Void).self)
    }
}

/// The current incarnation of a component, and how to make the next.
@usableFromInline
final class BehaviorBox<M: Message> {
    @usableFromInline var receive: ((M) throws -> Void)?
    @usableFromInline let make: () throws -> Behavior<M>

    @inlinable
    init(make: @escaping () throws -> Behavior<M>) { self.make = make }
}

/// Counts failures in a sliding window, to tell when restarts no longer help.
struct RestartWindow {
    private var failures: Deque<Instant> = []

    /// Notes a failure at `now`; tells whether `max` within `within` still allows another restart.
    mutating func allowsRestart(at now: Instant, max: Int, within: Duration) -> Bool {
        while let oldest = failures.first, oldest + within < now { failures.removeFirst() }
        failures.append(now)
        return failures.count <= max
    }
}
