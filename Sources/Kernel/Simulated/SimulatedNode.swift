// SPDX-License-Identifier: Apache-2.0

/// A process of the cluster, real or simulated: components are spawned on it and found by name.
public protocol Node: AnyObject, Sendable {
    /// The node's name, unique in the cluster.
    var name: String { get }

    /// Starts a component under `name`.
    ///
    /// - Throws: ``KernelError`` with `nameTaken` or `startFailed`.
    @discardableResult
    func spawn<C: Component>(
        _ name: String, options: SpawnOptions, _ make: @escaping @Sendable (Home) throws -> C
    ) throws(KernelError) -> Ref<C.Inbox>

    /// The reference of `address`, whether or not anything lives there now.
    func ref<M: Message>(at address: Address, as type: M.Type) -> Ref<M>
}

extension Node {
    /// Starts a component with default options.
    ///
    /// - Throws: ``KernelError`` with `nameTaken` or `startFailed`.
    @inlinable
    @discardableResult
    public func spawn<C: Component>(
        _ name: String, _ make: @escaping @Sendable (Home) throws -> C
    ) throws(KernelError) -> Ref<C.Inbox> {
        try spawn(name, options: SpawnOptions(), make)
    }
}

// Safety: see `SimulatedPlace`.
/// A simulated process: it can be killed, restarted, paused, and cut off by the network.
///
/// What survives a kill is what the boot function kept outside its components: the simulated disk.
public final class SimulatedNode: Node, @unchecked Sendable {
    /// The node's name.
    public let name: String

    @usableFromInline let core: SimulatedCore
    let index: Int
    /// Started and not killed.
    public internal(set) var isUp = true
    /// Events are held back until ``SimulatedWorld/resume(_:)``.
    public internal(set) var isPaused = false
    /// How far the node's clock is ahead of the world's, in nanoseconds.
    @usableFromInline var clockAhead: Int64 = 0
    /// How often the node was started; grows with each restart.
    public internal(set) var incarnation: UInt64 = 1
    var boot: ((SimulatedNode) throws -> Void)?
    var places: [SimulatedPlace] = []
    var held: [ReadyEntry] = []
    var heldParcels: [(link: SimulatedLink, slot: Int)] = []
    var orphans: [OrphanWatch] = []

    init(name: String, core: SimulatedCore, index: Int) {
        self.name = name
        self.core = core
        self.index = index
    }

    /// The world's time at which the node's clock shows `time`.
    @inlinable
    func worldTime(_ time: Int64) -> Int64 {
        guard clockAhead != 0 else { return time }
        let (moved, overflow) = time.subtractingReportingOverflow(clockAhead)
        return overflow ? time : moved
    }

    /// Starts a component under `name`.
    ///
    /// - Throws: ``KernelError`` with `nameTaken` or `startFailed`.
    @inlinable
    @discardableResult
    public func spawn<C: Component>(
        _ name: String, options: SpawnOptions, _ make: @escaping @Sendable (Home) throws -> C
    ) throws(KernelError) -> Ref<C.Inbox> {
        try core.spawn(name, on: self, parent: nil, options: options, make)
    }

    /// The reference of `address`, whether or not anything lives there now.
    public func ref<M: Message>(at address: Address, as type: M.Type) -> Ref<M> {
        core.ref(at: address, as: type)
    }
}
