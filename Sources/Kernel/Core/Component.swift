// SPDX-License-Identifier: Apache-2.0

/// A component of the cluster: an actor with one inbox that turns messages into state and into further
/// messages.
///
/// `receive` is synchronous: one message, one state transition, no I/O. Work that takes time is started
/// through a port and comes back as a message. The same component runs in a simulated and in a live world.
///
///     actor Greeter: Component {
///         nonisolated let home: Home
///         init(home: Home) { self.home = home }
///         func receive(_ message: Greeting, _ context: Context<Greeting>) {
///             message.replyTo.tell(.hello)
///         }
///     }
public protocol Component: Actor {
    /// The messages that this component understands.
    associatedtype Inbox: Message

    /// The executor on which the world runs this component; stored as handed to the factory.
    nonisolated var home: Home { get }

    /// Runs once before the first message, and again after each restart.
    ///
    /// - Throws: whatever makes the component unable to start; its supervisor decides what follows.
    func started(_ context: Context<Inbox>) throws

    /// Handles one message.
    ///
    /// - Throws: a failure that this component cannot mend; its supervisor decides what follows.
    func receive(_ message: Inbox, _ context: Context<Inbox>) throws
}

extension Component {
    /// The world's executor: it keeps every component off the global pool.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { home.unownedExecutor }

    /// Does nothing.
    public func started(_ context: Context<Inbox>) throws {}
}

/// The executor a component lives on, handed to it by its world.
public struct Home: Sendable {
    @usableFromInline let executor: any SerialExecutor

    init(executor: any SerialExecutor) { self.executor = executor }

    /// The executor in the form that the language asks of an actor.
    @inlinable public var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
}

/// What the kernel does when a component throws.
public enum Supervision: Sendable, Hashable {
    /// Make it anew and go on with the next message; after `max` failures within `within`, stop it.
    case restart(max: Int, within: Duration)
    /// Keep its state and go on with the next message; the failing message is lost and reported.
    case resume
    /// Stop it; its watchers are told.
    case stop
    /// Stop it and fail its parent, whose own supervision then decides.
    case escalate
}

/// What happens to a message that finds a full mailbox.
public enum Overflow: Sendable, Hashable {
    /// The new message becomes a dead letter and its sender learns it from ``Delivery``.
    case rejectNewest
    /// The oldest waiting message becomes a dead letter.
    case dropOldest
}

/// How a component is spawned.
public struct SpawnOptions: Sendable {
    /// What a thrown error leads to.
    public var supervision: Supervision
    /// Messages that may wait.
    public var mailboxCountMax: Int
    /// What happens to one more.
    public var overflow: Overflow

    /// Makes options; the defaults restart three times a minute and hold 65,536 messages.
    public init(
        supervision: Supervision = .restart(max: 3, within: .seconds(60)),
        mailboxCountMax: Int = 65_536,
        overflow: Overflow = .rejectNewest
    ) {
        precondition(mailboxCountMax > 0, "a mailbox holds at least one message")
        self.supervision = supervision
        self.mailboxCountMax = mailboxCountMax
        self.overflow = overflow
    }
}

/// Why a watched component is gone.
public enum Termination: String, Sendable, Hashable, Codable {
    /// It was stopped on purpose.
    case stopped
    /// It failed and its supervision gave it up.
    case failed
    /// Its node was lost: killed, cut off, or started anew.
    case peerLost
    /// Nothing lives at that address.
    case unknown
}

/// What became of a message at the moment it was told; not a promise that it will be handled.
public enum Delivery: Sendable, Hashable {
    /// It waits in a mailbox or on a link.
    case accepted
    /// It became a dead letter for this reason.
    case rejected(DeadLetterReason)
}
