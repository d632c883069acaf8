// SPDX-License-Identifier: Apache-2.0
private import DequeModule

/// One incarnation of a component as the kernel calls it: closures formed where the component's type is
/// known, so that delivery runs specialized code.
@usableFromInline
struct Behavior<M: Message> {
    @usableFromInline let started: () throws -> Void
    @usableFromInline let receive: (M) throws -> Void

    @inlinable
    init<C: Component>(_ component: C, _ context: Context<M>) where C.Inbox == M {
        // Safety: the casts drop `isolated`. The kernel proves isolation itself: a world calls a component
        // only from the one thread that owns the component's executor, one message at a time.
        // `assumeIsolated` makes the same cast after asking the runtime, which costs several times the
        // delivery.
        let starter: (isolated C, Context<M>) throws -> Void = { try $0.started($1) }
        let handler: (isolated C, M, Context<M>) throws -> Void = { try $0.receive($1, $2) }
        let rawStarter = unsafeBitCast(starter, to: ((C, Context<M>) throws -> Void).self)
        let rawHandler = unsafeBitCast(handler, to: ((C, M, Context<M>) throws -> Void).self)
        started = { try rawStarter(component, context) }
        receive = { try rawHandler(component, $0, context) }
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
